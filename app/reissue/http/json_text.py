"""Text from outside, read within bounds: its length, and for JSON also its depth and its numbers.

Pyodide's stack is the browser's. Where CPython raises RecursionError, a parser that recurses some thousand levels deep
crashes the interpreter, and the page's Python with it. So no text from outside is parsed before its depth was checked.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, Final, TypeGuard

LONGEST_ANSWER: Final = 1_048_576
"""Bytes of an endpoint's answer, of metadata or of a key set. They have a few thousand."""

LONGEST: Final = 2 * LONGEST_ANSWER
"""Characters of a JSON text, unless a caller says otherwise: the tokens of any answer can be stored as JSON."""

_DEEPEST: Final = 100
_DIGITS: Final = 400
"""Digits of a whole number. One of more than 309 is too large for a float, and reading it takes quadratic time."""

# Text in quotes, ended or not, and everything else that is no bracket.
_FLAT = re.compile(r'"(?:[^"\\]|\\.)*+"?|[^][{}"]++', re.DOTALL)


def parse_json(
    text: object,
    *,
    longest: int = LONGEST,
    deepest: int = _DEEPEST,
    exact: bool = False,
    twice: list[str] | None = None,
) -> Any:
    """The value of a JSON text. Raises ValueError for any other, and for one that is too long or nested too deeply.

    A number that is too large becomes infinite, as in a browser, and Python's own `Infinity` and `NaN` are accepted;
    with `exact` both raise. `twice` collects the names that an object has more than once; the last value counts.
    """

    def whole(digits: str) -> int | float:
        if len(digits) <= _DIGITS:
            return int(digits)
        if exact:
            raise ValueError("a number of too many digits")
        return float(digits)

    def constant(name: str) -> float:
        if exact:
            raise ValueError(f"{name} is no JSON")
        return float(name)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert twice is not None
        twice.extend(repeated(name for name, _ in pairs))
        return dict(pairs)

    if not isinstance(text, str) or len(text) > longest:
        raise ValueError("not text, or too long")
    if is_nested_deeper(text, deepest):
        raise ValueError("nested too deeply")
    return json.loads(
        text, parse_int=whole, parse_constant=constant, object_pairs_hook=None if twice is None else members
    )


def is_json_type(headers: Mapping[str, str]) -> bool:
    """Do the header fields of an answer say that its body is JSON (RFC 8259 section 11, RFC 6839 section 3.1)?"""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower().endswith(("/json", "+json"))


def is_html(headers: Mapping[str, str]) -> bool:
    """Do the header fields of an answer say that its body is a page?"""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() in ("text/html", "application/xhtml+xml")


def json_value(text: str) -> Any:
    """The value that a JSON text holds; None for any other text."""
    try:
        return parse_json(text)
    except ValueError:
        return None


def json_object(text: str) -> dict[str, Any]:
    """The object that a JSON text holds; an empty one for any other text."""
    fields = json_value(text)
    return fields if isinstance(fields, dict) else {}


def object_in(data: bytes, *, deepest: int, twice: list[str] | None = None) -> dict[str, Any] | None:
    """The object that a part of a JSON Web Token holds, in UTF-8 (RFC 7519 section 7.2); None if it holds none."""
    try:
        value = parse_json(data.decode(), deepest=deepest, exact=True, twice=twice)
    except ValueError:  # UnicodeDecodeError is one
        return None
    return value if isinstance(value, dict) else None


def is_number(value: object) -> TypeGuard[int | float]:
    """Is this a number? In JSON `true` and `false` are none, though Python's `bool` is an `int`."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


async def text_within(response: Any, *, most: int = LONGEST_ANSWER) -> str | None:
    """The body of a transport's response as text; None if it has more bytes than `most`.

    A response with a method `text_within(most)` stops reading there, and frees the connection. Of any other response
    the whole text is read, and dropped if it is too long.
    """
    bounded = getattr(response, "text_within", None)
    text: str | None = await (response.text() if bounded is None else bounded(most))
    return text if text is not None and len(text) <= most else None


def is_nested_deeper(text: str, levels: int) -> bool:
    """Are the arrays and objects of this text nested deeper than so many levels? Takes linear time."""
    if text.count("[") + text.count("{") <= levels:
        return False
    return max(accumulate((1 if sign in "[{" else -1) for sign in _FLAT.sub("", text)), default=0) > levels


def repeated(names: Iterable[str]) -> list[str]:
    """The names that occur more than once, each once. Takes linear time."""
    return [name for name, times in Counter(names).items() if times > 1]
