"""SharedSession a session that is bound to a key (DPoP): only among pages that have the same key.

Where the browser keeps no key each page has one of its own, and what it is granted is of no use to the others: it
shares nothing then, stores nothing, and says so once, as of any store that can't be used (T6). Whether the key is kept
is not known at once. Until then nothing that was heard or stored is believed, and whoever looks or takes a turn waits.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from ..storage import Store
from .peers import Peers


class KeyBoundPeers:
    """`Peers` who have the key as well. `kept` tells whether all pages have the same."""

    def __init__(self, peers: Peers, kept: Callable[[], Awaitable[bool]]) -> None:
        self._peers = peers
        self._kept = kept
        self._shared = False  # as far as is known

    @property
    def previous_holder_vanished(self) -> bool:
        """While this page has the turn: was a page left in the middle of the turn before?"""
        return self._peers.previous_holder_vanished

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of a page that has the key, from when that is known."""
        self._peers.listen(lambda text: on_message(text) if self._shared else None)

    def post(self, message: str) -> None:
        """Send a message to every page that has the key."""
        if self._shared:
            self._peers.post(message)

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """One page at a time; each for itself if each has a key of its own."""
        return self._lock()

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[bool]:
        if not await self._looked():
            yield False
            return
        async with self._peers.lock() as taken:
            yield taken

    def advertise(self, sign: str | None) -> None:
        """Let the others see this."""
        if self._shared:
            self._peers.advertise(sign)

    async def advertised(self) -> list[str]:
        """What those show who have the key."""
        return await self._peers.advertised() if await self._looked() else []

    def close(self) -> None:
        """Hear nothing and show nothing any more."""
        self._peers.close()

    async def _looked(self) -> bool:
        self._shared = await self._kept()
        return self._shared


class KeyBoundStore:
    """A store for what is of use with the key only. `kept` tells whether later pages have it; None: not known yet."""

    def __init__(self, store: Store, kept: Callable[[], bool | None]) -> None:
        self._store = store
        self._kept = kept
        self.own = store.own

    def read(self) -> str | None:
        """What was written last. Raises OSError if the key to it is gone."""
        kept = self._kept()
        if kept is None:
            return None
        if not kept:
            raise OSError("the browser keeps no key")
        return self._store.read()

    def write(self, text: str | None) -> None:
        """Keep this; None forgets. Raises OSError if it would be of no use to a later page."""
        if text is not None and not self._kept():
            raise OSError("the browser keeps no key")
        self._store.write(text)
