"""When a server asks to be asked again: seconds, or a date by the server's own clock."""

from datetime import UTC, datetime
from email.utils import format_datetime

from hypothesis import given
from hypothesis import strategies as st
from reissue.http.retry_after import LONGEST_WAIT, parse_retry_after


@given(st.text())
def test_any_retry_after_is_seconds_or_none(text: str) -> None:
    seconds = parse_retry_after(text)
    assert seconds is None or seconds >= 0


def test_retry_after_is_seconds_or_a_date() -> None:
    now = 1_700_000_000.0
    date = format_datetime(datetime.fromtimestamp(now + 90, UTC), usegmt=True)
    assert parse_retry_after(" 12 ") == 12
    assert parse_retry_after(date, now=lambda: now) == 90
    assert parse_retry_after(date, now=lambda: now + 1000) == 0
    assert [parse_retry_after(text) for text in (None, "", "soon", "-5", "1.5", "١٢")] == [None] * 6
    assert parse_retry_after("9" * 400) is not None


def test_a_date_is_counted_from_the_responses_own() -> None:
    """F2, T12: a page's clock that is a day behind."""
    after, sent = "Tue, 14 Nov 2023 22:13:30 GMT", "Tue, 14 Nov 2023 22:13:20 GMT"
    assert parse_retry_after(after, date=sent, now=lambda: 0.0) == 10
    assert parse_retry_after(after, date="yesterday", now=lambda: 1_700_000_000.0) == 10
    assert parse_retry_after(after, now=lambda: 0.0) == LONGEST_WAIT
    assert parse_retry_after("1700000000") == LONGEST_WAIT
    assert parse_retry_after(after + " " * 100 + sent, now=lambda: 0.0) is None, "no date is so long"
