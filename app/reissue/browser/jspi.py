"""Synchronous code that waits: the browser suspends it (JSPI, JavaScript promise integration), or it can't wait."""

import gc
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from pyodide import ffi

from ..errors import WouldBlock
from ..http.messages import Request
from ..interceptor import Interceptor
from ..sending.attempts import Attempts
from .eager_tasks import eager_task

T = TypeVar("T")


def attempts_of(api: Interceptor, request: Request, *, bounded: bool = True) -> Attempts | None:
    """As `api.attempts`, for synchronous code: suspended if the browser can suspend it here, and else without waits."""
    can_suspend = ffi.can_run_sync()
    if can_suspend:
        hold_collector()
    return api.attempts(request, start_eagerly=None if can_suspend else eager_task, bounded=bounded)


def wait_for(step: Coroutine[Any, Any, T]) -> T:
    """The result of a step of `Attempts`. Raises WouldBlock if it has to wait, and this code can't be suspended."""
    if ffi.can_run_sync():
        result: T = ffi.run_sync(step)
        return result
    task = eager_task(step)
    if not task.done():
        task.cancel()
        raise WouldBlock(
            "this synchronous request has to wait, which this browser can't do: await api.renew() or api.resume() first"
        )
    return task.result()


class _CollectorHeld:
    """`run_sync` with the cyclic garbage collector held while any stack is suspended.

    Pyodide 314.0.4 to 314.0.7 corrupt their memory if the collector runs meanwhile (pyodide/pyodide#6464).
    """

    def __init__(self, run_sync: Any) -> None:
        self._run_sync = run_sync
        self._suspended = 0
        self._was_on = False

    def __call__(self, awaitable: Any) -> Any:
        """As `pyodide.ffi.run_sync`."""
        if not self._suspended:
            self._was_on = gc.isenabled()
            gc.disable()
        self._suspended += 1
        try:
            return self._run_sync(awaitable)
        finally:
            self._suspended -= 1
            if not self._suspended and self._was_on:
                gc.enable()


def hold_collector() -> None:
    """Make every HTTP client that suspends hold the collector: those that look up `run_sync`, and httpx2, which keeps a
    reference to it.
    """
    if not isinstance(ffi.run_sync, _CollectorHeld):
        ffi.run_sync = _CollectorHeld(ffi.run_sync)
    keeper = sys.modules.get("httpx2_jsfetch")
    if keeper is not None and not isinstance(keeper.run_sync, _CollectorHeld):
        keeper.run_sync = ffi.run_sync  # type: ignore[attr-defined]
