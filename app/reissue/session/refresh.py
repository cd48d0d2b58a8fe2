"""The refresh of one session: one at a time, under the lock that tabs share, and only while it is still needed.

Theory of operation:

1. A refresh may replace only the credential that it was started for, and only while the session is alive. A late answer
   is dropped (S1), but the call itself is not aborted: the browser stores the cookie of its response in any case (S2).
2. A refresh waits for the lock that the session's tabs share, and then checks whether another tab has made it
   unnecessary (T1); see `shared_session`. If a message says so while it waits, it leaves the line at once.
3. A refresh that brings another user's token (the browser's cookie was replaced) never continues this session: it ends
   as replaced, and the other user's begins (S3). See `users` for what tokens say of their user, and what they don't.
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
    """Renews the credential in `holding`.

    `number` is the session's number in its events. `backoff` says when the endpoint may be asked again. `begin` starts
    the session of another user, whose tokens a refresh has brought.
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
        self._phase: RefreshPhase | None = None  # phase of the last RefreshEvent emitted
        self._early = False  # was the last call sent before the credential was retired?
        self._in_line = False  # does the refresh that is on its way wait for the lock?

    @property
    def running(self) -> bool:
        """Is a refresh on its way?"""
        return self._flight.running

    def start(self, *, start_eagerly: StartEagerly | None = None) -> "asyncio.Task[None]":
        """Start a refresh of the current credential unless one is on its way. Returns the task of the refresh."""
        return self._flight.start(partial(self._run, self._holding.credential), start_eagerly=start_eagerly)

    async def join(self) -> None:
        """Wait for the refresh that is on its way, or for a new one. Raises its error, or FlightCancelled."""
        await self._flight.join(partial(self._run, self._holding.credential))

    def cancel(self) -> None:
        """Cancel the refresh that is on its way: no request waits for it any more."""
        self._flight.cancel()

    def leave_line(self) -> None:
        """Another tab has made the refresh: cancel the one that is on its way here, if it still waits for the lock."""
        if self._in_line:
            self.cancel()

    def begin_anew(self) -> None:
        """The client now runs in another event loop: nothing of the last one will finish (see `loop_watch`)."""
        self._flight = SingleFlight()

    def emit(
        self,
        phase: RefreshPhase,
        *,
        expires_in: float | None = None,
        retry_after: float | None = None,
        error: str | None = None,
    ) -> None:
        """Emit a RefreshEvent."""
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
        self._in_line = True
        try:
            async with self._shared.lock.hold():
                self._in_line = False
                await self._run_under_lock(replaced)
        except asyncio.CancelledError as cause:
            if self._holding.ended is not None:
                self._drop()
            elif self._holding.credential is replaced:  # the endpoint cancelled itself: the session is still on
                self._failed(RefreshUnavailable("the refresh was cancelled: try again"), cause)
            raise
        except Exception as cause:  # every failure but a refusal is transient, even a bug in the app's endpoint
            if self._holding.ended is not None:
                self._drop()
                self._holding.check_alive()
            error = unavailable(cause)
            self._failed(error, cause)
            if error is cause:
                raise
            raise error from cause

    async def _run_under_lock(self, replaced: Credential) -> None:
        up_to_date = await self._shared.adopt_newer()
        if self._drop_if_settled(replaced):
            return
        self._backoff.check()  # the server may have answered a call with Retry-After while this one waited for the lock
        presented = self.grant.presented(up_to_date=up_to_date)
        late = partial(self._on_late_answer, presented)
        ask = partial(self._calls.refresh, presented, at_send=self._note_sending, on_late_result=late)
        try:
            fresh = (await self.grant.ask(presented, ask)).received(self._settings.clock(), previous=presented)
        except GrantRefused as refusal:
            # Before the session ends: another tab may have been faster (T3).
            has_newest = await self._shared.adopt_newer()
            if not self._drop_if_settled(replaced):
                self.grant.check_newest(up_to_date=has_newest)
                self._refused(refusal)
            return
        if not self._drop_if_settled(replaced):
            self._on_answer(fresh, replaced)

    def _note_sending(self) -> None:
        self._early = not self._holding.current.retired

    def _on_answer(self, fresh: Credential, replaced: Credential) -> None:
        if self._holding.is_anothers(self._settings.users.compare(fresh, replaced)):  # the cookie was replaced
            # By the cookie of a user who signed out: it must sign no user in.
            if self._shared.versions.pending_sign_out:
                self._refused(GrantRefused("invalid_grant"))
                return
            self.emit(RefreshPhase.DROPPED)
            self._begin(fresh)
            return
        self._holding.replace(fresh, requested_early=self._early)
        self._backoff.succeeded()
        self._shared.hand_over(fresh, begins=False)
        self.emit(RefreshPhase.SUCCEEDED, expires_in=fresh.expires_in)

    def _on_late_answer(self, presented: Credential, answer: Credential | BaseException) -> None:
        """Keep the usable part of an answer that came after the session had ended."""
        if not isinstance(answer, Credential):
            self.grant.rescue(presented, answer)
        elif not self._holding.is_anothers(self._settings.users.compare(answer, presented)):
            self.grant.pass_on(presented, answer.received(self._settings.clock(), previous=presented))
        elif presented.refresh_token is not None and answer.refresh_token is not None:
            self.grant.keep(presented, answer.refresh_token)  # the next refresh will show whose token it is

    def _drop_if_settled(self, replaced: Credential) -> bool:
        """Is this refresh no longer needed? Emits DROPPED if the session has ended.

        Called after every await, since `cancel` may have come too late.
        """
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
