"""A token that is edited, and signed again."""

import jwt
import pytest
from reissue.inspector.token.editing import NoObject, as_object, as_text, signed, with_parts
from reissue.tokens.jws import parse_token
from reissue.tokens.signatures import Verdict, by_secret

from tests.reissue.tokens.example_token import CLAIMS, token

SECRET = "a-secret-of-more-than-256-bits-that-somebody-has-typed-into-a-field-of-the-page"


def test_what_is_edited_is_read_as_it_was_shown() -> None:
    claims = {"sub": "에이다", "nested": {"a": [1, None]}}
    assert as_object(as_text(claims)) == claims
    assert "에이다" in as_text(claims)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('{"sub": "ada",\n  "exp": }', 2, 10),
        ("", 1, 1),
        ("[]", 1, 1),
        ("[" * 100_000, 1, 1),
        ('{"exp": ' + "1" * 5_000 + "}", 1, 1),
    ],
)
def test_what_is_no_object_says_where(text: str, line: int, column: int) -> None:
    with pytest.raises(NoObject) as told:
        as_object(text)
    assert (told.value.line, told.value.column) == (line, column)


def test_an_edited_payload_keeps_its_signature_which_does_not_hold_any_more() -> None:
    before = parse_token(signed({"alg": "HS256"}, CLAIMS, SECRET))
    after = parse_token(with_parts(before, {"alg": "HS256"}, {**CLAIMS, "sub": "grace"}))
    assert after.signature == before.signature
    assert by_secret(before, SECRET) is Verdict.HOLDS
    assert by_secret(after, SECRET) is Verdict.FAILS
    assert parse_token(with_parts(parse_token("e30.e30."), {}, {})).signature == b""


@pytest.mark.parametrize(
    ("wanted", "used"), [("HS256", "HS256"), ("HS512", "HS512"), ("ES256", "HS256"), ("none", "HS256"), (None, "HS256")]
)
def test_it_is_signed_by_an_algorithm_that_takes_a_secret(wanted: str | None, used: str) -> None:
    claims = {"sub": "grace"}
    made = signed({"alg": wanted, "kid": "1"}, claims, SECRET)
    assert jwt.decode(made, SECRET, [used]) == claims
    assert jwt.get_unverified_header(made) == {"alg": used, "kid": "1"}


def test_a_token_of_another_is_signed_anew() -> None:
    parsed = parse_token(token())
    assert parsed.payload is not None
    assert by_secret(parse_token(signed(parsed.header or {}, parsed.payload, SECRET)), SECRET) is Verdict.HOLDS
