"""The issuer without HTTP, on a clock that the test moves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from reissue.testing import Clock

from devserver.issuer import AUDIENCE, Grant, InvalidGrant, InvalidToken, Issuer, OAuthError, RefreshTokenReused
from devserver.keys import ALGORITHMS, SigningKey

Keys = Callable[[str], SigningKey]


@pytest.fixture
def issuer(clock: Clock, keys: Keys) -> Issuer:
    return Issuer(clock=clock, key=keys("HS256"), access_lifetime=60, refresh_lifetime=1000)


@pytest.fixture
def grant(issuer: Issuer) -> Grant:
    return issuer.sign_in("ada", "lovelace")


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def forged(grant: Grant, key: Any, algorithm: str, **changes: Any) -> str:
    """The grant's own claims with some changed, or with `None` left out: nothing else can be why it is refused."""
    claims = claims_of(grant.access_token) | changes
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm=algorithm)


def b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


# Access tokens


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_access_token_verifies_and_says_who_and_until_when(clock: Clock, keys: Keys, algorithm: str) -> None:
    issuer = Issuer(clock=clock, key=keys(algorithm), access_lifetime=60)
    grant = issuer.sign_in("grace", "hopper")
    claims = issuer.verify(grant.access_token)
    assert claims.keys() == {"iss", "sub", "aud", "iat", "nbf", "exp", "jti", "name", "sid", "plan"}
    assert (claims["sub"], claims["name"], claims["aud"]) == ("grace", "Grace Hopper", AUDIENCE)
    assert claims["iat"] == claims["nbf"] == 1_800_000_000
    assert claims["exp"] - claims["iat"] == grant.expires_in == 60
    assert jwt.get_unverified_header(grant.access_token) == {
        "alg": algorithm,
        "typ": "JWT",
        "kid": issuer.key.kid,
    }


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_the_published_key_verifies_the_token_and_holds_no_private_part(
    clock: Clock, keys: Keys, algorithm: str
) -> None:
    issuer = Issuer(clock=clock, key=keys(algorithm))
    token = issuer.sign_in("ada", "lovelace").access_token
    (jwk,) = issuer.key.jwks()["keys"]
    assert not jwk.keys() & {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert (jwk["use"], jwk["alg"], jwk["kid"]) == ("sig", algorithm, jwt.get_unverified_header(token)["kid"])
    published = jwt.PyJWKSet.from_dict(issuer.key.jwks())[jwk["kid"]]
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    jwt.decode(token, published, algorithms=[algorithm], audience=AUDIENCE, options=options)


def test_an_hmac_secret_is_never_published(keys: Keys) -> None:
    assert keys("HS256").jwks() == {"keys": []}


def test_a_token_lives_at_least_as_long_as_promised_and_less_than_two_seconds_more(
    issuer: Issuer, grant: Grant, clock: Clock
) -> None:
    clock.advance(60)
    issuer.verify(grant.access_token)
    clock.advance(0.5)
    with pytest.raises(InvalidToken, match="expired"):
        issuer.verify(grant.access_token)


def test_a_token_from_the_future_is_refused_when_the_clock_was_set_back(
    issuer: Issuer, grant: Grant, clock: Clock
) -> None:
    clock.advance(-3)
    with pytest.raises(InvalidToken, match="not valid yet"):
        issuer.verify(grant.access_token)


def test_the_claims_alone_do_not_make_a_forged_token_fail(issuer: Issuer, grant: Grant) -> None:
    """What the refusals below prove rests on this: the same claims with the right key are good."""
    issuer.verify(forged(grant, issuer.key.private, "HS256"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_signed_with_another_key_is_refused(clock: Clock, keys: Keys, algorithm: str) -> None:
    issuer = Issuer(clock=clock, key=keys(algorithm))
    token = forged(issuer.sign_in("ada", "lovelace"), SigningKey.generate(algorithm).private, algorithm)
    with pytest.raises(InvalidToken, match="not ours"):
        issuer.verify(token)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("none", ["none", "None", "NONE"])
def test_an_unsigned_token_is_refused(clock: Clock, keys: Keys, algorithm: str, none: str) -> None:
    issuer = Issuer(clock=clock, key=keys(algorithm))
    claims = claims_of(issuer.sign_in("ada", "lovelace").access_token)
    with pytest.raises(InvalidToken, match="not ours"):
        issuer.verify(f"{b64({'alg': none, 'typ': 'JWT'})}.{b64(claims)}.")


def test_the_header_does_not_choose_the_algorithm(issuer: Issuer, grant: Grant) -> None:
    secret = issuer.key.private + b"\0" * 32  # HMAC pads with zeros: long enough for HS512, and the same key
    issuer.verify(forged(grant, secret, "HS256"))
    with pytest.raises(InvalidToken, match="not ours"):
        issuer.verify(forged(grant, secret, "HS512"))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_the_public_key_used_as_an_hmac_secret_is_refused(
    clock: Clock, keys: Keys, algorithm: str, encoding: Encoding
) -> None:
    issuer = Issuer(clock=clock, key=keys(algorithm))
    claims = claims_of(issuer.sign_in("ada", "lovelace").access_token)
    secret = issuer.key.public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    # By hand: PyJWT refuses to sign such a token.
    signed = f"{b64({'alg': 'HS256', 'typ': 'JWT'})}.{b64(claims)}"
    mac = hmac.digest(secret, signed.encode(), hashlib.sha256)
    with pytest.raises(InvalidToken, match="not ours"):
        issuer.verify(f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "somebody-else"},
        {"aud": None},
        {"iss": "somebody-else"},
        {"iss": None},
        {"exp": "soon"},
        {"exp": None},
        {"nbf": []},
        {"sub": 7},
        {"sub": None},
        {"jti": None},
        {"sid": None},
        {"sid": "another family"},
        {"sid": ["unhashable"]},
    ],
    ids=str,
)
def test_a_wrong_or_missing_claim_is_refused(issuer: Issuer, grant: Grant, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        issuer.verify(forged(grant, issuer.key.private, "HS256", **change))


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "\udcff", "x" * 100_000, "[" * 5000 + ".e30."])
def test_a_malformed_token_is_refused_without_being_quoted(issuer: Issuer, token: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        issuer.verify(token)
    assert str(caught.value) == "the access token is malformed or not ours"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_one_changed_character_breaks_the_signature(issuer: Issuer, grant: Grant, part: int) -> None:
    parts = grant.access_token.split(".")
    middle = len(parts[part]) // 2
    parts[part] = parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]
    with pytest.raises(InvalidToken):
        issuer.verify(".".join(parts))


# Sign-in


@pytest.mark.parametrize("pair", [("ada", "wrong"), ("ada", ""), ("nobody", ""), ("nobody", "lovelace"), ("", "")])
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(issuer: Issuer, pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidGrant) as caught:
        issuer.sign_in(*pair)
    assert (caught.value.error, str(caught.value)) == ("invalid_grant", "wrong user name or password")


def test_each_sign_in_is_a_family_of_its_own(issuer: Issuer) -> None:
    first, second = issuer.sign_in("ada", "lovelace"), issuer.sign_in("ada", "lovelace")
    assert claims_of(first.access_token)["sid"] != claims_of(second.access_token)["sid"]


# Rotation


def test_a_refresh_rotates_and_keeps_the_family(issuer: Issuer, grant: Grant) -> None:
    renewed = issuer.refresh(grant.refresh_token)
    assert renewed.refresh_token != grant.refresh_token
    before, after = issuer.verify(grant.access_token), issuer.verify(renewed.access_token)
    assert before["jti"] != after["jti"]
    assert (before["sub"], before["sid"]) == (after["sub"], after["sid"])


def test_a_chain_of_refreshes_never_trips_the_reuse_detection(issuer: Issuer, grant: Grant, clock: Clock) -> None:
    for _ in range(50):
        clock.advance(30)
        grant = issuer.refresh(grant.refresh_token)
    issuer.verify(grant.access_token)


def test_reuse_of_a_rotated_token_revokes_its_family_and_no_other(issuer: Issuer, grant: Grant) -> None:
    other = issuer.sign_in("ada", "lovelace")
    renewed = issuer.refresh(grant.refresh_token)
    with pytest.raises(RefreshTokenReused):
        issuer.refresh(grant.refresh_token)
    with pytest.raises(InvalidGrant, match="revoked"):
        issuer.refresh(renewed.refresh_token)
    for token in (grant.access_token, renewed.access_token):
        with pytest.raises(InvalidToken, match="revoked"):
            issuer.verify(token)
    issuer.verify(issuer.refresh(other.refresh_token).access_token)


def test_reuse_is_reported_once_for_each_family(issuer: Issuer, grant: Grant) -> None:
    issuer.refresh(grant.refresh_token)
    with pytest.raises(RefreshTokenReused):
        issuer.refresh(grant.refresh_token)
    with pytest.raises(InvalidGrant) as caught:
        issuer.refresh(grant.refresh_token)
    assert not isinstance(caught.value, RefreshTokenReused)


@pytest.mark.parametrize(("seconds", "forgiven"), [(0, True), (9.99, True), (10, False), (11, False)])
def test_inside_the_grace_window_a_retry_is_forgiven(clock: Clock, keys: Keys, seconds: float, forgiven: bool) -> None:
    issuer = Issuer(clock=clock, key=keys("HS256"), grace=10)
    grant = issuer.sign_in("ada", "lovelace")
    first = issuer.refresh(grant.refresh_token)
    clock.advance(seconds)
    if not forgiven:
        with pytest.raises(RefreshTokenReused):
            issuer.refresh(grant.refresh_token)
        return
    second = issuer.refresh(grant.refresh_token)
    assert len({grant.refresh_token, first.refresh_token, second.refresh_token}) == 3
    for successor in (first, second):
        issuer.verify(issuer.refresh(successor.refresh_token).access_token)


def test_retries_do_not_prolong_the_grace_window(clock: Clock, keys: Keys) -> None:
    issuer = Issuer(clock=clock, key=keys("HS256"), grace=10)
    grant = issuer.sign_in("ada", "lovelace")
    issuer.refresh(grant.refresh_token)
    clock.advance(6)
    issuer.refresh(grant.refresh_token)
    clock.advance(6)
    with pytest.raises(RefreshTokenReused):
        issuer.refresh(grant.refresh_token)


def test_without_a_grace_window_even_the_same_instant_is_reuse(issuer: Issuer, grant: Grant) -> None:
    issuer.refresh(grant.refresh_token)
    with pytest.raises(RefreshTokenReused):
        issuer.refresh(grant.refresh_token)


def test_a_refresh_token_expires(issuer: Issuer, grant: Grant, clock: Clock) -> None:
    clock.advance(999.9)
    renewed = issuer.refresh(grant.refresh_token)
    clock.advance(1000)
    with pytest.raises(InvalidGrant, match="expired"):
        issuer.refresh(renewed.refresh_token)


@pytest.mark.parametrize("token", ["", "made-up", "\udcff", "é" * 10_000])
def test_an_unknown_refresh_token_is_refused(issuer: Issuer, token: str) -> None:
    with pytest.raises(InvalidGrant, match="unknown"):
        issuer.refresh(token)


# Ending


def test_sign_out_ends_access_and_refresh_at_once_and_may_be_repeated(issuer: Issuer, grant: Grant) -> None:
    other = issuer.sign_in("grace", "hopper")
    for _ in range(2):
        issuer.sign_out(grant.refresh_token)
    issuer.sign_out("made-up")
    with pytest.raises(InvalidToken, match="revoked"):
        issuer.verify(grant.access_token)
    with pytest.raises(InvalidGrant, match="revoked"):
        issuer.refresh(grant.refresh_token)
    issuer.verify(other.access_token)


def test_sign_out_with_a_rotated_token_ends_its_successor_too(issuer: Issuer, grant: Grant) -> None:
    renewed = issuer.refresh(grant.refresh_token)
    issuer.sign_out(grant.refresh_token)
    with pytest.raises(InvalidGrant):
        issuer.refresh(renewed.refresh_token)


def test_revoked_access_is_refused_early_and_the_next_refresh_works_in_the_same_second(
    issuer: Issuer, grant: Grant
) -> None:
    issuer.revoke_access()
    with pytest.raises(InvalidToken, match="revoked"):
        issuer.verify(grant.access_token)
    issuer.verify(issuer.refresh(grant.refresh_token).access_token)


def test_access_can_be_revoked_for_one_session_only(issuer: Issuer, grant: Grant) -> None:
    other = issuer.sign_in("grace", "hopper")
    issuer.revoke_access(claims_of(grant.access_token)["sid"])
    issuer.revoke_access("made-up")
    issuer.verify(other.access_token)
    with pytest.raises(InvalidToken):
        issuer.verify(grant.access_token)


def test_an_ended_session_keeps_its_access_token_until_it_expires(issuer: Issuer, grant: Grant) -> None:
    issuer.revoke_refresh(claims_of(grant.access_token)["sid"])
    with pytest.raises(InvalidGrant, match="revoked"):
        issuer.refresh(grant.refresh_token)
    issuer.verify(grant.access_token)


# Secrets


def test_no_refresh_token_is_stored_and_no_secret_is_printed(issuer: Issuer, grant: Grant) -> None:
    assert grant.refresh_token not in repr(vars(issuer))
    assert grant.refresh_token not in repr(grant)
    assert grant.access_token not in repr(grant)
    assert repr(issuer.key.private) not in repr(issuer.key)


def test_no_error_quotes_a_token(issuer: Issuer, grant: Grant) -> None:
    issuer.refresh(grant.refresh_token)
    texts: list[str] = []
    for call in (
        lambda: issuer.refresh(grant.refresh_token),
        lambda: issuer.verify(grant.access_token),
        lambda: issuer.refresh("a-made-up-secret"),
        lambda: issuer.sign_in("ada", "a-made-up-secret"),
    ):
        with pytest.raises(OAuthError) as caught:
            call()
        texts.append(f"{caught.value!r} {caught.value}")
    for secret in (grant.refresh_token, grant.access_token, "a-made-up-secret"):
        assert secret not in " ".join(texts)


def test_an_unknown_algorithm_is_a_plain_error() -> None:
    with pytest.raises(ValueError, match="none"):
        SigningKey.generate("none")
