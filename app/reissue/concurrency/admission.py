"""How many requests may be on the wire at once, to one origin.

A browser given thousands of requests in one moment refuses some of them ('Failed to fetch'), and every request that is
sent with a token that needs a refresh is sent in vain. So a bounded number is on the wire, and the rest wait here.

The interceptor's default of 64 is a compromise, and measured (bench/README.md): over HTTP/2, a limit twice as high
takes an eighth to a fifth less time, and up to twice as many requests may be sent in vain; HTTP/1.1, with six
connections, needs no particular limit.

Theory of operation:

1. First come, first served; a replay goes before requests that were never sent, since its caller has waited longest.
2. A slot is given back when the response's head arrives, so a long body delays no other request.
3. A request that waits long for its head (a long poll) is *parked*: after `patience` its slot goes to the next in line.
   Only a request on the wire is parked, never one that holds its slot while it waits for a refresh.
4. A waiter that is cancelled is passed over; if it had been called already, its slot goes to the next in line.
5. While there is room, entering makes no future and no task.
6. The requests on the wire when a token is rejected were sent in vain, and over HTTP/1.1 the refresh waits behind them
   in the browser's own line. So only a few are sent until there is a sign that the token is accepted: a response; or
   the token was granted just now; or a request has been on the wire for `silence` seconds, since servers reject fast
   and work slowly. The sign counts for `memory` seconds.
7. While the sign counts, and there is room, slots may be *lent* to code that sends requests without asking here. It is
   told to give back those that it does not use before a request would wait.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Any, NamedTuple

MakeFuture = Callable[[], "asyncio.Future[Any]"]
"""Makes the future that a waiting request awaits, in place of the running loop's own `create_future`."""


class _Seconds(NamedTuple):
    patience: float
    silence: float
    memory: float


class Admission:
    """The slots of one origin: `limit`, and only `unproven` of them without a sign that the token is accepted.

    `patience`, `silence` and `memory` are in seconds. `make_future` makes the future that a request in line awaits; by
    default it is the running loop's own.
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
        self._proven_until = -inf  # the loop's time
        self._seconds = _Seconds(patience, silence, memory)
        self._line: deque[asyncio.Future[int]] = deque()
        self._replays: deque[asyncio.Future[int]] = deque()  # they go before all in `_line`
        self._held: dict[int, float | None] = {}  # slot → since when its request is on the wire; None: not yet
        self._numbers = count()
        self._watch: asyncio.TimerHandle | asyncio.Handle | None = None
        self._take_back: Callable[[], object] | None = None

    def full(self, *, ahead: bool = False) -> bool:
        """Would `enter(ahead=ahead)` wait?"""
        in_line = self._replays if ahead else self._replays or self._line
        return bool(in_line) or not self._has_room()

    async def enter(self, *, ahead: bool = False) -> int:
        """Wait for a slot, and return its number. `ahead` goes before all in line that are not `ahead` themselves."""
        if not (self._replays or self._line) and not self._has_room():  # while there is a line, the watch does this
            self._park_slow()
            if self._take_back is not None:
                self._take_back()
        if not self.full(ahead=ahead):
            return self._give()
        loop = asyncio.get_running_loop()
        place: asyncio.Future[int] = self._make_future() if self._make_future is not None else loop.create_future()
        (self._replays if ahead else self._line).append(place)
        if self._watch is None:
            self._watch = loop.call_later(self._seconds.silence, self._on_watch)
        try:
            return await place
        except BaseException:  # GeneratorExit, too: the coroutine may be closed
            if place.done() and not place.cancelled():  # it was called in the same step in which it was cancelled
                self.leave(place.result())
            place.cancel()
            raise  # the cancelled place stays in line until `call_next` passes it over: removing it here costs more

    def lend(self, take_back: Callable[[], object]) -> tuple[list[int], float]:
        """Half of the slots, and the seconds for which they may be used; none if there is no room for so many.

        `take_back` is called when they are needed here. It must call `end_loan`, give back each unused slot by `leave`,
        and say `sent` of the others.
        """
        count, seconds = self._limit // 2, self._proven_until - asyncio.get_running_loop().time()
        if seconds <= 0 or self._replays or self._line or len(self._held) + count > self._limit:
            return [], 0
        self._take_back = take_back
        return [self._give() for _ in range(count)], seconds

    def end_loan(self) -> None:
        """The slots that were lent are given back, or will be as their requests are answered."""
        self._take_back = None

    def sent(self, slot: int) -> None:
        """The request is on the wire now."""
        self._held[slot] = asyncio.get_running_loop().time()

    def leave(self, slot: int) -> None:
        """Give the slot back: the head is here, or the request failed. A parked request has given it back already."""
        self._held.pop(slot, None)
        self.call_next()

    def token_accepted(self, *, ago: float = 0) -> None:
        """There is a sign, `ago` seconds old, that the token is accepted. `call_next` calls the requests in line."""
        until = asyncio.get_running_loop().time() - ago + self._seconds.memory
        self._proven_until = max(self._proven_until, until)

    def token_rejected(self) -> None:
        """There is a sign that the token is not accepted."""
        self._proven_until = -inf

    def call_next(self) -> None:
        """Give slots to as many requests in line as may go."""
        while (line := self._replays or self._line) and self._has_room():
            place = line.popleft()
            if not place.done():
                place.set_result(self._give())
        if self._watch is not None and not line:
            self._watch.cancel()
            self._watch = None

    def dismiss(self) -> None:
        """Give slots to all requests in line: a session has ended, and each must check its own."""
        while line := self._replays or self._line:
            place = line.popleft()
            if not place.done():
                place.set_result(self._give())
        self.call_next()  # stops the watch, since the line is empty

    def _has_room(self) -> bool:
        held = len(self._held)
        if held < self._unproven:
            return True
        return held < self._limit and asyncio.get_running_loop().time() < self._proven_until

    def _give(self) -> int:
        slot = next(self._numbers)
        self._held[slot] = None
        return slot

    def _on_watch(self) -> None:
        """Park slow requests, and call the next in line in their place. Runs only while there is a line."""
        self._watch = None
        self._park_slow()
        self.call_next()
        if self._replays or self._line:
            self._watch = asyncio.get_running_loop().call_later(self._seconds.silence, self._on_watch)

    def _park_slow(self) -> None:
        now = asyncio.get_running_loop().time()
        sent = {slot: since for slot, since in self._held.items() if since is not None}
        slow = [since for since in sent.values() if since <= now - self._seconds.silence]
        if slow:  # the newest of them counts: an old long poll says nothing about the present token
            self._proven_until = max(self._proven_until, max(slow) + self._seconds.silence + self._seconds.memory)
        for slot in [slot for slot, since in sent.items() if since <= now - self._seconds.patience]:
            del self._held[slot]


class NoAdmission:
    """For a request that is not counted: it never waits, and no sign of its token changes how many may be sent."""

    def full(self, *, ahead: bool = False) -> bool:
        """Always False."""
        return False

    async def enter(self, *, ahead: bool = False) -> int:
        """Never waits. The number stands for nothing."""
        return 0

    def sent(self, slot: int) -> None:
        """Nothing to note."""

    def leave(self, slot: int) -> None:
        """Nothing to give back."""

    def token_accepted(self) -> None:
        """Nothing to note."""

    def token_rejected(self) -> None:
        """Nothing to note."""

    def call_next(self) -> None:
        """No request is in line."""


class Slot:
    """The slot of one request, for all its attempts."""

    __slots__ = ("_number", "admission")

    def __init__(self, admission: Admission | NoAdmission) -> None:
        self.admission = admission
        self._number: int | None = None

    async def enter(self, *, ahead: bool) -> None:
        """Wait to be admitted, as `Admission.enter`."""
        self._number = await self.admission.enter(ahead=ahead)

    def sent(self) -> None:
        """The request is on the wire now."""
        if self._number is not None:
            self.admission.sent(self._number)

    def leave(self) -> None:
        """Give the slot back, once: the head is here, or the request failed."""
        if self._number is not None:
            self.admission.leave(self._number)
            self._number = None


class Admissions:
    """The slots of every origin: `limit` each. `make_future` is as for `Admission`. Origins are few."""

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
        """A session has ended: each request in line must check whether its own session has."""
        for admission in self._by_origin.values():
            admission.dismiss()

    def clear(self) -> None:
        """The client now runs in another event loop: no request is in line any more."""
        self._by_origin.clear()
