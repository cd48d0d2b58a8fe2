"""The calls to the endpoint: each within the deadline, seen through, and told to listeners.

A call into the client from within its own endpoint would wait for itself, so each call marks its context (Q3).
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from ..concurrency.blocking import must_block_within
from ..concurrency.timers import time_limit
from ..errors import ReissueError
from ..events import EndpointCall, EndpointEvent, EndpointPhase
from ..oauth2.token_source import Exchange, TokenSource
from ..tabs.shared_session import SharedSession
from ..tokens.credentials import Credential
from .settings import SessionSettings

OnLateResult = Callable[[Any], None]
"""Gets the result of a call, or its error, that nobody waits for any more."""


class _Mark:
    """Marks the context of one call to the endpoint."""

    def __init__(self, owner: object, outer: "_Mark | None") -> None:
        self.owner = owner
        self.outer = outer
        self.running = True

    def is_within(self, owner: object) -> bool:
        """Does a call of this owner's endpoint run, here or further out? Clients may lie in each other's endpoints."""
        return (self.running and self.owner is owner) or (self.outer is not None and self.outer.is_within(owner))


_mark: ContextVar[_Mark | None] = ContextVar("reissue_endpoint_call", default=None)


class EndpointCalls:
    """Makes the calls of one client to its endpoint, `tokens`, while this tab holds the lock (see `shared_session`).

    Each call is listened to by the name that its event has. It raises what the endpoint raises; if its caller is
    cancelled, the result or the error goes to `on_late_result`. `seen_through` is False where a call is another
    client's, which sees it through once it is sent.
    """

    def __init__(
        self, tokens: TokenSource, shared: SharedSession, settings: SessionSettings, *, seen_through: bool = True
    ) -> None:
        self.tokens = tokens
        self._shared = shared
        self._settings = settings
        self._seen_through = seen_through

    @property
    def running_here(self) -> bool:
        """Does the endpoint call this code, while this client waits for it?"""
        mark = _mark.get()
        return mark is not None and mark.is_within(self)

    def would_wait_for_itself(self) -> ReissueError:
        """What to raise in a call that `running_here` is true for (Q3)."""
        return ReissueError(
            "called from within its own endpoint, this would wait for itself: use auth=False, or another client"
        )

    async def sign_in(self, fields: Any, *, on_late_result: OnLateResult) -> Credential:
        """Tokens for a user's own fields, or for the answer that the user was sent back with."""
        credential: Credential = await self._make("sign_in", partial(self.tokens.sign_in, fields), on_late_result)
        return credential

    async def refresh(self, presented: Credential | None, *, on_late_result: OnLateResult | None = None) -> Credential:
        """Tokens in place of these, or for the browser's cookie."""
        credential: Credential = await self._make("refresh", partial(self.tokens.refresh, presented), on_late_result)
        return credential

    async def exchange(self, wanted: Exchange, *, on_late_result: OnLateResult) -> Credential:
        """Tokens for another resource."""
        credential: Credential = await self._make("exchange", partial(self.tokens.exchange, wanted), on_late_result)
        return credential

    async def sign_out(self, credential: Credential | None) -> bool:
        """End the session of this credential, or of the cookie, at the server. False if it takes no sign-out."""
        return bool(await self._make("sign_out", partial(self.tokens.sign_out, credential)))

    async def _make(
        self, name: EndpointCall, call: Callable[[], Awaitable[Any]], on_late_result: OnLateResult | None = None
    ) -> Any:
        making = partial(self._told, name, call)
        if must_block_within() is not None or not self._seen_through:  # no task of its own could run, or is needed
            return await making()
        return await self._shared.lock.see_through(making, on_late_result)

    async def _told(self, name: EndpointCall, call: Callable[[], Awaitable[Any]]) -> Any:
        """Listeners are outside the mark: the endpoint does not call what they start."""
        self._emit(name, EndpointPhase.ASKED)
        try:
            result = await self._marked(call)
        except BaseException as error:
            self._emit(name, EndpointPhase.FAILED, error=type(error).__name__)
            raise
        self._emit(name, EndpointPhase.ANSWERED)
        return result

    async def _marked(self, call: Callable[[], Awaitable[Any]]) -> Any:
        mark = _Mark(self, _mark.get())
        _mark.set(mark)  # counts while the call runs, also in tasks that inherit it
        try:
            async with time_limit(self._settings.deadline):
                return await call()
        finally:
            mark.running = False

    def _emit(self, name: EndpointCall, phase: EndpointPhase, *, error: str | None = None) -> None:
        listeners = self._settings.listeners
        if listeners:
            listeners.emit(EndpointEvent(at=self._settings.clock(), call=name, phase=phase, error=error))
