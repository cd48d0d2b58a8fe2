"""The interceptor: what stands between the app's code and the transport.

One request, from call to answer:

    fetch() → Request → in the audience? ── no → transport, untouched
                 │ yes
         admission: a bounded number on the wire, the rest wait here
                 │
         session.obtain()    FRESH: at once · STALE: at once, and a refresh starts behind it · EXPIRED: join the refresh
                 │
         attach bearer → transport → not 401 ───────────→ response
                              │ 401
         session.renew(rejected=credential) → replay once → response (even if 401)

Theory of operation:

1. A request belongs to the session that it entered with, and is never sent in another (S3).
2. The endpoint's calls (sign-in, refresh, sign-out) go one at a time over the bare transport, over all pages that share
   the session: they share the browser's cookies, and a refresh that lands after another user's sign-in would mix two
   users. See `sharing`.
3. A call into the client from within an endpoint would wait for itself; it is refused (Q3).
4. On the way of a request whose token is fresh there is no task and no future of ours: only plain coroutines.
"""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from enum import Enum
from functools import partial
from itertools import count
from typing import Any

from .admission import Admission
from .attempts import Attempts
from .backoff import Backoff, unavailable
from .blocking import Spawn, must_block_within, obstacle
from .claims import unverified_claims
from .credentials import Credential
from .endpoints import CallableTokenSource, Endpoint, Refresh, Transport, token_source
from .errors import (
    EndReason,
    GrantRefused,
    MalformedToken,
    ReissueError,
    SessionChanged,
    SessionEnded,
    WouldBlock,
)
from .events import (
    EndpointEvent,
    EndpointPhase,
    Event,
    Listener,
    Listeners,
    RequestEvent,
    RequestPhase,
    SessionEvent,
    SessionPhase,
    StoreEvent,
    StorePhase,
    WaitsFor,
)
from .messages import Request
from .neighbours import Alone, Memory, Neighbours, Store
from .session import Session
from .sharing import Sharing
from .signals import Signal, aborted_by
from .singleflight import FlightCancelled, SingleFlight
from .timers import time_limit
from .urls import Audience, ParseUrl, Url, parse_url

ShouldRenew = Callable[[Any], "bool | Awaitable[bool]"]
"""A caller's own judgement of a response, or of the OSError that came instead: was the token refused?"""


class State(Enum):
    """Whether requests can be sent."""

    SIGNED_OUT = "signed_out"  # no session: requests raise SessionEnded
    RESUMING = "resuming"  # asking whether somebody is still signed in: requests wait
    SIGNED_IN = "signed_in"
    REFRESHING = "refreshing"  # signed in, and a refresh is on the way


class _EndpointCall:
    """Marks the context of one call to the endpoint, so that a call from within it is seen (Q3)."""

    def __init__(self, owner: object, outer: "_EndpointCall | None") -> None:
        self.owner = owner
        self.outer = outer
        self.running = True

    def is_within(self, owner: object) -> bool:
        """Does a call of this owner's endpoint run, here or further out? Clients may lie in each other's endpoints."""
        return (self.running and self.owner is owner) or (self.outer is not None and self.outer.is_within(owner))


_MARGIN = 5.0  # seconds that a turn may last beyond the one call in it: two looks, and a busy browser

_endpoint_call: ContextVar[_EndpointCall | None] = ContextVar("reissue_endpoint_call", default=None)


class Interceptor:
    """A client for one API: sends each request to the `audience` with the session's access token.

    `transport` sends a `Request` and gives a response. `audience` is the URL, or the URLs, from which on down the
    token may be seen. `endpoint` says where tokens come from. `clock` gives wall-clock seconds. `leeway` (seconds) is
    how long before its end a token is renewed behind the requests' backs, at most a quarter of its life. `deadline`
    (seconds) bounds one call to the endpoint. `in_flight` is how many requests may be on the wire at once to one
    origin; the rest wait their turn. `should_renew` judges in place of `status == 401`: a function, plain or async, of
    the response (a copy where it can be cloned, so its body may be read) or of the OSError in its place;
    True means that the token was refused. `retry_lost_refresh` (seconds) states the grace window in which the server
    takes a refresh token twice: a refresh whose answer was lost is sent again at once within it (F6). `neighbours` are
    the other pages that share the session, `store` is where it outlives the page. `parse_url` reads a URL as the
    transport will.

    Raises TypeError or ValueError for settings that can't work.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        audience: str | Iterable[str],
        endpoint: Endpoint | Refresh,
        clock: Callable[[], float] = time.time,
        leeway: float = 30,
        deadline: float = 15,
        in_flight: int = 64,
        should_renew: ShouldRenew | None = None,
        retry_lost_refresh: float = 0,
        neighbours: Neighbours | None = None,
        store: Store | None = None,
        parse_url: ParseUrl = parse_url,
    ) -> None:
        if not callable(transport):
            raise TypeError("transport is a coroutine function that takes a Request")
        self._transport = transport
        self._parse_url = parse_url
        self._audience = Audience(audience, parse=parse_url)
        self._tokens = token_source(endpoint, transport, parse_url)
        self._clock = clock
        self._leeway = _seconds("leeway", leeway, least=0)
        if should_renew is not None and not callable(should_renew):
            raise TypeError("should_renew is a function of a response")
        self._should_renew = should_renew
        self._deadline = _seconds("deadline", deadline)
        self._grace = _seconds("retry_lost_refresh", retry_lost_refresh, least=0)
        if isinstance(in_flight, bool) or not isinstance(in_flight, int):
            raise TypeError(f"in_flight is a number of requests, not {type(in_flight).__name__}")
        if in_flight < 1:
            raise ValueError("in_flight is at least 1")
        self._in_flight = in_flight
        self._admissions: dict[str, Admission] = {}
        self._listeners = Listeners()
        self._session: Session | None = None
        self._resuming: SingleFlight[Session | None] = SingleFlight()
        self._resume_backoff = Backoff(clock=clock)
        self._unasked = False  # a resume failed, so nobody knows whether somebody is signed in
        self._sign_outs = 0  # a sign-in that was overtaken by a sign-out sees it here
        self._closed = False
        self._handed: Session | None = None  # the last session that another page began
        self._sharing = Sharing(
            Alone() if neighbours is None else neighbours,
            Memory() if store is None else store,
            clock=clock,
            patience=self._deadline + _MARGIN,
            taken=self._take_over,
            ended=self._heard_end,
            warn=self._warn,
        )
        self._request_numbers, self._session_numbers = count(1), count(1)

    # What the app sees of the session

    @property
    def state(self) -> State:
        """Whether requests can be sent now."""
        if self._session is not None and self._session.alive:
            return State.REFRESHING if self._session.refreshing else State.SIGNED_IN
        return State.RESUMING if self._resuming.running else State.SIGNED_OUT

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims of the current access token, *unverified*: for showing a name, never for deciding on access.

        Empty without a session, and for a token that is no JWT.
        """
        if self._session is None or not self._session.alive:
            return {}
        try:
            return unverified_claims(self._session.credential.access_token)
        except MalformedToken:
            return {}

    @property
    def expires_in(self) -> float | None:
        """Seconds of life left in the access token, 0 once expired; None without a session or if it does not say."""
        if self._session is None or not self._session.alive:
            return None
        return self._session.credential.remaining(self._clock())

    def on(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event from now on; gives the function that unsubscribes it.

        The listener is a plain function. One that raises is reported to the event loop and disturbs no request.
        """
        return self._listeners.add(listener)

    def events(self) -> AsyncIterator[Event]:
        """The events from now on: `async for event in api.events()`. Ends with `close()`."""
        return self._listeners.stream()

    # Sessions

    async def sign_in(self, **fields: Any) -> None:
        """Ask the endpoint for tokens with these fields (user name, password, …) and start a session.

        A session that is on stays as it was until the answer is there; then it is replaced.
        Raises GrantRefused (wrong password), RefreshUnavailable (429, 5xx), MalformedToken (an answer without a
        token), OSError (no answer, TimeoutError included), SessionEnded (a `sign_out()` came in between).
        """
        self._check_usable()
        sign_outs = self._sign_outs
        async with self._sharing.turn(insist=True):
            if self._closed:
                raise SessionEnded("closed")
            try:
                credential = await self._ask(self._tokens.sign_in, fields)
            except (OSError, MalformedToken, asyncio.CancelledError):  # but its cookie may have come
                if self._session is not None:
                    self._session.doubt_cookie()
                raise
            self._check_overtaken(sign_outs)
            self._begin(credential)

    async def adopt(
        self, access_token: str, *, refresh_token: str | None = None, expires_in: float | None = None
    ) -> None:
        """Start a session from tokens that the app got by its own means.

        `expires_in` is the access token's life in seconds; without it the token's own `exp - iat` counts.
        Raises MalformedToken, and SessionEnded if a `sign_out()` came in between.
        """
        self._check_usable()
        credential = Credential(access_token=access_token, refresh_token=refresh_token, expires_in=expires_in)
        credential = credential.received(self._clock())  # its life runs already
        sign_outs = self._sign_outs
        await self._sharing.look_around()
        self._check_overtaken(sign_outs)
        self._begin(credential)

    async def resume(self) -> bool:
        """Take up the session of an earlier page, without asking the user. True if there is one.

        Requests made meanwhile wait for the answer (Q18). Raises RefreshUnavailable if the endpoint can't be asked now:
        whether somebody is signed in is then not known, so don't show a sign-in form for it.
        """
        self._check_usable()
        if self._alive_session() is None:
            await self._resumed()
        return self._alive_session() is not None

    async def renew(self) -> None:
        """Refresh now, for instance after the user's rights changed. Requests go on with the old token meanwhile.

        Raises what `fetch` raises, and GrantRefused if the refresh is refused while the current token still works.
        """
        self._check_usable()
        await (await self._current_session()).renew()

    async def sign_out(self) -> None:
        """End the session at once, here and in every page that shares it; then tell the endpoint.

        A refresh on the way is waited for first, and its answer dropped, so that it can't sign anybody in again (S1,
        S2). Requests that wait raise SessionEnded at once. If the endpoint can't be told, OSError or RefreshUnavailable
        is raised *after* the session has ended here: the server may still hold it until its refresh token runs out.
        """
        self._check_usable()
        credential = self._end("signed_out")
        self._sharing.end("signed_out")
        async with self._sharing.turn(insist=True):
            await self._ask(self._tokens.sign_out, credential)

    async def close(self) -> None:
        """Let go of everything: waiting calls raise SessionEnded, streams of events end. The endpoint is not told.

        A refresh that is on the wire is waited for, at most `deadline`, and handed to the other pages: what it brings
        would be lost otherwise, and with it the session of them all.
        """
        if self._closed:
            return
        self._closed = True
        self._end("closed")
        try:
            if not self._within_endpoint:
                await self._sharing.settle()
        finally:
            self._sharing.close()
            self._listeners.close()

    def wake(self) -> None:
        """Tell that the network is back or the page is looked at again: the next refresh need not pause."""
        self._resume_backoff.wake()
        if self._session is not None:
            self._session.wake()

    # Requests

    async def fetch(
        self,
        url: Any,
        *,
        auth: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - a caller's word, as in every HTTP client
        signal: Signal | None = None,
        **options: Any,
    ) -> Any:
        """Send a request; with the access token if `url` is in the audience. Gives the transport's own response.

        `options` are `method`, `headers`, `body`, `json` (sent as JSON) and whatever else the transport takes.
        `auth=False` sends without a token. `timeout` (seconds) is one deadline across waiting, sending and replaying
        (Q14). `signal` aborts the request wherever it is.

        A 401 is answered by one refresh, shared with everybody, and one replay; a second 401 is a response like any
        other, and so is the first if the body can't be sent twice. Raises SessionEnded, SessionChanged,
        RefreshUnavailable, RequestAborted, TimeoutError, OSError (NetworkError in the page) if no answer came, and
        TypeError or ValueError for arguments that make no request.
        """
        if not isinstance(url, str):
            url = getattr(url, "href", url)  # a JavaScript URL
        if not isinstance(url, str):
            raise TypeError(f"a URL is text or a JavaScript URL, not {type(url).__name__}")
        if signal is not None:
            options["signal"] = signal  # the transport's too: after the head, the body is still to come
        request = Request.build(url, **options)
        if timeout is None and signal is None:
            return await self._fetch(request, auth)
        if timeout is not None:
            _seconds("timeout", timeout, least=0)
        with aborted_by(signal):
            async with time_limit(timeout):
                return await self._fetch(request, auth)

    @property
    def roots(self) -> frozenset[str]:
        """Texts with one of which all that this client covers begins: an origin and a path each."""
        return self._audience.roots

    def covers(self, url: Url) -> bool:
        """Is this URL, parsed by this client's `parse_url`, in the audience?"""
        return self._audience.covers(url)

    async def pass_on(self, request: Request, *, auth: bool = True) -> Any:
        """Send a request of somebody who knows nothing of sessions: without one, or `auth`, it goes out as it is.

        So does what this client's own endpoint sends. Raises what `fetch` raises.
        """
        if not auth or self._within_endpoint:
            return await self._transport(request)
        if self._alive_session() is None:
            with suppress(SessionEnded):
                await self._current_session()  # it may be being resumed
            if self._alive_session() is None:
                return await self._transport(request)
        return await self._fetch(request, auth)

    async def _fetch(self, request: Request, auth: bool) -> Any:
        url = self._audience_url(request) if auth else None
        if url is None:
            return await self._transport(request)
        self._check_usable()
        if "Authorization" in request.headers:
            raise ValueError("this request has an Authorization header of its own: send it with auth=False")
        request = Request(url.href, request.method, request.headers, request.body, request.options)
        with self._attempts(request, url) as attempts:
            attempt: Request | None = await attempts.first()
            outcome: Any = None
            while attempt is not None:
                try:
                    outcome = await self._transport(attempt)
                except OSError as error:
                    if self._should_renew is None:
                        raise
                    outcome = error
                attempt = await attempts.after(outcome)
            if isinstance(outcome, OSError):
                raise outcome
            return outcome

    @property
    def judges(self) -> bool:
        """Is it a `should_renew` that says what a refusal is? It may read bodies."""
        return self._should_renew is not None

    def attempts(self, request: Request, *, spawn: Spawn | None = None, bounded: bool = True) -> Attempts | None:
        """What drives another client's request through this session; None if it is to go out as it is.

        That is so out of the audience, and with an Authorization header of its own. `request.body` may be left out if
        it can be sent twice. `spawn` is for a caller that can't wait (see `blocking`): it makes a task that has run up
        to where it first waits. `bounded=False` is for a client that may not tell when a request has failed: what it
        has on the wire doesn't count.
        """
        url = self._audience_url(request)
        if url is None or "Authorization" in request.headers:
            return None
        self._check_usable()
        return self._attempts(request, url, spawn=spawn, bounded=bounded)

    def _attempts(self, request: Request, url: Url, *, spawn: Spawn | None = None, bounded: bool = True) -> Attempts:
        return Attempts(
            request,
            enter=self._enter,
            admission=self._admission(url.origin) if bounded and spawn is None else None,
            is_refused=self._is_refused,
            tell=partial(self._tell_request, next(self._request_numbers), request),
            refresh_at_once=partial(self._refresh_at_once, spawn) if spawn else None,
        )

    async def _enter(self, waits: Callable[[], None]) -> Session:
        if self._must_resume:
            waits()
        return await self._current_session()

    def _refresh_at_once(self, spawn: Spawn, session: Session) -> None:
        reason = obstacle(
            refreshing=session.refreshing,
            calling=self._sharing.in_turn,
            shared=self._sharing.with_others,
            over_transport=not isinstance(self._tokens, CallableTokenSource),
            in_body=session.credential.refresh_token is not None,
        )
        if reason is not None:
            raise WouldBlock(reason)
        session.refresh_at_once(spawn, deadline=self._deadline)

    async def _is_refused(self, outcome: Any) -> bool:
        """Does this outcome, a response or an OSError, say that the token was refused? By default a 401 does."""
        if self._should_renew is None:
            return bool(outcome.status == 401)
        if hasattr(outcome, "clone"):
            outcome = outcome.clone()  # the predicate may read the body; the caller shall find it whole
        verdict = self._should_renew(outcome)
        return bool(await verdict if inspect.isawaitable(verdict) else verdict)

    def _audience_url(self, request: Request) -> Url | None:
        """The request's URL if it may see the token. What can't be parsed may not, and is the transport's to judge."""
        try:
            url = self._parse_url(request.url)
        except ValueError:
            return None
        return url if self._audience.covers(url) else None

    # Inside

    def _admission(self, origin: str) -> Admission:
        """The slots of an origin. Origins are as few as the audience names."""
        if origin not in self._admissions:
            self._admissions[origin] = Admission(self._in_flight)
        return self._admissions[origin]

    def _alive_session(self) -> Session | None:
        return self._session if self._session is not None and self._session.alive else None

    @property
    def _must_resume(self) -> bool:
        """Is it not known yet whether somebody is signed in?"""
        return self._alive_session() is None and (self._resuming.running or self._unasked)

    async def _current_session(self) -> Session:
        """The session that a request enters with: while one is being resumed, or could not be asked for, that one."""
        if self._must_resume:
            session = await self._resumed()
            if session is not None:
                return session
            if self._alive_session() is not None:
                raise SessionChanged  # somebody signed in after this request was made
        if self._closed:
            raise SessionEnded("closed")
        if self._session is None:
            raise SessionEnded("signed_out")
        return self._session

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

        It may have ended by now.
        """
        sign_outs = self._sign_outs
        await self._sharing.look()
        if self._alive_session() is None:
            async with self._sharing.turn():
                await self._sharing.look()  # who had the turn before may have found it
                if self._alive_session() is None:
                    credential = await self._asked_for_the_cookies()
                    if credential is None:
                        return None
                    if sign_outs != self._sign_outs or self._alive_session() is not None:
                        return None  # somebody was faster, out or in
                    return self._begin(credential)
        session = self._alive_session()
        if session is None or session is not self._handed:
            return None
        with suppress(SessionEnded, SessionChanged):
            await session.obtain()  # what was kept may have expired, or been ended, long ago
        return session

    async def _asked_for_the_cookies(self) -> Credential | None:
        """What the browser's cookie stands for; None if for nothing."""
        attempts = 2 if self._sharing.cut_off else 1  # after a reload in mid-refresh the cookie may still change (T7)
        credential: Credential | None = None
        while credential is None and attempts:
            attempts -= 1
            with suppress(GrantRefused):
                credential = await self._ask(self._tokens.refresh, None)
        return credential

    def _begin(self, credential: Credential, *, handed: bool = False) -> Session:
        self._unasked = False
        session = Session(
            credential,
            number=next(self._session_numbers),
            ask=partial(self._ask, self._tokens.refresh),
            clock=self._clock,
            leeway=self._leeway,
            grace=self._grace,
            tell=self._listeners.tell,
            sharing=self._sharing,
            begin=self._begin,
            dismiss=self._dismiss,
        )
        replaced, self._session = self._session, session
        if not handed:
            self._sharing.hand_over(session.credential, begins=True)
        if replaced is not None:
            replaced.end("replaced")
        self._listeners.tell(SessionEvent(at=self._clock(), session=session.number, phase=SessionPhase.STARTED))
        return session

    def _end(self, reason: EndReason) -> Credential | None:
        """End the session in this page, and whatever is about to start one; the credential it had."""
        session, self._session = self._session, None
        self._sign_outs += 1
        self._resuming.cancel()
        self._unasked = False
        if session is None:
            return None
        session.end(reason)
        return session.credential

    # What other pages do

    def _take_over(self, credential: Credential, same_session: bool) -> None:
        if self._closed:
            return
        session = self._alive_session()
        if session is not None and (same_session or credential.is_of_the_same_user_as(session.credential)):
            session.take_over(credential)
        else:
            self._handed = self._begin(credential, handed=True)

    def _heard_end(self, reason: EndReason) -> None:
        if reason == "signed_out":
            self._end(reason)
        elif self._session is not None:
            self._session.end(reason)

    def _warn(self, phase: StorePhase) -> None:
        self._listeners.tell(StoreEvent(at=self._clock(), phase=phase))

    # Inside, still

    def _dismiss(self) -> None:
        """Let the requests in line hear at once that their session is over."""
        for admission in self._admissions.values():
            admission.dismiss()

    async def _ask(
        self,
        call: Callable[[Any], Awaitable[Any]],
        argument: Any,
        *,
        late: Callable[[Any], None] | None = None,
    ) -> Any:
        """One call to the endpoint, within the deadline. For whoever has the turn."""
        asking = partial(self._call, call, argument)
        if must_block_within() is not None:  # no task of its own could run
            return await asking()
        return await self._sharing.see_through(asking, late)

    async def _call(self, call: Callable[[Any], Awaitable[Any]], argument: Any) -> Any:
        """The call itself, told. Listeners are outside the mark: what they start is not called by the endpoint."""
        self._tell_call(call, EndpointPhase.ASKED)
        try:
            result = await self._marked(call, argument)
        except BaseException as error:
            self._tell_call(call, EndpointPhase.FAILED, error=type(error).__name__)
            raise
        self._tell_call(call, EndpointPhase.ANSWERED)
        return result

    async def _marked(self, call: Callable[[Any], Awaitable[Any]], argument: Any) -> Any:
        """The call, within the deadline, and marked (Q3)."""
        mark = _EndpointCall(self, _endpoint_call.get())
        _endpoint_call.set(mark)  # counts while the call runs, also in tasks that inherit it
        try:
            async with time_limit(self._deadline):
                return await call(argument)
        finally:
            mark.running = False

    def _check_usable(self) -> None:
        if self._closed:
            raise SessionEnded("closed")
        if self._within_endpoint:
            raise ReissueError(
                "called from within its own endpoint, this would wait for itself: use auth=False, or another client"
            )

    def _check_overtaken(self, sign_outs: int) -> None:
        if sign_outs != self._sign_outs:
            raise SessionEnded("closed" if self._closed else "signed_out")

    @property
    def _within_endpoint(self) -> bool:
        """Is this code called by the endpoint, while this client waits for it?"""
        call = _endpoint_call.get()
        return call is not None and call.is_within(self)

    def _tell_call(self, call: Any, phase: EndpointPhase, *, error: str | None = None) -> None:
        if self._listeners:
            self._listeners.tell(EndpointEvent(at=self._clock(), call=call.__name__, phase=phase, error=error))

    def _tell_request(
        self,
        number: int,
        request: Request,
        phase: RequestPhase,
        *,
        status: int | None = None,
        error: str | None = None,
        waits_for: WaitsFor | None = None,
    ) -> None:
        if not self._listeners:
            return
        event = RequestEvent(
            at=self._clock(),
            request=number,
            phase=phase,
            method=request.method,
            url=request.shown_url,
            status=status,
            error=error,
            waits_for=waits_for,
            replayable=request.replayable,
        )
        self._listeners.tell(event)


def _seconds(name: str, value: float, *, least: float | None = None) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number of seconds, not {type(value).__name__}")
    if not (value >= least if least is not None else value > 0) or value == float("inf"):
        raise ValueError(f"{name} is a finite number of seconds, {'at least 0' if least == 0 else 'above 0'}")
    return value
