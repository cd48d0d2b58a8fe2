"""marimo, really running: a notebook exported to a page, whose kernel is Python in a worker."""

from __future__ import annotations

import ast
import json
import mimetypes
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.visit import REFUSED, STARTED, Visit
from tests.documents import run_by
from tests.live_server import LiveServer, running_server
from tests.places.bring import distribution, modules
from tests.places.sites import make
from tests.places.steps import IN_A_WORKER, STEPS

# marimo itself, at length; it waits some seconds for its worker, says so, and goes on.
SAYS = "^(info|debug|log|warning): |^uncaught: RPC request timed out"
THIS = "tests/places/test_marimo.py::test_a_notebook_of_marimo_stays_signed_in"
EVERY_STEP = '''

@app.cell
async def _():
    import json as _json
    from pyodide.code import eval_code_async as _run

    _names, _came = {}, {}
    for _name, _source in _json.loads(r"""STEPS""").items():
        _came[_name] = await _run(_source, _names)
    _json.dumps(_came)
    return
'''


@pytest.fixture(scope="module")
def pyodide() -> Path:
    return distribution(modules() / "marimo-pyodide")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wheel: Path, pyodide: Path) -> Path:
    """The document's notebook, and before its cells one that takes every step."""
    folder = tmp_path_factory.mktemp("sites")
    notebook, commands = (block.code for block in run_by(THIS))
    head, app, cells = notebook.partition("app = marimo.App()\n")
    steps = EVERY_STEP.replace("STEPS", json.dumps({name: STEPS[name][0] for name in IN_A_WORKER}))
    (folder / "notebook.py").write_text(head + app + steps + cells, encoding="utf-8")
    shutil.copy(wheel, folder)
    make(
        commands, folder, {"MARIMO_PYODIDE_LOCK_FILE": str(pyodide / "pyodide-lock.json")}
    )  # else it asks its own site
    return folder


@pytest.fixture
def server(runtime: None, folder: Path) -> Iterator[LiveServer]:
    with running_server("--folder", str(folder), program="tests/places/server.py") as server:
        yield server


def test_a_notebook_of_marimo_stays_signed_in(visit: Visit, pyodide: Path) -> None:
    """Q1, Q2, Q7: every step in a cell, and the document's notebook as it stands; marimo's own addresses are answered
    here, since nothing else is.
    """

    def answer(route: Route) -> None:
        file = pyodide / route.request.url.partition("?")[0].rpartition("/")[2]
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        route.fulfill(path=file, headers={"Access-Control-Allow-Origin": "*", "Content-Type": kind})

    for origin in ("https://cdn.jsdelivr.net", "https://wasm.marimo.app"):
        visit.context.route(f"{origin}/**", answer)
        visit.allowed_origins.add(origin)
    visit.context.route(f"{visit.server.url}gone", lambda route: route.abort())
    visit.expect_console(SAYS, times=1, at_most=1000)
    visit.expect_console(REFUSED, times=0, at_most=200)
    visit.expect_console("status of 404|ERR_FAILED", times=0, at_most=2)
    visit.page.goto(f"{visit.server.url}places/site/")
    outputs = visit[".output-area"]
    expect(outputs).to_have_count(2, timeout=STARTED)
    came = json.loads(ast.literal_eval(outputs.first.inner_text()))
    assert came == {name: STEPS[name][1] for name in IN_A_WORKER}
    expect(outputs.last).to_have_text("'ada'")
