"""The sessions of one client, one after the other: at most one is alive."""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Protocol
from weakref import WeakSet

from ..errors import EndReason, SessionEnded
from ..events import SessionEvent, SessionPhase
from ..tabs.shared_session import SharedSession
from ..tokens.credentials import Credential
from .endpoint_calls import EndpointCalls
from .session import Session
from .settings import SessionSettings


class WaitingRequests(Protocol):
    """The requests that wait to be sent in these sessions: `Admissions`."""

    def dismiss(self) -> None:
        """A session has ended: each request in line must check whether its own session has."""
        ...

    def clear(self) -> None:
        """The client now runs in another event loop: no request is in line any more."""
        ...


class Follower(Protocol):
    """A derived lifecycle: its sessions depend on these."""

    def follow(self) -> None:
        """A session has ended, perhaps the one that the follower's session depends on."""
        ...


class Succession:
    """Begins sessions and ends them. `prepare` is called with each new session before any listener or other tab."""

    def __init__(
        self,
        settings: SessionSettings,
        calls: EndpointCalls,
        shared: SharedSession,
        *,
        waiting: WaitingRequests,
        prepare: Callable[[Session], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self.calls = calls
        self.shared = shared
        self.latest: Session | None = None
        self.interruptions = 0  # sign-outs, and `close()`: each overtakes a sign-in or a resume that is on its way
        self.sign_outs = 0  # in this tab, and those that it has heard of
        self.closed = False
        self.followers: WeakSet[Follower] = WeakSet()
        self._waiting = waiting
        self._prepare = prepare
        self._numbers = count(1)

    @property
    def alive(self) -> Session | None:
        """The current session; None without one."""
        return self.latest if self.latest is not None and self.latest.alive else None

    def begin(self, credential: Credential, *, by_another_tab: bool = False, by_sign_in: bool = False) -> Session:
        """Begin a session, which replaces the current one.

        `by_another_tab`: another tab has begun it. `by_sign_in`: a sign-in at the endpoint began it, while this tab
        held the lock.
        """
        session = Session(
            credential,
            number=next(self._numbers),
            settings=self.settings,
            calls=self.calls,
            shared=self.shared,
            owner=self,
        )
        self._prepare(session)
        replaced, self.latest = self.latest, session
        if replaced is not None:
            replaced.holding.retire()  # before any listener can send a request
        if not by_another_tab:
            self.shared.hand_over(session.credential, begins=True, by_sign_in=by_sign_in)
        if replaced is not None:
            replaced.end("replaced")
        event = SessionEvent(at=self.settings.clock(), session=session.number, phase=SessionPhase.STARTED)
        self.settings.listeners.emit(event)
        return session

    def interrupt(self, reason: EndReason) -> None:
        """End the session in this tab, and overtake the sign-in or the resume that is about to begin one."""
        session, self.latest = self.latest, None
        self.interruptions += 1
        self.sign_outs += reason == "signed_out"
        if session is not None:
            session.end(reason)

    def check_overtaken(self, seen: int) -> None:
        """Raises SessionEnded if there has been an interruption since `interruptions` was `seen`."""
        if seen != self.interruptions:
            raise SessionEnded("closed" if self.closed else "signed_out")

    def signed_out_since(self, seen: int) -> bool:
        """Has there been a sign-out since `sign_outs` was `seen`? Also one before or after `close()`."""
        return seen != self.sign_outs

    def check_open(self) -> None:
        """Raises SessionEnded after `close()`."""
        if self.closed:
            raise SessionEnded("closed")

    def session_ended(self) -> None:
        """A session has ended: dismiss the requests in line, and end the derived sessions that depend on it."""
        self._waiting.dismiss()
        for follower in tuple(self.followers):
            follower.follow()

    def wake(self) -> None:
        """The network is back or the page is visible again: the next refresh need not pause."""
        if self.latest is not None:
            self.latest.backoff.wake()

    def begin_anew(self) -> None:
        """The client now runs in another event loop (see `loop_watch`)."""
        self.shared.begin_anew()
        if self.latest is not None:
            self.latest.begin_anew()
        self._waiting.clear()

    async def close(self, *, first: Callable[[], Awaitable[None]] | None = None) -> None:
        """End the session in this tab only, and leave the shared one: at once, or after `first` and what is running."""
        self.closed = True
        self.interrupt("closed")
        try:
            if first is not None:
                await first()
                await self.shared.lock.settle()
                await self.shared.stored()  # what a refresh on the wire has brought
        finally:
            self.shared.close()
