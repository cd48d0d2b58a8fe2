"""The claims of a JSON Web Token: read without a key, and never quoted."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from reissue import MalformedToken, unverified_claims
from reissue.tokens.claims import lifetime, numeric_date


def told_of(text: str) -> str:
    error = None
    try:
        unverified_claims(text)
    except MalformedToken as malformed:
        error = malformed
    assert error is None or error.__cause__ is None
    return str(error or "")


OTHERS = [told_of(text) for text in ("two words", "a", "a.b.c")]  # what is said of these, is no quotation


@example("access to")
@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_any_text_is_a_jwt_or_a_malformed_token_that_is_not_quoted(text: str) -> None:
    told = told_of(text)
    assert len(text) < 9 or text not in told or any(text in other for other in OTHERS)


@example({"exp": 10**350})  # an int that is too large for a float
@given(st.dictionaries(st.sampled_from(["exp", "iat"]), st.integers() | st.floats() | st.text() | st.booleans()))
def test_any_claims_give_a_life_above_zero_or_none(claims: dict[str, Any]) -> None:
    life = lifetime(claims, now=1_700_000_000.0)
    assert life is None or life > 0


def test_a_time_is_a_number_of_seconds_and_nothing_else() -> None:
    assert numeric_date(300) == 300
    assert [numeric_date(value) for value in ("1", True, None, 10**400, float("inf"))] == [None] * 5


HEADER, CLAIMS = "eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJhZGEifQ"


def test_claims_are_base64url_and_nothing_else() -> None:
    """RFC 7515 section 2: a decoder that skips other characters would read what no server has written."""
    assert unverified_claims(f"{HEADER}.{CLAIMS}.AAAA") == {"sub": "ada"}
    assert unverified_claims(f"{HEADER}.{CLAIMS}==.AAAA") == {"sub": "ada"}, "padded, as some servers write it"
    for foreign in ("!!!!", "+/+/", "====", "%3D", "é"):
        assert told_of(f"{HEADER}.{CLAIMS}{foreign}.AAAA") != "", foreign
