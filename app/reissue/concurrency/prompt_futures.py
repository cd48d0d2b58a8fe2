"""Futures whose waiters go on in the turn that settles them, without waiting for the event loop.

A step of the event loop is slow in a page (a timer of the browser's and two proxies: bench/README.md). So each answer
has a *turn*: in it the request that gets the freed slot goes on, and then the task that awaited the answer.

Theory of operation:

1. A turn begins outside of any task, with no Python below it on the stack: asyncio lets no task run within another.
2. In the `with` block of a turn futures are settled; at its end their waiters go on, one after the other. A waiter may
   be suspended where it is (`run_sync`), so futures that are settled after the block don't belong to the turn.
3. Outside of a turn, waiters go on by the loop, as those of every future do. So do the waiters of a future that is
   cancelled, since a task cancels it.
4. In all else these futures are `asyncio.Future`: a task can await and cancel them.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

_Callback = Callable[[Any], object]
_Step = tuple[_Callback, Context, "asyncio.Future[Any]"]


class Turns:
    """The turns of one page, one at a time."""

    def __init__(self) -> None:
        self._line: list[_Step] | None = None  # what goes on at the end of the present turn; None outside of turns

    def future(self) -> "asyncio.Future[Any]":
        """A future of the running loop whose waiters go on in these turns."""
        return _PromptFuture(self)

    def turn(self) -> "Turns":
        """`with turns.turn()`: waiters of futures that are settled in the block go on at its end. Enter in no task."""
        return self

    def __enter__(self) -> None:
        self._line = []

    def __exit__(self, *_: object) -> None:
        line, self._line = self._line, None
        for callback, context, future in line or ():
            _run(callback, context, future)

    def go_on(self, callback: _Callback, context: Context, future: "asyncio.Future[Any]") -> None:
        """Call back at the end of the present turn, or else in the loop's next step."""
        if self._line is not None:
            self._line.append((callback, context, future))
        else:
            asyncio.get_running_loop().call_soon(callback, future, context=context)


def _run(callback: _Callback, context: Context, future: "asyncio.Future[Any]") -> None:
    """Call back as the event loop would."""
    try:
        context.run(callback, future)
    except (SystemExit, KeyboardInterrupt) as error:  # the loop's to handle
        asyncio.get_running_loop().call_soon(_raise, error)
    except Exception as error:  # of a plain callback: a task keeps its own errors
        report = {"message": "a callback of a future failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(report)


def _raise(error: BaseException) -> None:
    raise error


class _PromptFuture(asyncio.Future[Any]):
    def __init__(self, turns: Turns) -> None:
        super().__init__()  # of the running loop
        self._turns = turns
        self._waiters: list[tuple[_Callback, Context]] = []

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
        waiters, self._waiters = self._waiters, []
        for callback, context in waiters:
            self.get_loop().call_soon(callback, self, context=context)
        return True

    def _settled(self) -> None:
        waiters, self._waiters = self._waiters, []
        for callback, context in waiters:
            self._turns.go_on(callback, context, self)
