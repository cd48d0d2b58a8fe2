"""A window of its own in which the user signs in, and the page that it comes back to.

Theory of operation:

1. The server sends the window back to a page of this origin: `reissue-popup.html`, or a page in which Python runs. That
   hands over the query of its URL, over a channel whose name holds the `state`, which nobody else knows. The channel
   is a BroadcastChannel, and reaches this page also where a Cross-Origin-Opener-Policy, of this page or of the
   server's, has cut the two windows off from each other. Where storage is partitioned, in a frame of another site, a
   message to the window's opener does; it counts if it comes from this origin, and for this `state`.
2. The window closes itself once this page has confirmed that it has the answer.
3. Whether the user has closed the window can't be seen where the two are cut off: it looks closed from the start. So it
   counts as closed if it looks so and the user is back here: the page gets the focus, a click or a key. If the user
   never comes back, it does after `PATIENCE`.
"""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs

import js

from ..concurrency.timers import time_limit
from ..errors import GrantRefused, PopupBlocked
from .interop import js_object, listen

FEATURES: Final = "popup,width=520,height=680"
GRACE: Final = 1.0
"""Seconds for an answer that is on its way when the user is back."""
PATIENCE: Final = 300.0
"""Seconds for which a window that looks closed may still bring an answer."""
_LOOKS: Final = 0.5  # seconds between two looks at the window
_TAKEN: Final = "taken"


def channel_name(state: str) -> str:
    """The name of the channel for the answer with this `state`."""
    return f"reissue:popup {state}"


class PagePopup:
    """A window that is open, and empty. Raises PopupBlocked if the browser does not open it."""

    def __init__(self) -> None:
        window = js.open("about:blank", "_blank", FEATURES)
        if not hasattr(window, "closed"):  # null, which is None up to Pyodide 0.27
            raise PopupBlocked
        self._window = window
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._back = asyncio.Event()
        self._here_at = -math.inf  # when the user last did something in this page

    async def answer(self, url: str, state: str) -> str:
        """Show this URL, and wait for the query that the server sends the user back with."""
        channel = js.BroadcastChannel.new(channel_name(state))
        stops = [
            listen(channel, "message", lambda event: self._take(event.data, state, channel)),
            listen(js.globalThis, "message", lambda event: self._take_from_window(event, state)),
            listen(js.document, "visibilitychange", lambda _: self._look()),
            *(listen(js.globalThis, kind, lambda _: self._look()) for kind in ("focus", "pointerdown", "keydown")),
        ]
        watching = asyncio.ensure_future(self._watch())
        try:
            if self._window.closed:  # before anything was shown, when nothing can have cut it off
                self._fail()
            else:
                self._window.location.replace(url)
            return await self._answer
        finally:
            watching.cancel()
            for stop in stops:
                stop()
            channel.close()

    def close(self) -> None:
        """Close the window."""
        self._window.close()
        self._fail()

    def _take(self, query: Any, state: str, channel: Any) -> None:
        if self._is_answer(query, state):
            channel.postMessage(_TAKEN)

    def _take_from_window(self, event: Any, state: str) -> None:
        if event.origin == js.location.origin and self._is_answer(getattr(event.data, "reissue", None), state):
            event.source.postMessage(js_object({"reissue": _TAKEN}), event.origin)

    def _is_answer(self, query: Any, state: str) -> bool:
        """Is this the answer? Then it is taken."""
        if not isinstance(query, str) or parse_qs(query.removeprefix("?")).get("state") != [state]:
            return False
        if not self._answer.done():
            self._answer.set_result(query)
        return True

    def _look(self) -> None:
        """The user is here: is the window closed?"""
        if js.document.visibilityState == "visible":
            self._here_at = time.monotonic()
            if self._window.closed:
                self._back.set()

    async def _watch(self) -> None:
        """Give up once the window is closed, and no answer comes."""
        while not self._window.closed:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(_LOOKS)
        if time.monotonic() - self._here_at <= 2 * _LOOKS:
            self._back.set()  # the page may have got the focus before the window looked closed
        try:
            async with time_limit(PATIENCE):
                await self._back.wait()
            await asyncio.sleep(GRACE)
        except TimeoutError:
            pass
        self._fail()

    def _fail(self) -> None:
        if not self._answer.done():
            self._answer.set_exception(GrantRefused("popup_closed", "the user closed the window"))
            self._answer.exception()  # perhaps no caller waits for it


def hand_over(query: str, state: str) -> None:
    """This page is such a window: give its answer to the page that waits, and close once that has it."""
    channel = js.BroadcastChannel.new(channel_name(state))
    stops: list[Callable[[], None]] = []

    def taken(said: Any) -> None:
        if said == _TAKEN:
            for stop in stops:
                stop()
            channel.close()
            js.close()

    def from_opener(event: Any) -> None:
        if event.origin == js.location.origin:
            taken(getattr(event.data, "reissue", None))

    stops += [
        listen(channel, "message", lambda event: taken(event.data)),
        listen(js.globalThis, "message", from_opener),
    ]
    channel.postMessage(query)
    opener = js.opener
    if hasattr(opener, "postMessage"):
        opener.postMessage(js_object({"reissue": query}), js.location.origin)
