"""A caller's signal: the browser's AbortSignal, as plain Python sees it.

A signal that fires cancels the task that runs the request, as `asyncio.timeout` does. That stops the request wherever
it waits, in line or on the wire, and needs no task of its own.
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
        """Call `callback` when it fires; returns the function that unsubscribes."""
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
        # Code in this very task may have fired the signal. A task that cancels itself stops at its next await, which
        # may lie beyond this block: let the event loop cancel it.
        if asyncio.current_task() is task:
            pending.append(asyncio.get_running_loop().call_soon(abort))
        else:
            abort()

    pending: list[asyncio.Handle] = []
    unsubscribe = signal.subscribe(on_signal)
    try:
        yield
    except BaseException as error:
        # The request to cancel is undone however the block ends, or the caller's own timeouts would miscount theirs.
        alone = fired and task.uncancel() <= requests_before
        if alone and isinstance(error, asyncio.CancelledError):
            raise RequestAborted from None
        raise  # the task was also cancelled by other code, which takes precedence
    else:
        if fired:
            task.uncancel()
    finally:
        unsubscribe()
        for handle in pending:
            handle.cancel()
