"""A mark without a secret: somebody has signed out, and the server may not know. Its cookie would sign them in again.

It names a time (ms): sessions that began until then are over. It is left before the server is told, so that it is
there also if the page is left meanwhile, and it goes once the server knows, or somebody signs in.
"""

from contextlib import suppress

from .neighbours import Memory, Store


class Untold:
    """The mark. `store` is shared by the pages that share the session; if it is of no use, the mark is this page's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def until(self) -> int:
        """Until when sessions began that are over (ms); 0 if the server knows of every sign-out."""
        try:
            text = self._store.read()
        except OSError:
            self._do_without_store(None)
            return 0
        return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 20 else 0

    def leave(self, until: int) -> None:
        """Somebody has signed out."""
        self._write(until)

    def remove(self) -> None:
        """The server has been told, or somebody has signed in."""
        self._write(None)

    def _write(self, until: int | None) -> None:
        try:
            self._store.write(None if until is None else str(until))
        except OSError:
            self._do_without_store(until)

    def _do_without_store(self, until: int | None) -> None:
        with suppress(OSError):  # it may be full, and hold an earlier one
            self._store.write(None)
        self._store = Memory()
        self._write(until)
