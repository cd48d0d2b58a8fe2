"""One call to the endpoint at a time, over all tabs that share the session: they share the browser's cookies.

Theory of operation:

1. The lock is shared by all tabs, held for one call and never stolen; the wait for it is bounded (T1, T4, T5). It is
   held until the call has ended, even if its caller was cancelled meanwhile (S2). Within a tab, calls are made in the
   order in which they were requested.
2. A tab that gets the lock first reads what other tabs advertise, since messages may lag behind the lock. A version
   that is newer than its own means that a message is on its way; see `shared_session`.
3. A tab may be gone in the middle of its call, by a reload or a crash. Its request is sent so that the browser
   completes it (`keepalive`). So the next holder gives the new cookie a moment to land (T7).
4. A holder that was granted a credential keeps the lock until the store has it, if that takes time: the next page may
   come at once, and must not resume from a refresh token that is spent (T6).
5. A holder that has been granted nothing says so when it releases the lock: the next holder need not wait for a
   message.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias, TypeVar

from ..concurrency.blocking import must_block_within
from ..concurrency.ordered_lock import OrderedLock, Place
from ..concurrency.timers import time_limit
from ..errors import RefreshUnavailable
from .known_versions import KnownVersions
from .news import News
from .peers import Peers
from .protocol import Granted, Left, written

LANDING = 3.0
"""Seconds for the response to a tab that is gone to land in the browser. Waited for only if its call was cut off, or if
its messages have not come."""

T = TypeVar("T")
Call: TypeAlias = Callable[[], Coroutine[Any, Any, T]]
OnLateResult: TypeAlias = Callable[[T | BaseException], Awaitable[None] | None]
Abandoned: TypeAlias = "tuple[asyncio.Task[Any], OnLateResult[Any] | None]"
"""A call whose caller was cancelled, and what gets its result."""


class EndpointLock:
    """This tab's part in the lock. `patience` (seconds) bounds the wait for it. `stored` waits for the store."""

    def __init__(
        self,
        peers: Peers,
        versions: KnownVersions,
        news: News,
        *,
        stored: Callable[[], Awaitable[None]],
        patience: float,
    ) -> None:
        self._peers = peers
        self._versions = versions
        self._news = news
        self._stored = stored
        self._patience = patience
        self._order = OrderedLock()  # of the calls in this tab
        self._in_time: bool  # did the call at the head of the line get the lock in time?
        self._abandoned_call: Abandoned | None = None
        self._release_task: asyncio.Task[None] | None = None  # a loop holds its tasks weakly

    @property
    def in_use(self) -> bool:
        """Does this tab hold the lock, or wait for it?"""
        return bool(self._order)

    @property
    def previous_holder_vanished(self) -> bool:
        """While this tab holds the lock: did the previous holder vanish in the middle of a call?"""
        return self._peers.previous_holder_vanished

    def place(self) -> Place:
        """Take a place in this tab's line now, to give to `hold` later."""
        return self._order.join()

    @asynccontextmanager
    async def hold(self, place: Place | None = None) -> AsyncIterator[None]:
        """Hold the lock for a call to the endpoint, at the end of this tab's line or at the `place` taken before.

        The lock may not be free in time: its holder is frozen, or many tabs wait for a slow endpoint. Then a call that
        presents a refresh token must not be made, and `check_held` raises. Other calls are made without the lock.
        """
        async with AsyncExitStack() as held:
            await held.enter_async_context(place or self._order.join())
            before = self._versions.mine
            try:
                await self._acquire(held)
                yield
                if must_block_within() is None:
                    await self._stored()
            finally:
                abandoned, self._abandoned_call = self._abandoned_call, None
                if abandoned is None:
                    self._leave(before)
                else:
                    self._release_task = asyncio.create_task(self._hold_until_end(abandoned, before, held.pop_all()))

    def check_held(self) -> None:
        """Raises RefreshUnavailable if this tab did not get the lock in time."""
        if not self._in_time:
            raise RefreshUnavailable(
                "another tab holds the lock for refreshes and does not release it: try again later"
            )

    async def see_through(
        self, call: Call[T], on_late_result: OnLateResult[T] | None = None, *, must_begin: bool = False
    ) -> T:
        """The result of a call under the lock. If its caller is cancelled, the call goes on, and the lock stays held.

        The browser stores the cookie of a response even if no caller waits for it any more: the next call must not be
        made before (S2). `on_late_result` gets the result, or the error, of a call whose caller was cancelled; what it
        returns, if anything, is awaited while the lock is still held. A call that `must_begin` is made even if its
        caller is cancelled before it has begun.
        """
        if must_block_within() is not None:  # a task could not run
            return await call()
        caller = asyncio.current_task()
        assert caller is not None, "a coroutine runs in a task"
        requests, begun = caller.cancelling(), False

        async def begin() -> T:
            nonlocal begun
            if caller.cancelling() > requests and not must_begin:
                raise asyncio.CancelledError  # before this task's first step: nothing was sent, so send nothing
            begun = True
            return await call()

        task = asyncio.create_task(begin())
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            if begun or must_begin:
                self._abandoned_call = task, on_late_result
            else:
                task.cancel()
            raise
        return task.result()

    async def settle(self) -> None:
        """Wait until this tab has no call on its way. Each call is bounded by its deadline."""
        async with self._order.join():
            pass

    def begin_anew(self) -> None:
        """The client now runs in another event loop (see `loop_watch`): no call of the last one is on its way."""
        self._order = OrderedLock()
        self._abandoned_call = self._release_task = None

    async def _acquire(self, held: AsyncExitStack) -> None:
        before = self._versions.mine
        self._news.forget()
        self._in_time = True
        try:
            async with time_limit(self._patience):
                waited = await held.enter_async_context(self._peers.lock())
        except TimeoutError:
            self._in_time = False
            await self._news.read_versions()
            return
        if self._peers.previous_holder_vanished:
            self._news.forget()  # the message came from an earlier holder
        await self._news.read_versions()
        may_land = self._peers.previous_holder_vanished or waited
        if may_land and self._versions.newest is None and self._versions.mine is before:
            await self._news.wait(LANDING)  # no time at all if a message has come

    async def _hold_until_end(self, abandoned: "Abandoned", before: Granted | None, held: AsyncExitStack) -> None:
        call, on_late_result = abandoned
        async with held:
            await asyncio.wait((call,))
            if not call.cancelled():
                result = call.exception() or call.result()
                rest = on_late_result(result) if on_late_result is not None else None
                if rest is not None:
                    await rest
            self._leave(before)

    def _leave(self, before: Granted | None) -> None:
        mine = self._versions.mine
        if mine is before or mine is None:  # its session may have ended meanwhile
            self._peers.post(written(Left()))
