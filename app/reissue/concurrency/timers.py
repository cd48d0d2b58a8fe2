"""Limits in time that a browser's timers can keep.

`setTimeout` counts milliseconds in 32 bits (HTML standard, 'timers'): a timer of more than 24.8 days fires at once, and
Pyodide's loop from 314 on fires it after 24.8 days. So a long delay is cut into pieces (T10). And that loop refuses a
timer whose time has passed before it is set, which happens if the machine pauses for a millisecond in between. So a
limit below 20 ms passes at once, without a timer.

A page may be frozen, and its timers with it. When it goes on, a timer that is overdue may run before an answer that has
come meanwhile. So the last part of a limit may be a timer of its own, which is set only then.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

LONGEST_TIMER = 86_400.0
"""Seconds. A day, far below the limit."""
SHORTEST_TIMER = 0.02
"""Seconds."""


def time_limit(seconds: float | None, *, awake: float = 0) -> AbstractAsyncContextManager[object]:
    """`asyncio.timeout(seconds)`, of any length: raises TimeoutError in the block once they have passed; None is never.

    The page runs for the last `awake` seconds of them, or for half of them if they are fewer.

    async with time_limit(30):
        await something()
    """
    if seconds is None:
        return asyncio.timeout(None)
    last = max(min(awake, seconds / 2), SHORTEST_TIMER)
    if seconds > (last + SHORTEST_TIMER if awake else LONGEST_TIMER):
        return _limit_in_pieces(seconds, last)
    return asyncio.timeout(seconds if seconds >= SHORTEST_TIMER else 0)


@asynccontextmanager
async def _limit_in_pieces(seconds: float, last: float) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    piece: asyncio.TimerHandle
    async with asyncio.timeout(None) as limit:

        def wait_on() -> None:
            nonlocal piece
            left = end - loop.time()
            if left >= last + SHORTEST_TIMER:
                piece = loop.call_later(min(left - last, LONGEST_TIMER), wait_on)
            else:
                limit.reschedule(loop.time() + max(left, last))

        piece = loop.call_later(min(seconds - last, LONGEST_TIMER), wait_on)
        try:
            yield
        finally:
            piece.cancel()
