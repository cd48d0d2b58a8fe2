"""The refresh of one session: one at a time, in this tab's turn, and only as long as it is needed.

Theory of operation:

1. A refresh may replace only the credential that it was started for, and only while the session lives. A late answer is
   dropped (S1); the call itself is seen through, since its cookie lands in any case (S2).
2. A refresh waits for this tab's turn among the tabs that share the session, and looks first whether another tab has
   made it unnecessary (T1); see `shared_session`.
3. A refresh that brings another user's token (the browser's cookie was replaced) never continues this session: it ends
   as replaced, and the other user's begins (S3). See `users` for what tokens tell, and for what they don't.
4. Only a definitive refusal can end the session (see `Session`). Everything else that can go wrong is transient: the
   same error for every waiter, and the session as it was (F1, Q5).
"""

import asyncio
from collections.abc import Callable
from functools import partial

from ..concurrency.blocking import StartEagerly
from ..concurrency.singleflight import SingleFlight
from ..errors import GrantRefused, RefreshUnavailable
from ..events import RefreshEvent, RefreshPhase
from ..tabs.shared_session import SharedSession
from ..tokens.credentials import Credential
from .backoff import Backoff, unavailable
from .endpoint_calls import EndpointCalls
from .grant import Grant
from .holding import Holding
from .settings import SessionSettings


class Refresh:
    """Renews what `holding` holds.

    `number` is the session's, for its events. `backoff` says when the endpoint may be asked again. `begin` starts the
    session of another user, whose tokens have come.
    """

    def __init__(
        self,
        holding: Holding,
        *,
        number: int,
        settings: SessionSettings,
        calls: EndpointCalls,
        shared: SharedSession,
        backoff: Backoff,
        begin: Callable[[Credential], object],
    ) -> None:
        self.grant = Grant(holding, shared, settings)
        self._holding = holding
        self._number = number
        self._settings = settings
        self._calls = calls
        self._shared = shared
        self._backoff = backoff
        self._begin = begin
        self._flight: SingleFlight[None] = SingleFlight()
        self._phase: RefreshPhase | None = None  # of the last event

    @property
    def running(self) -> bool:
        """Is a refresh on its way?"""
        return self._flight.running

    def start(self, *, start_eagerly: StartEagerly | None = None) -> "asyncio.Task[None]":
        """Start a refresh of the current credential, unless one is on its way; the task of the one on its way."""
        return self._flight.start(partial(self._run, self._holding.credential), start_eagerly=start_eagerly)

    async def join(self) -> None:
        """Wait for the refresh that is on its way, or for a new one. Raises its error, or FlightCancelled."""
        await self._flight.join(partial(self._run, self._holding.credential))

    def cancel(self) -> None:
        """Cancel the refresh that is on its way: nobody waits for it any more."""
        self._flight.cancel()

    def begin_anew(self) -> None:
        """The next event loop runs this client: nothing of the last one comes any more (see `loop_watch`)."""
        self._flight = SingleFlight()

    def emit(
        self,
        phase: RefreshPhase,
        *,
        expires_in: float | None = None,
        retry_after: float | None = None,
        error: str | None = None,
    ) -> None:
        """Tell the listeners."""
        self._phase = phase
        event = RefreshEvent(
            at=self._settings.clock(),
            session=self._number,
            phase=phase,
            expires_in=expires_in,
            retry_after=retry_after,
            error=error,
        )
        self._settings.listeners.emit(event)

    async def _run(self, replaced: Credential) -> None:
        await self._backoff.wait()
        if self._holding.credential is not replaced:
            return  # another tab was faster
        self.emit(RefreshPhase.STARTED)
        try:
            async with self._shared.lock.hold():
                await self._run_in_turn(replaced)
        except asyncio.CancelledError as cause:
            if self._holding.ended is None:  # the endpoint itself gave up, and nobody ended the session
                self._failed(RefreshUnavailable("the refresh was cancelled"), cause)
            else:
                self._drop()
            raise
        except Exception as cause:  # every failure but a refusal is transient, an app's own bug included
            if self._holding.ended is not None:
                self._drop()
                self._holding.check_alive()
            error = unavailable(cause)
            self._failed(error, cause)
            if error is cause:
                raise
            raise error from cause

    async def _run_in_turn(self, replaced: Credential) -> None:
        newest = await self._shared.adopt_newer()
        if self._is_settled(replaced):
            return
        self._backoff.check()  # the tab that held the lock before may have been asked to wait
        presented = self.grant.presented(up_to_date=newest)
        ask = partial(self._calls.refresh, presented, on_late_result=partial(self._came_late, presented))
        try:
            fresh = (await self.grant.answer(presented, ask)).received(self._settings.clock(), previous=presented)
        except GrantRefused as refusal:
            await self._shared.adopt_newer()  # before anything ends: another tab may have been faster (T3)
            if not self._is_settled(replaced):
                self._refused(refusal)
            return
        if not self._is_settled(replaced):
            self._came(fresh, replaced)

    def _came(self, fresh: Credential, replaced: Credential) -> None:
        if self._holding.is_anothers(self._settings.users.compare(fresh, replaced)):  # the cookie was replaced
            if self._shared.versions.pending_sign_out:  # by that of a user who has signed out: it signs nobody in
                self._refused(GrantRefused("invalid_grant"))
                return
            self.emit(RefreshPhase.DROPPED)
            self._begin(fresh)
            return
        self._holding.replace(fresh)
        self._backoff.succeeded()
        self._shared.hand_over(fresh, begins=False)
        self.emit(RefreshPhase.SUCCEEDED, expires_in=fresh.expires_in)

    def _came_late(self, presented: Credential, answer: Credential | BaseException) -> None:
        """The session ended while this was on its way."""
        if not isinstance(answer, Credential):
            self.grant.rescue(presented, answer)
        elif not self._holding.is_anothers(self._settings.users.compare(answer, presented)):
            self.grant.pass_on(presented, answer.received(self._settings.clock(), previous=presented))
        elif presented.refresh_token is not None and answer.refresh_token is not None:
            self.grant.keep(presented, answer.refresh_token)  # the next refresh will see whose it is

    def _is_settled(self, replaced: Credential) -> bool:
        """Has this refresh nothing to do any more? Looked at after every await, also if `cancel` came too late."""
        if self._holding.ended is not None:
            self.emit(RefreshPhase.DROPPED)
            return True
        return self._holding.credential is not replaced

    def _refused(self, refusal: GrantRefused) -> None:
        self._holding.refusal = refusal
        self.emit(RefreshPhase.REFUSED, error=refusal.error)

    def _failed(self, error: RefreshUnavailable, cause: BaseException) -> None:
        self._backoff.failed(error.retry_after)
        self._holding.failed(error)
        self.emit(RefreshPhase.UNAVAILABLE, error=type(cause).__name__, retry_after=error.retry_after)

    def _drop(self) -> None:
        if self._phase is RefreshPhase.STARTED:
            self.emit(RefreshPhase.DROPPED)
