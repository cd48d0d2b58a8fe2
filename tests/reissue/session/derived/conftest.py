"""An API and two more, in one session: an access token for each, and one refresh token (RFC 8707)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from reissue import (
    Interceptor,
    Request,
    Response,
    StepUp,
)
from reissue.http.messages import Transport
from reissue.session.session import Session
from reissue.tokens.credentials import Credential

from tests.reissue.bound import API, Bound
from tests.reissue.conftest import clean_console

NOTES, FILES, MAPS = API + "notes", "https://files.test/", "https://maps.test/"


def presented_by(session: Session) -> Credential:
    """What this session would present next."""
    return session.holding.with_latest_refresh_token


class World(Bound):
    def __init__(self, *, cookie: bool = False, proofs: bool = False) -> None:
        options: dict[str, Any] = {} if proofs else {"proofs": None}
        super().__init__(cookie=cookie, **options)
        self.server.bound = proofs
        self.server.resources |= {FILES, MAPS}
        self.files = self.resource()

    def answers_with(self, answer: Response | None) -> None:
        """Let the endpoint answer so, or as it is."""
        source: Any = self.api._lifecycle.sessions.calls.tokens
        self.in_vain = 0

        async def answered(request: Request) -> Response:
            if answer is None:
                return await self.transport(request)
            self.in_vain += 1
            return answer

        source._grants = answered

    def steps_up(self, acr: str = "gold") -> list[StepUp]:
        """Connect anew, with an app that signs in more strongly; what it was asked for."""
        asked: list[StepUp] = []

        async def step_up(wanted: StepUp) -> dict[str, str]:
            asked.append(wanted)
            return {"username": "ada", "password": "lovelace", "acr": acr}

        self.step_up = step_up
        self.api = self.connect(step_up=step_up, **({} if self.server.bound else {"proofs": None}))
        self.files = self.resource()
        return asked

    def resource(self, of: Interceptor | None = None, resource: str = FILES, **options: Any) -> Interceptor:
        return (of or self.api).for_resource(resource, resource=resource, **options)

    def asked(self, path: str) -> int:
        return [asked for asked, _, _ in self.server.asked].count(path)

    def presented(self) -> list[str]:
        return [fields["refresh_token"] for fields in self.server.fields if "refresh_token" in fields]


@pytest_asyncio.fixture(params=["tokens", "cookie", "proofs"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    world = World(cookie=request.param == "cookie", proofs=request.param == "proofs")
    async with clean_console(world.made):
        yield world


@pytest_asyncio.fixture
async def tokens() -> AsyncIterator[World]:
    world = World()
    async with clean_console(world.made):
        yield world


def delayed(transport: Transport, seconds: float) -> Transport:
    async def send(request: Request) -> Any:
        await asyncio.sleep(seconds)
        return await transport(request)

    return send


def statuses(outcomes: list[Any]) -> list[object]:
    return [getattr(outcome, "status", type(outcome)) for outcome in outcomes]
