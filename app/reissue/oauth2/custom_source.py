"""Tokens that the app's own coroutines get: for a server that no setting of `Endpoint` describes."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urljoin

from ..errors import GrantRefused, SignOutRefused
from ..http.messages import Transport
from ..tokens.credentials import Credential
from .page import Redirects
from .token_requests import endpoint_request
from .token_source import Exchange, check_sendable

Refresh = Callable[[Credential | None], Awaitable[Credential]]
"""Gives a new credential in place of the current one (None: for the browser's cookies).

Raises GrantRefused if that can never succeed again, and OSError (or RefreshUnavailable) if it may succeed later.
"""


Call = Callable[..., Awaitable[Any]]
"""Sends a request of the endpoint's own: `response = await call("session", method="PATCH")`.

It carries no token of the session, and passes the interceptor by (Q3). The URL is relative to the endpoint's; the
options are those of `fetch`. No cache is used and no redirect followed, unless the options say so. Gives the
transport's response. Raises OSError if no answer comes.
"""


def calls_to(base: str, transport: Transport) -> Call:
    """A `Call` over this transport. `base` is the endpoint's URL, absolute."""

    async def call(url: str, **options: Any) -> Any:
        return await transport(endpoint_request(urljoin(f"{base}/", url), **options))

    return call


class CustomTokenSource:
    """The app's own coroutines as a `TokenSource`. Without `sign_in`, the app signs in by itself, and adopts tokens.

    `cookie`: may the browser's cookie stand for the session? `can_prove`: the client has a key, and can send tokens
    that are bound to it.
    """

    redirects: Redirects | None = None
    exchanges = False

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
        """The app's credential. Raises TypeError if the app signs in by itself, or gives no Credential."""
        if self._sign_in is None:
            raise TypeError("this endpoint has no sign_in: sign in by your own means, then adopt()")
        return self._checked(await self._sign_in(**fields))

    async def refresh(self, credential: Credential | None) -> Credential:
        """The app's credential. Raises TypeError if it is no Credential, MalformedToken if it can't be sent."""
        if credential is None and not self._cookie:
            raise GrantRefused("invalid_grant", "there is no credential, and no cookie that could stand for one")
        return self._checked(await self._refresh(credential))

    async def exchange(self, wanted: Exchange) -> Credential:
        """Raises TypeError: the app's coroutines take no resource."""
        raise TypeError("this endpoint can't be asked for another resource: use an Endpoint")

    async def sign_out(self, credential: Credential | None) -> bool:
        """True once the app's coroutine has returned, unless it gives False; False without one.

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
            raise TypeError(f"an endpoint gives a Credential, not {type(credential).__name__}")
        check_sendable(self, credential)
        return credential
