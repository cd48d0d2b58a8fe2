"""The other tabs of this origin: what a shared session needs of the browser."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol


class Peers(Protocol):
    """The other tabs, windows and workers that share the session. Here all of them are called tabs."""

    @property
    def previous_holder_vanished(self) -> bool:
        """While this tab holds the lock: did the previous holder vanish in the middle of a call?"""
        ...

    def listen(self, on_message: Callable[[str], None]) -> None:
        """Call `on_message` with every message of another tab, from now on."""
        ...

    def post(self, message: str) -> None:
        """Send a message to every other tab. It may be lost, and it may be late."""
        ...

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """One tab at a time, in order of asking; True if another tab held the lock. A tab that is gone loses it."""
        ...

    def advertise(self, sign: str | None) -> None:
        """Show this text to other tabs, above all to the next holder of the lock; None removes it."""
        ...

    async def advertised(self) -> list[str]:
        """What all tabs advertise now, perhaps with this one's own. A tab that is gone advertises nothing."""
        ...

    def close(self) -> None:
        """Receive nothing and advertise nothing any more."""
        ...


class NoPeers:
    """No peers: for a tab that shares nothing, and outside browsers."""

    previous_holder_vanished = False

    def listen(self, on_message: Callable[[str], None]) -> None:
        """No message ever comes."""

    def post(self, message: str) -> None:
        """There is no tab to send to."""

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """The lock is always free."""
        return nullcontext(False)

    def advertise(self, sign: str | None) -> None:
        """There is no tab to advertise to."""

    async def advertised(self) -> list[str]:
        """Always empty."""
        return []

    def close(self) -> None:
        """There is nothing to close."""
