"""Flet's worker, with the archive of an app as `flet publish` packs it. The page that draws the app is not run here:
`flet publish` asks a site that these tests can't reach."""

from __future__ import annotations

import json
import shutil
import tarfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.visit import REFUSED, Visit
from tests.documents import run_by
from tests.live_server import LiveServer
from tests.places.bring import ENVIRONMENT, distribution, modules
from tests.places.sites import answering, serving, taking, wanted
from tests.places.steps import IN_A_WORKER

THIS = "tests/places/test_flet.py::test_the_worker_of_flet_stays_signed_in"
CDN = "https://cdn.jsdelivr.net"
# As Flet's own python.js does, which the Flutter page calls.
PAGE = f"""<!doctype html><meta charset="utf-8"><title>Flet's worker</title><link rel="icon" href="data:,">
<script>
window.came = new Promise((resolve, reject) => {{
    new BroadcastChannel("steps").onmessage = ({{data}}) => resolve(data);
    const worker = new Worker("python-worker.js", {{type: "module"}});
    worker.onmessage = ({{data}}) => {{
        if (typeof data === "string" && !data.startsWith("__flet_no_ui__")) reject(new Error(data));
    }};
    worker.postMessage({{
        pyodideUrl: "{CDN}/pyodide/v314.0.0/full/pyodide.mjs", args: {{}}, documentUrl: document.URL,
        appPackageUrl: new URL("app.tar.gz", document.URL).href, micropipIncludePre: false, pythonModuleName: "main",
    }});
}});
</script>
"""
MAIN = f"""import asyncio
import flet

async def main():
{textwrap.indent(taking(IN_A_WORKER), "    ")}
    import js as _js
    _js.BroadcastChannel.new("steps").postMessage(_told)

asyncio.ensure_future(main())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    site = tmp_path_factory.mktemp("sites") / "site"
    site.mkdir()
    (worker,) = ENVIRONMENT.glob("lib/*/site-packages/flet_web/web/python-worker.js")
    shutil.copy(worker, site)
    shutil.copy(wheel, site)
    (site / "index.html").write_text(PAGE, encoding="utf-8")
    return site.parent


@pytest.fixture
def server(runtime: None, folder: Path) -> Iterator[LiveServer]:
    with serving(folder) as server:
        yield server


def test_the_worker_of_flet_stays_signed_in(visit: Visit, folder: Path, tmp_path: Path) -> None:
    """Q1, Q2, Q7: every step, in an app that names the wheel as the document's project does."""
    (project,) = (block.code for block in run_by(THIS))
    site = f"{visit.server.url}places/site/"
    (tmp_path / "pyproject.toml").write_text(project.replace("https://my.example/", site), encoding="utf-8")
    (tmp_path / "main.py").write_text(MAIN, encoding="utf-8")
    with tarfile.open(folder / "site" / "app.tar.gz", "w:gz") as archive:
        for name in ("pyproject.toml", "main.py"):
            archive.add(tmp_path / name, name)
    answering(visit, CDN, distribution(modules() / "marimo-pyodide"))
    visit.expect_console("^log: ", times=1, at_most=100)
    visit.expect_console(REFUSED, times=23)
    visit.page.goto(site)
    assert json.loads(visit.evaluate("came")) == wanted(IN_A_WORKER)
