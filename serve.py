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
import hashlib
import itertools
import os
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from devserver.connection import Protocol
from devserver.faults import BODILESS, FAULT_KINDS, Fault
from devserver.issuer import Claims, Grant, InvalidGrant, InvalidToken, Issuer, RefreshTokenReused
from devserver.keys import ALGORITHMS, SigningKey
from devserver.lab import Counters, Lab
from devserver.origins import KnownHosts, cross_origin, require_same_origin
from devserver.refusals import (
    error_body,
    on_disconnect,
    on_failure,
    on_http_exception,
    on_invalid_grant,
    on_invalid_token,
    refuse,
)
from devserver.requests import (
    COOKIE,
    IN_BODY,
    JSON_LIMIT,
    SESSION,
    UPLOAD_LIMIT,
    Endpoint,
    bounded,
    flag,
    header_value,
    json_object,
    json_text,
    media_type,
    number,
    text,
    whole,
)
from devserver.traffic import Traffic

FC = TypeVar("FC", bound=Callable[..., Any])
ROOT = Path(__file__).resolve().parent


# --- Tokens: no HTTP in this part ---------------------------------------------------------------------------


# --- The laboratory: counters and faults --------------------------------------------------------------------


# --- Requests: what is read from them, and how they are refused ---------------------------------------------


# --- /auth: sign-in, refresh, sign-out ----------------------------------------------------------------------


class AuthRoutes:
    """Where tokens come from. The refresh token lies in a cookie that no script can read.

    Below `/auth/body` are the same three calls for a client that keeps the refresh token itself: there it stands in
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
        """Without a refresh token 204: a page may ask after a reload, and no red line stands in the console."""
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
        """Ends the session, also one that has ended already."""
        require_same_origin(request)
        if token := self._presented(request, await json_object(request)):
            self.issuer.sign_out(token)
        self.lab.count("logouts", request.scope[SESSION])
        response = Response(status_code=204, headers={"Cache-Control": "no-store"})
        if not self._in_body(request):
            self._set_cookie(response, request, "", 0)
        return response

    async def jwks(self, _: Request) -> Response:
        """What others need in order to verify our tokens."""
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


# --- /api: what the access token protects -------------------------------------------------------------------


class ApiRoutes:
    """No same-origin check here: another site's page can't know the bearer token."""

    def __init__(self, issuer: Issuer, lab: Lab) -> None:
        self.issuer = issuer
        self.lab = lab
        self.notes: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self.note_ids = itertools.count(1)
        every_method = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.routes = [
            Route("/api/me", self.protected(self.me)),
            Route("/api/notes", self.protected(self.list_notes)),
            Route("/api/notes", self.protected(self.add_note), methods=["POST"]),
            Route("/api/notes/{id}", self.protected(self.delete_note), methods=["DELETE"]),
            Route("/api/upload", self.protected(self.upload), methods=["POST", "PUT"]),
            Route("/api/stream", self.protected(self.stream)),
            Route("/api/echo", self.protected(self.echo), methods=every_method),
        ]

    def protected(self, handler: Callable[[Request, Claims], Awaitable[Response]]) -> Endpoint:
        """Only with a good bearer token in the Authorization header (RFC 6750 section 2.1)."""

        async def endpoint(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                # RFC 6750 section 3.1: no error code when no token was sent.
                body = error_body("unauthorized", "no access token was sent")
                return JSONResponse(body, 401, {"WWW-Authenticate": 'Bearer realm="reissue"'})
            return await handler(request, self.issuer.verify(token.strip()))

        return endpoint

    async def me(self, request: Request, claims: Claims) -> Response:
        """Who the token speaks for; with `?max_age=`, an answer that the browser may keep for so many seconds."""
        kept = {}
        if "max_age" in request.query_params:
            kept["Cache-Control"] = f"private, max-age={whole(request.query_params, 'max_age', low=0, high=86_400)}"
        return JSONResponse({name: claims[name] for name in ("sub", "name", "sid", "exp")}, headers=kept)

    async def list_notes(self, _: Request, claims: Claims) -> Response:
        """The user's notes."""
        return JSONResponse([{"id": id, "text": text} for id, text in self.notes[claims["sub"]].items()])

    async def add_note(self, request: Request, claims: Claims) -> Response:
        """Adds a note."""
        note = text(await json_object(request), "text")
        id = next(self.note_ids)
        self.notes[claims["sub"]][id] = note
        return JSONResponse({"id": id, "text": note}, 201, {"Location": f"/api/notes/{id}"})

    async def delete_note(self, request: Request, claims: Claims) -> Response:
        """Deletes a note of the user's own."""
        id = request.path_params["id"]
        known = id.isascii() and id.isdecimal() and len(id) <= 18  # Python refuses to read 5,000 digits
        if not known or self.notes[claims["sub"]].pop(int(id), None) is None:
            refuse(404, "there is no such note")
        return Response(status_code=204)

    async def upload(self, request: Request, _: Claims) -> Response:
        """Raw bytes, or a form whose files are hashed one after the other (RFC 7578)."""
        request = bounded(request, UPLOAD_LIMIT)
        size, digest, fields = 0, hashlib.sha256(), {}
        if media_type(request) == "multipart/form-data":
            async with request.form() as form:
                for name, value in form.multi_items():
                    content = await value.read() if isinstance(value, UploadFile) else b""
                    size += len(content)
                    digest.update(content)
                    fields[name] = value.filename if isinstance(value, UploadFile) else value
        else:
            async for chunk in request.stream():
                size += len(chunk)
                digest.update(chunk)
        return JSONResponse({"size": size, "sha256": digest.hexdigest(), "fields": fields})

    async def stream(self, request: Request, _: Claims) -> Response:
        """Server-sent events: `lines` of them, `interval` seconds apart."""
        lines = whole(request.query_params, "lines", 5, low=1, high=10_000)
        interval = number(request.query_params, "interval", 0.2, low=0, high=60)

        async def events() -> AsyncIterator[str]:
            for line in range(lines):
                if line:
                    await self.lab.pause(interval)
                yield f"data: {line}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def echo(self, request: Request, claims: Claims) -> Response:
        """Says what arrived, without credentials; `?n=` comes back, `?delay=` seconds pass first."""
        await self.lab.pause(number(request.query_params, "delay", 0, low=0, high=60))
        body = await bounded(request, JSON_LIMIT).body()
        headers = {k: v for k, v in request.headers.items() if k in ("accept", "content-type") or k.startswith("x-")}
        return JSONResponse(
            {
                "method": request.method,
                "n": request.query_params.get("n"),
                "sub": claims["sub"],
                "headers": headers,
                "body": {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()},
            }
        )


# --- /dev: controls for tests and the demo ------------------------------------------------------------------


Control = Callable[[dict[str, Any]], dict[str, Any] | None]


def control(act: Control) -> Endpoint:
    """A route that reads a JSON object, acts on it at once, and answers what `act` returns, or 204."""

    async def endpoint(request: Request) -> Response:
        require_same_origin(request)
        answer = act(await json_object(request))
        return Response(status_code=204) if answer is None else JSONResponse(answer)

    return endpoint


class DevRoutes:
    """A control of sessions takes the `sid` of one (a claim of its access tokens), or means every one."""

    def __init__(self, issuer: Issuer, lab: Lab) -> None:
        self.issuer = issuer
        self.lab = lab
        self.routes = [
            Route("/dev/counters", self.counters),
            Route("/dev/counters/reset", control(self.reset_counters), methods=["POST"]),
            Route("/dev/revoke", control(self.revoke), methods=["POST"]),
            Route("/dev/end", control(self.end), methods=["POST"]),
            Route("/dev/steal", control(self.steal), methods=["POST"]),
            Route("/dev/lifetime", control(self.lifetime), methods=["POST"]),
            Route("/dev/skew", control(self.skew), methods=["POST"]),
            Route("/dev/faults", control(self.add_fault), methods=["POST"]),
            Route("/dev/faults", self.clear_faults, methods=["DELETE"]),
            Route("/dev/held", self.held),
            Route("/dev/release", control(self.release), methods=["POST"]),
        ]

    async def counters(self, request: Request) -> Response:
        """The fields of `Counters`; with `?sid=`, what one session did."""
        sid = request.query_params.get("sid")
        counters = self.lab.counters if sid is None else self.lab.sessions.get(sid, Counters())
        return JSONResponse(asdict(counters), headers={"Cache-Control": "no-store"})

    def reset_counters(self, _: dict[str, Any]) -> None:
        """Back to nought, but what is in flight stays in flight."""
        self.lab.reset()

    def revoke(self, fields: dict[str, Any]) -> None:
        """Access tokens minted so far are refused: the way to a 401 without waiting."""
        self.issuer.revoke_access(self._sid(fields))

    def end(self, fields: dict[str, Any]) -> None:
        """The next refresh is refused."""
        self.issuer.revoke_refresh(self._sid(fields))

    def steal(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What a thief gets who has copied a session's refresh token, and what at a second attempt."""
        try:
            grant = self.issuer.steal(text(fields, "sid"))
        except InvalidGrant as exc:
            return error_body(exc.error, exc.description)
        return {"expires_in": grant.expires_in}  # and not the tokens: the page is not the thief

    def lifetime(self, fields: dict[str, Any]) -> None:
        """Seconds that access tokens minted from now on live; with `sid`, only that session's next one."""
        seconds, sid = whole(fields, "seconds", low=1, high=1e8), self._sid(fields)
        if sid is None:
            self.issuer.access_lifetime = seconds
        else:
            self.issuer.shorten_next(sid, seconds)

    def skew(self, fields: dict[str, Any]) -> None:
        """How many seconds the server's clock is ahead of the machine's: time passes without waiting."""
        self.lab.skew = number(fields, "seconds", low=-1e9, high=1e9)

    def add_fault(self, fields: dict[str, Any]) -> None:
        """The fields of `Fault`, as JSON."""
        if unknown := fields.keys() - Fault.__dataclass_fields__.keys():
            refuse(400, f"unknown fields: {', '.join(sorted(unknown))}"[:200])
        kind, path = text(fields, "kind"), text(fields, "path")
        if kind not in FAULT_KINDS:
            refuse(400, f"'kind' must be one of: {', '.join(FAULT_KINDS)}")
        if not path.startswith(("/auth/", "/api/")):
            refuse(400, "'path' must begin with /auth/ or /api/")
        status = whole(fields, "status", 503 if kind == "status" else 200, low=200, high=599)
        if kind in ("status", "html", "endless") and status in BODILESS:
            refuse(400, f"an answer with status {status} has no body: say 'empty' as its 'kind'")
        fault = Fault(
            path=path,
            kind=kind,
            times=whole(fields, "times", 1, low=1, high=1e6),
            seconds=number(fields, "seconds", 0, low=0, high=600),
            after=flag(fields, "after"),
            status=status,
            retry_after=header_value(fields, "retry_after"),
            challenge=header_value(fields, "challenge"),
            body=json_text(fields, "body", error_body("temporarily_unavailable", "a fault on demand")),
            sid=self._sid(fields),
        )
        self.lab.faults.append(fault)

    async def clear_faults(self, request: Request) -> Response:
        """Forgets the faults, and releases what they hold; with `?sid=`, forgets those of one session only."""
        require_same_origin(request)
        if sid := request.query_params.get("sid"):
            self.lab.faults[:] = [fault for fault in self.lab.faults if fault.sid != sid]
            return Response(status_code=204)
        self.lab.faults.clear()
        self.lab.release()
        return Response(status_code=204)

    async def held(self, request: Request) -> Response:
        """Answers when `count` requests are held, so a test needs no sleep; 504 after `seconds`."""
        count = whole(request.query_params, "count", 1, low=0, high=1e6)
        seconds = number(request.query_params, "seconds", 10, low=0, high=600)
        if not await self.lab.wait_until_held(count, seconds=seconds):
            refuse(504, f"only {self.lab.held} of {count} requests are held")
        return JSONResponse({"held": self.lab.held})

    def release(self, fields: dict[str, Any]) -> dict[str, int]:
        """Lets every held request go on; with `abandon` its connection is closed instead."""
        return {"released": self.lab.release(abandon=flag(fields, "abandon"))}

    def _sid(self, fields: dict[str, Any]) -> str | None:
        return text(fields, "sid") if "sid" in fields else None


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
