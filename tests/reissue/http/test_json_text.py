"""What comes in is read within bounds."""

# ruff: noqa: PT017 - whether anything is raised is the input's choice

import json
from base64 import urlsafe_b64encode
from math import inf, isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue import MalformedToken, Response, unverified_claims
from reissue.http.json_text import LONGEST, is_html, is_nested_deeper, parse_json, repeated, text_within
from reissue.tokens.jws import parse_token


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("", 0), ("7", 0), ("{}", 1), ("[[], []]", 2), (json.dumps({"a": "}{[]\\\"{", "[": ["]"]}), 2),
        ('{"a": "' + "[" * 10_000 + '"}', 1), ("[" * 10_000, 10_000), ('{"a":' * 10_000, 10_000),
        ('"' + '\\"[' * 500_000, 0),  # never ends: looked at once
    ],
    ids=range(9),
)  # fmt: skip
def test_what_lies_in_quotes_nests_nothing(text: str, depth: int) -> None:
    assert not is_nested_deeper(text, depth)
    assert not depth or is_nested_deeper(text, depth - 1)


@pytest.mark.parametrize(
    "text",
    [
        None, b"{}", "", "x", "[" * 101 + "]" * 101, " " * LONGEST + "1", "\ud800", "{", '{"a":}',
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_no_json_or_beyond_the_bounds_is_a_value_error(text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


def test_a_number_is_read_as_a_browser_reads_it_or_refused() -> None:
    """A good token is not thrown away for a number beside it; but what is signed says exactly what it says."""
    assert parse_json("9" * 400) == int("9" * 400)
    for digits in ("9" * 401, "9" * 1_000_000):
        assert parse_json(digits) == parse_json(f"-{digits}") * -1 == inf
    assert parse_json("[Infinity, -Infinity]") == [inf, -inf]
    assert isnan(parse_json("NaN"))
    for text in ("9" * 401, "NaN", "-Infinity"):
        with pytest.raises(ValueError, match=r"number|JSON"):
            parse_json(text, exact=True)


def test_names_that_stand_twice_are_counted_in_one_look() -> None:
    """X11: each name is looked at as often among many as among few."""

    class Name(str):
        looks = 0

        def __hash__(self) -> int:
            Name.looks += 1
            return super().__hash__()

        def __eq__(self, other: object) -> bool:
            Name.looks += 1
            return super().__eq__(other)

    def looks(many: int) -> int:
        Name.looks = 0
        assert repeated(Name(n % 7) for n in range(many)) == [str(n) for n in range(7)]
        return Name.looks

    assert looks(4000) <= 4.1 * looks(1000)


JSON_TEXTS = (
    st.text()
    | st.text('[]{}",:\\0123456789eE+-. truefalsn\ud800')
    | st.integers(0, 5000).map(lambda deep: "[" * deep)
    | st.integers(0, 5000).map(lambda deep: '{"a":' * deep + "1" + "}" * deep)
    | st.integers(0, 5000).map(lambda long: f'{{"a":{"9" * long}}}')
)


@given(JSON_TEXTS)
def test_any_text_is_json_or_a_value_error(text: str) -> None:
    """X8"""
    for exact in (True, False):
        twice: list[str] = []
        try:
            parse_json(text, exact=exact, twice=twice)
        except ValueError as error:
            assert str(error)


@given(JSON_TEXTS | st.text("ab.-_=") | st.integers(90_000, 110_000).map(lambda long: "e30." + "a" * long + "."))
def test_any_text_is_a_json_web_token_or_malformed(text: str) -> None:
    """X8"""
    part = urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode()
    for token in (text, f"e30.{part}.", f"{part}.e30.", f"e30.e30.{part}"):
        opened = parse_token(token)
        try:
            claims = unverified_claims(token)
        except MalformedToken as error:
            assert len(part) < 16 or part not in str(error)
        else:
            assert isinstance(claims, dict)
            assert opened.payload in (claims, None), "both readers read the same"


@pytest.mark.parametrize("most", [0, 3, 10])
async def test_a_body_is_read_within_its_bound(most: int) -> None:
    """By the response's own method where it has one, and else afterwards."""
    asked: list[int] = []

    class Bounded(Response):
        async def text_within(self, most: int) -> str | None:
            asked.append(most)
            return None if len(self.body) > most else "text"

    expected = None if most < 4 else "text"
    assert await text_within(Bounded(200, {}, b"text"), most=most) == expected
    assert await text_within(Response(200, {}, b"text"), most=most) == expected
    assert asked == [most]


def test_members_that_stand_there_twice_are_each_told_once() -> None:
    many = {f"no{n}": n for n in range(5_000)}
    json_text = json.dumps(many)
    found: list[str] = []
    parse_json(f"{json_text[:-1]}, {json_text[1:]}", twice=found)
    assert found == list(many)


def test_a_text_may_be_as_long_and_as_deep_as_is_said_and_no_more() -> None:
    """X8: also where an array ends before a deeper one begins."""
    assert parse_json("[1]", longest=3) == [1]
    assert parse_json("[[],[1]]", deepest=2) == [[], [1]]
    for longest, deepest in ((2, 9), (99, 2)):
        with pytest.raises(ValueError, match="too"):
            parse_json("[[],[[]]]", longest=longest, deepest=deepest)


async def test_an_answer_may_be_as_long_as_is_said() -> None:
    assert [await text_within(Response(200, {}, b"123"), most=most) for most in (2, 3)] == [None, "123"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("text/html; charset=utf-8", True),
        ("application/xhtml+xml", True),
        ("Text/HTML", True),
        ("text/plain", False),
        (None, False),
    ],
)
def test_a_page_of_html_is_known_by_its_type(kind: str | None, expected: bool) -> None:
    """F12"""
    assert is_html({} if kind is None else {"Content-Type": kind}) is expected
