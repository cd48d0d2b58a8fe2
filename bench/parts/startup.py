"""The time from navigation to the first answer that needs a token, and the bytes that this takes.

Each start has a profile of its own on the disk, so that Chromium keeps compiled code as it does for users: cold is the
first load in that profile, warm is the middle one of its third to fifth.
"""

import random
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Any

from playwright.sync_api import BrowserContext

from bench.chromium import launch_options
from bench.goals import Goal, at_most, columns
from bench.parts import Bench
from bench.spreads import Spread, ratios, spread

PAGES = {
    "reissue": "start.html",
    "early": "start.html?early",
    "without": "start_without.html",
    "stock": "start_stock.html",
}
NAMES = {
    "reissue": "with reissue",
    "early": "with reissue and `resume_early=True`",
    "without": "the same without reissue",
    "stock": "PyScript’s stock set-up",
}
SLOW = {"offline": False, "latency": 40, "downloadThroughput": 20e6 / 8, "uploadThroughput": 20e6 / 8}
NETWORKS = {"loopback": "", "slow": ", 20 Mbit/s and 40 ms"}
PARTS = (
    ("interpreter", ("pyodide.asm.wasm", "pyodide.asm.mjs", "pyodide.mjs")),
    ("standard library", ("python_stdlib.zip",)),
    ("PyScript", ("/pyscript/",)),
    ("reissue and PyJWT", ("reissue", "pyjwt")),
    ("micropip and packaging", ("micropip", "packaging")),
    ("lock file", ("pyodide-lock.json",)),
    ("the page", ("",)),
)
Load = dict[str, Any]


def measure(bench: Bench) -> dict[str, Any]:
    """Milliseconds of each load, and the files of one cold load of each page."""
    loads: list[Load] = []
    files: dict[str, Any] = {}
    for turn in range(bench.rounds):
        cases = [(page, network) for page in PAGES for network in NETWORKS]
        random.Random(turn).shuffle(cases)
        for page, network in cases:
            bench.server.ask("dev/begin?kind=valid")
            bench.server.ask("dev/files", "GET")
            with tempfile.TemporaryDirectory() as profile:
                context = bench.playwright.chromium.launch_persistent_context(profile, **launch_options())
                cold = load(context, bench.server.url + PAGES[page], network)
                files[page] = bench.server.ask("dev/files", "GET")
                load(context, bench.server.url + PAGES[page], network)
                warm = median(load(context, bench.server.url + PAGES[page], network) for _ in range(3))
                context.close()
            loads.append({"page": page, "network": network, "cold": cold, "warm": warm, "round": turn})
    return {"loads": loads, "files": files}


def load(context: BrowserContext, url: str, network: str) -> float:
    """Milliseconds from navigation to the answer, by the page's own clock."""
    page = context.new_page()
    if network == "slow":
        devtools = context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", SLOW)
    with page.expect_console_message(lambda said: said.text.startswith("answered"), timeout=120_000) as told:
        page.goto(url, wait_until="commit")
    _, taken, good = told.value.text.split()
    assert good == "True", f"{url} was refused"
    page.close()
    return float(taken)


def times(raw: dict[str, Any], page: str, network: str, kind: str) -> list[float]:
    """Milliseconds, round by round."""
    found = [load for load in raw["loads"] if (load["page"], load["network"]) == (page, network)]
    return [load[kind] for load in sorted(found, key=lambda load: load["round"])]


def goals(raw: dict[str, Any]) -> list[Goal]:
    found = []
    for network, where in NETWORKS.items():
        for kind in ("cold", "warm"):
            ours = times(raw, "reissue", network, kind)
            against: dict[str, Spread] = {
                other: spread(ratios(ours, times(raw, other, network, kind))) for other in ("without", "stock")
            }
            name = f"start, {kind}{where}"
            found.append(at_most(name, 1.05, against["without"], "the same page without reissue"))
            bound = 0.5 if network == "loopback" else 0.6
            found.append(at_most(name, bound, against["stock"], "the stock set-up"))
        early = ratios(times(raw, "early", network, "warm"), times(raw, "without", network, "warm"))
        name = f"start, warm{where}, `resume_early=True`"
        found.append(at_most(name, 1.05, spread(early), "the same page without reissue"))
    sent, whole = (total(raw, "reissue", index) for index in (2, 3))
    stock_sent, stock_whole = (total(raw, "stock", index) for index in (2, 3))
    found += [
        Goal(
            "bytes on the wire, whole page",
            "≤ 0.5 × the stock set-up uncompressed",
            f"{sent / stock_whole:.2f} × ({sent / 1e6:.2f} of {stock_whole / 1e6:.2f} MB)",
            sent <= 0.5 * stock_whole,
        ),
        Goal(
            "the same, against it compressed",
            "< the stock set-up compressed",
            f"{sent / stock_sent:.2f} × ({sent / 1e6:.2f} of {stock_sent / 1e6:.2f} MB; "
            f"from a server that compresses nothing, {whole / stock_whole:.2f} ×)",
            sent < stock_sent,
        ),
    ]
    return found


def total(raw: dict[str, Any], page: str, index: int) -> int:
    """Bytes: `index` 2 as sent, 3 as they are."""
    return sum(file[index] for file in raw["files"][page])


def part_of(path: str) -> str:
    """What a file belongs to."""
    return next(name for name, marks in PARTS if any(mark in path for mark in marks))


def tables(raw: dict[str, Any]) -> str:
    """Times, then bytes by part."""
    kinds = [(network, kind) for network in NETWORKS for kind in ("cold", "warm")]
    rows = [
        [name, *(spread(times(raw, page, network, kind)).text(0) for network, kind in kinds)]
        for page, name in NAMES.items()
    ]
    names = ["ms to the first answer", *(f"{kind}{NETWORKS[network]}" for network, kind in kinds)]
    return columns(names, rows) + "\n\n" + columns(_SIZES, list(sizes(raw)))


_SIZES = ["kB", "reissue, compressed", "stock, compressed", "reissue", "stock"]


def sizes(raw: dict[str, Any]) -> Iterable[list[str]]:
    """A line for each part."""
    bytes_of: dict[str, dict[tuple[str, int], int]] = defaultdict(lambda: defaultdict(int))
    for page in ("reissue", "stock"):
        for file in raw["files"][page]:
            for index in (2, 3):
                bytes_of[part_of(file[0])][page, index] += file[index]
                bytes_of["**all**"][page, index] += file[index]
    for name in [*(name for name, _ in PARTS), "**all**"]:
        found = bytes_of[name]
        yield [name, *(f"{found[page, index] / 1e3:,.0f}" for index in (2, 3) for page in ("reissue", "stock"))]
