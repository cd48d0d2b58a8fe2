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

1. A request belongs to the session that it entered with, and is never sent in another (S3). See `lifecycle`.
2. A call into the client from within an endpoint would wait for itself; it is refused (Q3).
3. On the way of a request whose token is fresh there is no task and no future of ours: only plain coroutines.
"""

import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from .attempts import Attempts
from .concurrency.admission import Admission, MakeFuture
from .concurrency.blocking import Spawn
from .concurrency.timers import time_limit
from .endpoint import Endpoint, token_source
from .errors import (
    MalformedToken,
    SessionEnded,
)
from .events import (
    Event,
    Listener,
    Listeners,
    MissedEvents,
    RequestEvent,
    RequestPhase,
    WaitsFor,
)
from .http.abort_signal import Signal, aborted_by
from .http.messages import Request, Transport, default_options
from .http.outcomes import ShouldRenew, judge
from .http.urls import Audience, ParseUrl, Url, parse_url
from .oauth2.page import Page
from .oauth2.token_source import Refresh
from .session.derived import DerivedLifecycle, Resource
from .session.lifecycle import SessionLifecycle, State
from .session.session import Session
from .session.settings import SessionSettings
from .session.step_up import StepUpHandler
from .storage import Store
from .tabs.peers import Neighbours
from .tokens.claims import unverified_claims
from .tokens.credentials import Credential, TokenType
from .tokens.dpop import Proofs, Prover
from .tokens.users import Users

if TYPE_CHECKING:
    from .snapshot import Snapshot


class Interceptor:
    """A client for one API: sends each request to the `audience` with the session's access token.

    `transport` sends a `Request` and gives a response. `audience` is the URL, or the URLs, from which on down the
    token may be seen. `endpoint` says where tokens come from. `clock` gives wall-clock seconds. `leeway` (seconds) is
    how long before its end a token is renewed behind the requests' backs, at most a quarter of its life. `deadline`
    (seconds) bounds one call to the endpoint. `in_flight` is how many requests may be on the wire at once to one
    origin, and at most 8 until an answer, or one that takes a second, has shown that the token is taken; the rest wait
    their turn, on futures that `make_future` makes. `should_renew` is your own test for a refused token, in place of
    `status == 401`: a function, plain or async, of the response or of the OSError in its place; True means that the
    token was refused. It gets the head at once, and may read the body without taking it from the caller. What it says
    counts also for a response from beyond a redirect (`redirected`, `url`).
    `retry_lost_refresh` (seconds) states the grace window in which the
    server takes a refresh token twice: a refresh whose answer was lost is sent again at once within it (F6).
    `neighbours` are the other pages that share the session, `store` is where it outlives the page; `untold` is where
    a mark without a secret does, that a sign-out could not be told to the endpoint. `proofs` makes the proofs of a
    key that tokens are bound to (DPoP, RFC 9449); without it they are bearer tokens. `cache` and `credentials` are
    fetch's own settings for each request to the audience that has none of its own: `cache="no-store"` keeps one user's
    answers from the next (X14), `credentials="omit"` cookies from the API, and password dialogs from the page (X15).
    `step_up` is a coroutine function that is called with a `StepUp` when the API wants a stronger or a fresher sign-in
    (RFC 9470): it gives fields for the endpoint's sign-in, or a credential, or None if the user declines. `user_claim`
    is what this server's tokens call the claim that names the user: by it a client notices that the browser's cookie
    has become another user's. Without it `sub` counts, or else `user_id`, `uid`, `username` or `email`. `parse_url`
    reads a URL as the transport will. `page` is the one that an `Endpoint.oauth2` leaves and comes back to.

    A client runs in one event loop at a time. In the next one, as in a second `asyncio.run`, its session goes on once
    the last one is closed; while that is open, calls raise ReissueError.

    Raises TypeError or ValueError for settings that can't work.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        audience: str | Iterable[str],
        endpoint: Endpoint | Refresh | Resource,
        clock: Callable[[], float] = time.time,
        leeway: float = 30,
        deadline: float = 15,
        in_flight: int = 64,
        should_renew: ShouldRenew | None = None,
        retry_lost_refresh: float = 0,
        neighbours: Neighbours | None = None,
        store: Store | None = None,
        untold: Store | None = None,
        proofs: Proofs | None = None,
        step_up: StepUpHandler | None = None,
        user_claim: str | None = None,
        cache: str | None = None,
        credentials: str | None = None,
        parse_url: ParseUrl = parse_url,
        page: Page | None = None,
        make_future: MakeFuture | None = None,
    ) -> None:
        self._make_future = make_future
        if not callable(transport):
            raise TypeError("transport is a coroutine function that takes a Request")
        self._transport = transport
        self._parse_url = parse_url
        self._audience = Audience(audience, parse=parse_url)
        self._clock = clock
        if should_renew is not None and not callable(should_renew):
            raise TypeError("should_renew is a function of a response")
        self._should_renew = should_renew
        if isinstance(in_flight, bool) or not isinstance(in_flight, int):
            raise TypeError(f"in_flight is a number of requests, not {type(in_flight).__name__}")
        if in_flight < 1:
            raise ValueError("in_flight is at least 1")
        if step_up is not None and not callable(step_up):
            raise TypeError("step_up is a coroutine function of a StepUp")
        self._in_flight = in_flight
        self._defaults = default_options(cache=cache, credentials=credentials)
        self._prover = Prover(proofs, parse_url) if proofs else None
        self._admissions: dict[str, Admission] = {}
        self._listeners = Listeners()
        self._request_numbers = count(1)
        self._children: WeakSet[Interceptor] = WeakSet()
        self._inherited = {
            "clock": clock,
            "leeway": leeway,
            "in_flight": in_flight,
            "proofs": proofs,
            "user_claim": user_claim,
            **self._defaults,
        }
        settings = SessionSettings(
            clock=clock,
            leeway=_seconds("leeway", leeway, least=0),
            deadline=_seconds("deadline", deadline),
            grace=_seconds("retry_lost_refresh", retry_lost_refresh, least=0),
            users=Users(user_claim),
            listeners=self._listeners,
        )
        self._lifecycle: SessionLifecycle | DerivedLifecycle
        if isinstance(endpoint, Resource):
            self._lifecycle = DerivedLifecycle(endpoint, settings, client=self)
            return
        prover = Prover(proofs, parse_url) if proofs else None  # another's nonces, also on the same origin
        tokens = token_source(endpoint, transport, parse_url, clock=clock, page=page, prover=prover)
        self._lifecycle = SessionLifecycle(
            tokens,
            settings,
            client=self,
            neighbours=neighbours,
            store=store,
            untold=untold,
            step_up=step_up,
        )

    # What the app sees of the session

    @property
    def state(self) -> State:
        """Whether requests can be sent now."""
        return self._lifecycle.state

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims of the current access token, *unverified*: for showing a name, never for deciding on access.

        Empty without a session, and for a token that is no JWT.
        """
        session = self._lifecycle.alive
        try:
            return unverified_claims(session.credential.access_token) if session else {}
        except MalformedToken:
            return {}

    @property
    def identity(self) -> Mapping[str, Any]:
        """The claims of the ID token that the user signed in with: who it is. It was validated when it came.

        Empty without a session, and without OpenID Connect.
        """
        session = self._lifecycle.alive
        id_token = session.credential.id_token if session else None
        return unverified_claims(id_token) if id_token else {}

    @property
    def expires_in(self) -> float | None:
        """Seconds of life left in the access token, 0 once expired; None without a session or if it does not say."""
        session = self._lifecycle.alive
        return session.credential.remaining(self._clock()) if session else None

    def _snapshot(self) -> "Snapshot | None":
        """What the inspector shows, with the access token itself; None without a session."""
        from .snapshot import Snapshot  # here, since most pages have no inspector

        session = self._lifecycle.alive
        if session is None:
            return None
        credential = session.credential
        return Snapshot(
            credential.access_token,
            life=credential.expires_in,
            remaining=self.expires_in,
            refresh_token_in_page=credential.refresh_token is not None,
            place=self._lifecycle.sessions.shared.store_area,
        )

    def on(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event from now on; gives the function that unsubscribes it.

        The listener is a plain function. One that raises is reported to the event loop and disturbs no request.
        """
        return self._listeners.add(listener)

    def events(self) -> AsyncIterator[Event | MissedEvents]:
        """The events from now on: `async for event in api.events()`. Ends with `close()`.

        A stream holds 10,000 events that were not read. Of more the oldest are left out, and a `MissedEvents` stands in
        their place.
        """
        return self._listeners.stream()

    # Sessions

    async def sign_in(self, **fields: Any) -> None:
        """Ask the endpoint for tokens with these fields (user name, password, …) and start a session.

        A session that is on stays as it was until the answer is there; then it is replaced.
        Raises GrantRefused (wrong password, account locked: a 4xx), RefreshUnavailable (404, 405, 408, 421, 425, 429,
        5xx), MalformedToken (a success without a token, such as HTML), OSError (no answer, TimeoutError included),
        SessionEnded (a `sign_out()` or `close()` came in between). If that happens, or the call is cancelled, a refresh
        token that the endpoint grants all the same is revoked there; a `SignOutEvent` says whether that succeeded.

        With `Endpoint.oauth2` the page is left, and nothing after this call runs; the fields are parameters of the
        authorization request (`login_hint`, `prompt`, `acr_values`). See `resume`.
        """
        await self._lifecycle.sign_in(fields)

    async def adopt(
        self,
        access_token: str,
        *,
        refresh_token: str | None = None,
        expires_in: float | None = None,
        token_type: TokenType = "Bearer",
    ) -> None:
        """Start a session from tokens that the app got by its own means.

        `expires_in` is the access token's life in seconds; without it the token's own `exp - iat` counts. A token whose
        `token_type` is "DPoP" is bound to the key of this client's proofs.
        Raises MalformedToken, and SessionEnded if a `sign_out()` came in between.
        """
        await self._lifecycle.adopt(
            Credential(
                access_token=access_token, refresh_token=refresh_token, expires_in=expires_in, token_type=token_type
            )
        )

    async def resume(self) -> bool:
        """Take up the session of an earlier page, without asking the user. True if there is one.

        Requests made meanwhile wait for the answer (Q18). Raises RefreshUnavailable if the endpoint can't be asked now:
        whether somebody is signed in is then not known, so don't show a sign-in form for it.

        With `Endpoint.oauth2` this is also where the user arrives who comes back from signing in: the URL is again what
        it was before. Raises GrantRefused if nothing came of it, or if the answer in the URL is not for this page; a
        session that was on goes on, and the next `resume()` takes it up.
        """
        return await self._lifecycle.resume()

    async def renew(self) -> None:
        """Refresh now, for instance after the user's rights changed. Requests go on with the old token meanwhile.

        Raises what `fetch` raises, and GrantRefused if the refresh is refused while the current token still works.
        """
        await self._lifecycle.renew()

    async def sign_out(self) -> None:
        """End the session at once, here and in every page that shares it; then tell the endpoint.

        A refresh on the way is waited for first, and its answer dropped, so that it can't sign anybody in again (S1,
        S2). Requests that wait raise SessionEnded at once. The endpoint is told also if this call is cancelled, and
        before any sign-in that begins after it, in this page or another (S5).
        What is raised, is raised *after* the session has ended here. OSError or RefreshUnavailable: it can't be told
        now; the next `resume()` or `sign_in()`, here or in a later page, tells it first, for a day, and `resume()`
        gives False. SignOutRefused: it answered with a 4xx that is final, and is not told again, so its tokens may
        live on. A `SignOutEvent` says the same, and also where the endpoint takes no sign-out.
        """
        await self._lifecycle.sign_out()

    async def close(self) -> None:
        """Let go of everything: waiting calls raise SessionEnded, streams of events end. The endpoint is not told.

        A refresh that is on the wire is waited for, at most `deadline`, and handed to the other pages: what it brings
        would be lost otherwise, and with it the session of them all.
        """
        try:
            await self._lifecycle.close()
            for child in tuple(self._children):
                await child.close()
        finally:
            for client in (self, *self._children):  # also if whoever closes is cancelled meanwhile
                client._listeners.close()

    def for_resource(
        self,
        audience: str | Iterable[str],
        *,
        resource: str | None = None,
        scope: str | None = None,
        should_renew: ShouldRenew | None = None,
    ) -> "Interceptor":
        """A client for another API in the same session: with an access token of its own, and no refresh token.

        `resource` names the API to the endpoint (RFC 8707), `scope` what is wanted there (RFC 6749 section 3.3); one of
        them at least. The token is asked for when it is first needed, with this client's refresh token. That client
        signs nobody in or out: its session ends with this one's, and `close()` closes it, too.
        Raises TypeError or ValueError for settings that can't work, and where the endpoint is a function.

            files = api.for_resource("https://files.example/", resource="https://files.example/", scope="read")
        """
        fields = {name: value for name, value in (("resource", resource), ("scope", scope)) if value is not None}
        if not fields or not all(isinstance(value, str) and value for value in fields.values()):
            raise ValueError("for_resource() needs resource= or scope=, as text")
        parent = self._lifecycle
        if not isinstance(parent, SessionLifecycle):
            raise TypeError("a client that was made by for_resource() can't be asked for another resource")
        child = self._made_for(
            audience,
            Resource(parent, fields),
            **self._inherited,
            should_renew=should_renew,
            deadline=parent.longest_call,
        )
        self._children.add(child)
        return child

    def _made_for(self, audience: str | Iterable[str], resource: Resource, **options: Any) -> "Interceptor":
        return Interceptor(
            self._transport,
            audience=audience,
            endpoint=resource,
            parse_url=self._parse_url,
            make_future=self._make_future,
            **options,
        )

    def wake(self) -> None:
        """Tell that the network is back or the page is looked at again: the next refresh need not pause."""
        self._lifecycle.wake()

    # Requests

    def fetch(
        self,
        url: Any,
        *,
        auth: bool = True,
        timeout: float | None = None,
        signal: Signal | None = None,
        **options: Any,
    ) -> Coroutine[Any, Any, Any]:
        """Send a request; with the access token if `url` is in the audience. Gives the transport's own response.

        This is a coroutine function but for one thing: the body is read at the call, before anything is awaited, so
        that a buffer may be used again at once (Q26).

        `options` are `method`, `headers`, `body`, `json` (sent as JSON) and what else the browser's `fetch` takes.
        `auth=False` sends without a token. `timeout` (seconds) is one deadline across waiting, sending and replaying
        (Q14), up to the head of the response: `asyncio.timeout` around this and the reading bounds the body, too.
        `signal` aborts the request wherever it is.

        A 401 is answered by one refresh, shared with everybody, and one replay; a second 401 is a response like any
        other, and so is the first if the body can't be sent twice. Raises SessionEnded, SessionChanged,
        RefreshUnavailable, StepUpRequired, RequestAborted, TimeoutError, OSError (NetworkError in the page) if no
        answer came, and TypeError or ValueError for arguments that make no request.
        """
        try:
            if timeout is not None:
                _seconds("timeout", timeout, least=0)
            if signal is not None:
                options["signal"] = signal  # the transport's too: after the head, the body is still to come
            request = self._request(url, options)
        except Exception as error:
            return _raising(error)
        if timeout is None and signal is None:
            return self._fetch(request, auth)
        return self._fetch_bounded(request, auth, timeout)

    @property
    def roots(self) -> frozenset[str]:
        """Texts with one of which all that this client covers begins: an origin and a path each."""
        return self._audience.roots

    def covers(self, url: Url) -> bool:
        """Is this URL, parsed by this client's `parse_url`, in the audience?"""
        return self._audience.covers(url)

    async def pass_on(self, request: Request, *, auth: bool = True) -> Any:
        """Send a request of somebody who knows nothing of sessions: without one, or `auth`, it goes out as it is.

        So does what this client's own endpoint sends. Raises what `fetch` raises, but StepUpRequired only if the app
        has a handler for it: without one, whoever asked reads the 401 himself.
        """
        if not auth or self._lifecycle.called_by_endpoint:
            return await self._transport(request)
        if self._lifecycle.alive is None:
            self._lifecycle.follow_loop()
            with suppress(SessionEnded):
                await self._lifecycle.current()  # it may be being resumed
            if self._lifecycle.alive is None:
                return await self._transport(request)
        return await self._fetch(request, auth, knows_step_up=True)

    def _request(self, url: Any, options: dict[str, Any]) -> Request:
        """The request that `fetch` was called with. Raises TypeError or ValueError."""
        if not isinstance(url, str):
            url = getattr(url, "href", url)  # a JavaScript URL
        if not isinstance(url, str):
            raise TypeError(f"a URL is text or a JavaScript URL, not {type(url).__name__}")
        return Request.build(url, **options)

    async def _fetch_bounded(self, request: Request, auth: bool, seconds: float | None) -> Any:
        with aborted_by(request.options.get("signal")):
            async with time_limit(seconds):
                return await self._fetch(request, auth)

    async def _fetch(self, request: Request, auth: bool, *, knows_step_up: bool = False) -> Any:
        url = self._audience_url(request) if auth else None
        if url is None:
            return await self._transport(request)
        self._lifecycle.check_usable()
        if "Authorization" in request.headers:
            raise ValueError("this request has an Authorization header of its own: send it with auth=False")
        if request.options.get("mode") == "no-cors":  # the 401 that follows would be answered by a refresh each time
            raise ValueError("in mode 'no-cors' a browser sends no token: leave the mode out, or send with auth=False")
        options = {**self._defaults, **request.options} if self._defaults else request.options
        request = Request(url.href, request.method, request.headers, request.body, options)
        with self._attempts(request, url, knows_step_up=knows_step_up) as attempts:
            attempt: Request | None = await attempts.first()
            outcome: Any = None
            while attempt is not None:
                try:
                    outcome = await self._send(attempt, attempts.heard)
                except OSError as error:
                    if self._should_renew is None:
                        raise
                    outcome = error
                attempt = await attempts.after(outcome)
            if isinstance(outcome, OSError):
                raise outcome
            return outcome

    async def _send(self, attempt: Request, heard: Callable[[int], object]) -> Any:
        """Send an attempt. A transport that knows the status before its caller goes on may tell it to `heard`."""
        return await self._transport(attempt)

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
        self._lifecycle.check_usable()
        return self._attempts(request, url, spawn=spawn, bounded=bounded, knows_step_up=True)

    def _attempts(
        self,
        request: Request,
        url: Url,
        *,
        spawn: Spawn | None = None,
        bounded: bool = True,
        knows_step_up: bool,
    ) -> Attempts:
        return Attempts(
            request,
            enter=self._enter,
            admission=self._admission(url.origin) if bounded and spawn is None else None,
            is_refused=self._is_refused,
            judged=self.judges,
            is_elsewhere=partial(self._is_elsewhere, url.origin),
            tell=partial(self._tell_request, next(self._request_numbers), request),
            prover=self._prover,
            knows_step_up=knows_step_up,
            refresh_at_once=partial(self._lifecycle.refresh_at_once, spawn) if spawn else None,
        )

    async def _enter(self, waits: Callable[[], None]) -> Session:
        if self._lifecycle.must_resume:
            waits()
        return await self._lifecycle.current()

    async def _is_refused(self, outcome: Any) -> bool:
        """Does this outcome, a response or an OSError, say that the token was refused? By default a 401 does."""
        if self._should_renew is None:
            return bool(outcome.status == 401)
        return await judge(self._should_renew, outcome)

    def _is_elsewhere(self, origin: str, outcome: Any) -> bool:
        """Did a redirect lead out of the audience, or to another origin, for which a browser takes the token off?"""
        if not getattr(outcome, "redirected", False):
            return False
        try:
            url = self._parse_url(outcome.url)
        except ValueError:
            return True
        return url.origin != origin or not self._audience.covers(url)

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
            self._admissions[origin] = Admission(self._in_flight, make_future=self._make_future)
        return self._admissions[origin]

    def session_ended(self) -> None:
        """Let the requests in line hear at once that their session is over."""
        for admission in self._admissions.values():
            admission.dismiss()
        for child in tuple(self._children):
            assert isinstance(child._lifecycle, DerivedLifecycle)
            child._lifecycle.follow()

    def loop_changed(self) -> None:
        """The next event loop runs this client: nobody stands in line any more."""
        self._admissions.clear()

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


async def _raising(error: Exception) -> Any:
    """Raises at the `await`, as a coroutine function does."""
    raise error


def _seconds(name: str, value: float, *, least: float | None = None) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number of seconds, not {type(value).__name__}")
    if not (value >= least if least is not None else value > 0) or value == float("inf"):
        raise ValueError(f"{name} is a finite number of seconds, {'at least 0' if least == 0 else 'above 0'}")
    return value
