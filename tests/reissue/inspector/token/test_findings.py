"""What deserves a look in a token. Whatever the token is, nothing raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reissue.http.json_text import parse_json
from reissue.inspector.token import forgeries
from reissue.inspector.token.claims import claims_of
from reissue.inspector.token.findings import Finding, FindingKind, findings_of
from reissue.inspector.token.wording import date_of
from reissue.tokens.claims import LONGEST
from reissue.tokens.jws import compact, parse_token, to_base64url

from tests.reissue.tokens.example_token import CLAIMS, MANY, NOW, token


def kinds(claims: dict[str, Any] = CLAIMS, *, now: float = NOW, **header: Any) -> set[FindingKind]:
    return {finding.kind for finding in findings_of(parse_token(token(claims, **header)), now=now)}


@example("e30.W10.AAA")  # a header without claims
@example("_w.e30.AAA")  # claims without a header
@example("e30.e30.")
@example("e30.e30.A")
@example("e30.a.b.c.d")
@given(st.text() | st.text('eyJhbGciOiJ.-_"{}[]:0 \n\udc80'))
def test_no_text_raises(text: str) -> None:
    parsed = parse_token(text)
    findings_of(parsed, now=NOW)
    claims_of(parsed.payload or {})
    forgeries.broken(parsed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from(["alg", "kid", "jwk", "x5u", "crit", "exp", "iat", "nbf", "aud", "auth_time"]) | st.text()


@given(st.dictionaries(NAMES, JSON, max_size=6), st.dictionaries(NAMES, JSON, max_size=6), st.binary(max_size=70))
def test_no_header_and_no_payload_raises(header: dict[str, Any], payload: dict[str, Any], signature: bytes) -> None:
    parsed = parse_token(compact(header, payload, signature))
    findings_of(parsed, now=NOW)
    for claim in claims_of(parsed.payload or {}):
        assert claim.value
        if claim.time is not None:
            date_of(claim.time)
    parse_token(forgeries.broken(parsed))


def test_json_that_says_a_thing_twice_is_told() -> None:
    """Two parsers may read two different tokens in it (RFC 8725 section 2.4)."""
    payload = to_base64url(b'{"sub":"ada","sub":"grace","exp":1,"a":{"b":1,"b":2}}')
    parsed = parse_token(f"e30.{payload}.AAA")
    assert sorted(parsed.twice) == ["b", "sub"]
    assert Finding(FindingKind.TWICE, "sub") in findings_of(parsed, now=NOW)
    assert parse_json('{"a":1,"a":2}') == {"a": 2}


def test_an_ordinary_token_has_nothing_odd() -> None:
    assert kinds() == set()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"kid": "key-1"}, set()),
        ({"kid": 7}, set()),
        ({"kid": "../../dev/null"}, {FindingKind.KID_INJECTION}),
        ({"kid": "x' UNION SELECT 'key"}, {FindingKind.KID_INJECTION}),
        ({"jwk": {}}, {FindingKind.KEY_INSIDE}),
        ({"x5c": []}, {FindingKind.KEY_INSIDE}),
        ({"jku": "https://evil.test"}, {FindingKind.KEY_URL}),
        ({"x5u": "https://evil.test"}, {FindingKind.KEY_URL}),
        ({"crit": ["exp"]}, {FindingKind.CRITICAL}),
    ],
)
def test_what_is_odd_in_a_header(header: dict[str, Any], expected: set[FindingKind]) -> None:
    parsed = parse_token(compact({"alg": "HS256", **header}, CLAIMS, b"x" * 32))
    assert {finding.kind for finding in findings_of(parsed, now=NOW)} == expected


@pytest.mark.parametrize(
    ("algorithm", "signature", "expected"),
    [
        ("none", b"", {FindingKind.ALG_NONE}),
        ("NoNe", b"x", {FindingKind.ALG_NONE}),
        (None, b"x", {FindingKind.ALG_MISSING}),
        (["HS256"], b"x", {FindingKind.ALG_MISSING}),
        ("ROT13", b"x", {FindingKind.ALG_UNKNOWN}),
        ("HS256", b"", {FindingKind.NO_SIGNATURE}),
        ("ES256", b"x" * 70, {FindingKind.SIGNATURE_LENGTH}),  # a DER signature, where RFC 7518 wants 64 bytes
        ("ES256", bytes(64), {FindingKind.SIGNED_NOTHING}),
        ("RS256", b"x" * 256, set()),
    ],
)
def test_what_is_odd_about_a_signature(algorithm: Any, signature: bytes, expected: set[FindingKind]) -> None:
    parsed = parse_token(compact({"alg": algorithm}, CLAIMS, signature))
    assert {finding.kind for finding in findings_of(parsed, now=NOW)} == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"exp": NOW}, {FindingKind.EXPIRED}),
        ({"exp": "soon"}, {FindingKind.NO_TIME}),
        ({"exp": None}, {FindingKind.NO_TIME}),
        ({"exp": True}, {FindingKind.NO_TIME}),
        ({"exp": (NOW + 300) * 1000}, {FindingKind.MILLISECONDS, FindingKind.LONG_LIFE}),
        ({"exp": NOW + 90_000}, {FindingKind.LONG_LIFE}),
        ({"nbf": NOW + 4}, set()),
        ({"nbf": NOW + 6}, {FindingKind.NOT_YET}),
        ({"iat": NOW + 6}, {FindingKind.FROM_THE_FUTURE}),
        ({"user_password": "x"}, {FindingKind.SECRET_INSIDE}),
        ({"apiKey": "x"}, {FindingKind.SECRET_INSIDE}),
    ],
)
def test_what_is_odd_about_claims(change: dict[str, Any], expected: set[FindingKind]) -> None:
    parsed = parse_token(compact({"alg": "HS256"}, {**CLAIMS, **change}, b"x" * 32))
    assert {finding.kind for finding in findings_of(parsed, now=NOW)} == expected


def test_what_is_missing_is_odd_and_what_is_grave_comes_first() -> None:
    parsed = parse_token(compact({"alg": "none"}, {"exp": NOW + 90_000}))
    found = findings_of(parsed, now=NOW)
    assert [finding.kind for finding in found] == [
        FindingKind.ALG_NONE,
        FindingKind.LONG_LIFE,
        FindingKind.NO_AUDIENCE,
        FindingKind.NO_ISSUER,
    ]
    assert [finding.grave for finding in found] == [True, False, False, False]
    assert FindingKind.NO_EXPIRY in kinds({"sub": "ada"})


def test_of_an_encrypted_token_the_header_is_looked_at() -> None:
    parts = compact({"alg": "RSA-OAEP", "jku": "https://evil.test"}, {}).split(".")
    parsed = parse_token(".".join([parts[0], "a", "b", "c", "d"]))
    assert [finding.kind for finding in findings_of(parsed, now=NOW)] == [FindingKind.KEY_URL]


def test_a_long_token_is_taken_apart() -> None:
    text = token(MANY)
    assert 90_000 < len(text) < LONGEST
    parsed = parse_token(text)
    assert parsed.payload == MANY
    assert findings_of(parsed, now=NOW)
