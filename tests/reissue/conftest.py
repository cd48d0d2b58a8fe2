import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from reissue import Credential, Event, Interceptor
from reissue.testing import Clock, FakeApi, Gate

from tests.reissue.origin import API as API
from tests.reissue.origin import COOKIE, TOKENS, Origin, Server
from tests.reissue.pages import Pages
from tests.reissue.virtual_time import VirtualTimeLoop

# A busy machine fails no test, and kills no mutant.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, type[VirtualTimeLoop]]:
    """Every test of the core runs on virtual time."""
    return {"virtual": VirtualTimeLoop}


@dataclass
class FakeEndpoint:
    """Grants `token-2`, `token-3`, … in turn, unless told to do otherwise."""

    gate: Gate | None = None
    failure: BaseException | None = None
    answer: Callable[[int], Credential] = field(
        default=lambda n: Credential(access_token=f"token-{n}", refresh_token=f"refresh-{n}", expires_in=300)
    )
    asked_with: list[Credential | None] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        return len(self.asked_with)

    async def __call__(self, credential: Credential | None) -> Credential:
        self.asked_with.append(credential)
        number = self.calls + 1
        if self.gate is not None:
            await self.gate.passed()
        else:
            await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        granted = self.answer(number)
        self.granted.append(granted.access_token)
        return granted


@dataclass
class World:
    """An interceptor with everything around it faked."""

    clock: Clock
    server: FakeApi
    endpoint: FakeEndpoint
    events: list[Event]
    make: Callable[..., Interceptor]

    def __post_init__(self) -> None:
        self.api = self.make()

    async def signed_in(self, token: str = "token-1", **fields: Any) -> Interceptor:
        await self.api.adopt(token, **{"refresh_token": "refresh-1", "expires_in": 300, **fields})
        return self.api

    def fetches(self, count: int, **options: Any) -> "list[asyncio.Task[Any]]":
        return [asyncio.create_task(self.api.fetch(f"{API}notes/{n}", **options)) for n in range(count)]


@asynccontextmanager
async def clean_console(clients: Collection[Interceptor] = ()) -> AsyncIterator[None]:
    """Close these clients at the end. Fail if the event loop has reported an error that nobody retrieved (X6)."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    yield
    for api in clients:
        await api.close()
    await asyncio.sleep(0)
    assert not reported, "the console must stay clean (X6)"


@pytest.fixture
def longest_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the random pause before a refresh be as long as it may."""
    monkeypatch.setattr("os.urandom", lambda count: b"\xff" * count)


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    clock, server, endpoint = Clock(), FakeApi(accepts="token-2"), FakeEndpoint()
    events: list[Event] = []
    made: list[Interceptor] = []

    def make(**options: Any) -> Interceptor:
        settings: dict[str, Any] = {"audience": API, "endpoint": endpoint, "clock": clock, **options}
        api = Interceptor(settings.pop("transport", server), **settings)
        api.on(events.append)
        made.append(api)
        return api

    async with clean_console(made):
        yield World(clock, server, endpoint, events, make)


@pytest_asyncio.fixture(params=[COOKIE, TOKENS])
async def origin(request: pytest.FixtureRequest) -> AsyncIterator[Origin]:
    origin = Origin(Server(request.param), Clock(), Pages())
    async with clean_console():
        yield origin
        for tab in origin.tabs:
            await tab.api.close()


async def outcome(awaitable: Awaitable[Any]) -> Any:
    """The result, or the error, of an awaitable."""
    try:
        return await awaitable
    except Exception as error:
        return error
