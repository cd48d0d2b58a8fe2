"""A mark without a secret: a user has signed out, and the server may not know. Its cookie would sign the user in again.

It names a time (ms): sessions that began until then are over. It is stored before the server is told, so that it is
still there if the page is left meanwhile. `SignOuts.tell_again` tells the server when the network is back, and at the
next `resume()` or `sign_in()`, in any tab. A mark `in_body` is told only by the tab that signed out, since the refresh
token is in its memory: once that tab is gone, the server is never told. The mark is removed once the server
knows or will not be told, once a user signs in, and at the latest after `LIFE`: by then the cookie may be another
user's.

Where each tab stores the session for itself, a mark that is *told* stays in its place. A tab that was not open when the
user signed out, since the browser had discarded it, still has the session in its store: it is over all the same.

What is in the store is not trusted: a time that is further from now than `LIFE`, past or future, is no mark.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from ..storage import LoadedStore, Memory, Store

LIFE: Final = 86_400.0
"""Seconds. A day: longer than a flight or an outage of the server, and long enough for the next start of the browser.
After that the cookie is more likely that of a user who has signed in by other means than this library."""

_IN_BODY: Final = " in body"
_TOLD: Final = " told"


class Mark(NamedTuple):
    """Sessions that began until `until` (ms) are over. `in_body`: the server knows them by a token, not by a cookie.

    `told`: the server need not be told any more.
    """

    until: int
    in_body: bool = False
    told: bool = False

    def __str__(self) -> str:
        return f"{self.until}{_IN_BODY * self.in_body}{_TOLD * self.told}"

    @classmethod
    def parse(cls, text: str | None) -> "Mark | None":
        """The mark that a text holds; None if it holds none."""
        if not text:
            return None
        untold = text.removesuffix(_TOLD)
        until = untold.removesuffix(_IN_BODY)
        if not (until.isascii() and until.isdecimal() and len(until) < 20):
            return None
        return cls(int(until), in_body=untold.endswith(_IN_BODY), told=text.endswith(_TOLD))

    def stands(self, now: float, *, within: float = LIFE) -> bool:
        """Is this mark at most `within` seconds from `now`, before or after? The clock may have been set back since.

        One that is told stands however long ago it is.
        """
        ahead = self.until / 1000 - now
        return ahead <= within and (self.told or -ahead <= within)


class PendingSignOut:
    """Where the mark is stored: in `store`, which the session's tabs share, or in this tab's memory if that fails.

    `clock` returns wall-clock seconds. `keeps_told`: a mark that is told stays.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float], keeps_told: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._keeps_told = keeps_told
        self._unread: Store | None = None  # could not be loaded
        self._known: Mark | None = None  # as this tab last wrote or read it: what is left if the store fails

    async def load(self) -> None:
        """Find out what the store holds, if that takes time."""
        if isinstance(self._store, LoadedStore):
            try:
                await self._store.load()
            except OSError:  # the mark may be there all the same, for a later page
                self._unread, self._store = self._store, Memory()
                self._write(self._known)

    @property
    def mark(self) -> Mark | None:
        """The mark of a sign-out that the server may not know of; None if there is none."""
        mark = self._standing()
        return None if mark is None or mark.told else mark

    @property
    def until(self) -> int:
        """Time (ms) of the mark, told or not: sessions that began until then are over. 0 without a mark."""
        mark = self._standing()
        return mark.until if mark else 0

    def store(self, mark: Mark) -> None:
        """A user has signed out: store the mark."""
        self._write(mark)

    def remove(self) -> None:
        """The server has been told, or never will be, or a user has signed in: remove the mark, or leave it as told."""
        if self._unread is not None:
            with suppress(OSError):
                self._unread.write(None)
        mark = self._read() if self._keeps_told else None
        if mark is None or not mark.told:
            self._write(None if mark is None else Mark(mark.until, told=True))

    def begins(self, began: int) -> None:
        """A session has begun at this time (ms): remove a told mark that seems later, since the clock was put back."""
        mark = self._read()
        if mark is not None and mark.told and mark.until >= began and mark.until > self._clock() * 1000:
            self._write(None)

    def _standing(self) -> Mark | None:
        mark = self._read()
        if mark is None or mark.stands(self._clock()):
            return mark
        if not mark.told and mark.until / 1000 < self._clock():
            self.remove()
        return None

    def _read(self) -> Mark | None:
        try:
            self._known = Mark.parse(self._store.read())
        except OSError:
            self._fall_back_to_memory()
        return self._known

    def _write(self, mark: Mark | None) -> None:
        self._known = mark
        try:
            self._store.write(None if mark is None else str(mark))
        except OSError:
            self._fall_back_to_memory()

    def _fall_back_to_memory(self) -> None:
        with suppress(OSError):  # the store may be full, and hold an earlier mark
            self._store.write(None)
        self._store = Memory()
        self._write(self._known)
