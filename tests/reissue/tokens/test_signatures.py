"""Whether a signature holds, as far as it can be said without a browser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from reissue.tokens.jws import ParsedToken, compact, parse_token
from reissue.tokens.signatures import Key, Verdict, before_any_key, by_keys, by_secret, choose_keys, own_key

SECRET = "a-string-secret-at-least-256-bits-long"
EC_KEY = {"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB", "kid": "1", "use": "sig", "alg": "ES256"}
RSA_KEY = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "2"}


def parsed(algorithm: Any = "ES256", signature: bytes = b"x" * 64, **header: Any) -> ParsedToken:
    return parse_token(compact({"alg": algorithm, **header}, {"sub": "ada"}, signature))


def signed(secret: str = SECRET, algorithm: str = "HS256") -> ParsedToken:
    return parse_token(jwt.encode({"sub": "ada"}, secret, algorithm))


@pytest.mark.parametrize(
    ("token", "verdict"),
    [
        (parse_token("opaque"), Verdict.NOT_A_JWT),
        (parsed("none", b""), Verdict.UNSIGNED),
        (parsed("None"), Verdict.UNSIGNED),
        (parsed("HS256", b""), Verdict.UNSIGNED),
        (parsed("EdDSA"), Verdict.UNSUPPORTED),
        (parsed(7), Verdict.UNSUPPORTED),
    ],
)
def test_some_tokens_need_no_key_to_be_judged(token: ParsedToken, verdict: Verdict) -> None:
    assert before_any_key(token) is verdict
    assert by_secret(token, SECRET) is choose_keys(token, {"keys": [EC_KEY]}) is verdict
    assert own_key(token) is None


# A shared secret


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_secret_verifies_what_was_signed_with_it(algorithm: str) -> None:
    secret = SECRET * 2
    assert by_secret(signed(secret, algorithm), secret) is Verdict.HOLDS
    assert by_secret(signed(secret, algorithm), secret + "x") is Verdict.FAILS


def test_a_secret_can_be_short_or_strange_but_not_empty() -> None:
    assert by_secret(parsed("HS256"), "x\ud800") is Verdict.FAILS
    assert by_secret(parsed("HS256"), "") is Verdict.NO_SECRET
    assert by_secret(parsed("ES256"), SECRET) is Verdict.WRONG_KEY_TYPE


def test_a_public_key_used_as_a_secret_is_told() -> None:
    """RFC 8725 section 2.1: a server that lets the header choose would take it."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    forged = parsed("HS256")
    mac = jwt.get_algorithm_by_name("HS256").sign(forged.signing_input, pem)
    forged = parse_token(compact({"alg": "HS256"}, {"sub": "ada"}, mac))
    assert by_secret(forged, pem.decode()) is Verdict.HOLDS_BY_A_PUBLIC_KEY
    assert by_secret(signed(), pem.decode()) is Verdict.PUBLIC_KEY_AS_SECRET
    assert by_secret(signed(), '{"kty":"RSA"}') is Verdict.PUBLIC_KEY_AS_SECRET


def test_only_a_signature_that_was_seen_to_hold_is_good() -> None:
    assert [verdict for verdict in Verdict if verdict.good] == [Verdict.HOLDS]
    assert Verdict.HOLDS_BY_A_PUBLIC_KEY.bad
    assert not Verdict.NO_KEYS.bad


# A set of public keys


def test_the_key_is_chosen_by_its_id_and_its_kind() -> None:
    jwks = {"keys": ["?", RSA_KEY, {**EC_KEY, "kid": "0"}, EC_KEY]}
    key = Key({"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"}, "1")
    assert choose_keys(parsed(kid="1"), jwks) == (key,)
    assert choose_keys(parsed(), jwks) == (replace(key, kid="0"), key)
    assert choose_keys(parsed("RS256", kid="2"), jwks) == (Key({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, "2"),)
    assert "AQAB" not in repr(key)


@pytest.mark.parametrize("jwks", [None, [], "x", {}, {"keys": None}, {"keys": []}, {"keys": [1]}], ids=str)
def test_what_holds_no_key_is_told(jwks: object) -> None:
    assert choose_keys(parsed(), jwks) is Verdict.NO_KEYS
    assert choose_keys(parsed("HS256"), jwks) is Verdict.WRONG_KEY_TYPE


def test_a_key_of_another_kind_is_not_used() -> None:
    assert choose_keys(parsed(kid="7"), {"keys": [EC_KEY]}) is Verdict.NO_SUCH_KEY
    for change in ({"crv": "P-384"}, {"use": "enc"}, {"alg": "ES384"}, {"kty": "RSA"}, {"kty": ["EC"]}):
        assert choose_keys(parsed(), {"keys": [{**EC_KEY, **change}]}) is Verdict.WRONG_KEY_TYPE
    for name, value in (("x", 7), ("x", ""), ("y", "?")):
        assert choose_keys(parsed(), {"keys": [{**EC_KEY, name: value}]}) is Verdict.UNUSABLE_KEY
    assert choose_keys(parsed("HS256"), {"keys": [EC_KEY]}) is Verdict.PUBLIC_KEY_AS_SECRET


def test_a_key_that_the_token_brings_along_is_known_as_its_own() -> None:
    key = own_key(parsed(jwk={**EC_KEY, "kid": 3}))
    assert key is not None
    assert (key.own, key.kid) == (True, "")
    assert own_key(parsed(jwk={**EC_KEY, "x": ""})) is None
    assert own_key(parsed(jwk=RSA_KEY)) is None
    assert own_key(parsed(jwk="x")) is None
    assert own_key(parsed()) is None


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    )
)
def test_no_key_set_raises(value: Any) -> None:
    for jwks in (value, {"keys": value}, {"keys": [value]}, {"keys": [{**EC_KEY, "x": value, "kty": value}]}):
        choose_keys(parsed(), jwks)
    own_key(parsed(jwk=value))


async def test_each_key_that_fits_is_tried_until_one_holds() -> None:
    """A repeated `kid`, or none: the first key that fits need not be the one."""
    keys = [{**EC_KEY, "x": x} for x in ("AAAA", "", "BBBB", "CCCC")]
    tried: list[str] = []

    def answers(**verdicts: Verdict) -> Any:
        async def verify(parsed: ParsedToken, key: Key) -> Verdict:
            tried.append(key.jwk["x"])
            return verdicts[key.jwk["x"]]

        return verify

    fails = dict.fromkeys(("AAAA", "BBBB", "CCCC"), Verdict.FAILS)
    for token in (parsed(), parsed(kid="1")):
        tried.clear()
        verdict, key = await by_keys(token, {"keys": keys}, answers(**{**fails, "BBBB": Verdict.HOLDS}))
        assert verdict is Verdict.HOLDS
        assert key is not None
        assert tried == ["AAAA", "BBBB"] == [tried[0], key.jwk["x"]]
    verify = answers(**{**fails, "AAAA": Verdict.UNUSABLE_KEY, "CCCC": Verdict.UNUSABLE_KEY})
    verdict, key = await by_keys(parsed(), {"keys": keys}, verify)
    assert verdict is Verdict.FAILS
    assert key is not None
    assert key.jwk["x"] == "BBBB"
    verify = answers(**dict.fromkeys(fails, Verdict.UNUSABLE_KEY))
    assert (await by_keys(parsed(), {"keys": keys}, verify))[0] is Verdict.UNUSABLE_KEY
    assert await by_keys(parsed(), {"keys": []}, verify) == (Verdict.NO_KEYS, None)


async def test_no_more_than_ten_keys_are_tried() -> None:
    tried: list[Key] = []

    async def verify(parsed: ParsedToken, key: Key) -> Verdict:
        tried.append(key)
        return Verdict.FAILS

    await by_keys(parsed(), {"keys": [EC_KEY] * 1000}, verify)
    assert len(tried) == 10
