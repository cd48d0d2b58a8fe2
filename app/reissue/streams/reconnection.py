"""When a stream may connect again.

A stream that the server has closed connects again after the reconnection time (HTML standard, section 9.2.3): the
stream's own `retry`, or else three seconds. After failures the pause doubles each time, with jitter, so that a thousand
pages don't come back in step; it ends early when the network is back. The server's Retry-After (RFC 9110 section
10.2.3) is kept to the second.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from ..concurrency.timers import time_limit
from ..session.backoff import random_fraction

DEFAULT: Final = 3.0
"""Seconds, as in Chromium."""
SHORTEST_AFTER_FAILURE: Final = 0.5
"""Seconds. A stream with `retry: 0` doesn't hammer a server that is down."""
LONGEST: Final = 30.0
"""Seconds that failures alone can make a pause."""


class Reconnection:
    """The pauses of one stream. `fraction` returns a random number in [0, 1)."""

    def __init__(self, *, fraction: Callable[[], float] = random_fraction) -> None:
        self.retry = DEFAULT
        """The reconnection time, in seconds."""
        self._fraction = fraction
        self._failures = 0
        self._retry_after = 0.0
        self._awake: asyncio.Event | None = None

    def failed(self, retry_after: float | None = None) -> None:
        """Count a failed connection, with the server's Retry-After in seconds if there was one."""
        self._failures = min(self._failures + 1, 16)
        self._retry_after = retry_after or 0.0

    def succeeded(self) -> None:
        """The stream has brought something: forget all failures."""
        self._failures, self._retry_after = 0, 0.0

    @property
    def next_pause(self) -> float:
        """Seconds until the next connection; drawn anew each time."""
        if not self._failures:
            return self.retry
        doubled = max(self.retry, SHORTEST_AFTER_FAILURE) * 2.0 ** (self._failures - 1)
        jittered = min(doubled, LONGEST) * (1 + self._fraction()) / 2
        return max(jittered, self.retry, self._retry_after)

    def wake(self) -> None:
        """The network is back, or the page is visible again: end a pause that the server has not asked for."""
        if self._awake is not None and not self._retry_after:
            self._awake.set()

    async def pause(self) -> None:
        """Wait until the next connection may be made."""
        self._awake = asyncio.Event()
        try:
            async with time_limit(self.next_pause):
                await self._awake.wait()
        except TimeoutError:
            pass
        finally:
            self._awake = None
