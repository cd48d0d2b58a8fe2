"""What an installed client costs whoever fetches: `python bench/gate.py`.

The decision by itself, over a fetch that answers at once: by gate.js, by Python alone (a page that has no gate.js), and
without any. Then real requests to `serve.py` on loopback, one after the other, over a fresh token. Each figure is the
median of several rounds; nothing else should run meanwhile.
"""

import sys
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.browser.browsers import chromium_launch_options
from tests.browser.visit import Visit
from tests.live_server import running_server

OVER_A_STUB = """
import js, reissue
ready = js.Promise.withResolvers()
ready.resolve(1)
native = js.fetch
js.globalThis.fetch = js.Reflect.get.bind(None, ready, "promise")  # a native function that gives a ready promise
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), tabs=False)
js.window.native = js.fetch
api.install()
None
"""
PYTHON_ALONE = """
import sys
from pyodide_js import unregisterJsModule
api.uninstall()
unregisterJsModule("reissue_gate")
del sys.modules["reissue_gate"]
api.install()
None
"""
OVER_THE_WIRE = """
await api.close()
js.globalThis.fetch = native
js.window.native = native
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), tabs=False)
await api.sign_in(username="ada", password="lovelace")
api.install()
from time import perf_counter
async def each(url, count):
    began = perf_counter()
    for _ in range(count):
        await (await api.fetch(url)).text()
    return (perf_counter() - began) / count * 1e3
None
"""
CALLS = {
    "another origin": "'https://other.test/x'",
    "same origin": "'/image.png'",
    "same origin, a URL": "image",
    "same origin, a Request": "asked",
}
MEDIAN = "const median = list => list.sort((a, b) => a - b)[list.length >> 1];"


def decisions(visit: Visit, url: str, rounds: int, fetch: str = "fetch") -> float:
    """Microseconds for one call of fetch."""
    return float(
        visit.evaluate(
            f"""(() => {{
                {MEDIAN}
                const image = new URL("/image.png", location), asked = new Request(image);
                const round = () => {{
                    const began = performance.now();
                    for (let n = 0; n < 2000; n++) {fetch}({url});
                    return (performance.now() - began) / 2;
                }};
                round();
                return median([...Array({rounds}).keys()].map(round));
            }})()"""
        )
    )


def requests(visit: Visit, fetch: str, url: str, rounds: int) -> float:
    """Milliseconds for one request and its text."""
    return float(
        visit.evaluate(
            f"""(async () => {{
                {MEDIAN}
                const times = [];
                for (let n = 0; n < {rounds}; n++) {{
                    const began = performance.now();
                    for (let n = 0; n < 50; n++) await (await {fetch}("{url}")).text();
                    times.push((performance.now() - began) / 50);
                }}
                return median(times);
            }})()"""
        )
    )


@click.command(help=__doc__)
@click.option("--rounds", default=9, show_default=True, type=click.IntRange(min=1), help="Rounds for each figure.")
def main(rounds: int) -> None:
    with running_server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium_launch_options())
        visit = Visit(browser.new_page(), server).open_blank()
        visit.run(OVER_A_STUB)
        assert visit.run("'reissue_gate' in __import__('sys').modules"), "gate.js did not come"
        say = click.echo
        for name, call in CALLS.items():
            say(f"{name + ', native fetch alone:':44}{decisions(visit, call, rounds, 'native'):6.2f} µs")
            say(f"{name + ', decided by gate.js:':44}{decisions(visit, call, rounds):6.2f} µs")
        visit.run(PYTHON_ALONE)
        for name, call in CALLS.items():
            say(f"{name + ', decided by Python:':44}{decisions(visit, call, rounds):6.2f} µs")
        visit.run(OVER_THE_WIRE)
        say(f"native fetch, outside:                      {requests(visit, 'native', '/dev/counters', rounds):6.2f} ms")
        say(f"installed fetch, outside:                   {requests(visit, 'fetch', '/dev/counters', rounds):6.2f} ms")
        say(f"installed fetch, the audience:              {requests(visit, 'fetch', '/api/me', rounds):6.2f} ms")
        times: list[Any] = sorted(visit.run("await each('/api/me', 50)") for _ in range(rounds))
        say(f"api.fetch from Python:                      {times[rounds // 2]:6.2f} ms")
        browser.close()


if __name__ == "__main__":
    main()
