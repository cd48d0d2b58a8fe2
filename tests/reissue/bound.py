"""A client of a server that binds its tokens to keys, everything in one process."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from reissue import Endpoint, Event, Interceptor, Request, Response
from reissue.sending.attempts import Attempts
from reissue.testing import Clock, Gate
from reissue.tokens.dpop import SignedProofs

from tests.servers.bound_server import BoundServer
from tests.servers.proof_checker import encoded

ORIGIN = "https://api.test"
API = f"{ORIGIN}/api/"


class SoftKey:
    """An ES256 key in memory. A gate holds its signatures."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.gate: Gate | None = None

    async def public(self) -> Mapping[str, str]:
        numbers = self._key.public_key().public_numbers()
        x, y = (encoded(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    async def sign(self, message: bytes) -> bytes:
        if self.gate is not None:
            await self.gate.passed()
        else:
            await asyncio.sleep(0)  # a promise of the browser's is never kept at once
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Bound:
    """One page and its server. `withheld` are header fields of answers that the page can't read (CORS).

    The answers to a path wait at its gate, if it has one in `gates`.
    """

    def __init__(self, *, cookie: bool = False, **options: Any) -> None:
        self.cookie: str | None = "" if cookie else None  # the refresh token, where it is in a cookie
        self.clock = Clock()
        self.server = BoundServer(clock=self.clock)
        self.key = SoftKey()
        self.withheld: set[str] = set()
        self.gates: dict[str, Gate] = {}
        self.events: list[Event] = []
        self.sent: list[Request] = []
        self.meanwhile: Callable[[Request], None] = lambda request: None
        self.made: list[Interceptor] = []
        self.api = self.connect(**options)

    def connect(self, **options: Any) -> Interceptor:
        settings: dict[str, Any] = {
            "audience": API,
            "endpoint": Endpoint(f"{ORIGIN}/auth", cookie=self.cookie is not None),
            "proofs": SignedProofs(self.key, clock=self.clock),
            "clock": self.clock,
            **options,
        }
        api = Interceptor(self.transport, **settings)
        api.on(self.events.append)
        self.made.append(api)
        return api

    async def transport(self, request: Request) -> Response:
        self.sent.append(request)
        await asyncio.sleep(0)
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        if self.cookie is not None and "/auth/" in request.url:
            body = json.dumps({**json.loads(body), "refresh_token": self.cookie}).encode()
        answer = self.server.answer(request.method, request.url, headers, body)
        if self.cookie is not None and "refresh_token" in answer.fields:
            self.cookie = answer.fields.pop("refresh_token")
        self.meanwhile(request)
        if (gate := self.gates.get(urlsplit(request.url).path)) is not None:
            await gate.passed()
        shown = {name: value for name, value in answer.headers.items() if name not in self.withheld}
        return Response(answer.status, shown, json.dumps(answer.fields).encode())

    async def signed_in(self, user: str = "ada", password: str = "lovelace") -> Interceptor:
        await self.api.sign_in(username=user, password=password)
        self.server.asked.clear()
        return self.api

    @asynccontextmanager
    async def sent_once(self, api: Interceptor, url: str) -> AsyncIterator[tuple[Attempts, Response]]:
        """A request whose body can be read once, and the answer to it."""
        attempts = api.attempts(Request(url, "POST", body=iter([b"part"])))
        assert attempts is not None
        with attempts:
            first = await attempts.first()
            yield attempts, await self.transport(Request(first.url, first.method, first.headers))

    @property
    def token(self) -> str:
        """The access token that was sent last."""
        return [r.headers["Authorization"].partition(" ")[2] for r in self.sent if "Authorization" in r.headers][-1]

    def refreshes(self) -> int:
        return [path for path, _, _ in self.server.asked].count("/auth/refresh")


class Busy(Bound):
    """Bearer tokens, from an endpoint that may be busy, or slow. While `gate` is closed, no answer arrives."""

    FILES, MAPS = "https://files.test/", "https://maps.test/"

    def __init__(self, **options: Any) -> None:
        super().__init__(proofs=None, **options)
        self.server.bound = False
        self.server.resources |= {self.FILES, self.MAPS}
        self.busy = False
        self.retry_after: str | None = "30"
        self.gate: Gate | None = None

    async def transport(self, request: Request) -> Response:
        if self.busy and request.url.endswith("/auth/refresh"):
            self.server.asked.append(("/auth/refresh", 429, ""))
            return Response(429, {} if self.retry_after is None else {"Retry-After": self.retry_after})
        answer = await super().transport(request)
        if self.gate is not None:
            await self.gate.passed()
        return answer
