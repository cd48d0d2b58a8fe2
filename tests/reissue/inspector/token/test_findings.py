"""Reading a token for people: parts, claims, times, findings. Whatever the text is, nothing raises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue.http.json_text import parse_json
from reissue.inspector.token import jwt_view
from reissue.inspector.token.jwt_view import (
    EXPLAINED,
    MOST,
    PUBLIC,
    Finding,
    FindingKind,
    Sort,
    claims_of,
    date_of,
    findings_of,
    lasting,
    seconds,
    shown,
    sort_of,
    visible,
    with_a_byte_broken,
)
from reissue.tokens.claims import LONGEST
from reissue.tokens.jws import Kind, ParsedToken, compact, from_base64url, parse_token, to_base64url

NOW = 1_800_000_000
SECRET = "a-string-secret-at-least-256-bits-long"
CLAIMS = {"iss": "https://id.test", "aud": "api", "sub": "ada", "iat": NOW, "nbf": NOW, "exp": NOW + 300}


def token(claims: dict[str, Any] = CLAIMS, **header: Any) -> str:
    return jwt.encode(claims, SECRET, "HS256", headers=header)


def kinds(claims: dict[str, Any] = CLAIMS, *, now: float = NOW, **header: Any) -> set[FindingKind]:
    return {finding.kind for finding in findings_of(parse_token(token(claims, **header)), now=now)}


# Parts


@pytest.mark.parametrize("around", ["{}", " {}\n", '"{}"', "Bearer {}", "Authorization: bearer  {}", "{:.40}\n"])
def test_a_token_is_found_in_what_people_paste(around: str) -> None:
    text = token()
    parsed = parse_token(f"{text[:40]}\n{text[40:]}" if "40" in around else around.format(text))
    assert parsed.kind is Kind.SIGNED
    assert parsed.token == text
    assert (parsed.header or {})["alg"] == parsed.algorithm == "HS256"
    assert parsed.payload == CLAIMS
    assert parsed.signing_input.decode() == text.rpartition(".")[0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Kind.EMPTY),
        (" \n", Kind.EMPTY),
        ("Bearer ", Kind.OPAQUE),
        ("mF_9.B5f-4.1JqM", Kind.OPAQUE),  # RFC 6750's own example has two dots
        ("a.b", Kind.OPAQUE),
        ("ünïcode.a.b", Kind.OPAQUE),
        ("a" * (LONGEST + 1), Kind.OPAQUE),
        (f"{'a' * LONGEST}.a.a", Kind.OPAQUE),
        ("e30.e30.", Kind.SIGNED),
        ("e30.e30.AAA", Kind.SIGNED),
        ("e30.e30.A", Kind.BROKEN),  # no base64 has one letter
        ("e30.W10.AAA", Kind.BROKEN),  # a list
        ("_w.e30.AAA", Kind.BROKEN),  # no UTF-8
        ("e30.A.AAA", Kind.BROKEN),
        ("e30.a.b.c.d", Kind.ENCRYPTED),
        ("a.a.b.c.d", Kind.OPAQUE),
    ],
)
def test_what_a_text_is(text: str, kind: Kind) -> None:
    parsed = parse_token(text)
    assert parsed.kind is kind
    findings_of(parsed, now=NOW)


def test_deep_or_huge_json_is_not_read() -> None:
    """Pyodide's parser would take the interpreter with it."""
    for hostile in ("[" * 10_000, '{"a":' * 60 + "1" + "}" * 60, '{"a":' + "9" * 5_000 + "}", '{"a":NaN}'):
        parsed = parse_token(f"e30.{to_base64url(hostile.encode())}.AAA")
        assert parsed.kind is Kind.BROKEN
        assert parsed.payload is None


def test_a_secret_stands_in_no_repr() -> None:
    parsed = parse_token(token({**CLAIMS, "name": "Ada Lovelace"}))
    assert "ey" not in repr(parsed)
    assert "Ada" not in repr((parsed, claims_of(parsed.payload or {})))


@given(st.text() | st.text('eyJhbGciOiJ.-_"{}[]:0 \n\udc80'))
def test_no_text_raises(text: str) -> None:
    parsed = parse_token(text)
    findings_of(parsed, now=NOW)
    claims_of(parsed.payload or {})
    with_a_byte_broken(parsed)


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
    parse_token(with_a_byte_broken(parsed))


@given(st.binary())
def test_base64url_there_and_back(data: bytes) -> None:
    assert from_base64url(to_base64url(data)) == data


def test_json_that_says_a_thing_twice_is_told() -> None:
    """Two parsers may read two different tokens in it (RFC 8725 section 2.4)."""
    payload = to_base64url(b'{"sub":"ada","sub":"grace","exp":1,"a":{"b":1,"b":2}}')
    parsed = parse_token(f"e30.{payload}.AAA")
    assert sorted(parsed.twice) == ["b", "sub"]
    assert Finding(FindingKind.TWICE, "sub") in findings_of(parsed, now=NOW)
    assert parse_json('{"a":1,"a":2}') == {"a": 2}


# Claims


def test_claims_are_sorted_by_who_says_what_they_mean() -> None:
    payload = {"https://app.test/plan": "pro", "name": "Ada", "iat": NOW, "team": 7, "sid": "s", "iss": "me"}
    claims = claims_of(payload)
    assert [claim.name for claim in claims] == ["iss", "iat", "name", "sid", "https://app.test/plan", "team"]
    assert [claim.sort for claim in claims] == [Sort.REGISTERED] * 2 + [Sort.PUBLIC] * 2 + [Sort.PRIVATE] * 2
    assert [claim.time for claim in claims] == [None, NOW, None, None, None, None]
    assert all(sort_of(name) is not Sort.PRIVATE for name in EXPLAINED)
    assert EXPLAINED & PUBLIC


def test_a_value_is_shown_as_json_without_signs_that_hide() -> None:
    assert shown("a\u202eb\x00\ud800 é 한") == '"a\\u202eb\\u0000\\ud800 é 한"'
    assert shown({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'
    assert shown([]) == "[]"
    assert visible("x" * 30, 10) == "x" * 10 + "…"


# Times


@pytest.mark.parametrize(
    ("length", "parts"),
    [
        (0, [(0, "s")]),
        (0.4, [(0, "s")]),
        (59, [(59, "s")]),
        (-61, [(1, "min"), (1, "s")]),
        (60, [(1, "min")]),
        (3600, [(1, "h")]),
        (3605, [(1, "h")]),
        (3700, [(1, "h"), (1, "min")]),
        (86_400 * 3 + 7300, [(3, "d"), (2, "h")]),
        (86_400 * 400, [(1, "y"), (35, "d")]),
        (86_400 * 365 + 1, [(1, "y")]),
        (1e308, [(31_709_791, "y"), (359, "d")]),
    ],
)
def test_a_length_of_time_has_two_units_at_most(length: float, parts: list[tuple[int, str]]) -> None:
    assert lasting(length) == parts


def test_dates() -> None:
    assert date_of(NOW) == "2027-01-15 08:00:00 UTC"
    assert [date_of(time) for time in (1e300, -1e300, 1e14)] == ["", "", ""]


def test_a_time_is_a_number_of_seconds_and_nothing_else() -> None:
    assert seconds(300) == 300
    assert [seconds(value) for value in ("1", True, None, 10**400, float("inf"))] == [None] * 5


# What is odd


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


# Tokens of thousands of claims

MANY = {f"no{n:04}": n for n in range(5_000)}


def test_the_first_hundred_claims_are_shown_the_registered_ones_before_all_others() -> None:
    claims = claims_of({**MANY, **CLAIMS})
    assert len(claims) == MOST
    assert [claim.name for claim in claims[: len(CLAIMS)]] == ["iss", "sub", "aud", "exp", "nbf", "iat"]
    assert claims[-1].name == "no0093"


def test_a_long_token_is_taken_apart() -> None:
    text = token(MANY)
    assert 90_000 < len(text) < LONGEST
    parsed = parse_token(text)
    assert parsed.payload == MANY
    assert findings_of(parsed, now=NOW)


def test_members_that_stand_there_twice_are_each_told_once() -> None:
    json_text = json.dumps(MANY)
    found: list[str] = []
    parse_json(f"{json_text[:-1]}, {json_text[1:]}", twice=found)
    assert found == list(MANY)


class Counted(list[int]):
    """A list that counts what is taken from it."""

    taken = 0

    def __iter__(self) -> Iterator[int]:
        for item in super().__iter__():
            self.taken += 1
            yield item


def test_what_is_cut_off_a_value_is_not_written_first() -> None:
    value = Counted(range(30_000))
    assert shown([value], longest=80).endswith("…")
    assert value.taken < 80


def test_the_search_for_a_byte_to_break_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a name of 70,000 letters no letter can be changed, and each try reads the whole token."""
    tries = 0

    def counted(text: str) -> ParsedToken:
        nonlocal tries
        tries += 1
        return parse_token(text)

    monkeypatch.setattr(jwt_view, "parse_token", counted)
    parsed = parse_token(compact({"alg": "none"}, {"x" * 70_000: None}))
    assert with_a_byte_broken(parsed) != parsed.token
    assert 0 < tries < 50


# Breaking one byte


def test_a_broken_byte_leaves_a_token_that_can_be_read_and_is_another() -> None:
    parsed = parse_token(token())
    broken = parse_token(with_a_byte_broken(parsed))
    assert broken.kind is Kind.SIGNED
    assert broken.payload is not None
    assert broken.payload.keys() == CLAIMS.keys()
    assert broken.payload != CLAIMS
    assert (broken.parts[0], broken.parts[2]) == (parsed.parts[0], parsed.parts[2])
    assert len(json.dumps(broken.payload)) == len(json.dumps(CLAIMS))


@pytest.mark.parametrize("payload", [{"": ""}, {}, {"x": "x"}, {"1": 1}, {"a": "1"}])
def test_a_byte_can_be_broken_in_any_token(payload: dict[str, Any]) -> None:
    text = compact({"alg": "none"}, payload)
    assert with_a_byte_broken(parse_token(text)) != text


@pytest.mark.parametrize("text", ["opaque", "e30.AAAA.AAA", "e30..AAA"])
def test_a_byte_can_be_broken_in_what_is_no_token(text: str) -> None:
    assert with_a_byte_broken(parse_token(text)) != text
