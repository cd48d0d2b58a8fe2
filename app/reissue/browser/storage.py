"""The browser's three stores for text that outlives a page. A worker has the third one only."""

from contextlib import suppress
from typing import Any, Final

import js
from pyodide.ffi import JsException

from ..concurrency.singleflight import SingleFlight
from ..concurrency.timers import time_limit
from .database import PATIENCE, found, opened, settled
from .interop import listen

_TEXTS: Final = "texts"
_TEXT: Final = "text"


class PageStore:
    """One item of `localStorage` (all pages of the origin, until removed) or `sessionStorage` (one tab, until closed).

    Any script of the origin can read it. Raises OSError if it is full, or forbidden by the user's settings.
    """

    def __init__(self, area: str, name: str) -> None:
        self.area = area
        self.own = area == "sessionStorage"
        self._key = f"reissue:{name}"

    def read(self) -> str | None:
        """What was written last."""
        try:
            text = self._storage().getItem(self._key)
        except JsException as error:
            raise OSError(f"the browser's {self.area} can't be read: {error.name}") from None  # its text is not quoted
        return text if isinstance(text, str) else None

    def write(self, text: str | None) -> None:
        """Store this; None removes the item."""
        try:
            if text is None:
                self._storage().removeItem(self._key)
            else:
                self._storage().setItem(self._key, text)
        except JsException as error:
            raise OSError(f"the browser's {self.area} can't be written: {error.name}") from None

    def _storage(self) -> Any:
        storage = getattr(js, self.area, None)  # reading the attribute may raise, where it is forbidden
        if storage is None:
            raise OSError(f"there is no {self.area} here")
        return storage


class DatabaseStore:
    """A database of IndexedDB that holds one text: for all pages and workers of the origin, until removed.

    The browser answers later. So `read` gives what `load` has found and `write` has stored since, and `write` returns
    before the text is on the disk: `stored` waits for that. Any script of the origin can read it. Raises OSError once
    the browser has failed, or has not answered within `PATIENCE`.
    """

    area = "indexedDB"
    own = False

    def __init__(self, name: str) -> None:
        self._name = f"reissue:{name}"
        self._text: str | None = None
        self._loaded = False
        self._failed = False
        self._changes: list[tuple[str | None, str | None]] = []  # (what was there, what is to be there)
        self._writing: SingleFlight[None] = SingleFlight()

    async def load(self) -> None:
        """Find what was written last, perhaps elsewhere."""
        self._check()
        try:
            async with time_limit(PATIENCE):
                await self.stored()
                async with opened(self._name, _TEXTS) as database:
                    text = await found(database, _TEXTS, _TEXT)
        except (JsException, OSError):
            self._failed = True
        self._check()
        if not self._writing.running:
            self._text, self._loaded = text if isinstance(text, str) else None, True

    async def stored(self) -> None:
        """Wait until the browser has stored what was written, or has failed to."""
        if self._writing.running:
            await self._writing.join(self._write)

    def read(self) -> str | None:
        """What was written last, as far as this page or worker knows."""
        self._check()
        return self._text

    def write(self, text: str | None) -> None:
        """Store this; None removes what this page or worker knows to be there, and nothing newer."""
        if text is not None:
            self._check()
        elif self._loaded and self._text is None:
            return
        self._changes.append((self._text if self._loaded else None, text))
        self._text = text
        self._writing.start(self._write)

    def remove(self) -> None:
        """Remove the database, whatever is in it."""
        with suppress(JsException, AttributeError):  # where there is none, nothing is kept either
            js.indexedDB.deleteDatabase(self._name)

    def _check(self) -> None:
        if self._failed:
            raise OSError("the browser's IndexedDB can't be used")

    async def _write(self) -> None:
        try:
            async with time_limit(PATIENCE), opened(self._name, _TEXTS) as database:
                while self._changes:
                    before, after = self._changes[0]
                    await _change(database, before, after)
                    del self._changes[0]
        except (JsException, OSError):
            self._failed = True
            self._changes.clear()
            self.remove()  # what is there is spent by now


async def _change(database: Any, before: str | None, after: str | None) -> None:
    """Put `after` there; if that is None, remove `before`, or whatever is there if `before` is None as well."""
    transaction = database.transaction(_TEXTS, "readwrite")
    texts = transaction.objectStore(_TEXTS)
    request = texts.get(_TEXT)

    def change(_: Any) -> None:  # in the event itself: a transaction ends once nothing more is asked of it
        if after is not None:
            texts.put(after, _TEXT)
        elif before is None or request.result == before:
            texts.delete(_TEXT)

    stop_listening = listen(request, "success", change)
    try:
        await settled(transaction, "complete", "abort")
    finally:
        stop_listening()
