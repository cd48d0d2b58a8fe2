"""A token is taken apart: what a text is, and which of its parts can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue.tokens.claims import LONGEST
from reissue.tokens.jws import Kind, from_base64url, parse_token, to_base64url

from tests.reissue.tokens.example_token import CLAIMS, token


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


def test_deep_or_huge_json_is_not_read() -> None:
    """Pyodide's parser would take the interpreter with it."""
    for hostile in ("[" * 10_000, '{"a":' * 60 + "1" + "}" * 60, '{"a":' + "9" * 5_000 + "}", '{"a":NaN}'):
        parsed = parse_token(f"e30.{to_base64url(hostile.encode())}.AAA")
        assert parsed.kind is Kind.BROKEN
        assert parsed.payload is None


@given(st.binary())
def test_base64url_there_and_back(data: bytes) -> None:
    assert from_base64url(to_base64url(data)) == data
