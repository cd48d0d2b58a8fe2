"""How long a server asks clients to wait before they ask again: the `Retry-After` field (RFC 9110 section 10.2.3)."""

import time
from collections.abc import Callable, Mapping
from typing import Final

LONGEST_WAIT: Final = 3600.0
"""Seconds. A longer Retry-After is cut to this: most come from a wrong clock or a wrong unit."""

_LONGEST_DATE: Final = 100  # characters; an HTTP date has 29


def parse_retry_after(
    value: str | None, *, date: str | None = None, now: Callable[[], float] = time.time
) -> float | None:
    """Seconds to wait, from a number of seconds or an HTTP date; None for anything else. Never raises.

    A date is counted from the response's own `date` where that is known, since the page's clock may be wrong.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    instant = _timestamp(text)
    if instant is None:
        return None
    sent = _timestamp(date or "")
    return min(max(0.0, instant - (now() if sent is None else sent)), LONGEST_WAIT)


def _timestamp(text: str) -> float | None:
    from email.utils import parsedate_to_datetime  # here: a large import for a rare form

    if len(text) > _LONGEST_DATE:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait, by the header fields of an answer; None if they don't say."""
    return parse_retry_after(headers.get("Retry-After"), date=headers.get("Date"))
