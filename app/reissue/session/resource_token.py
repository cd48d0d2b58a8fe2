"""A token for another resource, by a session's refresh token or by the browser's cookie (RFC 8707).

Theory of operation:

1. The refresh token is presented while this tab holds the lock, so that it is never presented twice (T1). If the server
   rotates it, the session keeps the new one, whichever user the access token beside it names (F19).
2. The cookie may have become another user's. Two tokens for the same resource show that: their users are compared.
   Tokens for different resources may name one user differently (pairwise subjects), so a difference proves nothing.
   Then the session is refreshed, since its own tokens can be compared. And because the cookie may have been another
   user's during the exchange only, a second exchange follows, whose token must name the same user as the first. That
   alone proves nothing, since both may name the other user: it does not end a doubt that the refresh has left.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from ..errors import GrantRefused, RefreshUnavailable, SessionChanged
from ..oauth2.refusals import refuses_refresh_token
from ..oauth2.token_source import Exchange
from ..tokens.credentials import Credential
from ..tokens.users import UserMatch
from .session import Session

Ask = Callable[..., Awaitable[Credential]]
"""`EndpointCalls.exchange`."""


async def exchange(
    session: Session,
    ask: Ask,
    fields: Mapping[str, str],
    *,
    previous: Credential | None = None,
) -> Credential:
    """A credential for another resource, which `fields` name. It holds no refresh token.

    `ask` is `EndpointCalls.exchange`. `previous` is the credential that this session had for the same resource before.
    Raises SessionEnded, SessionChanged, GrantRefused, RefreshUnavailable, and what the call raises.
    """
    one = _Exchange(session, ask, fields, previous)
    fresh = await one.run()
    if one.leaves_open_whose_cookie_it_is(fresh):
        session.holding.doubt_cookie()
        await session.renew()  # tokens for this session's own resource can be compared; raises SessionChanged
        # The cookie may have been another user's during the first exchange.
        fresh = await one._replace(previous=fresh, previous_is_unproven=True).run()
        if session.holding.cookie_in_doubt:  # no refresh of this tab came in between, or the cookie changed meanwhile
            raise SessionChanged
    return replace(fresh, refresh_token=None)


class _Exchange(NamedTuple):
    session: Session
    ask: Ask
    fields: Mapping[str, str]
    previous: Credential | None
    previous_is_unproven: bool = False  # it may be another user's

    async def run(self) -> Credential:
        """The credential that the endpoint grants. Asks again if another tab used the refresh token first (T3)."""
        fresh: Credential | None = None
        while fresh is None:
            async with self.session.shared.lock.hold():
                fresh = await self._run_under_lock()
        return fresh

    async def _run_under_lock(self) -> Credential | None:
        """As `run`, but None if the refresh token was refused: another tab may have used it first (T3)."""
        session, holding = self.session, self.session.holding
        up_to_date = await session.shared.adopt_newer()
        session.check_alive()
        session.backoff.check()
        if holding.refusal is not None:
            refusal = holding.refusal
            raise refusal.again()
        presented = session.refresh.grant.presented(up_to_date=up_to_date)
        late = partial(self._on_late_answer, presented)
        asking = partial(self.ask, Exchange(presented, self.fields), on_late_result=late)
        try:
            fresh = await session.refresh.grant.ask(presented, asking)
        except GrantRefused as refused:
            if not refuses_refresh_token(refused):
                raise
            up_to_date = await session.shared.adopt_newer()
            if holding.with_latest_refresh_token is presented:
                session.refresh.grant.check_newest(up_to_date=up_to_date)
                holding.refusal = refused  # the next round of `run` raises it
            return None
        except RefreshUnavailable as error:
            if error.retry_after:  # it holds for every call to the endpoint, not for this resource alone (F2)
                session.backoff.failed(error.retry_after)
            raise
        return self._on_answer(presented, fresh)

    def _on_answer(self, presented: Credential, fresh: Credential) -> Credential:
        match = self._match(fresh)
        self._rotate(presented, fresh, match)
        self.session.check_alive()
        if match is UserMatch.OTHER:  # the cookie was replaced
            self.session.holding.doubt_cookie()
            self.session.refresh.start()
            raise SessionChanged
        if match is UserMatch.SAME:
            self.session.holding.cookie_in_doubt = False
        return fresh

    def _on_late_answer(self, presented: Credential, answer: Credential | BaseException) -> None:
        """Keep the refresh token of an answer whose caller was cancelled."""
        if isinstance(answer, Credential):
            self._rotate(presented, answer, self._match(answer))
        else:
            self.session.refresh.grant.rescue(presented, answer)

    def _rotate(self, presented: Credential, fresh: Credential, match: UserMatch) -> None:
        """Keep the refresh token of the answer, unless it was granted for a cookie that may be another user's."""
        if fresh.refresh_token is None:
            return
        if presented.refresh_token is not None or match is UserMatch.SAME:
            self.session.refresh.grant.keep(presented, fresh.refresh_token)

    def _match(self, fresh: Credential) -> UserMatch:
        """Does this token belong to the session's user? It is compared with the previous token for the same resource,
        and then with the session's own.

        If it only names its user differently than the session's own token does, that proves nothing (S6).
        """
        users, held = self.session.settings.users, self.session.holding.with_latest_refresh_token
        match = UserMatch.UNKNOWN if self.previous is None else users.compare(fresh, self.previous)
        if match is UserMatch.SAME and self.previous_is_unproven:
            match = UserMatch.UNKNOWN  # both may be another user's
        if match is UserMatch.UNKNOWN and users.compare(fresh, held) is UserMatch.SAME:
            return UserMatch.SAME
        return match

    def leaves_open_whose_cookie_it_is(self, fresh: Credential) -> bool:
        """Is the cookie in doubt, and can this token not end the doubt? Or does this token raise it?"""
        holding = self.session.holding
        held = holding.with_latest_refresh_token
        by_cookie = held.refresh_token is None
        unknown = self._match(fresh) is UserMatch.UNKNOWN
        seems_anothers = self.session.settings.users.seem_to_differ(fresh, held)
        return by_cookie and unknown and (holding.cookie_in_doubt or seems_anothers)
