"""What `install()` costs each call of `fetch`, from Python or JavaScript, and each XMLHttpRequest."""

from typing import Any

from bench.goals import Goal, columns
from bench.parts import Bench
from bench.spreads import Spread, quartiles, ratios

PLACES = {
    "other": "to another origin, as text",
    "text": "to the same origin, as text",
    "url": "to the same origin, as a `URL`",
    "request": "to the same origin, as a `Request`",
}


def measure(bench: Bench) -> dict[str, Any]:
    """Microseconds for each call: round by round, by what is called."""
    step = {"action": "gate", "size": max(10, 100 // bench.scale), "rounds": max(3, 21 // bench.scale)}
    (found,) = bench.chromium.work("python.html", step)
    return {"calls": found}


def difference(raw: dict[str, Any], more: str, less: str) -> Spread:
    """Microseconds, round by round."""
    return quartiles(a - b for a, b in zip(raw["calls"][more], raw["calls"][less], strict=True))


def goals(raw: dict[str, Any]) -> list[Goal]:
    decision = difference(raw, "gate.js, text", "native, text")
    outside = difference(raw, "loopback: outside", "loopback: native outside")
    native = quartiles(raw["calls"]["loopback: native outside"])
    inside = difference(raw, "none: inside", "none: native")
    within = outside.low <= 0 <= outside.high or outside.median < 0
    found = [
        Goal(
            "page’s `fetch` through `install()`, outside the audience",
            "no measurable cost",
            f"{outside.text(0, unit=' µs')} of {native.text(0)} µs; the decision by itself {decision.text(1)} µs",
            within or outside.median <= 0.01 * native.median,
        ),
        Goal(
            "page’s `fetch` through `install()`, inside the audience, without a network",
            "≤ 0.15 ms",
            f"{inside.text(3, factor=1e-3)} ms",
            inside.median <= 150,
        ),
    ]
    if "loopback: XHR" in raw["calls"]:  # results of before have none
        by_xhr = quartiles(ratios(raw["calls"]["loopback: XHR"], raw["calls"]["loopback: native XHR"]))
        found.append(
            Goal("page’s XMLHttpRequest through `install()`, inside the audience", "", f"{by_xhr.text()} × native")
        )
    return found


def tables(raw: dict[str, Any]) -> str:
    """The decision, and whole requests."""
    calls = raw["calls"]
    rows = [[name] + [quartiles(calls[f"{by}, {place}"]).text(1) for by in BY] for place, name in PLACES.items()]
    decisions = columns(["µs for a call, over a fetch that answers at once", *BY], rows)
    whole = [
        [name, *(measured(calls.get(f"{network}: {way}")) for network in ("none", "loopback"))]
        for way, name in WAYS.items()
        if f"loopback: {way}" in calls
    ]
    return decisions + "\n\n" + columns(["µs for a request and its JSON", "no network", "loopback"], whole)


def measured(found: list[float] | None) -> str:
    """The spread, or nothing."""
    return quartiles(found).text(0) if found else ""


BY = ("native", "gate.js", "Python")
WAYS = {
    "native": "`fetch`, nothing installed, to the audience",
    "inside": "`fetch` through `install()`, to the audience",
    "native outside": "`fetch`, nothing installed, elsewhere",
    "outside": "`fetch` through `install()`, elsewhere",
    "native XHR": "XMLHttpRequest, nothing installed, to the audience",
    "XHR": "XMLHttpRequest through `install()`, to the audience",
}
