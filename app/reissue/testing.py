"""Fakes for tests of this library and of apps that use it. Nothing here sleeps.

clock = Clock()
gate = Gate()
server = FakeApi(accepts="new")
api = Interceptor(server, audience="https://api.test/", endpoint=refresh, clock=clock)
"""

import asyncio
from collections.abc import Callable

from .messages import Request, Response

__all__ = ["Clock", "FakeApi", "Gate", "settle"]


class Clock:
    """A clock that moves when it is told to. Call it for the time in seconds."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move by so many seconds; negative ones set it back."""
        self.now += seconds


class Gate:
    """Holds whoever passes until it is opened, and tells when somebody stands before it."""

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
        """Wait until somebody has come to the gate."""
        await self._reached.wait()

    def open(self) -> None:
        """Let everybody pass, now and later."""
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
            await asyncio.sleep(0)  # a wire is never instant: let others run
        if request.headers.get("Authorization") == f"Bearer {self.accepts}":
            return self.answer(request)
        return Response(401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})

    @property
    def tokens(self) -> list[str | None]:
        """The bearer token of each request, in order of arrival; None for a request without one."""
        headers = [request.headers.get("Authorization") for request in self.requests]
        return [header.removeprefix("Bearer ") if header else None for header in headers]


async def settle(rounds: int = 50) -> None:
    """Let every task run until each waits for something outside: a gate, a timer. Takes no time."""
    for _ in range(rounds):
        await asyncio.sleep(0)
