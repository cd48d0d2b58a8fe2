"""The parts of `make bench`. Each has `measure`, whose result JSON can hold, and `goals`, which judges that result."""

from dataclasses import dataclass

from playwright.sync_api import Playwright

from bench.chromium import Chromium
from bench.server import Server


@dataclass(frozen=True, slots=True)
class Bench:
    """What a part measures with. `rounds` is how often; `scale` divides the large numbers (1 unless `--quick`)."""

    playwright: Playwright
    server: Server
    chromium: Chromium
    rounds: int
    scale: int = 1

    @property
    def many(self) -> int:
        """Requests of the largest storm."""
        return 10_000 // self.scale
