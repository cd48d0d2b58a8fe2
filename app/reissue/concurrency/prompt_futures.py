"""Futures whose waiters go on in the turn that settles them, without the loop's detour.

Where a loop's turn is dear (in a page it is a timer of the browser's and two proxies: bench/README.md), an answer has a
turn of its own: whoever gets the slot that it gives back goes on in it, and then whoever awaited it.

Theory of operation:

1. Only what is no task begins a turn, with no Python below it on the stack: asyncio lets no task run within another.
2. First all is settled, and then those who waited go on, one after the other. Any of them may be suspended where it is
   (`run_sync`), so nothing that is settled later, by whomever, belongs to the turn.
3. Outside of any the waiters go on by the loop, as those of every future do; so do those of a future that is cancelled,
   for that is a task's doing.
4. A future of these is an `asyncio.Future` in all else, one that a task can await and cancel.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import partial
from typing import Any

Step = Callable[[], object]


class Turns:
    """Turns of one page, one at a time."""

    def __init__(self) -> None:
        self._line: list[Step] | None = None  # of the turn that is on

    def future(self) -> "asyncio.Future[Any]":
        """A future of the running loop, whose waiters go on in these turns."""
        return _PromptFuture(self)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Whoever waits for what is settled in the block goes on at its end. No task runs now."""
        self._line = line = list[Step]()
        try:
            yield
        finally:
            self._line = None
            for step in line:
                _do(step)

    def go_on(self, step: Step) -> None:
        """Do this at the end of the turn that is on, or in the loop's next."""
        if self._line is not None:
            self._line.append(step)
        else:
            asyncio.get_running_loop().call_soon(step)


def _do(step: Step) -> None:
    """As the loop does it."""
    try:
        step()
    except (SystemExit, KeyboardInterrupt) as error:  # the loop knows what the page wants of them
        asyncio.get_running_loop().call_soon(_raise, error)
    except Exception as error:  # no task's, which keeps its own
        context = {"message": "a callback of a future failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


def _raise(error: BaseException) -> None:
    raise error


class _PromptFuture(asyncio.Future[Any]):
    def __init__(self, turns: Turns) -> None:
        super().__init__()  # of the running loop
        self._turns = turns
        self._waiters: list[tuple[Callable[[Any], object], Context]] = []

    def add_done_callback(self, callback: Callable[[Any], object], /, *, context: Context | None = None) -> None:
        if self.done():
            super().add_done_callback(callback, context=context)
        else:
            self._waiters.append((callback, copy_context() if context is None else context))

    def remove_done_callback(self, callback: Callable[[Any], object], /) -> int:
        kept = [waiter for waiter in self._waiters if waiter[0] != callback]
        removed = len(self._waiters) - len(kept)
        self._waiters = kept
        return removed

    def set_result(self, result: Any, /) -> None:
        super().set_result(result)
        self._settled()

    def set_exception(self, exception: type | BaseException, /) -> None:
        super().set_exception(exception)
        self._settled()

    def cancel(self, msg: Any | None = None) -> bool:
        if not super().cancel(msg):
            return False
        for callback, context in self._taken():
            self.get_loop().call_soon(callback, self, context=context)
        return True

    def _settled(self) -> None:
        for callback, context in self._taken():
            self._turns.go_on(partial(context.run, callback, self))

    def _taken(self) -> list[tuple[Callable[[Any], object], Context]]:
        taken, self._waiters = self._waiters, []
        return taken
