"""A token's times and lengths in a language's words: plain Python."""

from collections.abc import Mapping

from .jwt_view import lasting


def length(seconds: float, words: Mapping[str, str]) -> str:
    """How long that is: `1 min 5 s`."""
    return " ".join(words[f"token.unit.{unit}"].format(count=f"{count:,}") for count, unit in lasting(seconds))


def from_now(seconds: float, words: Mapping[str, str]) -> str:
    """When that is: `in 1 min 5 s`, or `5 s ago`."""
    if round(seconds) == 0:
        return words["token.now"]
    return words["token.in" if seconds > 0 else "token.ago"].format(length=length(seconds, words))
