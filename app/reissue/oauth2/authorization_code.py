"""Signing in at an authorization server, away from the page and back to it: authorization code with PKCE.

Theory of operation:

1. `sign_in()` leaves the page. `state`, verifier and nonce are stored in this tab meanwhile (`authorization_request`).
2. `resume()` finds the answer in the page's URL, and takes the stored values out of the store. The answer is removed
   from the URL in the same step, before anything is sent: the code stands in no history, and a reload can't send it
   again.
3. An answer that this tab did not ask for, or that is not from the server that was asked (mix-up, RFC 9207), is refused
   before anything is sent. If the token endpoint did not answer, the code is kept in memory for the next `resume()`. If
   the server has seen it after all, it is refused then, which does no harm: no one has its tokens. A code that was
   refused is spent, whatever the status (F14).
4. Metadata and keys are fetched before the code is sent, so that little can go wrong once it is spent.
5. Tokens that the code was exchanged for are kept with the answer until their ID token is validated. If it is not
   valid, or a sign-out drops the answer, no session will begin with them: `unused` hands them out, to be revoked.
6. In a popup the page is not left: state and verifier stay in memory. The server sends the popup back to a page of this
   origin, which hands over what stands in its URL: a small script, or this library if Python runs there as well.
7. The page holds the refresh token. A session that is to outlive the page needs `connect(…, store=…)`.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from ..concurrency.timers import time_limit
from ..errors import GrantRefused, MalformedToken, ReissueError
from ..http.json_text import json_object
from ..http.messages import Transport
from ..http.urls import ParseUrl
from ..tokens.credentials import Credential
from ..tokens.dpop import Prover
from ..tokens.jws import to_base64url
from .authorization_request import (
    Pending,
    PendingSignIns,
    checked_parameters,
    place,
    random_text,
    read_answer,
    request_url,
    without_answer,
)
from .authorization_server import AuthorizationServer
from .id_token import Expected, validated
from .metadata import Metadata
from .redirects import POPUP, Page, Popup
from .refusals import Presented, error_code
from .token_requests import TokenRequests
from .token_source import HttpTokenSource

if TYPE_CHECKING:
    from .settings import AuthorizationServerSettings


_CAME_BACK: Final = "the user came back to the page without an answer of the server"
_NO_PAGE: Final = "a worker has no page to leave: sign in in a page, and the worker shares its session"


class RedirectResponse:
    """The answer that the server sent the user back with (RFC 6749 section 4.1.2).

    `granted` is the credential that its code was exchanged for, and the ID token, which is not validated yet; None
    once a session can have them.
    """

    def __init__(self, fields: Mapping[str, str], pending: Pending | None) -> None:
        self.fields = fields
        self.pending = pending
        self.granted: tuple[Credential, object] | None = None


class RedirectingSource(HttpTokenSource):
    """An authorization server over a transport, in a page. Without a page it can only renew tokens."""

    def __init__(
        self,
        settings: "AuthorizationServerSettings",
        requests: TokenRequests,
        transport: Transport,
        parse: ParseUrl,
        prover: Prover | None,
        *,
        clock: Callable[[], float],
        page: Page | None,
    ) -> None:
        known = settings.known(parse)  # before anything else: it says what is wrong with the app's own URLs
        super().__init__(requests, transport, parse, prover, clock=clock)
        self.redirects = self
        self.by_popup = settings.popup
        self._settings = settings
        self._given = settings.metadata or {}
        self._server = AuthorizationServer(
            settings.issuer,
            given=self._given,
            known=known,
            describes_itself=settings.describes_itself,
            openid=settings.openid,
            send=self._send,
            parse=parse,
        )
        self._clock = clock
        self._page = page
        # The page's own URLs, made absolute now: the page's base may change (X12). A worker leaves no page.
        self._redirect_uri, self._post_logout_redirect_uri = (
            parse(uri).href if uri and page is not None else None
            for uri in (settings.redirect_uri, settings.post_logout_redirect_uri)
        )
        self._answer: RedirectResponse | None = None
        self._dropped: RedirectResponse | None = None  # perhaps while its code was still being exchanged
        self._warned = False  # that a sign-out revokes nothing; not if the app itself has said that in `metadata`

    # The way there

    async def leave_to_sign_in(self, fields: Mapping[str, Any], check: Callable[[], None]) -> None:
        """Leave the page for the authorization endpoint. Raises the error that prevents that, or that of `check`."""
        page = self._page
        if page is None or not page.can_be_left:
            raise ReissueError(_NO_PAGE)
        url, state, pending = await self._request(page, fields)
        check()
        PendingSignIns(page.pending).add(state, pending)
        await page.leave(url)
        raise GrantRefused("access_denied", _CAME_BACK, advice="Offer the sign-in again")

    def open_popup(self) -> Popup | None:
        """A window for the sign-in, if the setting `popup` says so."""
        return self._page.open_popup() if self.by_popup and self._page is not None else None

    async def answer_in_popup(self, popup: Popup, fields: Mapping[str, Any], *, within: float) -> RedirectResponse:
        """The answer that the server sent the user back with, in a window that shows the authorization endpoint."""
        if self._page is None:
            raise ReissueError(_NO_PAGE)
        async with time_limit(within):
            url, state, pending = await self._request(self._page, fields, kind=POPUP)
        answer = read_answer(f"?{(await popup.answer(url, state)).removeprefix('?')}") or {}
        return RedirectResponse(answer, pending if answer.get("state") == state else None)

    async def _request(self, page: Page, fields: Mapping[str, Any], *, kind: str = "") -> tuple[str, str, Pending]:
        """The URL to sign in at, its `state`, which begins with `kind`, and what is to be remembered meanwhile."""
        settings = self._settings
        more = {**settings.parameters, **checked_parameters(fields, "sign_in()")}
        server = await self._server.metadata()
        state, verifier, nonce = kind + random_text(), random_text(), random_text()
        challenge = to_base64url(await page.sha256(verifier.encode()))
        pending = Pending(
            client=page.name,
            verifier=verifier,
            nonce=nonce,
            issuer=server.issuer,
            redirect_uri=self._redirect_uri or self._parse(place(page.href)).href,
            back_to=without_answer(page.href),
            since=self._clock(),
            max_age=float(more["max_age"]) if "max_age" in more else None,
        )
        asked = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": pending.redirect_uri,
            "scope": settings.scope,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "resource": settings.resource,
            **({"nonce": nonce} if settings.openid else {}),
        }
        return request_url(server.authorization_endpoint, {**asked, **more}), state, pending

    # The way back

    def answer(self) -> RedirectResponse | None:
        """The answer that the server sent the user back with; it is removed from the page's URL."""
        if self._answer is None and self._page is not None:
            self._answer = self._read_answer(self._page)
        return self._answer

    def keep(self, answer: RedirectResponse) -> None:
        """Keep the answer of a popup, which failed for now, for the next `resume()`."""
        self._answer = answer

    def forget(self) -> None:
        """Drop the answer that is kept for the next `resume()`."""
        if self._answer is not None:
            self._drop(self._answer)

    def _drop(self, answer: RedirectResponse) -> None:
        self._dropped = answer
        if self._answer is answer:
            self._answer = None

    def unused(self) -> Credential | None:
        """What the code of the dropped answer was exchanged for, if no session can have it. Given once."""
        dropped, self._dropped = self._dropped, None
        return dropped.granted[0] if dropped is not None and dropped.granted is not None else None

    def _read_answer(self, page: Page) -> RedirectResponse | None:
        url, now = page.href, self._clock()
        fields = read_answer(url)
        if fields is None or not self._is_redirect_uri(url):
            return None
        state, sign_ins = fields.get("state", ""), PendingSignIns(page.pending)
        if state.startswith(POPUP):
            page.show(without_answer(url))
            page.hand_over(urlencode(fields), state)
            return None
        if sign_ins.owner(state, now=now) not in (None, page.name):
            return None  # the answer is for another client of this page
        pending = sign_ins.take(state, now=now)
        clean = without_answer(url)
        if pending is not None and self._is_of_this_origin(pending.back_to):
            clean = pending.back_to
        page.show(clean)
        return RedirectResponse(fields, pending)

    def _is_of_this_origin(self, url: str) -> bool:
        """Is this URL, which any script of the origin may have written into the store, one of this origin?"""
        assert self._page is not None, "an answer comes to a page"
        try:
            return self._parse(url).origin == self._parse(self._page.href).origin
        except ValueError:
            return False

    def _is_redirect_uri(self, url: str) -> bool:
        return self._redirect_uri is None or self._parse(place(url)).href == place(self._redirect_uri)

    async def sign_in(self, fields: Any) -> Credential:
        """Tokens for an `answer()`, which is kept for another try unless it was refused."""
        if not isinstance(fields, RedirectResponse):
            raise TypeError("with Endpoint.oauth2, sign_in() leaves the page: a step-up can only give a Credential")
        try:
            credential = await self._granted_for(fields)
        except (GrantRefused, MalformedToken):
            self._drop(fields)
            raise
        self._drop(fields)
        fields.granted = None
        return credential

    async def _granted_for(self, answer: RedirectResponse) -> Credential:
        fields, pending = answer.fields, answer.pending
        if pending is None:
            raise _unexpected("this tab did not ask for this answer, or has used it before")
        if not fields.keys() & {"code", "error"}:
            raise _unexpected("the answer has no code, or several")
        server = await self._server.metadata()
        said = fields.get("iss", None if server.sends_issuer else server.issuer)
        if pending.issuer != server.issuer or (server.issuer is not None and said != server.issuer):
            raise GrantRefused(
                "wrong_issuer",
                "the answer is not from the server that was asked (RFC 9207)",
                advice=f"The answer is not from {server.issuer}, which was asked (RFC 9207): sign in again",
            )
        if "error" in fields:
            raise GrantRefused(error_code(fields["error"], "invalid_request"), fields.get("error_description"))
        if self._settings.openid:
            await self._server.keys(False)
        if answer.granted is None:
            answer.granted = await self._exchange(server, fields["code"], pending)
        credential, id_token = answer.granted
        if not self._settings.openid:
            return credential
        return await self._with_valid_id_token(credential, id_token, pending)

    async def _exchange(self, server: Metadata, code: str, pending: Pending) -> tuple[Credential, object]:
        request = self._settings.grant_request(
            self._requests,
            server,
            "authorization_code",
            code=code,
            redirect_uri=pending.redirect_uri,
            code_verifier=pending.verifier,
        )
        status, headers, text, _ = await self._ask(request)
        credential = self._read(request, status, headers, text, presented=Presented.CODE)
        return credential, json_object(text).get("id_token")

    async def _with_valid_id_token(self, credential: Credential, id_token: object, pending: Pending) -> Credential:
        """The credential with its ID token, which is validated here."""
        assert self._page is not None, "an answer comes to a page"
        assert pending.issuer is not None, "OpenID Connect has an issuer"
        expected = Expected(
            issuer=pending.issuer, client_id=self._settings.client_id, nonce=pending.nonce, max_age=pending.max_age
        )
        await validated(id_token, expected, fetch_keys=self._server.keys, verify=self._page.verify, now=self._clock())
        return replace(credential, id_token=str(id_token))

    # Later

    async def refresh(self, credential: Credential | None, fields: Mapping[str, str] | None = None) -> Credential:
        """Tokens for a refresh token (RFC 6749 section 6). An ID token in the answer is ignored."""
        if not (token := credential and credential.refresh_token):
            raise GrantRefused(
                "invalid_grant",
                "there is no refresh token",
                advice="The server gave no refresh token: does scope= ask for one, with 'offline_access' for instance?",
            )
        server = await self._server.metadata()
        request = self._settings.grant_request(
            self._requests, server, "refresh_token", **{**(fields or {}), "refresh_token": token}
        )
        return await self._granted(request)

    async def sign_out(self, credential: Credential | None) -> bool:
        """Revoke the tokens (RFC 7009)."""
        if credential is None:
            return False
        server = await self._server.metadata_with("revocation_endpoint")
        request = self._settings.revocation_request(self._requests, server, credential)
        if request is None and not self._warned and "revocation_endpoint" not in self._given:
            self._warned = True
            warnings.warn(
                f"{self._settings.url} names no revocation_endpoint: a sign-out ends the session here only, and the "
                "server accepts the tokens until they expire",
                stacklevel=2,
            )
        return await self._tell(request)

    async def leave_to_sign_out(self, credential: Credential | None) -> None:
        """Leave the page to end the session at the provider (OpenID Connect RP-Initiated Logout), if `end_session`."""
        settings = self._settings
        if self._page is None or not self._page.can_be_left or not settings.end_session:
            return
        server = await self._server.metadata_with("end_session_endpoint")
        if server.end_session_endpoint is None:
            raise ReissueError(
                f"signed out here, but {settings.url} names no end_session_endpoint: sign out without end_session=True"
            )
        asked = {
            "client_id": settings.client_id,
            "id_token_hint": credential and credential.id_token,
            "post_logout_redirect_uri": self._post_logout_redirect_uri,
        }
        parameters = {name: value for name, value in asked.items() if value}
        await self._page.leave(request_url(server.end_session_endpoint, parameters))


def _unexpected(what: str) -> GrantRefused:
    return GrantRefused("unexpected_answer", what, advice=f"{what[0].upper()}{what[1:]}: sign in again")
