"""How many requests should be on the wire at once: `python bench/admission.py`.

Storms of requests over a token that was revoked (the first answers are 401s) or has expired (the page knows), with one
`in_flight` after the other; the browser's own `fetch` is the floor, with a valid token, since it can't renew one. The
runs of a round are shuffled, so that slow moments of the machine spread over all. The server runs in Node (`make
runtime` installs it), for HTTP/2 and so that it is not the bottleneck; it answers after `--delay` milliseconds.
"""

import json
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.server import Server, running_server
from tests.browser.browsers import chromium_launch_options

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NATIVE = 0  # in place of an `in_flight`
UNLIMITED = 1_000_000
KINDS = ("revoked", "expired")
SITE = ROOT / ".runtime" / "site"
MOUNTS = [
    ("/py/", SITE / "py"),
    ("/pyscript/", SITE / "pyscript"),
    ("/pyscript.toml", ROOT / "pyscript.toml"),
    ("/app/", ROOT / "app"),
    ("/", ROOT / "tests" / "browser" / "pages"),
]


@dataclass(frozen=True, slots=True)
class Run:
    """One storm. `requests` arrived at the server's API, `most` of them at once; `seconds` by the page's clock."""

    protocol: str
    kind: str
    count: int
    in_flight: int
    seconds: float
    answered: int
    requests: int
    refused: int
    refreshes: int
    most: int


@contextmanager
def page_at(browser: Browser, url: str) -> Iterator[Page]:
    """A page with Python, ready for storms."""
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{url}blank.html")
    page.get_by_text("ready", exact=True).wait_for(timeout=60_000)
    page.add_script_tag(path=HERE / "storm.js")
    python(page, (HERE / "storm.py").read_text(encoding="utf-8") + "\nNone")
    yield page
    context.close()


def python(page: Page, source: str) -> Any:
    return json.loads(page.evaluate("source => window.run_python(source)", source))


def storm(page: Page, server: Server, protocol: str, kind: str, count: int, in_flight: int) -> Run:
    token = server.ask(f"dev/begin?kind={'revoked' if kind == 'revoked' else 'valid'}")["token"]
    if in_flight == NATIVE:
        result = page.evaluate("nativeStorm", [count, token])
    else:
        result = python(page, f"await storm({token!r}, {0 if kind == 'expired' else 3600}, {count}, {in_flight})")
    seen = {name: n for name, n in server.ask("dev/counters").items() if name != "reused"}
    return Run(protocol, kind, count, in_flight, result["seconds"], result["answered"], **seen)


def name(in_flight: int) -> str:
    return {NATIVE: "native fetch", UNLIMITED: "no limit"}.get(in_flight, str(in_flight))


def table(runs: list[Run]) -> Iterator[str]:
    """A line for each setting: times with their spread, what arrived at the server, what was lost."""
    groups: dict[tuple[str, str, int, int], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.protocol, run.kind, run.count, run.in_flight or UNLIMITED * 2].append(run)
    yield "         token    requests    in_flight  median s        spread  at server  at once  lost"
    for protocol, kind, count, _ in sorted(groups):
        group = groups[protocol, kind, count, _]
        times = [run.seconds for run in group]
        arrived = statistics.median(run.requests for run in group)
        lost = max(count - run.answered for run in group)
        yield (
            f"{protocol:8} {kind:8} {count:8} {name(group[0].in_flight):>12} {statistics.median(times):9.2f} "
            f"{min(times):6.2f}–{max(times):6.2f} {arrived:10.0f} {max(run.most for run in group):8} {lost:5}"
        )


def numbers(_: click.Context, __: click.Parameter, value: str) -> list[int]:
    return [int(part) for part in value.split(",")]


@click.command(help=__doc__)
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--counts", default="100,1000,2000", show_default=True, callback=numbers, help="Requests at once.")
@click.option("--in-flight", default="8,16,32,64,128,256", show_default=True, callback=numbers)
@click.option("--protocols", default="h1,h2", show_default=True, help="h1 (six connections), h2 (one), or both.")
@click.option("--delay", default=20, show_default=True, help="Milliseconds that each answer takes.")
@click.option("--output", default=ROOT / ".runtime" / "bench-admission.json", type=click.Path(path_type=Path))
def main(rounds: int, counts: list[int], in_flight: list[int], protocols: str, delay: int, output: Path) -> None:
    runs: list[Run] = []
    dice = random.Random(0)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium_launch_options())
        for _ in range(rounds):
            for protocol in protocols.split(","):
                settings = [(kind, n, m) for kind in KINDS for n in counts for m in [NATIVE, *in_flight, UNLIMITED]]
                settings = [each for each in settings if each[0] == "expired" or each[2] != NATIVE]
                dice.shuffle(settings)
                with running_server(MOUNTS, protocol=protocol, delay=delay) as server:
                    for each in settings:
                        with page_at(browser, server.url) as page:
                            storm(page, server, protocol, "expired", 50, 64)  # the first storm of a page is slow
                            runs.append(storm(page, server, protocol, *each))
                output.write_text(json.dumps([asdict(run) for run in runs], indent=1), encoding="utf-8")
        browser.close()
    for line in table(runs):
        click.echo(line)
    click.echo(f"{rounds} rounds, answers after {delay} ms; raw: {output}")


if __name__ == "__main__":
    main()
