"""The other pages of this origin, by way of Web Locks and a BroadcastChannel.

A page shows a sign by holding a shared lock that is named after it: the browser's keeper of locks tells everybody who
asks, in the order in which things happened, and forgets a page that crashes. A message can do neither.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from ..tabs.channel_lock import ChannelLockPeers
from ..tabs.peers import Peers
from .interop import listen
from .storage import PageStore


def page_peers(name: str) -> Peers | None:
    """Every page of this origin that goes by `name`; None where the browser has no way to reach them.

    Without Web Locks (a page that is not served over HTTPS) turns are taken by courtesy. Without a BroadcastChannel
    the pages still take turns, and each refreshes for itself.
    """
    channel = PageChannel(f"reissue:{name}") if getattr(js, "BroadcastChannel", None) else None
    if getattr(js.navigator, "locks", None):
        return PagePeers(name, channel)
    return ChannelLockPeers(channel, clock=time.time) if channel else None


class PageChannel:
    """A BroadcastChannel that carries text (HTML standard, section 9.5)."""

    def __init__(self, name: str) -> None:
        self._channel: Any = js.BroadcastChannel.new(name)
        self._stop_listening: Callable[[], None] | None = None

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another page, from now on."""

        def received(event: Any) -> None:
            if isinstance(event.data, str):
                on_message(event.data)

        self._stop_listening = listen(self._channel, "message", received)

    def post(self, message: str) -> None:
        """Send a message to every other page. A closed channel sends nothing."""
        with suppress(JsException):
            self._channel.postMessage(message)

    def close(self) -> None:
        """Neither send nor hear any more."""
        self._channel.close()
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None


class PagePeers:
    """Every page of this origin that goes by `name`, by Web Locks and perhaps a channel."""

    def __init__(self, name: str, channel: PageChannel | None) -> None:
        self._name = f"reissue:{name}"
        self._channel = channel
        self._sign: _Hold | None = None
        self._turn: _Hold | None = None  # the last
        self._mark = PageStore("localStorage", f"{name} turn")  # outlives the page that has the turn
        self.previous_holder_vanished = False

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another page, from now on."""
        if self._channel is not None:
            self._channel.listen(on_message)

    def post(self, message: str) -> None:
        """Send a message to every other page."""
        if self._channel is not None:
            self._channel.post(message)

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """One page at a time (Web Locks API, mode 'exclusive')."""
        return self._lock()

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[bool]:
        if self._turn is not None:
            await self._turn.settled()  # or the browser would still list it, and this page wait for itself
        taken = self._name in await _lock_names()
        turn = self._turn = _Hold(self._name, "exclusive")
        try:
            await turn.granted()
            self.previous_holder_vanished = self._marked() is not None
            self._marked("on")
            yield taken
            if self._sign is not None:
                await self._sign.granted()  # whoever comes next must see it
        finally:
            if turn.held:
                self._marked(None)
            self.previous_holder_vanished = False
            turn.end()

    def advertise(self, sign: str | None) -> None:
        """Let the others see this; None takes it away."""
        before, self._sign = self._sign, None if sign is None else _Hold(f"{self._name}#{sign}", "shared")
        if before is not None:
            before.end()

    async def advertised(self) -> list[str]:
        """What all pages show now. Nothing without a channel: it could not be asked for."""
        prefix = f"{self._name}#"
        names = await _lock_names() if self._channel is not None else []
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]

    def close(self) -> None:
        """Stop listening, and show nothing any more."""
        self.advertise(None)
        if self._channel is not None:
            self._channel.close()

    def _marked(self, *mark: str | None) -> str | None:
        with suppress(OSError):  # forbidden: then nobody will know
            if not mark:
                return self._mark.read()
            self._mark.write(*mark)
        return None


async def _lock_names() -> list[str]:
    """The names of all locks of the origin. None where locks are forbidden: an origin of its own, in a sandbox."""
    try:
        locks = await js.navigator.locks.query()
    except JsException:
        return []
    return [str(lock.name) for lock in locks.held]


class _Hold:
    """A lock that is asked for, then held, until `end`. It leaves no proxy behind."""

    def __init__(self, name: str, mode: str) -> None:
        self._granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._given_back = js.Promise.withResolvers()
        self._controller = js.AbortController.new()
        self._proxies = [create_proxy(self._on_granted), create_proxy(self._on_settled)]
        options = to_js({"mode": mode, "signal": self._controller.signal})
        request = js.navigator.locks.request(name, options, self._proxies[0])
        request.then(self._proxies[1], self._proxies[1])  # handles its rejection, too: `end` may cause one

    @property
    def held(self) -> bool:
        """Has it been granted?"""
        return self._granted.done()

    async def granted(self) -> None:
        """Wait until it is held, or the browser refuses to grant locks here: then nobody is to be waited for.

        Cancelling the wait leaves it in line; `end` takes it out.
        """
        await asyncio.wait((self._granted,))

    async def settled(self) -> None:
        """Wait until the browser has taken it back, after `end`."""
        await asyncio.wait((self._settled,))

    def end(self) -> None:
        """Give it back, or leave the line."""
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
