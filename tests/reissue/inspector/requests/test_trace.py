"""What the inspector's record holds of a client's events."""

from reissue import EndpointPhase, RefreshPhase, SessionPhase, SignOutPhase, StorePhase, WaitsFor
from reissue.inspector.requests.life import Outcome, Stage
from reissue.inspector.requests.records import Mark, MarkKind
from reissue.inspector.requests.trace import Trace

from tests.reissue.inspector.requests.story import CANCELLED, DONE, FAILED, REFUSED, REPLAYED, SENT, STARTED, Story


def test_a_request_is_stretches_of_time_from_its_call_to_its_end() -> None:
    story = Story()
    for at, phase in (
        (1.0, STARTED),
        (1.0, WaitsFor.RESUME),
        (2.0, WaitsFor.ADMISSION),
        (3.0, WaitsFor.REFRESH),
        (4.0, SENT),
        (5.0, REFUSED),
        (7.0, REPLAYED),
    ):
        story.request(1, at, phase)
    life = story.trace.requests.life(1)
    assert life is not None
    assert (life.outcome, life.ended_at, life.duration(8.0)) == (Outcome.RUNNING, None, 7.0)
    assert life.spans(8.0)[-1] == (Stage.REPLAY, 7.0, 8.0)
    story.request(1, 9.0, DONE)
    assert life.spans(20.0) == [
        (Stage.CALLED, 1.0, 1.0),
        (Stage.RESUME, 1.0, 2.0),
        (Stage.ADMISSION, 2.0, 3.0),
        (Stage.REFRESH, 3.0, 4.0),
        (Stage.WIRE, 4.0, 5.0),
        (Stage.REFUSED, 5.0, 7.0),
        (Stage.REPLAY, 7.0, 9.0),
    ]
    assert (life.outcome, life.status, life.duration(20.0)) == (Outcome.DONE, 200, 8.0)
    assert life.was_refused


def test_each_end_is_told_apart() -> None:
    story = Story()
    for number in range(1, 5):
        story.request(number, 0.0, STARTED)
    assert story.trace.requests.running == 4
    assert story.trace.busy
    story.request(1, 1.0, DONE, status=399)
    story.request(2, 1.0, DONE, status=400)
    story.request(3, 1.0, FAILED, error="NetworkError")
    story.request(4, 1.0, CANCELLED)
    ends = [life.outcome for life in story.trace.requests.lives]
    assert ends == [Outcome.DONE, Outcome.REJECTED, Outcome.FAILED, Outcome.CANCELLED]
    assert [life.error for life in story.trace.requests.lives] == [None, None, "NetworkError", None]
    assert not story.trace.busy


def test_a_request_that_began_before_the_panel_was_there_is_shown_from_then_on_and_its_mere_end_is_not() -> None:
    story = Story()
    story.request(7, 1.0, REPLAYED)
    story.request(8, 1.0, DONE)
    story.request(7, 2.0, DONE)
    (life,) = story.trace.requests.lives
    assert (life.number, life.at, life.spans(2.0)) == (7, 1.0, [(Stage.REPLAY, 1.0, 2.0)])
    assert story.trace.requests.running == 0


def test_the_oldest_requests_that_have_ended_are_forgotten_and_it_is_said() -> None:
    story = Story(Trace(kept=20))
    story.request(1, 0.0, STARTED)
    story.request(1, 0.0, SENT)  # and it stays there
    for number in range(2, 21):
        story.whole(number, number, number + 0.5)
    assert (story.trace.requests.count, story.trace.requests.dropped) == (20, 0)
    story.request(21, 21.0, STARTED)
    assert (story.trace.requests.count, story.trace.requests.dropped) == (18, 3)
    assert [life.number for life in story.trace.requests.lives][:3] == [1, 5, 6]
    assert story.trace.first == 0.0
    assert story.trace.requests.flow.at(2.2, 1) is None
    assert story.trace.requests.flow.at(5.2, 1) is story.trace.requests.life(5)
    story.request(1, 22.0, DONE)
    assert story.trace.requests.flow.all.now == 1


def test_what_has_not_ended_is_never_forgotten() -> None:
    story = Story(Trace(kept=10))
    for number in range(1, 15):
        story.request(number, float(number), STARTED)
    assert (story.trace.requests.count, story.trace.requests.dropped, story.trace.requests.running) == (14, 0, 14)


def test_a_refresh_is_a_stretch_with_its_outcome_and_the_call_within_it_is_another() -> None:
    story = Story()
    story.refresh(1.0, RefreshPhase.STARTED)
    assert story.trace.busy
    story.call(2.0, EndpointPhase.ASKED)
    story.call(3.0, EndpointPhase.FAILED, error="TimeoutError")
    story.refresh(3.5, RefreshPhase.UNAVAILABLE, error="TimeoutError", retry_after=9)
    (refresh,), (call,) = story.trace.refreshes, story.trace.calls
    assert (refresh.at, refresh.ended_at, refresh.phase) == (1.0, 3.5, RefreshPhase.UNAVAILABLE)
    assert (refresh.error, refresh.retry_after) == ("TimeoutError", 9)
    assert (call.call, call.at, call.ended_at, call.phase, call.error) == (
        "refresh",
        2.0,
        3.0,
        EndpointPhase.FAILED,
        "TimeoutError",
    )
    assert not story.trace.busy
    assert not story.trace.tokens


def test_the_end_of_a_call_or_a_refresh_whose_beginning_was_not_heard_is_passed_over() -> None:
    story = Story()
    story.call(1.0, EndpointPhase.ANSWERED)
    story.refresh(1.0, RefreshPhase.REFUSED, error="invalid_grant")
    assert not story.trace.calls
    assert not story.trace.refreshes


def test_a_token_lives_until_another_takes_its_place_or_the_session_ends() -> None:
    story = Story()
    story.session(0.0, SessionPhase.STARTED, remaining=60)
    story.refresh(50.0, RefreshPhase.STARTED)
    story.refresh(51.0, RefreshPhase.SUCCEEDED, remaining=None)
    story.session(80.0, SessionPhase.ENDED, reason="signed_out")
    story.session(90.0, SessionPhase.ENDED, reason="signed_out")
    lives = [(token.at, token.expires_at, token.ended_at) for token in story.trace.tokens]
    assert lives == [(0.0, 60.0, 51.0), (51.0, None, 80.0)]
    assert story.trace.marks[1] == Mark(80.0, MarkKind.SESSION_ENDED, "signed_out")


def test_a_session_that_is_replaced_does_not_end_the_next_ones_token() -> None:
    story = Story()
    story.trace.found_token(0.0, 30)
    story.trace.found_token(1.0, 20)
    story.session(1.0, SessionPhase.ENDED, reason="replaced")
    assert [token.ended_at for token in story.trace.tokens] == [1.0, None]
    story.session(2.0, SessionPhase.ENDED)
    assert story.trace.marks[-1].detail == ""


def test_a_sign_out_that_the_server_has_not_confirmed_is_marked() -> None:
    story = Story()
    for at, phase in enumerate(SignOutPhase):
        story.sign_out(at, phase)
    others = [(mark.kind, mark.detail) for mark in story.trace.marks]
    assert others == [(MarkKind.SIGN_OUT, phase.value) for phase in SignOutPhase if phase is not SignOutPhase.CONFIRMED]


def test_what_another_tab_hands_over_is_marked_and_ends_a_refresh_of_this_one() -> None:
    story = Story()
    story.refresh(1.0, RefreshPhase.STARTED)
    story.refresh(2.0, RefreshPhase.TAKEN_OVER, remaining=40)
    story.store(3.0, StorePhase.CORRUPTED)
    assert [(refresh.phase, refresh.ended_at) for refresh in story.trace.refreshes] == [(RefreshPhase.TAKEN_OVER, 2.0)]
    assert list(story.trace.marks) == [Mark(2.0, MarkKind.TAKEN_OVER), Mark(3.0, MarkKind.STORE, "corrupted")]
    assert story.trace.tokens[-1].expires_at == 42.0


def test_clearing_keeps_what_is_on_its_way() -> None:
    story = Story()
    story.session(0.0, SessionPhase.STARTED, remaining=60)
    story.whole(1, 1.0, 2.0)
    story.refresh(2.0, RefreshPhase.STARTED)
    story.refresh(3.0, RefreshPhase.SUCCEEDED, remaining=60)
    story.request(2, 4.0, STARTED)
    story.request(2, 5.0, SENT)
    story.trace.clear()
    assert [life.number for life in story.trace.requests.lives] == [2]
    assert (len(story.trace.refreshes), len(story.trace.marks), len(story.trace.tokens)) == (0, 0, 1)
    assert (story.trace.first, story.trace.requests.running) == (4.0, 1)
    story.request(2, 6.0, DONE)
    assert story.trace.requests.flow.all.now == 0
    story.trace.clear()
    assert (story.trace.requests.count, story.trace.first) == (0, 6.0)
