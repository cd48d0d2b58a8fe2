"""The other tabs of this origin, by Web Locks and a BroadcastChannel.

A tab advertises a sign by holding a shared lock whose name holds the sign. The browser's list of locks is in step with
what happened, and the locks of a tab that crashes vanish from it; messages guarantee neither.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from ..tabs.channel_lock import ChannelLockPeers
from ..tabs.peers import Peers
from .interop import listen
from .storage import PageStore

if TYPE_CHECKING:
    from .early_refresh import EarlyRefresh, EarlyTurn


def page_peers(name: str, early: "EarlyRefresh | None" = None) -> Peers | None:
    """The tabs of this origin that share the session of this `name`; None if the browser has no way to reach them.

    `early` may hold the lock for this tab already.

    Without Web Locks (a page that is not served over HTTPS) the channel replaces the lock (see `channel_lock`). Without
    a BroadcastChannel, tabs still take turns by the lock, and each refreshes for itself.
    """
    channel = PageChannel(f"reissue:{name}") if getattr(js, "BroadcastChannel", None) else None
    if getattr(js.navigator, "locks", None):
        return PagePeers(name, channel, early)
    return ChannelLockPeers(channel, clock=time.time) if channel else None


class PageChannel:
    """A BroadcastChannel that carries text (HTML standard, section 9.5)."""

    def __init__(self, name: str) -> None:
        self._channel: Any = js.BroadcastChannel.new(name)
        self._stop_listening: Callable[[], None] | None = None

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another tab, from now on."""

        def received(event: Any) -> None:
            if isinstance(event.data, str):
                on_message(event.data)

        self._stop_listening = listen(self._channel, "message", received)

    def post(self, message: str) -> None:
        """Send a message to every other tab. A closed channel sends nothing."""
        with suppress(JsException):
            self._channel.postMessage(message)

    def close(self) -> None:
        """Send and receive nothing any more."""
        self._channel.close()
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None


class PagePeers:
    """The tabs of this origin that share the session of this `name`, by Web Locks and perhaps a channel."""

    def __init__(self, name: str, channel: PageChannel | None, early: "EarlyRefresh | None" = None) -> None:
        self._name = f"reissue:{name}"
        self._channel = channel
        self._sign: _Hold | None = None
        self._early = early
        self._turn: _Hold | EarlyTurn | None = None  # this tab's last request for the lock
        self._mark = PageStore("localStorage", f"{name} turn")  # stays if the tab with the lock vanishes
        self.previous_holder_vanished = False

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another tab, from now on."""
        if self._channel is not None:
            self._channel.listen(on_message)

    def post(self, message: str) -> None:
        """Send a message to every other tab."""
        if self._channel is not None:
            self._channel.post(message)

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """One tab at a time (Web Locks API, mode 'exclusive')."""
        return self._lock()

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[bool]:
        if self._turn is not None:
            await self._turn.settled()  # or the browser might still list it, and this tab seem to wait for another
        early = await self._early.take_over() if self._early is not None else None
        before = js.navigator.locks.query()  # asked first, answered first (Web Locks API, 'lock task queue')
        turn = self._turn = early or _Hold(self._name, "exclusive")
        marked = False
        try:
            waited = self._name in await _names_in(before) and early is None
            await turn.granted()
            self.previous_holder_vanished = self._marked() is not None
            self._marked("on")
            marked = True
            yield waited
        finally:
            if marked:  # else the mark may be that of a tab that vanished, which the next holder must notice
                self._marked(None)
            self.previous_holder_vanished = False
            if marked and self._sign is not None:
                self._sign.once_granted(turn.end)  # the next holder of the lock must see it
            else:
                turn.end()

    def advertise(self, sign: str | None) -> None:
        """Show this text to other tabs; None removes it."""
        before, self._sign = self._sign, None if sign is None else _Hold(f"{self._name}#{sign}", "shared")
        if before is not None:
            before.end()

    async def advertised(self) -> list[str]:
        """What all tabs advertise now. Nothing without a channel: what is advertised could not be handed over."""
        prefix = f"{self._name}#"
        names = await _names_in(js.navigator.locks.query()) if self._channel is not None else []
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]

    def close(self) -> None:
        """Stop listening, and advertise nothing any more."""
        self.advertise(None)
        if self._channel is not None:
            self._channel.close()

    def _marked(self, *mark: str | None) -> str | None:
        with suppress(OSError):  # storage is forbidden: then a vanished holder is not noticed
            if not mark:
                return self._mark.read()
            self._mark.write(*mark)
        return None


async def _names_in(snapshot: Any) -> list[str]:
    """The names of all held locks of the origin, from the promise of `query()`. Empty where locks are forbidden: an
    opaque origin, in a sandbox.
    """
    try:
        locks = await snapshot
    except JsException:
        return []
    return [str(lock.name) for lock in locks.held]


class _Hold:
    """A lock that is requested, then held, until `end`. It leaves no proxy behind."""

    def __init__(self, name: str, mode: str) -> None:
        self._granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._given_back = js.Promise.withResolvers()
        self._controller = js.AbortController.new()
        self._proxies = [create_proxy(self._on_granted), create_proxy(self._on_settled)]
        options = to_js({"mode": mode, "signal": self._controller.signal})
        request = js.navigator.locks.request(name, options, self._proxies[0])
        request.then(self._proxies[1], self._proxies[1])  # handles its rejection, too: `end` may cause one

    async def granted(self) -> None:
        """Wait until the lock is held, or the browser refuses locks here: then there is no tab to wait for.

        Cancelling the wait leaves the request in line; `end` removes it.
        """
        await asyncio.wait((self._granted,))

    def once_granted(self, call: Callable[[], None]) -> None:
        """Call this when `granted` would return."""
        self._granted.add_done_callback(lambda _: call())

    async def settled(self) -> None:
        """Wait, after `end`, until the browser has released the lock."""
        await asyncio.wait((self._settled,))

    def end(self) -> None:
        """Release the lock, or leave the line."""
        self._given_back.resolve()
        if not self._granted.done():
            self._granted.set_result(None)
            self._controller.abort()

    def _on_granted(self, lock: Any) -> Any:
        if not self._granted.done():
            self._granted.set_result(None)
        return self._given_back.promise

    def _on_settled(self, result: Any) -> None:
        if not self._granted.done():
            self._granted.set_result(None)
        self._settled.set_result(None)
        proxies, self._proxies = self._proxies, []
        for proxy in proxies:
            proxy.destroy()
