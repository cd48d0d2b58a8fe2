"""JavaScript's promises (wire.js) as Python's futures: each is settled by one call into Python.

Pyodide itself enters Python twice for a promise, with two proxies and a timer, which takes 130 to 160 µs.
"""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

from pyodide.ffi import create_proxy

from ..concurrency.prompt_futures import Turns

turns_of_the_page = Turns()
"""The turns in which JavaScript tells what came of a request."""


class PromiseBridge:
    """The promises of `wire` (wire.js) that are pending, by number. Its one proxy lives as long as the page."""

    def __init__(self, wire: Any) -> None:
        self.turns = turns_of_the_page
        self._numbers = count()
        self._pending: dict[int, tuple[asyncio.Future[Any], Callable[[int], object] | None]] = {}
        self._tell = wire.teller(create_proxy(self._settle))
        # Looked up once: each look makes another proxy.
        self.send, self.read, self.read_within, self.read_next = wire.send, wire.read, wire.readWithin, wire.readNext
        self.discard = wire.discard

    def start(
        self, begin: Callable[..., Any], *arguments: Any, on_head: Callable[[int], object] | None = None
    ) -> tuple[Any, "asyncio.Future[Any]"]:
        """What `begin(number, tell, *arguments)` returns, and the future that `tell` settles, in a later turn.

        `on_head` is called with the status of a response before the waiting task goes on. It runs outside of any task,
        and must not wait.
        """
        number = next(self._numbers)
        begun = begin(number, self._tell, *arguments)
        future = self.turns.future()
        self._pending[number] = future, on_head
        return begun, future

    def _settle(self, number: int, value: Any, error: Any, status: Any = None) -> None:
        future, on_head = self._pending.pop(number)
        if future.done():  # its task was cancelled
            return
        enter(future.get_loop())
        with self.turns.turn():
            if error is not None:
                future.set_exception(error)
                return
            if on_head is not None and status is not None:  # a fetch that a script has wrapped may give anything
                on_head(status)
            future.set_result(value)


def enter(loop: Any) -> None:
    """Do what Pyodide's loop does before each callback: where stacks are switched, Python sees each as a thread."""
    for step in ("_install_running_loop", "_install_asyncgen_hooks"):
        getattr(loop, step, _nothing)()


def _nothing() -> None:
    pass
