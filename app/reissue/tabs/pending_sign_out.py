"""A mark without a secret: somebody has signed out, and the server may not know. Its cookie would sign them in again.

It names a time (ms): sessions that began until then are over. It is left before the server is told, so that it is
there also if the page is left meanwhile. It goes once the server knows or will not be told, once somebody signs in,
and at the latest after `LIFE`: whose cookie it meets by then, nobody can tell.

What is in the store is not trusted: a time that is further away than `LIFE`, in the future too, is no mark.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ..storage import Memory, Store

LIFE: Final = 86_400.0
"""Seconds. A day: longer than a journey or a server's bad hours, and long enough for the next start of the browser.
After that the cookie is more likely that of somebody who has signed in by other means than this library."""

_IN_BODY: Final = " in body"


@dataclass(frozen=True, slots=True)
class Mark:
    """Sessions that began until `until` (ms) are over. `in_body`: the server knows them by a token and by no cookie."""

    until: int
    in_body: bool = False

    def __str__(self) -> str:
        return f"{self.until}{_IN_BODY * self.in_body}"

    @classmethod
    def parse(cls, text: str | None) -> "Mark | None":
        """The mark that a text is; None if it is none."""
        if not text:
            return None
        until = text.removesuffix(_IN_BODY)
        if not (until.isascii() and until.isdecimal() and len(until) < 20):
            return None
        return cls(int(until), in_body=text.endswith(_IN_BODY))

    def stands(self, now: float, *, within: float = LIFE) -> bool:
        """Is it not more than so many seconds from this time (seconds)? The clock may have been set back since."""
        return abs(now - self.until / 1000) <= within


class PendingSignOut:
    """The mark's place. `store` is shared by the pages that share the session; if it is of no use, it is this page's.

    `clock` gives wall-clock seconds.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    @property
    def mark(self) -> Mark | None:
        """The mark of a sign-out that the server may not know of; None if there is none any more."""
        try:
            mark = Mark.parse(self._store.read())
        except OSError:
            self._do_without_store(None)
            return None
        if mark is None or mark.stands(self._clock()):
            return mark
        if mark.until / 1000 < self._clock():
            self.remove()
        return None

    @property
    def until(self) -> int:
        """Until when sessions began that are over (ms); 0 if the server knows of every sign-out."""
        mark = self.mark
        return mark.until if mark else 0

    def leave(self, mark: Mark) -> None:
        """Somebody has signed out."""
        self._write(mark)

    def remove(self) -> None:
        """The server has been told, or never will be, or somebody has signed in."""
        self._write(None)

    def _write(self, mark: Mark | None) -> None:
        try:
            self._store.write(None if mark is None else str(mark))
        except OSError:
            self._do_without_store(mark)

    def _do_without_store(self, mark: Mark | None) -> None:
        with suppress(OSError):  # it may be full, and hold an earlier one
            self._store.write(None)
        self._store = Memory()
        self._write(mark)
