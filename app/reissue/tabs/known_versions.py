"""What a tab knows of the session's versions: its own, the newest that another tab advertises, and those that are over.

Pure bookkeeping: it sends nothing and waits for nothing.

Theory of operation:

1. Versions are ordered. Messages may come late, twice, out of order or never: a version that is not newer is ignored.
2. A new session is later than every session that this tab knows of, whatever its clock says.
3. A sign-out ends every version of its session (T8), even one that is on its way; a refusal ends the versions up to the
   refused one.
4. A session is overtaken by a later one that another tab has held last: see `shared_session` (8).
5. A sign-out ends no session that a sign-in began after it. It matters how a session began: a sign-in at the endpoint,
   made while its tab held the lock, has replaced the browser's cookie. A session that began otherwise was adopted, or
   was resumed by the cookie while a call that brings another cookie was on its way. Then it is unknown whose the cookie
   is, and the endpoint is told of the sign-out, so that no user who signed out is signed in again.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..errors import EndReason
from .pending_sign_out import Mark
from .protocol import AHEAD, ALL, BY_SIGN_IN, Ended, Granted, Over, Version, read_over
from .sign_out_marks import SignOutMarks

_SOON: Final = 60_000
"""Milliseconds by which a session may be dated later than now, since each is dated later than the ones before it."""


class KnownVersions:
    """The version that this tab holds, and what it knows of other tabs' versions. `clock` is in wall-clock seconds."""

    def __init__(self, sign_outs: SignOutMarks, *, clock: Callable[[], float]) -> None:
        self._sign_outs = sign_outs
        self._clock = clock
        self.mine: Granted | None = None  # what this tab holds
        self.last: Version | None = None  # what this tab has let go last, if other tabs knew of it
        self.newest: Version | None = None  # advertised by another tab when last read, if newer than `mine`
        # The latest time (ms) at which a session is known to have begun, or a sign-out to be confirmed.
        self._latest = 0
        self._latest_session = 0  # the same, of sessions only
        self._on_since = 0  # the same, of sessions that this tab does not know to be signed out
        self._signed_in = 0  # the same, of sessions that `Version.by_sign_in` is true of
        self._signed_out_elsewhere = 0  # the latest time (ms) at which another tab may have signed out
        self._over = Over()

    @property
    def version(self) -> Version | None:
        """The version that this tab holds."""
        return self.mine.version.dated(self._clock()) if self.mine else None

    @property
    def overtaken_by(self) -> str | None:
        """A later session than this tab's, which is over by now, or advertised but not handed over; None without one.

        It goes by its name, or, once it is over, by the time at which it began.
        """
        newest, mine = self.newest, self.version
        assert mine is not None, "only a current session asks this"
        if newest is not None and newest.session != mine.session:
            return newest.session
        return str(self._latest_session) if mine.began < _unless_put_back(self._latest_session, self._now) else None

    @property
    def pending_sign_out(self) -> Mark | None:
        """The latest sign-out of any tab that the endpoint may not know of; None if a session has begun since."""
        marks = [mark for mark in self._sign_outs.marks if not self.signed_in_since(mark.until)]
        return max(marks, default=None)

    def signed_in_since(self, until: int) -> bool:
        """Has a session begun after this time (ms), by whatever means?"""
        newest = self.newest.began if self.newest else 0
        return max(_unless_put_back(self._on_since, self._now), newest) > until

    def cookie_is_of_a_later_sign_in(self, until: int) -> bool:
        """Has a sign-in begun a session after this time (ms), so that the cookie can't be an earlier session's?

        A session that is dated much later than now began before the clock was put back. If the sign-out knew of no such
        session, it did not come before this one for that.
        """
        soon = self._now + _SOON
        return self._signed_in > until and (self._signed_in <= soon or until > soon)

    def is_old(self, version: Version) -> bool:
        """Is this version over, or no newer than the one that this tab holds?"""
        if version.number <= self._over.up_to(version.session):
            return True
        if (mine := self.version) is not None:
            return not version.is_newer_than(mine)
        return version.began <= self._sign_outs.until

    def ends_mine(self, ended: Ended) -> bool:
        """Does this message of another tab end the session that this tab holds, or is about to begin?"""
        mine = self.version
        if ended.reason == "refused":
            return mine is not None and ended.version is not None and not mine.is_newer_than(ended.version)
        if mine is None and ended.version is not None:
            known = self._over.up_to(ended.version.session) == ALL
            if known or ended.passed_on:
                return False  # this sign-out may be long ago, and the user may be signing in here by now
        # If this tab holds an earlier session, it has missed a message: the browser has one cookie, and it is spent.
        return mine is None or ended.version is None or not mine.began_after(ended.version)

    def next(self, *, begins: bool, by_sign_in: bool) -> Version:
        """The version of a credential that this tab is granted now: the next of its session, or a session's first."""
        mine = self.version
        newest = max((version.dated(self._clock()) for version in (mine, self.newest) if version), default=None)
        if mine and newest and newest.session == mine.session and newest.number + 1 < ALL and not begins:
            return Version(mine.began, mine.session, newest.number + 1)
        # Later than every known session, whatever the clock says.
        signed_out = _unless_put_back(self._signed_out_elsewhere, self._now)
        began = max(self._now, self._began + 1, signed_out + 1, newest.began + 1 if newest else 0)
        return Version(began, BY_SIGN_IN * by_sign_in + os.urandom(8).hex(), 1)

    def hold(self, granted: Granted) -> Version:
        """This tab holds this credential from now on. Returns its version, which begins no earlier than `mine` did."""
        version = granted.version
        if self.mine is not None and self.mine.version.session != version.session:
            self.close_off(self.mine.version, "replaced")
        elif self.mine is not None:  # another tab may have changed the date: see `Version.dated`
            version = replace(version, began=max(self.mine.version.began, version.began))
        self.mine = Granted(version, granted.credential)
        self._note_session(version)
        self._on_since = max(_unless_put_back(self._on_since, self._now), version.began)
        self._note_sign_in(version)
        self._sign_outs.replaced(self._began)
        return version

    def let_go(self, reason: EndReason, *, private: bool = False) -> Version | None:
        """What this tab holds is over, and it holds nothing any more. Returns the version that it held.

        `private`: no other tab has heard of it, and none is to.
        """
        version = self.version
        if not private:
            self.last = version or self.last
        self.mine = None
        if reason == "signed_out":
            self._on_since = 0
        self.close_off(version, reason)
        return version

    def close_off(self, version: Version | None, reason: EndReason, *, held: bool = True) -> None:
        """From now on these versions are over, even if they are still on their way. `held`: this tab held them."""
        if version is not None:
            self._over.note(version, altogether=reason != "refused", held=held)

    def notice(self, signs: list[str]) -> None:
        """Note what the other tabs advertise: versions of sessions, sessions that are over, and sign-outs."""
        self._sign_outs.notice(signs)
        for sign in signs:
            over = read_over(sign, now=self._clock())
            if over is not None and _may_overtake(over, self.mine, self._now):
                self._note_session(over)
        versions = (Version.parse(text, now=self._clock()) for text in signs)
        news = [version for version in versions if version and not self.is_old(version)]
        self.newest = max(news, default=None)
        for version in news:
            self._note_sign_in(version)
        if self.newest is not None:
            self._sign_outs.replaced(self.newest.began)

    def mark_sign_out(self, *, in_body: bool) -> Mark:
        """Leave the mark of a sign-out in this tab: every session that has begun until now is over.

        It is later than every sign-out that this tab knows of, so each can be told from the others.
        """
        elsewhere = _unless_put_back(self._signed_out_elsewhere, self._now)
        until = max(self._now, self._began, self._sign_outs.until + 1, elsewhere + 1)  # whatever the clock says
        mark = Mark(until, in_body)
        self._signed_in = min(self._signed_in, mark.until)
        self._sign_outs.store(mark)
        return mark

    def note_sign_out_elsewhere(self) -> None:
        """Another tab has signed out by now: a session that begins here later is dated later, also if the clock is
        coarse. Else that tab would take it for one that its sign-out has ended.
        """
        self._signed_out_elsewhere = max(self._now, self._sign_outs.until)

    def sign_out_confirmed(self, until: int | None = None) -> None:
        """The endpoint need not be told any more of the sign-outs up to this time (ms); None means of any sign-out.

        Sessions that begin from now on are later than these sign-outs. It still has to be told of a later sign-out.
        """
        self._latest = max(self._began, self._sign_outs.confirm(until))

    @property
    def _now(self) -> int:
        """The time now (ms)."""
        return int(self._clock() * 1000)

    @property
    def _began(self) -> int:
        """The time (ms) that a session which begins now must be later than; 0 if the clock has been put back since."""
        return _unless_put_back(self._latest, self._now)

    def _note_session(self, version: Version) -> None:
        self._latest = max(self._began, version.began)
        self._latest_session = max(_unless_put_back(self._latest_session, self._now), version.began)

    def _note_sign_in(self, version: Version) -> None:
        if version.by_sign_in:
            self._signed_in = max(self._signed_in, version.began)


def _may_overtake(over: Version, mine: Granted | None, now: int) -> bool:
    """Does it matter to this tab's session what another tab has held last?

    Not if it is this session itself, whose date may differ between tabs. If it is dated much later than now, it began
    before the clock was put back, and says nothing of what came later.
    """
    return over.began <= now + _SOON and (mine is None or mine.version.session != over.session)


def _unless_put_back(time: int, now: int) -> int:
    """This time (ms); 0 if the clock has been put back since, so far that the time is no session's any more."""
    return time if time <= now + AHEAD else 0
