"""Futures whose waiters go on in the turn that settles them, without the loop's detour.

Where a loop's turn is dear (in a page it is a timer of the browser's and two proxies: bench/README.md), what an answer
sets going is done in the turn of the answer: whoever awaited it goes on, and so does whoever gets the slot that it
gave back.

Theory of operation:

1. asyncio lets no task run within another. So waiters stand in line, and go on one after the other when what runs has
   come to its next wait; the turn is over when the line is empty.
2. Only a turn's owner begins one, with no Python below it on the stack. Outside of any the waiters go on by the loop,
   as those of every future do; so do those of a future that is cancelled, for that is a task's doing.
3. A future of these is an `asyncio.Future` in all else, one that a task can await and cancel.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from functools import partial
from typing import Any


class Turns:
    """Turns of one page, one at a time."""

    def __init__(self) -> None:
        self._line: deque[Callable[[], object]] = deque()
        self._running = False

    def future(self) -> "asyncio.Future[Any]":
        """A future of the running loop, whose waiters go on in these turns."""
        return _PromptFuture(self)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The block, and all that it sets going. Nothing of Python's runs outside it now."""
        loop = asyncio.get_running_loop()
        self._running = True
        try:
            yield
            while self._line:
                step = self._line.popleft()
                try:
                    step()
                except (SystemExit, KeyboardInterrupt) as error:  # the loop knows what the page wants of them
                    loop.call_soon(_raise, error)
                except Exception as error:  # no task's, which keeps its own; reported as the loop would
                    loop.call_exception_handler({"message": "a callback of a future failed", "exception": error})
        finally:
            self._running = False

    def go_on(self, step: Callable[[], object]) -> None:
        """Do this in the turn that is on, or in the loop's next."""
        if self._running:
            self._line.append(step)
        else:
            asyncio.get_running_loop().call_soon(step)


def _raise(error: BaseException) -> None:
    raise error


class _PromptFuture(asyncio.Future[Any]):
    def __init__(self, turns: Turns) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._turns = turns
        self._waiters: list[tuple[Callable[[Any], object], Context | None]] = []

    def add_done_callback(self, callback: Callable[[Any], object], /, *, context: Context | None = None) -> None:
        if self.done():
            super().add_done_callback(callback, context=context)
        else:
            self._waiters.append((callback, context))

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
        for callback, context in self._waiters:
            self.get_loop().call_soon(callback, self, context=context)
        return True

    def _settled(self) -> None:
        for callback, context in self._waiters:
            step = partial(callback, self)
            self._turns.go_on(step if context is None else partial(context.run, step))
