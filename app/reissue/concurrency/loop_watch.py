"""The event loop that a client runs in: one at a time.

Locks, timers and tasks belong to the loop that they were made in. A page has one loop, for good. Elsewhere each
`asyncio.run` makes a loop and closes it at its end, and a script, or an app's tests, may call it several times with one
client. Nothing runs in a closed loop any more, so what belonged to it is replaced, and the session goes on.
"""

import asyncio
import sys

from ..errors import ReissueError


class LoopWatch:
    """Notices that a client runs in another event loop than before."""

    __slots__ = ("_loop", "_one_for_good")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._one_for_good = sys.platform == "emscripten"  # a page's loops are all the browser's own, and never close

    def has_changed(self) -> bool:
        """Is the running loop another than at the last call? True once for each new loop.

        Raises ReissueError if the last loop is not closed: tasks of two loops would wait for each other's locks.
        """
        if self._one_for_good:
            return False
        loop = asyncio._get_running_loop()  # None outside of any
        last = self._loop
        if loop is last or loop is None:
            return False
        if last is not None and not last.is_closed():
            raise ReissueError(
                "this client is used in another event loop, which is not closed: "
                "one client belongs to one event loop, so make another for this one"
            )
        self._loop = loop
        return last is not None
