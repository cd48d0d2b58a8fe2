"""Peers where the browser has no locks (pages that are not served over HTTPS): a lock by messages over a channel.

Theory of operation:

1. A tab that wants the lock claims it and waits a moment. A tab that holds it, or claimed it earlier, objects. So does
   the claim itself of a tab that dates it earlier.
2. After an objection the tab waits until a tab releases the lock, and claims it again. It also claims again after a
   while without such a message, since the holder may be gone.
3. What other tabs advertise is what they answer when asked.

It is slower than a lock of the browser's, about half a second for each refresh, and it guarantees nothing: the claim of
a tab succeeds if the holder is too busy to object in time.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Protocol

from ..http.json_text import parse_json

MOMENT = 0.15
"""Seconds for other tabs to object, or to answer."""

CLAIM_AGAIN = 1.0
"""Seconds after an objection until a tab claims the lock again, even if no tab has released it."""


_LONGEST = 400  # characters of a message about the lock
_MOST_SIGNS = 1000  # that are kept: more tabs than a browser opens


class Channel(Protocol):
    """Carries text to every other tab."""

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another tab, from now on."""
        ...

    def post(self, message: str) -> None:
        """Send a message to every other tab."""
        ...

    def close(self) -> None:
        """Send and receive nothing any more."""
        ...


class ChannelLockPeers:
    """`Peers` over nothing but a channel. `clock` returns wall-clock seconds: the earliest claim wins."""

    previous_holder_vanished = False

    def __init__(self, channel: Channel, *, clock: Callable[[], float]) -> None:
        self._channel = channel
        self._clock = clock
        self._claim: list[Any] | None = None  # this tab's: its time and a random name; None if it wants no lock
        self._holds = False
        self._objected = asyncio.Event()
        self._freed = asyncio.Event()
        self._sign: str | None = None
        self._signs: list[str] = []

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another tab, from now on, but those about the lock."""

        def receive(text: str) -> None:
            if not self._handled(text):
                on_message(text)

        self._channel.listen(receive)

    def post(self, message: str) -> None:
        """Send a message to every other tab."""
        self._channel.post(message)

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """One tab at a time, as long as every tab is awake; True if another tab held the lock."""
        return self._hold()

    @asynccontextmanager
    async def _hold(self) -> AsyncIterator[bool]:
        waited = False
        self._claim = [self._clock(), os.urandom(8).hex()]
        try:
            while not await self._is_mine():
                waited = True
                self._freed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(CLAIM_AGAIN):
                        await self._freed.wait()
            self._holds = True
            yield waited
        finally:
            self._claim, self._holds = None, False
            self._send("free")

    def advertise(self, sign: str | None) -> None:
        """What this tab answers when another asks; None for no answer."""
        self._sign = sign

    async def advertised(self) -> list[str]:
        """What the tabs that are awake answer."""
        self._signs = []
        self._send("who")
        await asyncio.sleep(MOMENT)
        return self._signs

    def close(self) -> None:
        """Send and receive nothing any more."""
        self._channel.close()

    async def _is_mine(self) -> bool:
        """Claim the lock. True if no tab objects."""
        self._objected.clear()
        self._send("claim", self._claim)
        try:
            async with asyncio.timeout(MOMENT):
                return not await self._objected.wait()
        except TimeoutError:
            return True

    def _handled(self, text: str) -> bool:
        """Handle a message about the lock. False for any other message."""
        try:
            fields = parse_json(text, longest=_LONGEST, deepest=2)
        except ValueError:
            return False
        match fields:
            case {"courtesy": "claim", "of": [int() | float(), str()] as claim}:
                if self._holds or (self._claim is not None and self._claim < claim):
                    self._send("taken", claim)
                else:  # by a clock that was put back since, it may not have heard this tab's claim
                    self._objected.set()
            case {"courtesy": "taken", "of": claim}:
                if claim == self._claim:
                    self._objected.set()
            case {"courtesy": "free"}:
                self._freed.set()
            case {"courtesy": "who"}:
                if self._sign is not None:
                    self._send("sign", self._sign)
            case {"courtesy": "sign", "of": str(sign)}:
                if len(self._signs) < _MOST_SIGNS:
                    self._signs.append(sign)
            case _:
                return False
        return True

    def _send(self, what: str, of: object = None) -> None:
        self._channel.post(json.dumps({"courtesy": what, "of": of}))
