"""What other pages and stores say is not trusted: any script of the origin can write there."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue.tabs.protocol import Asked, Ended, Granted, Version, over_sign, read, read_over, written

from tests.reissue.test_bad_input import HUGE

NOW = 1_700_000_000.0
DAY = 86_400.0
FAR = ((100 * DAY, "b"), (100 * DAY + 15, "a"))  # seconds from now, and a name


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("12.ab3.4", Version(12, "ab3", 4)),
        (f"1.{'a' * 96}.1", Version(1, "a" * 96, 1)),
        (f"1.{'a' * 97}.1", None),
        ("1.a.b.2", None),
        ("1.a", None),
        ("-1.a.1", None),
        ("1..1", None),
        pytest.param("\u0661.a.1", None, id="a digit of another alphabet"),
        ("1.a.0", None),
        (f"1.a.{2**53 - 1}", Version(1, "a", 2**53 - 1)),
        (f"1.a.{2**53}", None),
        (f"1.a.{'9' * 90}", None),
        (f"{'9' * 86}.a.1", None),
        (f"{'9' * 16}.a.1", None),
        (f"{'9' * 15}.a.1", Version(1_099_999_999_999, "a", 1)),
        (f"{int((NOW + DAY) * 1000)}.a.7", Version(int((NOW + DAY) * 1000), "a", 7)),
        (f"{int((NOW + DAY) * 1000) + 1}.a.7", Version(100_086_400_001, "a", 7)),
        ("1600000000000.a.7", Version(1_600_000_000_000, "a", 7)),
        (7, None),
    ],
    ids=repr,
)
def test_an_edition_is_a_number_a_name_and_a_number_of_a_hundred_signs_at_most(
    text: object, version: Version | None
) -> None:
    assert Version.parse(text, now=NOW) == version


@pytest.mark.parametrize("received_at", [1e12, -1e12, float("nan"), float("inf"), HUGE, True, False, "0", None])
def test_a_credential_that_was_received_at_no_time_is_none(received_at: Any) -> None:
    fields = {"type": "granted", "edition": "1.a.1", "access_token": "a", "received_at": 1_700_000_000}
    assert isinstance(read(json.dumps(fields), now=NOW), Granted)
    assert read(json.dumps({**fields, "received_at": received_at}), now=NOW) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"reason": "refused", "edition": "1.a.1"}, Ended(Version(1, "a", 1), "refused")),
        ({"reason": "signed_out", "edition": "1.a.1"}, Ended(Version(1, "a", 1), "signed_out")),
        ({"reason": "signed_out", "edition": None}, Ended(None, "signed_out")),
        (
            {"reason": "signed_out", "edition": "1.a.1", "passed_on": True},
            Ended(Version(1, "a", 1), "signed_out", passed_on=True),
        ),
        ({"reason": "signed_out", "edition": "1.a.1", "passed_on": 1}, Ended(Version(1, "a", 1), "signed_out")),
        ({"reason": "refused", "edition": None}, None),
        ({"reason": "closed", "edition": "1.a.1"}, None),
        ({"reason": "replaced", "edition": "1.a.1"}, None),
        ({"edition": "1.a.1"}, None),
    ],
    ids=repr,
)
def test_a_page_ends_the_session_of_another_by_a_refusal_or_a_sign_out_and_nothing_else(
    fields: dict[str, Any], message: Ended | None
) -> None:
    assert read(json.dumps({"type": "ended", **fields}), now=NOW) == message


@pytest.mark.parametrize("kind", ["granted", "late"])
def test_a_message_that_brings_no_token_that_can_be_sent_is_none(kind: str) -> None:
    fields = {"type": kind, "edition": "1.a.1", "access_token": "a", "received_at": 1_700_000_000}
    assert read(json.dumps(fields), now=NOW) is not None
    assert read(json.dumps({**fields, "access_token": "two words"}), now=NOW) is None


def test_a_message_holds_no_lists_and_no_objects() -> None:
    """X9: none that this library writes does, and a parser that need not go deep can't be led astray."""
    assert read('{"type": "asked"}', now=NOW) == Asked()
    assert read('{"type": "asked", "more": []}', now=NOW) is None


@pytest.mark.parametrize("passed_on", [False, True])
@pytest.mark.parametrize("version", [Version(1, "a", 1), None])
def test_a_sign_out_is_read_as_it_was_written(version: Version | None, passed_on: bool) -> None:
    message = Ended(version, "signed_out", passed_on)
    assert read(written(message), now=NOW) == message


def test_an_issue_of_the_same_session_is_newer_by_its_number_whenever_that_was_dated() -> None:
    """X9: two pages may have dated one session differently, as the clock was put right in between."""
    early, late = Version(1, "a", 7), Version(2_000, "a", 6)
    assert early.is_newer_than(late)
    assert not late.is_newer_than(early)
    assert not early.is_newer_than(early)
    assert max(early, late) == max(late, early) == early
    assert not late.began_after(early)
    assert late.began_after(Version(1_999, "b", 8))
    assert max(Version(1, "b", 1), early, key=lambda version: version.age).session == "b"


@given(
    st.text("0123456789.ab")
    | st.tuples(st.integers(0), st.text("abc0"), st.integers(0)).map(lambda t: ".".join(map(str, t)))
)
def test_whatever_names_an_edition_began_within_a_day_from_now(text: str) -> None:
    """X9"""
    version = Version.parse(text, now=NOW)
    if version is not None:
        assert 0 <= version.began <= (NOW + DAY) * 1000
        assert 0 < version.number < 2**53
        assert Version.parse(str(version), now=NOW) == version


@pytest.mark.parametrize("year", [2001, 2020, 2021, 2026, 2051, 2052, 2053, 2100, 9999])
def test_times_in_the_far_future_keep_their_order_and_are_before_all_others(year: int) -> None:
    """X9: by a clock of the year 1970 each is; before 2052 two sessions may have begun within a second."""
    began = int(datetime(year, 7, 1, tzinfo=UTC).timestamp() * 1000)
    apart = 1 if 2020 < year < 2052 else 10_000
    times = [Version(began + after, "a", 1).dated(0).began for after in (-366 * 86_400_000, 0, apart, 86_400_000)]
    assert times == sorted(times)
    assert 0 < times[0] <= times[-1] < 1_600_000_000_000
    assert times[1] < times[2] or year <= 2020


def test_sessions_that_began_in_the_far_future_keep_their_order() -> None:
    """X9: the clock is put back by months: a sign-out of the first ends no session that began after it."""
    first, second, now = (Version(int((NOW + after) * 1000), name, 1).dated(NOW) for after, name in (*FAR, (0, "0")))
    assert second.began_after(first)
    assert now.began_after(second)


def test_what_a_tab_has_held_last_is_told_from_what_it_holds() -> None:
    """S3"""
    version = Version(int(NOW * 1000), "a", 1)
    sign = over_sign(version)
    assert sign is not None
    assert read_over(sign, now=NOW) == version
    assert Version.parse(sign, now=NOW) is None
    assert read_over(str(version), now=NOW) is None
    assert over_sign(None) is None
