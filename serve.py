"""The demo page and a mock auth server, in one file, for development and tests only.

Three parts, from the inside out:

1. `Issuer` mints, rotates, revokes and verifies tokens. It knows no HTTP; its clock and key are handed in.
2. Thin handlers put it on the wire: `/auth/*` (sign-in, refresh, sign-out), `/api/*` (what the tokens
   protect), `/dev/*` (counters, and faults on demand), and the page's static files.
3. `main` is the command line: `python serve.py --help`.

Everything lives in memory and in one thread. No handler awaits between reading the issuer's state and
changing it, so two refreshes at once are two refreshes in a row.

It is no identity provider: two users with published passwords, keys made at start, and `/dev` controls that
anyone who can open the page may use.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from devserver.api import ApiRoutes
from devserver.auth import AuthRoutes
from devserver.connection import Protocol
from devserver.controls import DevRoutes
from devserver.issuer import InvalidGrant, InvalidToken, Issuer
from devserver.keys import ALGORITHMS, SigningKey
from devserver.lab import Lab
from devserver.origins import KnownHosts, cross_origin
from devserver.refusals import on_disconnect, on_failure, on_http_exception, on_invalid_grant, on_invalid_token, refuse
from devserver.requests import Endpoint
from devserver.traffic import Traffic

FC = TypeVar("FC", bound=Callable[..., Any])
ROOT = Path(__file__).resolve().parent


# --- Tokens: no HTTP in this part ---------------------------------------------------------------------------


# --- The laboratory: counters and faults --------------------------------------------------------------------


# --- Requests: what is read from them, and how they are refused ---------------------------------------------


# --- /auth: sign-in, refresh, sign-out ----------------------------------------------------------------------


# --- /api: what the access token protects -------------------------------------------------------------------


# --- /dev: controls for tests and the demo ------------------------------------------------------------------


# --- Static files -------------------------------------------------------------------------------------------

TYPES = {  # our own, because the machine's table differs from one system to the next
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".py": "text/x-python; charset=utf-8",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".wasm": "application/wasm",
    ".whl": "application/octet-stream",
    ".woff2": "font/woff2",
    ".zip": "application/zip",
}
CODINGS = {"br": ".br", "gzip": ".gz"}  # in the order of our preference
REVALIDATE = "no-cache"  # kept, but asked about each time: answered with 304 while unchanged
IMMUTABLE = "public, max-age=31536000, immutable"  # RFC 8246: not even asked about on reload


class Files(StaticFiles):
    """Starlette's static files, but no dotfiles or unknown types; compressed neighbours; our caching."""

    def __init__(self, directory: Path, *, immutable_folders: bool = False) -> None:
        super().__init__(directory=directory, check_dir=False)
        self.root = directory
        self.immutable_folders = immutable_folders

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Refuses before looking: neither the presence nor the name of a private file leaks."""
        if Path(path).suffix not in TYPES or any(part.startswith(".") for part in Path(path).parts):
            refuse(404, "there is no such file")
        return await super().get_response(path, scope)

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file or its best compressed neighbour, or 304."""
        request_headers = Headers(scope=scope)
        path = Path(full_path)
        in_folder = path.parent != self.root.resolve()
        headers = {
            "Cache-Control": IMMUTABLE if in_folder and self.immutable_folders else REVALIDATE,
            "Vary": "Accept-Encoding",
        }
        served = path
        for coding in accepted_codings(request_headers.get("accept-encoding", "")):
            neighbour = path.with_name(path.name + CODINGS[coding])
            with suppress(FileNotFoundError):
                neighbour_stat = neighbour.stat()
                if neighbour_stat.st_mtime < stat_result.st_mtime:
                    continue  # compressed before the file was last changed
                served, stat_result = neighbour, neighbour_stat
                headers["Content-Encoding"] = coding
                break
        response = FileResponse(served, status_code, headers, TYPES[path.suffix], stat_result=stat_result)
        if self.is_not_modified(response.headers, request_headers):
            return NotModifiedResponse(response.headers)
        return response


def accepted_codings(accept_encoding: str) -> list[str]:
    """Those of `CODINGS` that the client takes, the best first (RFC 9110 section 12.5.3)."""
    qualities: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        qualities[coding] = quality
    wanted = {coding: qualities.get(coding, qualities.get("*", 0.0)) for coding in CODINGS}
    return sorted((coding for coding in CODINGS if wanted[coding] > 0), key=lambda coding: -wanted[coding])


class PageRoutes:
    """The page, its Python, and the browser runtime: nothing else of the folder."""

    def __init__(self, root: Path, site: Path) -> None:
        self.page = Files(root)
        self.routes = [
            Route("/", self.file("index.html")),
            Route("/pyscript.toml", self.file("pyscript.toml")),
            Route("/favicon.ico", self.favicon),
            Mount("/app", Files(root / "app")),
            # A folder's name holds a digest of what is in it; only the entry points beside it change.
            Mount("/py", Files(site / "py", immutable_folders=True)),
            Mount("/pyscript", Files(site / "pyscript", immutable_folders=True)),
        ]

    def file(self, name: str) -> Endpoint:
        """One file of the folder."""

        async def endpoint(request: Request) -> Response:
            return await self.page.get_response(name, request.scope)

        return endpoint

    async def favicon(self, _: Request) -> Response:
        """Browsers ask for it by themselves; a 404 would be a red line in the console."""
        return Response(status_code=204)


# --- Headers that every answer carries ----------------------------------------------------------------------

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; "
    # 'wasm-unsafe-eval': Pyodide is WebAssembly. Not 'unsafe-eval': PyScript calls Function(...) for the hooks of
    # workers only, and app/boot.js takes those away.
    "script-src 'self' 'wasm-unsafe-eval'; "
    # No text becomes markup: PyScript runs what is inserted as Python, and `script-src` has no say in that.
    "require-trusted-types-for 'script'; trusted-types 'none'; "
    "style-src 'self'; "
    "connect-src 'self'{origins}; "
    "img-src 'self' data:; "
    "font-src 'self'; "
    "manifest-src 'self'; "
    "worker-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def security_headers(settings: Settings) -> dict[str, str]:
    """What every answer carries."""
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(
            origins="".join(f" {origin}" for origin in settings.allow_origin)
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    if settings.isolated:  # with the opener policy above: SharedArrayBuffer, and workers that may block
        headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    return headers


class FixedHeaders:
    """ASGI middleware: puts the same headers on every answer."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does, with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        await self.app(scope, receive, send_with_headers)


# --- The application and the command line -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line sets. Lifetimes, delays and skew in seconds."""

    algorithm: str = "ES256"
    access_lifetime: int = 60
    refresh_lifetime: int = 86_400
    refresh_delay: float = 0
    grace: float = 0
    skew: float = 0
    isolated: bool = False
    allow_origin: tuple[str, ...] = ()
    allow_page: tuple[str, ...] = ()
    allow_host: tuple[str, ...] = ()
    root: Path = ROOT
    site: Path = ROOT / ".runtime" / "site"


class Application(Starlette):
    """Starlette's, with headers on every answer: also on a 500, which it gives outside of all middleware."""

    def __init__(self, headers: dict[str, str], **options: Any) -> None:
        super().__init__(**options)
        self.headers = headers

    def build_middleware_stack(self) -> ASGIApp:
        """All of Starlette's own, and the headers around it."""
        return FixedHeaders(super().build_middleware_stack(), self.headers)


def create_app(settings: Settings) -> Application:
    """The application; its parts are in reach as `app.state.issuer` and `app.state.lab`."""
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


class Server(uvicorn.Server):
    """Says where it listens once it does, and lets nothing that waits keep it from stopping."""

    def __init__(self, config: uvicorn.Config, *, url: str, lab: Lab) -> None:
        super().__init__(config)
        self.url = url
        self.lab = lab

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """The first line is for people and for programs that wait for it."""
        await super().startup(sockets)
        click.echo(f"Serving {self.url}")
        click.echo("For development only: its passwords are published and its controls open to anyone.")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Releases what is held or delayed first."""
        self.lab.close()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; a sentence, not a traceback, when there is none to have."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            hint = "choose another with --port, or 0 for any free one"
            raise click.ClickException(f"Port {port} is in use: {hint}.") from exc
        raise click.ClickException(f"Can't listen on {host}, port {port}: {exc.strerror}.") from exc


def option(name: str, default: Any, help: str, **kind: Any) -> Callable[[FC], FC]:
    """A click option that shows its default."""
    return click.option(name, default=default, help=help, show_default=True, **kind)


@click.command()
@option("--host", "127.0.0.1", "Address to listen on.")
@option("--port", 8000, "Port to listen on; 0 is any free one.", type=click.IntRange(0, 65535))
@option(
    "--algorithm",
    "ES256",
    "How access tokens are signed.",
    type=click.Choice(ALGORITHMS),
)
@option("--access-lifetime", 60, "Seconds.", type=click.IntRange(1))
@option("--refresh-lifetime", 86_400, "Seconds.", type=click.IntRange(1))
@option("--refresh-delay", 0.0, "Seconds that each refresh takes.", type=click.FloatRange(0, 600))
@option("--grace", 0.0, "Seconds in which a rotated refresh token may be retried.", type=click.FloatRange(0))
@option("--skew", 0.0, "Seconds that the server's clock is ahead of the page's.")
@option("--isolated", False, "Send Cross-Origin-Embedder-Policy: pages are isolated.", is_flag=True)
@option("--allow-origin", (), "Let our pages call this origin as well.", multiple=True, metavar="URL")
@option("--allow-page", (), "Let pages of this origin call us, with their cookie.", multiple=True, metavar="URL")
@option("--allow-host", (), "Be called by this name; '*' is any.", multiple=True, metavar="NAME")
@option("--patience", 60.0, "Seconds in which a request must have arrived.", type=click.FloatRange(0.1, 3600))
@option("--site", Settings().site, "Folder of the browser runtime.", type=click.Path(path_type=Path))
@option("--log-level", "warning", "Of the HTTP server.", type=click.Choice(["error", "warning", "info"]))
@option("--access-log", False, "A line for each request: method, URL, status; no headers.", is_flag=True)
def main(host: str, port: int, patience: float, log_level: str, access_log: bool, **settings: Any) -> None:
    """Serves the demo page with a mock auth server behind it, for development and tests."""
    if not settings["site"].is_dir():
        hint = "run `make serve`, or `python runtime/build.py`"
        raise click.ClickException(f"The browser runtime is missing ({settings['site']}): {hint}.")
    # uvicorn raises the signal that stopped it once more, when all is closed: then this is a normal end.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda *_: sys.exit(0))
    sock = listen(host, port)
    app = create_app(Settings(**{**settings, "allow_host": (host, *settings["allow_host"])}))
    config = uvicorn.Config(
        app,
        http=cast(type[H11Protocol], partial(Protocol, headers=app.headers, patience=patience)),
        ws="none",
        lifespan="off",
        log_level="info" if access_log else log_level,
        access_log=access_log,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    url = f"http://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}/"
    Server(config, url=url, lab=app.state.lab).run([sock])


if __name__ == "__main__":
    main()
