"""An OAuth 2.0 authorization server, or OpenID provider: its settings, and the requests made to it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from ..http.messages import Request, Transport
from ..http.urls import ParseUrl
from ..tokens.credentials import Credential
from ..tokens.dpop import Prover
from .authorization_code import RedirectingSource
from .authorization_request import checked_parameters, place
from .metadata import Metadata, read_given, read_metadata, secure_url
from .redirects import Page
from .token_requests import TokenRequests
from .token_source import TokenSource

POPUP_PAGE: Final = "/reissue-popup.html"
"""Where a popup is sent back to by default: a page without Python, which this library brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationServerSettings:
    """The settings of `Endpoint.oauth2` that concern the server and the redirects, checked.

    `describes_itself`: metadata may be fetched from the server, since the app has named it as the issuer.
    """

    url: str
    issuer: str | None
    describes_itself: bool
    client_id: str
    redirect_uri: str | None
    scope: str
    resource: tuple[str, ...]
    parameters: Mapping[str, str]
    metadata: Mapping[str, Any] | None
    end_session: bool
    post_logout_redirect_uri: str | None
    popup: bool

    @classmethod
    def checked(
        cls,
        issuer: str | None,
        *,
        client_id: str,
        redirect_uri: str | None,
        scope: str,
        resource: str | Iterable[str],
        parameters: Mapping[str, str] | None,
        metadata: Mapping[str, Any] | None,
        end_session: bool,
        post_logout_redirect_uri: str | None,
        popup: bool,
    ) -> "AuthorizationServerSettings":
        """Raises TypeError or ValueError for settings that can't work."""
        describes_itself = issuer is not None
        if metadata is not None:
            metadata = {**({} if issuer is None else {"issuer": issuer}), **metadata}
        issuer = issuer or (metadata or {}).get("issuer")
        url = issuer or place((metadata or {}).get("token_endpoint") or "")
        if not url:
            raise ValueError("oauth2() needs an issuer, or the server's metadata with a token_endpoint")
        if not isinstance(client_id, str) or not client_id:
            raise ValueError("client_id is the name that the server has given this app, as text")
        if not isinstance(scope, str):
            raise TypeError("scope is text: words separated by spaces")
        if not isinstance(popup, bool):
            raise TypeError(f"popup is True or False, not {type(popup).__name__}")
        if redirect_uri is None and popup:
            redirect_uri = POPUP_PAGE
        if redirect_uri is not None and (not isinstance(redirect_uri, str) or "#" in redirect_uri):
            raise ValueError("redirect_uri is a URL without fragment")
        if post_logout_redirect_uri is not None and not end_session:
            raise ValueError("post_logout_redirect_uri needs end_session=True")
        return cls(
            url=url,
            issuer=issuer,
            describes_itself=describes_itself,
            client_id=client_id,
            redirect_uri=redirect_uri,
            scope=scope,
            resource=(resource,) if isinstance(resource, str) else tuple(resource),
            parameters=checked_parameters(parameters or {}, "parameters"),
            metadata=metadata,
            end_session=end_session,
            post_logout_redirect_uri=post_logout_redirect_uri,
            popup=popup,
        )

    @property
    def name(self) -> str:
        """What tells this server's sessions from those of others: its URL, with the client_id."""
        return f"{self.url.rstrip('/')}?{urlencode({'client_id': self.client_id})}"

    @property
    def openid(self) -> bool:
        """Is an ID token requested?"""
        return "openid" in self.scope.split()

    def bind(
        self,
        requests: TokenRequests,
        transport: Transport,
        parse: ParseUrl,
        *,
        clock: Callable[[], float],
        page: Page | None = None,
        prover: Prover | None = None,
    ) -> TokenSource:
        """This server over a transport, in a page. Raises ValueError for URLs that can't be used."""
        if page is not None and parse(self.redirect_uri or page.href).origin != parse(page.href).origin:
            raise ValueError("redirect_uri must be a page of this origin: a page of another could not read the answer")
        return RedirectingSource(self, requests, transport, parse, prover, clock=clock, page=page)

    def known(self, parse: ParseUrl) -> Metadata | None:
        """The metadata that the app names itself, if they suffice for a sign-in. Raises ValueError for bad ones."""
        if self.issuer is not None:
            secure_url(self.issuer, name="the issuer", parse=parse)
        if self.metadata is None:
            return None
        try:
            return self._given(self.metadata, parse)
        except ValueError as error:
            raise ValueError(f"the metadata can't be used: {error}") from None

    def _given(self, metadata: Mapping[str, Any], parse: ParseUrl) -> Metadata | None:
        if self.describes_itself:
            assert self.issuer is not None, "the app has named it"
            return read_given(metadata, issuer=self.issuer, openid=self.openid, parse=parse)
        return read_metadata(metadata, issuer=self.issuer, openid=self.openid, parse=parse)

    def grant_request(self, requests: TokenRequests, server: Metadata, grant_type: str, **fields: str) -> Request:
        """A request to the token endpoint (RFC 6749 sections 4.1.3 and 6).

        A token is for one resource: the first, unless `fields` name another (RFC 8707 section 2.2). oidc-provider
        refuses to grant one for several.
        """
        asked = {"resource": list(self.resource[:1]), "grant_type": grant_type, "client_id": self.client_id}
        return requests.post(server.token_endpoint, {**asked, **fields})

    def revocation_request(self, requests: TokenRequests, server: Metadata, credential: Credential) -> Request | None:
        """A request that ends the grant (RFC 7009 section 2.1); None if the server has no revocation endpoint."""
        if server.revocation_endpoint is None:
            return None
        kind = "refresh_token" if credential.refresh_token else "access_token"
        token = credential.refresh_token or credential.access_token
        return requests.post(
            server.revocation_endpoint, {"token": token, "token_type_hint": kind, "client_id": self.client_id}
        )
