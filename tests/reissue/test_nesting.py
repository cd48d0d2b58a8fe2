"""How deeply text is nested."""

import json

import pytest
from reissue.nesting import is_nested_deeper


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
