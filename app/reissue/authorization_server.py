"""What is fetched from an authorization server before anything is asked of it: its metadata, and its keys."""

from collections.abc import Awaitable, Callable
from typing import Any

from .endpoints import json_object, retry_after
from .errors import RefreshUnavailable
from .messages import Headers, Request
from .metadata import Metadata, discovery_urls, read_metadata
from .urls import ParseUrl

Send = Callable[[Request], Awaitable[tuple[int, Headers, str]]]
"""Sends a request, and gives the status, the header fields and the text of its answer."""


class AuthorizationServer:
    """One server, asked for nothing twice. `known` are its metadata where the app has given them."""

    def __init__(
        self, issuer: str | None, *, known: Metadata | None, openid: bool, send: Send, parse: ParseUrl
    ) -> None:
        self._issuer = issuer
        self._known = known
        self._openid = openid
        self._send = send
        self._parse = parse
        self._keys: object = None

    async def metadata(self) -> Metadata:
        """What it says about itself. Raises RefreshUnavailable, or OSError if no answer came."""
        if self._known is None:
            self._known = await self._discovered()
        return self._known

    async def _discovered(self) -> Metadata:
        issuer, openid = self._issuer, self._openid
        assert issuer is not None, "without metadata there is an issuer"
        first, second = discovery_urls(issuer, openid=openid)
        try:
            fields = await self._document(first)
        except RefreshUnavailable as error:
            if error.status != 404:
                raise
            fields = await self._document(second)
        try:
            return read_metadata(fields, issuer=issuer, openid=openid, parse=self._parse)
        except ValueError as error:
            raise RefreshUnavailable(f"the authorization server's metadata can't be used: {error}") from None

    async def keys(self, fresh: bool) -> object:
        """Its public keys, a JWK set (RFC 7517 section 5); `fresh` asks anew. Raises as `metadata`."""
        server = await self.metadata()
        assert server.jwks_uri is not None, "OpenID Connect has one"
        if self._keys is None or fresh:
            self._keys = await self._document(server.jwks_uri, cache="reload" if fresh else "default")
        return self._keys

    async def _document(self, url: str, *, cache: str = "default") -> dict[str, Any]:
        """A public document. Raises RefreshUnavailable for anything but a 200."""
        request = Request.build(url, headers={"Accept": "application/json"}, credentials="omit", cache=cache)
        status, headers, text = await self._send(request)
        if status != 200:
            raise RefreshUnavailable(
                f"the authorization server answered {status} for its metadata",
                retry_after=retry_after(headers),
                status=status,
            )
        return json_object(text)
