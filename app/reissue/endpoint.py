"""The token endpoint, as an app describes it. What it asks and how it reads answers is in `oauth2`."""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .http.messages import Transport
from .http.urls import ParseUrl
from .oauth2.page import Page
from .oauth2.refusals import Predicate, checked_refused
from .oauth2.token_requests import TokenRequests
from .oauth2.token_response import NAMES
from .oauth2.token_source import CallableTokenSource, HttpTokenSource, Refresh, TokenSource
from .tokens.dpop import Prover

if TYPE_CHECKING:  # a page that signs in by itself need not load it
    from .oauth2.settings import AuthorizationServerSettings


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

    _server: "AuthorizationServerSettings | None" = None  # where users sign in at another address

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
        if unknown := set(names) - set(NAMES):
            raise ValueError(f"names is of {', '.join(NAMES)}; not of {', '.join(sorted(map(str, unknown)))}")
        if not all(isinstance(name, str) for name in names.values()):
            raise TypeError("names says what the server calls things, in text")
        self._requests = TokenRequests(
            url=url.rstrip("/"),
            sign_in_path=sign_in,
            refresh_path=refresh,
            sign_out_path=sign_out,
            cookie=cookie,
            encoding=encoding,
            names={name: names.get(name, name) for name in NAMES},
            fields=dict(fields),
            headers=headers,
            credentials=credentials,
            refused=checked_refused(refused),
        )

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
    def oauth2(
        cls,
        issuer: str | None = None,
        *,
        client_id: str,
        redirect_uri: str | None = None,
        scope: str = "openid offline_access",
        resource: str | Iterable[str] = (),
        parameters: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        end_session: bool = False,
        post_logout_redirect_uri: str | None = None,
        fields: Mapping[str, Any] = MappingProxyType({}),
        headers: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        names: Mapping[str, str] = MappingProxyType({}),
        credentials: str = "omit",
        refused: Collection[int] | Predicate | None = None,
    ) -> "Endpoint":
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
        from .oauth2.settings import AuthorizationServerSettings

        server = AuthorizationServerSettings.checked(
            issuer,
            client_id=client_id,
            redirect_uri=redirect_uri,
            scope=scope,
            resource=resource,
            parameters=parameters,
            metadata=metadata,
            end_session=end_session,
            post_logout_redirect_uri=post_logout_redirect_uri,
        )
        endpoint = cls(
            server.url,
            cookie=False,
            encoding="form",
            names=names,
            fields=fields,
            headers=headers,
            credentials=credentials,
            refused=refused,
        )
        endpoint._server = server
        return endpoint

    @property
    def url(self) -> str:
        """The endpoint's URL, or the authorization server's, without a slash at its end."""
        return self._requests.url

    @property
    def redirects(self) -> bool:
        """Do users sign in at another address, for which the page is left?"""
        return self._server is not None

    @property
    def refresh_url(self) -> str:
        """What tells this endpoint from others: where tokens are renewed, or the server and what it calls this app."""
        return self._requests.refresh_url if self._server is None else self._server.name

    def _bind(
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
        if self._server is not None:
            return self._server.bind(self._requests, transport, parse, clock=clock, page=page, prover=prover)
        try:
            return HttpTokenSource(self._requests, transport, parse, prover)
        except ValueError as error:
            raise ValueError(f"the endpoint {self.url!r} is no URL that can be used here: {error}") from None


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
        return endpoint._bind(transport, parse, clock=clock, page=page, prover=prover)
    if callable(endpoint):
        return CallableTokenSource(endpoint, can_prove=prover is not None)
    raise TypeError(f"endpoint is an Endpoint or a coroutine function, not {type(endpoint).__name__}")
