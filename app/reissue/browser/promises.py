"""JavaScript's promises (wire.js) as Python's futures: each is settled by one call into Python.

Pyodide itself enters Python twice for a promise, with two proxies and a timer, which takes 130 to 160 µs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from pyodide.ffi import create_proxy

from ..concurrency.prompt_futures import Turns

turns_of_the_page = Turns()
"""The turns in which JavaScript tells what came of a request."""


class PromiseBridge:
    """The pending promises, by number. `teller` gives wire.js its one proxy, which lives as long as the page."""

    def __init__(self, teller: Any) -> None:
        self.turns = turns_of_the_page
        self._numbers = count()
        self._pending: dict[int, tuple[Any, Callable[[Any], object] | None]] = {}
        self._tell = teller(create_proxy(self._settle))

    @contextmanager
    def of(
        self, begin: Callable[..., Any], *arguments: Any, on_head: Callable[[Any], object] | None = None
    ) -> Iterator[tuple[Any, Any]]:
        """What `begin(number, tell, *arguments)` returns, and the future that `tell` settles until the block ends.

        `on_head` is called with the value before the waiting task goes on. It runs outside of any task, and must not
        wait.
        """
        number = next(self._numbers)
        future = self.turns.future()
        self._pending[number] = future, on_head
        try:
            yield begin(number, self._tell, *arguments), future
        finally:
            del self._pending[number]

    def _settle(self, number: int, value: Any, error: Any) -> None:
        future, on_head = self._pending.get(number, _NOTHING)
        if future is None or future.done():
            return
        enter(future.get_loop())
        with self.turns.turn():
            if error is not None:
                future.set_exception(error)
                return
            if on_head is not None:
                on_head(value)
            future.set_result(value)


_NOTHING = (None, None)


def enter(loop: Any) -> None:
    """Do what Pyodide's loop does before each callback: where stacks are switched, Python sees each as a thread."""
    for step in ("_install_running_loop", "_install_asyncgen_hooks"):
        getattr(loop, step, _nothing)()


def _nothing() -> None:
    pass
