"""Clients of further APIs in one session: one refresh token, and an access token for each (RFC 8707).

Theory of operation:

1. Such a client signs no user in or out. It has a session while the one that it was derived from has one, ends with it
   in the same step, and for the same reason.
2. Its access token is asked for when it is first needed, and renewed, by the parent's refresh token, in the parent's
   turn: so it is never presented twice (T1). One that is rotated goes back to the parent; see `exchange`.
3. Its tokens are this page's own: other tabs have no use for them, and ask for theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ..concurrency.blocking import StartEagerly
from ..concurrency.loop_watch import LoopWatch
from ..concurrency.singleflight import FlightCancelled, SingleFlight
from ..errors import GrantRefused, RefreshUnavailable, ReissueError, SessionChanged, SessionEnded, WouldBlock
from ..oauth2.token_source import CallableTokenSource
from ..tokens.credentials import Credential
from .backoff import Backoff, unavailable
from .endpoint_calls import EndpointCalls
from .exchange import exchange
from .lifecycle import SessionLifecycle, State, shared_session
from .other_tabs import OtherTabs
from .session import Session
from .settings import SessionSettings
from .step_up import InheritedStepUps, StepUps
from .succession import Line, Succession


@dataclass(frozen=True, slots=True)
class Resource:
    """Another resource of the parent's session, in the place of an endpoint. `fields` say which one."""

    parent: SessionLifecycle
    fields: Mapping[str, str]


class DerivedLifecycle:
    """As `SessionLifecycle`, for a client whose tokens come by another client's session."""

    def __init__(self, resource: Resource, settings: SessionSettings, *, line: Line) -> None:
        if isinstance(resource.parent.calls.tokens, CallableTokenSource):
            raise TypeError("an endpoint that is a function can't be asked for another resource")
        tokens = CallableTokenSource(self._exchanged, can_prove=True)
        shared = shared_session(OtherTabs(tokens, settings), settings)
        calls = EndpointCalls(tokens, shared, settings, seen_through=False)
        resource.parent.sessions.followers.add(self)
        self._resource = resource
        self._parent = resource.parent
        self.sessions = Succession(settings, calls, shared, line=line)
        self._loops = LoopWatch()
        self._asking: SingleFlight[Session] = SingleFlight()
        self._backoff = Backoff(clock=settings.clock)
        self._of: Session | None = None  # the parent's session that this client's lives by
        self._seen: Credential | None = None  # where its refresh token stood when it was last looked at

    @property
    def state(self) -> State:
        """Whether requests can be sent now: the first will bring a token."""
        if (session := self.alive) is None:
            return self._parent.state
        return State.REFRESHING if session.refresh.running else State.SIGNED_IN

    @property
    def alive(self) -> Session | None:
        """The session that is on; None without one."""
        return self.sessions.alive

    @property
    def called_by_endpoint(self) -> bool:
        """Does the endpoint call this code, while this client or the parent waits for it?"""
        return self.sessions.calls.running_here or self._parent.called_by_endpoint

    def check_usable(self) -> None:
        """As `SessionLifecycle.check_usable`."""
        self.sessions.check_open()
        self.follow_loop()
        if self.called_by_endpoint:
            raise self.sessions.calls.would_wait_for_itself()

    def follow_loop(self) -> None:
        """As the parent's, and that one's, too."""
        self._parent.follow_loop()
        if self._loops.has_changed():
            self._asking = SingleFlight()
            self._backoff.begin_anew()
            self.sessions.begin_anew()

    def follow(self) -> None:
        """A session of the parent has ended: so does the one that lives by it."""
        if self._of is not None and self._of.ended is not None:
            self._asking.cancel()
            if self.sessions.latest is not None:
                self.sessions.latest.end(self._of.ended)

    async def sign_in(self, fields: Mapping[str, Any]) -> NoReturn:
        """Raises ReissueError: the parent client signs in."""
        raise ReissueError("this client has the session of another: sign in there")

    async def adopt(self, credential: Credential) -> NoReturn:
        """Raises ReissueError: the parent client adopts tokens."""
        raise ReissueError("this client has the session of another: adopt tokens there")

    async def sign_out(self) -> NoReturn:
        """Raises ReissueError: the parent client signs out."""
        raise ReissueError("this client has the session of another: sign out there")

    async def resume(self) -> bool:
        """Take up the parent's session of an earlier page."""
        self.check_usable()
        return await self._parent.resume()

    async def renew(self) -> None:
        """Refresh now."""
        self.check_usable()
        await (await self.current()).renew()

    async def close(self) -> None:
        """End the session of this client only."""
        self.follow_loop()
        self._asking.cancel()
        await self.sessions.close(at_once=self.called_by_endpoint)

    def wake(self) -> None:
        """The network is back or the page is looked at again: the next refresh need not pause."""
        self._backoff.wake()
        self.sessions.wake()

    @property
    def must_resume(self) -> bool:
        """Would `current()` wait, for a resume or for a first token?"""
        return self.alive is None

    async def current(self) -> Session:
        """The session that a request enters with. Raises what the parent's raises, and GrantRefused."""
        self.sessions.check_open()
        of = await self._parent.current()
        of.check_alive()
        session = self.alive
        if session is not None and self._of is of:
            if self._seen is not of.holding.with_latest_refresh_token:
                self._seen = of.holding.with_latest_refresh_token
                session.holding.refusal = None  # what is presented next is not what was refused (F7)
            return session
        self._of = of
        try:
            session = await self._asking.join(self._ask)
        except FlightCancelled:
            of.check_alive()
            self.sessions.check_open()
            raise RefreshUnavailable("the call to the endpoint was cancelled") from None
        of.check_alive()
        return session

    def refresh_at_once(self, start_eagerly: StartEagerly, session: Session) -> NoReturn:
        """Not possible: raises WouldBlock."""
        raise WouldBlock("this client's tokens come from another's session: await api.renew() first")

    async def _ask(self) -> Session:
        """Begin a session with a first token."""
        of = self._of
        assert of is not None, "current() has looked"
        self._backoff.check()
        await self._backoff.wait()
        try:
            session = await self._begun(of)
        except Exception as cause:
            error = unavailable(cause)
            self._backoff.failed(error.retry_after)
            if isinstance(cause, GrantRefused) and of.holding.refusal is not None:
                self._backoff.wake()  # the parent's session remembers it: nothing is asked again
                raise SessionEnded("refused") from cause
            if error is cause or isinstance(cause, (GrantRefused, SessionEnded, SessionChanged)):
                raise
            raise error from cause
        self._backoff.succeeded()
        return session

    async def _begun(self, of: Session) -> Session:
        inherited = None
        async with self.sessions.shared.lock.hold():
            if isinstance(of.step_ups, StepUps):
                inherited = InheritedStepUps(of.step_ups, self.renew)  # as many steps as are known before it is asked
            credential = await self.sessions.calls.refresh(None)
        session = self.sessions.begin(credential)
        session.step_ups = inherited
        return session

    async def _exchanged(self, credential: Credential | None) -> Credential:
        of = self._of
        assert of is not None, "current() has looked"
        try:
            return await exchange(of, self._parent.calls.exchange, self._resource.fields, previous=credential)
        except SessionChanged:
            if self.alive is not None and self.alive.must_wait():  # the next token is another user's, or may be
                self.alive.end("replaced")
            raise
