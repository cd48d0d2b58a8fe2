"""Time on pixels."""

import pytest
from reissue.inspector.requests.window import LONGEST, SHORTEST, Window


def test_times_lie_on_pixels_and_what_is_out_of_sight_just_beyond_the_edge() -> None:
    window = Window(10.0, 20.0, 500)
    assert [window.x(time) for time in (10.0, 15.0, 20.0)] == [0, 250, 500]
    assert [window.x(time) for time in (-1e9, 1e9)] == [-9, 509]
    assert window.time(250) == 15.0


def test_a_zoom_keeps_what_is_under_the_pointer_in_its_place() -> None:
    window = Window(10.0, 20.0, 500)
    near = window.zoomed(0.5, 12.0)
    assert (near.left, near.right) == (11.0, 16.0)
    assert near.x(12.0) == window.x(12.0)
    middle = window.zoomed(2)
    assert (middle.left, middle.right) == (5.0, 25.0)


def test_a_zoom_ends_where_nothing_more_is_to_be_seen() -> None:
    window = Window(10.0, 20.0, 500)
    assert window.zoomed(1e-9).span == pytest.approx(SHORTEST)
    assert window.zoomed(1e9).span == pytest.approx(LONGEST)


def test_it_moves_ends_and_shows() -> None:
    window = Window(10.0, 20.0, 500)
    assert window.moved(-3.0) == Window(7.0, 17.0, 500)
    assert window.ending(12.0) == Window(2.0, 12.0, 500)
    assert window.showing(100.0, 110.0, margin=0.1) == Window(99.0, 111.0, 500)
    assert window.showing(100.0, 100.0).span == pytest.approx(SHORTEST)


def test_columns_end_with_what_has_happened() -> None:
    window = Window(0.0, 10.0, 10)
    assert window.edges(2, 99.0) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert window.edges(2, 5.0) == [0.0, 2.0, 4.0, 5.0]
    assert window.edges(2, -5.0) == [0.0 if window.left <= -5.0 else -5.0]


def test_ticks_are_round_times_after_the_beginning_and_far_enough_apart() -> None:
    window = Window(103.0, 113.0, 900)
    assert window.ticks(100.0)[:3] == [(103.0, "3 s"), (104.0, "4 s"), (105.0, "5 s")]
    assert window.ticks(112.0) == [(112.0, "0 s"), (113.0, "1 s")]
    assert window.zoomed(0.02, 103.0).ticks(103.0)[:2] == [(103.0, "0.00 s"), (103.02, "0.02 s")]
    assert [text for _, text in window.zoomed(1000, 103.0).ticks(103.0)][:2] == ["0 s", "1,000 s"]
    assert [text for _, text in Window(0.0, 0.7, 300).ticks(0.0)] == ["0.0 s", "0.5 s"]
