"""One session: from one sign-in to one sign-out.

Theory of operation:

1. A refresh may replace only the credential that it was started for, and only while the session lives. A late answer is
   dropped (S1).
2. A 401 renews only if the credential *it was sent with* is still the current one (Q2). Credentials are compared by
   identity: a server may grant the same token again.
3. Waiting requests are coroutines that await the one refresh. There is no queue to keep in step.
4. A credential that was refused, or has expired, is never sent again: `obtain` joins the refresh. One that is merely
   STALE is sent, and renewed behind the request's back.
5. A refresh that brings another user's token (the browser's cookie was replaced) never continues this session: it ends
   as replaced, and the other user's begins (S3).
6. Only a definitive refusal ends a session, and only when the access token is of no use any more (F9). Everything else
   that can go wrong is transient: the same error for every waiter, and the session as it was (F1, Q5).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from .backoff import Backoff, unavailable
from .credentials import Credential, Freshness
from .errors import EndReason, GrantRefused, RefreshUnavailable, SessionChanged, SessionEnded
from .events import Event, RefreshEvent, RefreshPhase, SessionEvent, SessionPhase
from .singleflight import FlightCancelled, SingleFlight


class Session:
    """Holds the current credential and renews it. Knows nothing of requests, audiences or other sessions."""

    def __init__(
        self,
        credential: Credential,
        *,
        number: int,
        ask: Callable[[Credential], Awaitable[Credential]],
        clock: Callable[[], float],
        leeway: float,
        tell: Callable[[Event], None],
        hand_over: Callable[[Credential], object],
    ) -> None:
        self.number = number
        self._credential = credential.received(clock())
        self._ask = ask
        self._clock = clock
        self._leeway = leeway
        self._tell = tell
        self._hand_over = hand_over
        self._flight: SingleFlight[None] = SingleFlight()
        self._backoff = Backoff(clock=clock)
        self._rejected: Credential | None = None  # the credential that must not be sent any more
        self._futile: Credential | None = None  # the credential that was refused while it was new
        self._refusal: GrantRefused | None = None  # remembered, so that nobody asks again (F7)
        self._ended: EndReason | None = None

    @property
    def credential(self) -> Credential:
        """The current credential, fresh or not."""
        return self._credential

    @property
    def alive(self) -> bool:
        """Has the session not ended?"""
        return self._ended is None

    @property
    def refreshing(self) -> bool:
        """Is a refresh on the way?"""
        return self._flight.running

    async def obtain(self, *, renewed: Credential | None = None) -> Credential:
        """A credential to send now. Waits for a refresh only if the current one can't be sent.

        `renewed` is what a refresh has just given this caller: if it is still the current one it is sent, however
        short its life, since a new credential is used at least once (T12).
        Raises SessionEnded, SessionChanged or RefreshUnavailable.
        """
        self._check_alive()
        credential = self._credential
        if credential is self._rejected:
            return await self.renew(rejected=credential)
        if credential is renewed:
            return credential
        freshness = credential.freshness(self._clock(), leeway=self._leeway)
        if freshness is Freshness.EXPIRED:
            return await self.renew(rejected=credential)
        if freshness is Freshness.STALE and self._refusal is None and not self._backoff.retry_after:
            self._flight.start(self._refresh)
        return credential

    async def renew(self, *, rejected: Credential | None = None) -> Credential:
        """The credential after a refresh, by this caller or another.

        `rejected` is the credential that a request was refused with: if it is no longer the current one, somebody has
        renewed it already. Without it the current one stays in use until the refresh succeeds.
        Raises SessionEnded, SessionChanged or RefreshUnavailable; and, only without `rejected`, GrantRefused if the
        refresh was refused for good while the current token still works.
        """
        self._check_alive()
        if rejected is not None:
            if rejected is not self._credential:
                return await self.obtain()
            self._rejected = rejected
        if self._refusal is not None:
            self._give_up(self._refusal)
        self._backoff.check()
        try:
            await self._flight.join(self._refresh)
        except FlightCancelled:
            self._check_alive()
            raise RefreshUnavailable("the refresh was cancelled") from None
        # Since then, others ran: look again (Q15).
        self._check_alive()
        if self._refusal is not None:
            self._give_up(self._refusal)
        if self._credential is self._rejected:
            return await self.renew(rejected=self._rejected)
        return self._credential

    def end(self, reason: EndReason) -> bool:
        """End the session: waiters are told, a refresh on the way is aborted and its answer dropped. True once."""
        if self._ended is not None:
            return False
        self._ended = reason
        self._flight.cancel()
        self._tell(SessionEvent(at=self._clock(), session=self.number, phase=SessionPhase.ENDED, reason=reason))
        return True

    def replay_refused(self, credential: Credential) -> None:
        """A new credential was refused as well: the next refresh pauses, or a server that refuses all would storm."""
        if credential is self._credential and credential is not self._futile:
            self._futile = credential
            self._backoff.failed()

    def wake(self) -> None:
        """The network is back or the page is looked at again: the next refresh need not pause."""
        self._backoff.wake()

    async def _refresh(self) -> None:
        await self._backoff.wait()
        replaced = self._credential
        self._tell_refresh(RefreshPhase.STARTED)
        try:
            fresh = (await self._ask(replaced)).received(self._clock(), previous=replaced)
        except asyncio.CancelledError as cause:
            if self._ended is None:  # not by `end`: the endpoint itself gave up
                self._failed(RefreshUnavailable("the refresh was cancelled"), cause)
            else:
                self._tell_refresh(RefreshPhase.DROPPED)
            raise
        except GrantRefused as refusal:
            if self._ended is None:
                self._refusal = refusal
                self._tell_refresh(RefreshPhase.REFUSED, error=refusal.error)
            return
        except Exception as cause:  # every failure but a refusal is transient, an app's own bug included
            error = unavailable(cause)
            self._failed(error, cause)
            if error is cause:
                raise
            raise error from cause
        if self._ended is not None:  # ended in the very step in which the answer came: `cancel` was too late
            self._tell_refresh(RefreshPhase.DROPPED)
            return
        if fresh.is_of_another_user_than(replaced):  # the browser's cookie is somebody else's by now
            self._tell_refresh(RefreshPhase.DROPPED)
            self._hand_over(fresh)
            return
        self._credential, self._rejected, self._refusal = fresh, None, None
        self._backoff.succeeded()
        self._tell_refresh(RefreshPhase.SUCCEEDED, expires_in=fresh.expires_in)

    def _failed(self, error: RefreshUnavailable, cause: BaseException) -> None:
        self._backoff.failed(error.retry_after)
        self._tell_refresh(RefreshPhase.UNAVAILABLE, error=type(cause).__name__, retry_after=error.retry_after)

    def _check_alive(self) -> None:
        if self._ended is None:
            return
        if self._ended == "replaced":
            raise SessionChanged
        if self._ended == "refused" and self._refusal is not None:
            raise SessionEnded(self._ended) from self._refusal
        raise SessionEnded(self._ended)

    def _give_up(self, refusal: GrantRefused) -> NoReturn:
        """No refresh will succeed any more: the session ends once its access token is of no use either."""
        credential = self._credential
        freshness = credential.freshness(self._clock(), leeway=self._leeway)
        if credential is not self._rejected and freshness is not Freshness.EXPIRED:
            raise GrantRefused(refusal.error, refusal.description, status=refusal.status) from refusal
        self.end("refused")
        raise SessionEnded("refused") from refusal

    def _tell_refresh(
        self,
        phase: RefreshPhase,
        *,
        expires_in: float | None = None,
        retry_after: float | None = None,
        error: str | None = None,
    ) -> None:
        self._tell(
            RefreshEvent(
                at=self._clock(),
                session=self.number,
                phase=phase,
                expires_in=expires_in,
                retry_after=retry_after,
                error=error,
            )
        )
