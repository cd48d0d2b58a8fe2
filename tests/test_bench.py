"""The figures that people read are those that were measured."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.goals import Goal, at_most, columns, table
from bench.parts import storm
from bench.spreads import Spread, quartiles, ratios, slope, spread

ROOT = Path(__file__).resolve().parents[1]
RESULTS = json.loads((ROOT / "bench" / "results.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", report.DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_figure_of_a_table_is_typed_by_hand(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert re.search("<!-- bench: (goals|short) -->", text)
    assert report.filled(text, report.sections(RESULTS)) == text, "run `make bench ARGS=--only-write`"


def test_the_short_table_hides_no_goal_that_is_not_met() -> None:
    text = report.in_short(RESULTS)
    judged = [goal for goal in report.all_goals(RESULTS) if goal.met is not None]
    assert f"{sum(goal.met is True for goal in judged)} of {len(judged)} goals are met" in text
    assert all(goal.name in text for goal in judged if not goal.met)
    assert text.count("\n|") == 4, "a head and three rows"


def test_every_part_has_been_measured() -> None:
    assert set(RESULTS["parts"]) == set(report.GOALS)


def test_only_what_stands_between_marks_is_filled_in() -> None:
    text = "1\n<!-- bench: a -->\nold\n<!-- /bench -->\n2\n<!-- bench: b -->\nkept\n<!-- /bench -->\n3\n"
    assert report.filled(text, {"a": "new\nlines"}) == text.replace("old", "new\nlines")


def test_a_spread_says_how_far_the_runs_were_apart() -> None:
    assert spread([3, 1, 2]) == Spread(2, 1, 3)
    assert spread([0.1, 0.25, 0.2]).text(0, factor=1000, unit=" ms") == "200 ms (100–250)"
    assert spread([5, 5]).text(0) == "5"
    assert quartiles(range(101)) == Spread(50, 25, 75)


def test_runs_are_compared_with_those_of_their_round() -> None:
    assert ratios([1, 4], [2, 4]) == [0.5, 1]


def test_growth_is_not_fooled_by_one_jump() -> None:
    assert slope([(0, 1), (1, 1), (2, 50), (3, 1), (4, 1)]) == 0
    assert slope([(0, 0), (10, 20), (20, 40)]) == 2


def test_a_goal_is_judged_by_its_median() -> None:
    assert at_most("x", 0.7, Spread(0.7, 0.5, 0.9), "y").met
    assert not at_most("x", 0.7, Spread(0.71, 0.5, 0.9), "y").met
    assert table([Goal("x", "≤ 1", "2", met=False), Goal("y", "", "3")]).splitlines()[2:] == [
        "| x | ≤ 1 | 2 | **not met** |",
        "| y |  | 3 |  |",
    ]
    assert columns(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|--:|\n| 1 | 2 |"


@pytest.mark.parametrize(("rounds", "load", "good"), [(7, 1.0, True), (2, 1.0, False), (7, 8.0, False)])
def test_few_rounds_or_a_busy_machine_are_owned_up_to(rounds: int, load: float, good: bool) -> None:
    part = {"load_before": load, "runs": [{"round": turn} for turn in range(rounds)]}
    assert ("Provisional" not in report.reliance({"parts": {"storm": part}})) is good


def runs(client: str, kind: str, seconds: float, **counted: int) -> list[dict[str, Any]]:
    return [
        {"client": client, "kind": kind, "count": count, "seconds": seconds, "round": 0, "answered": count, **counted}
        for count in storm.COUNTS
    ]


def test_a_storm_that_loses_a_request_misses_its_goal() -> None:
    peers = runs("axiosRefresh", "revoked", 2, requests=2000, refreshes=1) + runs(
        "pyfetch", "valid", 1, requests=1000, refreshes=0
    )
    ours = runs("reissue", "expired", 1, requests=10, refreshes=1) + runs(
        "reissue", "revoked", 1, requests=20, refreshes=1
    )
    raw = {"runs": peers + ours, "refresh": [0.1]}
    assert all(goal.met is not False for goal in storm.goals(raw))
    ours[-1]["answered"] -= 1
    (missed,) = (goal for goal in storm.goals(raw) if goal.met is False)
    assert "1 lost" in missed.found
