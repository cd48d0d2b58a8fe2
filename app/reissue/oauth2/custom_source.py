"""Tokens that the app's own coroutines get: for a server that no setting of `Endpoint` describes."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import urljoin

from ..errors import GrantRefused, MalformedToken, SignOutRefused
from ..http.messages import Transport
from ..http.urls import ParseUrl
from ..tokens.credentials import Credential
from ..tokens.dpop import Prover
from .dpop_calls import with_proofs
from .redirects import Page, Redirects
from .routes import checked_url
from .token_requests import endpoint_request
from .token_source import Exchange, TokenSource, check_sendable

Refresh = Callable[[Credential | None], Awaitable[Credential]]
"""Returns a new credential in place of the current one (None: for the browser's cookies).

Raises GrantRefused if that can never succeed again, and OSError (or RefreshUnavailable) if it may succeed later.
"""


Call = Callable[..., Awaitable[Any]]
"""Sends a request of the endpoint's own: `response = await call("session", method="PATCH")`.

It carries no token of the session, and passes the interceptor by (Q3). The URL is relative to the endpoint's; the
options are those of `fetch`, but for `auth`, `signal` and `timeout`. No cache is used and no redirect followed, unless
the options say so. Returns the transport's response. Raises OSError if no answer comes.
"""


def calls_to(base: str, transport: Transport) -> Call:
    """A `Call` over this transport. `base` is the endpoint's URL, absolute and with a slash at its end."""

    async def call(url: str, **options: Any) -> Any:
        if taken := options.keys() & {"auth", "signal", "timeout"}:
            raise TypeError(f"call takes no {min(taken)}=: it sends no token, and the client's deadline bounds it")
        return await transport(endpoint_request(urljoin(base, url), **options))

    return call


class CustomTokenSource:
    """The app's own coroutines as a `TokenSource`. Without `sign_in`, the app signs in by itself, and adopts tokens.

    `cookie`: may the browser's cookie stand for the session? `can_prove`: the client has a key, and can send tokens
    that are bound to it.
    """

    redirects: Redirects | None = None
    exchanges = False
    gets_cookies = True  # for all that is known: the app's coroutines say how requests are sent

    def __init__(
        self,
        refresh: Refresh,
        *,
        sign_in: Callable[..., Awaitable[Credential]] | None = None,
        sign_out: Callable[[Credential | None], Awaitable[Any]] | None = None,
        cookie: bool = True,
        can_prove: bool = False,
        url: str = "the endpoint",
    ) -> None:
        self._refresh = refresh
        self._sign_in = sign_in
        self._sign_out = sign_out
        self._cookie = cookie
        self._can_prove = can_prove
        self._url = url

    def accepts(self, credential: Credential) -> bool:
        """Can this client send the token?"""
        return self._can_prove or not credential.bound

    async def sign_in(self, fields: Any) -> Credential:
        """The app's credential. Raises TypeError if the app signs in by itself, or returns no Credential."""
        if self._sign_in is None:
            raise TypeError("this endpoint has no sign_in: sign in by your own means, then adopt()")
        return self._checked(await self._sign_in(**fields))

    async def refresh(self, credential: Credential | None) -> Credential:
        """The app's credential. Raises TypeError if it is no Credential, MalformedToken if it can't be sent."""
        if credential is None and not self._cookie:
            raise GrantRefused(
                "invalid_grant",
                "there is no credential, and no cookie that could stand for one",
                advice="The page holds no credential, and no cookie stands for one (cookie=False)",
            )
        return self._checked(await self._refresh(credential))

    async def exchange(self, wanted: Exchange) -> Credential:
        """Raises TypeError: the app's coroutines take no resource."""
        raise TypeError("this endpoint can't be asked for another resource: use an Endpoint")

    async def sign_out(self, credential: Credential | None) -> bool:
        """True once the app's coroutine has returned, unless it returns False; False without one.

        A GrantRefused of the coroutine is final: it becomes a SignOutRefused.
        """
        if self._sign_out is None or (credential is None and not self._cookie):
            return False
        try:
            return await self._sign_out(credential) is not False
        except GrantRefused as refused:
            raise SignOutRefused(refused.url or self._url, refused.status or 400) from refused

    def _checked(self, credential: Any) -> Credential:
        if not isinstance(credential, Credential):
            raise TypeError(f"an endpoint must return a Credential, not {type(credential).__name__}")
        try:
            check_sendable(self, credential)
        except MalformedToken as error:  # the refresh token may be the next of a session: it has to be kept (F19)
            raise MalformedToken(str(error), rotated=credential.refresh_token) from None
        return credential


class CustomEndpoint:
    """A token endpoint that no setting of `Endpoint` describes: three coroutine functions in its place.

    `url` is the endpoint's URL. It tells this endpoint's sessions from others, and `call` is relative to it. Each
    function gets `call`, which sends a request past the interceptor, and takes what `fetch` takes:

        async def refresh(call, credential):
            response = await call("session", method="PATCH", headers={"X-Session": credential.refresh_token})
            if response.status == 410:
                raise GrantRefused("session_expired", status=410)
            fields = await response.json()
            return Credential(access_token=fields["jwt"], refresh_token=fields["session"])

    `sign_in(call, **fields)` returns a `Credential`, `refresh(call, credential)` returns one in place of `credential`,
    and `sign_out(call, credential)` ends the session at the server. `credential` is None if only the browser's cookie
    can stand for the session: after a reload, or for a sign-out that the server was not told of before. With
    `cookie=False` that never occurs. If the tokens are in cookies, a function returns `Credential.in_cookies()`.

    A function raises GrantRefused if what was presented can never succeed again, and RefreshUnavailable or OSError if
    it may succeed later; any other exception counts as the latter. Without `sign_in` the app signs in by its own means,
    and calls `adopt()`. Without `sign_out`, or if it returns False, a `SignOutEvent` says that the server was not told.

    Raises TypeError or ValueError for settings that can't work.
    """

    redirects = False

    def __init__(
        self,
        url: str,
        *,
        refresh: Callable[[Call, Credential | None], Awaitable[Credential]],
        sign_in: Callable[..., Awaitable[Credential]] | None = None,
        sign_out: Callable[[Call, Credential | None], Awaitable[Any]] | None = None,
        cookie: bool = True,
    ) -> None:
        for name, function in (("refresh", refresh), ("sign_in", sign_in), ("sign_out", sign_out)):
            if not (callable(function) or (function is None and name != "refresh")):
                raise TypeError(f"{name} is a coroutine function, not {type(function).__name__}")
        self.url = checked_url(url)
        self._refresh = refresh
        self._sign_in = sign_in
        self._sign_out = sign_out
        self._cookie = cookie

    @property
    def refresh_url(self) -> str:
        """What tells this endpoint from others."""
        return f"{self.url}/"

    def _bind(
        self,
        transport: Transport,
        parse: ParseUrl,
        *,
        clock: Callable[[], float],
        page: Page | None = None,
        prover: Prover | None = None,
    ) -> TokenSource:
        try:
            base = parse(f"{self.url}/").href  # absolute now: a script may change the page's base later (X12)
        except ValueError as error:
            raise ValueError(f"the endpoint's URL {self.url!r} can't be used: {error}") from None
        call = calls_to(base, transport if prover is None else with_proofs(transport, prover))
        return CustomTokenSource(
            partial(self._refresh, call),
            sign_in=self._sign_in and partial(self._sign_in, call),
            sign_out=self._sign_out and partial(self._sign_out, call),
            cookie=self._cookie,
            can_prove=prover is not None,
            url=self.url,
        )
