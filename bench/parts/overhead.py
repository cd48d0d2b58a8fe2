"""A request whose token is fresh: what reissue adds to pyfetch.

Blocks of requests, one after the other, by pyfetch and by reissue in turns. Requests differ among themselves by far
more than reissue adds, so each block is compared with its neighbour, and the median of those differences counts.
"""

from typing import Any

from bench.goals import Goal
from bench.parts import Bench
from bench.spreads import Spread, quartiles


def measure(bench: Bench) -> dict[str, Any]:
    """Microseconds for each request, block by block: over loopback, and over a fetch that answers at once."""
    blocks = max(4, 240 // bench.scale)
    step = {"action": "overhead", "size": 10, "blocks": blocks}
    loopback, none = bench.chromium.work(
        "python.html", {**step, "network": "loopback"}, {**step, "network": "none", "size": 50}
    )
    return {"loopback": loopback, "none": none}


def added(blocks: dict[str, list[float]]) -> Spread:
    """Microseconds that a request takes longer with reissue."""
    return quartiles(ours - alone for ours, alone in zip(blocks["reissue"], blocks["pyfetch"], strict=True))


def goals(raw: dict[str, Any]) -> list[Goal]:
    loopback, none = raw["loopback"], raw["none"]
    alone = quartiles(loopback["pyfetch"])
    share = quartiles(100 * (ours / other - 1) for ours, other in zip(*_pair(loopback), strict=True))
    bare = added(none)
    return [
        Goal(
            "fresh token: over `pyfetch` alone, loopback",
            "≤ 5 %",
            f"{share.text(1, unit=' %')} of {alone.text(2, factor=1e-3, unit=' ms')}",
            share.median <= 5,
        ),
        Goal(
            "fresh token: the same without a network",
            "≤ 0.1 ms",
            f"{bare.text(3, factor=1e-3, unit=' ms')} on {quartiles(none['pyfetch']).text(2, factor=1e-3, unit=' ms')}",
            bare.median <= 100,
        ),
    ]


def _pair(blocks: dict[str, list[float]]) -> tuple[list[float], list[float]]:
    return blocks["reissue"], blocks["pyfetch"]
