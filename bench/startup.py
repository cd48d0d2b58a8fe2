"""How long from navigation to a usable page, and how many bytes that takes: `python bench/startup.py`.

The demo is opened in a headless browser against `serve.py` on loopback. *Cold* is a fresh profile; *warm* is the third
load of one profile. Usable means that the sign-in form is there, so Python runs and has asked for a session.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
from playwright.sync_api import Browser, BrowserContext, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.browser.browsers import chromium_launch_options
from tests.live_server import running_server


def load(context: BrowserContext, url: str) -> tuple[float, int]:
    """Milliseconds to the form, and bytes on the wire (bodies and headers, as compressed)."""
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    received: list[int] = []
    devtools.on("Network.loadingFinished", lambda event: received.append(int(event["encodedDataLength"])))
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.locator("#entrance").wait_for(state="visible", timeout=60_000)
    took = (time.perf_counter() - began) * 1000
    page.close()
    return took, sum(received)


def runs(browser: Browser, url: str, count: int) -> Iterator[tuple[tuple[float, int], tuple[float, int]]]:
    """A cold and a warm load, `count` times."""
    for _ in range(count):
        context = browser.new_context()
        cold = load(context, url)
        load(context, url)
        yield cold, load(context, url)
        context.close()


@click.command(help=__doc__)
@click.option("--count", default=5, show_default=True, type=click.IntRange(min=1), help="Loads of each kind.")
def main(count: int) -> None:
    with running_server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium_launch_options())
        results = list(runs(browser, server.url, count))
        browser.close()
    for name, loads in zip(("cold", "warm"), zip(*results, strict=True), strict=True):
        times = [took for took, _ in loads]
        size = statistics.median(size for _, size in loads)
        spread = f"{min(times):.0f}–{max(times):.0f}"
        click.echo(f"{name}: {statistics.median(times):.0f} ms (of {count}: {spread}), {size / 1e6:.2f} MB on the wire")


if __name__ == "__main__":
    main()
