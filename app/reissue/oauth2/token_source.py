"""Where the session's tokens come from: an endpoint over a transport. `custom_source` has the app's own coroutines.

`token_requests` and `token_response` have the rules about messages. The session decides when to ask, and what follows
from an answer. An endpoint is always called on the bare transport, so a refresh can't wait for itself (Q3), and a wrong
password can't start one (Q17).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

from ..errors import GrantRefused, MalformedToken, RefreshUnavailable, SignOutRefused
from ..http.json_text import LONGEST_ANSWER, text_within
from ..http.messages import HasStatus, Headers, Request, Transport
from ..http.retry_after import retry_after
from ..http.urls import ParseUrl
from ..tokens.credentials import Credential
from ..tokens.dpop import Prover
from .dpop_calls import with_proofs
from .redirects import Redirects
from .refusals import Presented, is_final
from .token_requests import TokenRequests

_COOKIE: Final = Credential.in_cookies()


class TokenSource(Protocol):
    """An endpoint ready for use: what the interceptor calls."""

    redirects: Redirects | None
    """For users who leave the page to sign in; else None."""

    @property
    def exchanges(self) -> bool:
        """Can it be asked for tokens for another resource?"""
        ...

    @property
    def gets_cookies(self) -> bool:
        """Does the endpoint get the browser's cookies? False if fetch keeps them from it, as its settings are."""
        ...

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


class Exchange(NamedTuple):
    """What to ask for a token for another resource: with the refresh token of `credential`, or with the cookie.

    `fields` name the resource: `resource` (RFC 8707 section 2.2), `scope` (RFC 6749 section 6).
    """

    credential: Credential
    fields: Mapping[str, str]


class HttpTokenSource:
    """The requests to an endpoint, sent over a transport."""

    redirects: Redirects | None = None

    def __init__(
        self,
        requests: TokenRequests,
        transport: Transport,
        parse: ParseUrl,
        prover: Prover | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._requests = requests
        self._transport = transport
        self._parse = parse
        # Made absolute once: if a script or markup changes the page's base later, no token goes elsewhere (X12).
        self._absolute = {url: parse(url).href for url in requests.urls}
        self._asks_bound = prover is not None
        self._grants = with_proofs(transport, prover) if prover else transport
        self._clock = clock
        self._at_sign_out: tuple[Credential, Credential] | None = None  # presented, and granted in its place

    @property
    def exchanges(self) -> bool:
        """Can it be asked for tokens for another resource? A cookie is for all of its site, and a GET names none."""
        refresh = self._requests.refresh_route
        return not self._requests.in_cookies and refresh is not None and not refresh.is_get

    @property
    def gets_cookies(self) -> bool:
        """Is the endpoint on the page's own origin, or do requests to another one have credentials="include"?"""
        from . import advice  # here, since a page needs it only if no user is signed in

        return self._requests.credentials == "include" or not advice.is_elsewhere(
            self._href(self._requests.refresh_url), self._parse
        )

    @property
    def refresh_names_a_token(self) -> bool:
        """Does the refresh send a token that its route names, in a header field perhaps?"""
        refresh = self._requests.refresh_route
        return refresh is not None and bool(refresh.placeholders)

    def accepts(self, credential: Credential) -> bool:
        """Is the token bound to a key, or in a cookie, if this client requests such tokens, and else a bearer token?"""
        return credential.bound is self._asks_bound and credential.in_cookie is self._requests.in_cookies

    async def sign_in(self, fields: Any) -> Credential:
        """Tokens for what the user typed."""
        return await self._granted(self._requests.sign_in(fields), Presented.FIELDS)

    async def refresh(self, credential: Credential | None, fields: Mapping[str, str] | None = None) -> Credential:
        """New tokens in place of these. `fields` name another resource, if the tokens are for that (see `Exchange`)."""
        request = self._requests.refresh(credential, fields or {})
        if request is None:
            from . import advice  # here, since most pages never need it

            refreshes = self._requests.refresh_route is not None
            raise GrantRefused(
                "invalid_grant",
                "there is no refresh token, and no cookie that could stand for one",
                advice=advice.NO_TOKEN if refreshes else advice.NO_REFRESH,
            )
        holds_token = credential is not None and credential.refresh_token is not None
        return await self._granted(request, by_cookie=not holds_token and not self.refresh_names_a_token)

    async def exchange(self, wanted: Exchange) -> Credential:
        """Tokens for another resource."""
        return await self.refresh(wanted.credential, wanted.fields)

    async def sign_out(self, credential: Credential | None) -> bool:
        """End the session at the server.

        An access token that the sign-out names may have expired by now. Then the endpoint refuses it, although its
        session is alive: the tokens are refreshed, and the sign-out is sent once more. If that fails, the next sign-out
        with this credential presents the new tokens: its own refresh token is spent.
        """
        presented = credential
        if self._at_sign_out is not None and self._at_sign_out[0] is presented:
            credential = self._at_sign_out[1]
        try:
            return await self._tell(self._requests.sign_out(credential))
        except SignOutRefused as refused:
            if refused.status not in (401, 403) or not self._requests.can_name_a_newer_token(credential):
                raise
            try:
                fresh = await self.refresh(credential)
            except (GrantRefused, MalformedToken):
                raise refused from None
        kept = fresh.refresh_token or (credential.refresh_token if credential is not None else None)
        fresh = replace(fresh, refresh_token=kept)
        if presented is not None:
            self._at_sign_out = presented, fresh
        return await self._tell(self._requests.sign_out(fresh))

    async def _tell(self, request: Request | None) -> bool:
        if request is None:
            return False
        status, headers, *_ = await self._send(request)
        if self._requests.confirms_sign_out(status):
            return True
        url = self._shown(request)
        if is_final(status):  # a 401, too: the server wants the client to authenticate (RFC 7009 section 2.2.1)
            raise SignOutRefused(url, status)
        raise RefreshUnavailable(
            f"signed out in this tab, but {url} answered {status}: the next resume() or sign_in() tells it again",
            retry_after=retry_after(headers),
            status=status,
            url=url,
        )

    async def _granted(
        self, request: Request, presented: Presented = Presented.REFRESH_TOKEN, *, by_cookie: bool = False
    ) -> Credential:
        """The credential that the endpoint grants for this request. `by_cookie`: it names no token."""
        status, headers, text, age = await self._ask(request)
        try:
            credential = self._read(request, status, headers, text, presented=presented)
        except GrantRefused as refusal:
            raise refusal.again(advice=self._advice(refusal, request, by_cookie=by_cookie)) from None
        return credential.received(self._clock() - age) if age else credential

    def _advice(self, refusal: GrantRefused, request: Request, *, by_cookie: bool) -> str | None:
        """What the app's author may have to change, if that can be seen by a refusal."""
        from . import advice  # here, since most pages never need it

        found = advice.about_fields(refusal, request)
        if found is None and by_cookie:
            return advice.about_cookie(
                self._href(request.url), credentials=self._requests.credentials, parse=self._parse
            )
        return found

    def _read(
        self,
        request: Request,
        status: int,
        headers: Mapping[str, str],
        text: str,
        *,
        presented: Presented = Presented.REFRESH_TOKEN,
    ) -> Credential:
        credential = self._requests.read(status, headers, text, presented=presented, url=self._shown(request))
        if not self.accepts(credential):
            raise MalformedToken(
                f"{self._shown(request)} gave a token that "
                + (
                    "is not bound to the key (DPoP), as dpop=True requires: make the server bind it"
                    if self._asks_bound
                    else "is bound to a key (DPoP) and no bearer token: use connect(…, dpop=True)"
                ),
                rotated=credential.refresh_token,
            )
        return credential

    async def _ask(self, request: Request) -> tuple[int, Headers, str, float]:
        """Send a request for tokens, with a proof if they must be bound to a key. As `_send`.

        Raises MalformedToken or RefreshUnavailable for an answer that is too long, unless it is a 401, whose status is
        enough.
        """
        status, headers, text, age = await self._send(request, self._grants)
        if text is None and status != 401:
            problem = (
                f"{self._shown(request)} answered {status} with more than {LONGEST_ANSWER} bytes: is the URL right?"
            )
            raise (
                MalformedToken(problem)
                if 200 <= status < 300
                else RefreshUnavailable(problem, status=status, url=self._shown(request))
            )
        return status, headers, text or "", age

    async def _send(
        self, request: Request, transport: Transport | None = None
    ) -> tuple[int, Headers, str | None, float]:
        """The answer's status, header fields and text, and how many seconds ago it arrived, if it was here before.

        The text is None if it is too long to be read.
        """
        absolute = Request(self._href(request.url), request.method, request.headers, request.body, request.options)
        response: HasStatus = await (transport or self._transport)(absolute)
        age = getattr(response, "age", 0.0)  # of an early answer: see `early_refresh`
        return response.status, Headers(response.headers), await text_within(response), age

    def _shown(self, request: Request) -> str:
        """The URL that the request goes to, without its query: for errors."""
        return Request(self._href(request.url)).shown_url

    def _href(self, url: str) -> str:
        return self._absolute.get(url) or self._parse(url).href


def check_sendable(tokens: TokenSource, credential: Credential) -> None:
    """Raises MalformedToken for a credential that this client can't send: one that is bound to a key it lacks, say.

    It can send any bearer token, even if it requests bound tokens from its endpoint.
    """
    if tokens.accepts(credential):
        return
    if credential.in_cookie:
        raise MalformedToken("the credential stands for a cookie: connect(…, endpoint=Endpoint(…, tokens='cookie'))")
    if credential.bound:
        raise MalformedToken(
            "the token is bound to a key (DPoP) that this client does not have: connect(…, dpop=True) has one"
        )
    if tokens.accepts(_COOKIE):
        raise MalformedToken("this client's tokens are in cookies: resume() finds the session of a cookie")
