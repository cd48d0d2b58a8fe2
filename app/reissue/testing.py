"""Fakes for tests of this library and of apps that use it. Nothing here sleeps.

server = FakeServer()                                           # an API and its auth server
api = server.connect("/api/", endpoint=Endpoint("/auth"))       # in place of reissue.connect
await api.sign_in(username="ada", password="lovelace")
server.clock.advance(300)                                       # the access token has expired
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin

import jwt

from .endpoint import AnyEndpoint
from .http.messages import Request, Response
from .http.urls import Url, parse_url
from .interceptor import Interceptor
from .streams.streamed_response import StreamedResponse

__all__ = ["Clock", "FakeApi", "FakeServer", "Gate", "StreamedResponse", "settle"]


class Clock:
    """A clock that moves only by `advance`. Call it for the time in seconds."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move by so many seconds; a negative number sets the clock back."""
        self.now += seconds


class Gate:
    """Holds the tasks that come to it until it is opened, and says when a task has come."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._reached = asyncio.Event()
        self.waiting = 0

    async def passed(self) -> None:
        """Wait here until the gate is open."""
        self.waiting += 1
        self._reached.set()
        try:
            await self._open.wait()
        finally:
            self.waiting -= 1

    async def reached(self) -> None:
        """Wait until a task has come to the gate."""
        await self._reached.wait()

    def open(self) -> None:
        """Let every task pass, now and later."""
        self._open.set()


class FakeApi:
    """A transport in front of an API that accepts one bearer token, and remembers every request.

    `accepts` may be changed at any time. `gate` holds requests on the wire. `answer` replaces the answer to an
    accepted request.
    """

    def __init__(
        self,
        *,
        accepts: str = "new",
        gate: Gate | None = None,
        answer: Callable[[Request], Response] = lambda request: Response(200, {}, b"{}"),
    ) -> None:
        self.accepts = accepts
        self.gate = gate
        self.answer = answer
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        """Answer a request as the API would."""
        self.requests.append(request)
        if self.gate is not None:
            await self.gate.passed()
        else:
            await asyncio.sleep(0)  # a network is never instant: let other tasks run
        if _bearer(request) == self.accepts:
            return self.answer(request)
        return _REFUSED

    @property
    def tokens(self) -> list[str | None]:
        """The bearer token of each request, in order of arrival; None for a request without one."""
        return [_bearer(request) for request in self.requests]


class FakeServer:
    """A transport in front of an API and its auth server: grants tokens, rotates them, and punishes reuse.

    Below `url` it has what `Endpoint("/auth")` asks: `POST /auth/login`, `/auth/refresh`, `/auth/logout`. Everything
    else is the API, and needs a valid access token. Access tokens are JWTs that live for `lifetime` seconds by `clock`.
    A refresh token works once: presenting one that was used before ends its session (RFC 9700 section 4.14.2). It
    stands in a cookie, which this object keeps as a browser would; with `in_body` it stands in the bodies instead.

    May be changed at any time: `answer`, the API's answer to a request with a valid token (a `Response` or a
    `StreamedResponse`); `gate`, which holds refreshes; `trouble`, a Response or an OSError that every refresh meets in
    place of its answer, without an effect.
    It counts: `requests` to the API, in order of arrival; `refreshes`, how many were made; `reuses` of refresh tokens.
    """

    def __init__(
        self,
        url: str = "https://app.test/",
        *,
        clock: Clock | None = None,
        users: Mapping[str, str] = MappingProxyType({"ada": "lovelace"}),
        lifetime: int = 300,
        in_body: bool = False,
        gate: Gate | None = None,
        answer: Callable[[Request], Response] = lambda request: Response(200, {}, b"{}"),
    ) -> None:
        self.url = url
        self.clock = Clock() if clock is None else clock
        self.users = dict(users)
        self.lifetime = lifetime
        self.in_body = in_body
        self.gate = gate
        self.answer = answer
        self.trouble: Response | OSError | None = None
        self.cookie: str | None = None
        self.requests: list[Request] = []
        self.refreshes = 0
        self._grants = _Grants()

    @property
    def reuses(self) -> int:
        """How many refresh tokens were presented that had been used before."""
        return self._grants.reuses

    def connect(self, audience: str | Iterable[str] = "/api/", *, endpoint: AnyEndpoint, **options: Any) -> Interceptor:
        """A client as `reissue.connect` returns in a page at `url`, over this server. `options` are `Interceptor`'s."""
        settings: dict[str, Any] = {"clock": self.clock, "parse_url": self._parse_url, **options}
        return Interceptor(self, audience=audience, endpoint=endpoint, **settings)

    def revoke(self) -> None:
        """Reject the access tokens granted so far: the next requests meet a 401, and a refresh works."""
        self._grants.revoke()

    def end(self) -> None:
        """End every session: requests meet a 401, and the refresh is refused."""
        self._grants.end()

    async def __call__(self, request: Request) -> Response:
        """Answer a request as the server would."""
        call = urljoin(self.url, request.url).removeprefix(urljoin(self.url, "/auth/"))
        if request.method == "POST" and call in ("login", "refresh", "logout"):
            fields = json.loads(request.body or b"{}")
            # A browser adds its cookie when it sends the request, not when the server handles it.
            presented = fields.get("refresh_token") if self.in_body else self.cookie
            if call == "login":
                return await self._sign_in(fields)
            return await (self._refresh(presented) if call == "refresh" else self._sign_out(presented))
        self.requests.append(request)
        await asyncio.sleep(0)
        accepted = self._grants.accepts(_bearer(request), self.clock())
        return self.answer(request) if accepted else _REFUSED

    async def _sign_in(self, fields: Mapping[str, Any]) -> Response:
        await asyncio.sleep(0)
        user = fields.get("username")
        if user not in self.users or fields.get("password") != self.users[user]:
            return _NOT_GRANTED
        return self._granted(_Session(user))

    async def _refresh(self, presented: str | None) -> Response:
        self.refreshes += 1
        if self.gate is not None:
            await self.gate.passed()
        else:
            await asyncio.sleep(0)
        if isinstance(self.trouble, OSError):
            raise self.trouble
        if self.trouble is not None:
            return self.trouble
        if presented is None:
            return Response(204)
        session = self._grants.redeem(presented)
        return _NOT_GRANTED if session is None else self._granted(session)

    async def _sign_out(self, presented: str | None) -> Response:
        await asyncio.sleep(0)
        self._grants.sign_out(presented)
        self.cookie = None
        return Response(204)

    def _granted(self, session: "_Session") -> Response:
        now = int(self.clock())
        claims = {"sub": session.user, "iat": now, "exp": now + self.lifetime, "jti": secrets.token_urlsafe(9)}
        access_token = jwt.encode(claims, "a key that only this fake server knows", algorithm="HS256")
        refresh_token = self._grants.add(session, access_token, self.clock() + self.lifetime)
        body = {"access_token": access_token, "token_type": "Bearer", "expires_in": self.lifetime}
        if self.in_body:
            body["refresh_token"] = refresh_token
        else:
            self.cookie = refresh_token
        return _json(200, body)

    def _parse_url(self, text: str) -> Url:
        return parse_url(urljoin(self.url, text))


@dataclass(slots=True, eq=False)
class _Session:
    """One sign-in, at the server."""

    user: str
    newest: str = ""
    over: bool = False


class _Grants:
    """The tokens that the server has granted, and the session that each belongs to."""

    def __init__(self) -> None:
        self.reuses = 0
        self._sessions: dict[str, _Session] = {}  # by each refresh token that it was ever granted
        self._accepted: dict[str, tuple[_Session, float]] = {}  # by access token, with the time at which it expires

    def add(self, session: _Session, access_token: str, expires_at: float) -> str:
        """Grant this access token to a session. Returns the refresh token that takes the place of its last one."""
        self._accepted[access_token] = session, expires_at
        session.newest = secrets.token_urlsafe(16)
        self._sessions[session.newest] = session
        return session.newest

    def accepts(self, access_token: str | None, now: float) -> bool:
        """Is this access token accepted at that time?"""
        grant = self._accepted.get(access_token or "")
        return grant is not None and now < grant[1]

    def redeem(self, refresh_token: str) -> _Session | None:
        """The session that this refresh token renews; None if there is none. One that was used before ends it."""
        session = self._sessions.get(refresh_token)
        if session is None or session.over:
            return None
        if refresh_token != session.newest:
            self.reuses += 1
            self._end(session)
            return None
        return session

    def revoke(self) -> None:
        """Accept no access token granted so far."""
        self._accepted.clear()

    def sign_out(self, refresh_token: str | None) -> None:
        """End the session of this refresh token, if there is one."""
        if refresh_token in self._sessions:
            self._end(self._sessions[refresh_token])

    def end(self) -> None:
        """End every session."""
        self._accepted.clear()
        for session in self._sessions.values():
            session.over = True

    def _end(self, session: _Session) -> None:
        session.over = True
        self._accepted = {token: grant for token, grant in self._accepted.items() if grant[0] is not session}


def _bearer(request: Request) -> str | None:
    header = request.headers.get("Authorization")
    return header.removeprefix("Bearer ") if header else None


def _json(status: int, body: object) -> Response:
    return Response(status, {"Content-Type": "application/json"}, json.dumps(body).encode())


_REFUSED = Response(401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
_NOT_GRANTED = _json(401, {"error": "invalid_grant"})


async def settle(rounds: int = 50) -> None:
    """Let every task run until each waits for something outside: a gate, a timer. Takes no time."""
    for _ in range(rounds):
        await asyncio.sleep(0)
