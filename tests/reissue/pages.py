"""Several pages of one browser: a lock, a channel and what each page shows, all in one process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext


class Pages:
    """One origin and one name. `page()` is one more page of it."""

    def __init__(self) -> None:
        self.open: list[FakePeers] = []
        self.line: deque[tuple[FakePeers, asyncio.Future[None]]] = deque()
        self.holder: FakePeers | None = None
        self.holders: list[FakePeers] = []  # all there ever were
        self.channel_works = self.locks_work = True
        self.marks_work = True
        self.turn_is_marked = False  # by whoever has it, until it ends it

    def page(self) -> "FakePeers":
        page = FakePeers(self)
        self.open.append(page)
        return page

    def next_turn(self) -> None:
        self.holder = None
        while self.line:
            page, place = self.line.popleft()
            if not place.done():
                self.holder = page
                self.holders.append(page)
                place.set_result(None)
                return


class FakePeers:
    """One page's view of the others. Messages arrive in the loop's next round, and wait while the page is `frozen`."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.on_message: Callable[[str], None] = lambda text: None
        self.shown: str | None = None
        self.frozen = self.previous_holder_vanished = False
        self.inbox: deque[str] = deque()
        self.posted: list[str] = []

    def listen(self, on_message: Callable[[str], None]) -> None:
        self.on_message = on_message

    def post(self, message: str) -> None:
        self.posted.append(message)
        if self.pages.channel_works and self in self.pages.open:
            for page in self.pages.open:
                if page is not self:
                    page.inbox.append(message)
                    asyncio.get_running_loop().call_soon(page.deliver)

    def deliver(self) -> None:
        while self.inbox and not self.frozen and self in self.pages.open:
            self.on_message(self.inbox.popleft())

    def lock(self) -> AbstractAsyncContextManager[bool]:
        return self._turn() if self.pages.locks_work else nullcontext(False)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        taken = self.pages.holder is not None
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pages.line.append((self, place))
        if self.pages.holder is None:
            self.pages.next_turn()
        try:
            await place
            self.previous_holder_vanished = self.previous_holder_vanished or self.pages.turn_is_marked
            self.pages.turn_is_marked = self.pages.marks_work
            yield taken
            self.previous_holder_vanished = False
        finally:
            if place.done() and not place.cancelled() and self in self.pages.open:
                self.pages.turn_is_marked = False
                self.pages.next_turn()
            place.cancel()

    def advertise(self, sign: str | None) -> None:
        self.shown = sign

    async def advertised(self) -> list[str]:
        await asyncio.sleep(0)
        return [page.shown for page in self.pages.open if page.shown is not None]

    def close(self) -> None:
        """As a page that is left, or that crashes: its lock is free, and it is heard no more."""
        if self in self.pages.open:
            self.pages.open.remove(self)
            self.pages.line = deque(place for place in self.pages.line if place[0] is not self)
            if self.pages.holder is self:
                self.pages.next_turn()

    def thaw(self) -> None:
        self.frozen = False
        self.deliver()
