"""The parts of `make bench`. Each has `measure`, which gives what JSON can hold, and `goals`, which judges that."""

from dataclasses import dataclass

from playwright.sync_api import Playwright

from bench.chromium import Chromium
from bench.server import Server


@dataclass(frozen=True, slots=True)
class Bench:
    """What a part measures with. `rounds` is how often; `scale` divides what is only long (1 for the real thing)."""

    playwright: Playwright
    server: Server
    chromium: Chromium
    rounds: int
    scale: int = 1

    @property
    def many(self) -> int:
        """Requests of the largest storm."""
        return 10_000 // self.scale
