"""Clients of further APIs in one session: one refresh token, and an access token for each API (RFC 8707).

Theory of operation:

1. A derived client signs no user in or out. It has a session only while its parent, the client that it was derived
   from, has one. When the parent's session ends, its own ends in the same step and for the same reason.
2. Its access token is requested when it is first needed, and renewed, with the parent's refresh token and under the
   parent's lock: so the refresh token is never presented twice (T1). A rotated one goes to the parent; see `exchange`.
3. Its tokens are not shared with other tabs: each tab requests its own.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from ..concurrency.blocking import StartEagerly
from ..concurrency.loop_watch import LoopWatch
from ..concurrency.singleflight import FlightCancelled, SingleFlight
from ..errors import GrantRefused, RefreshUnavailable, ReissueError, SessionChanged, SessionEnded, WouldBlock
from ..oauth2.custom_source import CustomTokenSource
from ..oauth2.redirects import Popup
from ..tokens.credentials import Credential
from .backoff import Backoff, unavailable
from .endpoint_calls import EndpointCalls
from .lifecycle import SessionLifecycle, State, shared_session
from .other_tabs import OtherTabs
from .resource_token import exchange
from .session import Session
from .settings import SessionSettings
from .step_up import InheritedStepUps, StepUps
from .succession import Succession, WaitingRequests


class Resource(NamedTuple):
    """Another resource of the parent's session, given in place of an endpoint. `fields` name the resource."""

    parent: SessionLifecycle
    fields: Mapping[str, str]


class DerivedLifecycle:
    """As `SessionLifecycle`, for a client whose tokens come from its parent's session."""

    def __init__(self, resource: Resource, settings: SessionSettings, *, waiting: WaitingRequests) -> None:
        if not resource.parent.calls.tokens.exchanges:
            raise TypeError(
                "for_resource() needs an Endpoint that gives its tokens to the page, and whose refresh has a body: no "
                "function, no cookie and no GET can be asked for another resource"
            )
        tokens = CustomTokenSource(self._exchanged, can_prove=True)
        shared = shared_session(OtherTabs(tokens, settings), settings)
        calls = EndpointCalls(tokens, shared, settings, seen_through=False)
        resource.parent.sessions.followers.add(self)
        self._resource = resource
        self._parent = resource.parent
        self.parent_listeners = resource.parent.listeners  # they hear of the parent's session
        self.sessions = Succession(settings, calls, shared, waiting=waiting)
        self._loops = LoopWatch()
        self._asking: SingleFlight[Session] = SingleFlight()
        self._backoff = Backoff(clock=settings.clock)
        self._parent_session: Session | None = None  # that this client's session depends on
        self._last_seen: Credential | None = None  # with the parent's refresh token, when last checked

    @property
    def state(self) -> State:
        """Whether requests can be sent now. The parent's state until the first token is here."""
        if (session := self.alive) is None:
            return self._parent.state
        return State.REFRESHING if session.refresh.running else State.SIGNED_IN

    @property
    def alive(self) -> Session | None:
        """The current session; None without one."""
        return self.sessions.alive

    @property
    def called_by_endpoint(self) -> bool:
        """Does this code run within a call to the endpoint that this client or the parent waits for?"""
        return self.sessions.calls.running_here or self._parent.called_by_endpoint

    def check_usable(self) -> None:
        """As `SessionLifecycle.check_usable`."""
        self.sessions.check_open()
        self.follow_loop()
        if self.called_by_endpoint:
            raise self.sessions.calls.would_wait_for_itself()

    def follow_loop(self) -> None:
        """As `SessionLifecycle.follow_loop`, for the parent as well."""
        self._parent.follow_loop()
        if self._loops.has_changed():
            self._asking = SingleFlight()
            self._backoff.begin_anew()
            self.sessions.begin_anew()

    def follow(self) -> None:
        """A session of the parent has ended: end the session that depends on it."""
        if self._parent_session is not None and self._parent_session.ended is not None:
            self._asking.cancel()
            if self.sessions.latest is not None:
                self.sessions.latest.end(self._parent_session.ended)

    async def sign_in(self, fields: Mapping[str, Any], *, popup: Popup | None = None) -> NoReturn:
        """Raises ReissueError: the parent client signs in."""
        raise ReissueError("this client was made by for_resource(): sign in at its parent client")

    async def adopt(self, credential: Credential) -> NoReturn:
        """Raises ReissueError: the parent client adopts tokens."""
        raise ReissueError("this client was made by for_resource(): adopt tokens at its parent client")

    async def sign_out(self) -> NoReturn:
        """Raises ReissueError: the parent client signs out."""
        raise ReissueError("this client was made by for_resource(): sign out at its parent client")

    async def resume(self) -> bool:
        """Resume the parent's session."""
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
        await self.sessions.close()  # at once: what is on the wire for it is the parent's call, and goes on

    def wake(self) -> None:
        """The network is back or the page is visible again: the next refresh need not pause."""
        self._backoff.wake()
        self.sessions.wake()

    @property
    def must_resume(self) -> bool:
        """Would `current()` wait for a resume or for the first token?"""
        return self.alive is None

    async def current(self) -> Session:
        """The session that a request belongs to. Raises the errors of `SessionLifecycle.current`, and GrantRefused."""
        self.sessions.check_open()
        parent_session = await self._parent.current()
        parent_session.check_alive()
        session = self.alive
        if session is not None and self._parent_session is parent_session:
            if self._last_seen is not parent_session.holding.with_latest_refresh_token:
                self._last_seen = parent_session.holding.with_latest_refresh_token
                session.holding.refusal = None  # the next refresh presents another token than the refused one (F7)
            return session
        self._parent_session = parent_session
        try:
            return await self._asking.join(self._ask)
        except FlightCancelled:
            parent_session.check_alive()
            self.sessions.check_open()
            raise RefreshUnavailable("the call to the endpoint was cancelled: try again") from None

    def refresh_at_once(self, start_eagerly: StartEagerly, session: Session) -> NoReturn:
        """Raises WouldBlock: the parent's refresh token may be presented under the lock only, which needs a wait."""
        raise WouldBlock("a client made by for_resource() can't refresh in a synchronous call: await api.renew() first")

    async def _ask(self) -> Session:
        """Begin a session with a first token."""
        parent_session = self._parent_session
        assert parent_session is not None, "current() has set it"
        self._backoff.check()
        await self._backoff.wait()
        try:
            session = await self._begin(parent_session)
        except Exception as cause:
            error = unavailable(cause)
            self._backoff.failed(error.retry_after)
            if isinstance(cause, GrantRefused) and parent_session.holding.refusal is not None:
                self._backoff.wake()  # no pause is needed: the parent's session remembers the refusal
                raise SessionEnded("refused", refusal=cause) from cause
            if error is cause or isinstance(cause, (GrantRefused, SessionEnded, SessionChanged)):
                raise
            raise error from cause
        self._backoff.succeeded()
        return session

    async def _begin(self, parent_session: Session) -> Session:
        async with self.sessions.shared.lock.hold():
            step_ups = parent_session.step_ups
            # Before the call: its token knows these step-ups.
            count, seen = step_ups.count if step_ups is not None else 0, parent_session.credential
            credential = await self.sessions.calls.refresh(None)
        session = self.sessions.begin(credential)

        async def renew() -> None:
            session.check_alive()  # a step-up may have succeeded just before its session was replaced
            await self.renew()

        if isinstance(step_ups, StepUps):
            session.step_ups = InheritedStepUps(step_ups, renew, count=count, seen=seen)
        return session

    async def _exchanged(self, credential: Credential | None) -> Credential:
        parent_session = self._parent_session
        assert parent_session is not None, "current() has set it"
        try:
            return await exchange(
                parent_session, self._parent.calls.exchange, self._resource.fields, previous=credential
            )
        except SessionChanged:
            if self.alive is not None and self.alive.must_wait():  # the next token may be another user's
                self.alive.end("replaced")
            raise
