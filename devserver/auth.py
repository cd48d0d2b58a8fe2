"""`/auth`: sign-in, refresh and sign-out, with the refresh token in a cookie or in bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devserver.issuer import Grant, InvalidGrant, Issuer, RefreshTokenReused
from devserver.lab import Lab
from devserver.origins import require_same_origin
from devserver.requests import COOKIE, IN_BODY, SESSION, json_object, text


class AuthRoutes:
    """Where tokens come from. The refresh token is in a cookie that no script can read.

    Below `/auth/body` are the same three calls for a client that keeps the refresh token itself: there it is sent in
    bodies as `refresh_token` (RFC 6749 section 6), and no cookie is set or read.
    """

    def __init__(self, issuer: Issuer, lab: Lab, *, refresh_delay: float) -> None:
        self.issuer = issuer
        self.lab = lab
        self.refresh_delay = refresh_delay
        self.routes = [
            Route("/auth/login", self.login, methods=["POST"]),
            Route("/auth/refresh", self.refresh, methods=["POST"]),
            Route("/auth/logout", self.logout, methods=["POST"]),
            Route(f"{IN_BODY}/login", self.login, methods=["POST"]),
            Route(f"{IN_BODY}/refresh", self.refresh, methods=["POST"]),
            Route(f"{IN_BODY}/logout", self.logout, methods=["POST"]),
            Route("/.well-known/jwks.json", self.jwks),
        ]

    async def login(self, request: Request) -> Response:
        """Starts a session."""
        require_same_origin(request)
        fields = await json_object(request)
        username, password = text(fields, "username"), text(fields, "password")
        try:
            grant = self.issuer.sign_in(username, password)
        except InvalidGrant:
            self.lab.counters.logins_refused += 1
            raise
        self.lab.counters.logins += 1
        return self._granted(grant, request)

    async def refresh(self, request: Request) -> Response:
        """Rotates. Answers 204 without a token: a page may ask after a reload, without a red line in the console."""
        require_same_origin(request)
        token = self._presented(request, await json_object(request))
        sid = request.scope[SESSION]
        if token is None:
            self.lab.count("refreshes_without_cookie", sid)
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        await self.lab.pause(self.refresh_delay)
        try:
            grant = self.issuer.refresh(token)
        except InvalidGrant as exc:
            self.lab.count("refreshes_refused", sid)
            self.lab.count("reuse_detections", sid, by=isinstance(exc, RefreshTokenReused))
            raise
        self.lab.count("refreshes_granted", sid)
        return self._granted(grant, request)

    async def logout(self, request: Request) -> Response:
        """Ends the session; a session that has ended already is no error."""
        require_same_origin(request)
        if token := self._presented(request, await json_object(request)):
            self.issuer.sign_out(token)
        self.lab.count("logouts", request.scope[SESSION])
        response = Response(status_code=204, headers={"Cache-Control": "no-store"})
        if not self._in_body(request):
            self._set_cookie(response, request, "", 0)
        return response

    async def jwks(self, _: Request) -> Response:
        """The public key, by which others can verify our tokens."""
        return JSONResponse(self.issuer.key.jwks())

    def _granted(self, grant: Grant, request: Request) -> Response:
        body = {"access_token": grant.access_token, "token_type": "Bearer", "expires_in": grant.expires_in}
        no_store = {"Cache-Control": "no-store"}  # RFC 6749 section 5.1
        if self._in_body(request):
            return JSONResponse({**body, "refresh_token": grant.refresh_token}, headers=no_store)
        response = JSONResponse(body, headers=no_store)
        self._set_cookie(response, request, grant.refresh_token, grant.refresh_expires_in)
        return response

    def _presented(self, request: Request, fields: Mapping[str, Any]) -> str | None:
        if not self._in_body(request):
            return request.cookies.get(COOKIE)
        return text(fields, "refresh_token") if "refresh_token" in fields else None

    def _in_body(self, request: Request) -> bool:
        return request.url.path.startswith(f"{IN_BODY}/")

    def _set_cookie(self, response: Response, request: Request, value: str, max_age: int) -> None:
        secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE, value, max_age=max_age, path="/auth", secure=secure, httponly=True, samesite="strict"
        )
