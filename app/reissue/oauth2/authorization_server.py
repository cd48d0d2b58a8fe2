"""What is fetched from an authorization server before anything is asked of it: its metadata, and its keys.

What the app names itself wins over what the server says, and nothing is fetched as long as that suffices.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..endpoint import is_refused, json_object, retry_after
from ..errors import RefreshUnavailable
from ..http.messages import Headers, Request
from ..http.urls import ParseUrl, Url
from .metadata import Metadata, discovery_urls, read_metadata

Send = Callable[[Request], Awaitable[tuple[int, Headers, str | None]]]
"""Sends a request, and gives the status, the header fields and the text of its answer: None if that is too long."""


class AuthorizationServer:
    """One server, asked for nothing twice.

    `given` are the metadata that the app names itself, and `known` the same as read, if they suffice for a sign-in.
    `describes_itself` is False where the app has not said whom to ask for more.
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
        # Absolute from now on: the page's base may be moved (X12).
        self._urls = [] if issuer is None else discovery_urls(parse(issuer).href, openid=openid)
        self._known = known
        self._has_more = describes_itself
        self._openid = openid
        self._send = send
        self._parse = parse
        self._keys: object = None

    async def metadata(self) -> Metadata:
        """What a sign-in needs to know of it. Raises RefreshUnavailable, or OSError if no answer came."""
        if self._known is None:
            self._known = await self._discovered()
            self._has_more = False
        return self._known

    async def metadata_with(self, name: str) -> Metadata:
        """The same, and this field, if the server has it: some are needed at a sign-out only. Raises as `metadata`.

        A server that does not describe itself, though the app has named all that a sign-in needs, has no such field.
        """
        known = await self.metadata()
        if not self._has_more or name in self._given:
            return known
        try:
            known = self._known = await self._discovered()
        except RefreshUnavailable as error:
            if error.status is not None and not is_refused(error.status):
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
            if fields.get("issuer") != issuer:  # looked at before the app's own names win (mix-up)
                raise ValueError(f"they name another issuer than {issuer}")
            return read_metadata({**fields, **self._given}, issuer=issuer, openid=openid, parse=self._parse_absolute)
        except ValueError as error:
            raise RefreshUnavailable(f"the authorization server's metadata can't be used: {error}") from None

    def _parse_absolute(self, text: str) -> Url:
        """A URL that the server names: absolute (RFC 8414 section 2), or it would be relative to this page."""
        if not text.lower().startswith(("https://", "http://")):
            raise ValueError("it is relative")
        return self._parse(text)

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
        if text is None:
            raise RefreshUnavailable("the authorization server's metadata, or its keys, are too long to be read")
        if status != 200:
            raise RefreshUnavailable(
                f"the authorization server answered {status} for its metadata",
                retry_after=retry_after(headers),
                status=status,
            )
        return json_object(text)
