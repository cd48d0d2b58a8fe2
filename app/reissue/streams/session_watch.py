"""The session that a stream belongs to, watched: its end ends the stream, also while nothing arrives."""

from collections.abc import Callable
from typing import Any

from ..errors import EndReason, SessionChanged, SessionEnded
from ..events import Event, SessionEvent, SessionPhase
from ..http.outcomes import discard_body
from ..session.listeners import Listeners


class SessionWatch:
    """A signal (see `abort_signal`) that fires when the session ends, or the stream is closed.

    `listeners` are those that hear of the session's end: none, for a stream that does not depend on a session.
    `response` is the open one: its connection is closed in the same step, even if no caller reads from it just now.
    The watch must not hold the stream: a stream that is dropped unfinished is let go by its own end.
    """

    def __init__(self, *listeners: Listeners) -> None:
        self.response: Any = None
        self._ended: EndReason | None = None
        self._closed = False
        self._callbacks: list[Callable[[], None]] = []
        self._stops = [each.add(self._hear) for each in listeners]

    @property
    def aborted(self) -> bool:
        """Has the session ended, or is the watch closed?"""
        return self._closed or self._ended is not None

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """As `Signal.subscribe`."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def check(self) -> None:
        """Raises SessionEnded or SessionChanged once the session has ended."""
        if self._ended == "replaced":
            raise SessionChanged
        if self._ended is not None:
            raise SessionEnded(self._ended)

    def let_go(self) -> None:
        """Let go of the connection that is open."""
        response, self.response = self.response, None
        discard_body(response)

    def close(self) -> None:
        """Watch no more, let go of the connection, and interrupt what waits for it."""
        self._closed = True
        for stop in self._stops:
            stop()
        self._fire()

    def _fire(self) -> None:
        self.let_go()
        for callback in tuple(self._callbacks):
            callback()

    def _hear(self, event: Event) -> None:
        if isinstance(event, SessionEvent) and event.phase is SessionPhase.ENDED and self._ended is None:
            self._ended = event.reason
            self._fire()
