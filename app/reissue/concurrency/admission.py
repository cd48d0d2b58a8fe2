"""How many requests may be on the wire at once, to one origin.

A browser given thousands of requests in one moment refuses some of them ('Failed to fetch'), and every request that is
sent ahead of a refresh is sent for nothing. So a bounded number is on the wire, and the rest wait here.

The interceptor's default of 64 is a compromise, and measured (bench/README.md): over HTTP/2 twice as many take an
eighth to a fifth less time, and up to twice as many may be sent in vain; HTTP/1.1, with six connections, is served by
any.

Theory of operation:

1. First come, first served; a replay goes before those that were never sent, since its caller has waited longest.
2. A slot is given back when the response's head arrives, so a long body holds up nobody.
3. A request that waits long for its head (a long poll) is *parked*: after `patience` its slot goes to the next in line.
   Only what is on the wire is parked, never a request that holds its slot while it waits for a refresh.
4. A waiter that is cancelled is passed over; if it had been called already, its slot goes on to the next.
5. While there is room, entering makes no future and no task.
6. What is on the wire when the token turns out to be refused was sent for nothing, and over HTTP/1.1 the refresh stands
   behind it in the browser's own line. So few are sent ahead until there is a sign that the token is taken: an answer,
   or that it was just granted, or that one of the few has been on the wire for `silence` seconds, since it is work that
   takes long, and not a refusal. The sign is good for `memory` seconds.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Any

MakeFuture = Callable[[], "asyncio.Future[Any]"]
"""Makes what is awaited until it is settled, in place of the running loop's own `create_future`."""


class Admission:
    """The slots of one origin: `limit`, and only `unproven` of them without a sign that the token is taken.

    `patience`, `silence` and `memory` are in seconds. `make_future` makes what a request in line awaits; the running
    loop's own by default.
    """

    def __init__(
        self,
        limit: int,
        *,
        unproven: int = 8,
        patience: float = 5.0,
        silence: float = 1.0,
        memory: float = 30.0,
        make_future: MakeFuture | None = None,
    ) -> None:
        self._make_future = make_future
        self._limit = limit
        self._unproven = min(limit, unproven)
        self._memory = memory
        self._proven_until = -inf  # the loop's time
        self._patience = patience
        self._silence = silence
        self._line: deque[asyncio.Future[int]] = deque()
        self._replays: deque[asyncio.Future[int]] = deque()  # the head of the line
        self._held: dict[int, float | None] = {}  # slot → since when it is on the wire; None: not yet
        self._numbers = count()
        self._watch: asyncio.TimerHandle | asyncio.Handle | None = None

    def full(self, *, first: bool = False) -> bool:
        """Would `enter(first=first)` wait?"""
        in_line = self._replays if first else self._replays or self._line
        return bool(in_line) or not self._has_room()

    async def enter(self, *, first: bool = False) -> int:
        """Wait for a slot; its number. `first` goes before all in line but those who said so as well."""
        if not (self._replays or self._line) and not self._has_room():  # a line is looked at all the time
            self._look()
        if not self.full(first=first):
            return self._give()
        loop = asyncio.get_running_loop()
        place: asyncio.Future[int] = self._make_future() if self._make_future is not None else loop.create_future()
        (self._replays if first else self._line).append(place)
        if self._watch is None:
            self._watch = loop.call_later(self._silence, self._look_again)
        try:
            return await place
        except BaseException:  # a coroutine that is closed, too
            if place.done() and not place.cancelled():  # called in the step in which it was cancelled
                self.leave(place.result())
            place.cancel()
            raise  # a cancelled place is passed over when its turn comes: removing it from the middle costs more

    def sent(self, slot: int) -> None:
        """The request is on the wire now."""
        self._held[slot] = asyncio.get_running_loop().time()

    def leave(self, slot: int) -> None:
        """Give the slot back: the head is here, or the request failed. A parked one has been given back already."""
        self._held.pop(slot, None)
        self.call()

    def trust(self) -> None:
        """There is a sign that the token is taken. Whoever is in line hears of it by `call`."""
        self._proven_until = asyncio.get_running_loop().time() + self._memory

    def distrust(self) -> None:
        """There is a sign that it is not."""
        self._proven_until = -inf

    def call(self) -> None:
        """Call as many of those in line as may go."""
        while (line := self._replays or self._line) and self._has_room():
            place = line.popleft()
            if not place.done():
                place.set_result(self._give())
        if self._watch is not None and not line:
            self._watch.cancel()
            self._watch = None

    def dismiss(self) -> None:
        """Call everybody in line at once: their session is over, and none of them will send."""
        while line := self._replays or self._line:
            place = line.popleft()
            if not place.done():
                place.set_result(self._give())
        self.call()  # nobody is left: stops the watch

    def _has_room(self) -> bool:
        held = len(self._held)
        if held < self._unproven:
            return True
        return held < self._limit and asyncio.get_running_loop().time() < self._proven_until

    def _give(self) -> int:
        slot = next(self._numbers)
        self._held[slot] = None
        return slot

    def _look_again(self) -> None:
        """Call the next in place of those who have waited for their heads too long. Runs only while there is a line."""
        self._watch = None
        self._look()
        self.call()
        if self._replays or self._line:
            self._watch = asyncio.get_running_loop().call_later(self._silence, self._look_again)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        sent = {slot: since for slot, since in self._held.items() if since is not None}
        slow = [since for since in sent.values() if since <= now - self._silence]
        if slow:  # by the age of the newest: that of a long poll says nothing of now
            self._proven_until = max(self._proven_until, max(slow) + self._silence + self._memory)
        for slot in [slot for slot, since in sent.items() if since <= now - self._patience]:
            del self._held[slot]


class Admissions:
    """The slots of every origin: `limit` each, with what awaits them made by `make_future`. Origins are few."""

    def __init__(self, limit: int, *, make_future: MakeFuture | None = None) -> None:
        self._limit = limit
        self._make_future = make_future
        self._by_origin: dict[str, Admission] = {}

    def of(self, origin: str) -> Admission:
        """The slots of this origin."""
        if origin not in self._by_origin:
            self._by_origin[origin] = Admission(self._limit, make_future=self._make_future)
        return self._by_origin[origin]

    def dismiss(self) -> None:
        """Let everything in line hear at once that its session is over."""
        for admission in self._by_origin.values():
            admission.dismiss()

    def clear(self) -> None:
        """The next event loop runs this client: nothing stands in line any more."""
        self._by_origin.clear()
