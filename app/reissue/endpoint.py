"""The token endpoint, as an app describes it. `oauth2` makes the requests and reads the answers."""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .http.messages import Transport
from .http.urls import ParseUrl
from .oauth2.custom_source import CustomEndpoint, CustomTokenSource, Refresh
from .oauth2.redirects import Page
from .oauth2.refusals import Predicate, checked_refused
from .oauth2.routes import Route, check_encoding, check_names, check_no_tokens, checked_route, checked_url, copied
from .oauth2.token_requests import TokenRequests
from .oauth2.token_source import HttpTokenSource, TokenSource
from .tokens.dpop import Prover
from .tokens.header_fields import HeadersSetting, check_headers

if TYPE_CHECKING:  # a page that signs in by itself need not load it
    from .oauth2.settings import AuthorizationServerSettings


class Endpoint:
    """A token endpoint: `POST {url}/login`, `/refresh` and `/logout`, in JSON or as forms.

    Answers are those of OAuth 2.0: `{"access_token": …, "expires_in": seconds, "refresh_token": …}` (RFC 6749
    section 5.1) or `{"error": …, "error_description": …}` (section 5.2). A refresh token that the page holds is sent
    in the body; without one, the browser's HttpOnly cookie stands for it. A 204 to a refresh means that no user is
    signed in.

    `sign_in`, `refresh` and `sign_out` are paths below `url`, or a `Route` that says more: another method, another
    place for the token, fields and names of its own. `refresh=None` is for a server that renews nothing: a session
    lasts as long as its access token. `sign_out=None` is for a server without a sign-out.
    `tokens="cookie"` is for a server that keeps the access token in a cookie, too: nothing is attached to requests,
    and a 401 still causes a refresh and a replay. A 2xx is a success if its body is empty, or JSON without an error.
    `cookie=False` is for a server that sets no cookie: without a refresh token, no request is sent to it.
    `encoding` is "json" or "form", which is OAuth's (RFC 6749 appendix B). `names` says what the server calls
    `access_token`, `refresh_token`, `expires_in` and `token_type`: "data.access_token" is a member of an object, and
    "header:X-Access-Token" a header field of the answer. `fields` are sent with every request to the endpoint
    (`client_id`), and so are `headers`: a mapping, or a function without arguments that returns one and is called for
    each request (a CSRF token stands in a cookie that changes, X4). `credentials` is fetch's setting: "include" for an
    endpoint on another origin that uses cookies.
    `refused` says which answers refuse a refresh for good, and so end the session, if the rule (see `refusals`) does
    not fit the server: a collection of statuses (those and no others; a 204 still means that no user is signed in), or
    a function `(status, headers, body)` that returns True (refused), False (try later) or None (the rule decides).
    `body` is the parsed JSON body, or None if the body is no JSON. It is not asked about an answer with an access
    token.

    Raises TypeError or ValueError for settings that can't work.
    """

    _server: "AuthorizationServerSettings | None" = None  # where users sign in at another address
    _client_id: str | None = None  # of a preset whose URL is the same for other clients of the server

    def __init__(
        self,
        url: str,
        *,
        sign_in: str | Route = "login",
        refresh: str | Route | None = "refresh",
        sign_out: str | Route | None = "logout",
        tokens: str = "body",
        cookie: bool = True,
        encoding: str = "json",
        names: Mapping[str, str] = MappingProxyType({}),
        fields: Mapping[str, Any] = MappingProxyType({}),
        headers: HeadersSetting | None = None,
        credentials: str = "same-origin",
        refused: Collection[int] | Predicate | None = None,
    ) -> None:
        if credentials not in ("same-origin", "include", "omit"):
            raise ValueError(f"credentials is 'same-origin', 'include' or 'omit', not {credentials!r}")
        if tokens not in ("body", "cookie"):
            raise ValueError(f"tokens is 'body' or 'cookie', not {tokens!r}")
        if tokens == "cookie" and (not cookie or credentials == "omit"):
            raise ValueError("tokens='cookie' goes with neither cookie=False nor credentials='omit': it needs cookies")
        check_encoding(encoding)
        check_names(names)
        check_headers(headers)
        check_no_tokens("headers", headers)
        check_no_tokens("fields", fields)
        self._requests = TokenRequests(
            url=checked_url(url),
            sign_in_route=checked_route("sign_in", sign_in),
            refresh_route=None if refresh is None else checked_route("refresh", refresh, cookie=cookie),
            sign_out_route=None if sign_out is None else checked_route("sign_out", sign_out, cookie=cookie),
            cookie=cookie,
            in_cookies=tokens == "cookie",
            encoding=encoding,
            names=dict(names),
            fields=copied(dict(fields)),
            headers=copied(headers),
            credentials=credentials,
            refused=checked_refused(refused),
        )

    # Presets: `settings` are those of `Endpoint`. They replace what a preset says, but `fields`, `headers` and `names`
    # are added to the preset's own.

    @classmethod
    def _preset(cls, name: str, url: str, settings: Mapping[str, Any], own: Mapping[str, Any]) -> "Endpoint":
        """The preset of this name in `oauth2.presets`, which is only loaded for it."""
        from .oauth2 import presets

        endpoint = cls(url, **presets.with_settings(getattr(presets, name)(**own), settings))
        endpoint._client_id = own.get("client_id")  # many clients may have one URL, as every user pool of a region has
        return endpoint

    @classmethod
    def simplejwt(cls, url: str = "/api/token", *, blacklist: bool = True, **settings: Any) -> "Endpoint":
        """Django REST framework with SimpleJWT, at the addresses of its own documentation.

        `POST {url}/`, `{url}/refresh/` and, with `blacklist`, `{url}/blacklist/`, with `access` and `refresh` in JSON
        bodies. It sets no cookie, so `connect(…, store="session")` if a session is to outlive a reload.
        """
        return cls._preset("simplejwt", url, settings, {"blacklist": blacklist})

    @classmethod
    def password_grant(
        cls,
        url: str,
        *,
        client_id: str,
        token: str = "token",
        revoke: str | None = "revoke",
        scope: str | None = None,
        **settings: Any,
    ) -> "Endpoint":
        """An OAuth 2.0 server that takes the user's name and password from the page (RFC 6749 section 4.3).

        `POST {url}/{token}` in forms, for a public client, and `{url}/{revoke}` (RFC 7009); `revoke=None` if the server
        has no revocation. `api.sign_in(username=…, password=…)`. It sets no cookie. Where the server has forms of its
        own, `Endpoint.oauth2` is safer, and OAuth 2.1 knows nothing else.
        """
        own = {"client_id": client_id, "token": token, "revoke": revoke, "scope": scope}
        return cls._preset("password_grant", url, settings, own)

    @classmethod
    def supabase(cls, url: str, *, key: str, everywhere: bool = False, **settings: Any) -> "Endpoint":
        """Supabase Auth (GoTrue) at `url`, "https://project.supabase.co/auth/v1". `key` is the project's public key.

        `api.sign_in(email=…, password=…)`. A sign-out ends this session only or, with `everywhere`, all of the user's.
        Its own API wants the key as well: `connect(…, headers={"apikey": key})`.
        """
        return cls._preset("supabase", url, settings, {"key": key, "everywhere": everywhere})

    @classmethod
    def firebase(cls, *, key: str, **settings: Any) -> "Endpoint":
        """Firebase Authentication, by its REST API. `key` is the project's Web API key.

        `api.sign_in(email=…, password=…)`. Requests carry Firebase's ID token. It has no sign-out.
        """
        return cls._preset("firebase", "https://identitytoolkit.googleapis.com/v1", settings, {"key": key})

    @classmethod
    def cognito(cls, *, region: str, client_id: str, **settings: Any) -> "Endpoint":
        """A user pool of Amazon Cognito, whose public app client allows ALLOW_USER_PASSWORD_AUTH.

        `api.sign_in(username=…, password=…)`.
        """
        own = {"client_id": client_id}
        return cls._preset("cognito", f"https://cognito-idp.{region}.amazonaws.com", settings, own)

    @classmethod
    def allauth(cls, url: str, *, browser: bool = False, **settings: Any) -> "Endpoint":
        """django-allauth headless at `url`, "/_allauth/app/v1", with its JWT token strategy.

        `api.sign_in(username=…, password=…)`. With `browser=True` it is "/_allauth/browser/v1", with Django's session
        cookie, which needs a CSRF token with all requests but a GET: give `headers` here and to `connect`.
        """
        return cls._preset("allauth", url, settings, {"browser": browser})

    @classmethod
    def fastapi_users(cls, url: str, *, me: str | None = None, **settings: Any) -> "Endpoint":
        """fastapi-users at `url`, "/auth/jwt" for its bearer tokens. Nothing renews them.

        `api.sign_in(username=…, password=…)`. With its cookie, at "/auth/cookie", `me` is the URL that says who is
        signed in: "https://api.example/users/me".
        """
        return cls._preset("fastapi_users", url, settings, {"me": me})

    @classmethod
    def flask_jwt_extended(cls, url: str = "/", **settings: Any) -> "Endpoint":
        """Flask-JWT-Extended with tokens in headers: `POST {url}/login` and `/refresh`, `DELETE {url}/logout`."""
        return cls._preset("flask_jwt_extended", url, settings, {})

    @classmethod
    def better_auth(cls, url: str = "/api/auth", **settings: Any) -> "Endpoint":
        """better-auth with its session cookie. `api.sign_in(email=…, password=…)`."""
        return cls._preset("better_auth", url, settings, {})

    @classmethod
    def pocketbase(cls, url: str, **settings: Any) -> "Endpoint":
        """PocketBase, with `url` of the users' collection: "https://pb.example/api/collections/users".

        `api.sign_in(identity=…, password=…)`. The token renews itself, but only before it expires: give `connect` a
        long `leeway`.
        """
        return cls._preset("pocketbase", url, settings, {})

    @classmethod
    def strapi(cls, url: str = "/api/auth", **settings: Any) -> "Endpoint":
        """Strapi 5 with `jwtManagement: "refresh"`. `api.sign_in(identifier=…, password=…)`."""
        return cls._preset("strapi", url, settings, {})

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
        popup: bool = False,
        fields: Mapping[str, Any] = MappingProxyType({}),
        headers: HeadersSetting | None = None,
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

        `await api.sign_in()` leaves the page, and `await api.resume()` begins the session when it is back. With
        `popup=True` it opens a window instead, and begins the session when the user is through; call it in the handler
        of a click, before anything else is awaited. `redirect_uri` is "/reissue-popup.html" then by default.
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
            popup=popup,
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
    def popup(self) -> bool:
        """Do users sign in in a window of its own?"""
        return self._server is not None and self._server.popup

    @property
    def refresh_url(self) -> str:
        """What tells this endpoint from others: the URL for refreshes, or the server's, with the client_id if known."""
        if self._server is not None:
            return self._server.name
        url = self._requests.refresh_url
        return url if self._client_id is None else f"{url}#{quote(self._client_id, safe='')}"  # no URL here has a '#'

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
        if self._requests.in_cookies and prover is not None:
            raise ValueError("dpop=True goes with tokens in the page, and not with tokens='cookie'")
        if self._server is not None:
            return self._server.bind(self._requests, transport, parse, clock=clock, page=page, prover=prover)
        try:
            return HttpTokenSource(self._requests, transport, parse, prover, clock=clock)
        except ValueError as error:
            raise ValueError(f"the endpoint's URL {self.url!r} can't be used: {error}") from None


AnyEndpoint = Endpoint | CustomEndpoint | Refresh
"""Where a session's tokens come from."""


def keeps_tokens_in_cookies(endpoint: object) -> bool:
    """Does the page have none of this endpoint's tokens?"""
    return isinstance(endpoint, Endpoint) and endpoint._requests.in_cookies


def default_credentials(endpoint: object, given: str | None) -> str | None:
    """Fetch's setting for the API's requests: the one given, or else the endpoint's if it keeps tokens in cookies."""
    if given is None and isinstance(endpoint, Endpoint) and keeps_tokens_in_cookies(endpoint):
        return endpoint._requests.credentials
    return given


def token_source(
    endpoint: AnyEndpoint,
    transport: Transport,
    parse: ParseUrl,
    *,
    clock: Callable[[], float],
    page: Page | None,
    prover: Prover | None = None,
) -> TokenSource:
    """An endpoint of any kind, ready for use. Raises TypeError for anything else."""
    if isinstance(endpoint, Endpoint | CustomEndpoint):
        return endpoint._bind(transport, parse, clock=clock, page=page, prover=prover)
    if callable(endpoint):
        return CustomTokenSource(endpoint, can_prove=prover is not None)
    raise TypeError(
        f"endpoint is an Endpoint or a coroutine function, not {type(endpoint).__name__}: say "
        "endpoint=reissue.Endpoint(url)"
    )
