"""One server that acts any row of `emulated`: it checks what it is sent, and answers as the row says.

What a row doesn't know is refused, and remembered as an objection: a test of a row fails if there is one.
`emulated_app` serves it on a socket, for pages; `/emulated/…` is for the test itself.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import jwt
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.emulated.rows import SERVERS, Api, Call, Said, Server

PASSWORD = "lovelace"
SECRET = "only-for-tests-and-long-enough-for-hs256"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass
class Session:
    """What one sign-in led to."""

    refresh: str
    alive: bool = True
    rejected: bool = False  # the API wants it to be refreshed, which only a cookie can't show by itself


@dataclass(frozen=True)
class Sent:
    """A request, as plain values; names of headers are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes


@dataclass
class Emulated:
    """A row in action. `refreshes` counts those that were granted; `told` holds the tokens of each sign-out."""

    server: Server
    clock: Callable[[], float] = time.time
    objections: list[str] = field(default_factory=list)
    refreshes: int = 0
    told: list[dict[str, str]] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)  # by refresh token, and by access token
    spent: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)
    expiries: dict[str, float] = field(default_factory=dict)  # by access token

    # What a test does to it

    def reject(self) -> None:
        """The API rejects the access tokens that there are, though they have not expired."""
        self.rejected |= set(self.expiries)
        for session in self.sessions.values():
            session.rejected = True

    def end(self) -> None:
        """No session that there is can be refreshed any more; the API rejects its tokens, too."""
        self.reject()
        for session in self.sessions.values():
            session.alive = False

    # What it is sent

    def answer(self, sent: Sent) -> tuple[Said, dict[str, Any]]:
        """The answer, and what its placeholders stand for."""
        api = self.server.api
        if sent.url == api.url:
            return self._api(api, sent)
        known = [call for call in self.server.calls if (call.method, call.url) == (sent.method, sent.url)]
        if not known:
            return self._object(f"{sent.method} {sent.url} is no address of this server")
        problems = []
        for call in known:
            found, problem = presented(call, sent)
            if problem is None:
                held, missing = matched(call.cookies, sent.cookies, "the cookies", exactly=False)
                if missing is not None:
                    return call.without_cookie or call.refused, {}
                return self._act(call, found | held)
            problems.append(problem)
        return self._object(f"{sent.method} {sent.url}: {' / '.join(problems)}")

    def _object(self, problem: str) -> tuple[Said, dict[str, Any]]:
        self.objections.append(problem)
        return Said(status=400, body={"error": "invalid_request", "error_description": problem}), {}

    def _act(self, call: Call, found: dict[str, str]) -> tuple[Said, dict[str, Any]]:
        if "password" in found:
            if (found["user"], found["password"]) != (self.server.user, PASSWORD):
                return call.refused, found
            session = Session(secrets.token_urlsafe(9))
            self.sessions[session.refresh] = session
            return call.granted, self._tokens(session)
        if call.does == "step":
            return call.granted, {"user": self.server.user, **found}
        held = found.get("access" if self.server.renews_by == "access" or "refresh" not in found else "refresh", "")
        session_held = self.sessions.get(held)
        if call.does == "sign_out":
            self.told.append(found)
            if session_held is None or held in self.spent:
                return call.refused, found
            session_held.alive = False
            self.reject()
            return call.granted, found
        expired = self.server.renews_by == "access" and self.expiries.get(held, 0) <= self.clock()
        if session_held is not None and held in self.spent:
            session_held.alive = False  # a refresh token that comes twice was stolen (RFC 9700 section 4.14.2)
        if session_held is None or not session_held.alive or expired:
            return call.refused, found
        self.refreshes += 1
        session_held.rejected = False
        if self.server.rotates:
            self.spent.add(held)
            session_held.refresh = secrets.token_urlsafe(9)
            self.sessions[session_held.refresh] = session_held
        return call.granted, self._tokens(session_held)

    def _tokens(self, session: Session) -> dict[str, Any]:
        now, life = self.clock(), self.server.life
        name = secrets.token_urlsafe(9)
        claims = {"sub": self.server.user, "iat": int(now), "exp": int(now) + life, "jti": name}
        access = f"CfDJ8{name}" if self.server.opaque else jwt.encode(claims, SECRET, algorithm="HS256")
        self.expiries[access] = now + life
        self.sessions[access] = session
        return {
            "user": self.server.user,
            "access": access,
            "refresh": session.refresh,
            "life": life,
            "expires_at": int(now) + life,
        }

    def _api(self, api: Api, sent: Sent) -> tuple[Said, dict[str, Any]]:
        tokens = {name: value for name, value in api.headers.items() if "{" in value}
        for name, value in api.headers.items():
            if name not in tokens and sent.headers.get(name) != value:
                return self._object(f"the API wants the header {name}")
        found, problem = matched(tokens, sent.headers, "the header", exactly=False)
        held, missing = matched(api.cookies, sent.cookies, "the cookies", exactly=False)
        if problem is not None or missing is not None:
            return api.rejected, {}
        if api.cookies:
            session = self.sessions.get(held["refresh"])
            accepted = session is not None and session.alive and not session.rejected
        else:
            token = found["access"]
            accepted = token not in self.rejected and self.expiries.get(token, 0) > self.clock()
        return (Said(body={"notes": []}), {}) if accepted else (api.rejected, {})


def presented(call: Call, sent: Sent) -> tuple[dict[str, str], str | None]:
    """What a request presents in the places of a call's placeholders, or what is wrong with the request."""
    headers = dict(call.headers)
    kind = sent.headers.get("content-type", "")
    if call.body is not None:
        media_type = {"json": "application/json", "form": "application/x-www-form-urlencoded"}[call.encoding]
        wanted = headers.pop("content-type", media_type)
        if kind.partition(";")[0].strip() != wanted:
            return {}, f"the body is {wanted}, not {kind!r}"
        body = dict(parse_qsl(sent.body.decode(), keep_blank_values=True)) if call.encoding == "form" else None
        if body is None:
            try:
                body = json.loads(sent.body)
            except ValueError:
                return {}, "the body is no JSON"
    else:
        body = json.loads(sent.body) if kind.startswith("application/json") and sent.body else None
        if body or (sent.body and body is None):
            return {}, f"the body is empty, not {sent.body!r}"
    found, problem = matched(headers, sent.headers, "the header", exactly=False)
    if problem is None and call.body is not None:
        more, problem = matched(call.body, body, "the body", exactly=True)
        found |= more
    return found, problem


def matched(wanted: Any, given: Any, where: str, *, exactly: bool) -> tuple[dict[str, str], str | None]:
    """What stands in the places of placeholders, or what differs. A member `name?` may be left out.

    `exactly`: there is nothing else.
    """
    found: dict[str, str] = {}
    if isinstance(wanted, Mapping):
        if not isinstance(given, Mapping):
            return {}, f"{where} is an object, not {type(given).__name__}"
        for name, value in wanted.items():
            plain = name.rstrip("?")
            if plain not in given:
                if name == plain:
                    return {}, f"{where} lacks {name}"
                continue
            more, problem = matched(value, given[plain], f"{where}'s {plain}", exactly=exactly)
            if problem is not None:
                return {}, problem
            found |= more
        unknown = set(given) - {name.rstrip("?") for name in wanted}
        return found, f"{where} has {', '.join(sorted(unknown))}" if exactly and unknown else None
    if isinstance(wanted, str) and "{" in wanted:
        pattern = _PLACEHOLDER.sub(r"(?P<\1>[^ ]+)", re.sub(r"[.+?]", r"\\\g<0>", wanted))
        held = re.fullmatch(pattern, given) if isinstance(given, str) else None
        return (held.groupdict(), None) if held else ({}, f"{where} is {wanted}, not {given!r}")
    return {}, None if wanted == given else f"{where} is {wanted!r}, not {given!r}"


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with values in place of its placeholders."""
    if isinstance(template, Mapping):
        return {name: filled(value, values) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, values) for value in template]
    if not isinstance(template, str):
        return template
    if template == "{life:text}":
        return str(values["life"])
    if template == "{life:ms}":
        return values["life"] * 1000
    if whole := _PLACEHOLDER.fullmatch(template):
        return values[whole[1]]
    return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), template)


class Switch:
    """The row that is acted now. `use` begins another one."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.acted = Emulated(SERVERS[0], clock)

    def use(self, name: str) -> Emulated:
        self.acted = Emulated(next(server for server in SERVERS if server.name == name), self.clock)
        return self.acted

    async def __call__(self, request: Request) -> Response:
        """An ASGI endpoint: any address. A page's request comes by way of loopback, and names its own host."""
        host = request.headers.get("x-emulated-host") or request.headers["host"]
        query = f"?{request.url.query}" if request.url.query else ""
        url = f"https://{host}{request.url.path}{query}"
        cookies = {name: unquote(value) for name, value in request.cookies.items()}
        sent = Sent(request.method, url, dict(request.headers), cookies, await request.body())
        said, values = self.acted.answer(sent)
        return response(said, values)

    async def control(self, request: Request) -> Response:
        match request.path_params["does"]:
            case "use":
                self.use(request.query_params["name"])
            case "reject":
                self.acted.reject()
            case "end":
                self.acted.end()
        acted = self.acted
        return JSONResponse({"objections": acted.objections, "refreshes": acted.refreshes, "told": acted.told})


def response(said: Said, values: Mapping[str, Any]) -> Response:
    """What goes over the wire."""
    body = filled(said.body, values)
    headers = {name: filled(value, values) for name, value in said.headers.items()}
    content = b"" if body is None else json.dumps(body).encode()
    if content:
        headers.setdefault("content-type", "application/json")
    made = Response(content, said.status, headers)
    for name, value in said.cookies.items():
        made.set_cookie(name, filled(value, values), httponly=True, secure=True, samesite="none")
    for name, value in said.open_cookies.items():
        made.set_cookie(name, filled(value, values), secure=True)
    return made


def emulation(clock: Callable[[], float] = time.time) -> tuple[Starlette, Switch]:
    """An ASGI application for any row, and what chooses the row."""
    switch = Switch(clock)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    made = Starlette(
        routes=[
            Route("/emulated/{does}", switch.control, methods=["GET"]),
            Route("/{path:path}", switch.__call__, methods=methods),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origin_regex=".*",
                allow_methods=["*"],
                allow_headers=["*"],
                allow_credentials=True,
                expose_headers=["Authorization"],
            )
        ],
    )
    return made, switch
