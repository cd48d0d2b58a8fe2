"""Measure reissue and the JavaScript libraries that people use side by side: `make bench`, or `python -m bench`.

All parts, or those that are named: storm, many (ten thousand at once), overhead, gate, startup, memory, tabs. The
results go to bench/results.json, a part at a time, and from there into the tables of bench/README.md and README.md and
into docs/bench.svg. Nothing else should run meanwhile. `--quick` runs all of it with few runs and small numbers, and
writes no document.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import sync_playwright

from bench import report
from bench.chromium import running_chromium
from bench.parts import Bench, gate, memory, overhead, startup, storm, tabs
from bench.server import ROOT, bench_mounts, capacity, running_server
from runtime.npm_packages import locked_version

RESULTS = ROOT / "bench" / "results.json"
QUICK_RESULTS = ROOT / ".runtime" / "bench-quick.json"
MEASURES: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "storm": storm.measure,
    "many": storm.measure_many,
    "overhead": overhead.measure,
    "gate": gate.measure,
    "startup": startup.measure,
    "memory": memory.measure,
    "tabs": tabs.measure,
}


def machine(chromium: str) -> dict[str, Any]:
    """What it was measured on."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "chromium": chromium,
        **{name: locked_version(name) for name in PACKAGES},
    }


PACKAGES = ("pyodide", "@pyscript/core", "axios", "axios-auth-refresh", "@badgateway/oauth2-client")


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(list(MEASURES)))
@click.option(
    "--rounds", default=7, show_default=True, type=click.IntRange(min=1), help="How often each thing is done."
)
@click.option("--quick", is_flag=True, help="Two rounds, small numbers, no document written.")
@click.option("--only-write", is_flag=True, help="Measure nothing: write tables and plot again from results.json.")
def main(parts: tuple[str, ...], rounds: int, *, quick: bool, only_write: bool) -> None:
    if not only_write:
        measured(
            parts or tuple(MEASURES),
            2 if quick else rounds,
            scale=20 if quick else 1,
            file=QUICK_RESULTS if quick else RESULTS,
        )
    if not quick:
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
        report.write(results)
        click.echo(report.summary(results))


def measured(parts: tuple[str, ...], rounds: int, *, scale: int, file: Path) -> None:
    """Measure, and save the results of each part as soon as they are there."""
    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"parts": {}}
    with running_server(bench_mounts()) as server, sync_playwright() as playwright:
        answers = capacity(server)
        click.echo(f"the server answers {answers['per_second']:,} requests a second")
        with running_chromium(playwright, server) as chromium:
            results["machine"] = {**machine(chromium.version), "server": answers}
            bench = Bench(playwright, server, chromium, rounds, scale)
            for part in MEASURES:
                if part not in parts:
                    continue
                began = time.monotonic()
                load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
                results["parts"][part] = {"load_before": load, **MEASURES[part](bench)}
                click.echo(f"{part}: {time.monotonic() - began:.0f} s")
                file.write_text(json.dumps(results, separators=(",", ":")) + "\n", encoding="utf-8")
                for goal in report.goals_of(part, results["parts"][part]):
                    click.echo(f"  {goal.name}: {goal.found} [{goal.goal}] {goal.verdict}")


if __name__ == "__main__":
    main()
