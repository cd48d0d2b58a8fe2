"""A token's times, lengths and findings in words: every language has them all."""

from __future__ import annotations

import pytest
from reissue.inspector.strings import LANGUAGES
from reissue.inspector.token.claims import EXPLAINED, Sort
from reissue.inspector.token.findings import FindingKind
from reissue.inspector.token.wording import UNITS, date_of, from_now, lasting, length
from reissue.tokens.jws import Kind
from reissue.tokens.signatures import Verdict

from tests.reissue.tokens.example_token import NOW

WORDS = LANGUAGES["en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_words_for_all_that_can_be_said_of_a_token(language: str) -> None:
    words = LANGUAGES[language]
    wanted = {f"token.finding.{kind.value}" for kind in FindingKind} | {
        f"token.verdict.{verdict.value}" for verdict in Verdict
    }
    wanted |= {f"token.why.{verdict.value}" for verdict in Verdict if verdict.good or verdict.bad}
    wanted |= {f"token.claim.{name}" for name in (*EXPLAINED, "public", "private")}
    wanted |= {f"token.sort.{sort.value}" for sort in Sort} | {f"token.unit.{unit}" for unit, _ in UNITS}
    wanted |= {f"token.{kind.value}" for kind in Kind if kind not in (Kind.SIGNED, Kind.EMPTY)}
    assert wanted - words.keys() == set()


def test_times_in_words() -> None:
    assert length(3700, WORDS) == "1 h 1 min"
    assert [from_now(seconds, WORDS) for seconds in (61, -5, 0.3)] == ["in 1 min 1 s", "5 s ago", "now"]
    assert from_now(61, LANGUAGES["ko"]) == "1분 1초 뒤"


@pytest.mark.parametrize(
    ("length", "parts"),
    [
        (0, [(0, "s")]),
        (0.4, [(0, "s")]),
        (59, [(59, "s")]),
        (-61, [(1, "min"), (1, "s")]),
        (60, [(1, "min")]),
        (3600, [(1, "h")]),
        (3605, [(1, "h")]),
        (3700, [(1, "h"), (1, "min")]),
        (86_400 * 3 + 7300, [(3, "d"), (2, "h")]),
        (86_400 * 400, [(1, "y"), (35, "d")]),
        (86_400 * 365 + 1, [(1, "y")]),
        (1e308, [(31_709_791, "y"), (359, "d")]),
    ],
)
def test_a_length_of_time_has_two_units_at_most(length: float, parts: list[tuple[int, str]]) -> None:
    assert lasting(length) == parts


def test_dates() -> None:
    assert date_of(NOW) == "2027-01-15 08:00:00 UTC"
    assert [date_of(time) for time in (1e300, -1e300, 1e14)] == ["", "", ""]
