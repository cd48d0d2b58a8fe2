"""An OAuth 2.0 authorization server, or OpenID provider, as an endpoint: its settings, and the requests made to it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from ..endpoint import Endpoint, TokenSource, Transport
from ..http.messages import Request
from ..http.urls import ParseUrl
from ..tokens.credentials import Credential
from ..tokens.dpop import Prover
from .authorization_code import RedirectingSource
from .authorization_request import checked_parameters, place
from .metadata import Metadata, read_given, read_metadata, secure_url
from .page import Page
from .refusals import Predicate


class OAuth2(Endpoint):
    """The settings, as `Endpoint.oauth2` takes them."""

    redirects = True

    def __init__(
        self,
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
    ) -> None:
        if metadata is not None:
            metadata = {**({} if issuer is None else {"issuer": issuer}), **metadata}
        self.describes_itself = issuer is not None
        self.issuer = issuer or (metadata or {}).get("issuer")
        url = self.issuer or place((metadata or {}).get("token_endpoint") or "")
        if not url:
            raise ValueError("oauth2() needs an issuer, or the server's metadata with a token_endpoint")
        if not isinstance(client_id, str) or not client_id:
            raise ValueError("client_id is what the server calls this app, in text")
        if not isinstance(scope, str):
            raise TypeError("scope is text: words with spaces between them")
        if redirect_uri is not None and (not isinstance(redirect_uri, str) or "#" in redirect_uri):
            raise ValueError("redirect_uri is a URL without fragment")
        if post_logout_redirect_uri is not None and not end_session:
            raise ValueError("post_logout_redirect_uri is for end_session=True")
        super().__init__(
            url,
            cookie=False,
            encoding="form",
            names=names,
            fields=fields,
            headers=headers,
            credentials=credentials,
            refused=refused,
        )
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self.scope = scope
        self.openid = "openid" in scope.split()
        self.resource = [resource] if isinstance(resource, str) else list(resource)
        self.parameters = checked_parameters(parameters or {}, "parameters")
        self.metadata = metadata
        self.end_session = end_session
        self.post_logout_redirect_uri = post_logout_redirect_uri

    @property
    def refresh_url(self) -> str:
        """What tells this endpoint from others: the server, and what it calls this app."""
        return f"{self.url}?{urlencode({'client_id': self.client_id})}"

    def bind(
        self,
        transport: Transport,
        parse: ParseUrl,
        *,
        clock: Callable[[], float],
        page: Page | None = None,
        prover: Prover | None = None,
    ) -> TokenSource:
        """This endpoint over a transport, in a page. Raises ValueError for URLs that can't be used."""
        known = None
        if self.issuer is not None:
            secure_url(self.issuer, name="the issuer", parse=parse)
        if self.metadata is not None:
            try:
                known = self._given(self.metadata, parse)
            except ValueError as error:
                raise ValueError(f"the metadata can't be used: {error}") from None
        if page is not None and parse(self.redirect_uri or page.href).origin != parse(page.href).origin:
            raise ValueError("redirect_uri must be a page of this origin: what waits for the answer lies here")
        return RedirectingSource(self, transport, parse, prover, known=known, clock=clock, page=page)

    def _given(self, metadata: Mapping[str, Any], parse: ParseUrl) -> Metadata | None:
        if self.describes_itself:
            assert self.issuer is not None, "it is the one to be asked"
            return read_given(metadata, issuer=self.issuer, openid=self.openid, parse=parse)
        return read_metadata(metadata, issuer=self.issuer, openid=self.openid, parse=parse)

    def grant_request(self, server: Metadata, grant_type: str, **fields: str) -> Request:
        """A request to the token endpoint (RFC 6749 sections 4.1.3 and 6).

        A token is for one resource: the first, unless `fields` say which (RFC 8707 section 2.2). oidc-provider refuses
        to make one for several.
        """
        asked = {"resource": self.resource[:1], "grant_type": grant_type, "client_id": self.client_id}
        return self._request(server.token_endpoint, {**asked, **fields})

    def revocation_request(self, server: Metadata, credential: Credential) -> Request | None:
        """A request that ends the grant (RFC 7009 section 2.1); None if the server takes none."""
        if server.revocation_endpoint is None:
            return None
        kind = "refresh_token" if credential.refresh_token else "access_token"
        token = credential.refresh_token or credential.access_token
        return self._request(
            server.revocation_endpoint, {"token": token, "token_type_hint": kind, "client_id": self.client_id}
        )
