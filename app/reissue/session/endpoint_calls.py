"""The calls to the endpoint: each within the deadline, seen through, and told.

A call into the client from within its own endpoint would wait for itself, so each call marks its context (Q3).
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from ..concurrency.blocking import must_block_within
from ..concurrency.timers import time_limit
from ..events import EndpointEvent, EndpointPhase, Listeners
from ..tabs.shared_session import Sharing


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
    """Makes the calls of one client. For whoever has the turn (see `shared_session`). `deadline` (seconds) bounds each.

    `seen_through` is False where a call is another client's, who sees it through once it is sent.
    """

    seen_through = True

    def __init__(self, sharing: Sharing, *, deadline: float, clock: Callable[[], float], listeners: Listeners) -> None:
        self._sharing = sharing
        self._deadline = deadline
        self._clock = clock
        self._listeners = listeners

    @property
    def running_here(self) -> bool:
        """Is this code called by the endpoint, while this client waits for it?"""
        mark = _mark.get()
        return mark is not None and mark.is_within(self)

    async def make(
        self,
        call: Callable[[Any], Awaitable[Any]],
        argument: Any,
        *,
        late: Callable[[Any], None] | None = None,
    ) -> Any:
        """The call's result. Raises what the call raises; either goes to `late` if the caller was cancelled before."""
        asking = partial(self._told, call, argument)
        if must_block_within() is not None or not self.seen_through:  # no task of its own could run, or is needed
            return await asking()
        return await self._sharing.see_through(asking, late)

    async def _told(self, call: Callable[[Any], Awaitable[Any]], argument: Any) -> Any:
        """Listeners are outside the mark: what they start is not called by the endpoint."""
        self._tell(call, EndpointPhase.ASKED)
        try:
            result = await self._marked(call, argument)
        except BaseException as error:
            self._tell(call, EndpointPhase.FAILED, error=type(error).__name__)
            raise
        self._tell(call, EndpointPhase.ANSWERED)
        return result

    async def _marked(self, call: Callable[[Any], Awaitable[Any]], argument: Any) -> Any:
        mark = _Mark(self, _mark.get())
        _mark.set(mark)  # counts while the call runs, also in tasks that inherit it
        try:
            async with time_limit(self._deadline):
                return await call(argument)
        finally:
            mark.running = False

    def _tell(self, call: Any, phase: EndpointPhase, *, error: str | None = None) -> None:
        if self._listeners:
            self._listeners.tell(EndpointEvent(at=self._clock(), call=call.__name__, phase=phase, error=error))
