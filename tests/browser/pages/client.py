"""What a test of many tabs runs in each of them: a client, and what it is told. Runs in the names of `blank.py`."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import reissue
import reissue.tabs.endpoint_lock

skew = 0.0
told: list[str] = []
tasks: "list[asyncio.Task[object]]" = []
news = asyncio.Event()


def tell(event: reissue.Event) -> None:
    match event:
        case reissue.SessionEvent(reason=None):
            told.append("started")
        case reissue.SessionEvent():
            told.append(f"ended {event.reason}")
        case reissue.RefreshEvent():
            told.append(f"refresh {event.phase.value}")
        case reissue.StoreEvent():
            told.append(f"store {event.phase.value}")
    news.set()


async def heard(word: str, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while word not in told:
            news.clear()
            await news.wait()


def connect(endpoint: str, **options: Any) -> reissue.Interceptor:
    client = reissue.connect("/api/", endpoint=reissue.Endpoint(endpoint), clock=lambda: time.time() + skew, **options)
    client.on(tell)
    return client


async def outcome(call: Awaitable[Any]) -> object:
    """Its status, its value or the name of its error: Pyodide's loop prints an error that nobody waits for yet."""
    try:
        result = await call
    except Exception as error:
        return type(error).__name__
    return getattr(result, "status", result)


def begin(call: Awaitable[Any]) -> None:
    tasks.append(asyncio.ensure_future(outcome(call)))


def start(client: reissue.Interceptor, count: int) -> None:
    for _ in range(count):  # past the cache: there a browser lets only one of several equal requests go at a time
        begin(client.fetch("/api/echo", cache="no-store"))


async def outcomes() -> list[object]:
    results = await asyncio.gather(*tasks)
    tasks.clear()
    return results


def settled() -> list[object]:
    done = [task.result() for task in tasks if task.done()]
    tasks[:] = [task for task in tasks if not task.done()]
    return done
