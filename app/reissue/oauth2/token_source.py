"""Where the session's tokens come from: an endpoint over a transport, or the app's own coroutine function.

`token_requests` and `token_response` have the rules about messages. The session decides when to ask, and what follows
from an answer. An endpoint is always called on the bare transport, so a refresh can't wait for itself (Q3), and a wrong
password can't start one (Q17).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import GrantRefused, MalformedToken, RefreshUnavailable, SignOutRefused
from ..http.json_text import LONGEST_ANSWER, text_within
from ..http.messages import HasStatus, Headers, Request, Transport
from ..http.retry_after import retry_after
from ..http.urls import ParseUrl
from ..tokens.credentials import Credential
from ..tokens.dpop import Prover, proving
from .page import Redirects
from .refusals import Presented
from .token_requests import TokenRequests
from .token_response import is_final

Refresh = Callable[[Credential | None], Awaitable[Credential]]
"""Gives a new credential in place of the current one (None: for the browser's cookies).

Raises GrantRefused if that can never succeed again, and OSError (or RefreshUnavailable) if it may succeed later.
"""


class TokenSource(Protocol):
    """An endpoint ready for use: what the interceptor calls."""

    redirects: Redirects | None
    """For users who leave the page to sign in; else None."""

    def accepts(self, credential: Credential) -> bool:
        """Is the token of the kind that this client requests and can send: bound to its key, or a bearer token?"""
        ...

    async def sign_in(self, fields: Any) -> Credential:
        """Tokens for what the user typed, or for an `answer()` if the page was left to sign in."""
        ...

    async def refresh(self, credential: Credential | None) -> Credential:
        """New tokens in place of these."""
        ...

    async def exchange(self, wanted: "Exchange") -> Credential:
        """Tokens for another resource."""
        ...

    async def sign_out(self, credential: Credential | None) -> bool:
        """End the session at the server. True once it has confirmed that; False if no request is needed or possible.

        Raises SignOutRefused if it refuses for good; RefreshUnavailable or OSError if it may be told later.
        """
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """What to ask for a token for another resource: with the refresh token of `credential`, or with the cookie.

    `fields` name the resource: `resource` (RFC 8707 section 2.2), `scope` (RFC 6749 section 6).
    """

    credential: Credential
    fields: Mapping[str, str]


class HttpTokenSource:
    """The requests to an endpoint, sent over a transport."""

    redirects: Redirects | None = None

    def __init__(
        self, requests: TokenRequests, transport: Transport, parse: ParseUrl, prover: Prover | None = None
    ) -> None:
        self._requests = requests
        self._transport = transport
        self._parse = parse
        # Made absolute once: if a script or markup changes the page's base later, no token goes elsewhere (X12).
        self._absolute = {url: parse(url).href for url in requests.urls}
        self._asks_bound = prover is not None
        self._grants = proving(transport, prover) if prover else transport

    def accepts(self, credential: Credential) -> bool:
        """Is the token bound to a key if this client requests such tokens, and else a bearer token?"""
        return credential.bound is self._asks_bound

    async def sign_in(self, fields: Any) -> Credential:
        """Tokens for what the user typed."""
        return self._read(*await self._ask(self._requests.sign_in(fields)), presented=Presented.FIELDS)

    async def refresh(self, credential: Credential | None) -> Credential:
        """New tokens in place of these."""
        return await self._renewed(credential, {})

    async def exchange(self, wanted: Exchange) -> Credential:
        """Tokens for another resource."""
        return await self._renewed(wanted.credential, wanted.fields)

    async def _renewed(self, credential: Credential | None, fields: Mapping[str, str]) -> Credential:
        request = self._requests.refresh(credential, fields)
        if request is None:
            raise GrantRefused("invalid_grant", "there is no refresh token, and no cookie that could stand for one")
        status, headers, text = await self._ask(request)
        if status == 204:
            raise GrantRefused("invalid_grant", "no user is signed in", status=status)
        return self._read(status, headers, text)

    async def sign_out(self, credential: Credential | None) -> bool:
        """End the session at the server."""
        return await self._tell(self._requests.sign_out(credential))

    async def _tell(self, request: Request | None) -> bool:
        if request is None:
            return False
        status, headers, _ = await self._send(request)
        if 200 <= status < 300:
            return True
        url = self._href(request.url).partition("?")[0]
        if is_final(status):  # a 401, too: the server wants the client to authenticate (RFC 7009 section 2.2.1)
            raise SignOutRefused(url, status)
        raise RefreshUnavailable(
            f"signed out in this tab, but {url} answered {status}: the next resume() or sign_in() tells it again",
            retry_after=retry_after(headers),
            status=status,
        )

    def _read(
        self,
        status: int,
        headers: Mapping[str, str],
        text: str,
        *,
        presented: Presented = Presented.REFRESH_TOKEN,
    ) -> Credential:
        credential = self._requests.read(status, headers, text, presented=presented)
        if not self.accepts(credential):
            raise MalformedToken(
                "the endpoint's token is not bound to the key (DPoP), as dpop=True requires: make the server bind it"
                if self._asks_bound
                else "the endpoint's token is bound to a key (DPoP) and no bearer token: use connect(…, dpop=True)",
                rotated=credential.refresh_token,
            )
        return credential

    async def _ask(self, request: Request) -> tuple[int, Headers, str]:
        """Send a request for tokens, with a proof if they must be bound to a key.

        Raises MalformedToken or RefreshUnavailable for an answer that is too long, unless it is a 401, whose status is
        enough.
        """
        status, headers, text = await self._send(request, self._grants)
        if text is None and status != 401:
            problem = f"{request.shown_url} answered {status} with more than {LONGEST_ANSWER} bytes"
            raise MalformedToken(problem) if 200 <= status < 300 else RefreshUnavailable(problem, status=status)
        return status, headers, text or ""

    async def _send(self, request: Request, transport: Transport | None = None) -> tuple[int, Headers, str | None]:
        """The answer's status, header fields and text. The text is None if it is too long to be read."""
        absolute = Request(self._href(request.url), request.method, request.headers, request.body, request.options)
        response: HasStatus = await (transport or self._transport)(absolute)
        return response.status, Headers(response.headers), await text_within(response)

    def _href(self, url: str) -> str:
        return self._absolute.get(url) or self._parse(url).href


class CallableTokenSource:
    """An app's own coroutine function in place of an `Endpoint`: it can only refresh, and the app signs in by itself.

    `can_prove`: the client has a key, and can send tokens that are bound to it.
    """

    redirects: Redirects | None = None

    def __init__(self, refresh: Refresh, *, can_prove: bool) -> None:
        self._refresh = refresh
        self._can_prove = can_prove

    def accepts(self, credential: Credential) -> bool:
        """Can this client send the token?"""
        return self._can_prove or not credential.bound

    async def sign_in(self, fields: Any) -> Credential:
        """Raises TypeError: the app signs in by itself."""
        raise TypeError("this endpoint is a callable, which can only refresh: sign in by your own means, then adopt()")

    async def refresh(self, credential: Credential | None) -> Credential:
        """The app's credential. Raises TypeError if it is no Credential, MalformedToken if it can't be sent."""
        fresh = await self._refresh(credential)
        if not isinstance(fresh, Credential):
            raise TypeError(f"an endpoint gives a Credential, not {type(fresh).__name__}")
        check_sendable(self, fresh)
        return fresh

    async def exchange(self, wanted: Exchange) -> Credential:
        """Raises TypeError: the function takes no resource."""
        raise TypeError("this endpoint is a callable, which can't be asked for another resource: use an Endpoint")

    async def sign_out(self, credential: Credential | None) -> bool:
        """False: the session ends in this client only."""
        return False


def check_sendable(tokens: TokenSource, credential: Credential) -> None:
    """Raises MalformedToken for a credential that this client can't send: one that is bound to a key it lacks.

    It can send any bearer token, even if it requests bound tokens from its endpoint.
    """
    if credential.bound and not tokens.accepts(credential):
        raise MalformedToken(
            "the token is bound to a key (DPoP) that this client does not have: connect(…, dpop=True) has one"
        )
