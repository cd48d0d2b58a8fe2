"""IndexedDB, the browser's store that workers have as well: its events as awaitables."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import js

from .interop import listen

PATIENCE = 10.0
"""Seconds within which the browser must answer: its storage may never do so (WebKit bug 226547)."""


@asynccontextmanager
async def opened(name: str, store: str) -> AsyncIterator[Any]:
    """The database of this name, with one object store. Raises JsException or OSError where it can't be opened.

    If the caller is cancelled meanwhile, it is still opened, and then closed. Otherwise it would be made without its
    object store, or stay open and block whoever deletes it.
    """
    opening = asyncio.ensure_future(_opened(name, store))
    try:
        await asyncio.wait((opening,))
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise
    database = opening.result()
    try:
        yield database
    finally:
        database.close()


async def _opened(name: str, store: str) -> Any:
    databases = getattr(js, "indexedDB", None)
    if databases is None:
        raise OSError("there is no IndexedDB here")
    request = databases.open(name, 1)
    stop_listening = listen(request, "upgradeneeded", lambda _: request.result.createObjectStore(store) and None)
    try:
        await settled(request, "success", "error")
    finally:
        stop_listening()
    return request.result


def _close(opening: "asyncio.Future[Any]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def found(database: Any, store: str, key: str) -> Any:
    """What is stored under this key; None if nothing is."""
    request = database.transaction(store).objectStore(store).get(key)
    await settled(request, "success", "error")
    return request.result


async def settled(target: Any, good: str, bad: str) -> None:
    """Wait for the first of two events. Raises OSError if `bad` comes."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(event: Any) -> None:
        if not over.done():
            if event.type == good:
                over.set_result(None)
            else:
                over.set_exception(OSError("the browser's IndexedDB failed"))

    stops = [listen(target, event, settle) for event in (good, bad)]
    try:
        await over
    finally:
        for stop in stops:
            stop()
