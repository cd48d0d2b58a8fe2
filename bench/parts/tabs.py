"""Eight tabs of one session, whose token expires: how many refresh, and when have all tabs their answers?

Each tab has been at work, as a tab whose token expires has: in one that has not, its first requests take twice as long.
"""

import random
from collections import defaultdict
from typing import Any

from bench.goals import Goal, columns
from bench.parts import Bench
from bench.spreads import spread

TABS = 8
REQUESTS = 10  # by each tab
BEFORE = 3  # as many requests at once, and so often, before the token expires
PAGES = {"reissue": "python.html", "axiosRefresh": "peers.html", "axiosQueue": "peers.html"}
NAMES = {
    "reissue": "**reissue**",
    "axiosRefresh": "axios + axios-auth-refresh",
    "axiosQueue": "axios + the tutorials’ queue",
}


def measure(bench: Bench) -> dict[str, Any]:
    """Refreshes at the server, refresh tokens that were used twice, and milliseconds to the last answer."""
    runs: list[dict[str, Any]] = []
    for turn in range(bench.rounds):
        order = list(PAGES)
        random.Random(turn).shuffle(order)
        for client in order:
            # reissue's tabs hand a token of 2 s round when all are open.
            pause = 4000 if client == "reissue" else 1000
            step = {
                "action": "tab",
                "client": client,
                "count": REQUESTS,
                "before": BEFORE,
                "group": f"{client}-{turn}",
                "pause": pause,
            }
            bench.server.ask("dev/begin?kind=valid")
            jobs: list[tuple[dict[str, Any], ...]] = [({**step, "tab": tab, "tabs": TABS},) for tab in range(TABS)]
            found = [result for (result,) in bench.chromium.work_together(PAGES[client], jobs)]
            counters = bench.server.ask("dev/counters")
            runs.append(
                {
                    "client": client,
                    "ms": max(each["ended"] for each in found) - found[0]["at"],
                    "answered": sum(each["answered"] for each in found),
                    **counters,
                }
            )
    return {"runs": runs}


def by_client(raw: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for run in raw["runs"]:
        found[run["client"]].append(run)
    return found


def goals(raw: dict[str, Any]) -> list[Goal]:
    runs = by_client(raw)
    ours, peer = runs["reissue"], runs["axiosRefresh"]
    refreshes, theirs = (spread(run["refreshes"] for run in each) for each in (ours, peer))
    taken = spread(run["ms"] for run in ours)
    complete = all(run["answered"] == TABS * REQUESTS for run in ours)
    return [
        Goal(
            f"{TABS} tabs at expiry: refreshes at the server",
            "1",
            f"{refreshes.text(0)} (peer: {theirs.text(0)})",
            refreshes.high == 1 and complete,
        ),
        Goal(
            f"{TABS} tabs at expiry: time until all are answered",
            "≤ 300 ms",
            taken.text(0, unit=" ms"),
            taken.median <= 300,
        ),
    ]


def tables(raw: dict[str, Any]) -> str:
    rows = []
    for client, runs in by_client(raw).items():
        cells = (spread(run[key] for run in runs).text(0) for key in ("refreshes", "reused", "ms", "answered"))
        rows.append([NAMES[client], *cells])
    rows.sort(key=lambda row: list(NAMES.values()).index(row[0]))
    return columns(
        [
            f"{TABS} tabs, {REQUESTS} requests each",
            "refreshes",
            "of a token used before",
            "ms to all answers",
            "answers",
        ],
        rows,
    )
