"""What a session holds: its credential, and what is known about it. Decides at once, and waits for nothing.

Theory of operation:

1. Credentials are compared by identity: a server may grant the same token again. What is known about a credential,
   above all that it was rejected, is forgotten when another replaces it.
2. A credential that was rejected, or has expired, is never sent again. The one exception, a new credential whose life
   is over on arrival (T12), does not hold for one that another tab was granted: that tab has used it.
3. An exchange for another resource's token may rotate the refresh token. The access token stays the current credential:
   if it was rejected, it stays rejected. The new refresh token is kept beside it, and presented from then on.
4. `on_change` is called in the step in which the current credential must no longer be sent: code that attaches it
   elsewhere (see `browser.fast_lane`) stops at once.
5. A refusal of the refresh token is remembered, so that it is not presented again (F7), until there is another one.
"""

from collections.abc import Callable

from ..errors import EndReason, GrantRefused, RefreshUnavailable, SessionChanged, SessionEnded
from ..tokens.credentials import Credential, Freshness, fresh_for
from ..tokens.users import UserMatch


class Current:
    """The current credential, and what is known about it.

    `requested_early`: before the one that it replaced was rejected, or retired otherwise. A server that revokes a
    session's tokens then revokes this one as well, maybe before it is here.
    """

    retired = False  # never sent again
    taken_over = False  # another tab was granted it
    unproven = False  # it replaced a retired one, and the API has not accepted it yet
    requested_early = False
    rejected_while_new = False

    def __init__(self, credential: Credential) -> None:
        self.credential = credential


class Holding:
    """The credential of one session. `clock` and `leeway` are those of `SessionSettings`."""

    def __init__(self, credential: Credential, *, clock: Callable[[], float], leeway: float) -> None:
        # The life of a credential from another tab counts from when that tab received it.
        credential = credential.received(clock()) if credential.received_at is None else credential
        self._clock = clock
        self._leeway = leeway
        self.current = Current(credential)
        self.with_latest_refresh_token = credential
        self.refusal: GrantRefused | None = None
        self.failure: RefreshUnavailable | None = None  # of the last refresh, if requests depended on it
        self.failures = 0  # how many refreshes have failed that requests depended on
        self.cookie_in_doubt = False
        self.ended: EndReason | None = None
        self.on_change: Callable[[], object] = _nothing

    @property
    def credential(self) -> Credential:
        """The current credential, fresh or not."""
        return self.current.credential

    @property
    def freshness(self) -> Freshness:
        """How fresh the current credential is now: EXPIRED once it is retired, too, since it is renewed first."""
        if self.current.retired:
            return Freshness.EXPIRED
        return self.credential.freshness(self._clock(), leeway=self._leeway)

    @property
    def fresh_for(self) -> float:
        """Seconds until the current credential is no longer FRESH, at most 0 if it is not."""
        return fresh_for(self.credential, self._clock(), leeway=self._leeway)

    @property
    def spent(self) -> bool:
        """Must the current credential not be sent, even by a caller whose own refresh has just brought it?

        A new credential is used at least once, however short its life (T12); one from another tab is not new.
        """
        current = self.current
        return current.retired or (current.taken_over and current.credential.remaining(self._clock()) == 0)

    def check_alive(self) -> None:
        """Raises SessionEnded or SessionChanged once the session has ended."""
        if self.ended is None:
            return
        if self.ended == "replaced":
            raise SessionChanged
        if self.ended == "refused":
            raise SessionEnded(self.ended, refusal=self.refusal) from self.refusal
        raise SessionEnded(self.ended)

    def replace(self, fresh: Credential, *, taken_over: bool = False, requested_early: bool = False) -> None:
        """Use this credential from now on, and forget what was known about the last one."""
        current = Current(fresh)
        current.taken_over, current.requested_early = taken_over, requested_early
        current.unproven = self.current.retired
        self.current = current
        self.with_latest_refresh_token = fresh
        self.refusal = self.failure = None
        self.on_change()

    def keep_refresh_token(self, kept: Credential) -> None:
        """Present the refresh token of this credential from now on. The access token stays the current one."""
        self.with_latest_refresh_token = kept
        self.refusal = None

    def retire(self) -> None:
        """Never send the current credential again: the API rejected it, it has expired, or its cookie may be another
        user's.
        """
        self.current.retired = True
        self.on_change()

    def end(self, reason: EndReason) -> None:
        """The session has ended: send no credential of it any more."""
        self.ended = reason
        self.on_change()

    def accepted(self, credential: Credential) -> None:
        """The API has accepted this credential: a later rejection does not mean that refreshes are futile."""
        if credential is self.credential:
            self.current.unproven = False

    def is_unproven(self, credential: Credential) -> bool:
        """Did this credential replace a retired one, and has the API not accepted it yet?"""
        return credential is self.credential and self.current.unproven

    def note_rejected_while_new(self, credential: Credential) -> bool:
        """The API rejected this credential in a replay. True if it is the current one and this is the first time."""
        if credential is not self.credential or self.current.rejected_while_new:
            return False
        self.current.rejected_while_new = True
        return True

    def failed(self, error: RefreshUnavailable) -> None:
        """A refresh has failed. If the current credential has expired, requests depended on that refresh."""
        if self.freshness is Freshness.EXPIRED:
            self.failure = error
            self.failures += 1

    def doubt_cookie(self) -> None:
        """Another user may have signed in. The cookie may be theirs, and an opaque token does not say so (S3).

        Where the cookie itself goes to the API, no request is sent with it until a refresh has begun another session.
        """
        self.cookie_in_doubt = self.credential.refresh_token is None
        if self.credential.in_cookie:
            self.retire()

    def is_anothers(self, match: UserMatch) -> bool:
        """Is an answer another user's, or may it be, since the cookie is in doubt?

        An answer that names this session's user ends the doubt: it was granted for the present cookie.
        """
        if match is UserMatch.SAME:
            self.cookie_in_doubt = False
        return match is UserMatch.OTHER or self.cookie_in_doubt


def _nothing() -> None:
    pass
