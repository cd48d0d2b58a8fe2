"""Which claims are listed, in which order, and which of them are times."""

from reissue.inspector.token.claims import EXPLAINED, MOST, PUBLIC, Sort, claims_of, sort_of
from reissue.tokens.jws import parse_token

from tests.reissue.tokens.example_token import CLAIMS, MANY, NOW, token


def test_claims_are_sorted_by_who_says_what_they_mean() -> None:
    payload = {"https://app.test/plan": "pro", "name": "Ada", "iat": NOW, "team": 7, "sid": "s", "iss": "me"}
    claims = claims_of(payload)
    assert [claim.name for claim in claims] == ["iss", "iat", "name", "sid", "https://app.test/plan", "team"]
    assert [claim.sort for claim in claims] == [Sort.REGISTERED] * 2 + [Sort.PUBLIC] * 2 + [Sort.PRIVATE] * 2
    assert [claim.time for claim in claims] == [None, NOW, None, None, None, None]
    assert all(sort_of(name) is not Sort.PRIVATE for name in EXPLAINED)
    assert EXPLAINED & PUBLIC


def test_a_secret_stands_in_no_repr() -> None:
    parsed = parse_token(token({**CLAIMS, "name": "Ada Lovelace"}))
    assert "ey" not in repr(parsed)
    assert "Ada" not in repr((parsed, claims_of(parsed.payload or {})))


def test_the_first_hundred_claims_are_shown_the_registered_ones_before_all_others() -> None:
    claims = claims_of({**MANY, **CLAIMS})
    assert len(claims) == MOST
    assert [claim.name for claim in claims[: len(CLAIMS)]] == ["iss", "sub", "aud", "exp", "nbf", "iat"]
    assert claims[-1].name == "no0093"
