"""Whether any request notices a renewal: `python bench/steady.py`.

A page sends `--rate` requests a second for `--seconds`, over access tokens that live `--life` seconds, to `serve.py` on
loopback, where each refresh takes `--refresh-delay` seconds. Near the end of its life a token is still sent while its
renewal runs in the background: there should be no 401, one refresh for each life, and no request that waited for one.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.browser.browsers import chromium_launch_options
from tests.browser.visit import Visit
from tests.live_server import ROOT, running_server

LOAD = """
import asyncio, reissue, time
from reissue import RefreshPhase, RequestPhase

api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
started, sent, renewals = {}, {}, []

def watch(event):
    if event.phase is RequestPhase.STARTED:
        started[event.request] = event.at
    elif event.phase is RequestPhase.SENT:
        sent[event.request] = event.at
    elif event.phase in (RefreshPhase.STARTED, RefreshPhase.SUCCEEDED):
        renewals.append([event.phase.value, event.at])

api.on(watch)

async def status(url):
    try:
        return (await api.fetch(url)).status
    except (reissue.ReissueError, OSError) as error:
        return type(error).__name__

async def load(rate, seconds):
    await api.sign_in(username="ada", password="lovelace")
    began, calls = time.perf_counter(), []
    for n in range(int(rate * seconds)):
        calls.append(asyncio.create_task(status(f"/api/echo?n={n}")))
        await asyncio.sleep(max(0.001, began + (n + 1) / rate - time.perf_counter()))
    took = time.perf_counter() - began
    outcomes = [await call for call in calls]
    waited = [sent[request] - started[request] for request in sent]
    return {"seconds": took, "outcomes": outcomes, "waited": waited, "renewals": renewals}

None
"""


@click.command(help=__doc__)
@click.option("--rate", default=50, show_default=True, type=click.IntRange(min=1))
@click.option("--seconds", default=30, show_default=True, type=click.IntRange(min=1))
@click.option("--life", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--refresh-delay", default=0.5, show_default=True, type=click.FloatRange(0))
@click.option("--output", default=ROOT / ".runtime" / "bench-steady.json", type=click.Path(path_type=Path))
def main(rate: int, seconds: int, life: int, refresh_delay: float, output: Path) -> None:
    flags = ("--access-lifetime", str(life), "--refresh-delay", str(refresh_delay))
    with running_server(*flags) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium_launch_options())
        visit = Visit(browser.new_page(), server).open_blank()
        visit.run(LOAD)
        visit.reset_counters()
        seen: dict[str, Any] = visit.run(f"await load({rate}, {seconds})")
        counters = server.counters()
        browser.close()
    output.write_text(json.dumps({**seen, "counters": counters}), encoding="utf-8")
    outcomes = {each: seen["outcomes"].count(each) for each in sorted(set(seen["outcomes"]), key=str)}
    starts = [at for phase, at in seen["renewals"] if phase == "started"]
    ends = [at for phase, at in seen["renewals"] if phase == "succeeded"]
    took = [end - start for start, end in zip(starts, ends, strict=False)]
    waited = [seconds * 1000 for seconds in seen["waited"]]
    click.echo(f"{counters['api_requests']} requests in {seen['seconds']:.1f} s, outcomes {outcomes}")
    click.echo(f"{counters['api_401s']} answers 401 at the server")
    asked, granted, reused = (counters[key] for key in ("refreshes_asked", "refreshes_granted", "reuse_detections"))
    click.echo(f"{asked} refreshes, {granted} granted, {reused} of a token used before")
    click.echo(f"  each took {min(took) * 1000:.0f} to {max(took) * 1000:.0f} ms")
    click.echo(
        f"from the call to the wire: {statistics.median(waited):.2f} ms in the median, {max(waited):.2f} at most"
    )


if __name__ == "__main__":
    main()
