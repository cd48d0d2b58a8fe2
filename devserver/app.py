"""The application: all routes and middleware put together."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from devserver.api import ApiRoutes
from devserver.auth import AuthRoutes
from devserver.controls import DevRoutes
from devserver.files import PageRoutes
from devserver.headers import FixedHeaders, security_headers
from devserver.issuer import InvalidGrant, InvalidToken, Issuer
from devserver.keys import SigningKey
from devserver.lab import Lab
from devserver.origins import KnownHosts, cross_origin
from devserver.refusals import on_disconnect, on_failure, on_http_exception, on_invalid_grant, on_invalid_token
from devserver.settings import Settings
from devserver.traffic import Traffic


class Application(Starlette):
    """Starlette's, with headers on every answer: also on a 500, which Starlette sends outside of all middleware."""

    def __init__(self, headers: dict[str, str], **options: Any) -> None:
        super().__init__(**options)
        self.headers = headers

    def build_middleware_stack(self) -> ASGIApp:
        """All of Starlette's own, and the headers around it."""
        return FixedHeaders(super().build_middleware_stack(), self.headers)


def create_app(settings: Settings) -> Application:
    """The application; tests find its parts as `app.state.issuer` and `app.state.lab`."""
    headers = security_headers(settings)
    lab = Lab(skew=settings.skew)
    allow_page = frozenset(origin.rstrip("/") for origin in settings.allow_page)
    issuer = Issuer(
        clock=lab.clock,
        key=SigningKey.generate(settings.algorithm),
        access_lifetime=settings.access_lifetime,
        refresh_lifetime=settings.refresh_lifetime,
        grace=settings.grace,
    )
    app = Application(
        headers,
        routes=[
            *AuthRoutes(issuer, lab, refresh_delay=settings.refresh_delay).routes,
            *ApiRoutes(issuer, lab).routes,
            *DevRoutes(issuer, lab).routes,
            *PageRoutes(settings.root, settings.site).routes,
        ],
        middleware=[
            Middleware(KnownHosts, names=settings.allow_host),
            # Before faults and counters: no preflight is counted, and the answers of faults can be read.
            *cross_origin(allow_page),
            Middleware(Traffic, lab=lab, issuer=issuer),
        ],
        exception_handlers={
            HTTPException: on_http_exception,
            InvalidGrant: on_invalid_grant,
            InvalidToken: on_invalid_token,
            ClientDisconnect: on_disconnect,
            Exception: on_failure,
        },
    )
    app.router.redirect_slashes = False
    app.state.issuer, app.state.lab, app.state.allow_page = issuer, lab, allow_page
    return app
