"""Tabs of one browser that are signed in together, a server that rotates refresh tokens, and a store."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from reissue import (
    Credential,
    GrantRefused,
    Interceptor,
    Request,
    Response,
    SessionPhase,
)
from reissue.testing import Clock, Gate, settle

from tests.reissue.pages import FakePeers, Pages

API = "https://api.test/v1/"
TOKENS, COOKIE = "tokens in the page", "a cookie"


@dataclass
class Server:
    """Rotates refresh tokens, and ends the session of whoever presents one twice."""

    mode: str
    gate: Gate | None = None
    on_the_way: float = 0.0  # seconds that an answer takes to the browser
    lost: int = 0  # answers that get lost after the rotation
    unreachable: bool = False
    refusing: Callable[[], None] = lambda: None
    graceful: bool = False  # a refresh token may be presented again
    user: str = "ada"
    opaque: bool = False  # its tokens do not name their user
    cookie: str | None = None
    current: str | None = None
    spent: set[str] = field(default_factory=set)
    access: set[str] = field(default_factory=set)
    minted: int = 0
    asked: int = 0
    reused: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)

    def grant(self) -> Credential:
        self.minted += 1
        if self.current:
            self.spent.add(self.current)
        self.current = f"refresh-{self.minted}"
        token = f"opaque-{self.minted}"
        if not self.opaque:
            claims = {"sub": self.user, "jti": str(self.minted)}
            token = jwt.encode(claims, "a key that is long enough for HS256", algorithm="HS256")
        self.access.add(token)
        held = self.current if self.mode == TOKENS else None
        return Credential(access_token=token, refresh_token=held, expires_in=300)

    async def refresh(self, credential: Credential | None) -> Credential:
        self.asked += 1
        presented = self.cookie if self.mode == COOKIE else (credential.refresh_token if credential else None)
        if self.gate is not None:
            await self.gate.passed()
        else:
            await asyncio.sleep(0.01)
        if self.graceful and presented in self.spent:
            self.spent.remove(presented)
            self.current = presented
        if presented in self.spent:
            self.reused += 1
            self.current = None
        if self.unreachable:
            raise OSError("no route")
        if presented is None or presented != self.current:
            self.refusing()
            raise GrantRefused("invalid_grant")
        granted = self.grant()
        # The browser sees this through, whatever becomes of the page (`keepalive`).
        await asyncio.shield(asyncio.create_task(self.land(self.current)))
        if self.lost:
            self.lost -= 1
            raise OSError("connection reset")
        return granted

    async def land(self, cookie: str | None) -> None:
        await asyncio.sleep(self.on_the_way)
        self.cookie = cookie

    async def api(self, request: Request) -> Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.requests.append((request.url, token))
        await asyncio.sleep(0.01)
        return Response(200 if token in self.access else 401)


@dataclass
class Tab:
    api: Interceptor
    peers: FakePeers
    events: list[Any]

    def fetches(self, count: int) -> "list[asyncio.Task[Any]]":
        return [asyncio.create_task(self.api.fetch(f"{API}notes/{n}")) for n in range(count)]

    def ends(self) -> list[Any]:
        return [e.reason for e in self.events if e.phase is SessionPhase.ENDED]

    def crash(self) -> None:
        self.peers.close()


@dataclass
class Origin:
    server: Server
    clock: Clock
    pages: Pages
    tabs: list[Tab] = field(default_factory=list)

    def open(self, **options: Any) -> Tab:
        peers = options.pop("peers", None) or self.pages.page()
        events: list[Any] = []
        settings = {"endpoint": self.server.refresh, "clock": self.clock, "peers": peers, **options}
        api = Interceptor(self.server.api, audience=API, **settings)
        api.on(events.append)
        self.tabs.append(Tab(api, peers, events))
        return self.tabs[-1]

    async def signed_in(self, tabs: int, **options: Any) -> list[Tab]:
        opened = [self.open(**options) for _ in range(tabs)]
        await self.sign_in(opened[0])
        await settle()
        return opened

    async def refreshing(self, tab: Tab, requests: int = 1) -> "tuple[Gate, list[asyncio.Task[Any]]]":
        """Requests of this tab over an expired token, and the gate at which their refresh waits."""
        self.clock.advance(301)
        gate = self.server.gate = Gate()
        waiting = tab.fetches(requests)
        await gate.reached()
        return gate, waiting

    def visited_before(self) -> None:
        """The browser has a cookie of an earlier visit."""
        self.server.grant()
        self.server.cookie = self.server.current

    async def sign_in(self, tab: Tab, user: str = "ada") -> None:
        self.server.user = user
        granted = self.server.grant()
        self.server.cookie = self.server.current
        await tab.api.adopt(granted.access_token, refresh_token=granted.refresh_token, expires_in=300)


class Shelf:
    """A store that several pages, or one after the other, read and write."""

    def __init__(self, *, own: bool = False) -> None:
        self.own = own
        self.text: str | None = None
        self.full = self.forbidden = False

    def read(self) -> str | None:
        if self.forbidden:
            raise PermissionError("storage is forbidden")
        return self.text

    def write(self, text: str | None) -> None:
        if self.forbidden or (self.full and text is not None):
            raise OSError("quota exceeded")
        self.text = text


class SlowShelf:
    """One page's view of a `Shelf` that answers later, as IndexedDB does."""

    own = False

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.seen: str | None = None
        self.loads = 0
        self.gate: Gate | None = None  # of reading
        self.writing: Gate | None = None

    async def load(self) -> None:
        self.loads += 1
        if self.gate is not None:
            await self.gate.passed()
        self.seen = self.shelf.read()

    async def stored(self) -> None:
        if self.writing is not None:
            await self.writing.passed()

    def read(self) -> str | None:
        return self.seen

    def write(self, text: str | None) -> None:
        if text is not None or self.seen == self.shelf.text:
            self.shelf.write(text)
        self.seen = text


class StuckShelf(SlowShelf):
    """One that does not answer in time, and does what it is asked to remove all the same."""

    async def load(self) -> None:
        raise TimeoutError("the browser is busy")

    def write(self, text: str | None) -> None:
        if text is not None:
            raise OSError("the browser is busy")
        self.shelf.text = None
