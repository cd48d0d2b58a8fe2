"""The interceptor: the client that an app uses. It checks the settings, and puts the parts together.

A request goes on to `sender`; docs/how-it-works.md follows one through the files.

Theory of operation:

1. A request belongs to the session that was current when it was made, and is never sent in another (S3). See
   `lifecycle`.
2. A call into the client from within its own endpoint would wait for itself: it raises ReissueError (Q3).
3. A request whose token is FRESH passes through plain coroutines only: this library makes no task and no future for it.
"""

import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict
from weakref import WeakSet

from .concurrency.admission import Admissions, MakeFuture
from .concurrency.blocking import StartEagerly
from .endpoint import AnyEndpoint, default_credentials, keeps_tokens_in_cookies, token_source
from .errors import MalformedToken
from .events import Event, Listener, MissedEvents
from .http.abort_signal import Signal
from .http.messages import Request, Transport, default_options
from .http.outcomes import ShouldRenew
from .http.urls import Audience, ParseUrl, parse_url
from .http.verbs import raising
from .notebook.display import Displayed
from .oauth2.redirects import Page
from .sending.attempts import Attempts
from .sending.sender import RequestRules, Sender
from .session.derived import DerivedLifecycle, Resource
from .session.lifecycle import SessionLifecycle, State
from .session.listeners import Listeners
from .session.settings import SessionSettings, checked_seconds
from .session.step_up import StepUpHandler
from .storage import Store
from .streams.streaming import Streaming
from .tabs.noted_session import NotedSession
from .tabs.peers import Peers
from .tokens.claims import unverified_claims
from .tokens.credentials import Credential, TokenType
from .tokens.dpop import Proofs, Prover
from .tokens.header_fields import AUTHORIZATION, HeaderFields, HeadersSetting
from .tokens.users import Users

if TYPE_CHECKING:
    from .session.snapshot import Snapshot


class Inherited(TypedDict, total=False):
    """The settings that a client made by `for_resource()` inherits from its parent, and its own."""

    clock: Callable[[], float]
    leeway: float
    deadline: float
    in_flight: int
    proofs: Proofs | None
    user_claim: str | None
    cache: str | None
    credentials: str | None
    should_renew: ShouldRenew | None


class Interceptor(Displayed, Streaming):
    """A client for one API: sends each request to the `audience` with the session's access token.

    What it is made of:

    - `transport` sends a `Request` and returns a response. `parse_url` reads a URL as the transport will.
    - `audience` is one URL or several: these URLs and all below them may get the token.
    - `endpoint` says where tokens come from. `page` is the page that an `Endpoint.oauth2` leaves and comes back to.
    - `clock` returns wall-clock seconds.

    When tokens are renewed:

    - `leeway` (seconds) is how long before its end a token is renewed in the background; at most a quarter of its life.
    - `deadline` (seconds) bounds one call to the endpoint.
    - `retry_lost_refresh` (seconds) is the grace window in which the server accepts a refresh token twice: a refresh
      whose answer was lost is sent again at once within it (F6).
    - `should_renew` is your own test for a rejected token, in place of `status == 401`: a function, plain or async, of
      the response, or of the OSError if no answer came; True means that the token was rejected. It is called as soon as
      the head is there, and may read the body, which the caller can still read. It also gets responses that come from
      another URL by a redirect (see their `redirected` and `url`). What it says True of is sent again, a POST as well:
      so it must not say so of a request that the server may have carried out.
    - `step_up` is a coroutine function of a `StepUp`, called when the API wants a stronger or a fresher sign-in (RFC
      9470). It returns fields for the endpoint's sign-in, or a credential, or None if the user declines.

    How requests are sent:

    - `in_flight` is how many requests may be on the wire at once to one origin. It starts at 8, and rises to
      `in_flight` once a response, or a request still open after a second, suggests that the token is accepted. The rest
      wait in line, on futures that `make_future` makes.
    - `cache` and `credentials` are fetch's own settings, for requests to the audience that have none of their own.
      `cache="no-store"` keeps one user's answers from the next user (X14). `credentials="omit"` sends the API no
      cookies, and keeps the browser's password dialog from the page (X15).
    - `headers` are set in every request to the audience, in place of its own: a mapping, or a function without
      arguments that returns one and is called whenever a request is sent or replayed. A CSRF token stands in a cookie
      that changes: `headers=lambda: {"X-CSRFToken": …}`.
    - `header` and `scheme` say how the access token is sent: `Authorization: Bearer …` by default. `scheme="JWT"` sends
      `Authorization: JWT …`, and `header="X-Auth-Token", scheme=""` sends `X-Auth-Token: …`. A browser takes a field
      other than Authorization along to wherever a redirect leads, so with another `header` a redirect is an error,
      unless the request has a setting `redirect` of its own.
    - `proofs` makes the proofs for tokens that are bound to a key (DPoP, RFC 9449); without it they are bearer tokens.

    Where the session is shared and kept:

    - `peers` are the other tabs that share the session.
    - `store` keeps the session when the page is left.
    - `pending_sign_out` keeps a mark, without a secret, that the endpoint could not be told of a sign-out yet.
    - `user_claim` is the claim that names the user in this server's tokens. It shows a client that the browser's cookie
      has become another user's. The default is `sub`, or else `user_id`, `uid`, `username` or `email`.

    A client runs in one event loop at a time. In another loop, such as that of a second `asyncio.run`, its session goes
    on once the last loop is closed; while that is open, calls raise ReissueError.

    Raises TypeError or ValueError for settings that can't work.
    """

    _sender_kind = Sender

    def __init__(
        self,
        transport: Transport,
        *,
        audience: str | Iterable[str],
        endpoint: AnyEndpoint | Resource,
        clock: Callable[[], float] = time.time,
        leeway: float = 30,
        deadline: float = 15,
        in_flight: int = 64,
        should_renew: ShouldRenew | None = None,
        retry_lost_refresh: float = 0,
        peers: Peers | None = None,
        store: Store | None = None,
        pending_sign_out: Store | None = None,
        proofs: Proofs | None = None,
        step_up: StepUpHandler | None = None,
        user_claim: str | None = None,
        cache: str | None = None,
        credentials: str | None = None,
        headers: HeadersSetting | None = None,
        header: str = AUTHORIZATION,
        scheme: str = "Bearer",
        parse_url: ParseUrl = parse_url,
        page: Page | None = None,
        make_future: MakeFuture | None = None,
    ) -> None:
        if not callable(transport):
            raise TypeError("transport is a coroutine function that takes a Request")
        if should_renew is not None and not callable(should_renew):
            raise TypeError("should_renew is a function of a response")
        if isinstance(in_flight, bool) or not isinstance(in_flight, int):
            raise TypeError(f"in_flight is a number of requests, not {type(in_flight).__name__}")
        if in_flight < 1:
            raise ValueError(f"in_flight is at least 1, not {in_flight}")
        if step_up is not None and not callable(step_up):
            raise TypeError("step_up is a coroutine function of a StepUp")
        self._clock = clock
        self._listeners = Listeners()
        self._children: WeakSet[Interceptor] = WeakSet()
        self._make_future = make_future
        self._inherited = Inherited(
            clock=clock,
            leeway=leeway,
            in_flight=in_flight,
            proofs=proofs,
            user_claim=user_claim,
            cache=cache,
            credentials=credentials,
        )
        prover = Prover(proofs, parse_url) if proofs else None
        fields = HeaderFields.checked(header=header, scheme=scheme, headers=headers, prover=prover)
        if not isinstance(store, NotedSession | None) and keeps_tokens_in_cookies(endpoint):
            raise ValueError("the tokens are in cookies, which outlive the page by themselves: leave out store=")
        sent_cookies = default_credentials(endpoint, credentials)
        rules = RequestRules(
            Audience(audience, parse=parse_url),
            parse_url,
            should_renew=should_renew,
            defaults=default_options(cache=cache, credentials=sent_cookies, redirect=fields.redirect),
            fields=fields,
        )
        settings = SessionSettings(
            clock=clock,
            leeway=checked_seconds("leeway", leeway, least=0),
            deadline=checked_seconds("deadline", deadline),
            grace=checked_seconds("retry_lost_refresh", retry_lost_refresh, least=0),
            users=Users(user_claim),
            listeners=self._listeners,
        )
        admissions = Admissions(in_flight, make_future=make_future)
        self._lifecycle: SessionLifecycle | DerivedLifecycle
        if isinstance(endpoint, Resource):
            self._lifecycle = DerivedLifecycle(endpoint, settings, waiting=admissions)
        else:
            prover = Prover(proofs, parse_url) if proofs else None  # of its own: other nonces
            tokens = token_source(endpoint, transport, parse_url, clock=clock, page=page, prover=prover)
            self._lifecycle = SessionLifecycle(
                tokens,
                settings,
                waiting=admissions,
                peers=peers,
                store=store,
                pending_sign_out=pending_sign_out,
                step_up=step_up,
            )
        self._sender = self._sender_kind(transport, self._lifecycle, rules, settings, admissions)
        self._audience = rules.audience

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
        """The claims of the ID token that the user signed in with: who the user is. It was validated on arrival.

        Empty without a session, and without OpenID Connect.
        """
        session = self._lifecycle.alive
        id_token = session.credential.id_token if session else None
        return unverified_claims(id_token) if id_token else {}

    @property
    def expires_in(self) -> float | None:
        """Seconds of life left in the access token, 0 once expired; None if unknown, or without a session."""
        session = self._lifecycle.alive
        return session.credential.remaining(self._clock()) if session else None

    def _snapshot(self) -> "Snapshot | None":
        """What the inspector shows, with the access token itself; None without a session."""
        from .session.snapshot import Snapshot  # here, since most pages have no inspector

        session = self._lifecycle.alive
        if session is None:
            return None
        credential = session.credential
        return Snapshot(
            "" if credential.in_cookie else credential.access_token,
            life=credential.expires_in,
            remaining=self.expires_in,
            refresh_token_in_page=credential.refresh_token is not None,
            place="cookie" if credential.in_cookie else self._lifecycle.sessions.shared.store_area,
        )

    def on(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event from now on; returns the function that unsubscribes it.

        The listener is a plain function. One that raises is reported to the event loop and disturbs no request.
        """
        return self._listeners.add(listener)

    def events(self) -> AsyncIterator[Event | MissedEvents]:
        """The events from now on: `async for event in api.events()`. Ends with `close()`.

        A stream holds at most 10,000 unread events. Beyond that, it leaves out the oldest, and yields a `MissedEvents`
        in their place.
        """
        return self._listeners.stream()

    # Sessions

    async def sign_in(self, **fields: Any) -> None:
        """Ask the endpoint for tokens with these fields (user name, password, …) and start a session.

        A current session goes on until the answer is there; then it is replaced.
        Raises GrantRefused (wrong password, account locked: a 4xx), RefreshUnavailable (404, 405, 408, 421, 425, 429,
        5xx), MalformedToken (a success without a token, such as HTML), OSError (no answer, TimeoutError included),
        SessionEnded (a `sign_out()` or `close()` came in between). After a sign-out, a refresh
        token that the endpoint grants all the same is revoked; a `SignOutEvent` says whether that succeeded.

        With `Endpoint.oauth2` the page is left, and no code after this call runs. The fields are parameters of the
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

        `expires_in` is the access token's life in seconds; the default is the token's own `exp - iat`. A token whose
        `token_type` is "DPoP" is bound to the key of this client's proofs.
        Raises MalformedToken, and SessionEnded if a `sign_out()` came in between.
        """
        await self._lifecycle.adopt(
            Credential(
                access_token=access_token, refresh_token=refresh_token, expires_in=expires_in, token_type=token_type
            )
        )

    async def resume(self) -> bool:
        """Resume the session of an earlier page or another tab, without asking the user. True if there is one.

        Requests made meanwhile wait for the result (Q18). Raises RefreshUnavailable if the endpoint can't be asked now:
        then it is unknown whether a user is signed in, so don't show a sign-in form.

        With `Endpoint.oauth2` this also completes a sign-in that left the page, and restores the page's URL. Raises
        GrantRefused if the sign-in failed, or if the answer in the URL is not for this page; a session from before goes
        on, and the next `resume()` resumes it.
        """
        return await self._lifecycle.resume()

    async def renew(self) -> None:
        """Refresh now, for instance after the user's rights changed. Requests go on with the old token meanwhile.

        Raises the errors of `fetch` that concern the session, and GrantRefused if the refresh is refused while the
        current token still works.
        """
        await self._lifecycle.renew()

    async def sign_out(self) -> None:
        """End the session at once, in every tab that shares it; then tell the endpoint.

        Requests that wait raise SessionEnded at once. Before the endpoint is told, a refresh on the way is waited for
        and its answer dropped, so that it can't sign the user in again (S1, S2). The endpoint is told even if this call
        is cancelled, and before any sign-in that begins after it, in any tab (S5).
        Errors are raised *after* the session has ended here. OSError or RefreshUnavailable: the endpoint can't be told
        now. For a day, it is told when the network is back, and first of all by the next `resume()` or `sign_in()` of
        any tab; such a `resume()` returns False.
        SignOutRefused: the endpoint answered with a final 4xx and is not told again, so its tokens may work until they
        expire. A `SignOutEvent` says the same, and also says if the endpoint has no sign-out.
        """
        await self._lifecycle.sign_out()

    async def close(self) -> None:
        """Close this client: waiting calls raise SessionEnded, streams of events end. The endpoint is not told.

        A refresh that is on the wire is waited for, at most `deadline`, and its tokens are handed to the other tabs:
        without the new refresh token, they would lose the session.
        """
        try:
            await self._lifecycle.close()
            for child in tuple(self._children):
                await child.close()
        finally:
            for client in (self, *self._children):  # even if the caller is cancelled meanwhile
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

        `resource` names the API to the endpoint (RFC 8707), and `scope` the rights wanted there (RFC 6749 section 3.3);
        at least one is needed. The token is requested when it is first needed, with this client's refresh token. The
        new client signs no user in or out: its session ends with this one's, and `close()` of this client closes it.
        Raises TypeError or ValueError for settings that can't work, and TypeError if the endpoint is a function.

            files = api.for_resource("https://files.example/", resource="https://files.example/", scope="read")
        """
        fields = {name: value for name, value in (("resource", resource), ("scope", scope)) if value is not None}
        if not fields or not all(isinstance(value, str) and value for value in fields.values()):
            raise ValueError("for_resource() needs resource= or scope=, as text that is not empty")
        parent = self._lifecycle
        if not isinstance(parent, SessionLifecycle):
            raise TypeError("this client was made by for_resource(): call its parent's for_resource() instead")
        child = self._made_for(
            audience,
            Resource(parent, fields),
            Inherited(**self._inherited, should_renew=should_renew, deadline=parent.longest_exchange),
        )
        self._children.add(child)
        return child

    def _made_for(self, audience: str | Iterable[str], resource: Resource, inherited: "Inherited") -> "Interceptor":
        return Interceptor(
            self._sender.transport,
            audience=audience,
            endpoint=resource,
            parse_url=self._sender.rules.parse_url,
            make_future=self._make_future,
            **inherited,
        )

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
        """Send a request, with the access token if `url` is in the audience. Returns the transport's own response.

        This acts like a coroutine function, with one exception: the body is copied at the call, before anything is
        awaited, so that the caller may use a buffer again at once (Q26).

        `options` are `method`, `headers`, `body`, `json` (sent as JSON) and what else the browser's `fetch` takes.
        `auth=False` sends without a token. `timeout` (seconds) is one deadline across waiting, sending and replaying
        (Q14), up to the response headers; to bound the body as well, put `asyncio.timeout` around this call and the
        reading. `signal` aborts the request, whether it waits or is on the wire.

        After a 401 the token is refreshed once, for all requests that wait, and the request is replayed once. A second
        401 is a response like any other, and so is the first if the body can't be sent twice. Raises SessionEnded,
        SessionChanged, RefreshUnavailable, StepUpRequired, RequestAborted, TimeoutError, OSError (NetworkError in the
        page) if no answer came, and TypeError or ValueError for invalid arguments.
        """
        try:
            if not isinstance(auth, bool):
                raise TypeError("auth is True or False: the session's token is sent, and no name and password")
            if timeout is not None:
                checked_seconds("timeout", timeout, least=0)
            if signal is not None:
                options["signal"] = signal  # for the transport: it also aborts the reading of the body
            request = self._request(url, options)
        except Exception as error:
            return raising(error)
        return self._sender.fetch(request, auth=auth, timeout=timeout)

    def attempts(
        self, request: Request, *, start_eagerly: StartEagerly | None = None, bounded: bool = True
    ) -> Attempts | None:
        """The `Attempts` for a request that another HTTP client sends; None if it must be sent unchanged.

        That is so outside the audience, and if it has a token of its own (see `header`). `request.body` may be left out
        if it can be sent twice. `start_eagerly` is for a caller that can't await: it makes a task and runs it up to its
        first wait. `bounded=False` is for a client that may not report a failed request: its requests don't count
        for `in_flight`. Raises SessionEnded after `close()`, and ReissueError within the endpoint.

            with api.attempts(request) as attempts:
                attempt = await attempts.first()
                while attempt is not None:
                    attempt = await attempts.after(await send(attempt))
        """
        attempts = self._sender.attempts(request, start_eagerly=start_eagerly, bounded=bounded)
        if attempts is None:
            self._sender.warn_outside(request)
        return attempts

    def _request(self, url: Any, options: dict[str, Any]) -> Request:
        """The request that `fetch` was called with. Raises TypeError or ValueError."""
        if not isinstance(url, str):
            url = getattr(url, "href", url)  # a JavaScript URL
        if not isinstance(url, str):
            raise TypeError(f"a URL is text or a JavaScript URL, not {type(url).__name__}")
        return Request.build(url, **options)
