"""The plot: storms and starts, each bar a median and each line the lowest and the highest run.

The same results give the same bytes: the file contains no date, and its inner names depend only on the results.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

from bench.parts import startup, storm
from bench.spreads import Spread, spread

OURS, PEERS, FLOOR = "#0072b2", "#d55e00", "#999999"  # told apart by colour-blind people (Okabe and Ito)
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "reissue",
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
}
CLIENTS = (
    ("reissue", "revoked", "reissue", OURS),
    ("axiosRefresh", "revoked", "axios + auth-refresh", PEERS),
    ("axiosQueue", "revoked", "axios + tutorials’ queue", PEERS),
    ("oauth2Client", "revoked", "oauth2-client", PEERS),
    ("native", "valid", "fetch, valid token", FLOOR),
    ("pyfetch", "valid", "pyfetch, valid token", FLOOR),
)
STARTS = (
    ("reissue", "with reissue", OURS),
    ("without", "the same without", FLOOR),
    ("stock", "stock set-up", PEERS),
)
LOADS = (
    ("loopback", "cold", "cold"),
    ("loopback", "warm", "warm"),
    ("slow", "cold", "cold,\n20 Mbit/s"),
    ("slow", "warm", "warm,\n20 Mbit/s"),
)


def draw(parts: dict[str, Any], file: Path) -> None:
    """Write the plot of the parts that were measured."""
    with mpl.rc_context(STYLE):
        figure, (times, requests, starts) = plt.subplots(
            1, 3, figsize=(11, 3.4), width_ratios=(1.2, 1, 1.3), layout="constrained"
        )
        if "storm" in parts:
            draw_storms(times, requests, storm.groups(parts["storm"]["runs"]))
        if "startup" in parts:
            draw_starts(starts, parts["startup"])
        figure.savefig(file, metadata={"Date": None, "Creator": None})
        plt.close(figure)
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


def draw_storms(times: Any, requests: Any, by: storm.Groups) -> None:
    """Seconds for a thousand at once, and the requests that arrived at the server."""
    count = storm.COUNTS[-1]
    names, colours = [client[2] for client in CLIENTS], [client[3] for client in CLIENTS]
    runs = [by[client, kind, count] for client, kind, _, _ in CLIENTS]
    bars(times, names, [spread(storm.seconds(each)) for each in runs], colours)
    times.set_title(f"{count:,} requests at once, revoked token: s")
    bars(requests, names, [spread(run["requests"] for run in each) for each in runs], colours)
    requests.set_title("… and requests at the server")
    requests.set_yticklabels([])
    requests.axvline(count, color="black", linewidth=0.8, linestyle=":")


def bars(axes: Any, names: Sequence[str], values: Sequence[Spread], colours: Sequence[str]) -> None:
    """One bar for each name, from the top down."""
    places = range(len(names))
    axes.barh(
        places, [value.median for value in values], color=colours, height=0.65, xerr=errors(values), ecolor="black"
    )
    axes.set_yticks(places, names)
    axes.invert_yaxis()


def draw_starts(axes: Any, raw: dict[str, Any]) -> None:
    """Seconds from navigation to the first answer."""
    width = 0.8 / len(STARTS)
    for index, (page, name, colour) in enumerate(STARTS):
        values = [spread(ms / 1000 for ms in startup.times(raw, page, network, kind)) for network, kind, _ in LOADS]
        places = [place + index * width for place in range(len(LOADS))]
        medians = [value.median for value in values]
        axes.bar(places, medians, width * 0.9, color=colour, label=name, yerr=errors(values), ecolor="black")
    axes.set_xticks([place + width for place in range(len(LOADS))], [name for _, _, name in LOADS], fontsize=8)
    axes.set_title("navigation to the first answer: s")
    axes.legend(frameon=False)


def errors(values: Sequence[Spread]) -> list[list[float]]:
    """How far the extremes are from the medians."""
    return [[value.median - value.low for value in values], [value.high - value.median for value in values]]
