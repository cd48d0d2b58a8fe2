"""Which calls are allowed: to this machine's names, from pages of our origin or of those that --allow-page names."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from devserver.refusals import CODES, error_body, refuse


def require_same_origin(request: Request) -> None:
    """Refuses a state-changing call that another site's page may have made with this browser's cookie.

    Browsers set both headers, and no page can forge them (Fetch standard, 'forbidden request-header').
    SameSite=Strict is not enough: another port of the same host is the same site. Pages of `--allow-page` may call.
    """
    if request.headers.get("origin") in request.app.state.allow_page:
        return
    if site := request.headers.get("sec-fetch-site"):
        if site == "same-origin":
            return
    elif request.headers.get("origin") == f"{request.url.scheme}://{request.headers.get('host')}":
        return
    refuse(403, "this call must come from a page of this origin, or of one that --allow-page names")


HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{0,5})?")


class KnownHosts:
    """ASGI middleware: refuses requests for names that are not this machine's.

    Another site may have pointed a name of its own at us (DNS rebinding): the browser and `require_same_origin` would
    take its page for one of our origin. An IP address can't be pointed anywhere. `*` among the names allows every name.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self.app = app
        self.names = {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Goes on, or answers 421 (RFC 9110 section 15.5.20)."""
        if scope["type"] == "http" and not self.knows(Headers(scope=scope).get("host", "")):
            description = "the Host header names another machine: --allow-host NAME lets it be called by that name"
            return await JSONResponse(error_body(CODES[421], description), 421)(scope, receive, send)
        await self.app(scope, receive, send)

    def knows(self, host: str) -> bool:
        """Is this name, with or without a port, one of ours?"""
        found = HOST.fullmatch(host.lower())
        if found is None:
            return False
        name = found["address"] or found["name"].removesuffix(".")
        if "*" in self.names or name in self.names or name == "localhost" or name.endswith(".localhost"):
            return True
        with suppress(ValueError):
            return bool(ip_address(name))
        return False


def cross_origin(pages: Collection[str]) -> list[Middleware]:
    """Lets pages of these origins call, with their cookie, and read the answers (Fetch standard, 'CORS protocol')."""
    if not pages:
        return []
    allowed = Middleware(
        CORSMiddleware,
        allow_origins=list(pages),
        allow_credentials=True,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["*"],  # Starlette names those that were asked for, as it must with credentials
        expose_headers=["Date", "Location", "Retry-After", "WWW-Authenticate"],
    )
    return [allowed]
