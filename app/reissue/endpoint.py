"""Where tokens come from: how they are asked for, and how answers are read.

Each grant is a pair: a function that builds the request, and one that reads the response. Rules about messages
live here; when to ask, and what follows from an answer, is the session's policy. An endpoint is always called on the
bare transport, so a refresh can't wait for itself (Q3) and a wrong password can't start one (Q17).
"""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from types import MappingProxyType
from typing import Any, ClassVar, Final, Protocol
from urllib.parse import urlencode

from .errors import GrantRefused, MalformedToken, RefreshUnavailable, SignOutRefused
from .http.json_text import LONGEST_ANSWER, parse_json, text_within
from .http.messages import HasStatus, Headers, Request
from .http.urls import ParseUrl
from .oauth2.page import Page, Redirects
from .oauth2.refusals import Predicate, Presented, checked_refused, refusal_in
from .session.backoff import parse_retry_after
from .tokens.credentials import Credential, presentable
from .tokens.dpop import Prover, proving

Transport = Callable[[Request], Awaitable[Any]]
"""Sends one request and gives its response (`.status`, `.headers`). Raises OSError if no answer comes."""

Refresh = Callable[[Credential | None], Awaitable[Credential]]
"""Turns the current credential (None: whatever the browser's cookies hold) into a new one.

Raises GrantRefused if that can never succeed again, and OSError (or RefreshUnavailable) if it may succeed later.
"""


_LATER: Final = frozenset({408, 421, 425, 429})  # the 4xx that ask to try again
_MEDIA_TYPE: Final = re.compile(r"(?:application|text)/[a-z0-9.+-]{1,40}")


class TokenSource(Protocol):
    """An endpoint ready for use: what the interceptor calls."""

    redirects: Redirects | None
    """How the page is left, where users sign in elsewhere."""

    def accepts(self, credential: Credential) -> bool:
        """Is it of the kind that this client asks for, and can send: bound to a key, or a bearer?"""
        ...

    async def sign_in(self, fields: Any) -> Credential:
        """Tokens for a user's own fields; where the page is left, for the `answer()` that it came back with."""
        ...

    async def refresh(self, credential: Credential | None) -> Credential:
        """Tokens in place of these."""
        ...

    async def exchange(self, wanted: "Exchange") -> Credential:
        """Tokens for another resource."""
        ...

    async def sign_out(self, credential: Credential | None) -> bool:
        """End the session at the server. True once it has confirmed that; False if there is nothing to tell it.

        Raises SignOutRefused if it refuses for good; RefreshUnavailable or OSError if it may be told later.
        """
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """An access token for another resource is wanted, by the refresh token of `credential`, or by the cookie.

    `fields` say for which one: `resource` (RFC 8707 section 2.2), `scope` (RFC 6749 section 6).
    """

    credential: Credential
    fields: Mapping[str, str]


_MOST_KEPT_ALIVE: Final = 16 * 1024
"""Bytes. A browser keeps 64 KiB alive, for all of a page: a larger body would take the room of other requests."""

_NAMES: Final = ("access_token", "refresh_token", "expires_in", "token_type")


class Endpoint:
    """A token endpoint: `POST {url}/login`, `/refresh` and `/logout`, in JSON or as forms.

    Answers are those of OAuth 2.0: `{"access_token": …, "expires_in": seconds, "refresh_token": …}` (RFC 6749
    section 5.1) or `{"error": …, "error_description": …}` (section 5.2). A refresh token that the page holds is sent
    in the body; without one the browser's HttpOnly cookie speaks. A 204 to a refresh says that nobody is signed in.

    `sign_in`, `refresh` and `sign_out` are the paths below `url`. `refresh=None` is for a server that renews nothing:
    a session lasts as long as its access token. `sign_out=None` is for one that need not be told. `cookie=False` is
    for one that sets no cookie: without a refresh token there is nothing to ask it.
    `encoding` is "json" or "form", which is OAuth's (RFC 6749 appendix B). `names` says what the server calls
    `access_token`, `refresh_token`, `expires_in` and `token_type`. `fields` are sent with every grant (`client_id`).
    `headers` are sent along: a mapping, or a function without arguments that gives one and is called for each request
    (a CSRF token lives in a cookie that changes, X4). `credentials` is fetch's setting: "include" for an endpoint on
    another origin that uses cookies.
    `refused` says which answers refuse a refresh for good, and so end the session, where the rule (see `refusals`) does
    not fit the server: a collection of statuses (those and no others; a 204 still says that nobody is signed in), or a
    function `(status, headers, body)` that gives True (refused), False (try later) or None (the rule decides). `body`
    is the parsed JSON body, None if it is none. Neither is asked about an answer with an access token.

    Raises TypeError or ValueError for settings that can't work.
    """

    redirects: ClassVar[bool] = False
    """Do users sign in at another address, for which the page is left?"""

    def __init__(
        self,
        url: str,
        *,
        sign_in: str = "login",
        refresh: str | None = "refresh",
        sign_out: str | None = "logout",
        cookie: bool = True,
        encoding: str = "json",
        names: Mapping[str, str] = MappingProxyType({}),
        fields: Mapping[str, Any] = MappingProxyType({}),
        headers: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        credentials: str = "same-origin",
        refused: Collection[int] | Predicate | None = None,
    ) -> None:
        if not isinstance(url, str) or not url or "?" in url or "#" in url:
            raise ValueError(f"an endpoint is a URL without query or fragment, not {url!r}")
        if credentials not in ("same-origin", "include", "omit"):
            raise ValueError(f"credentials is 'same-origin', 'include' or 'omit', not {credentials!r}")
        if encoding not in ("json", "form"):
            raise ValueError(f"encoding is 'json' or 'form', not {encoding!r}")
        if unknown := set(names) - set(_NAMES):
            raise ValueError(f"names is of {', '.join(_NAMES)}; not of {', '.join(sorted(map(str, unknown)))}")
        if not all(isinstance(name, str) for name in names.values()):
            raise TypeError("names says what the server calls things, in text")
        self.url = url.rstrip("/")
        self._cookie = cookie
        self._sign_in, self._refresh, self._sign_out = sign_in, refresh, sign_out
        self._encoding = encoding
        self._names = {name: names.get(name, name) for name in _NAMES}
        self._fields = dict(fields)
        self._headers = headers
        self._credentials = credentials
        self._refused = checked_refused(refused)

    @classmethod
    def simplejwt(cls, url: str = "/api/token", *, blacklist: bool = True, **settings: Any) -> "Endpoint":
        """Django REST framework with SimpleJWT, at the addresses of its own documentation.

        `POST {url}/`, `{url}/refresh/` and, with `blacklist`, `{url}/blacklist/`, with `access` and `refresh` in JSON
        bodies. It sets no cookie, so `connect(…, store="session")` if a session is to outlive a reload.
        """
        named = {"access_token": "access", "refresh_token": "refresh"}
        sign_out = "blacklist/" if blacklist else None
        return cls(url, sign_in="", refresh="refresh/", sign_out=sign_out, cookie=False, names=named, **settings)

    @classmethod
    def oauth2(cls, issuer: str | None = None, *, client_id: str, **settings: Any) -> "Endpoint":
        """An OAuth 2.0 or OpenID Connect server: authorization code with PKCE (RFC 7636), the page being left for it.

        `issuer` is the server's URL; what it says about itself (RFC 8414) is fetched when it is first needed.
        `metadata` is a mapping in RFC 8414's own names, and wins over that: what it leaves out is fetched when it is
        needed, and nothing is fetched without an `issuer`. `client_id` is a public client's.
        `redirect_uri` is the page that users are sent back to, by default the one that they left, without query and
        fragment. `scope` is "openid offline_access" unless given; with "openid" an ID token is asked for and validated.
        `resource` is one URL, or several, of RFC 8707: tokens are for the first, and `api.for_resource()` gets the
        others' own. `parameters` are sent with every authorization request (`{"prompt": "consent"}`), besides those
        given to `sign_in()`. `end_session=True` leaves the page at `sign_out()`, to sign out at the provider too, which
        sends users back to `post_logout_redirect_uri`. The rest is as above: `fields`, `headers`, `names`, `refused`;
        `credentials` is "omit" unless given.

        `await api.sign_in()` leaves the page, and `await api.resume()` begins the session when it is back.
        """
        from .oauth2.settings import OAuth2  # here, since a page that signs in by itself need not load it

        return OAuth2(issuer, client_id=client_id, **settings)

    @property
    def urls(self) -> list[str]:
        """Every URL that is asked, as it was given: relative to the page, maybe."""
        return [f"{self.url}/{path}" for path in (self._sign_in, self._refresh, self._sign_out) if path is not None]

    @property
    def refresh_url(self) -> str:
        """Where tokens are renewed, or else first come from: what tells one session's endpoint from another's."""
        return f"{self.url}/{self._sign_in if self._refresh is None else self._refresh}"

    def sign_in_request(self, fields: Mapping[str, Any]) -> Request:
        """The request that signs in with the caller's own fields (a user name and a password, say)."""
        return self._request(f"{self.url}/{self._sign_in}", fields)

    def refresh_request(
        self, credential: Credential | None, fields: Mapping[str, str] = MappingProxyType({})
    ) -> Request | None:
        """The request for a new access token (RFC 6749 section 6); None if there is nothing that could renew it."""
        if self._refresh is None or not self._knows(credential):
            return None
        return self._request(f"{self.url}/{self._refresh}", {**fields, **self._refresh_token(credential)})

    def sign_out_request(self, credential: Credential | None) -> Request | None:
        """The request that ends the session at the server (after RFC 7009); None if there is nothing to tell."""
        if self._sign_out is None or not self._knows(credential):
            return None
        return self._request(f"{self.url}/{self._sign_out}", self._refresh_token(credential))

    def _knows(self, credential: Credential | None) -> bool:
        """Does the server know by something whose session it is: by a cookie, perhaps, or by what is in the body?"""
        return self._cookie or bool(self._refresh_token(credential))

    def _refresh_token(self, credential: Credential | None) -> dict[str, str]:
        held = credential.refresh_token if credential else None
        return {self._names["refresh_token"]: held} if held else {}

    def _request(self, url: str, fields: Mapping[str, Any]) -> Request:
        headers = self._headers() if callable(self._headers) else self._headers
        fields = {**self._fields, **fields}
        body: dict[str, Any] = {"json": fields}
        if self._encoding == "form":
            body = {"body": urlencode(fields, doseq=True)}
            headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        request = Request.build(
            url,
            method="POST",
            headers={"Accept": "application/json", **(headers or {})},
            **body,
            credentials=self._credentials,
            cache="no-store",
            redirect="error",  # a 307 would carry the refresh token on to wherever it points
        )
        if len(request.body) > _MOST_KEPT_ALIVE:
            return request
        # The browser sees it through if the page is left: a rotated cookie must not get lost (T7).
        return replace(request, options=MappingProxyType({**request.options, "keepalive": True}))

    def read(
        self,
        status: int,
        headers: Mapping[str, str],
        text: str,
        *,
        presented: Presented = Presented.REFRESH_TOKEN,
    ) -> Credential:
        """The credential in an answer of this endpoint; raises what `read_credential` raises."""
        return read_credential(status, headers, text, names=self._names, presented=presented, refused=self._refused)

    def bind(
        self,
        transport: Transport,
        parse: ParseUrl,
        *,
        clock: Callable[[], float],
        page: Page | None = None,
        prover: Prover | None = None,
    ) -> TokenSource:
        """This endpoint over a transport, its URLs made absolute. Raises ValueError if they can't be.

        With a `prover` it is asked for tokens that are bound to a key, and no others are taken (RFC 9449 section 5).
        """
        try:
            return HttpTokenSource(self, transport, parse, prover)
        except ValueError as error:
            raise ValueError(f"the endpoint {self.url!r} is no URL that can be used here: {error}") from None


def read_credential(
    status: int,
    headers: Mapping[str, str],
    text: str,
    *,
    names: Mapping[str, str] | None = None,
    presented: Presented = Presented.REFRESH_TOKEN,
    refused: frozenset[int] | Predicate | None = None,
) -> Credential:
    """The credential in an endpoint's answer. Pure, if `refused` is.

    `names` says what this server calls the fields of RFC 6749 section 5.1. `presented` is what the endpoint was asked
    to take, and `refused` the endpoint's setting: `refusals` has the rule by which an answer is a refusal.

    Raises GrantRefused for a refusal; RefreshUnavailable for every other failure that may pass; MalformedToken for a
    success without a usable token (F4).
    """
    body = json_value(text)
    fields: dict[str, Any] = body if isinstance(body, dict) else {}
    names = names or dict(zip(_NAMES, _NAMES, strict=True))
    error = fields.get("error")
    if error == "use_dpop_nonce":  # it was repeated with the nonce by now, if that could be read
        raise RefreshUnavailable("the endpoint wants a nonce in the proof: does it expose DPoP-Nonce?", status=status)
    if error == "invalid_dpop_proof":
        raise RefreshUnavailable(
            "the endpoint does not accept the proof of the key: is the clock right?", status=status
        )
    if not (200 <= status < 300 and fields.get(names["access_token"])):
        empty = not text.strip()
        refusal = refusal_in(status, headers, body, empty=empty, presented=presented, refused=refused)
        if refusal is not None:
            raise refusal
    if not 200 <= status < 300:
        raise RefreshUnavailable(
            f"the endpoint answered {status}",
            retry_after=retry_after(headers),
            status=status,
        )
    rotated = presentable(fields.get(names["refresh_token"]))
    if names["access_token"] not in fields:
        kind = headers.get("Content-Type", "").partition(";")[0]
        kind = kind if _MEDIA_TYPE.fullmatch(kind) else "no content type"  # a stranger's words are not quoted (X7)
        missing = f"the endpoint answered {status} ({kind}) without an {names['access_token']}"
        raise MalformedToken(missing, rotated=rotated)
    token_type = str(fields.get(names["token_type"]) or "bearer").lower()  # null and empty are missing (F19)
    if token_type not in ("bearer", "dpop"):
        raise MalformedToken(
            "the endpoint's token is of a type that can't be sent as a bearer (RFC 6749 section 7.1)", rotated=rotated
        )
    return Credential(
        access_token=fields[names["access_token"]],
        refresh_token=fields.get(names["refresh_token"]) or None,
        expires_in=_number(fields.get(names["expires_in"])),
        token_type="DPoP" if token_type == "dpop" else "Bearer",
    )


def is_refused(status: int) -> bool:
    """Is this answer a refusal that will be the same next time: a 4xx that does not ask to try again?"""
    return 400 <= status < 500 and status not in _LATER


def json_value(text: str) -> Any:
    """The value that a JSON text holds; None for any other text."""
    try:
        return parse_json(text)
    except ValueError:
        return None


def json_object(text: str) -> dict[str, Any]:
    """The object that a JSON text holds; an empty one for any other text."""
    fields = json_value(text)
    return fields if isinstance(fields, dict) else {}


def _number(value: object) -> float | None:
    """A life in seconds, also where it is written as text. An unreadable one is unknown: a 401 will tell.

    The server has rotated its tokens by now, so a good token must not be thrown away for a bad number.
    """
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) and number >= 0 else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks to wait."""
    return parse_retry_after(headers.get("Retry-After"), date=headers.get("Date"))


class HttpTokenSource:
    """An `Endpoint` over a transport."""

    redirects: Redirects | None = None

    def __init__(self, endpoint: Endpoint, transport: Transport, parse: ParseUrl, prover: Prover | None = None) -> None:
        self._endpoint = endpoint
        self._transport = transport
        self._parse = parse
        # Once and for all: a script or markup that moves the page's base moves no token (X12).
        self._absolute = {url: parse(url).href for url in endpoint.urls}
        self._asks_bound = prover is not None
        self._grants = proving(transport, prover) if prover else transport

    def accepts(self, credential: Credential) -> bool:
        """Is it bound to a key if the endpoint is asked for such tokens, and else a bearer?"""
        return credential.bound is self._asks_bound

    async def sign_in(self, fields: Any) -> Credential:
        """Tokens for a user's own fields."""
        return self._read(*await self._ask(self._endpoint.sign_in_request(fields)), presented=Presented.FIELDS)

    async def refresh(self, credential: Credential | None) -> Credential:
        """Tokens in place of these."""
        return await self._renewed(credential, {})

    async def exchange(self, wanted: Exchange) -> Credential:
        """Tokens for another resource."""
        return await self._renewed(wanted.credential, wanted.fields)

    async def _renewed(self, credential: Credential | None, fields: Mapping[str, str]) -> Credential:
        request = self._endpoint.refresh_request(credential, fields)
        if request is None:
            raise GrantRefused("invalid_grant", "there is no refresh token, and no cookie that could stand for one")
        status, headers, text = await self._ask(request)
        if status == 204:
            raise GrantRefused("invalid_grant", "nobody is signed in", status=status)
        return self._read(status, headers, text)

    async def sign_out(self, credential: Credential | None) -> bool:
        """End the session at the server."""
        return await self._tell(self._endpoint.sign_out_request(credential))

    async def _tell(self, request: Request | None) -> bool:
        if request is None:
            return False
        status, headers, _ = await self._send(request)
        if 200 <= status < 300:
            return True
        url = self._href(request.url).partition("?")[0]
        if is_refused(status):  # also by a 401: it wants to know who asks (RFC 7009 section 2.2.1)
            raise SignOutRefused(url, status)
        raise RefreshUnavailable(
            f"signed out in this page, but {url} answered {status}",
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
        credential = self._endpoint.read(status, headers, text, presented=presented)
        if not self.accepts(credential):
            raise MalformedToken(
                "the endpoint's token is not bound to the key (DPoP), which was asked for"
                if self._asks_bound
                else "the endpoint's token is bound to a key (DPoP), and is no bearer: connect(…, dpop=True)",
                rotated=credential.refresh_token,
            )
        return credential

    async def _ask(self, request: Request) -> tuple[int, Headers, str]:
        """Send a request for tokens: with a proof, if they are to be bound to a key.

        Raises for an answer that is too long to be read, unless it is a 401, which says all by its status.
        """
        status, headers, text = await self._send(request, self._grants)
        if text is None and status != 401:
            problem = f"the endpoint's answer ({status}) has more than {LONGEST_ANSWER} bytes"
            raise MalformedToken(problem) if 200 <= status < 300 else RefreshUnavailable(problem, status=status)
        return status, headers, text or ""

    async def _send(self, request: Request, transport: Transport | None = None) -> tuple[int, Headers, str | None]:
        """The answer's status, header fields and text: None if that is too long to be read."""
        absolute = Request(self._href(request.url), request.method, request.headers, request.body, request.options)
        response: HasStatus = await (transport or self._transport)(absolute)
        return response.status, Headers(response.headers), await text_within(response)

    def _href(self, url: str) -> str:
        return self._absolute.get(url) or self._parse(url).href


class CallableTokenSource:
    """An app's own coroutine function in an endpoint's place: it can refresh, and the app signs in by itself.

    `can_prove`: the client has a key, and can send tokens that are bound to it.
    """

    redirects: Redirects | None = None

    def __init__(self, refresh: Refresh, *, can_prove: bool) -> None:
        self._refresh = refresh
        self._can_prove = can_prove

    def accepts(self, credential: Credential) -> bool:
        """Can it be sent?"""
        return self._can_prove or not credential.bound

    async def sign_in(self, fields: Any) -> Credential:
        """Not possible: raises TypeError."""
        raise TypeError("this endpoint is a callable, which can only refresh: sign in by your own means, then adopt()")

    async def refresh(self, credential: Credential | None) -> Credential:
        """What the callable gives. Raises TypeError if that is no Credential, MalformedToken if it can't be sent."""
        fresh = await self._refresh(credential)
        if not isinstance(fresh, Credential):
            raise TypeError(f"an endpoint gives a Credential, not {type(fresh).__name__}")
        check_sendable(self, fresh)
        return fresh

    async def exchange(self, wanted: Exchange) -> Credential:
        """Not possible: raises TypeError."""
        raise TypeError("this endpoint is a callable, which can't be asked for another resource")

    async def sign_out(self, credential: Credential | None) -> bool:
        """Nothing to tell: the session ends in the page."""
        return False


def check_sendable(tokens: TokenSource, credential: Credential) -> None:
    """Raises MalformedToken for a credential that this client can't send, wherever the app has got it.

    A bearer it can, whatever it asks its endpoint for.
    """
    if credential.bound and not tokens.accepts(credential):
        raise MalformedToken("the token is bound to a key (DPoP) that this client does not have")


def token_source(
    endpoint: Endpoint | Refresh,
    transport: Transport,
    parse: ParseUrl,
    *,
    clock: Callable[[], float],
    page: Page | None,
    prover: Prover | None = None,
) -> TokenSource:
    """An endpoint of either kind, ready for use. Raises TypeError for anything else."""
    if isinstance(endpoint, Endpoint):
        return endpoint.bind(transport, parse, clock=clock, page=page, prover=prover)
    if callable(endpoint):
        return CallableTokenSource(endpoint, can_prove=prover is not None)
    raise TypeError(f"endpoint is an Endpoint or a coroutine function, not {type(endpoint).__name__}")
