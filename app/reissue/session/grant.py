"""What a session presents to the endpoint, and what becomes of the refresh token in the answer.

Theory of operation:

1. A refresh token is presented once. The new one in an answer is kept and handed to the other tabs, even if the rest of
   the answer is unusable (F19): the presented one is spent.
2. A late answer replaces no credential of a session that has ended (S1). But if the session was closed in this tab
   only, the other tabs get the new tokens; and after a sign-out, in this tab or another, the endpoint is asked to end
   the session of these.
3. A refresh whose answer was lost is sent again, if the server says that it accepts a refresh token twice within a
   grace window (F6).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from ..errors import MalformedToken, RefreshUnavailable, take_rotated
from ..tabs.pending_sign_out import Mark
from ..tabs.shared_session import SharedSession
from ..tokens.credentials import Credential
from .holding import Holding
from .settings import SessionSettings


class Grant:
    """The refresh token of one session, or the browser's cookie in its place."""

    def __init__(self, holding: Holding, shared: SharedSession, settings: SessionSettings) -> None:
        self._holding = holding
        self._shared = shared
        self._clock = settings.clock
        self._grace = settings.grace
        self._doubted_for: set[Mark | str] = set()  # what has put the cookie in doubt: each does so once

    def presented(self, *, up_to_date: bool) -> Credential:
        """The credential to present to the endpoint. Raises RefreshUnavailable if only another tab can refresh now.

        `up_to_date`: this tab holds the newest version that any tab advertises.
        """
        holding = self._holding
        self._shared.lock.check_held()
        self.check_newest(up_to_date=up_to_date)
        versions = self._shared.versions
        # A sign-out or a sign-in that this tab has not heard of.
        reasons = {reason for reason in (versions.overtaken_by, versions.pending_sign_out) if reason is not None}
        if not reasons <= self._doubted_for:
            holding.doubt_cookie()
            self._doubted_for |= reasons
        return holding.with_latest_refresh_token

    def check_newest(self, *, up_to_date: bool) -> None:
        """Raises RefreshUnavailable if only another tab has a refresh token that is not spent."""
        if not up_to_date and self._holding.with_latest_refresh_token.refresh_token is not None:
            raise RefreshUnavailable("another tab has the next refresh token and does not hand it over: try later")

    async def catch_up(self) -> None:
        """Hold the newest refresh token: it goes on beside an access token that has come without one.

        Called under the lock. Raises RefreshUnavailable if another tab may have spent this tab's, and have the next.
        """
        if self._holding.with_latest_refresh_token.refresh_token is not None:
            self._shared.lock.check_held()
            self.check_newest(up_to_date=await self._shared.adopt_newer())

    async def ask(self, presented: Credential, call: Callable[[], Awaitable[Credential]]) -> Credential:
        """Ask the endpoint, by `call`; and once more within the grace window, if the answer was lost."""
        asked_at = self._clock()
        try:
            try:
                return await call()
            except OSError:
                if not 0 <= self._clock() - asked_at < self._grace:
                    raise
                return await call()
        except MalformedToken as error:
            self.rescue(presented, error)
            raise

    def keep(self, presented: Credential, refresh_token: str) -> None:
        """Keep this refresh token in place of the presented one, and hand it over. The access token stays the same."""
        holding, kept = self._holding, replace(presented, refresh_token=refresh_token)
        if holding.ended is None and holding.with_latest_refresh_token is presented:
            holding.keep_refresh_token(kept)
            self._shared.hand_over(kept, begins=False)
        else:
            self.pass_on(presented, kept)

    def rescue(self, presented: Credential, failure: BaseException) -> None:
        """Keep the refresh token of an answer that is otherwise unusable."""
        rotated = take_rotated(failure)
        if rotated is not None and presented.refresh_token is not None:
            self.keep(presented, rotated)

    def pass_on(self, presented: Credential, late: Credential) -> None:
        """Pass on a credential that came too late: to a sign-out, or, after `close()`, to the other tabs."""
        if self._holding.ended == "signed_out":
            self._holding.with_latest_refresh_token = late
            if late.refresh_token is not None:
                self._shared.pass_on(late)
        elif self._holding.ended == "closed" and self._shared.holds(presented):
            self._shared.hand_over(late, begins=False)
