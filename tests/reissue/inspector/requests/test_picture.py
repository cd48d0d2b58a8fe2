"""What is drawn, as data: where each thing lies, and that there is never too much of it."""

from collections.abc import Mapping

import pytest
from reissue import EndpointPhase, RefreshPhase, SessionPhase, WaitsFor
from reissue.inspector.requests import axis
from reissue.inspector.requests.lanes import (
    CLOSE,
    COMPACT,
    DENSE,
    ROOMY,
    View,
    choose,
    draw_density,
    draw_lanes,
    label,
    round_up,
)
from reissue.inspector.requests.picture import Picture, fit
from reissue.inspector.requests.scene import Scene
from reissue.inspector.requests.trace import Trace
from reissue.inspector.requests.window import Window
from reissue.inspector.strings import LANGUAGES

from tests.reissue.inspector.requests.story import CANCELLED, DONE, FAILED, REFUSED, REPLAYED, SENT, STARTED, URL, Story

WORDS: Mapping[str, str] = LANGUAGES["en"]


def shown(picture: Picture) -> dict[str, list[str]]:
    return {style: shapes for style, shapes in picture.shapes.items() if shapes}


def lanes(
    story: Story, window: Window, *, layout: object = ROOMY, room: int = 260, scrolled: int = 0, chosen: int = 0
) -> Picture:
    picture = Picture()
    draw_lanes(picture, story.trace.requests.flow, window, 4.0, layout, room=room, scrolled=scrolled, chosen=chosen)  # type: ignore[arg-type]
    return picture


def test_a_replayed_request_is_a_bar_a_refusal_a_line_and_a_bar() -> None:
    story = Story()
    story.storm(1)
    picture = lanes(story, Window(0.0, 4.0, 400))
    top = axis.HEIGHT + ROOMY.top
    assert shown(picture) == {
        "wire": [f"M0 {top}h100v9h-100z"],
        "refusal": [f"M99 {top - 1}h2v11h-2z"],
        "refused": [f"M100 {top + 3}h100v3h-100z"],
        "replay": [f"M200 {top}h100v9h-100z"],
    }
    assert [(text.x, text.text, text.style) for text in picture.texts] == [(3, "200 GET /v1/notes", "ink")]


def test_every_wait_has_its_colour_and_every_bad_end_its_sign() -> None:
    story = Story()
    for number in (1, 2, 3):
        story.request(number, 0.0, STARTED)
    story.request(1, 0.0, WaitsFor.RESUME)
    story.request(2, 0.0, WaitsFor.ADMISSION)  # it waits no time
    story.request(2, 0.0, SENT)
    story.request(3, 0.0, SENT)
    story.request(1, 1.0, WaitsFor.ADMISSION)
    story.request(1, 2.0, WaitsFor.REFRESH)
    story.request(3, 2.0, DONE, status=404)
    story.request(1, 3.0, SENT)
    story.request(2, 3.0, FAILED, error="NetworkError")
    story.request(1, 4.0, CANCELLED)
    picture = lanes(story, Window(0.0, 4.0, 400))
    assert {style: len(shapes) for style, shapes in shown(picture).items()} == {
        "resume": 1,
        "admission": 1,
        "refresh": 1,
        "wire": 3,
        "cancelled": 1,
        "failed": 2,
    }
    assert [(text.text, text.style) for text in picture.texts] == [
        ("GET /v1/notes", "ink"),
        ("NetworkError GET /v1/notes", "failed"),
        ("404 GET /v1/notes", "failed"),
    ]


def test_what_takes_less_than_a_pixel_is_still_seen() -> None:
    story = Story()
    story.whole(1, 1.0, 1.0001)
    for at, phase in ((2.0, STARTED), (2.0, SENT), (2.0001, REFUSED), (2.0002, REPLAYED), (2.0003, DONE)):
        story.request(2, at, phase)
    picture = lanes(story, Window(0.0, 4.0, 400))
    top = axis.HEIGHT + ROOMY.top
    assert shown(picture) == {"wire": [f"M100 {top}h2v9h-2z"], "replay": [f"M200 {top}h2v9h-2z"]}


def test_the_chosen_request_is_marked_in_either_kind_of_lane() -> None:
    story = Story()
    story.storm(2)
    for layout in (ROOMY, COMPACT):
        picture = lanes(story, Window(0.0, 4.0, 400), layout=layout, chosen=2)
        assert len(shown(picture)["chosen"]) == 1
        assert next(iter(picture.shapes)) == "chosen", "below the bars"
    assert not picture.texts, "no text where there is no room for it"


def test_only_the_lanes_in_sight_are_drawn() -> None:
    story = Story()
    story.storm(100)
    picture = lanes(story, Window(0.0, 4.0, 400), room=260, scrolled=26 * 40)
    assert len(picture.shapes["wire"]) == 11
    assert picture.shapes["wire"][0].startswith(f"M0 {axis.HEIGHT + ROOMY.top}h"), "scrolled to the 41st"


def test_a_lane_draws_no_more_than_it_has_pixels_for() -> None:
    story = Story()
    for number in range(5000):
        story.whole(number, number / 1000, number / 1000 + 0.0009)
    picture = lanes(story, Window(0.0, 5.0, 400))
    assert 150 <= len(picture.shapes["wire"]) <= 400
    assert not picture.texts


def test_lanes_are_roomy_then_thinner_then_piled_up_as_they_become_many() -> None:
    window = Window(0.0, 4.0, 800)

    def chosen(count: int, view: View = View.AUTO) -> object:
        story = Story()
        story.storm(count)
        return choose(view, story.trace.requests.flow, window, 260)

    assert chosen(5) == (ROOMY, 5)
    assert chosen(20) == (CLOSE, 20)
    assert chosen(30) == (COMPACT, 30)
    assert chosen(40) == (CLOSE, 40), "to be scrolled"
    assert chosen(60) == (COMPACT, 60), "to be scrolled"
    assert chosen(100) == (DENSE, 0)
    assert chosen(100, View.LANES) == (ROOMY, 100)
    assert chosen(5, View.DENSITY) == (DENSE, 0)


def test_too_many_requests_in_few_lanes_are_piled_up_too() -> None:
    story = Story()
    for number in range(1300):
        story.whole(number, number / 1000, number / 1000 + 0.0005)
    assert choose(View.AUTO, story.trace.requests.flow, Window(0.0, 4.0, 800), 260) == (DENSE, 0)


def density(story: Story, window: Window, now: float = 4.0) -> Picture:
    picture = Picture()
    draw_density(picture, story.trace.requests.flow, window, now, 320)
    return picture


def test_stages_are_piled_up_on_each_other() -> None:
    story = Story()
    for number in range(10):
        story.request(number, 1.0, STARTED)
        story.request(number, 1.0, SENT if number < 4 else WaitsFor.ADMISSION)
    for number in range(4):
        story.request(number, 2.0, DONE)
    picture = density(story, Window(0.0, 4.0, 8))
    bottom, tall = 320 - 6, 320 - axis.HEIGHT - 26
    wire, both = bottom - round(4 * tall / 10 + 0.4), bottom - tall
    assert shown(picture)["wire"] == [f"M0 {bottom}H2V{wire}H4V{bottom}H8z"]
    waits = bottom - round(6 * tall / 10 + 0.4)
    assert shown(picture)["admission"] == [f"M0 {bottom}H2V{both}H4V{waits}H8H8V{bottom}H4V{wire}H2V{bottom}z"]
    assert [text.text for text in picture.texts] in (["10", "5"], ["5", "10"])


def test_bad_ends_show_below_the_piles() -> None:
    story = Story()
    story.whole(1, 1.0, 2.5, status=500)
    picture = density(story, Window(0.0, 4.0, 8))
    assert shown(picture)["failed"] == [f"M4 {320 - 5}h2v5h-2z"]


def test_there_is_no_pile_of_nothing() -> None:
    story = Story()
    assert not shown(density(story, Window(0.0, 4.0, 8)))
    story.whole(1, 1.0, 2.0)
    assert not shown(density(story, Window(5.0, 9.0, 8)))
    assert not shown(density(story, Window(2.5, 9.0, 8)))
    assert len(density(story, Window(0.0, 4.0, 1200)).shapes["wire"]) == 1


def test_a_picture_of_thousands_is_no_bigger_than_its_pixels() -> None:
    story = Story()
    for number in range(5000):
        story.whole(number, number / 1000, number / 1000 + 0.3)
    picture = density(story, Window(0.0, 6.0, 800), now=6.0)
    assert sum(len(shapes) for shapes in picture.shapes.values()) <= 4
    assert sum(len(path) for shapes in picture.shapes.values() for path in shapes) < 8_000  # characters


@pytest.mark.parametrize(
    ("most", "scale"),
    [(0.2, 1), (1, 1), (1.5, 2), (3, 3), (7, 8), (9, 10), (11, 20), (1000.0000001, 1000), (1001, 2000)],
)
def test_the_scale_is_a_figure_that_is_easy_to_read(most: float, scale: int) -> None:
    assert round_up(most) == scale


def head_of(trace: Trace, window: Window, now: float) -> tuple[Picture, list[str]]:
    picture = Picture()
    axis.draw_bands(picture, trace, window, now, 320)
    axis.draw_axis(picture, trace, window, now, WORDS)
    return picture, [text.text for text in picture.texts]


def test_the_head_shows_the_axis_the_token_and_the_calls() -> None:
    story = Story()
    story.call(0.0, EndpointPhase.ASKED, "sign_in")
    story.call(1.0, EndpointPhase.ANSWERED, "sign_in")
    story.session(1.0, SessionPhase.STARTED, remaining=60)
    story.refresh(2.0, RefreshPhase.STARTED)
    story.call(3.0, EndpointPhase.ASKED)
    picture, texts = head_of(story.trace, Window(0.0, 10.0, 1000), 5.0)
    assert texts[:3] == ["0 s", "1 s", "2 s"]
    assert texts[-3:] == ["token, valid for 60 s", "sign-in", "refresh"]
    assert picture.shapes["token"] == [f"M100 {axis.TOKEN}h899v{axis.ROW}h-899z"]
    assert picture.shapes["call"][1].startswith(f"M300 {axis.CALLS}h200"), "up to now"
    assert picture.shapes["band"][0].startswith("M200 "), "from when it began to wait for its turn"
    story.call(5.0, EndpointPhase.FAILED, error="OSError")
    story.refresh(5.0, RefreshPhase.UNAVAILABLE, error="OSError")
    picture, _ = head_of(story.trace, Window(0.0, 10.0, 1000), 6.0)
    assert len(picture.shapes["call_bad"]) == 1
    assert len(picture.shapes["band_bad"]) == 2
    assert not picture.shapes["band"]


def test_a_figure_of_the_axis_is_written_whole_or_not_at_all() -> None:
    story = Story()
    story.whole(1, 0.0, 0.5)
    _, texts = head_of(story.trace, Window(0.0, 1.087, 400), 1.0)
    assert texts[0] == "0.0 s"
    assert not any("…" in text or text.startswith("1.0") for text in texts)


def test_a_visitor_who_is_not_signed_in_is_no_failure() -> None:
    """A resume whose refresh is refused; a session's own refresh that is refused is one."""
    story = Story()
    story.call(0.0, EndpointPhase.ASKED)
    story.call(1.0, EndpointPhase.FAILED, error="GrantRefused")
    picture, texts = head_of(story.trace, Window(0.0, 10.0, 1000), 5.0)
    assert texts[-1] == "nobody is signed in"
    assert picture.shapes["admission"] == [f"M0 {axis.CALLS}h100v{axis.ROW - 6}h-100z"]
    assert not picture.shapes["call_bad"]
    story.refresh(2.0, RefreshPhase.STARTED)
    story.call(2.0, EndpointPhase.ASKED)
    story.call(3.0, EndpointPhase.FAILED, error="GrantRefused")
    picture, texts = head_of(story.trace, Window(0.0, 10.0, 1000), 5.0)
    assert texts[-1] == "refresh"
    assert len(picture.shapes["call_bad"]) == 1


def test_a_token_that_has_run_out_is_a_thin_line() -> None:
    story = Story()
    story.session(0.0, SessionPhase.STARTED, remaining=2)
    story.whole(1, 6.0, 7.0)
    picture, texts = head_of(story.trace, Window(0.0, 10.0, 1000), 7.0)
    assert len(picture.shapes["token_over"]) == 1
    assert "token, expired" in texts
    story.refresh(8.0, RefreshPhase.SUCCEEDED, remaining=None)
    picture, texts = head_of(story.trace, Window(0.0, 16.0, 1000), 16.0)
    assert texts[-1] == "token, lifetime unknown"
    story.session(16.0, SessionPhase.ENDED, reason="signed_out")
    story.trace.found_token(20.0, 0)
    picture, texts = head_of(story.trace, Window(0.0, 40.0, 1000), 21.0)
    assert len(picture.shapes["token_over"]) == 2, "one that was over when it was found is only that"


def test_a_hand_over_and_the_ends_of_sessions_are_marked_through_all_lanes() -> None:
    story = Story()
    story.session(1.0, SessionPhase.STARTED, remaining=60)
    story.refresh(2.0, RefreshPhase.TAKEN_OVER, remaining=60)
    picture, _ = head_of(story.trace, Window(0.0, 4.0, 400), 4.0)
    lines, signs = picture.shapes["mark"][:2], picture.shapes["mark"][2:]
    assert [line.partition("h")[0] for line in lines] == [f"M100 {axis.TOKEN}", f"M200 {axis.TOKEN}"]
    assert "l7 -7" in signs[1], "a diamond"


def test_what_is_out_of_sight_is_not_drawn() -> None:
    story = Story()
    story.session(1.0, SessionPhase.STARTED, remaining=60)
    story.session(1.5, SessionPhase.ENDED, reason="signed_out")
    story.storm(1)
    story.session(4.0, SessionPhase.ENDED, reason="signed_out")
    picture, texts = head_of(story.trace, Window(5.0, 6.0, 400), 6.0)
    assert set(shown(picture)) == {"grid"}
    picture, texts = head_of(Trace(), Window(0.0, 10.0, 400), 10.0)
    assert (shown(picture), texts) == ({}, [])


def test_names_of_calls_do_not_run_into_each_other() -> None:
    story = Story()
    for second in range(6):
        story.call(second, EndpointPhase.ASKED)
        story.call(second + 0.1, EndpointPhase.ANSWERED)
    _, texts = head_of(story.trace, Window(0.0, 6.0, 150), 6.0)
    assert 1 <= texts.count("refresh") <= 3


def test_texts_are_cut_where_there_is_no_room() -> None:
    assert fit("refresh", 100) == "refresh"
    assert fit("refresh", 40) == "refr…"
    assert fit("refresh", 5) == ""
    assert fit("재발행", 30) == "재발…"
    picture = Picture()
    assert not picture.write(0, 0, "refresh", 20)
    assert picture.write(0, 0, "ok", 20)


def test_a_label_says_how_it_ended_and_the_path_and_an_odd_url_as_it_is() -> None:
    story = Story()
    life = story.whole(1, 0.0, 1.0, url="https://api.test")
    assert life is not None
    assert label(life) == "200 GET https://api.test"
    running = story.request(2, 0.0, STARTED, url=URL)
    assert running is not None
    assert label(running) == "GET /v1/notes"


def test_where_there_are_no_lanes_the_time_of_the_chosen_request_is_marked() -> None:
    story = Story()
    story.storm(3)
    window, flow = Window(0.0, 4.0, 400), story.trace.requests.flow
    assert shown(Scene(story.trace, flow, window, 4.0, DENSE, chosen=2).below(200))["ink"] == [
        f"M0 {axis.HEIGHT}h300v3h-300z"
    ]
    assert "ink" not in shown(Scene(story.trace, flow, window, 4.0, DENSE).below(200))
