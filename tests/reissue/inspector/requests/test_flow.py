"""Lanes and levels: what is where, and how many there are."""

import pytest
from reissue import WaitsFor
from reissue.inspector.requests import flow as flow_module
from reissue.inspector.requests.flow import Flow, Lane, Level
from reissue.inspector.requests.life import Stage

from tests.reissue.inspector.requests.story import DONE, FAILED, REFUSED, REPLAYED, SENT, STARTED, Story


def lanes(flow: Flow) -> list[list[int]]:
    return [[life.number for life in lane.lives] for lane in flow.lanes]


def test_a_request_takes_the_lowest_lane_that_is_free() -> None:
    story = Story()
    for number in (1, 2, 3):
        story.request(number, 0.0, STARTED)
    story.request(2, 1.0, DONE)
    story.request(1, 2.0, DONE)
    for number in (4, 5, 6):
        story.request(number, 3.0, STARTED)
    assert lanes(story.trace.requests.flow) == [[1, 4], [2, 5], [3], [6]]
    assert story.trace.requests.flow.lane_of == {1: 0, 2: 1, 3: 2, 4: 0, 5: 1, 6: 3}


def test_a_request_is_found_by_time_and_lane_and_nothing_beside_it() -> None:
    story = Story()
    story.whole(1, 1.0, 2.0)
    story.request(2, 4.0, STARTED)
    flow = story.trace.requests.flow
    found = [flow.at(time, 0) for time in (0.5, 1.0, 1.5, 2.0, 3.0, 4.5)]
    assert [life and life.number for life in found] == [None, 1, 1, 1, None, 2]
    assert flow.at(1.5, 1) is None
    assert flow.at(1.5, -1) is None


def test_a_lane_gives_those_that_reach_into_a_time_and_the_one_nearest_to_it() -> None:
    story = Story()
    for number in range(1, 6):
        story.whole(number, number, number + 0.5)
    lane = story.trace.requests.flow.lanes[0]
    assert list(lane.between(2.2, 4.0)) == [1, 2]
    assert list(lane.between(2.6, 4.1)) == [2, 3]
    assert list(lane.between(0.0, 0.5)) == []
    assert list(lane.between(9.0, 10.0)) == []
    assert list(Lane().between(0.0, 1.0)) == []
    near = [lane.nearest(time) for time in (0.0, 3.9, 99.0)]
    assert [life and life.number for life in near] == [1, 3, 5]
    assert Lane().nearest(1.0) is None
    assert story.trace.requests.flow.extent(2.2, 4.0) == (1, 2)
    assert story.trace.requests.flow.extent(0.0, 0.5) == (0, 0)


def test_a_level_knows_how_many_there_were_at_any_time_and_on_average() -> None:
    level = Level()
    assert (level.now, level.at(1.0), level.averages([0.0, 1.0])) == (0, 0, [0.0])
    for at, change in ((1.0, 1), (2.0, 1), (2.0, 2), (4.0, -3)):
        level.step(at, change)
    assert [level.at(time) for time in (0.5, 1.0, 2.0, 3.9, 4.0, 99.0)] == [0, 1, 4, 4, 1, 1]
    assert level.now == 1
    assert level.averages([0.0, 1.0, 2.0, 3.0, 5.0, 5.0]) == [0.0, 1.0, 4.0, 2.5, 0.0]
    assert level.averages([0.0, 4.0]) == [(1 + 8) / 4]
    assert level.averages([0.0, 1.0]) == [0.0]


def test_a_level_is_bounded_and_what_is_left_of_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "_MOST_STEPS", 10)
    level = Level()
    for second in range(25):
        level.step(float(second), 1)
    assert level.averages([23.0, 24.0, 25.0]) == [24.0, 25.0]
    assert level.at(1.0) == 0, "forgotten"
    level.forget(-1.0)
    level.forget(24.0)
    assert (level.at(23.0), level.at(24.0)) == (0, 25)


def test_each_stage_has_its_level() -> None:
    story = Story()
    story.storm(3)
    flow = story.trace.requests.flow
    at = {time: {stage: flow.levels[stage].at(time) for stage in flow.levels} for time in (0.5, 1.5, 2.5, 3.5)}
    assert [stages[Stage.WIRE] for stages in at.values()] == [3, 0, 0, 0]
    assert [stages[Stage.REFUSED] for stages in at.values()] == [0, 3, 0, 0]
    assert [stages[Stage.REPLAY] for stages in at.values()] == [0, 0, 3, 0]
    assert [flow.all.at(time) for time in at] == [3, 3, 3, 0]


def test_bad_ends_are_found_by_their_time() -> None:
    story = Story()
    story.whole(1, 0.0, 1.0)
    story.whole(2, 0.0, 2.5, status=500)
    story.request(3, 0.0, STARTED)
    story.request(3, 4.5, FAILED, error="NetworkError")
    assert story.trace.requests.flow.troubled([0.0, 1.5, 3.0, 4.0, 5.0]) == [False, True, False, True]


def test_a_flow_made_afterwards_is_the_one_that_grew() -> None:
    story = Story()
    story.storm(3)
    story.request(4, 3.0, STARTED)
    story.request(4, 3.0, WaitsFor.ADMISSION)
    story.request(5, 3.0, STARTED)
    story.request(5, 3.0, DONE)
    story.request(6, 3.5, REFUSED)
    story.request(6, 4.0, REPLAYED)
    grown, made = story.trace.requests.flow, Flow.of(story.trace.requests.lives)
    assert lanes(made) == lanes(grown)
    assert made.lane_of == grown.lane_of
    for time in (0.5, 1.5, 2.5, 3.0, 3.5, 4.5):
        assert [made.levels[stage].at(time) for stage in made.levels] == [
            grown.levels[stage].at(time) for stage in grown.levels
        ]
    assert made.all.now == grown.all.now == 2
    odd = Flow.of(life for life in story.trace.requests.lives if life.number % 2)
    assert lanes(odd) == [[1, 5], [3]]


def test_what_is_forgotten_leaves_the_rest_where_it_was() -> None:
    story = Story()
    for number in range(1, 5):
        story.whole(number, number, number + 0.5, status=404)
    flow = story.trace.requests.flow
    flow.forget({1, 2})
    assert lanes(flow) == [[3, 4]]
    assert flow.at(3.2, 0) is story.trace.requests.life(3)
    assert flow.troubled([0.0, 3.0, 4.0]) == [False, True]
    flow.forget({3, 4})
    assert lanes(flow) == [[]]
    story.request(9, 9.0, STARTED)
    story.request(9, 9.0, SENT)
    assert flow.lane_of == {9: 0}
