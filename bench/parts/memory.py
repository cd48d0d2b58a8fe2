"""A page's memory while it sends a hundred thousand requests, and while a thousand clients come and go."""

from typing import Any

from bench.chromium import running_chromium
from bench.goals import Goal, columns
from bench.parts import Bench
from bench.spreads import slope

FLAGS = ("--js-flags=--expose-gc", "--enable-precise-memory-info")
SETTLED = 0.2  # the first fifth fills caches and pools
FLAT = 1_000_000  # bytes over the whole run, that is 10 for each request
WHAT = ("JavaScript’s heap, MB", "Python’s memory, MB", "Python’s blocks")


def measure(bench: Bench) -> dict[str, Any]:
    """Sizes along the way: `[done, JavaScript's heap, Python's memory, Python's blocks]`, after a collection."""
    requests, clients = 100_000 // bench.scale, 1000 // bench.scale
    found = {}
    with running_chromium(bench.playwright, bench.server, *FLAGS) as chromium:
        step = {"action": "memory", "requests": requests, "batch": 50, "every": requests // 20}
        (found["requests"],) = chromium.work("python.html", step, deadline=1200)
        step = {"action": "connections", "count": clients, "every": clients // 20}
        (found["clients"],) = chromium.work("python.html", step, deadline=600)
    return {kind: each["sizes"] for kind, each in found.items()}


def growth(sizes: list[list[float]], column: int) -> float:
    """The growth over the whole run, by the slope after its first fifth."""
    most = sizes[-1][0]
    settled = [(size[0], size[column]) for size in sizes if size[0] >= SETTLED * most]
    return slope(settled) * most


def goals(raw: dict[str, Any]) -> list[Goal]:
    found = []
    for kind in ("requests", "clients"):
        heap, memory, blocks = (growth(raw[kind], column) for column in (1, 2, 3))
        what = "requests" if kind == "requests" else "clients connected and closed"
        found.append(
            Goal(
                f"memory over {raw[kind][-1][0]:,} {what}",
                "flat",
                f"JavaScript {heap / 1e6:+.2f} MB, Python {memory / 1e6:+.2f} MB, {blocks:+,.0f} blocks",
                heap <= FLAT and memory <= FLAT,
            )
        )
    return found


def tables(raw: dict[str, Any]) -> str:
    """The sizes along the way."""
    tables = []
    for kind in ("requests", "clients"):
        rows = [
            [f"{size[0]:,}", f"{size[1] / 1e6:.2f}", f"{size[2] / 1e6:.1f}", f"{size[3]:,}"]
            for size in raw[kind]
            if size[0] in {raw[kind][index][0] for index in (0, 1, 5, 10, 15, -1) if index < len(raw[kind])}
        ]
        tables.append(columns([kind, *WHAT], rows))
    return "\n\n".join(tables)
