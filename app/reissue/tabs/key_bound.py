"""Sharing a session that is bound to a key (DPoP): only among tabs that have the same key.

Where the browser stores no key, each tab has a key of its own, and its tokens are useless to other tabs. Then it shares
nothing, stores nothing, and emits one event, as for any store that can't be used (T6). It takes a moment to find out
whether the key is stored. Until then messages and stored sessions are ignored, and `lock` and `advertised` wait. What
this tab posts before, as at a sign-out, is sent then.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from ..storage import LoadedStore, Store
from .peers import Peers


class KeyBoundPeers:
    """`Peers` that have the same key. `kept` says whether the browser stores the key, which all tabs then share."""

    def __init__(self, peers: Peers, kept: Callable[[], Awaitable[bool]]) -> None:
        self._peers = peers
        self._kept = kept
        self._shared: bool | None = None  # until `kept` has answered
        self._early: list[str] = []  # posted before that

    @property
    def previous_holder_vanished(self) -> bool:
        """While this tab holds the lock: did the previous holder vanish in the middle of a call?"""
        return self._peers.previous_holder_vanished

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another tab, once it is known that they have the same key."""
        self._peers.listen(lambda text: on_message(text) if self._shared else None)

    def post(self, message: str) -> None:
        """Send a message to every other tab, if they have the same key: once that is known."""
        if self._shared is None:
            self._early.append(message)
        elif self._shared:
            self._peers.post(message)

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """One tab at a time; always free if each tab has a key of its own."""
        return self._lock()

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[bool]:
        if not await self._is_shared():
            yield False
            return
        async with self._peers.lock() as waited:
            yield waited

    def advertise(self, sign: str | None) -> None:
        """Show this text to other tabs, if they have the same key."""
        if self._shared:
            self._peers.advertise(sign)

    async def advertised(self) -> list[str]:
        """What all tabs advertise, if they have the same key."""
        return await self._peers.advertised() if await self._is_shared() else []

    def close(self) -> None:
        """Receive nothing and advertise nothing any more."""
        self._peers.close()

    async def _is_shared(self) -> bool:
        self._shared = await self._kept()
        early, self._early = self._early, []
        for message in early:
            self.post(message)
        return self._shared


class KeyBoundStore:
    """A store for tokens that need the key. `kept` says whether later pages have the key; None: not known yet."""

    def __init__(self, store: Store, kept: Callable[[], bool | None]) -> None:
        self._store = store
        self._kept = kept
        self.own = store.own
        self.area: str = getattr(store, "area", "memory")

    async def load(self) -> None:
        """As `LoadedStore.load`."""
        if isinstance(self._store, LoadedStore):
            await self._store.load()

    async def stored(self) -> None:
        """As `LoadedStore.stored`."""
        if isinstance(self._store, LoadedStore):
            await self._store.stored()

    def read(self) -> str | None:
        """What was written last. Raises OSError if the browser does not store the key."""
        kept = self._kept()
        if kept is None:
            return None
        if not kept:
            raise OSError("the browser stores no key, so what is stored here can't be used")
        return self._store.read()

    def write(self, text: str | None) -> None:
        """Store this text; None removes it. Raises OSError if a later page would lack the key for it."""
        if text is not None and not self._kept():
            raise OSError("the browser stores no key, so a later page could not use this")
        self._store.write(text)
