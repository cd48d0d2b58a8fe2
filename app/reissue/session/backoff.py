"""When the endpoint may be asked again after a failure.

The server's Retry-After (RFC 9110 section 10.2.3) is kept to the second: until then callers get RefreshUnavailable at
once, with the seconds left. Without a Retry-After, a short pause with full jitter precedes the next attempt; it ends
early when the network is back.
"""

import asyncio
import os
from collections.abc import Callable
from math import ceil

from ..concurrency.timers import time_limit
from ..errors import RefreshUnavailable, ReissueError


def random_fraction() -> float:
    """A random number in [0, 1). From `os.urandom`: `random` would be one more import for every page."""
    return int.from_bytes(os.urandom(6)) / 2**48


class Backoff:
    """When the endpoint may be asked again.

    `wait()` pauses a new attempt after failures: between 0 and `base * 2 ** failures` seconds, at most `cap` ('full
    jitter'), so that a thousand pages don't come back in step. `retry_after` is what the server asked for: no attempt
    is made before, so callers get an error at once rather than wait.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        base: float = 0.5,
        cap: float = 8.0,
        fraction: Callable[[], float] = random_fraction,
    ) -> None:
        self._clock = clock
        self._base = base
        self._cap = cap
        self._fraction = fraction
        self._failures = 0
        self._asked_at = 0.0
        self._retry_after = 0.0
        self._awake = asyncio.Event()

    @property
    def retry_after(self) -> float:
        """Seconds of the server's Retry-After that are left; 0 if none are."""
        passed = self._clock() - self._asked_at
        return self._retry_after - passed if 0 <= passed < self._retry_after else 0.0

    @property
    def pause(self) -> float:
        """Seconds until even the longest pause would be over; for a caller that can't wait."""
        if not self._failures or self._awake.is_set():
            return 0.0
        passed, longest = self._clock() - self._asked_at, self._longest
        return longest - passed if 0 <= passed < longest else 0.0

    @property
    def _longest(self) -> float:
        return min(self._cap, self._base * 2.0 ** (self._failures - 1))

    def check(self) -> None:
        """Raise RefreshUnavailable while the server's Retry-After has not passed."""
        if wait := self.retry_after:
            raise RefreshUnavailable(
                f"the server asked to wait another {ceil(wait)} s: try again then", retry_after=wait
            )

    def failed(self, retry_after: float | None = None) -> None:
        """Count a failed attempt, with the server's Retry-After in seconds if there was one.

        An earlier one still holds: an attempt also fails by a token that the API rejects.
        """
        self._failures = min(self._failures + 1, 16)
        self._asked_at, self._retry_after = self._clock(), max(retry_after or 0.0, self.retry_after)
        self._awake.clear()

    def succeeded(self) -> None:
        """Forget all failures."""
        self._failures, self._retry_after = 0, 0.0

    def begin_anew(self) -> None:
        """The client now runs in another event loop (see `loop_watch`): the pause goes on."""
        last, self._awake = self._awake, asyncio.Event()
        if last.is_set():
            self._awake.set()

    def wake(self) -> None:
        """The network is back, or the page is visible again: don't pause the next attempt."""
        self._awake.set()

    async def wait(self) -> None:
        """Pause before the next attempt, if there were failures."""
        if not self._failures or self._awake.is_set():
            return
        try:
            async with time_limit(self._fraction() * self._longest):
                await self._awake.wait()
        except TimeoutError:
            pass


def unavailable(cause: Exception) -> RefreshUnavailable:
    """The error that a caller gets for a failed refresh. A foreign exception is not quoted: it may hold a secret."""
    if isinstance(cause, RefreshUnavailable):
        return cause
    if isinstance(cause, TimeoutError):
        return RefreshUnavailable("the endpoint did not answer within the deadline: try again later, or set deadline=")
    if isinstance(cause, ReissueError):
        return RefreshUnavailable(f"the refresh failed: {cause}")
    return RefreshUnavailable(f"the refresh failed: {type(cause).__name__}, which is chained as the cause")
