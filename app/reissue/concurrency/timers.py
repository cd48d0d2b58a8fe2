"""Limits in time that a browser's timers can keep.

`setTimeout` counts milliseconds in 32 bits (HTML standard, 'timers'): a timer of more than 24.8 days fires at once, and
Pyodide's loop from 314 on fires it after 24.8 days. So a long delay is cut into pieces (T10). And that loop refuses a
timer whose time has passed before it is set, which happens if the machine pauses for a millisecond in between. So a
limit below 20 ms passes at once, without a timer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

LONGEST_TIMER = 86_400.0
"""Seconds. A day, far below the limit."""
SHORTEST_TIMER = 0.02
"""Seconds."""


def time_limit(seconds: float | None) -> AbstractAsyncContextManager[object]:
    """`asyncio.timeout(seconds)`, of any length: raises TimeoutError in the block once they have passed; None is never.

    async with time_limit(30):
        await something()
    """
    if seconds is None:
        return asyncio.timeout(None)
    if seconds <= LONGEST_TIMER:
        return asyncio.timeout(seconds if seconds >= SHORTEST_TIMER else 0)
    return _limit_in_pieces(seconds)


@asynccontextmanager
async def _limit_in_pieces(seconds: float) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    piece: asyncio.TimerHandle
    async with asyncio.timeout(None) as limit:

        def wait_on() -> None:
            nonlocal piece
            if end - loop.time() > LONGEST_TIMER:
                piece = loop.call_later(LONGEST_TIMER, wait_on)
            else:
                limit.reschedule(max(end, loop.time() + SHORTEST_TIMER))

        piece = loop.call_later(LONGEST_TIMER, wait_on)
        try:
            yield
        finally:
            piece.cancel()
