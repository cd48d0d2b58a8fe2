"""One call to the endpoint at a time, over all tabs that share the session: they share the browser's cookies.

Theory of operation:

1. The lock is over all tabs, held for one call and never stolen; the wait for it is bounded (T1, T4, T5). It is held
   until the call has ended, also if its caller was cancelled meanwhile (S2). Within a tab, calls come in the order of
   asking.
2. A tab that gets the lock looks first at what the others advertise, since messages may lag behind the lock. A version
   that is newer than its own means that a message is on its way; see `shared_session`.
3. A tab may be left in the middle of its call, by a reload or a crash. Its request is sent so that the browser
   completes it (`keepalive`). So the next holder gives the new cookie a moment to land (T7).
4. A holder that has changed nothing says so when it gives the lock back: the next one need not wait for a message.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, TypeAlias, TypeVar

from ..concurrency.line import Line, Place
from ..concurrency.timers import time_limit
from ..errors import RefreshUnavailable
from .known_versions import KnownVersions
from .news import News
from .peers import Peers
from .protocol import Granted, Left, written

LANDING = 3.0
"""Seconds for the response to a tab that is gone to land in the browser. Passes only after a call that was cut off."""

T = TypeVar("T")
Call: TypeAlias = Callable[[], Coroutine[Any, Any, T]]
Late: TypeAlias = Callable[[T | BaseException], None]


class EndpointLock:
    """This tab's part in the lock. `patience` (seconds) bounds the wait for it."""

    def __init__(self, peers: Peers, versions: KnownVersions, news: News, *, patience: float) -> None:
        self._peers = peers
        self._versions = versions
        self._news = news
        self._patience = patience
        self._line = Line()  # of the calls in this tab
        self._came: bool  # did the lock come in time for the call at the head of the line?
        self._unheeded: asyncio.Task[Any] | None = None  # the call under this lock, if its caller is gone
        self._lasting: asyncio.Task[None] | None = None  # a loop holds its tasks weakly

    @property
    def in_use(self) -> bool:
        """Does this tab hold the lock, or wait for it?"""
        return bool(self._line)

    @property
    def previous_holder_vanished(self) -> bool:
        """While this tab holds the lock: did its last holder vanish in the middle of a call?"""
        return self._peers.previous_holder_vanished

    def place(self) -> Place:
        """A place in this tab's line, taken at once: for `hold`."""
        return self._line.join()

    @asynccontextmanager
    async def hold(self, place: Place | None = None) -> AsyncIterator[None]:
        """Hold the lock for a call to the endpoint, in the order of asking, or in that of the `place` taken before.

        The lock may not come in time: its holder is frozen, or many tabs wait for a slow endpoint. A call that presents
        a refresh token must not be made then: `check_held` raises. Other calls are made without the lock.
        """
        async with AsyncExitStack() as held:
            await held.enter_async_context(place or self._line.join())
            before = self._versions.mine
            try:
                await self._acquire(held)
                yield
            finally:
                call, self._unheeded = self._unheeded, None
                if call is None:
                    self._leave(before)
                else:
                    self._lasting = asyncio.create_task(self._hold_until_end(call, before, held.pop_all()))

    def check_held(self) -> None:
        """Raises RefreshUnavailable if the lock did not come in time."""
        if not self._came:
            raise RefreshUnavailable("another page has the turn to refresh, and does not end it")

    async def see_through(self, call: Call[T], late: Late[T] | None) -> T:
        """The result of a call under the lock. If its caller is cancelled, the call goes on, and the lock stays held.

        The browser stores the cookie that a response brings, also if nothing waits for it any more: the next call must
        not come before (S2). `late` gets the result, or the error, of a call whose caller is gone.
        """
        caller = asyncio.current_task()
        assert caller is not None, "a coroutine runs in a task"
        requests, begun = caller.cancelling(), False

        async def begin() -> T:
            nonlocal begun
            if caller.cancelling() > requests:  # in the step before: nothing has been sent, and nothing will be
                raise asyncio.CancelledError
            begun = True
            return await call()

        task = asyncio.create_task(begin())
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            if begun:
                self._unheeded = task
                if late is not None:
                    task.add_done_callback(partial(_give, late))
            else:
                task.cancel()
            raise
        return task.result()

    async def settle(self) -> None:
        """Wait until this tab has no call on its way. Each is bounded."""
        async with self._line.join():
            pass

    def begin_anew(self) -> None:
        """The next event loop runs this tab (see `loop_watch`): no call of the last one is on its way any more."""
        self._line = Line()
        self._unheeded = self._lasting = None

    async def _acquire(self, held: AsyncExitStack) -> None:
        before = self._versions.mine
        self._news.forget()
        self._came = True
        try:
            async with time_limit(self._patience):
                waited = await held.enter_async_context(self._peers.lock())
        except TimeoutError:
            self._came = False
            await self._news.read_versions()
            return
        if self._peers.previous_holder_vanished:
            self._news.forget()  # it is of an earlier holder
        await self._news.read_versions()
        may_land = self._peers.previous_holder_vanished or (waited and not self._news.came)
        if may_land and self._versions.newest is None and self._versions.mine is before:
            await self._news.wait(LANDING)

    async def _hold_until_end(self, call: asyncio.Task[Any], before: Granted | None, held: AsyncExitStack) -> None:
        async with held:
            await asyncio.wait((call,))
            if not call.cancelled():
                call.exception()  # consumed: nothing waits for it
            self._leave(before)

    def _leave(self, before: Granted | None) -> None:
        if self._versions.mine is before:
            self._peers.post(written(Left()))


def _give(late: Late[T], call: "asyncio.Task[T]") -> None:
    if not call.cancelled():
        late(call.exception() or call.result())
