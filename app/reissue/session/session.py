"""One session: from one sign-in to one sign-out.

Theory of operation:

1. A refresh may replace only the credential that it was started for, and only while the session lives. A late answer is
   dropped (S1); the call itself is seen through, since its cookie lands in any case (S2).
2. A 401 renews only if the credential *it was sent with* is still the current one (Q2). Credentials are compared by
   identity: a server may grant the same token again.
3. Waiting requests are coroutines that await the one refresh. There is no queue to keep in step.
4. A credential that was refused, or has expired, is never sent again: `obtain` joins the refresh. One that is merely
   STALE is sent, and renewed behind the request's back.
5. A refresh that brings another user's token (the browser's cookie was replaced) never continues this session: it ends
   as replaced, and the other user's begins (S3). See `users` for what tokens tell, and for what they don't.
6. A refresh waits for this page's turn among the pages that share the session, and looks first whether another page
   has made it unnecessary (T1); see `shared_session`.
7. Only a definitive refusal ends a session, and only when the access token is of no use any more (F9). Everything else
   that can go wrong is transient: the same error for every waiter, and the session as it was (F1, Q5). Those who stand
   in line for the wire wait for the refresh as well: its failure is theirs, or each in turn would ask again.
8. A refresh token that is rotated by an exchange, for another resource's token, does not make the credential another
   one: what was refused stays refused. It is kept beside it, and presented from then on. So is one that comes with an
   answer that is of no use otherwise (F19): the one that was presented is spent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import NoReturn

from ..concurrency.blocking import Spawn, at_once
from ..concurrency.singleflight import FlightCancelled, SingleFlight
from ..errors import (
    EndReason,
    GrantRefused,
    MalformedToken,
    RefreshUnavailable,
    SessionChanged,
    SessionEnded,
    WouldBlock,
    take_rotated,
)
from ..events import Event, RefreshEvent, RefreshPhase, SessionEvent, SessionPhase
from ..oauth2.refusals import refuses_refresh_token
from ..oauth2.token_source import Exchange
from ..tabs.shared_session import Sharing
from ..tokens.credentials import Credential, Freshness
from ..tokens.users import UserMatch, Users
from .backoff import Backoff, unavailable
from .step_up import InheritedStepUps, StepUps


class Session:
    """Holds the current credential and renews it. Knows nothing of requests and audiences.

    `ask` is one call to the endpoint; what comes after its caller was cancelled goes to `late`. `begin` starts another
    user's session, `dismiss` lets the requests in line look at their session. `users` compares whose tokens are whose.
    `grace` is how many seconds after its sending a refresh whose answer was lost may be sent again (F6); 0 for never.
    """

    def __init__(
        self,
        credential: Credential,
        *,
        number: int,
        ask: Callable[..., Awaitable[Credential]],
        clock: Callable[[], float],
        leeway: float,
        grace: float,
        users: Users,
        tell: Callable[[Event], None],
        sharing: Sharing,
        begin: Callable[[Credential], object],
        dismiss: Callable[[], None],
    ) -> None:
        self.number = number
        # What another page hands over is not received anew: its life has been running since.
        self._credential = credential.received(clock()) if credential.received_at is None else credential
        self._held = self._credential  # the same, with the newest refresh token that came for it
        self._ask = ask
        self._grace = grace
        self._users = users
        self._sharing = sharing
        self._begin = begin
        self._dismiss = dismiss
        self._clock = clock
        self._leeway = leeway
        self._tell = tell
        self._flight: SingleFlight[None] = SingleFlight()
        self._backoff = Backoff(clock=clock)
        self._rejected: Credential | None = None  # the credential that must not be sent any more
        self._handed: Credential | None = None  # the last that another page was granted
        self._futile: Credential | None = None  # the credential that was refused while it was new
        self._unproven: Credential | None = None  # came in place of a refused one, and was not accepted yet
        self._refusal: GrantRefused | None = None  # remembered, so that nobody asks again (F7)
        self._failure: RefreshUnavailable | None = None  # of the last refresh, if requests depended on it
        self._failures = 0
        self._cookie_in_doubt = False
        self._ended: EndReason | None = None
        self.step_ups: StepUps | InheritedStepUps | None = None  # the app's way to one, if it has any
        self._phase: RefreshPhase | None = None  # told last

    @property
    def credential(self) -> Credential:
        """The current credential, fresh or not."""
        return self._credential

    @property
    def held(self) -> Credential:
        """The current credential with the newest refresh token, which an exchange may have rotated since."""
        return self._held

    @property
    def ended(self) -> EndReason | None:
        """Why the session is over, or None."""
        return self._ended

    @property
    def alive(self) -> bool:
        """Has the session not ended?"""
        return self._ended is None

    @property
    def refreshing(self) -> bool:
        """Is a refresh on the way?"""
        return self._flight.running

    @property
    def refused(self) -> bool:
        """Has the endpoint refused the refresh token that would be presented next?"""
        return self._refusal is not None

    @property
    def failures(self) -> int:
        """How many refreshes have failed that requests depended on."""
        return self._failures

    async def obtain(
        self,
        *,
        renewed: Credential | None = None,
        failures: int | None = None,
        waits: Callable[[], None] | None = None,
    ) -> Credential:
        """A credential to send now. Waits for a refresh only if the current one can't be sent.

        `renewed` is what a refresh has just given this caller: if it is still the current one it is sent, however
        short its life, since a new credential is used at least once (T12). `failures` is what that property said when
        the caller joined the line: a refresh that failed since then failed for this caller, too (Q5). `waits` is called
        before it waits.
        Raises SessionEnded, SessionChanged or RefreshUnavailable.
        """
        self.check_alive()
        credential = self._credential
        if credential is renewed and not self._is_spent(credential):
            return credential
        freshness = credential.freshness(self._clock(), leeway=self._leeway)
        if credential is self._rejected or freshness is Freshness.EXPIRED:
            if self._failure is not None and failures is not None and failures < self._failures:
                retry_after = self._backoff.retry_after or None
                raise RefreshUnavailable(
                    str(self._failure), retry_after=retry_after, status=self._failure.status
                ) from self._failure.__cause__
            if waits is not None and self.must_wait():
                waits()
            return await self.renew(rejected=credential)
        if freshness is Freshness.STALE and self._refusal is None and not self._backoff.retry_after:
            self._flight.start(partial(self._refresh, credential))
        return credential

    async def renew(self, *, rejected: Credential | None = None) -> Credential:
        """The credential after a refresh, by this caller or another.

        `rejected` is the credential that a request was refused with: if it is no longer the current one, somebody has
        renewed it already. Without it the current one stays in use until the refresh succeeds.
        Raises SessionEnded, SessionChanged or RefreshUnavailable; and, only without `rejected`, GrantRefused if the
        refresh was refused for good while the current token still works.
        """
        self.check_alive()
        if rejected is not None:
            if rejected is not self._credential:
                return await self.obtain()
            self._rejected = rejected
        if self._refusal is not None:
            self._give_up(self._refusal)
        self._backoff.check()
        try:
            await self._flight.join(partial(self._refresh, self._credential))
        except FlightCancelled:
            self.check_alive()
            raise RefreshUnavailable("the refresh was cancelled") from None
        # Since then, others ran: look again (Q15).
        self.check_alive()
        if self._refusal is not None:
            self._give_up(self._refusal)
        if self._is_spent(self._credential):
            return await self.renew(rejected=self._credential)
        return self._credential

    def must_wait(self, *, rejected: Credential | None = None) -> bool:
        """Would `obtain()`, or `renew(rejected=…)`, wait for a refresh? If not, it gives or raises at once."""
        credential = self._credential
        if not self.alive or self._refusal is not None or self._backoff.retry_after:
            return False
        if credential is rejected or credential is self._rejected:
            return True
        return credential.freshness(self._clock(), leeway=self._leeway) is Freshness.EXPIRED

    def refresh_at_once(self, spawn: Spawn, *, deadline: float) -> None:
        """Refresh within this call, in which nothing waits (see `blocking`), and within `deadline` seconds.

        `spawn` makes a task that has run up to where it first waits.

        Raises RefreshUnavailable. A refusal is remembered, and raised by the next `obtain` or `renew`.
        """
        if pause := self._backoff.pause:
            raise RefreshUnavailable("the last refresh failed just now", retry_after=pause)
        self._backoff.wake()  # it has paused long enough
        with at_once(deadline):
            task = self._flight.start(partial(self._refresh, self._credential), spawn=spawn)
        if not task.done():
            task.cancel()
            raise WouldBlock(
                "the refresh would have to wait, and can't while this call blocks: await api.renew() first"
            )
        task.result()

    def end(self, reason: EndReason) -> None:
        """End the session, once: waiters are told at once, and what a refresh on the way brings is dropped."""
        if self._ended is not None:
            return
        self._ended = reason
        self._flight.cancel()
        if self.step_ups is not None:
            self.step_ups.end()
        self._tell(SessionEvent(at=self._clock(), session=self.number, phase=SessionPhase.ENDED, reason=reason))
        self._dismiss()

    def take_over(self, credential: Credential) -> None:
        """Go on with a credential that another page was granted for this session."""
        if credential.is_same_but_for_refresh_token(self._credential):
            self._hold(credential)
            return
        self._replace(credential)
        self._handed = credential
        self._backoff.wake()  # a refresh that pauses here has nothing to do any more
        self._tell_refresh(RefreshPhase.TAKEN_OVER, expires_in=credential.expires_in)

    def step_up(self, credential: Credential) -> None:
        """Go on with what a stronger or a fresher sign-in of the same user has brought."""
        credential = credential.received(self._clock(), previous=self._held)
        self._replace(credential)
        self._sharing.hand_over(credential, begins=False)
        self._tell_refresh(RefreshPhase.STEPPED_UP, expires_in=credential.expires_in)

    def replay_refused(self, credential: Credential) -> None:
        """A new credential was refused as well: the next refresh pauses, or a server that refuses all would storm."""
        if credential is self._credential and credential is not self._futile:
            self._futile = credential
            self._backoff.failed()

    def refused_without_replay(self, credential: Credential) -> None:
        """As `replay_refused`, for a request that was sent once: was it the new credential that was refused?"""
        if credential is self._unproven:
            self.replay_refused(credential)

    def accepted(self, credential: Credential) -> None:
        """The API has accepted this credential: a later refusal does not mean that refreshes are futile."""
        if credential is self._unproven:
            self._unproven = None

    def wake(self) -> None:
        """The network is back or the page is looked at again: the next refresh need not pause."""
        self._backoff.wake()

    def begin_anew(self) -> None:
        """The next event loop runs this client: nothing of the last one comes any more (see `loop_watch`)."""
        self._flight = SingleFlight()
        self._backoff.begin_anew()
        if self.step_ups is not None:
            self.step_ups.begin_anew()

    def forget_refusal(self) -> None:
        """What the next refresh will present is not what was refused (F7)."""
        self._refusal = None

    def doubt_cookie(self) -> None:
        """Somebody else may have signed in: if the cookie is another user's now, an opaque token won't tell (S3)."""
        self._cookie_in_doubt = self._credential.refresh_token is None

    async def exchange(
        self,
        ask: Callable[..., Awaitable[Credential]],
        fields: Mapping[str, str],
        *,
        previous: Credential | None = None,
    ) -> Credential:
        """A credential for another resource, by this session's refresh token; a new one that comes along is kept.

        `ask` is one call to the endpoint, as the session's own. `previous` is what this session was granted for the
        same resource before. Raises SessionEnded, SessionChanged, GrantRefused, RefreshUnavailable, and what the call
        raises.
        """
        fresh = await self._exchange(ask, fields, previous)
        if self._leaves_open_whose_cookie_it_is(fresh, previous):
            self.doubt_cookie()
            await self.renew()  # tokens for this session's own resource can be compared; raises SessionChanged
            fresh = await self._exchange(ask, fields, fresh)  # the cookie may have been another user's that one time
        return replace(fresh, refresh_token=None)

    async def _exchange(
        self, ask: Callable[..., Awaitable[Credential]], fields: Mapping[str, str], previous: Credential | None
    ) -> Credential:
        fresh: Credential | None = None
        while fresh is None:
            async with self._sharing.turn():
                fresh = await self._exchange_in_turn(ask, fields, previous)
        return fresh

    def _leaves_open_whose_cookie_it_is(self, fresh: Credential, previous: Credential | None) -> bool:
        """Is the cookie in doubt, and this token for another resource can't end that? Or does it raise the doubt?

        Tokens for different resources may name one user differently (pairwise subjects), and name two users so, too.
        """
        by_cookie = self._held.refresh_token is None and fresh.refresh_token is None
        unknown = self._match_elsewhere(fresh, previous) is UserMatch.UNKNOWN
        return by_cookie and unknown and (self._cookie_in_doubt or self._users.seem_to_differ(fresh, self._held))

    async def _exchange_in_turn(
        self, ask: Callable[..., Awaitable[Credential]], fields: Mapping[str, str], previous: Credential | None
    ) -> Credential | None:
        """As `exchange`; None if another page was faster to use the refresh token (T3)."""
        up_to_date = await self._sharing.look()
        self.check_alive()
        self._backoff.check()
        if self._refusal is not None:
            raise GrantRefused(self._refusal.error, self._refusal.description, status=self._refusal.status)
        held = self._presented(up_to_date=up_to_date)
        try:
            asking = partial(ask, Exchange(held, fields), late=partial(self._exchanged_late, held, previous))
            fresh = await self._answer(held, asking)
        except GrantRefused as refused:
            if not refuses_refresh_token(refused):
                raise
            await self._sharing.look()
            if self._held is held:
                self._refusal = refused  # raised by the next round
            return None
        except RefreshUnavailable as error:
            if error.retry_after:  # the endpoint's word, whatever it was asked for (F2)
                self._backoff.failed(error.retry_after)
            raise
        return self._exchanged(held, fresh, previous)

    def _exchanged(self, held: Credential, fresh: Credential, previous: Credential | None) -> Credential:
        match = self._match_elsewhere(fresh, previous)
        self._rotate(held, fresh, match)
        self.check_alive()
        if match is UserMatch.OTHER:  # the cookie was replaced
            self.doubt_cookie()
            self._flight.start(partial(self._refresh, self._credential))
            raise SessionChanged
        if match is UserMatch.SAME:
            self._cookie_in_doubt = False
        return fresh

    def _exchanged_late(
        self, held: Credential, previous: Credential | None, answer: Credential | BaseException
    ) -> None:
        """The caller was cancelled while this was on its way."""
        if isinstance(answer, Credential):
            self._rotate(held, answer, self._match_elsewhere(answer, previous))
        else:
            self._rescue(held, answer)

    def _presented(self, *, up_to_date: bool) -> Credential:
        """What to present to the endpoint. Raises RefreshUnavailable if that is another page's to do, or done."""
        self._sharing.check_turn()
        if not up_to_date and self._held.refresh_token is not None:  # by whoever has the newer one
            raise RefreshUnavailable("another page has the next refresh token, and does not hand it over")
        if self._sharing.overtaken:
            self.doubt_cookie()
        return self._held

    def _match_elsewhere(self, fresh: Credential, previous: Credential | None) -> UserMatch:
        """Is a token for another resource this session's user's? By the one before it, or by its naming the user alike.

        That it names the user by another word proves nothing (S6), also where no token says for which resource it is.
        """
        match = UserMatch.UNKNOWN if previous is None else self._users.compare(fresh, previous)
        if match is UserMatch.UNKNOWN and self._users.compare(fresh, self._held) is UserMatch.SAME:
            return UserMatch.SAME
        return match

    def _is_anothers(self, match: UserMatch) -> bool:
        """Is this answer another user's, or may it be, since the cookie is in doubt?

        One that names this session's user ends the doubt: the cookie that there is now has brought it.
        """
        if match is UserMatch.SAME:
            self._cookie_in_doubt = False
        return match is UserMatch.OTHER or self._cookie_in_doubt

    def _rotate(self, held: Credential, fresh: Credential, match: UserMatch) -> None:
        """Keep the refresh token that came with another resource's access token, whomever that names (F19)."""
        if fresh.refresh_token is None:
            return
        if held.refresh_token is not None or match is UserMatch.SAME:  # else nobody knows whose cookie has brought it
            self._keep(held, fresh.refresh_token)

    def _rescue(self, held: Credential, failure: BaseException) -> None:
        """Keep the refresh token that came with an answer of no use: the one that was presented is spent (F19)."""
        rotated = take_rotated(failure)
        if rotated is not None and held.refresh_token is not None:
            self._keep(held, rotated)

    def _keep(self, held: Credential, refresh_token: str) -> None:
        """Hold and hand over this refresh token in place of the one presented; the access token stays as it is."""
        kept = replace(held, refresh_token=refresh_token)
        if self._ended is None and self._held is held:
            self._hold(kept)
            self._sharing.hand_over(kept, begins=False)
        else:
            self._pass_on(held, kept)

    def _hold(self, credential: Credential) -> None:
        self._held = credential
        self.forget_refusal()

    async def _refresh(self, replaced: Credential) -> None:
        await self._backoff.wait()
        if self._credential is not replaced:
            return  # another page was faster
        self._tell_refresh(RefreshPhase.STARTED)
        try:
            async with self._sharing.turn():
                await self._refresh_in_turn(replaced)
        except asyncio.CancelledError as cause:
            if self._ended is None:  # not by `end`: the endpoint itself gave up
                self._failed(RefreshUnavailable("the refresh was cancelled"), cause)
            else:
                self._drop()
            raise
        except Exception as cause:  # every failure but a refusal is transient, an app's own bug included
            if self._ended is not None:
                self._drop()
                self.check_alive()
            error = unavailable(cause)
            self._failed(error, cause)
            if error is cause:
                raise
            raise error from cause

    async def _refresh_in_turn(self, replaced: Credential) -> None:
        newest = await self._sharing.look()
        if self._is_settled(replaced):
            return
        self._backoff.check()  # whoever had the turn before may have been asked to wait
        held = self._presented(up_to_date=newest)
        try:
            ask = partial(self._ask, held, late=partial(self._came_late, held))
            fresh = (await self._answer(held, ask)).received(self._clock(), previous=held)
        except GrantRefused as refusal:
            await self._sharing.look()  # before anything ends: another page may have been faster (T3)
            if not self._is_settled(replaced):
                self._refused(refusal)
            return
        if self._is_settled(replaced):
            return
        if self._is_anothers(self._users.compare(fresh, replaced)):  # the cookie was replaced
            if self._sharing.untold:  # by that of somebody who has signed out: it signs nobody in
                self._refused(GrantRefused("invalid_grant"))
                return
            self._tell_refresh(RefreshPhase.DROPPED)
            self._begin(fresh)
            return
        self._replace(fresh)
        self._sharing.hand_over(fresh, begins=False)
        self._tell_refresh(RefreshPhase.SUCCEEDED, expires_in=fresh.expires_in)

    def _refused(self, refusal: GrantRefused) -> None:
        self._refusal = refusal
        self._tell_refresh(RefreshPhase.REFUSED, error=refusal.error)

    def _drop(self) -> None:
        if self._phase is RefreshPhase.STARTED:
            self._tell_refresh(RefreshPhase.DROPPED)

    def _is_settled(self, replaced: Credential) -> bool:
        """Has this refresh nothing to do any more? Looked at after every await, also if `cancel` came too late."""
        if self._ended is not None:
            self._tell_refresh(RefreshPhase.DROPPED)
            return True
        return self._credential is not replaced

    async def _answer(self, held: Credential, ask: Callable[[], Awaitable[Credential]]) -> Credential:
        """What the endpoint answers to `held`; asked again if the answer was lost within the grace window (F6)."""
        asked_at = self._clock()
        try:
            try:
                return await ask()
            except OSError:
                if not 0 <= self._clock() - asked_at < self._grace:
                    raise
                return await ask()
        except MalformedToken as error:
            self._rescue(held, error)
            raise

    def _came_late(self, held: Credential, answer: Credential | BaseException) -> None:
        """The session ended while this was on its way."""
        if not isinstance(answer, Credential):
            self._rescue(held, answer)
        elif not self._is_anothers(self._users.compare(answer, held)):
            self._pass_on(held, answer.received(self._clock(), previous=held))
        elif held.refresh_token is not None and answer.refresh_token is not None:
            self._keep(held, answer.refresh_token)  # the next refresh will see whose it is

    def _pass_on(self, held: Credential, late: Credential) -> None:
        """What came in place of `held`, but too late, is dropped (S1). Unless the session ended in this page only: then
        the others have it. And after a sign-out it is what the server has to be told of.
        """
        if self._ended == "signed_out":
            self._held = late
        elif self._ended == "closed" and self._sharing.holds(held):
            self._sharing.hand_over(late, begins=False)

    def _is_spent(self, credential: Credential) -> bool:
        """Is it of no use, also to one who has just got it? What was handed over is not new: it has been used."""
        return credential is self._rejected or (credential is self._handed and credential.remaining(self._clock()) == 0)

    def _replace(self, fresh: Credential) -> None:
        self._unproven = fresh if self._credential is self._rejected else None
        self._credential = self._held = fresh
        self._rejected, self._refusal, self._failure = None, None, None
        self._backoff.succeeded()

    def _failed(self, error: RefreshUnavailable, cause: BaseException) -> None:
        self._backoff.failed(error.retry_after)
        credential = self._credential
        if credential is self._rejected or credential.remaining(self._clock()) == 0:
            self._failure = error
            self._failures += 1
        self._tell_refresh(RefreshPhase.UNAVAILABLE, error=type(cause).__name__, retry_after=error.retry_after)

    def check_alive(self) -> None:
        """Raises SessionEnded or SessionChanged once the session has ended."""
        if self._ended is None:
            return
        if self._ended == "replaced":
            raise SessionChanged
        if self._ended == "refused":
            raise SessionEnded(self._ended) from self._refusal
        raise SessionEnded(self._ended)

    def _give_up(self, refusal: GrantRefused) -> NoReturn:
        """No refresh will succeed any more: the session ends once its access token is of no use either."""
        credential = self._credential
        if credential is not self._rejected and credential.remaining(self._clock()) != 0:
            raise GrantRefused(refusal.error, refusal.description, status=refusal.status) from refusal
        self.end("refused")
        self._sharing.end("refused")
        raise SessionEnded("refused") from refusal

    def _tell_refresh(
        self,
        phase: RefreshPhase,
        *,
        expires_in: float | None = None,
        retry_after: float | None = None,
        error: str | None = None,
    ) -> None:
        self._phase = phase
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
