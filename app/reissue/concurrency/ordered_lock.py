"""A lock whose place in line is taken without an await: the first to ask is first, whatever runs in between."""

import asyncio
from collections import deque


class OrderedLock:
    """Places in the order of asking. The first place has the lock."""

    def __init__(self) -> None:
        self._places: deque[Place] = deque()

    def __len__(self) -> int:
        return len(self._places)

    def join(self) -> "Place":
        """Take the last place. Enter it by `async with`, or give it up: until then no place behind it gets the lock."""
        place = Place(self._places)
        self._places.append(place)
        return place


class Place:
    """One place in a line: `async with` waits until it is the first, and leaves it."""

    def __init__(self, places: deque["Place"]) -> None:
        self._places = places
        self._reached: asyncio.Future[None] | None = None
        self._entered = False

    async def __aenter__(self) -> None:
        self._entered = True
        if self._places[0] is self:
            return
        self._reached = asyncio.get_running_loop().create_future()
        try:
            await self._reached
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def give_up(self) -> None:
        """Leave the line, unless the place was entered."""
        if not self._entered:
            self._entered = True
            self._leave()

    def _leave(self) -> None:
        self._places.remove(self)
        if self._places:
            self._places[0]._go_on()

    def _go_on(self) -> None:
        """This place is the first now: wake the task that waits in `__aenter__`."""
        if self._reached is not None and not self._reached.done():
            self._reached.set_result(None)
