"""An event loop whose time jumps to the next timer instead of waiting for it, and whose order can be drawn from a seed.

Deadlines pass, nobody sleeps, and the same seed gives the same run.

What may change places. asyncio runs everything in the order in which it was scheduled. A page has more sources of
callbacks than that one queue: promises settle between any two callbacks, and timers are clamped and throttled. So the
core may not lean on the order of what has different origins: with a seed, callbacks that *different* callbacks have
scheduled run in any order, however long one has waited, and so do timers that are due at the same time.

What may not. A callback runs after it was scheduled. Time moves only when nothing is ready, so no timer overtakes an
earlier one. And what *one* callback has scheduled stays in order: `call_soon` promises that wherever it comes from,
and the callbacks of a future (`Future.add_done_callback`) rest on it. So these form a *strand*; the seed draws a
strand, and the first of it runs.

Pages. What runs belongs to the page that its context names, as does all that it schedules in turn. A page can be
frozen: whatever falls due for it waits, and runs in that order once it thaws.
"""

import asyncio
import heapq
import random
from collections import deque
from contextvars import ContextVar, copy_context
from typing import Any
from weakref import WeakKeyDictionary

PAGE: ContextVar[Any] = ContextVar("page", default=None)
"""The page that what runs belongs to; None: to none, and nothing can freeze it."""

MOST_JUMPS = 20_000
"""How often time may jump in one test. Whoever claims, waits and claims again for ever would never come to an end."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """Seed 0 is asyncio's own order: first scheduled, first run."""

    _ready: deque[asyncio.Handle]  # what the callback that runs now has scheduled
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self._now = 0.0
        self._jumps = 0
        self._strands: list[deque[asyncio.Handle]] = []
        self._frozen: dict[Any, deque[asyncio.Handle]] = {}  # page → what waits for its thaw
        self.pages: WeakKeyDictionary[asyncio.Task[Any], Any] = WeakKeyDictionary()  # of each task
        self._random = random.Random(seed) if seed else None
        # Some bugs need one callback to be late among many in order, others a thorough mix.
        self._in_order = self._random.choice((0.0, 0.5, 0.9)) if self._random else 1.0

    def time(self) -> float:
        return self._now

    def create_task(self, coro: Any, **options: Any) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = super().create_task(coro, **options)
        self.pages[task] = (options.get("context") or copy_context()).get(PAGE)
        return task

    def sleep(self, seconds: float) -> None:
        """The computer sleeps: time passes, and nothing runs meanwhile."""
        self._now += seconds

    def freeze(self, page: object) -> None:
        """From now on nothing of this page runs."""
        self._frozen.setdefault(page, deque())

    def thaw(self, page: object) -> None:
        """Let it run again, with what has waited first in its own order."""
        if waiting := self._frozen.pop(page, None):
            self._strands.append(waiting)

    def thaw_all(self) -> None:
        """Let every page run again."""
        for page in list(self._frozen):
            self.thaw(page)

    def _run_once(self) -> None:
        self._keep_strand()
        if not self._strands:
            self._wait_for_timers()
        handle = self._draw()
        waits = self._frozen.get(handle._context.get(PAGE)) if self._frozen else None  # type: ignore[attr-defined]
        if waits is not None:
            waits.append(handle)
        elif not handle.cancelled():
            handle._run()
        self._keep_strand()

    def _draw(self) -> asyncio.Handle:
        number = 0
        if self._random and len(self._strands) > 1 and self._random.random() >= self._in_order:
            number = self._random.randrange(len(self._strands))
        strand = self._strands[number]
        handle = strand.popleft()
        if not strand:
            del self._strands[number]
        return handle

    def _keep_strand(self) -> None:
        if self._ready:
            self._strands.append(self._ready)
            self._ready = deque()

    def _wait_for_timers(self) -> None:
        while self._scheduled and self._scheduled[0].cancelled():
            heapq.heappop(self._scheduled)._scheduled = False  # type: ignore[attr-defined]
        if not self._scheduled:
            raise RuntimeError("every task waits for something that nothing will bring")
        self._jumps += 1
        if self._jumps > MOST_JUMPS:
            raise RuntimeError("something goes round for ever")
        self._now = max(self._now, self._scheduled[0].when())
        while self._scheduled and self._scheduled[0].when() <= self._now:
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]
            self._strands.append(deque([timer]))

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass  # it is passed over when its time comes

    def _write_to_self(self) -> None:
        pass  # there is no selector to wake
