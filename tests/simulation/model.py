"""What the interceptor is simulated against: a server that rotates refresh tokens and punishes reuse, a browser with
one cookie jar and an unreliable wire between them, and a log of what arrived.

Everything is on virtual time, and every choice comes from the program that is run.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

API = "https://api.test/v1/"
AUTH = "https://api.test/auth/"
ACCESS_LIFE = 20.0


@dataclass
class Family:
    """The refresh tokens of one sign-in."""

    user: str
    current: str
    spent: set[str] = field(default_factory=set)
    alive: bool = True


@dataclass(frozen=True)
class Arrival:
    """A request to the API, as the server saw it."""

    request: str
    user: str | None
    signed_in: str | None  # whose session the page was in at that moment
    status: int


@dataclass
class Fault:
    """What the wire and the server do to the next call of one kind."""

    delay: float = 0.01
    kind: str = "none"  # none, unreachable, lost, 503, 429, html


class Server:
    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.families: list[Family] = []
        self.access: dict[str, tuple[Family, float]] = {}
        self.arrivals: list[Arrival] = []
        self.refusals = 0
        self.reused: list[str] = []
        self.minted = 0
        self.refused_tokens: set[str] = set()
        self.signed_in: Callable[[], str | None] = lambda: None

    def grant(self, family: Family) -> dict[str, Any]:
        self.minted += 1
        family.current = f"refresh-{self.minted}"
        token = f"access-{self.minted}-{family.user}"
        self.access[token] = (family, self.now() + ACCESS_LIFE)
        return {"access_token": token, "expires_in": ACCESS_LIFE}

    def sign_in(self, user: str) -> tuple[int, Family, dict[str, Any]]:
        family = Family(user, "")
        self.families.append(family)
        return 200, family, self.grant(family)

    def refresh(self, token: str | None) -> tuple[int, Family | None, dict[str, Any]]:
        family = next((f for f in self.families if token is not None and token in {f.current, *f.spent}), None)
        if family is None or not family.alive or token in family.spent:
            if family is not None and token in family.spent:
                family.alive = False  # the whole family goes
                self.reused.append(token or "")
            self.refusals += 1
            return 401, None, {"error": "invalid_grant"}
        family.spent.add(family.current)
        return 200, family, self.grant(family)

    def sign_out(self, token: str | None) -> None:
        for family in self.families:
            if token in {family.current, *family.spent}:
                family.alive = False

    def api(self, request: str, token: str | None) -> int:
        family, expires = self.access.get(token or "", (None, 0.0))
        status = 200 if family is not None and family.alive and self.now() < expires else 401
        if status == 401 and token:
            self.refused_tokens.add(token)
        user = token.rpartition("-")[2] if token else None
        self.arrivals.append(Arrival(request, user, self.signed_in(), status))
        return status


class Browser:
    """The transport: one cookie jar, faults on the way there and on the way back."""

    def __init__(self, server: Server, response: Callable[..., Any]) -> None:
        self.server = server
        self.response = response
        self.cookie: str | None = None
        self.api_faults: list[Fault] = []
        self.auth_faults: list[Fault] = []
        self.auth_calls = self.most_auth_calls = 0
        self.lost: set[str] = set()  # refresh tokens whose successor never reached the browser

    async def __call__(self, request: Any) -> Any:
        auth = request.url.startswith(AUTH)
        faults = self.auth_faults if auth else self.api_faults
        fault = faults.pop(0) if faults else Fault()
        if not auth:
            return await self.call_api(request, fault)
        self.auth_calls += 1
        self.most_auth_calls = max(self.most_auth_calls, self.auth_calls)
        try:
            return await self.call_auth(request, request.url.removeprefix(AUTH), fault)
        finally:
            self.auth_calls -= 1

    async def call_api(self, request: Any, fault: Fault) -> Any:
        if fault.kind == "unreachable":
            raise OSError("unreachable")
        token = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
        status = self.server.api(request.url.removeprefix(API), token)
        await asyncio.sleep(fault.delay)
        if fault.kind == "lost":
            raise OSError("connection reset")
        return self.response(status)

    async def call_auth(self, request: Any, call: str, fault: Fault) -> Any:
        await asyncio.sleep(fault.delay / 2)
        if fault.kind == "unreachable":
            raise OSError("unreachable")
        if fault.kind in ("503", "429"):
            return self.response(int(fault.kind), {"Retry-After": "3"} if fault.kind == "429" else {})
        if fault.kind == "html":
            return self.response(200, {"Content-Type": "text/html"}, b"<html>")
        answer: dict[str, Any] = {}
        sent, status, family = self.cookie, 204, None
        if call == "login":
            status, family, answer = self.server.sign_in(json.loads(request.body)["username"])
        elif call == "logout":
            self.server.sign_out(sent)
        else:
            status, family, answer = self.server.refresh(sent)
        cookie = family.current if family else None
        try:
            await asyncio.sleep(fault.delay / 2)
            if fault.kind == "lost":
                raise OSError("connection reset")
        except BaseException:  # an abort too: processed, and never delivered
            self.lost.add(sent or "")
            raise
        if cookie is not None or call == "logout":
            self.cookie = cookie
        return self.response(status, {}, json.dumps(answer).encode())
