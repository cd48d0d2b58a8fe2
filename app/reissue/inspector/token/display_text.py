"""Values of a token as text in which nothing hides: every sign is visible, and long values are cut."""

import json
from itertools import groupby
from typing import Any


def shown(value: Any, longest: int = 2_000) -> str:
    """A value as JSON to look at: on several lines if it has members, and cut where it is very long."""
    indent = 2 if isinstance(value, (dict, list)) and value else None
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False, indent=indent).iterencode(value):
        text += piece
        if len(text) > longest:
            break  # the rest would not be seen, and indentation can make it many times as long as the token
    return visible(text, longest)


def visible(text: str, longest: int = 2_000) -> str:
    """A text in which every sign can be seen: a right-to-left override could make a token look like another."""
    cut = text[:longest] + ("…" if len(text) > longest else "")
    return "".join(sign if sign.isprintable() or sign == "\n" else f"\\u{ord(sign):04x}" for sign in cut)


def compared(text: str, before: str) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether it differs from what stood there before; whole if they are not as long."""
    if len(text) != len(before):
        return [(text, False)]
    signs = zip(text, before, strict=True)
    pieces = groupby(signs, key=lambda pair: pair[0] != pair[1])
    return [("".join(sign for sign, _ in piece), is_other) for is_other, piece in pieces]
