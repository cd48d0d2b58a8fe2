"""The sign-outs that the endpoint may not know of yet: this tab's, the stored one, and those of other tabs.

Theory of operation:

1. A sign-out leaves a mark that every tab sees, also one that opens later (see `pending_sign_out`). Until the endpoint
   knows of the sign-out, a tab without a session accepts no session that began before the mark.
2. While a tab is about to tell the endpoint, it also advertises the mark to the holder of the lock. A tab that is about
   to sign in sees it, and tells the endpoint first (S5). So no tab needs to wait for another tab's place in its line.
"""

import os
from collections.abc import Callable
from typing import Final

from .pending_sign_out import Mark, PendingSignOut

ABOUT_TO_TELL = 60.0
"""Seconds for which an advertised sign-out counts. A tab that advertises it for longer is frozen."""

_SIGNED_OUT: Final = "signed-out"


class SignOutMarks:
    """The marks of sign-outs. `pending_sign_out` is the stored mark, `clock` returns wall-clock seconds."""

    def __init__(self, pending_sign_out: PendingSignOut, *, clock: Callable[[], float]) -> None:
        self._pending_sign_out = pending_sign_out
        self._clock = clock
        self._name = os.urandom(8).hex()  # tells this tab's marks from those of other tabs
        self._elsewhere: Mark | None = None  # the latest mark that another tab advertised, when last read
        self._known_until = 0  # time (ms): the endpoint knows of every sign-out until then
        self._over_until = 0  # the same, unless the clock has been put back since

    async def load(self) -> None:
        """Find out what is stored, if that takes time."""
        await self._pending_sign_out.load()

    @property
    def until(self) -> int:
        """Time (ms) of the latest sign-out: sessions that began until then are over. 0 if there was none.

        Once the clock has been put back, a later session may seem to have begun earlier. Then this is the time of the
        stored mark, which a later session removes.
        """
        if self._over_until > self._now:
            self._over_until = 0
        return max(self._pending_sign_out.until, self._over_until)

    @property
    def marks(self) -> list[Mark]:
        """Every mark that this tab knows of."""
        return [mark for mark in (self._pending_sign_out.mark, self._elsewhere) if mark]

    def store(self, mark: Mark) -> None:
        """Store the mark of a sign-out in this tab."""
        self._pending_sign_out.store(mark)

    def sign_of(self, mark: Mark) -> str:
        """What this tab advertises while it is about to tell the endpoint of this sign-out."""
        return f"{_SIGNED_OUT}.{self._name}.{mark}"

    def notice(self, signs: list[str]) -> None:
        """Note which sign-outs the other tabs advertise."""
        marks = [mark for mark in map(self._mark_of, signs) if mark]
        self._elsewhere = max(marks, default=None)

    def confirm(self, until: int | None) -> int:
        """The endpoint knows of every sign-out until this time (ms), or will not be told any more. None means of all.

        Returns the latest time that was ever confirmed. A later mark stays.
        """
        elsewhere = self._elsewhere.until if self._elsewhere else 0
        known = max(self._pending_sign_out.until, elsewhere) if until is None else until
        self._known_until = max(self._known_until, known)
        self._over_until = min(self._known_until, self._now)
        self._elsewhere = None  # the next `notice` sets it again
        if self._pending_sign_out.until <= self._known_until:
            self._pending_sign_out.remove()
        return self._known_until

    def replaced(self, began: int) -> None:
        """A session has begun at this time (ms): its cookie has replaced that of every earlier sign-out."""
        if 0 < self._pending_sign_out.until < began:  # if the store is shared, the tab that began it has removed it
            self._pending_sign_out.remove()
        self._pending_sign_out.begins(began)

    @property
    def _now(self) -> int:
        """The time now (ms)."""
        return int(self._clock() * 1000)

    def _mark_of(self, sign: str) -> Mark | None:
        """The mark that another tab advertises by this sign; None if it is no mark, or an outdated one."""
        kind, _, rest = sign.partition(".")
        name, _, text = rest.partition(".")
        mark = Mark.parse(text) if kind == _SIGNED_OUT and name != self._name else None
        if (
            mark is None
            or mark.told
            or mark.until <= self._known_until
            or not mark.stands(self._clock(), within=ABOUT_TO_TELL)
        ):
            return None
        return mark
