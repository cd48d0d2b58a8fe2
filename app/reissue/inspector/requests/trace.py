"""What has happened so far: requests, refreshes, tokens and sessions, as stretches of time.

Knows events and the times at which they came, in seconds of a clock that never goes back; nothing of pixels.
"""

from collections import deque

from ...errors import GrantRefused
from ...events import (
    CookieEvent,
    EndpointEvent,
    EndpointPhase,
    Event,
    RefreshEvent,
    RefreshPhase,
    RequestEvent,
    SessionEvent,
    SessionPhase,
    SignOutEvent,
    SignOutPhase,
    StoreEvent,
)
from .records import Call, Mark, MarkKind, Refresh, Token
from .request_log import KEPT, RequestLog

PAUSE = 1.0
"""Seconds without an event, and with nothing running, after which the next event begins another burst."""

KEPT_BESIDES = 1_000
"""How many refreshes, calls, tokens and marks are remembered, of each."""

NOBODY = GrantRefused.__name__
"""The error of a refresh that the endpoint refuses. At a resume it only means that nobody is signed in."""


class Trace:
    """The record of one client's events. `version` grows with every change."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self.requests = RequestLog(kept=kept)
        self.refreshes: deque[Refresh] = deque(maxlen=KEPT_BESIDES)
        self.calls: deque[Call] = deque(maxlen=KEPT_BESIDES)
        self.tokens: deque[Token] = deque(maxlen=KEPT_BESIDES)
        self.marks: deque[Mark] = deque(maxlen=KEPT_BESIDES)
        self.version = 0
        self.first: float | None = None
        self.last = 0.0
        self.burst = 0.0  # when the last burst began
        self._refreshing: dict[int, Refresh] = {}
        self._calling: Call | None = None

    @property
    def busy(self) -> bool:
        """Is a request, a refresh or a call running?"""
        return bool(self.requests.running or self._refreshing or self._calling)

    def hear(self, event: Event, at: float, *, remaining: float | None = None) -> None:
        """Record an event. `remaining` is how many seconds the current access token has left."""
        self._change(at)
        match event:
            case RequestEvent():
                if self.requests.hear(event, at):
                    self.first = self.requests.oldest.at
            case RefreshEvent():
                self._hear_refresh(event, at, remaining)
            case EndpointEvent():
                self._hear_call(event, at)
            case SessionEvent():
                self._hear_session(event, at, remaining)
            case SignOutEvent():
                if event.phase is not SignOutPhase.CONFIRMED:
                    self.marks.append(Mark(at, MarkKind.SIGN_OUT, event.phase.value))
            case StoreEvent():
                self.marks.append(Mark(at, MarkKind.STORE, event.phase.value))
            case CookieEvent():
                self.marks.append(Mark(at, MarkKind.WITHOUT_COOKIE, event.url))
            case _:
                self.marks.append(Mark(at, MarkKind.WITHOUT_TOKEN, event.url, event.audience))

    def found_token(self, at: float, remaining: float | None) -> None:
        """Record the token of a session that began before the trace."""
        self._change(at)
        self._new_token(at, remaining)

    def clear(self) -> None:
        """Forget what has ended."""
        self.version += 1
        self.requests.clear()
        self.refreshes = deque((each for each in self.refreshes if each.ended_at is None), KEPT_BESIDES)
        self.calls = deque((each for each in self.calls if each.ended_at is None), KEPT_BESIDES)
        self.tokens = deque((each for each in self.tokens if each.ended_at is None), KEPT_BESIDES)
        self.marks.clear()
        starts = [life.at for life in self.requests.lives] + [refresh.at for refresh in self._refreshing.values()]
        self.first = self.burst = min(starts, default=self.last)

    def _change(self, at: float) -> None:
        self.version += 1
        if self.first is None:
            self.first = self.burst = at
        elif not self.busy and at - self.last > PAUSE:
            self.burst = at
        self.last = at

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
            call.found_nobody = call.call == "refresh" and event.error == NOBODY and not self._refreshing

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
