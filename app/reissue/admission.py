"""How many requests may be on the wire at once, to one origin.

A browser given thousands of requests in one moment refuses some of them ('Failed to fetch'), and every request that is
sent ahead of a refresh is sent for nothing. So a bounded number is on the wire, and the rest wait here.

The interceptor's default of 64 is measured (bench/README.md): enough to keep an HTTP/2 connection busy at usual
latencies, and few to send in vain; HTTP/1.1, with six connections, is served by any.

Theory of operation:

1. First come, first served; a replay goes before those that were never sent, since its caller has waited longest.
2. A slot is given back when the response's head arrives, so a long body holds up nobody.
3. A request that waits long for its head (a long poll) is *parked*: after `patience` its slot goes to the next in line.
   Only what is on the wire is parked, never a request that holds its slot while it waits for a refresh.
4. A waiter that is cancelled is passed over; if it had been called already, its slot goes on to the next.
5. While there is room, entering makes no future and no task.
"""

import asyncio
from collections import deque
from itertools import count


class Admission:
    """The slots of one origin. `limit` is how many there are, `patience` in seconds."""

    def __init__(self, limit: int, *, patience: float = 5.0) -> None:
        self._limit = limit
        self._patience = patience
        self._line: deque[asyncio.Future[int]] = deque()
        self._held: dict[int, float | None] = {}  # slot → since when it is on the wire; None: not yet
        self._numbers = count()
        self._watch: asyncio.TimerHandle | asyncio.Handle | None = None

    @property
    def full(self) -> bool:
        """Would `enter()` wait?"""
        return len(self._held) >= self._limit or bool(self._line)

    async def enter(self, *, first: bool = False) -> int:
        """Wait for a slot; its number. `first` waits at the head of the line."""
        if not self.full:
            return self._give()
        loop = asyncio.get_running_loop()
        place: asyncio.Future[int] = loop.create_future()
        (self._line.appendleft if first else self._line.append)(place)
        if self._watch is None:
            self._watch = loop.call_later(self._patience, self._park)
        try:
            return await place
        except asyncio.CancelledError:
            if not place.cancelled():  # called in the step in which it was cancelled
                self.leave(place.result())
            raise  # a cancelled place is passed over when its turn comes: removing it from the middle costs more

    def sent(self, slot: int) -> None:
        """The request is on the wire now."""
        self._held[slot] = asyncio.get_running_loop().time()

    def leave(self, slot: int) -> None:
        """Give the slot back: the head is here, or the request failed. A parked one has been given back already."""
        self._held.pop(slot, None)
        self._call_next()

    def dismiss(self) -> None:
        """Call everybody in line at once: their session is over, and none of them will send."""
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_result(self._give())

    def _give(self) -> int:
        slot = next(self._numbers)
        self._held[slot] = None
        return slot

    def _call_next(self) -> None:
        while self._line and len(self._held) < self._limit:
            place = self._line.popleft()
            if not place.done():
                place.set_result(self._give())

    def _park(self) -> None:
        """Take the slots of those who have waited for their heads too long. Runs only while there is a line."""
        self._watch = None
        loop = asyncio.get_running_loop()
        before = loop.time() - self._patience
        for slot in [slot for slot, since in self._held.items() if since is not None and since <= before]:
            del self._held[slot]
        self._call_next()
        if self._line:
            self._watch = loop.call_later(self._patience, self._park)
