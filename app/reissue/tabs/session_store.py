"""The stored session: what a tab that opens later, or this tab after a reload, resumes from.

A store may fail at any time, if it is full or the user forbids it. Nothing is lost then: the tab keeps the session in
memory and tells its client once, and the other tabs get the session by messages (T6). What is read is not trusted: any
script of the origin can write to a store.
"""

from collections.abc import Callable
from contextlib import suppress

from ..events import StorePhase
from ..storage import LoadedStore, Memory, Store
from .protocol import Granted, read, written
from .sharing_client import SharingClient


class SessionStore:
    """The session in a `store`. `clock` returns wall-clock seconds."""

    def __init__(self, store: Store, client: SharingClient, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._client = client
        self._clock = clock
        self._unread: Store | None = None  # could not be loaded
        self._written: tuple[str, Granted] | None = None  # by this tab, last: it need not be parsed again

    @property
    def area(self) -> str:
        """The name of the browser's storage; "memory" for any other store."""
        area: str = getattr(self._store, "area", "memory")
        return area

    @property
    def own(self) -> bool:
        """Does no other tab read or write this store?"""
        return self._store.own

    async def load(self) -> None:
        """Find out what the store holds, if that takes time."""
        if isinstance(self._store, LoadedStore):
            try:
                await self._store.load()
            except OSError:  # what is there may be good all the same, for a later page
                self._unread, self._store = self._store, Memory()
                self._client.on_store_failure(StorePhase.UNAVAILABLE)

    async def stored(self) -> None:
        """Wait until a later page finds what was kept last, or until the store has failed."""
        if isinstance(self._store, LoadedStore):
            await self._store.stored()

    def forget_unread(self) -> None:
        """Remove what could not be loaded: the session that it may hold goes on elsewhere, or is over."""
        unread, self._unread = self._unread, None
        if unread is not None:
            with suppress(OSError):
                unread.write(None)

    def read(self) -> Granted | None:
        """The stored credential with its version; None if this client can send none that is stored."""
        try:
            text = self._store.read()
        except OSError:
            self._fall_back_to_memory()
            return None
        if self._written is not None and text == self._written[0]:
            granted = self._written[1]
            return granted._replace(version=granted.version.dated(self._clock()))
        message = read(text, now=self._clock())
        if isinstance(message, Granted) and self._client.accepts(message.credential):
            return message
        if text:  # unusable: remove it, or every reload would find it again
            self._client.on_store_failure(StorePhase.CORRUPTED)
            self.keep(None)
        return None

    def keep(self, granted: Granted | None) -> None:
        """Store this credential in place of the last one; None removes it."""
        self.forget_unread()
        self._written = None if granted is None else (written(granted), granted)
        try:
            self._store.write(self._written[0] if self._written is not None else None)
        except OSError:
            self._fall_back_to_memory()

    def _fall_back_to_memory(self) -> None:
        with suppress(OSError):  # a full store would keep the last credential, which is spent by now, for good
            self._store.write(None)
        self._store = Memory()
        self._client.on_store_failure(StorePhase.UNAVAILABLE)
