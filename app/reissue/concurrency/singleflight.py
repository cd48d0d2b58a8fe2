"""One run at a time of a coroutine function, shared by all callers that want its result.

Theory of operation. The run is a task of its own, which no waiter owns:

1. A caller that joins while a run is on the way waits for that run; otherwise a new one starts.
2. Cancelling a waiter cancels that waiter only (Q11 in docs/contract.md): `asyncio.wait` leaves the task alone, where
   `await task` would take it along. It is used in place of `asyncio.shield`, which reports to the console if
   the run fails after a waiter has gone (CPython 3.14).
3. The slot is empty after any outcome: result, error or cancellation (Q12); after a cancellation at once, since the
   next caller may belong to another session.
4. An error that no waiter is left for is consumed: Pyodide's loop would print it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class FlightCancelled(Exception):
    """The shared run was cancelled. Its waiter was not, so this must not look like a `CancelledError`."""


class SingleFlight(Generic[T]):
    """A slot for one shared run."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None

    @property
    def running(self) -> bool:
        """Is a run on the way?"""
        return self._task is not None and not self._task.done()

    def start(
        self,
        run: Callable[[], Coroutine[Any, Any, T]],
        *,
        start_eagerly: "Callable[..., asyncio.Task[T]] | None" = None,
    ) -> asyncio.Task[T]:
        """Start `run()`, unless a run is on the way already; give the task of the one on the way.

        `start_eagerly` makes the task in place of `asyncio.create_task`.
        """
        task = self._task
        if task is None or task.done():
            task = self._task = (start_eagerly or asyncio.create_task)(run())
            task.add_done_callback(self._clear)
        return task

    async def join(self, run: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Wait for the run on the way, or for a new one; its result, or its error.

        Raises FlightCancelled if the run (not the waiter) is cancelled.
        """
        task = self.start(run)
        await asyncio.wait((task,))
        if task.cancelled():
            raise FlightCancelled
        return task.result()

    def cancel(self) -> None:
        """Cancel the run on the way, if there is one. Its waiters get FlightCancelled; the next caller starts anew."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def _clear(self, task: "asyncio.Task[T]") -> None:
        if self._task is task:  # a new run may have started between the end of this one and this callback
            self._task = None
        if not task.cancelled():
            task.exception()  # consumed: every waiter may be gone
