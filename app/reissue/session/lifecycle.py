"""Who is signed in: begins sessions and ends them, at the app's word, at another page's, or at the cookie's.

Theory of operation:

1. The endpoint's calls (sign-in, refresh, sign-out) go one at a time, over all pages that share the session: they share
   the browser's cookies, and a refresh that lands after another user's sign-in would mix two users. See
   `shared_session`.
2. A resume asks whether somebody is signed in. Until that is known requests wait (Q18), and if it could not be asked
   they ask again: nobody knows that they must sign in.
3. A sign-out overtakes what is about to start a session (S1): a resume, a sign-in, an adoption.
4. Where users sign in at another address, a sign-in leaves the page, and the resume of the page that they come back to
   begins the session: before it looks for any other, and in a turn.
5. The endpoint is told of a sign-out, whether or not its caller still waits. Until it knows, its cookie signs nobody
   in: a resume tells it instead, and finds nobody; to another user's refresh that meets it, it is a refusal. Whoever
   signs in ends that, and tells it first.
6. A sign-out takes its place in line before anybody hears of it, so that a sign-in that begins at its event comes after
   it (S5). It ends the session that it was made for: once somebody has signed in since, the cookie is theirs.
7. Told is what the endpoint confirms. A final 4xx ends the trying, and is told to the app; any other failure leaves the
   mark.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from enum import Enum
from functools import partial
from itertools import count
from typing import Any

from ..concurrency.blocking import Spawn, obstacle
from ..concurrency.line import Place
from ..concurrency.loop_watch import LoopWatch
from ..concurrency.singleflight import FlightCancelled, SingleFlight
from ..concurrency.timers import time_limit
from ..errors import (
    EndReason,
    GrantRefused,
    MalformedToken,
    RefreshUnavailable,
    ReissueError,
    SessionChanged,
    SessionEnded,
    SignOutRefused,
    WouldBlock,
)
from ..events import Listeners, SessionEvent, SessionPhase, SignOutEvent, SignOutPhase, StoreEvent, StorePhase
from ..oauth2.token_source import CallableTokenSource, TokenSource, check_sendable
from ..storage import Memory, Store
from ..tabs.peers import Alone, Neighbours
from ..tabs.pending_sign_out import Untold
from ..tabs.shared_session import Sharing
from ..tokens.credentials import Credential
from ..tokens.users import UserMatch, Users
from .backoff import Backoff, unavailable
from .endpoint_calls import EndpointCalls
from .session import Session
from .step_up import StepUpHandler, StepUps


class State(Enum):
    """Whether requests can be sent."""

    SIGNED_OUT = "signed_out"  # no session: requests raise SessionEnded
    RESUMING = "resuming"  # asking whether somebody is still signed in: requests wait
    SIGNED_IN = "signed_in"
    REFRESHING = "refreshing"  # signed in, and a refresh is on the way


_MARGIN = 5.0  # seconds that a turn may last beyond the one call in it: two looks, and a busy browser


class Sessions:
    """This client's session, and the ones before and after it; at most one is alive.

    `tokens` is the endpoint. `dismiss` lets the requests in line look at their session. `begin_anew` is called when the
    next event loop runs this client (see `loop_watch`). `users` compares whose tokens are whose. The rest is as
    `Interceptor` has it.
    """

    def __init__(
        self,
        tokens: TokenSource,
        *,
        clock: Callable[[], float],
        leeway: float,
        deadline: float,
        grace: float,
        neighbours: Neighbours | None,
        store: Store | None,
        untold: Store | None,
        listeners: Listeners,
        dismiss: Callable[[], None],
        begin_anew: Callable[[], None],
        users: Users,
        step_up: StepUpHandler | None = None,
    ) -> None:
        self._tokens = tokens
        self._handler = step_up
        self._clock = clock
        self._leeway = leeway
        self._deadline = deadline
        self._grace = grace
        self._users = users
        self._listeners = listeners
        self._dismiss = dismiss
        self._begin_anew = begin_anew
        self._loops = LoopWatch()
        self._numbers = count(1)
        self._session: Session | None = None
        self._handed: Session | None = None  # the last session that another page began
        self._resuming: SingleFlight[Session | None] = SingleFlight()
        self._resume_backoff = Backoff(clock=clock)
        self._unasked = False  # a resume failed, so nobody knows whether somebody is signed in
        self._refusal: GrantRefused | MalformedToken | None = None  # what came of an answer, for who asks
        self._telling: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly
        self._untold: Session | None = None  # the last that was signed out here, until the endpoint knows
        self._sign_outs = 0  # a sign-in that was overtaken by a sign-out sees it here
        self._closed = False
        self._sharing = Sharing(
            Alone() if neighbours is None else neighbours,
            Memory() if store is None else store,
            Untold(Memory() if untold is None else untold, clock=clock),
            self,
            clock=clock,
            patience=deadline + _MARGIN,
        )
        self._calls = EndpointCalls(self._sharing, deadline=deadline, clock=clock, listeners=listeners)

    # What there is

    @property
    def state(self) -> State:
        """Whether requests can be sent now."""
        if self.alive is not None:
            return State.REFRESHING if self.alive.refreshing else State.SIGNED_IN
        return State.RESUMING if self._resuming.running else State.SIGNED_OUT

    @property
    def longest_call(self) -> float:
        """Seconds that one call to the endpoint may take at most, the wait for its turn included."""
        return 2 * self._deadline + _MARGIN

    @property
    def alive(self) -> Session | None:
        """The session that is on; None without one."""
        return self._session if self._session is not None and self._session.alive else None

    @property
    def store_area(self) -> str:
        """Where the session outlives the page, for people to read."""
        return self._sharing.store_area

    @property
    def called_by_endpoint(self) -> bool:
        """Is this code called by the endpoint, while this client waits for it?"""
        return self._calls.running_here

    def check_usable(self) -> None:
        """Raises SessionEnded after `close()`; ReissueError in a second event loop, and in a call that would wait for
        itself (Q3).
        """
        if self._closed:
            raise SessionEnded("closed")
        self.follow_loop()
        if self.called_by_endpoint:
            raise ReissueError(
                "called from within its own endpoint, this would wait for itself: use auth=False, or another client"
            )

    def follow_loop(self) -> None:
        """Make anew what belonged to an event loop that is closed by now. Raises ReissueError if it is not closed."""
        if not self._loops.has_changed():
            return
        self._resuming, self._telling = SingleFlight(), set()
        self._resume_backoff.begin_anew()
        self._sharing.begin_anew()
        if self._session is not None:
            self._session.begin_anew()
        self._begin_anew()

    async def sign_in(self, fields: Mapping[str, Any]) -> None:
        """Ask the endpoint for tokens, and begin a session with them; the one that is on is replaced then."""
        self.check_usable()
        if self._tokens.redirects is None:
            await self._begin_by(fields)
            return
        if self._telling:  # what is not sent when the page is left never will be
            await asyncio.wait(self._telling)
        async with time_limit(self._deadline):  # in no turn: it would be cut off with the page
            await self._tokens.redirects.leave_to_sign_in(fields)

    async def _begin_by(self, fields: Any) -> Session:
        sign_outs = self._sign_outs
        async with self._sharing.turn():
            self._check_overtaken(sign_outs)
            await self._tell_again()  # who has signed out in another page may wait for this very turn (S5)
            self._check_overtaken(sign_outs)
            credential = await self._signed_in(fields)
            if sign_outs != self._sign_outs:
                self._revoke(credential)
            self._check_overtaken(sign_outs)
            return self._signed_in_with(credential, in_turn=True)

    async def adopt(self, credential: Credential) -> None:
        """Begin a session with tokens that the app got by its own means."""
        self.check_usable()
        check_sendable(self._tokens, credential)
        credential = credential.received(self._clock())  # its life runs already
        sign_outs = self._sign_outs
        await self._sharing.look_around()
        self._check_overtaken(sign_outs)
        self._signed_in_with(credential)

    async def resume(self) -> bool:
        """Take up the session of an earlier page, or another, or begin the one that the user comes back for.

        True if there is one. Raises what came of an answer that was refused.
        """
        self.check_usable()
        if self.alive is None or self._answer() is not None:
            await self._resumed()
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            raise refusal
        return self.alive is not None

    async def renew(self) -> None:
        """Refresh now."""
        self.check_usable()
        await (await self.current()).renew()

    async def sign_out(self) -> None:
        """End the session here and in every page that shares it; then tell the endpoint, also if the caller is gone."""
        self.check_usable()
        place = self._sharing.place()  # before anybody hears of it: whoever signs in then comes after it (S5)
        session = self._session
        self._untold = session or self._untold
        until = self._sharing.sign_out(in_body=_in_body(self._untold))
        telling = self._start_telling(place, self._tell_in_turn(place, self._untold, until))
        self._end("signed_out")
        failure: OSError | ReissueError | None = None
        try:
            await asyncio.wait((telling,))  # leaves it alone if this is cancelled
            telling.result()
        except (OSError, ReissueError) as error:
            failure = error
        if self._tokens.redirects is not None:
            async with time_limit(self._deadline):
                await self._tokens.redirects.leave_to_sign_out(session and session.held)
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """End the session in this page only. A refresh that is on the wire is waited for, and handed on."""
        self.follow_loop()
        self._closed = True
        self._end("closed")
        try:
            if not self.called_by_endpoint:
                if self._telling:
                    await asyncio.wait(self._telling)
                await self._sharing.settle()
        finally:
            self._sharing.close()

    def wake(self) -> None:
        """The network is back or the page is looked at again: the next refresh need not pause."""
        self._resume_backoff.wake()
        if self._session is not None:
            self._session.wake()

    async def _tell_in_turn(self, place: Place, signed_out: Session | None, until: int) -> None:
        async with self._sharing.turn(place):  # what a refresh on its way has brought is the server's to end
            try:
                if self._sharing.cookie_is_of_a_later_sign_in(until) and not _in_body(signed_out):
                    self._tell_listeners(SignOutPhase.OVERTAKEN)
                else:
                    await self._tell(signed_out, until)
            finally:
                self._sharing.tried_to_tell()

    async def _tell(self, signed_out: Session | None, until: int) -> None:
        """Tell the endpoint of a sign-out, and of those before it: up to this time (ms). For whoever has the turn."""
        try:
            await self._notify_endpoint(signed_out.held if signed_out is not None else None)
        except SignOutRefused:  # it would meet the next one's cookie with every `resume()`
            self._told(signed_out, until)
            raise
        self._told(signed_out, until)

    async def _notify_endpoint(self, held: Credential | None) -> None:
        """Ask the endpoint to end the session of this credential, or of the cookie, and tell listeners what it says."""
        try:
            confirmed = await self._calls.make(self._tokens.sign_out, held)
        except SignOutRefused as refused:
            self._tell_listeners(SignOutPhase.REFUSED, refused.status)
            raise
        except Exception as failure:
            status = failure.status if isinstance(failure, RefreshUnavailable) else None
            self._tell_listeners(SignOutPhase.UNAVAILABLE, status)
            raise
        if confirmed:
            self._tell_listeners(SignOutPhase.CONFIRMED)
        elif held is not None:
            self._tell_listeners(SignOutPhase.NOT_TOLD)

    def _revoke(self, came: Credential | BaseException) -> None:
        """What a sign-in has brought begins no session any more: have the endpoint end it, once, in the next turn.

        A cookie stays for whoever signed out, or resumes.
        """
        if isinstance(came, Credential) and came.refresh_token is not None:
            place = self._sharing.place()
            self._start_telling(place, self._revoke_in_turn(place, came))

    async def _revoke_in_turn(self, place: Place, credential: Credential) -> None:
        async with self._sharing.turn(place):
            await self._notify_endpoint(credential)

    def _start_telling(self, place: Place, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Tell the endpoint, whether or not the caller waits for it."""
        telling = asyncio.create_task(coroutine)
        self._telling.add(telling)
        telling.add_done_callback(partial(self._consume, place))
        return telling

    def _tell_listeners(self, phase: SignOutPhase, status: int | None = None) -> None:
        self._listeners.tell(SignOutEvent(at=self._clock(), phase=phase, status=status))

    def _told(self, signed_out: Session | None, until: int) -> None:
        """The endpoint need not be told of this sign-out any more. Somebody may have signed out since."""
        if self._untold is signed_out:
            self._untold = None
        self._sharing.told(until)

    def _consume(self, place: Place, telling: "asyncio.Task[None]") -> None:
        place.give_up()  # it may have been cancelled before it began
        self._telling.discard(telling)
        if not telling.cancelled():
            telling.exception()  # whoever waited for it may be gone

    def check_exchanges(self) -> None:
        """Raises TypeError if the endpoint can't be asked for another resource."""
        if isinstance(self._tokens, CallableTokenSource):
            raise TypeError("an endpoint that is a function can't be asked for another resource")

    async def exchange(self, session: Session, fields: Mapping[str, str], *, previous: Credential | None) -> Credential:
        """A credential for another resource, by the refresh token of this session; in place of `previous`, if any."""
        return await session.exchange(partial(self._calls.make, self._tokens.exchange), fields, previous=previous)

    async def enter(self, waits: Callable[[], None]) -> Session:
        """The session that a request enters with; `waits` is called before it waits for one to be resumed."""
        if self._must_resume:
            waits()
        return await self.current()

    async def current(self) -> Session:
        """The session that a request enters with: while one is being resumed, or could not be asked for, that one.

        Raises SessionEnded, SessionChanged or RefreshUnavailable.
        """
        if self._must_resume:
            session = await self._resumed()
            if session is not None:
                return session
            if self.alive is not None:
                raise SessionChanged  # somebody signed in after this request was made
        if self._closed:
            raise SessionEnded("closed")
        if self._session is None:
            raise SessionEnded("signed_out")
        return self._session

    def refresh_at_once(self, spawn: Spawn, session: Session) -> None:
        """Refresh within this call, in which nothing waits (see `blocking`). Raises WouldBlock if that can't be."""
        reason = obstacle(
            refreshing=session.refreshing,
            calling=self._sharing.in_turn,
            shared=self._sharing.with_others,
            over_transport=not isinstance(self._tokens, CallableTokenSource),
            in_body=session.held.refresh_token is not None,
        )
        if reason is not None:
            raise WouldBlock(reason)
        session.refresh_at_once(spawn, deadline=self._deadline)

    # Inside

    @property
    def _must_resume(self) -> bool:
        """Is it not known yet whether somebody is signed in?"""
        return self.alive is None and (self._resuming.running or self._unasked)

    async def _resumed(self) -> Session | None:
        """The session that the resume on the way, or a new one, begins; None if it begins none."""
        try:
            return await self._resuming.join(self._resume)
        except FlightCancelled:
            return None

    async def _resume(self) -> Session | None:
        self._resume_backoff.check()
        await self._resume_backoff.wait()
        try:
            session = await self._found()
        except Exception as cause:
            error = unavailable(cause)
            self._resume_backoff.failed(error.retry_after)
            self._unasked = True
            if error is cause:
                raise
            raise error from cause
        self._resume_backoff.succeeded()
        self._unasked = False
        return session

    async def _found(self) -> Session | None:
        """The session that another page has, or the store, or that the browser's cookie stands for; None if none.

        It may have ended by now. Before all of them comes the answer that the user was sent back with.
        """
        answer = self._answer()
        if answer is not None:
            try:
                return await self._begin_by(answer)
            except (GrantRefused, MalformedToken) as refusal:
                self._refusal = refusal
        sign_outs = self._sign_outs
        await self._sharing.look()
        if self.alive is None:
            before = self._sharing.untold
            async with self._sharing.turn():
                await self._sharing.look()  # who had the turn before may have found it
                untold = self._sharing.untold or before  # or have told it: whom its cookie stood for is not asked then
                if self.alive is None and untold is not None and not self._sharing.signed_in_since(untold.until):
                    await self._tell_again()
                    return None
                if self.alive is None:
                    self._sharing.check_turn()
                    credential = await self._asked_for_the_cookies()
                    if credential is None:
                        return None
                    if sign_outs != self._sign_outs or self.alive is not None or self._sharing.untold:
                        return None  # somebody was faster, out or in
                    return self._begin(credential)
        session = self.alive
        if session is None or session is not self._handed:
            return None
        with suppress(SessionEnded, SessionChanged):
            await session.obtain()  # what was kept may have expired, or been ended, long ago
        return session

    async def _tell_again(self) -> None:
        """Tell the endpoint of a sign-out that it may not know of, if there is one, and something to tell it by.

        If that fails, the next resume will.
        """
        mark = self._sharing.untold
        if mark is not None and (not mark.in_body or _in_body(self._untold)):
            with suppress(OSError, ReissueError):
                await self._tell(self._untold, mark.until)

    def _answer(self) -> Any | None:
        """What the user was sent back with."""
        return self._tokens.redirects and self._tokens.redirects.answer()

    async def _asked_for_the_cookies(self) -> Credential | None:
        """What the browser's cookie stands for; None if for nothing."""
        attempts = 2 if self._sharing.cut_off else 1  # after a reload in mid-refresh the cookie may still change (T7)
        credential: Credential | None = None
        while credential is None and attempts:
            attempts -= 1
            with suppress(GrantRefused):
                credential = await self._calls.make(self._tokens.refresh, None)
        return credential

    async def _signed_in(self, fields: Mapping[str, Any]) -> Credential:
        """What the endpoint gives for these fields. For whoever has the turn."""
        try:
            credential: Credential = await self._calls.make(self._tokens.sign_in, fields, late=self._revoke)
        except (OSError, MalformedToken, asyncio.CancelledError):  # but its cookie may have come
            if self._session is not None:
                self._session.doubt_cookie()
            raise
        return credential

    async def _step_up(self, session: Session, answer: Mapping[str, Any] | Credential) -> None:
        """Let a session go on with a stronger or a fresher sign-in; another user's begins a session of its own (S3)."""
        if not isinstance(answer, (Credential, Mapping)):
            raise TypeError(f"step_up gives fields, a Credential or None, not {type(answer).__name__}")
        async with self._sharing.turn():  # a credential may go on with the refresh token that is being spent
            session.check_alive()
            if isinstance(answer, Credential):
                credential = answer
            else:
                credential = await self._signed_in(answer)
                if not session.alive:
                    self._revoke(credential)
            check_sendable(self._tokens, credential)
            self._take_step(session, credential)

    def _take_step(self, session: Session, credential: Credential) -> None:
        session.check_alive()  # it may have ended meanwhile: then nobody is signed in again by this (S1)
        if self._users.compare(credential, session.credential) is UserMatch.OTHER:
            self._signed_in_with(credential)
        else:
            session.step_up(credential)

    def _signed_in_with(self, credential: Credential, *, in_turn: bool = False) -> Session:
        """Somebody has signed in: the cookie of whoever signed out before is replaced."""
        self._untold = None
        self._sharing.told()
        return self._begin(credential, by_sign_in=in_turn)

    def _begin(self, credential: Credential, *, handed: bool = False, by_sign_in: bool = False) -> Session:
        self._unasked = False
        session = Session(
            credential,
            number=next(self._numbers),
            ask=partial(self._calls.make, self._tokens.refresh),
            clock=self._clock,
            leeway=self._leeway,
            grace=self._grace,
            users=self._users,
            tell=self._listeners.tell,
            sharing=self._sharing,
            begin=self._begin,
            dismiss=self._dismiss,
        )
        if self._handler is not None:
            session.step_ups = StepUps(self._handler, partial(self._step_up, session))
        replaced, self._session = self._session, session
        if not handed:
            self._sharing.hand_over(session.credential, begins=True, by_sign_in=by_sign_in)
        if replaced is not None:
            replaced.end("replaced")
        self._listeners.tell(SessionEvent(at=self._clock(), session=session.number, phase=SessionPhase.STARTED))
        return session

    def _end(self, reason: EndReason) -> Session | None:
        """End the session in this page, and whatever is about to start one; gives the session, if there was one."""
        session, self._session = self._session, None
        self._sign_outs += 1
        self._resuming.cancel()
        self._unasked = False
        if self._tokens.redirects is not None:
            self._tokens.redirects.forget()
        if session is not None:
            session.end(reason)
        return session

    def _check_overtaken(self, sign_outs: int) -> None:
        if sign_outs != self._sign_outs:
            raise SessionEnded("closed" if self._closed else "signed_out")

    # What other pages do (see `SessionHolder`)

    def accepts(self, credential: Credential) -> bool:
        """Can this client send this credential?"""
        return self._tokens.accepts(credential)

    def on_granted(self, credential: Credential, same_session: bool) -> None:
        """Go on with what another page was granted, or begin the session that it began."""
        if self._closed:
            return
        session = self.alive
        if session is not None and (same_session or self._is_of_the_user_of(session, credential)):
            session.take_over(credential)
        else:
            self._handed = self._begin(credential, handed=True)

    def _is_of_the_user_of(self, session: Session, credential: Credential) -> bool:
        return self._users.compare(credential, session.credential) is UserMatch.SAME

    def on_ended(self, reason: EndReason) -> None:
        """Another page has ended the session."""
        if reason == "signed_out":
            self._end(reason)
        elif self._session is not None:
            self._session.end(reason)

    def on_store_failure(self, phase: StorePhase) -> None:
        """Tell listeners that the store is of no use, or held nothing of use."""
        self._listeners.tell(StoreEvent(at=self._clock(), phase=phase))


def _in_body(session: Session | None) -> bool:
    """Does the endpoint know this session by a refresh token that the page holds?"""
    return session is not None and session.held.refresh_token is not None
