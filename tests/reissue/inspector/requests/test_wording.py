"""What is said of a request, and of a moment."""

from collections.abc import Mapping

from reissue import EndpointPhase, RefreshPhase, SessionPhase, WaitsFor
from reissue.inspector.requests import axis, wording
from reissue.inspector.requests.trace import Trace
from reissue.inspector.requests.window import Window
from reissue.inspector.strings import LANGUAGES, language_of

from tests.reissue.inspector.requests.story import CANCELLED, DONE, FAILED, SENT, STARTED, Story

WORDS: Mapping[str, str] = LANGUAGES["en"]
WINDOW = Window(0.0, 10.0, 1000)


def test_everything_about_a_request_is_told() -> None:
    story = Story()
    story.storm(1)
    life = story.trace.requests.life(1)
    assert life is not None
    assert wording.lines(life, 9.0, WORDS) == [
        "#1  GET  done, 200  3.00 s",
        "https://api.test/v1/notes",
        "0.0 ms  on the wire  1.00 s",
        "1.00 s  401, waits for the refresh  1.00 s",
        "2.00 s  sent again  1.00 s",
    ]
    assert wording.sentence(life, 9.0, WORDS) == (
        "Request 1: GET https://api.test/v1/notes, done, 200, 3.00 s, on the wire 1.00 s, "
        "401, waits for the refresh 1.00 s, sent again 1.00 s"
    )


def test_a_request_on_its_way_tells_what_it_does_now_and_how_it_failed_later() -> None:
    story = Story()
    life = story.request(1, 0.0, STARTED, replayable=False)
    assert life is not None
    assert wording.lines(life, 0.5, WORDS)[2] == "0.0 ms  called  500 ms"
    story.request(1, 1.0, WaitsFor.ADMISSION)
    assert wording.outcome(life, WORDS) == "waits its turn for the wire"
    assert [step.name for step in wording.steps(life, 2.0, WORDS)] == ["called", "waits its turn for the wire"]
    assert wording.lines(life, 2.0, WORDS)[-1] == "Body: can be sent only once"
    assert wording.sentence(life, 2.0, WORDS).endswith("Body can be sent only once")
    story.request(1, 3.0, FAILED, error="NetworkError")
    assert wording.outcome(life, WORDS) == "failed, NetworkError"
    other = story.request(2, 3.0, STARTED)
    story.request(2, 4.0, CANCELLED)
    assert other is not None
    assert wording.outcome(other, WORDS) == "cancelled"


def test_times_have_units_that_fit() -> None:
    times = [wording.duration(seconds) for seconds in (0.00085, 0.0123, 0.999, 1.5, 119, 600)]
    assert times == ["0.8 ms", "12 ms", "999 ms", "1.50 s", "119.00 s", "10 min"]


def test_a_moment_tells_how_many_requests_are_at_which_stage() -> None:
    story = Story()
    story.storm(3)
    assert wording.counts(story.trace.requests.flow, 1.5, WORDS) == ["3  401, waits for the refresh"]
    assert wording.counts(story.trace.requests.flow, 9.0, WORDS) == []


def test_the_head_tells_of_refreshes_calls_tokens_and_marks() -> None:
    story = Story()
    trace = story.trace
    story.call(0.0, EndpointPhase.ASKED, "sign_in")
    story.call(0.5, EndpointPhase.FAILED, "sign_in", error="GrantRefused")
    story.session(1.0, SessionPhase.STARTED, remaining=2)
    story.refresh(4.0, RefreshPhase.STARTED)
    story.call(4.5, EndpointPhase.ASKED)

    def at(seconds: float, y: int = axis.TOKEN) -> list[str]:
        return wording.of_the_axis(trace, WINDOW, 5.0, round(seconds * 100), y, WORDS)

    assert at(4.2, axis.CALLS) == ["Refresh running", "1.00 s", "refresh  500 ms"]
    assert at(0.2, axis.CALLS) == ["sign-in  GrantRefused  500 ms"]
    assert at(2.5, axis.CALLS) == []
    assert at(1.0) == ["Signed in"]
    assert at(0.5) == []
    assert at(2.0) == ["token, valid for 2 s"]
    assert at(3.5) == ["token, expired"]
    story.call(6.0, EndpointPhase.FAILED, error="OSError")
    story.refresh(6.0, RefreshPhase.UNAVAILABLE, error="OSError")
    assert at(5.0, axis.CALLS)[0] == "Refresh failed; it can be tried later: OSError"
    trace.found_token(7.0, None)
    assert at(8.0) == ["token, lifetime unknown"]
    story.session(9.0, SessionPhase.ENDED, reason="signed_out")
    assert at(9.0) == ["Session ended (signed_out)"]
    assert at(9.5) == []


def test_the_totals_say_what_is_on_its_way_and_what_is_hidden() -> None:
    story = Story(Trace(kept=10))
    assert wording.totals(story.trace, 0, WORDS) == "Requests: 0"
    for number in range(1, 11):
        story.whole(number, number, number)
    story.request(11, 20.0, STARTED)
    story.request(11, 20.0, SENT)
    story.request(12, 20.0, STARTED)
    assert wording.totals(story.trace, 3, WORDS) == (
        "Requests: 3 of 10 · 1 on the wire · 1 waiting · the oldest 2 are forgotten"
    )
    story.request(11, 21.0, DONE)
    story.request(12, 21.0, SENT)
    assert wording.totals(story.trace, 10, WORDS) == "Requests: 10 · 1 on the wire · the oldest 2 are forgotten"


def test_the_news_are_the_last_refresh_or_the_end_of_the_session() -> None:
    story = Story()
    assert wording.news(story.trace, WORDS) == ""
    story.session(0.0, SessionPhase.STARTED)
    assert wording.news(story.trace, WORDS) == "Signed in"
    story.refresh(1.0, RefreshPhase.STARTED)
    assert wording.news(story.trace, WORDS) == "Refresh running"
    story.refresh(2.0, RefreshPhase.SUCCEEDED)
    assert wording.news(story.trace, WORDS) == "Token renewed"
    story.session(3.0, SessionPhase.ENDED, reason="refused")
    assert wording.news(story.trace, WORDS) == "Session ended"


def test_a_request_that_left_without_a_token_says_why() -> None:
    story = Story()
    assert wording.warning(story.trace, WORDS) == ""
    story.without_token(1.0, "https://api.test/v2/notes")
    story.session(2.0, SessionPhase.STARTED)
    told = "https://api.test/v2/notes left without a token: it is outside the audience https://api.test/v1/"
    assert wording.warning(story.trace, WORDS) == told
    assert wording.of_the_axis(story.trace, Window(0.0, 10.0, 1000), 5.0, 100, axis.TOKEN, WORDS) == [told]
    story.without_token(3.0, "https://api.test/v2/notes")
    assert wording.news(story.trace, WORDS) == told


def test_an_endpoint_that_got_no_cookie_is_told_like_a_request_without_a_token() -> None:
    story = Story()
    story.without_cookie(1.0, "https://auth.test/refresh")
    told = 'https://auth.test/refresh got no cookie: it is on another origin, and has no credentials="include"'
    assert wording.warning(story.trace, WORDS) == told


def test_a_refused_resume_is_told_as_what_it_means() -> None:
    story = Story()
    story.call(0.0, EndpointPhase.ASKED)
    story.call(1.0, EndpointPhase.FAILED, error="GrantRefused")
    told = wording.of_the_axis(story.trace, Window(0.0, 10.0, 1000), 5.0, 50, axis.CALLS, WORDS)
    assert told == ["nobody is signed in  1.00 s"]


def test_it_says_which_lanes_are_in_sight_unless_all_are() -> None:
    assert wording.lanes_in_sight(1, 21, 21, WORDS) == ""
    assert wording.lanes_in_sight(1, 10, 21, WORDS) == "Lanes 1–10 of 21: scroll for the rest"
    assert wording.lanes_in_sight(12, 22, 21, WORDS) == "Lanes 12–21 of 21: scroll for the rest"


def test_a_language_is_found_by_its_tag() -> None:
    tags = ("ko", "ko-KR", "KO_kr", "en-GB", "fr", "", "kok")
    assert [language_of(tag) for tag in tags] == ["ko", "ko", "ko", "en", None, None, None]
