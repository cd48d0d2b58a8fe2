"""The query of a URL, from `params=`."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue import Request
from reissue.http.params import with_params

URL = "https://api.test/v1/notes"


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"page": 2, "ratio": 0.5}, "page=2&ratio=0.5"),
        ({"q": "a b&c=d/é+"}, "q=a%20b%26c%3Dd%2F%C3%A9%2B"),
        ({"done": True, "old": False}, "done=true&old=false"),
        ({"tag": ["a", "b"], "no": (), "one": ("c",)}, "tag=a&tag=b&one=c"),
        ([("tag", "a"), ("tag", "b")], "tag=a&tag=b"),
        ({"left out": None, "tag": ["a", None], "empty": ""}, "tag=a&empty="),
        ("a=1&b=%20", "a=1&b=%20"),
        ("?a=1", "a=1"),
    ],
)
def test_params_become_the_query(params: Any, query: str) -> None:
    assert Request.build(URL, params=params).url == f"{URL}?{query}"


@pytest.mark.parametrize("params", [{}, [], "", "?", {"a": None}, {"a": []}, None])
def test_no_params_leave_the_url_as_it_is(params: Any) -> None:
    assert Request.build(URL, params=params).url == URL


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("/notes?page=2", "/notes?page=2&a=1"),
        ("/notes?", "/notes?a=1"),
        ("/notes?page=2&", "/notes?page=2&a=1"),
        ("/notes#top?no", "/notes?a=1#top?no"),
        ("/notes?page=2#top", "/notes?page=2&a=1#top"),
    ],
)
def test_params_come_after_the_urls_own_query_and_before_its_fragment(url: str, whole: str) -> None:
    assert with_params(url, {"a": 1}) == whole


@pytest.mark.parametrize(
    "params", [7, b"a=1", ["ab"], [b"ab"], [("a",)], [("a", 1, 2)], {1: "a"}, {"a": b"x"}, {"a": {}}, {"a": [[1]]}]
)
def test_what_are_no_params_is_a_type_error(params: Any) -> None:
    with pytest.raises(TypeError, match="param"):
        Request.build(URL, params=params)


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))))
def test_a_server_reads_what_was_given(pairs: list[tuple[str, str]]) -> None:
    query = urlsplit(with_params(URL, pairs)).query
    assert parse_qsl(query, keep_blank_values=True) == pairs
