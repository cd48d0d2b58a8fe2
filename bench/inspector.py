"""What the inspector costs: `python bench/inspector.py`.

A page sends 1,000 requests at once over a token that the server has revoked, to `serve.py` on loopback: first by
itself, then with a panel that shows them, then with a panel that holds 5,000 requests already. It prints the
page's own animation frames meanwhile, how often and how long the panel drew, and how long the storm took.
"""

import json
import statistics
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.browser.browsers import chromium_launch_options
from tests.browser.visit import Visit
from tests.live_server import ROOT, running_server

PAGE = """
import asyncio, time
import reissue
from js import document

panel = document.createElement("div")
panel.id = "panel"
document.body.prepend(panel)
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
inspector = None

async def status(url):
    return (await api.fetch(url)).status

async def storm(count):
    began = time.perf_counter()
    statuses = await asyncio.gather(*(status(f"/api/echo?n={n}") for n in range(count)))
    return [time.perf_counter() - began, statuses.count(200)]

def mount():
    global inspector
    inspector = reissue.inspect(api, "#panel")

def fill(count):
    # As if there had been so many requests before: sending them would take long, and is not what is measured.
    from reissue import RequestEvent, RequestPhase
    began = time.perf_counter()
    for n in range(count):
        at = time.perf_counter() - 20 + n * 20 / count
        for phase, later in (("started", 0), ("sent", 0.01), ("done", 0.3)):
            phase = RequestPhase(phase)
            event = RequestEvent(at=at, request=-1 - n, phase=phase, method="GET", url="https://x.test/", status=200)
            inspector.trace.hear(event, at + later)
    return (time.perf_counter() - began) / count / 3

def drawn():
    timeline = inspector.tabs.requests.timeline
    return [timeline.frames.drawings, timeline.frames.drawing_seconds]

await api.sign_in(username="ada", password="lovelace")
None
"""
FRAMES = """(() => {
    window.stamps = []
    const look = stamp => { stamps.push(stamp); requestAnimationFrame(look) }
    requestAnimationFrame(look)
})()"""


def measure(visit: Visit, count: int, *, panel: bool, before: int) -> dict[str, Any]:
    """One storm."""
    visit.run(PAGE)
    visit.stop_recording()
    heard = 0.0
    if panel:
        visit.run("mount()")
        heard = visit.run(f"fill({before})") if before else 0.0
        visit.run("await asyncio.sleep(0.5)")
    visit.server.control("/dev/revoke")
    drawings, drawing = visit.run("drawn()") if panel else (0, 0.0)
    visit.evaluate(FRAMES)
    seconds, answered = visit.run(f"await storm({count})")
    stamps = visit.evaluate("stamps")
    if panel:
        now_drawings, now_drawing = visit.run("drawn()")
        drawings, drawing = now_drawings - drawings, now_drawing - drawing
    gaps = sorted(after - earlier for earlier, after in pairwise(stamps))
    return {
        "seconds": seconds,
        "answered": answered,
        "frames_per_second": (len(stamps) - 1) / (stamps[-1] - stamps[0]) * 1000,
        "median_gap_ms": statistics.median(gaps),
        "slowest_gaps_ms": gaps[-3:],
        "drawings": drawings,
        "ms_per_drawing": drawing / drawings * 1000 if drawings else 0.0,
        "share_of_drawing": drawing / seconds,
        "us_per_event": heard * 1e6,
    }


@click.command(help=__doc__)
@click.option("--count", default=1000, show_default=True, type=click.IntRange(min=1))
@click.option("--before", default=5000, show_default=True, type=click.IntRange(min=1))
@click.option("--output", default=ROOT / ".runtime" / "bench-inspector.json", type=click.Path(path_type=Path))
def main(count: int, before: int, output: Path) -> None:
    cases = {
        "no panel": {"panel": False, "before": 0},
        "a panel": {"panel": True, "before": 0},
        f"a panel with {before:,} in it": {"panel": True, "before": before},
    }
    found = {}
    with sync_playwright() as playwright:
        for name, case in cases.items():
            with running_server("--refresh-delay", "0.3") as server:
                browser = playwright.chromium.launch(**chromium_launch_options())
                visit = Visit(browser.new_page(), server).open_blank()
                found[name] = measure(visit, count, panel=case["panel"], before=case["before"])  # type: ignore[arg-type]
                browser.close()
            one = found[name]
            click.echo(f"{name}: {one['answered']} answers in {one['seconds']:.1f} s")
            slowest = ", ".join(f"{gap:.0f}" for gap in one["slowest_gaps_ms"])
            click.echo(
                f"  {one['frames_per_second']:.0f} frames a second; from one to the next "
                f"{one['median_gap_ms']:.0f} ms in the median, the slowest {slowest}"
            )
            if case["panel"]:
                click.echo(
                    f"  {one['drawings']} drawings of {one['ms_per_drawing']:.1f} ms, "
                    f"{one['drawings'] / one['seconds']:.0f} a second, {one['share_of_drawing']:.0%} of the time"
                )
            if case["before"]:
                click.echo(f"  {one['us_per_event']:.0f} µs to take in an event")
    output.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
