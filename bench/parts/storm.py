"""Storms: N requests at once over a token that was revoked, or that has expired.

A round opens a page with Python and one without, in turns first, and each does its storms in a new order.
"""

import random
import statistics
from collections import defaultdict
from typing import Any

from bench.goals import Goal, at_most, columns
from bench.parts import Bench
from bench.spreads import Spread, ratios, spread

COUNTS = (10, 100, 1000)
REPEATS = {10: 5, 100: 3, 1000: 1}  # in one round: a short storm is the noisier one
MANY = 10_000
IN_FLIGHT = 64
PYTHON = (("reissue", "revoked"), ("reissue", "expired"), ("installed", "revoked"), ("pyfetch", "valid"))
JAVASCRIPT = (
    ("native", "valid"),
    ("axiosRefresh", "revoked"),
    ("axiosRefreshDefault", "revoked"),
    ("axiosQueue", "revoked"),
    ("oauth2Client", "revoked"),
)
NAMES = {
    ("reissue", "revoked"): "**reissue**",
    ("reissue", "expired"): "**reissue**, expired token",
    ("installed", "revoked"): "page’s `fetch` through `install()`",
    ("axiosRefresh", "revoked"): "axios + axios-auth-refresh",
    ("axiosQueue", "revoked"): "axios + the tutorials’ queue",
    ("oauth2Client", "revoked"): "@badgateway/oauth2-client",
    ("axiosRefreshDefault", "revoked"): "axios + axios-auth-refresh, as it comes",
    ("native", "valid"): "`fetch`, valid token",
    ("pyfetch", "valid"): "`pyfetch`, valid token",
}
Run = dict[str, Any]


def measure(bench: Bench) -> dict[str, Any]:
    """All storms: `runs`, those of ten thousand, and how long one refresh takes."""
    runs: list[Run] = []
    refresh: list[float] = []
    for turn in range(bench.rounds):
        pages = [("python.html", PYTHON), ("peers.html", JAVASCRIPT)]
        for page, clients in pages[:: 1 if turn % 2 else -1]:
            steps = [_step(*client, count) for client in clients for count in COUNTS for _ in range(REPEATS[count])]
            random.Random(turn).shuffle(steps)
            warm_up = [_step(*client, 30) for client in clients]
            found = bench.chromium.work(page, *warm_up, *steps)
            runs += [{**run, "round": turn} for run in found[len(warm_up) :]]
        (timed,) = bench.chromium.work("peers.html", {"action": "refresh", "rounds": 20})
        refresh.append(sorted(timed["times"])[10] / 1000)
    return {"runs": runs, "refresh": refresh}


def measure_many(bench: Bench) -> dict[str, Any]:
    """Storms of ten thousand, each in a page of its own."""
    clients = [("python.html", PYTHON[0]), ("peers.html", JAVASCRIPT[0]), ("peers.html", JAVASCRIPT[1])]
    runs: list[Run] = []
    for turn in range(max(1, bench.rounds // 2)):
        for page, client in clients:
            found = bench.chromium.work(page, _step(*client, 30), _step(*client, bench.many), deadline=600)
            runs.append({**found[-1], "round": turn})
    return {"runs": runs}


def _step(client: str, kind: str, count: int) -> Run:
    return {"action": "storm", "client": client, "kind": kind, "count": count}


Groups = dict[tuple[str, str, int], list[Run]]


def groups(runs: list[Run]) -> Groups:
    """By client, token and number, in the order of the rounds."""
    found: Groups = defaultdict(list)
    for run in sorted(runs, key=lambda run: run["round"]):
        found[run["client"], run["kind"], run["count"]].append(run)
    return found


def seconds(runs: list[Run]) -> list[float]:
    """The median of each round."""
    rounds: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        rounds[run["round"]].append(run["seconds"])
    return [statistics.median(each) for each in rounds.values()]


def goals(raw: dict[str, Any]) -> list[Goal]:
    found: list[Goal] = []
    by = groups(raw["runs"])
    for count in COUNTS:
        ours, peer = by["reissue", "revoked", count], by["axiosRefresh", "revoked", count]
        ratio = spread(ratios(seconds(ours), seconds(peer)))
        name = f"storm of {count:,}, revoked token: time"
        found.append(at_most(name, 0.65 if count >= 100 else 1, ratio, "axios + axios-auth-refresh"))
    for count in COUNTS:
        ours, peer = by["reissue", "revoked", count], by["axiosRefresh", "revoked", count]
        most = max(run["requests"] for run in ours)
        bound = count + min(count, IN_FLIGHT)
        theirs = spread(run["requests"] for run in peer)
        refreshes, their_refreshes = spread(r["refreshes"] for r in ours), spread(r["refreshes"] for r in peer)
        found.append(
            Goal(
                f"storm of {count:,}: requests at the server, refreshes",
                f"≤ N + {IN_FLIGHT}, 1, none lost",
                f"{most:,}, {refreshes.text(0)}, {sum(lost(r) for r in ours)} lost (peer: {theirs.text(0)}, "
                f"{their_refreshes.text(0)})",
                most <= bound and refreshes.high == 1 and not any(lost(run) for run in ours),
            )
        )
    for count in COUNTS:
        ours, by_hand = by["reissue", "expired", count], by["pyfetch", "valid", count]
        floor = [taken + refresh for taken, refresh in zip(seconds(by_hand), raw["refresh"], strict=True)]
        name = f"storm of {count:,}, expired token: time"
        found.append(at_most(name, 1, spread(ratios(seconds(ours), floor)), "`pyfetch` with a valid token + 1 refresh"))
    return found


def goals_many(raw: dict[str, Any]) -> list[Goal]:
    by = groups(raw["runs"])
    count = raw["runs"][0]["count"]
    lost_by = {client: spread(lost(run) for run in runs) for (client, _, _), runs in by.items()}
    others = f"`fetch` {lost_by['native'].text(0)}, axios + axios-auth-refresh {lost_by['axiosRefresh'].text(0)}"
    ours = lost_by["reissue"]
    taken = spread(seconds(by["reissue", "revoked", count])).text(1, unit=" s")
    return [Goal(f"storm of {count:,}: lost", "0", f"{ours.text(0)} in {taken} ({others})", ours.high == 0)]


def lost(run: Run) -> int:
    return int(run["count"] - run["answered"])


def tables(raw: dict[str, Any]) -> str:
    """A line for each client: times and requests at the server."""
    by = groups(raw["runs"])
    rows = []
    for client, name in NAMES.items():
        row = [name]
        for count in COUNTS:
            runs = by[(*client, count)]
            row.append(time_text(spread(seconds(runs))))
        runs = by[(*client, COUNTS[-1])]
        row += [spread(run["requests"] for run in runs).text(0), spread(run["refreshes"] for run in runs).text(0)]
        rows.append([*row, spread(map(lost, runs)).text(0)])
    names = ["ms for N at once", *(f"N = {count:,}" for count in COUNTS), "requests", "refreshes", "lost"]
    return columns(names, rows)


def time_text(found: Spread) -> str:
    return found.text(0, factor=1000)
