"""The token endpoint, as an app describes it. `oauth2` makes the requests and reads the answers."""

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
    in the body; without one, the browser's HttpOnly cookie stands for it. A 204 to a refresh means that no user is
    signed in.

    `sign_in`, `refresh` and `sign_out` are the paths below `url`. `refresh=None` is for a server that renews nothing:
    a session lasts as long as its access token. `sign_out=None` is for a server without a sign-out. `cookie=False` is
    for a server that sets no cookie: without a refresh token, it is not asked at all.
    `encoding` is "json" or "form", which is OAuth's (RFC 6749 appendix B). `names` says what the server calls
    `access_token`, `refresh_token`, `expires_in` and `token_type`. `fields` are sent with every request to the endpoint
    (`client_id`), and so are `headers`: a mapping, or a function without arguments that gives one and is called for
    each request (a CSRF token stands in a cookie that changes, X4). `credentials` is fetch's setting: "include" for an
    endpoint on another origin that uses cookies.
    `refused` says which answers refuse a refresh for good, and so end the session, if the rule (see `refusals`) does
    not fit the server: a collection of statuses (those and no others; a 204 still means that no user is signed in), or
    a function `(status, headers, body)` that gives True (refused), False (try later) or None (the rule decides). `body`
    is the parsed JSON body, or None if the body is no JSON. An answer with an access token is never judged by it.

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
            raise TypeError("names maps each field's name to the server's name for it, as text")
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
        """An OAuth 2.0 or OpenID Connect server: authorization code with PKCE (RFC 7636), for which the page is left.

        `issuer` is the server's URL; its metadata (RFC 8414) is fetched when it is first needed. `metadata` is a
        mapping with the names of RFC 8414, and takes precedence: only what it lacks is fetched, when it is needed, and
        nothing is fetched without an `issuer`. `client_id` is that of a public client.
        `redirect_uri` is the page that users are sent back to, by default the page that they left, without query and
        fragment. With "openid" in `scope`, an ID token is requested and validated. `resource` is one URL or several
        (RFC 8707): this client's tokens are for the first, and `api.for_resource()` gets tokens for the others.
        `parameters` are sent with every authorization request (`{"prompt": "consent"}`), besides those given to
        `sign_in()`. With `end_session=True`, `sign_out()` leaves the page to sign out at the provider as well, which
        sends users back to `post_logout_redirect_uri`. `fields`, `headers`, `names`, `credentials` and `refused` are
        those of `Endpoint`.

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
        """Do users leave the page to sign in?"""
        return self._server is not None

    @property
    def refresh_url(self) -> str:
        """What tells this endpoint from others: the URL for refreshes, or the server's with the client_id."""
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
        """This endpoint over a transport, with absolute URLs. Raises ValueError for URLs that can't be used.

        With a `prover`, the tokens must be bound to its key: others are not accepted (RFC 9449 section 5).
        """
        if self._server is not None:
            return self._server.bind(self._requests, transport, parse, clock=clock, page=page, prover=prover)
        try:
            return HttpTokenSource(self._requests, transport, parse, prover)
        except ValueError as error:
            raise ValueError(f"the endpoint's URL {self.url!r} can't be used: {error}") from None


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
