"""The laboratory: counters, the ordered faults, the held requests, and a clock that can be skewed."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, fields, replace

from starlette.types import Receive

from devserver.faults import Fault


@dataclass(slots=True)
class Counters:
    """What the server saw. A test trusts these more than the page's own figures."""

    logins: int = 0
    logins_refused: int = 0
    logouts: int = 0
    refreshes_asked: int = 0  # every POST to a refresh that arrived, also those that a fault swallowed
    refreshes_granted: int = 0
    refreshes_refused: int = 0
    refreshes_without_cookie: int = 0
    reuse_detections: int = 0
    api_requests: int = 0
    api_401s: int = 0
    api_in_flight: int = 0
    api_in_flight_max: int = 0

    def reset(self) -> None:
        """Back to zero, in place: running requests hold this object, and stay in flight."""
        for counter in fields(self):
            setattr(self, counter.name, 0 if not counter.name.startswith("api_in_flight") else self.api_in_flight)


class Lab:
    """Counters, faults, held requests and the skewed clock: what tests and the demo do to the server."""

    def __init__(self, *, skew: float = 0) -> None:
        self.skew = skew
        self.counters = Counters()
        self.sessions: defaultdict[str, Counters] = defaultdict(Counters)  # the same, of one session each
        self.faults: list[Fault] = []
        self.held = 0
        self._held_changed = asyncio.Condition()
        self._gate: asyncio.Future[bool] | None = None  # its result: is what was held abandoned?
        self._closing = asyncio.Event()

    def clock(self) -> float:
        """The server's time, in seconds."""
        return time.time() + self.skew

    def counted(self, sid: str | None) -> list[Counters]:
        """The counters for what this session does."""
        return [self.counters] if sid is None else [self.counters, self.sessions[sid]]

    def count(self, name: str, sid: str | None, by: int = 1) -> None:
        """Counts something that this session did."""
        for counters in self.counted(sid):
            setattr(counters, name, getattr(counters, name) + by)

    def reset(self) -> None:
        """Sets all counters to zero."""
        for counters in (self.counters, *self.sessions.values()):
            counters.reset()

    def take_fault(self, path: str, sid: str | None) -> Fault | None:
        """The first fault for this path and session, with one of its times used up."""
        for index, fault in enumerate(self.faults):
            if fault.hits(path, sid):
                self.faults[index : index + 1] = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                return fault
        return None

    async def pause(self, seconds: float) -> None:
        """Sleeps; ends early when the server stops."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)

    async def until_closed(self, receive: Receive) -> None:
        """Returns when the client has gone, or the server stops."""

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        ends = [asyncio.create_task(gone()), asyncio.create_task(self._closing.wait())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()

    async def hold(self) -> bool:
        """Waits for the next `release`. True if the request is to be abandoned then."""
        if self._gate is None:
            self._gate = asyncio.get_running_loop().create_future()
        gate = self._gate
        await self._count_held(+1)
        try:
            return await asyncio.shield(gate)  # many wait for it, and one of them may be cancelled
        finally:
            await self._count_held(-1)

    async def wait_until_held(self, count: int, *, seconds: float) -> bool:
        """Whether `count` requests are held at once within `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._held_changed:
                await self._held_changed.wait_for(lambda: self.held >= count)
        return self.held >= count

    def release(self, *, abandon: bool = False) -> int:
        """Lets every held request go on, or hangs up on it; returns how many there were."""
        released, gate = self.held, self._gate
        self._gate = None
        if gate is not None:
            gate.set_result(abandon)
        return released

    def close(self) -> None:
        """Lets everything that waits go on, so that the server can stop."""
        self.faults.clear()
        self.release()
        self._closing.set()

    async def _count_held(self, change: int) -> None:
        async with self._held_changed:
            self.held += change
            self._held_changed.notify_all()
