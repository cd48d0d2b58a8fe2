"""The requests to a token endpoint, by the settings of an `Endpoint`.

Pure: sends nothing. `token_source` sends the requests, and `token_response` reads the answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from ..http.messages import Request
from ..tokens.credentials import Credential
from .refusals import Predicate, Presented
from .token_response import read_credential

_MOST_KEPT_ALIVE: Final = 16 * 1024
"""Bytes. A browser keeps 64 KiB alive for all requests of a page: a larger body would take their room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequests:
    """The requests to one endpoint. The settings are those of `Endpoint`, checked.

    Every request is a POST, to `url` with a path, and asks for JSON.
    """

    url: str
    sign_in_path: str
    refresh_path: str | None
    sign_out_path: str | None
    cookie: bool
    encoding: str
    names: Mapping[str, str]
    fields: Mapping[str, Any]
    headers: Mapping[str, str] | Callable[[], Mapping[str, str]] | None
    credentials: str
    refused: frozenset[int] | Predicate | None

    @property
    def urls(self) -> list[str]:
        """Every URL that is used, as it was given: perhaps relative to the page."""
        return [
            self._at(path) for path in (self.sign_in_path, self.refresh_path, self.sign_out_path) if path is not None
        ]

    @property
    def refresh_url(self) -> str:
        """The URL for refreshes, or else for sign-ins: it tells this endpoint from others."""
        return self._at(self.sign_in_path if self.refresh_path is None else self.refresh_path)

    def sign_in(self, fields: Mapping[str, Any]) -> Request:
        """The request that signs in with the caller's own fields (a user name and a password, say)."""
        return self.post(self._at(self.sign_in_path), fields)

    def refresh(
        self, credential: Credential | None, fields: Mapping[str, str] = MappingProxyType({})
    ) -> Request | None:
        """The request for a new access token (RFC 6749 section 6); None if there is no refresh token and no cookie."""
        if self.refresh_path is None or not self._can_name_session(credential):
            return None
        return self.post(self._at(self.refresh_path), {**fields, **self._refresh_token(credential)})

    def sign_out(self, credential: Credential | None) -> Request | None:
        """The request that ends the session at the server (after RFC 7009); None if the server has no sign-out, or
        could not know the session.
        """
        if self.sign_out_path is None or not self._can_name_session(credential):
            return None
        return self.post(self._at(self.sign_out_path), self._refresh_token(credential))

    def post(self, url: str, fields: Mapping[str, Any]) -> Request:
        """The request that sends these fields, and those of the settings, to a URL of the server."""
        headers = self.headers() if callable(self.headers) else self.headers
        fields = {**self.fields, **fields}
        body: dict[str, Any] = {"json": fields}
        if self.encoding == "form":
            body = {"body": urlencode(fields, doseq=True)}
            headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        request = Request.build(
            url,
            method="POST",
            headers={"Accept": "application/json", **(headers or {})},
            **body,
            credentials=self.credentials,
            cache="no-store",
            redirect="error",  # a 307 would carry the refresh token to any other URL
        )
        if len(request.body) > _MOST_KEPT_ALIVE:
            return request
        # The browser completes the request even if the page is left: a rotated cookie must not get lost (T7).
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
        return read_credential(status, headers, text, names=self.names, presented=presented, refused=self.refused)

    def _at(self, path: str) -> str:
        return f"{self.url}/{path}"

    def _can_name_session(self, credential: Credential | None) -> bool:
        """Can the server know the session: by a cookie, if it sets one, or by the refresh token in the body?"""
        return self.cookie or bool(self._refresh_token(credential))

    def _refresh_token(self, credential: Credential | None) -> dict[str, str]:
        held = credential.refresh_token if credential else None
        return {self.names["refresh_token"]: held} if held else {}
