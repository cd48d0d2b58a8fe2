"""A caller's signal: the browser's AbortSignal, as plain Python sees it.

A signal that fires cancels the task that runs the request, as `asyncio.timeout` does: that reaches it wherever it
waits, in the queue or on the wire, and costs no task of its own.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from ..errors import RequestAborted


class Signal(Protocol):
    """Something that fires at most once."""

    @property
    def aborted(self) -> bool:
        """Has it fired?"""
        ...

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when it fires; gives the function that unsubscribes."""
        ...


@contextmanager
def aborted_by(signal: Signal | None) -> Iterator[None]:
    """Run the block until it ends or `signal` fires; then raise RequestAborted in it. Inside a task only."""
    if signal is None:
        yield
        return
    if signal.aborted:
        raise RequestAborted
    task = asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    requests_before = task.cancelling()
    fired = False

    def abort() -> None:
        nonlocal fired
        if not fired:
            fired = True
            task.cancel()

    def on_signal() -> None:
        # A listener in this very task may have pulled the trigger. A task that cancels itself is stopped at its next
        # await, which may lie beyond this block: let it come from outside.
        if asyncio.current_task() is task:
            pending.append(asyncio.get_running_loop().call_soon(abort))
        else:
            abort()

    pending: list[asyncio.Handle] = []
    unsubscribe = signal.subscribe(on_signal)
    try:
        yield
    except BaseException as error:
        # Taken back however the block ends, or the caller's own timeouts would not know their cancellation again.
        alone = fired and task.uncancel() <= requests_before
        if alone and isinstance(error, asyncio.CancelledError):
            raise RequestAborted from None
        raise  # somebody else cancelled the task too: that goes first
    else:
        if fired:
            task.uncancel()
    finally:
        unsubscribe()
        for handle in pending:
            handle.cancel()
