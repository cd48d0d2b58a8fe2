"""An event loop whose time jumps to the next timer instead of waiting for it: deadlines pass, nobody sleeps."""

import asyncio
import selectors
from typing import Any


class _Selector(selectors.DefaultSelector):
    loop: "VirtualTimeLoop"

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self.loop.skipped += timeout
        elif timeout is None:
            raise RuntimeError("every task waits for something that nothing will bring")
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.skipped = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.skipped
