"""What a tab learns of other tabs: what they advertise to the holder of the lock, and that a message has come."""

import asyncio

from .known_versions import KnownVersions
from .peers import Peers


class News:
    """Reads what other tabs advertise, and waits for what they send."""

    def __init__(self, peers: Peers, versions: KnownVersions) -> None:
        self._peers = peers
        self._versions = versions
        self._came = asyncio.Event()

    async def read_versions(self) -> None:
        """Note what other tabs advertise: a session that begins here must be later, whatever this clock says."""
        self._versions.notice(await self._peers.advertised())

    def note_message(self) -> None:
        """A message has come that says what the last holder of the lock did."""
        self._came.set()

    def forget(self) -> None:
        """From now on only later messages count."""
        self._came.clear()

    async def wait(self, within: float) -> bool:
        """Wait until such a message has come since `forget`; False if none comes within so many seconds."""
        try:
            async with asyncio.timeout(within):
                return await self._came.wait()
        except TimeoutError:
            return False

    def begin_anew(self) -> None:
        """The client now runs in another event loop: nothing of the last one waits any more."""
        self._came = asyncio.Event()
