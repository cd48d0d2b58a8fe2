"""Begins sessions by sign-ins, and lets a session go on with a step-up.

Theory of operation:

1. A sign-out overtakes a sign-in that is on its way (S1): it begins no session, and its tokens are revoked.
2. Before a sign-in the endpoint is told of a sign-out that it may not know of (S5).
3. A sign-in whose answer was lost may have set its cookie all the same: it is in doubt whose the cookie is (S3).
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from ..errors import GrantRefused, RefreshUnavailable
from ..oauth2.token_source import check_sendable
from ..tokens.credentials import Credential
from ..tokens.users import UserMatch
from .session import Session
from .sign_out import SignOuts
from .succession import Succession


class SignIns:
    """The sign-ins of one client. They begin sessions in `sessions`."""

    def __init__(self, sessions: Succession, sign_outs: SignOuts) -> None:
        self._sessions = sessions
        self._calls = sessions.calls
        self._shared = sessions.shared
        self._sign_outs = sign_outs

    async def by(self, fields: Any) -> Session:
        """The session that begins with the tokens that the endpoint grants for these fields."""
        sessions, seen = self._sessions, self._sessions.interruptions
        signed_out = partial(sessions.signed_out_since, sessions.sign_outs)
        async with self._shared.lock.hold():
            sessions.check_overtaken(seen)
            await self._sign_outs.tell_again()  # another tab may have signed out, and still wait for the lock (S5)
            sessions.check_overtaken(seen)
            credential = await self._request_tokens(fields, signed_out)
            if signed_out():
                await self._sign_outs.revoke(credential)
            sessions.check_overtaken(seen)
            return self._begin(credential, in_turn=True)

    async def adopt(self, credential: Credential) -> None:
        """Begin a session with tokens that the app got by its own means."""
        check_sendable(self._calls.tokens, credential)
        credential = credential.received(self._sessions.settings.clock())  # before the wait: its life is running
        seen = self._sessions.interruptions
        await self._shared.news.read_versions()
        self._sessions.check_overtaken(seen)
        self._begin(credential)
        await self._shared.stored()

    async def step_up(self, session: Session, answer: Mapping[str, Any] | Credential) -> None:
        """Let a session go on with a stronger or a fresher sign-in. Another user's begins a session of its own (S3)."""
        if not isinstance(answer, (Credential, Mapping)):
            raise TypeError(f"step_up must return fields, a Credential or None, not {type(answer).__name__}")
        async with self._shared.lock.hold():  # the credential keeps the refresh token, which a refresh may be spending
            session.check_alive()
            if isinstance(answer, Credential):
                credential = answer
            else:  # if the user signs out meanwhile, this is cancelled
                credential = await self._request_tokens(answer, lambda: session.ended == "signed_out")
            check_sendable(self._calls.tokens, credential)
            other = self._sessions.settings.users.compare(credential, session.credential) is UserMatch.OTHER
            if credential.refresh_token is None and not other:
                await session.refresh.grant.catch_up()
            session.check_alive()  # it may have ended meanwhile: then this must not sign the user in again (S1)
            if other:
                self._begin(credential, in_turn=not isinstance(answer, Credential))
            else:
                session.step_up(credential)

    async def _request_tokens(self, fields: Any, signed_out: Callable[[], bool]) -> Credential:
        """The credential that the endpoint grants for these fields. Called under the lock.

        If the caller is cancelled, and a sign-out has come between (`signed_out`), what was granted is revoked.
        """

        def on_late_result(result: Credential | BaseException) -> Awaitable[None] | None:
            return self._sign_outs.revoke(result) if signed_out() else None

        try:
            return await self._calls.sign_in(fields, on_late_result=on_late_result)
        except GrantRefused:  # by the endpoint, or by this page: what came with an invalid ID token lives on
            await self._sign_outs.revoke(None)
            raise
        except RefreshUnavailable:  # the endpoint has not signed the user in
            raise
        except BaseException:  # also one of the app's own coroutine: the cookie may have been set all the same
            if self._sessions.latest is not None:
                self._sessions.latest.holding.doubt_cookie()
            raise

    def _begin(self, credential: Credential, *, in_turn: bool = False) -> Session:
        self._sign_outs.superseded()
        if (redirects := self._calls.tokens.redirects) is not None:
            redirects.forget()  # a sign-in that failed for now must not replace this one later
        return self._sessions.begin(credential, by_sign_in=in_turn)
