"""The requests to a token endpoint, by the settings of an `Endpoint`.

Pure: sends nothing. `routes` says what a request carries, `token_source` sends the requests, and `token_response` reads
the answers.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from ..http.messages import Request
from ..http.values import Value
from ..tokens.credentials import Credential
from ..tokens.header_fields import HeadersSetting
from .refusals import Predicate, Presented
from .routes import NAMES, Fields, Route, filled, name_in_request
from .token_response import Reading, read_credential

_MOST_KEPT_ALIVE: Final = 16 * 1024
"""Bytes. A browser keeps 64 KiB alive for all requests of a page: a larger body would take their room."""

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class TokenRequests(Value, kw_only=True):
    """The requests to one endpoint. The settings are those of `Endpoint`, checked.

    Every request asks for JSON. `in_cookies`: the server keeps the tokens in cookies, and the page has none of them.
    """

    url: str
    sign_in_route: Route
    refresh_route: Route | None
    sign_out_route: Route | None
    cookie: bool
    in_cookies: bool
    encoding: str
    names: Mapping[str, str]
    fields: Fields
    headers: HeadersSetting | None
    credentials: str
    refused: frozenset[int] | Predicate | None

    def __post_init__(self) -> None:
        for route in self._routes:
            if (route.encoding or self.encoding) == "form":
                check_form({**self.fields, **route.fields})

    @property
    def _routes(self) -> list[Route]:
        routes = (self.sign_in_route, self.refresh_route, self.sign_out_route)
        return [route for route in routes if route is not None]

    @property
    def urls(self) -> list[str]:
        """Every URL that is used, as it was given: perhaps relative to the page."""
        return [self._url(route) for route in self._routes]

    @property
    def refresh_url(self) -> str:
        """The URL for refreshes, or else for sign-ins: it tells this endpoint from others."""
        return self._url(self.refresh_route or self.sign_in_route)

    def sign_in(self, fields: Fields) -> Request:
        """The request that signs in with the caller's own fields (a user name and a password, say)."""
        elsewhere = self.sign_in_route.placeholders
        rest = {name: value for name, value in fields.items() if name not in elsewhere}
        return self._request(self.sign_in_route, rest, fields)

    def refresh(self, credential: Credential | None, fields: Fields = _NONE) -> Request | None:
        """The request for a new access token (RFC 6749 section 6); None if there is no refresh token and no cookie."""
        return self._request_with_token(self.refresh_route, credential, fields)

    def sign_out(self, credential: Credential | None) -> Request | None:
        """The request that ends the session at the server (after RFC 7009); None if the server has no sign-out, or
        could not know the session.
        """
        return self._request_with_token(self.sign_out_route, credential)

    def can_name_a_newer_token(self, credential: Credential | None) -> bool:
        """Does the sign-out name an access token, and can a refresh bring a newer one than this credential's?"""
        route = self.sign_out_route
        return (
            route is not None
            and "access_token" in route.placeholders
            and not self.in_cookies
            and self.refresh(credential) is not None
        )

    def confirms_sign_out(self, status: int) -> bool:
        """Does this answer to a sign-out confirm it?"""
        route = self.sign_out_route
        return 200 <= status < 300 or (route is not None and status in route.confirmed_by)

    def post(self, url: str, fields: Fields) -> Request:
        """The request that sends these fields, and those of the settings, to a URL of the server."""
        return self._build(url, "POST", self.encoding, {**self.fields, **fields}, self._headers(self.headers))

    def read(
        self,
        status: int,
        headers: Mapping[str, str],
        text: str,
        *,
        presented: Presented = Presented.REFRESH_TOKEN,
        url: str | None = None,
    ) -> Credential:
        """The credential in an answer of this endpoint; raises what `read_credential` raises.

        `url` is where the answer came from, without its query, for the errors.
        """
        route = self.sign_in_route if presented is Presented.FIELDS else self.refresh_route
        if presented is Presented.CODE:
            route = None
        reading = Reading(
            self._names(route),
            presented,
            self.refused,
            in_cookies=self.in_cookies,
            by_get=route is not None and route.is_get,
            url=url,
        )
        return read_credential(status, headers, text, reading)

    def _names(self, route: Route | None) -> dict[str, str]:
        """What the answer of a route calls each field."""
        return {name: name for name in NAMES} | dict(self.names) | dict(route.names if route else {})

    def _url(self, route: Route) -> str:
        return route.path if route.is_whole_url else f"{self.url}/{route.path}"

    def _request_with_token(
        self, route: Route | None, credential: Credential | None, fields: Fields = _NONE
    ) -> Request | None:
        """The request of a route that names the session by a token or a cookie; None if it can't."""
        if route is None:
            return None
        tokens: dict[str, str] = {}
        if credential is not None and not credential.in_cookie:
            tokens["access_token"] = credential.access_token
            if credential.refresh_token:
                tokens["refresh_token"] = credential.refresh_token
        named = route.placeholders
        if not named and not route.is_get and "refresh_token" in tokens:
            fields = {**fields, name_in_request(self._names(route)["refresh_token"]): tokens["refresh_token"]}
        if not self.cookie and tokens.keys().isdisjoint(named or {"refresh_token"}):
            return None
        return self._request(route, fields, tokens)

    def _request(self, route: Route, fields: Fields, values: Mapping[str, Any]) -> Request:
        headers = {**self._headers(self.headers), **self._headers(route.headers, values)}
        fields = {**self.fields, **filled(route.fields, values), **fields}
        return self._build(self._url(route), route.method, route.encoding or self.encoding, fields, headers)

    def _headers(self, setting: HeadersSetting | None, values: Mapping[str, Any] | None = None) -> dict[str, str]:
        """The header fields of a setting; with `values`, these stand in place of their names."""
        if callable(setting):
            return dict(setting())
        headers = dict(setting or {})
        return headers if values is None else dict(filled(headers, values))

    def _build(self, url: str, method: str, encoding: str, fields: Fields, headers: Mapping[str, str]) -> Request:
        body: dict[str, Any] = {"json": fields}
        if encoding == "form":
            check_form(fields)
            body = {"body": urlencode(fields, doseq=True)}
            headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        if method == "GET" or (method == "DELETE" and not fields):
            body, headers = {}, {name: value for name, value in headers.items() if name.lower() != "content-type"}
        headers = {"Accept": "application/json", **headers}
        return endpoint_request(url, method=method, headers=headers, credentials=self.credentials, **body)


def check_form(fields: Fields) -> None:
    """Raises TypeError for fields that a form can't carry."""
    if nested := [name for name, value in fields.items() if isinstance(value, Mapping)]:
        raise TypeError(f"a form has no nested fields, as {nested[0]} is: use encoding='json'")


def endpoint_request(url: str, **options: Any) -> Request:
    """A request to an endpoint: `options` as for `Request.build`, and what is right for every such request."""
    # A redirect (307) would carry the refresh token to any other URL.
    request = Request.build(url, **{"cache": "no-store", "redirect": "error", **options})
    size = len(request.body) if isinstance(request.body, str | bytes) else 0 if request.body is None else None
    if size is None or size > _MOST_KEPT_ALIVE:
        return request
    # The browser completes the request even if the page is left: a rotated cookie must not get lost (T7).
    return replace(request, options=MappingProxyType({"keepalive": True, **request.options}))
