"""Clients of further APIs in one session: one refresh token, and an access token for each (RFC 8707).

Theory of operation:

1. Such a client signs nobody in or out. It has a session while the one that it was made of has one, ends with it in the
   same step, and for the same reason.
2. Its access token is asked for when it is first needed, and renewed, by the other's refresh token, in the other's
   turn: so it is never presented twice (T1). One that is rotated goes back to the other; see `Session.exchange`.
3. Its tokens are this page's own: other pages have no use for them, and ask for theirs.
"""

from collections.abc import Mapping
from typing import Any

from ..concurrency.blocking import Spawn
from ..endpoint import CallableTokenSource
from ..errors import GrantRefused, RefreshUnavailable, ReissueError, SessionChanged, SessionEnded, WouldBlock
from ..tokens.credentials import Credential
from .lifecycle import Sessions, State
from .session import Session
from .step_up import InheritedStepUps, StepUps


class Resource:
    """Another resource of the session of `sessions`, in the place of an endpoint. `fields` say which one."""

    def __init__(self, sessions: Sessions, fields: Mapping[str, str]) -> None:
        self._parent = sessions
        self._fields = fields

    def sessions(self, **settings: Any) -> "ResourceSessions":
        """The sessions of a client for it; `settings` are those of `Sessions`."""
        return ResourceSessions(self._parent, self._fields, **settings)


class ResourceSessions(Sessions):
    """Follows the sessions of another client."""

    def __init__(self, parent: Sessions, fields: Mapping[str, str], **settings: Any) -> None:
        parent.check_exchanges()
        super().__init__(CallableTokenSource(self._exchanged, can_prove=True), **settings)
        self._calls.seen_through = False
        self._parent = parent
        self._fields = fields
        self._of: Session | None = None  # whose refresh token the session lives by
        self._held: Credential | None = None  # where that token stood when it was last looked at

    def follow(self) -> None:
        """A session of the other client has ended: so does the one that lives by it."""
        if self._of is not None and self._of.ended is not None:
            self._resuming.cancel()
            if self._session is not None:
                self._session.end(self._of.ended)

    def follow_loop(self) -> None:
        """As the other client's, and that one's, too."""
        self._parent.follow_loop()
        super().follow_loop()

    @property
    def state(self) -> State:
        """Whether requests can be sent now: the first will bring a token."""
        return self._parent.state if self.alive is None else super().state

    @property
    def called_by_endpoint(self) -> bool:
        """Is this code called by the endpoint, while this client or the other waits for it?"""
        return super().called_by_endpoint or self._parent.called_by_endpoint

    async def sign_in(self, fields: Mapping[str, Any]) -> None:
        """Not here."""
        raise ReissueError("this client has the session of another: sign in there")

    async def adopt(self, credential: Credential) -> None:
        """Not here."""
        raise ReissueError("this client has the session of another: adopt tokens there")

    async def sign_out(self) -> None:
        """Not here."""
        raise ReissueError("this client has the session of another: sign out there")

    async def resume(self) -> bool:
        """Take up the other client's session of an earlier page."""
        self.check_usable()
        return await self._parent.resume()

    async def current(self) -> Session:
        """The session that a request enters with. Raises what the other's raises, and GrantRefused."""
        if self._closed:
            raise SessionEnded("closed")
        of = await self._parent.current()
        of.check_alive()
        if self.alive is not None and self._of is of:
            if self._held is not of.held:
                self._held = of.held
                self.alive.forget_refusal()
            return self.alive
        self._of = of
        session = await self._resumed()
        of.check_alive()
        if session is None:
            if self._closed:
                raise SessionEnded("closed")
            raise RefreshUnavailable("the call to the endpoint was cancelled")
        return session

    def refresh_at_once(self, spawn: Spawn, session: Session) -> None:
        """Not possible: raises WouldBlock."""
        raise WouldBlock("this client's tokens come from another's session: await api.renew() first")

    @property
    def _must_resume(self) -> bool:
        return self.alive is None

    async def _resume(self) -> Session | None:
        try:
            return await super()._resume()
        except RefreshUnavailable as error:
            cause = error.__cause__
            if isinstance(cause, GrantRefused) and self._of is not None and self._of.refused:
                self._resume_backoff.wake()  # the other session remembers it: nobody is asked again
                raise SessionEnded("refused") from cause
            if isinstance(cause, (GrantRefused, SessionEnded, SessionChanged)):
                raise cause from None
            raise

    async def _found(self) -> Session | None:
        of = self._of
        assert of is not None, "current() has looked"
        step_ups = of.step_ups
        inherited = None
        async with self._sharing.turn():
            if isinstance(step_ups, StepUps):
                inherited = InheritedStepUps(step_ups, self.renew)  # as many steps as are known before it is asked for
            credential = await self._calls.make(self._tokens.refresh, None)
        session = self._begin(credential)
        session.step_ups = inherited
        return session

    async def _exchanged(self, credential: Credential | None) -> Credential:
        of = self._of
        assert of is not None, "current() has looked"
        try:
            return await self._parent.exchange(of, self._fields, previous=credential)
        except SessionChanged:
            if self.alive is not None and self.alive.must_wait():  # the next token is another user's, or may be
                self.alive.end("replaced")
            raise
