"""A token's times and lengths in a language's words: plain Python."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

UNITS: Final = (("y", 365 * 86_400), ("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def length(seconds: float, words: Mapping[str, str]) -> str:
    """A length of time in words: `1 min 5 s`."""
    return " ".join(words[f"token.unit.{unit}"].format(count=f"{count:,}") for count, unit in lasting(seconds))


def from_now(seconds: float, words: Mapping[str, str]) -> str:
    """A time relative to now, in words: `in 1 min 5 s`, or `5 s ago`."""
    if round(seconds) == 0:
        return words["token.now"]
    return words["token.in" if seconds > 0 else "token.ago"].format(length=length(seconds, words))


def date_of(time: float) -> str:
    """A time in UTC, as people write it; empty if no calendar has it."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return ""


def lasting(length: float) -> list[tuple[int, str]]:
    """A length of time in its two largest units, of `UNITS`: 3700 s are [(1, "h"), (1, "min")]. Never empty."""
    left = round(min(abs(length), 1e15))
    parts: list[tuple[int, str]] = []
    for unit, size in UNITS:
        count, rest = divmod(left, size)
        if count or (parts and unit != "s"):
            parts.append((count, unit))
            left = rest
        if len(parts) == 2:
            break
    return [part for part in parts if part[0]] or [(left, "s")]
