"""What has happened so far: requests, refreshes, tokens and sessions, as stretches of time.

Knows events and the times at which they came, in seconds of a clock that never goes back; nothing of pixels. It keeps
so many requests and forgets the oldest that have ended, so a page may run for days.
"""

from collections import deque

from ...events import (
    EndpointEvent,
    EndpointPhase,
    Event,
    RefreshEvent,
    RefreshPhase,
    RequestEvent,
    RequestPhase,
    SessionEvent,
    SessionPhase,
    SignOutEvent,
    SignOutPhase,
    WaitsFor,
)
from .flow import Flow
from .life import Life, Outcome, Stage
from .records import Call, Mark, MarkKind, Refresh, Token

KEPT = 10_000
"""How many requests are remembered."""

KEPT_BESIDES = 1_000
"""How many refreshes, calls, tokens and marks are remembered, of each."""


_STAGES = {
    RequestPhase.STARTED: Stage.CALLED,
    RequestPhase.SENT: Stage.WIRE,
    RequestPhase.REFUSED: Stage.REFUSED,
    RequestPhase.REPLAYED: Stage.REPLAY,
}
_WAITS = {
    WaitsFor.RESUME: Stage.RESUME,
    WaitsFor.ADMISSION: Stage.ADMISSION,
    WaitsFor.REFRESH: Stage.REFRESH,
    WaitsFor.STEP_UP: Stage.STEP_UP,
}
_ENDS = {
    RequestPhase.DONE: Outcome.DONE,
    RequestPhase.FAILED: Outcome.FAILED,
    RequestPhase.CANCELLED: Outcome.CANCELLED,
}


class Trace:
    """The record of one client's events. `version` grows with every change."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._kept = kept
        self._lives: dict[int, Life] = {}
        self.flow = Flow()
        self.refreshes: deque[Refresh] = deque(maxlen=KEPT_BESIDES)
        self.calls: deque[Call] = deque(maxlen=KEPT_BESIDES)
        self.tokens: deque[Token] = deque(maxlen=KEPT_BESIDES)
        self.marks: deque[Mark] = deque(maxlen=KEPT_BESIDES)
        self.version = 0
        self.dropped = 0
        self.first: float | None = None
        self.last = 0.0
        self.running = 0
        self._refreshing: dict[int, Refresh] = {}
        self._calling: Call | None = None

    @property
    def lives(self) -> list[Life]:
        """The requests, in the order in which they were called."""
        return list(self._lives.values())

    @property
    def count(self) -> int:
        """How many requests are remembered."""
        return len(self._lives)

    @property
    def busy(self) -> bool:
        """Is a request, a refresh or a call running?"""
        return bool(self.running or self._refreshing or self._calling)

    def life(self, number: int) -> Life | None:
        """The request of this number, if it is remembered."""
        return self._lives.get(number)

    def hear(self, event: Event, at: float, *, remaining: float | None = None) -> None:
        """Record an event. `remaining` is how many seconds the current access token has left."""
        self.version += 1
        self.last = at
        if self.first is None:
            self.first = at
        match event:
            case RequestEvent():
                self._hear_request(event, at)
            case RefreshEvent():
                self._hear_refresh(event, at, remaining)
            case EndpointEvent():
                self._hear_call(event, at)
            case SessionEvent():
                self._hear_session(event, at, remaining)
            case SignOutEvent():
                if event.phase is not SignOutPhase.CONFIRMED:
                    self.marks.append(Mark(at, MarkKind.SIGN_OUT, event.phase.value))
            case _:
                self.marks.append(Mark(at, MarkKind.STORE, event.phase.value))

    def found_token(self, at: float, remaining: float | None) -> None:
        """Record the token of a session that began before the trace."""
        self.version += 1
        self.last = at
        if self.first is None:
            self.first = at
        self._new_token(at, remaining)

    def clear(self) -> None:
        """Forget what has ended."""
        self.version += 1
        running = [life for life in self._lives.values() if life.ended_at is None]
        self._lives = {life.number: life for life in running}
        self.flow = Flow.of(running)
        self.refreshes = deque((each for each in self.refreshes if each.ended_at is None), KEPT_BESIDES)
        self.calls = deque((each for each in self.calls if each.ended_at is None), KEPT_BESIDES)
        self.tokens = deque((each for each in self.tokens if each.ended_at is None), KEPT_BESIDES)
        self.marks.clear()
        self.dropped = 0
        starts = [life.at for life in running] + [refresh.at for refresh in self._refreshing.values()]
        self.first = min(starts, default=self.last)

    def _hear_request(self, event: RequestEvent, at: float) -> None:
        life = self._lives.get(event.request)
        end = _ENDS.get(event.phase)
        if life is None:
            if end is not None:
                return  # it began before the trace
            life = Life(event.request, event.method, event.url, event.replayable, [(at, _stage(event))])
            self._lives[event.request] = life
            self.running += 1
            self.flow.enter(life, at)
            self.flow.change(None, life.stage, at)
            if len(self._lives) > self._kept:
                self._drop()
            return
        if end is None:
            stage = _stage(event)
            self.flow.change(life.stage, stage, at)
            life.steps.append((at, stage))
            return
        life.ended_at, life.status, life.error = at, event.status, event.error
        rejected = end is Outcome.DONE and (event.status or 0) >= 400
        life.outcome = Outcome.REJECTED if rejected else end
        self.running -= 1
        self.flow.leave(life, at)

    def _drop(self) -> None:
        """Forget the oldest requests that have ended; a tenth at a time, since that costs less than one by one."""
        excess = len(self._lives) - self._kept + self._kept // 10
        over = [life for life in self._lives.values() if life.ended_at is not None][:excess]
        for life in over:
            del self._lives[life.number]
        self.dropped += len(over)
        if over:
            self.flow.forget({life.number for life in over})
            self.first = next(iter(self._lives.values())).at

    def _hear_refresh(self, event: RefreshEvent, at: float, remaining: float | None) -> None:
        if event.phase is RefreshPhase.STARTED:
            refresh = Refresh(event.session, at)
            self._refreshing[event.session] = refresh
            self.refreshes.append(refresh)
            return
        running = self._refreshing.pop(event.session, None)
        if running is not None:
            running.ended_at, running.phase = at, event.phase
            running.expires_in, running.retry_after = event.expires_in, event.retry_after
            running.error = event.error
        if event.phase is RefreshPhase.TAKEN_OVER:
            self.marks.append(Mark(at, MarkKind.TAKEN_OVER))
        if event.phase in (RefreshPhase.TAKEN_OVER, RefreshPhase.STEPPED_UP, RefreshPhase.SUCCEEDED):
            self._new_token(at, remaining)

    def _hear_call(self, event: EndpointEvent, at: float) -> None:
        if event.phase is EndpointPhase.ASKED:
            self._calling = Call(event.call, at)
            self.calls.append(self._calling)
        elif self._calling is not None:
            call, self._calling = self._calling, None
            call.ended_at, call.phase, call.error = at, event.phase, event.error

    def _hear_session(self, event: SessionEvent, at: float, remaining: float | None) -> None:
        if event.phase is SessionPhase.STARTED:
            self.marks.append(Mark(at, MarkKind.SESSION_STARTED))
            self._new_token(at, remaining)
            return
        self.marks.append(Mark(at, MarkKind.SESSION_ENDED, event.reason or ""))
        if event.reason != "replaced":  # if it was replaced, the new session's token is recorded already
            self._end_token(at)

    def _new_token(self, at: float, remaining: float | None) -> None:
        self._end_token(at)
        self.tokens.append(Token(at, None if remaining is None else at + remaining))

    def _end_token(self, at: float) -> None:
        if self.tokens and self.tokens[-1].ended_at is None:
            self.tokens[-1].ended_at = at


def _stage(event: RequestEvent) -> Stage:
    return _STAGES[event.phase] if event.waits_for is None else _WAITS[event.waits_for]
