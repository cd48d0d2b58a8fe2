"""A transport that counts what is on it."""

import asyncio
from typing import Any

from reissue import (
    Request,
    Response,
)
from reissue.testing import Gate, settle

from tests.reissue.conftest import World


class Wire:
    """The transport of the world's client, made anew with these settings. It counts what is on it."""

    def __init__(self, world: World, **settings: Any) -> None:
        self.world = world
        self.server = world.server
        self.now = self.most = 0
        world.api = world.make(transport=self, **settings)

    async def held_of_a_hundred(self) -> int:
        """How many of a hundred requests are sent before any is answered."""
        gate = self.server.gate = Gate()
        fetches = self.world.fetches(100)
        await settle()
        now = self.now
        gate.open()
        await asyncio.gather(*fetches)
        return now

    async def __call__(self, request: Request) -> Response:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self.server(request)
        finally:
            self.now -= 1
