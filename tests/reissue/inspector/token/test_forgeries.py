"""Tokens to try: each is what it says, and one letter can be changed in any token."""

import json
from typing import Any

import jwt
import pytest
from reissue.inspector.token import forgeries
from reissue.inspector.token.findings import FindingKind, findings_of
from reissue.tokens.jws import Kind, ParsedToken, compact, parse_token
from reissue.tokens.signatures import Verdict, by_secret

from tests.reissue.tokens.example_token import CLAIMS, token


def test_each_forgery_is_what_it_says() -> None:
    claims = forgeries.sample()
    good = parse_token(forgeries.signed(claims, forgeries.SECRET))
    assert jwt.decode(good.token, forgeries.SECRET, ["HS256"], audience="notes") == claims
    assert findings_of(good, now=claims["iat"]) == []
    assert by_secret(good, forgeries.SECRET) is Verdict.HOLDS
    assert by_secret(parse_token(forgeries.broken(good)), forgeries.SECRET) is Verdict.FAILS
    unsigned = parse_token(forgeries.unsigned(claims))
    assert unsigned.kind is Kind.SIGNED
    assert [finding.kind for finding in findings_of(unsigned, now=claims["iat"])] == [FindingKind.ALG_NONE]


def test_the_search_for_a_byte_to_break_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a name of 70,000 letters no letter can be changed, and each try reads the whole token."""
    tries = 0

    def counted(text: str) -> ParsedToken:
        nonlocal tries
        tries += 1
        return parse_token(text)

    monkeypatch.setattr(forgeries, "parse_token", counted)
    parsed = parse_token(compact({"alg": "none"}, {"x" * 70_000: None}))
    assert forgeries.broken(parsed) != parsed.token
    assert 0 < tries < 50


def test_a_broken_byte_leaves_a_token_that_can_be_read_and_is_another() -> None:
    parsed = parse_token(token())
    broken = parse_token(forgeries.broken(parsed))
    assert broken.kind is Kind.SIGNED
    assert broken.payload is not None
    assert broken.payload.keys() == CLAIMS.keys()
    assert broken.payload != CLAIMS
    assert (broken.parts[0], broken.parts[2]) == (parsed.parts[0], parsed.parts[2])
    assert len(json.dumps(broken.payload)) == len(json.dumps(CLAIMS))


@pytest.mark.parametrize("payload", [{"": ""}, {}, {"x": "x"}, {"1": 1}, {"a": "1"}])
def test_a_byte_can_be_broken_in_any_token(payload: dict[str, Any]) -> None:
    text = compact({"alg": "none"}, payload)
    assert forgeries.broken(parse_token(text)) != text


@pytest.mark.parametrize("text", ["opaque", "e30.AAAA.AAA", "e30..AAA"])
def test_a_byte_can_be_broken_in_what_is_no_token(text: str) -> None:
    assert forgeries.broken(parse_token(text)) != text
