"""Peers where the browser has no locks (pages that are not served over HTTPS): turns by asking nicely.

Theory of operation:

1. Whoever wants the turn says so and waits a moment. Whoever has it, or wanted it earlier, objects.
2. After an objection one waits until somebody gives the turn back, and claims again; also after a while without such
   news, since its holder may be gone.
3. What the others show is what they answer when asked.

It is slower than a lock, about half a second for each refresh, and it is no guarantee: a page that is too busy to
object within that moment is passed over.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Protocol

from ..http.json_text import parse_json

MOMENT = 0.15
"""Seconds for the others to object, or to answer."""

CLAIM_AGAIN = 1.0
"""Seconds after which one whose claim met an objection tries again, without news of the turn."""


_LONGEST = 400  # characters of a message of this kind
_MOST_SIGNS = 1000  # that are noted: more pages than a browser opens


class Channel(Protocol):
    """Carries text to every other page."""

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another page, from now on."""
        ...

    def post(self, message: str) -> None:
        """Send a message to every other page."""
        ...

    def close(self) -> None:
        """Neither send nor hear any more."""
        ...


class ChannelLockPeers:
    """`Peers` over nothing but a channel. `clock` gives wall-clock seconds: the earlier claim goes first."""

    previous_holder_vanished = False

    def __init__(self, channel: Channel, *, clock: Callable[[], float]) -> None:
        self._channel = channel
        self._clock = clock
        self._claim: list[Any] | None = None  # when, and a random name: mine, wanted or held
        self._objected = asyncio.Event()
        self._freed = asyncio.Event()
        self._sign: str | None = None
        self._signs: list[str] = []

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another page, from now on."""

        def hear(text: str) -> None:
            if not self._is_courtesy(text):
                on_message(text)

        self._channel.listen(hear)

    def post(self, message: str) -> None:
        """Send a message to every other page."""
        self._channel.post(message)

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """The turn, if everybody who is awake is polite."""
        return self._turn()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        taken = False
        self._claim = [self._clock(), os.urandom(8).hex()]
        try:
            while not await self._is_mine():
                taken = True
                self._freed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(CLAIM_AGAIN):
                        await self._freed.wait()
            yield taken
        finally:
            self._claim = None
            self._say("free")

    def advertise(self, sign: str | None) -> None:
        """Let the others see this when they ask."""
        self._sign = sign

    async def advertised(self) -> list[str]:
        """What those answer who are awake."""
        self._signs = []
        self._say("who")
        await asyncio.sleep(MOMENT)
        return self._signs

    def close(self) -> None:
        """Hear nothing and say nothing any more."""
        self._channel.close()

    async def _is_mine(self) -> bool:
        self._objected.clear()
        self._say("claim", self._claim)
        try:
            async with asyncio.timeout(MOMENT):
                return not await self._objected.wait()
        except TimeoutError:
            return True

    def _is_courtesy(self, text: str) -> bool:
        try:
            fields = parse_json(text, longest=_LONGEST, deepest=2)
        except ValueError:
            return False
        match fields:
            case {"courtesy": "claim", "of": [int() | float(), str()] as claim}:
                if self._claim is not None and self._claim < claim:
                    self._say("taken", claim)
            case {"courtesy": "taken", "of": claim}:
                if claim == self._claim:
                    self._objected.set()
            case {"courtesy": "free"}:
                self._freed.set()
            case {"courtesy": "who"}:
                if self._sign is not None:
                    self._say("sign", self._sign)
            case {"courtesy": "sign", "of": str(sign)}:
                if len(self._signs) < _MOST_SIGNS:
                    self._signs.append(sign)
            case _:
                return False
        return True

    def _say(self, what: str, of: object = None) -> None:
        self._channel.post(json.dumps({"courtesy": what, "of": of}))
