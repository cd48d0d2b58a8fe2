"""Which ID tokens are believed: signed with real keys, and refused for one fault each."""

from typing import Any

import jwt
import pytest
from reissue import GrantRefused
from reissue.oauth2.id_token import LEEWAY, Expected, check_claims, validated
from reissue.tokens.jws import compact, to_base64url

from tests.reissue.provider import jwk, private_key, verify

NOW = 1_700_000_000
CLAIMS = {"iss": "https://id.test", "aud": "page", "sub": "ada", "nonce": "n", "iat": NOW, "exp": NOW + 300}
EXPECTED = Expected(issuer="https://id.test", client_id="page", nonce="n")


def signed(algorithm: str = "RS256", claims: dict[str, Any] = CLAIMS, **header: Any) -> str:
    return jwt.encode(claims, private_key(algorithm), algorithm, headers={"kid": "1", **header})


class Keys:
    """The sets that are fetched, one after the other; the last one again and again."""

    def __init__(self, *sets: Any) -> None:
        self.sets = list(sets)
        self.asked: list[bool] = []

    async def fetch(self, fresh: bool) -> object:
        self.asked.append(fresh)
        return self.sets.pop(0) if self.sets[1:] else self.sets[0]


async def refusal(token: object, *sets: Any, expected: Expected = EXPECTED) -> str:
    keys = Keys(*(sets or ({"keys": [jwk("RS256")]},)))
    with pytest.raises(GrantRefused) as refused:
        await validated(token, expected, fetch_keys=keys.fetch, verify=verify, now=NOW)
    assert refused.value.error == "invalid_id_token"
    assert refused.value.description
    return refused.value.description


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_one_that_is_signed_by_the_issuers_key_is_believed(algorithm: str) -> None:
    keys = Keys({"keys": [jwk(algorithm, "0"), jwk(algorithm)]})
    claims = await validated(signed(algorithm), EXPECTED, fetch_keys=keys.fetch, verify=verify, now=NOW)
    assert claims["sub"] == "ada"
    assert keys.asked == [False]


async def test_a_set_that_lacks_the_key_is_fetched_afresh() -> None:
    olds: list[dict[str, Any]] = [{"keys": [jwk("RS256", "0")]}, {"keys": []}, {}]
    for old in olds:
        keys = Keys(old, {"keys": [jwk("RS256")]})
        assert await validated(signed(), EXPECTED, fetch_keys=keys.fetch, verify=verify, now=NOW)
        assert keys.asked == [False, True]
    assert "no_such_key" in await refusal(signed(), {"keys": [jwk("RS256", "0")]})


async def test_a_key_that_shares_its_id_with_another_is_found() -> None:
    """With a repeated `kid`, and without one, each key that fits is tried."""
    other = {**jwk("RS256"), "n": jwk("RS256")["n"][::-1]}
    no_kid = jwt.encode(CLAIMS, private_key("RS256"), "RS256")
    for token in (signed(), no_kid):
        keys = Keys({"keys": [other, other, jwk("RS256")]})
        assert await validated(token, EXPECTED, fetch_keys=keys.fetch, verify=verify, now=NOW)
        assert keys.asked == [False]


async def test_a_token_that_names_no_key_is_tried_with_fresh_ones() -> None:
    """The known set may be from before the key was replaced."""
    no_kid = jwt.encode(CLAIMS, private_key("RS256"), "RS256")
    old = {"keys": [{**jwk("RS256"), "n": jwk("RS256")["n"][::-1]}]}
    keys = Keys(old, {"keys": [jwk("RS256")]})
    assert await validated(no_kid, EXPECTED, fetch_keys=keys.fetch, verify=verify, now=NOW)
    assert keys.asked == [False, True]
    keys = Keys(old)
    with pytest.raises(GrantRefused):
        await validated(signed(), EXPECTED, fetch_keys=keys.fetch, verify=verify, now=NOW)
    assert keys.asked == [False]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "has none"),
        (7, "has none"),
        ("opaque", "no signed"),
        (f"Bearer {signed()}", "no signed"),
        (f"{signed()} ", "no signed"),
        (compact({"alg": "none"}, CLAIMS), "public key"),
        (compact({"alg": "none"}, CLAIMS, b"x"), "public key"),
        (jwt.encode(CLAIMS, "a-string-secret-at-least-256-bits-long", "HS256"), "public key"),
        (compact({"alg": "EdDSA"}, CLAIMS, b"x" * 64), "public key"),
        (signed(crit=["b64"], b64=True), "extension"),
        (signed("ES256"), "wrong_key_type"),
        (signed()[:-8] + "AAAAAAAA", "fails"),
        (compact({"alg": "RS256"}, CLAIMS), "unsigned"),
    ],
)
async def test_what_is_not_signed_as_it_must_be_is_refused(token: object, words: str) -> None:
    """An ID token is believed only if its signature holds by a public key of the issuer: not `none`, not HS256."""
    assert words in await refusal(token)


async def test_a_key_that_the_token_brings_along_proves_nothing() -> None:
    assert "no_such_key" in await refusal(signed(kid="2", jwk=jwk("RS256", "2")))


async def test_one_that_says_a_thing_twice_is_refused() -> None:
    header, _, signature = signed().split(".")
    twice = to_base64url(b'{"sub": "ada", "sub": "eve"}')
    assert "twice" in await refusal(f"{header}.{twice}.{signature}")


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iss": "https://id.test/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "other"}, "for another client"),
        ({"aud": ["other"]}, "for another client"),
        ({"aud": None}, "for another client"),
        ({"aud": ["page", "other"]}, "issued to another"),
        ({"aud": ["page", "other"], "azp": "other"}, "issued to another"),
        ({"azp": "other"}, "issued to another"),
        ({"nonce": "m"}, "another sign-in"),
        ({"nonce": None}, "another sign-in"),
        ({"sub": ""}, "names no user"),
        ({"sub": 7}, "names no user"),
        ({"exp": NOW - LEEWAY}, "expired"),
        ({"exp": "soon"}, "no exp"),
        ({"exp": True}, "no exp"),
        ({"exp": float("nan")}, "expired"),
        ({"iat": NOW + LEEWAY}, "future"),
        ({"iat": None}, "no iat"),
        ({"nbf": NOW + LEEWAY}, "not valid yet"),
        ({"nbf": "x"}, "no nbf"),
    ],
    ids=repr,
)
def test_claims_of_another_sign_in_are_refused(claims: dict[str, Any], words: str) -> None:
    """Issuer, audience, authorized party, nonce, subject and times are each looked at."""
    with pytest.raises(GrantRefused) as refused:
        check_claims({**CLAIMS, **claims}, EXPECTED, now=NOW)
    assert words in str(refused.value.description)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["page"]},
        {"aud": ["page", "other"], "azp": "page"},
        {"azp": "page"},
        {"exp": NOW - LEEWAY + 1},
        {"iat": NOW + LEEWAY - 1},
        {"nbf": NOW + LEEWAY - 1},
    ],
    ids=repr,
)
def test_claims_of_this_sign_in_are_believed(claims: dict[str, Any]) -> None:
    check_claims({**CLAIMS, **claims}, EXPECTED, now=NOW)


def test_how_long_ago_the_user_signed_in_counts_if_it_was_asked() -> None:
    expected = Expected(issuer="https://id.test", client_id="page", nonce="n", max_age=60)
    check_claims({**CLAIMS, "auth_time": NOW - 60 - LEEWAY}, expected, now=NOW)
    for auth_time in (NOW - 61 - LEEWAY, None):
        with pytest.raises(GrantRefused):
            check_claims({**CLAIMS, "auth_time": auth_time}, expected, now=NOW)


def test_the_nonce_is_not_shown() -> None:
    assert "nonce" not in repr(EXPECTED)
