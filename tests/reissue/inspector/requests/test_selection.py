"""What a filter takes, and when its picture is made anew."""

import pytest
from reissue.inspector.requests.life import Kind
from reissue.inspector.requests.selection import Filter, Selection
from reissue.inspector.requests.trace import Trace
from reissue.testing import Clock

from tests.reissue.inspector.requests.story import CANCELLED, DONE, FAILED, REFUSED, REPLAYED, SENT, STARTED, URL, Story


@pytest.fixture
def story() -> Story:
    """1: answered, 2: still running, 3: replayed, 4: 404, 5: failed, 6: cancelled."""
    story = Story()
    story.whole(1, 0.0, 1.0)
    story.request(2, 0.0, STARTED)
    for at, phase in ((0.0, STARTED), (0.0, SENT), (1.0, REFUSED), (2.0, REPLAYED), (3.0, DONE)):
        story.request(3, at, phase)
    story.whole(4, 0.0, 1.0, status=404, method="POST", url=URL + "/nowhere")
    story.request(5, 0.0, STARTED)
    story.request(5, 1.0, FAILED, error="NetworkError")
    story.request(6, 0.0, STARTED)
    story.request(6, 1.0, CANCELLED)
    return story


@pytest.mark.parametrize(
    ("filter", "taken"),
    [
        (Filter(), [1, 2, 3, 4, 5, 6]),
        (Filter("  "), [1, 2, 3, 4, 5, 6]),
        (Filter(kind=Kind.WAITING), [2]),
        (Filter(kind=Kind.WIRE), []),
        (Filter(kind=Kind.DONE), [1, 3]),
        (Filter(kind=Kind.REPLAYED), [3]),
        (Filter(kind=Kind.PROBLEMS), [4, 5, 6]),
        (Filter("404"), [4]),
        (Filter("#5"), [5]),
        (Filter("post NOWHERE"), [4]),
        (Filter("post 200"), []),
        (Filter("networkerror", Kind.PROBLEMS), [5]),
        (Filter("networkerror", Kind.DONE), []),
    ],
)
def test_a_filter_takes_what_has_every_word_and_is_of_the_kind(story: Story, filter: Filter, taken: list[int]) -> None:
    selection = Selection(story.trace)
    selection.filter = filter
    assert selection.filter == filter
    assert [life.number for life in selection.lives] == taken
    assert sorted(selection.flow.lane_of) == taken
    assert filter.takes_all is (len(taken) == 6)


def test_each_kind_is_counted_as_its_filter_takes_it(story: Story) -> None:
    requests = story.trace.requests
    for _ in range(2):  # the second time, what has ended is forgotten
        for kind in Kind:
            assert requests.counts[kind] == sum(Filter(kind=kind).takes(life) for life in requests.lives), kind
        story.request(2, 4.0, SENT)
        story.trace.clear()
    assert requests.counts[Kind.WIRE] == requests.counts[Kind.ALL] == 1


def test_what_is_forgotten_is_not_counted() -> None:
    story = Story(Trace(kept=10))
    for number in range(1, 13):
        story.whole(number, number, number + 0.5)
    assert story.trace.requests.counts[Kind.DONE] == story.trace.requests.count < 12


def test_without_a_filter_the_flow_is_the_one_that_grows(story: Story) -> None:
    selection = Selection(story.trace)
    assert selection.flow is story.trace.requests.flow
    story.request(7, 9.0, STARTED)
    assert selection.settled


def test_a_filtered_flow_is_made_anew_after_changes_but_not_all_the_time(story: Story) -> None:
    clock = Clock(0.0)
    selection = Selection(story.trace, clock=clock)
    selection.filter = Filter(kind=Kind.WAITING)
    first = selection.flow
    assert selection.settled
    story.request(7, 9.0, STARTED)
    assert not selection.settled
    assert selection.flow is first
    clock.advance(0.3)
    assert [life.number for life in selection.lives] == [2, 7]
    assert selection.flow is not first
    assert selection.settled
    clock.advance(99)
    assert selection.flow is selection.flow, "nothing has changed"
