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

import asyncio
import errno
import hashlib
import itertools
import json
import os
import re
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import click
import h11
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from devserver.faults import BODILESS, FAULT_KINDS, Fault
from devserver.issuer import (
    Claims,
    Grant,
    InvalidGrant,
    InvalidToken,
    Issuer,
    RefreshTokenReused,
)
from devserver.keys import ALGORITHMS, SigningKey
from devserver.lab import Counters, Lab

FC = TypeVar("FC", bound=Callable[..., Any])
ROOT = Path(__file__).resolve().parent
COOKIE = "refresh_token"
IN_BODY = "/auth/body"
JSON_LIMIT, UPLOAD_LIMIT = 1024 * 1024, 8 * 1024 * 1024  # bytes


# --- Tokens: no HTTP in this part ---------------------------------------------------------------------------


# --- The laboratory: counters and faults --------------------------------------------------------------------


class Traffic:
    """ASGI middleware: counts requests as they arrive, and lets faults happen to them."""

    def __init__(self, app: ASGIApp, lab: Lab, issuer: Issuer) -> None:
        self.app = app
        self.lab = lab
        self.issuer = issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts, and goes on."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path = scope["path"]
        sid = scope[SESSION] = self._session(path, scope)
        if scope["method"] == "POST" and path in ("/auth/refresh", f"{IN_BODY}/refresh"):
            self.lab.count("refreshes_asked", sid)
        if not path.startswith("/api/"):
            return await self._go(scope, receive, send)

        async def watch(message: Message) -> None:
            if message.get("status") == 401:
                self.lab.count("api_401s", sid)
            await send(message)

        counted = self.lab.counted(sid)
        for counters in counted:
            counters.api_requests += 1
            counters.api_in_flight += 1
            counters.api_in_flight_max = max(counters.api_in_flight, counters.api_in_flight_max)
        try:
            await self._go(scope, receive, watch)
        finally:
            for counters in counted:
                counters.api_in_flight -= 1

    def _session(self, path: str, scope: Scope) -> str | None:
        """Whose request it is: by its bearer below `/api/`, by its cookie below `/auth/`."""
        if path.startswith("/api/"):
            return self.issuer.session_named_in(Headers(scope=scope).get("authorization", "").partition(" ")[2])
        if path.startswith("/auth/") and not path.startswith(f"{IN_BODY}/"):
            return self.issuer.session_of(Request(scope).cookies.get(COOKIE, ""))
        return None

    async def _go(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.lab.take_fault(scope["path"], scope[SESSION])
        if fault is None:
            return await self.app(scope, receive, send)
        answer: list[Message] = []

        async def keep(message: MutableMapping[str, Any]) -> None:
            answer.append(message)

        match fault.kind:
            case "delay" | "hold":
                if fault.after:
                    await self.app(scope, receive, keep)
                if fault.kind == "delay":
                    await self.lab.pause(fault.seconds)
                elif await self.lab.hold():
                    return await hang_up(scope, receive, NOT_HTTP)
                if not fault.after:
                    return await self.app(scope, receive, send)
                for message in answer:
                    await send(message)
            case "drop":
                await self.lab.pause(fault.seconds)
                await hang_up(scope, receive, NOT_HTTP)
            case "lost":
                await self.app(scope, receive, keep)
                await hang_up(scope, receive, NOT_HTTP)
            case "truncate":
                await self.app(scope, receive, keep)
                await send(answer[0])
                body = b"".join(message["body"] for message in answer[1:])
                await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                await hang_up(scope, receive)
            case "endless":
                await send({"type": "http.response.start", "status": fault.status, "headers": [(b"x-endless", b"1")]})
                for _ in range(64):
                    await send({"type": "http.response.body", "body": b"." * 65_536, "more_body": True})
                await self.lab.until_closed(receive)
                await hang_up(scope, receive)
            case "status":
                headers = {"Retry-After": fault.retry_after, "WWW-Authenticate": fault.challenge}
                given = {name: value for name, value in headers.items() if value is not None}
                await Response(fault.body, fault.status, given, "application/json")(scope, receive, send)
            case "html":
                page = "<!doctype html><title>Sign in</title><p>A proxy's page, where JSON was expected."
                await Response(page, fault.status, media_type="text/html")(scope, receive, send)
            case "empty":
                await Response(status_code=fault.status)(scope, receive, send)


HANG_UP, SESSION = "reissue.hang_up", "reissue.session"
# A browser silently sends a request again when a kept-alive connection closes before the first byte of the
# answer, a POST too: a refresh would be presented twice, and the page would never see the fault. Bytes that
# are no HTTP answer make it a failure at once: to Chromium and WebKit by the NUL, to Firefox by lengths that differ.
NOT_HTTP = b"HTTP/1.1 \0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"


class Protocol(H11Protocol):
    """uvicorn's HTTP/1.1 with the connection in reach: ASGI has no word for hanging up without an answer.

    And with a bound that uvicorn has no setting for: a request must have arrived, head and body, `patience` seconds
    after its first byte, the first one after the connection was made.
    """

    def __init__(self, *args: Any, headers: Mapping[str, str], patience: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.headers_of_all = headers
        self.patience = patience
        self.deadline: asyncio.TimerHandle | None = None
        self.kept_waiting = False

    def data_received(self, data: bytes) -> None:
        """Reads on, and begins or ends the wait for a whole request."""
        if self.kept_waiting:  # the wait begins anew
            self.kept_waiting = False
            self._end_wait()
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Goes on to the next request; half of it may be here."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        if self.conn.their_state is h11.SEND_BODY or (self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]):
            self._begin_wait()
        else:
            self._end_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the wait, too."""
        self._end_wait()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """uvicorn's answer to what is no HTTP, with the headers of every answer; nothing in the midst of another."""
        headers = {**self.headers_of_all, "Content-Type": "text/plain; charset=utf-8", "Connection": "close"}
        refusal = h11.Response(status_code=400, headers=list(headers.items()), reason="Bad Request")
        with suppress(h11.LocalProtocolError):
            for event in (refusal, h11.Data(data=msg.encode()), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _begin_wait(self) -> None:
        self.deadline = self.deadline or self.loop.call_later(self.patience, self._give_up)

    def _end_wait(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _give_up(self) -> None:
        self.deadline = None
        self.kept_waiting = self.flow.read_paused  # by us: a fault holds the request, and its body is not read
        if self.kept_waiting:
            return self._begin_wait()
        self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Puts the means to close the connection into the scope of each of its requests."""
        super().connection_made(transport)
        self._begin_wait()
        # asyncio sets this only where the listening socket names its protocol, and ours does not. Without it each
        # answer waits 40 ms for the acknowledgement of its head (Nagle's algorithm).
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        app = self.app

        def close(last_words: bytes) -> None:
            transport.write(last_words)
            transport.close()

        async def app_with_hang_up(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"] = {**scope.get("extensions", {}), HANG_UP: close}
            await app(scope, receive, send)

        self.app = app_with_hang_up


async def hang_up(scope: Scope, receive: Receive, last_words: bytes = b"") -> None:
    """Closes the connection, and waits until uvicorn knows it, so that it doesn't miss an answer."""
    scope["extensions"][HANG_UP](last_words)
    while (await receive())["type"] != "http.disconnect":
        pass


# --- Requests: what is read from them, and how they are refused ---------------------------------------------

Endpoint = Callable[[Request], Awaitable[Response]]
CODES = {
    400: "invalid_request",
    421: "unknown_host",
    403: "cross_origin",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    504: "timeout",
}


def refuse(status: int, description: str) -> NoReturn:
    """Ends the request with this status and an OAuth error body."""
    raise HTTPException(status, description)


def error_body(error: str, description: str) -> dict[str, str]:
    """The two members of RFC 6749 section 5.2."""
    return {"error": error, "error_description": description}


async def on_http_exception(_: Request, exc: Exception) -> Response:
    """Every refusal is JSON: a client that expects JSON meets nothing else."""
    assert isinstance(exc, HTTPException)
    code = CODES.get(exc.status_code, "invalid_request")
    return JSONResponse(error_body(code, exc.detail), exc.status_code, exc.headers)


async def on_invalid_grant(_: Request, exc: Exception) -> Response:
    """Why a sign-in or a refresh failed."""
    # RFC 6749 answers 400; servers with cookies answer 401, and that is what browser clients meet.
    # The cookie is left alone: when two pages race, the loser's refusal must not delete the winner's cookie.
    assert isinstance(exc, InvalidGrant)
    return JSONResponse(error_body(exc.error, exc.description), 401, {"Cache-Control": "no-store"})


async def on_invalid_token(_: Request, exc: Exception) -> Response:
    """The challenge of RFC 6750 section 3."""
    assert isinstance(exc, InvalidToken)
    challenge = f'Bearer realm="reissue", error="{exc.error}", error_description="{exc.description}"'
    return JSONResponse(error_body(exc.error, exc.description), 401, {"WWW-Authenticate": challenge})


async def on_failure(_: Request, __: Exception) -> Response:
    """A mistake of ours. Its traceback is in the log, and nothing of it in the answer."""
    return JSONResponse(error_body("server_error", "the server failed"), 500)


async def on_disconnect(_: Request, __: Exception) -> Response:
    """The client went away in the middle of its request; nobody reads this answer."""
    return Response(status_code=400)


def bounded(request: Request, limit: int) -> Request:
    """The same request; reading more than `limit` bytes of its body is refused with 413."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):  # Python refuses 5,000 digits
        refuse(413, f"the body is larger than {limit} bytes")
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > limit:
            refuse(413, f"the body is larger than {limit} bytes")
        return message

    return Request(request.scope, receive)


def media_type(request: Request) -> str:
    """Content-Type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def json_object(request: Request) -> dict[str, Any]:
    """The body as an object; 413, 415 or 400 for anything else."""
    if media_type(request) != "application/json":
        refuse(415, "the body must be application/json")
    body = await bounded(request, JSON_LIMIT).body()
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        refuse(400, "the body is not JSON")
    if not isinstance(value, dict):
        refuse(400, "the body must be a JSON object")
    return value


def text(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A string that is not empty, not huge, and can be sent back as UTF-8."""
    value = fields.get(name, default)
    if not isinstance(value, str) or not 0 < len(value) <= 10_000:
        refuse(400, f"'{name}' must be a string of 1 to 10000 characters")
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can spell half of a surrogate pair; UTF-8 can't
        refuse(400, f"'{name}' is not valid Unicode")
    return value


def number(fields: Mapping[str, Any], name: str, default: float | None = None, *, low: float, high: float) -> float:
    """A finite number within bounds, from JSON or from a query."""
    value = fields.get(name, default)
    if isinstance(value, str):  # of a query
        with suppress(ValueError):
            value = float(value)
    # Comparisons refuse NaN as well, which Python's JSON and float() accept.
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        refuse(400, f"'{name}' must be a number from {low:g} to {high:g}")
    return value


def whole(fields: Mapping[str, Any], name: str, default: int | None = None, *, low: float, high: float) -> int:
    """A whole number within bounds."""
    value = number(fields, name, default, low=low, high=high)
    if value != int(value):
        refuse(400, f"'{name}' must be a whole number")
    return int(value)


def header_value(fields: Mapping[str, Any], name: str) -> str | None:
    """What may stand in a header field (RFC 9110 section 5.5): printable ASCII; None if it is not there."""
    if fields.get(name) is None:
        return None
    value = text(fields, name)
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        refuse(400, f"'{name}' must be printable ASCII, without white space around it")
    return value


def json_text(fields: Mapping[str, Any], name: str, default: Any) -> bytes:
    """Any value, as the JSON that it is sent as."""
    try:
        return json.dumps(fields.get(name, default), allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # NaN, which Python's JSON accepts; half of a surrogate pair; too deep
        refuse(400, f"'{name}' can't be sent as JSON")


def flag(fields: Mapping[str, Any], name: str) -> bool:
    """True or false; false if it is not there."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        refuse(400, f"'{name}' must be true or false")
    return value


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


HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{0,5})?")


class KnownHosts:
    """ASGI middleware: refuses requests for names that are not this machine's.

    Another site may have pointed a name of its own at us (DNS rebinding): to the browser and to `require_same_origin`
    its page would be of our origin. An IP address can't be pointed anywhere. `*` among the names is every name.
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
