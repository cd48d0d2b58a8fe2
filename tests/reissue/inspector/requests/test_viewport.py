"""The stretch of time in sight."""

import pytest
from reissue.inspector.requests.life import Life
from reissue.inspector.requests.viewport import FULL_SPAN, LEAST_SPAN, PAD, Viewport

from tests.reissue.inspector.requests.story import DONE, STARTED, Story


class Seen:
    """A viewport of 1,000 pixels onto a story, whose time is set by hand."""

    def __init__(self) -> None:
        self.story = Story()
        self.time = 0.0
        self.changes = 0
        self.viewport = Viewport(self.story.trace, changed=self.count, clock=lambda: self.time)
        self.viewport.resize(1000)

    def count(self) -> None:
        self.changes += 1

    def edges(self) -> tuple[float, float]:
        self.viewport.keep_up()
        window = self.viewport.window
        return window.left, window.right

    def life(self, number: int) -> Life:
        life = self.story.trace.requests.life(number)
        assert life is not None
        return life


@pytest.fixture
def seen() -> Seen:
    """One request of a second, and one that has been running since."""
    seen = Seen()
    seen.story.whole(1, 100.0, 101.0)
    seen.story.request(2, 102.0, STARTED)
    seen.time = 150.0
    return seen


def test_now_goes_on_only_while_something_is_running(seen: Seen) -> None:
    assert seen.viewport.now == 150.0
    seen.story.request(2, 151.0, DONE)
    seen.time = 200.0
    assert seen.viewport.now == 151.0


def test_it_follows_with_some_room_for_what_comes_next(seen: Seen) -> None:
    left, right = seen.edges()
    assert [right - left, right] == pytest.approx([FULL_SPAN, 150.0 + PAD * FULL_SPAN])
    seen.time = 160.0
    assert seen.edges()[1] == pytest.approx(right + 10.0)


def test_until_the_user_zooms_its_span_grows_with_the_trace() -> None:
    seen = Seen()
    left, right = seen.edges()
    assert right - left == pytest.approx(LEAST_SPAN), "there is nothing yet"
    seen.story.request(1, 0.0, STARTED)
    spans = []
    for seen.time in (0.01, 1.0, 5.0, 60.0):
        left, right = seen.edges()
        spans.append(right - left)
    assert spans == pytest.approx([LEAST_SPAN, 1 + 2 * PAD, 5 * (1 + 2 * PAD), FULL_SPAN])


def test_until_the_user_zooms_it_shows_the_last_burst() -> None:
    """Twenty requests after a minute's pause are no stripe at the right edge."""
    seen = Seen()
    seen.story.whole(1, 0.0, 1.0)
    seen.story.whole(2, 1.5, 2.0)  # soon after: of the same burst
    assert seen.edges()[0] == pytest.approx(0.0, abs=0.1)
    seen.story.whole(3, 60.0, 60.5)
    assert seen.edges() == pytest.approx((60.0, 60.5), abs=0.03)


def test_what_takes_long_is_one_burst_with_what_comes_meanwhile() -> None:
    seen = Seen()
    seen.story.request(1, 10.0, STARTED)
    seen.story.whole(2, 15.0, 15.5)
    seen.time = 16.0
    assert seen.edges()[0] <= 10.0


def test_a_zoom_by_a_button_keeps_the_end_while_it_follows_and_the_middle_if_not(seen: Seen) -> None:
    _, end = seen.edges()
    seen.viewport.zoom(0.5)
    assert seen.viewport.window.right == end
    seen.viewport.follow(False)
    left, right = seen.edges()
    seen.viewport.zoom(2)
    assert sum(seen.edges()) == pytest.approx(left + right)
    assert seen.changes == 3


def test_a_zoom_by_the_pointer_keeps_the_time_under_it(seen: Seen) -> None:
    seen.edges()
    before = seen.viewport.window.time(250)
    seen.viewport.zoom(0.5, 250)
    assert seen.viewport.window.time(250) == pytest.approx(before)


def test_who_moves_or_asks_for_some_time_is_not_carried_on(seen: Seen) -> None:
    left, _ = seen.edges()
    seen.viewport.move(-100)
    assert not seen.viewport.follows
    assert seen.edges()[0] == pytest.approx(left - FULL_SPAN / 10)
    seen.viewport.follow(True)
    seen.viewport.zoom(0.5)
    assert seen.edges()[1] - seen.edges()[0] == pytest.approx(FULL_SPAN / 2), "what the user chose is kept"
    seen.viewport.show(100.0, 102.0)
    assert not seen.viewport.follows
    assert seen.edges() == pytest.approx((99.9, 102.1))


def test_a_request_out_of_sight_is_brought_to_the_middle(seen: Seen) -> None:
    seen.edges()
    seen.viewport.reveal(seen.life(1))
    assert not seen.viewport.follows
    assert sum(seen.edges()) / 2 == pytest.approx(100.5)


def test_a_request_that_the_next_drawing_would_show_does_not_stop_the_following(seen: Seen) -> None:
    seen.viewport.reveal(seen.life(2))
    assert seen.viewport.follows
    assert seen.edges()[1] == pytest.approx(150.0 + PAD * FULL_SPAN)
