"""For synchronous callers: tasks that start within the call that makes them."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def eager_task(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that has already run up to its first wait. Python 3.12 and later: every Pyodide since 0.26."""
    return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), eager_start=True)  # type: ignore[call-arg]
