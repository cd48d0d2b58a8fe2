"""What is fetched from an authorization server before tokens are requested: its metadata, and its keys.

The metadata that the app itself gives take precedence, and nothing is fetched while they suffice.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..errors import RefreshUnavailable
from ..http.json_text import json_object
from ..http.messages import Headers, Request
from ..http.retry_after import retry_after
from ..http.urls import ParseUrl, Url
from .metadata import Metadata, discovery_urls, read_metadata
from .refusals import is_final

Send = Callable[[Request], Awaitable[tuple[int, Headers, str | None, float]]]
"""Sends a request, and returns the answer's status, header fields and text. The text is None if it is too long."""


class AuthorizationServer:
    """One server. What was fetched from it is kept.

    `given` are the metadata that the app itself gives, and `known` are the same, parsed, if they suffice for a sign-in.
    `describes_itself` is False if the app has named no issuer to fetch more from.
    """

    def __init__(
        self,
        issuer: str | None,
        *,
        given: Mapping[str, Any],
        known: Metadata | None,
        describes_itself: bool,
        openid: bool,
        send: Send,
        parse: ParseUrl,
    ) -> None:
        self._issuer = issuer
        self._given = given
        # Made absolute now: the page's base may change (X12).
        self._urls = [] if issuer is None else discovery_urls(parse(issuer).href, openid=openid)
        self._known = known
        self._has_more = describes_itself
        self._openid = openid
        self._send = send
        self._parse = parse
        self._keys: object = None

    async def metadata(self) -> Metadata:
        """The metadata that a sign-in needs. Raises RefreshUnavailable, or OSError if no answer came."""
        if self._known is None:
            self._known = await self._discovered()
            self._has_more = False
        return self._known

    async def metadata_with(self, name: str) -> Metadata:
        """The metadata, with this field if the server has it: a field that only a sign-out needs is fetched then.

        If the app has given all that a sign-in needs, and the server has no metadata (a final 4xx), there is no such
        field. Raises as `metadata`.
        """
        known = await self.metadata()
        if not self._has_more or name in self._given:
            return known
        try:
            known = self._known = await self._discovered()
        except RefreshUnavailable as error:
            if error.status is not None and not is_final(error.status):
                raise
        self._has_more = False
        return known

    async def _discovered(self) -> Metadata:
        issuer, openid = self._issuer, self._openid
        assert issuer is not None, "without metadata there is an issuer"
        first, second = self._urls
        try:
            fields = await self._document(first)
        except RefreshUnavailable as error:
            if error.status != 404:
                raise
            fields = await self._document(second)
        try:
            if fields.get("issuer") != issuer:  # checked before the app's own metadata replace it (mix-up)
                raise ValueError("they name another issuer: Endpoint.oauth2() needs the issuer as the server writes it")
            return read_metadata({**fields, **self._given}, issuer=issuer, openid=openid, parse=self._parse_absolute)
        except ValueError as error:
            raise RefreshUnavailable(f"the metadata of {issuer} can't be used: {error}", url=issuer) from None

    def _parse_absolute(self, text: str) -> Url:
        """A URL in the server's metadata. It must be absolute (RFC 8414 section 2), or the page's base would count."""
        if not text.lower().startswith(("https://", "http://")):
            raise ValueError("the URL is relative")
        return self._parse(text)

    async def keys(self, fresh: bool) -> object:
        """The server's public keys, a JWK set (RFC 7517 section 5); `fresh` fetches them anew. Raises as `metadata`."""
        server = await self.metadata()
        assert server.jwks_uri is not None, "OpenID Connect has one"
        if self._keys is None or fresh:
            self._keys = await self._document(server.jwks_uri, cache="reload" if fresh else "default")
        return self._keys

    async def _document(self, url: str, *, cache: str = "default") -> dict[str, Any]:
        """A public document. Raises RefreshUnavailable for anything but a 200."""
        request = Request.build(url, headers={"Accept": "application/json"}, credentials="omit", cache=cache)
        status, headers, text, _ = await self._send(request)
        if text is None:
            raise RefreshUnavailable(
                f"{request.shown_url} answered {status} with a document that is too long: is the issuer right?",
                status=status,
                url=request.shown_url,
            )
        if status != 200:
            raise RefreshUnavailable(
                f"{request.shown_url} answered {status} in place of the authorization server's metadata or keys: "
                + ("is the issuer right?" if is_final(status) else "try again later"),
                retry_after=retry_after(headers),
                status=status,
                url=request.shown_url,
            )
        return json_object(text)
