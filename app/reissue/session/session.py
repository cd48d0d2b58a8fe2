"""One session: from one sign-in to one sign-out.

Theory of operation:

1. A 401 renews only if the credential *it was sent with* is still the current one (Q2). See `holding`.
2. Waiting requests are coroutines that await the one refresh. There is no queue to keep in step. See `refresh`.
3. A credential that is merely STALE is sent, and renewed behind the request's back.
4. Only a definitive refusal ends a session, and only when the access token is of no use any more (F9). Requests that
   stand in line for the wire wait for the refresh as well: its failure is theirs, or each in turn would ask again.
"""

from collections.abc import Callable
from typing import NoReturn, Protocol

from ..concurrency.blocking import StartEagerly, at_once
from ..concurrency.singleflight import FlightCancelled
from ..errors import EndReason, GrantRefused, RefreshUnavailable, SessionEnded, WouldBlock
from ..events import RefreshPhase, SessionEvent, SessionPhase
from ..tabs.shared_session import SharedSession
from ..tokens.credentials import Credential, Freshness
from .backoff import Backoff
from .endpoint_calls import EndpointCalls
from .holding import Holding
from .refresh import Refresh
from .settings import SessionSettings
from .step_up import InheritedStepUps, StepUps


class SessionOwner(Protocol):
    """What a session needs of the one that began it."""

    def begin(self, credential: Credential) -> object:
        """Begin the session of another user, whose tokens have come."""
        ...

    def session_ended(self) -> None:
        """A session has ended: the requests in line have to look at theirs."""
        ...


class Session:
    """Holds the current credential and renews it. Knows nothing of requests and audiences."""

    def __init__(
        self,
        credential: Credential,
        *,
        number: int,
        settings: SessionSettings,
        calls: EndpointCalls,
        shared: SharedSession,
        owner: SessionOwner,
    ) -> None:
        self.number = number
        self.settings = settings
        self.shared = shared
        self.holding = Holding(credential, clock=settings.clock, leeway=settings.leeway)
        self.backoff = Backoff(clock=settings.clock)
        self.refresh = Refresh(
            self.holding,
            number=number,
            settings=settings,
            calls=calls,
            shared=shared,
            backoff=self.backoff,
            begin=owner.begin,
        )
        self.step_ups: StepUps | InheritedStepUps | None = None  # the app's way to one, if it has any
        self._on_end: Callable[[], None] = owner.session_ended

    @property
    def credential(self) -> Credential:
        """The current credential, fresh or not."""
        return self.holding.credential

    @property
    def ended(self) -> EndReason | None:
        """Why the session is over, or None."""
        return self.holding.ended

    @property
    def alive(self) -> bool:
        """Has the session not ended?"""
        return self.holding.ended is None

    def check_alive(self) -> None:
        """Raises SessionEnded or SessionChanged once the session has ended."""
        self.holding.check_alive()

    def usable(self, *, renewed: Credential | None = None) -> Credential | None:
        """The credential to send now; None if that has to wait for `renew`. Starts the refresh of one that is STALE.

        `renewed` is what a refresh has just given this caller: if it is still the current one it is sent, however
        short its life, since a new credential is used at least once (T12).
        Raises SessionEnded or SessionChanged.
        """
        holding = self.holding
        holding.check_alive()
        credential = holding.credential
        if credential is renewed and not holding.spent:
            return credential
        if not holding.sendable:
            return None
        if holding.freshness is Freshness.STALE and holding.refusal is None and not self.backoff.retry_after:
            self.refresh.start()
        return credential

    async def obtain(self, *, renewed: Credential | None = None) -> Credential:
        """The credential to send, at once or after `renew`. Raises what that raises."""
        return self.usable(renewed=renewed) or await self.renew(rejected=self.credential)

    def check_failures(self, seen: int) -> None:
        """Raises RefreshUnavailable if a refresh that requests depended on has failed since there were so many.

        A caller that stood in line for the wire meanwhile waited for that refresh as well (Q5).
        """
        failure = self.holding.failure
        if failure is not None and seen < self.holding.failures:
            wait = self.backoff.retry_after or None
            raise RefreshUnavailable(str(failure), retry_after=wait, status=failure.status) from failure.__cause__

    async def renew(self, *, rejected: Credential | None = None) -> Credential:
        """The credential after a refresh, by this caller or another.

        `rejected` is the credential that a request was rejected with: if it is no longer the current one, it has been
        renewed already. Without it the current one stays in use until the refresh succeeds.
        Raises SessionEnded, SessionChanged or RefreshUnavailable; and, only without `rejected`, GrantRefused if the
        refresh was refused for good while the current token still works.
        """
        holding = self.holding
        holding.check_alive()
        if rejected is not None:
            if rejected is not holding.credential:
                return await self.obtain()
            holding.reject()
        if holding.refusal is not None:
            self._give_up(holding.refusal)
        self.backoff.check()
        try:
            await self.refresh.join()
        except FlightCancelled:
            holding.check_alive()
            raise RefreshUnavailable("the refresh was cancelled") from None
        # Since then, others ran: look again (Q15).
        holding.check_alive()
        if holding.refusal is not None:
            self._give_up(holding.refusal)
        if holding.spent:
            return await self.renew(rejected=holding.credential)
        return holding.credential

    def must_wait(self, *, rejected: Credential | None = None) -> bool:
        """Would `obtain()`, or `renew(rejected=…)`, wait for a refresh? If False, both return or raise at once."""
        holding = self.holding
        if not self.alive or holding.refusal is not None or self.backoff.retry_after:
            return False
        return holding.credential is rejected or not holding.sendable

    def refresh_at_once(self, start_eagerly: StartEagerly) -> None:
        """Refresh within this call, in which nothing waits (see `blocking`), and within the deadline.

        `start_eagerly` makes a task that has run up to where it first waits.

        Raises RefreshUnavailable. A refusal is remembered, and raised by the next `obtain` or `renew`.
        """
        if pause := self.backoff.pause:
            raise RefreshUnavailable("the last refresh failed just now", retry_after=pause)
        self.backoff.wake()  # it has paused long enough
        with at_once(self.settings.deadline):
            task = self.refresh.start(start_eagerly=start_eagerly)
        if not task.done():
            task.cancel()
            raise WouldBlock(
                "the refresh would have to wait, and can't while this call blocks: await api.renew() first"
            )
        task.result()

    def end(self, reason: EndReason) -> None:
        """End the session, once: waiters are told at once, and what a refresh on its way brings is dropped."""
        if self.holding.ended is not None:
            return
        self.holding.ended = reason
        self.refresh.cancel()
        if self.step_ups is not None:
            self.step_ups.end()
        event = SessionEvent(at=self.settings.clock(), session=self.number, phase=SessionPhase.ENDED, reason=reason)
        self.settings.listeners.emit(event)
        self._on_end()

    def take_over(self, credential: Credential) -> None:
        """Go on with a credential that another tab was granted for this session."""
        if credential.is_same_but_for_refresh_token(self.credential):
            self.holding.keep_refresh_token(credential)
            return
        self.holding.replace(credential, taken_over=True)
        self.backoff.succeeded()
        self.backoff.wake()  # a refresh that pauses here has nothing to do any more
        self.refresh.emit(RefreshPhase.TAKEN_OVER, expires_in=credential.expires_in)

    def step_up(self, credential: Credential) -> None:
        """Go on with what a stronger or a fresher sign-in of the same user has brought."""
        credential = credential.received(self.settings.clock(), previous=self.holding.with_latest_refresh_token)
        self.holding.replace(credential)
        self.backoff.succeeded()
        self.shared.hand_over(credential, begins=False)
        self.refresh.emit(RefreshPhase.STEPPED_UP, expires_in=credential.expires_in)

    def replay_rejected(self, credential: Credential) -> None:
        """A new credential was rejected as well: the next refresh pauses, or a server that rejects all would storm."""
        if self.holding.refused_while_new(credential):
            self.backoff.failed()

    def rejected_without_replay(self, credential: Credential) -> None:
        """As `replay_rejected`, for a request that was sent once: was it the new credential that was rejected?"""
        if self.holding.is_unproven(credential):
            self.replay_rejected(credential)

    def begin_anew(self) -> None:
        """The next event loop runs this client: nothing of the last one comes any more (see `loop_watch`)."""
        self.refresh.begin_anew()
        self.backoff.begin_anew()
        if self.step_ups is not None:
            self.step_ups.begin_anew()

    def _give_up(self, refusal: GrantRefused) -> NoReturn:
        """No refresh will succeed any more: the session ends once its access token is of no use either."""
        if not self.holding.useless:
            raise GrantRefused(refusal.error, refusal.description, status=refusal.status) from refusal
        self.end("refused")
        self.shared.end("refused")
        raise SessionEnded("refused") from refusal
