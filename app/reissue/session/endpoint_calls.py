"""The calls to the endpoint: each within the deadline, completed even if its caller is cancelled, and with its events.

A call into the client from within its own endpoint would wait for itself, so each call marks its context (Q3).
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, Final

from ..concurrency.timers import time_limit
from ..errors import ReissueError
from ..events import EndpointCall, EndpointEvent, EndpointPhase
from ..oauth2.token_source import Exchange, TokenSource
from ..tabs.shared_session import SharedSession
from ..tokens.credentials import Credential
from .settings import SessionSettings

AWAKE: Final = 1.0
"""Seconds for an answer that has come while the page was frozen: it may have the next refresh token."""

OnLateResult = Callable[[Any], Awaitable[None] | None]
"""Gets the result, or the error, of a call whose caller was cancelled."""


class _Mark:
    """Marks the context of one call to the endpoint."""

    def __init__(self, owner: object, outer: "_Mark | None") -> None:
        self.owner = owner
        self.outer = outer
        self.running = True

    def is_within(self, owner: object) -> bool:
        """Is this context within a call to this owner's endpoint? One client's endpoint may use another client."""
        return (self.running and self.owner is owner) or (self.outer is not None and self.outer.is_within(owner))


_mark: ContextVar[_Mark | None] = ContextVar("reissue_endpoint_call", default=None)


class EndpointCalls:
    """Makes the calls of one client to its endpoint, `tokens`, while this tab holds the lock (see `shared_session`).

    A call raises what the endpoint raises. If its caller is cancelled, the call goes on, and its result or its error
    goes to `on_late_result`. `seen_through` is False for a derived client: there the parent's call goes on.
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
        """Does this code run within a call to the endpoint that this client waits for?"""
        mark = _mark.get()
        return mark is not None and mark.is_within(self)

    def would_wait_for_itself(self) -> ReissueError:
        """The error to raise where `running_here` is true (Q3)."""
        return ReissueError(
            "this was called from within its own endpoint and would wait for itself: use auth=False, or another client"
        )

    async def sign_in(self, fields: Any, *, on_late_result: OnLateResult) -> Credential:
        """Tokens for what the user typed, or for the answer that the authorization server sent the user back with."""
        credential: Credential = await self._make("sign_in", partial(self.tokens.sign_in, fields), on_late_result)
        return credential

    async def refresh(
        self,
        presented: Credential | None,
        *,
        at_send: Callable[[], object] | None = None,
        on_late_result: OnLateResult | None = None,
    ) -> Credential:
        """Tokens in place of `presented`, or, without it, for the browser's cookie. `at_send` is as for `sign_out`."""

        async def call() -> Credential:
            if at_send is not None:
                at_send()
            return await self.tokens.refresh(presented)

        credential: Credential = await self._make("refresh", call, on_late_result)
        return credential

    async def exchange(self, wanted: Exchange, *, on_late_result: OnLateResult) -> Credential:
        """Tokens for another resource."""
        credential: Credential = await self._make("exchange", partial(self.tokens.exchange, wanted), on_late_result)
        return credential

    async def sign_out(
        self, credential: Credential | None, *, at_send: Callable[[], None], within: float | None = None
    ) -> bool:
        """End the session of this credential, or of the cookie, at the server. False if the server has no sign-out.

        `at_send` is called when the call is sent: a task may begin several steps of the loop after it was made.
        `within` (seconds) bounds the call more tightly than the deadline.
        """

        async def call() -> bool:
            at_send()
            async with time_limit(within):
                return await self.tokens.sign_out(credential)

        return bool(await self._make("sign_out", call))

    async def _make(
        self, name: EndpointCall, call: Callable[[], Awaitable[Any]], on_late_result: OnLateResult | None = None
    ) -> Any:
        making = partial(self._with_events, name, call)
        if not self._seen_through:
            return await making()
        return await self._shared.lock.see_through(making, on_late_result)  # a task that outlives its caller (S1)

    async def _with_events(self, name: EndpointCall, call: Callable[[], Awaitable[Any]]) -> Any:
        """Events are emitted outside the mark: what a listener starts is not called by the endpoint."""
        self._emit(name, EndpointPhase.ASKED)
        mark = _Mark(self, _mark.get())
        _mark.set(mark)  # tasks that inherit the context have it, too; it counts only while the call runs
        try:
            async with time_limit(self._settings.deadline, awake=AWAKE):
                result = await call()
        except BaseException as error:
            mark.running = False
            self._emit(name, EndpointPhase.FAILED, error=type(error).__name__)
            raise
        mark.running = False
        self._emit(name, EndpointPhase.ANSWERED)
        return result

    def _emit(self, name: EndpointCall, phase: EndpointPhase, *, error: str | None = None) -> None:
        listeners = self._settings.listeners
        if listeners:
            listeners.emit(EndpointEvent(at=self._settings.clock(), call=name, phase=phase, error=error))
