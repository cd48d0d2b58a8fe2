"""The other pages of this origin: what a shared session asks of the browser."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol


class Peers(Protocol):
    """The other pages (tabs, windows, workers) that go by the same name."""

    @property
    def previous_holder_vanished(self) -> bool:
        """While this page has the turn: was a page left in the middle of the turn before?"""
        ...

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another page, from now on."""
        ...

    def post(self, message: str) -> None:
        """Send a message to every other page. It may be lost, and it may be late."""
        ...

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """One page at a time, in order of asking; True if another had it. A page that is gone gives it back."""
        ...

    def advertise(self, sign: str | None) -> None:
        """Let the others see this; None takes it away. Whoever has the lock next, sees it."""
        ...

    async def advertised(self) -> list[str]:
        """What all pages show now, this one perhaps among them. A page that is gone shows nothing."""
        ...

    def close(self) -> None:
        """Hear nothing and show nothing any more."""
        ...


class NoPeers:
    """No peers: for a page that shares nothing, and outside browsers."""

    previous_holder_vanished = False

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Nobody speaks."""

    def post(self, message: str) -> None:
        """Nobody hears."""

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """Nobody else wants it."""
        return nullcontext(False)

    def advertise(self, sign: str | None) -> None:
        """Nobody looks."""

    async def advertised(self) -> list[str]:
        """Nothing."""
        return []

    def close(self) -> None:
        """Nothing to close."""
