"""One session: from one sign-in to one sign-out.

Theory of operation:

1. A 401 causes a refresh only if the credential *that the request was sent with* is still the current one (Q2). See
   `holding`.
2. Waiting requests are coroutines that await the one refresh. There is no queue to keep in step. See `refresh`.
3. A credential that is merely STALE is sent, and renewed in the background.
4. Only a definitive refusal ends a session, and only once the access token is useless, too (F9). Requests that wait for
   a slot on the wire depend on the refresh as well: they fail when it fails, or each would start a refresh of its own.
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
    """What a session needs of the object that began it."""

    def begin(self, credential: Credential) -> object:
        """Begin the session of another user, whose tokens a refresh has brought."""
        ...

    def session_ended(self) -> None:
        """A session has ended: each request in line must check whether its own session has."""
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
        self.step_ups: StepUps | InheritedStepUps | None = None  # None if the app has no handler for step-ups
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
        """Is the session still on?"""
        return self.holding.ended is None

    def check_alive(self) -> None:
        """Raises SessionEnded or SessionChanged once the session has ended."""
        self.holding.check_alive()

    def usable(self, *, renewed: Credential | None = None) -> Credential | None:
        """The credential to send now; None if the caller must wait for `renew`. Starts the refresh of a STALE one.

        `renewed` is the credential that a refresh has just given this caller. If it is still the current one, it is
        sent however short its life is, since a new credential is used at least once (T12).
        Raises SessionEnded or SessionChanged.
        """
        holding = self.holding
        holding.check_alive()
        credential = holding.credential
        if credential is renewed and not holding.spent:
            return credential
        freshness = holding.freshness
        if freshness is Freshness.EXPIRED:
            return None
        if freshness is Freshness.STALE and holding.refusal is None and not self.backoff.retry_after:
            self.refresh.start()
        return credential

    async def obtain(self) -> Credential:
        """The credential to send, at once or after `renew`. Raises the errors of `renew`."""
        return self.usable() or await self.renew(replaces=self.credential)

    def check_failures(self, seen: int) -> None:
        """Raises RefreshUnavailable if `holding.failures` has risen above `seen`: a refresh failed since then.

        A request that waited for a slot on the wire meanwhile depended on that refresh as well (Q5).
        """
        failure = self.holding.failure
        if failure is not None and seen < self.holding.failures:
            raise failure.again(retry_after=self.backoff.retry_after or None) from failure.__cause__

    async def renew(self, *, replaces: Credential | None = None) -> Credential:
        """The credential after a refresh, which this caller starts, or joins if one is running.

        `replaces` is the credential that must not be sent again: the API rejected it, or it has expired. If it is no
        longer the current one, it has been renewed already. Without `replaces`, the current credential stays in use
        until the refresh succeeds.
        Raises SessionEnded, SessionChanged or RefreshUnavailable; and, only without `replaces`, GrantRefused if the
        refresh was refused for good while the current token still works.
        """
        holding = self.holding
        holding.check_alive()
        if replaces is not None:
            if replaces is not holding.credential:
                return await self.obtain()
            holding.retire()
        if holding.refusal is not None:
            self._give_up(holding.refusal)
        self.backoff.check()
        before = holding.credential
        try:
            await self.refresh.join()
        except FlightCancelled:
            holding.check_alive()
            if holding.credential is before:  # else another tab was faster
                raise RefreshUnavailable("the refresh was cancelled: try again") from None
        # Other tasks have run meanwhile: check again (Q15).
        holding.check_alive()
        if holding.refusal is not None:
            self._give_up(holding.refusal)
        if holding.spent:
            return await self.renew(replaces=holding.credential)
        return holding.credential

    def must_wait(self, *, replaces: Credential | None = None) -> bool:
        """Would `obtain()`, or `renew(replaces=…)`, wait for a refresh? If False, they return or raise at once."""
        holding = self.holding
        if not self.alive or holding.refusal is not None or self.backoff.retry_after:
            return False
        return holding.credential is replaces or holding.freshness is Freshness.EXPIRED

    def refresh_at_once(self, start_eagerly: StartEagerly) -> None:
        """Refresh within this call, which can't await (see `blocking`), and within the deadline.

        `start_eagerly` makes a task and runs it up to its first wait.

        Raises RefreshUnavailable or WouldBlock. A refusal is remembered, and raised by the next `obtain` or `renew`.
        """
        if pause := self.backoff.pause:
            raise RefreshUnavailable("the last refresh failed just now: try again later", retry_after=pause)
        self.backoff.wake()  # the pause is over: the refresh below must not wait for it
        self.holding.retire()  # as `renew` does: the refresh answers a rejection, or the token's end
        with at_once(self.settings.deadline):
            task = self.refresh.start(start_eagerly=start_eagerly)
        if not task.done():
            task.cancel()
            raise WouldBlock(
                "the refresh would have to wait, which is impossible in a synchronous call: await api.renew() first"
            )
        task.result()

    def end(self, reason: EndReason) -> None:
        """End the session, once: what waits for its refresh is woken at once, and a late answer is dropped."""
        if self.holding.ended is not None:
            return
        self.holding.end(reason)
        self.refresh.cancel()
        if self.step_ups is not None:
            self.step_ups.end()
        event = SessionEvent(at=self.settings.clock(), session=self.number, phase=SessionPhase.ENDED, reason=reason)
        self.settings.listeners.emit(event)
        self._on_end()

    def take_over(self, credential: Credential) -> None:
        """Use a credential that another tab was granted for this session."""
        if credential.is_same_but_for_refresh_token(self.credential):
            self.holding.keep_refresh_token(credential)
            return
        self.holding.replace(credential, taken_over=True, requested_early=not self.holding.current.retired)
        self.backoff.succeeded()
        self.backoff.wake()  # a refresh that pauses in this tab is no longer needed: let it end
        self.refresh.leave_line()
        self.refresh.emit(RefreshPhase.TAKEN_OVER, expires_in=credential.expires_in)

    async def catch_up(self, seen: Credential) -> bool:
        """Adopt what another tab was granted for this session, if its message is late. True if this one is renewed."""
        await self.shared.adopt_newer()
        return self.credential is not seen

    def step_up(self, credential: Credential) -> None:
        """Use the credential of a stronger or a fresher sign-in by the same user."""
        credential = credential.received(self.settings.clock(), previous=self.holding.with_latest_refresh_token)
        self.holding.replace(credential)
        self.backoff.succeeded()
        self.shared.hand_over(credential, begins=False)
        self.refresh.emit(RefreshPhase.STEPPED_UP, expires_in=credential.expires_in)

    def replay_rejected(self, credential: Credential) -> None:
        """The API rejected a new credential as well. The next refresh pauses: a server that rejects every token would
        otherwise cause a storm of refreshes.
        """
        if self.holding.note_rejected_while_new(credential):
            self.backoff.failed()

    def rejected_without_replay(self, credential: Credential) -> None:
        """As `replay_rejected`, for a request that is never replayed: counts only if its credential was a new one."""
        if self.holding.is_unproven(credential):
            self.replay_rejected(credential)

    def begin_anew(self) -> None:
        """The client now runs in another event loop: nothing of the last one will finish (see `loop_watch`)."""
        self.refresh.begin_anew()
        self.backoff.begin_anew()
        if self.step_ups is not None:
            self.step_ups.begin_anew()

    def _give_up(self, refusal: GrantRefused) -> NoReturn:
        """No refresh will succeed: end the session if its access token is useless, too; else raise GrantRefused."""
        if self.holding.freshness is not Freshness.EXPIRED:
            raise refusal.again() from refusal
        self.end("refused")
        self.shared.end("refused")
        raise SessionEnded("refused", refusal=refusal) from refusal
