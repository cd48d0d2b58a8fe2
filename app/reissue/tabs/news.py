"""What a tab learns of the others: what they advertise to the keeper of the lock, and that a message has come."""

import asyncio

from .known_versions import KnownVersions
from .peers import Peers


class News:
    """Looks at what other tabs advertise, and waits for what they send."""

    def __init__(self, peers: Peers, versions: KnownVersions) -> None:
        self._peers = peers
        self._versions = versions
        self._came = asyncio.Event()

    async def read_versions(self) -> None:
        """Note what the others advertise, so that a session that begins here is later, whatever the clock says."""
        self._versions.notice(await self._peers.advertised())

    @property
    def came(self) -> bool:
        """Has a message come that changes something, since `forget`?"""
        return self._came.is_set()

    def come(self) -> None:
        """A message has come that changes something."""
        self._came.set()

    def forget(self) -> None:
        """From now on, only what comes later counts."""
        self._came.clear()

    async def wait(self, within: float) -> bool:
        """Wait until a message has come that changes something; False if none comes in so many seconds."""
        try:
            async with asyncio.timeout(within):
                return await self._came.wait()
        except TimeoutError:
            return False

    def begin_anew(self) -> None:
        """The next event loop runs this tab: nothing of the last one waits any more."""
        self._came = asyncio.Event()
