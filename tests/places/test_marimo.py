"""marimo, really running: a notebook exported to a page, whose kernel is Python in a worker."""

from __future__ import annotations

import ast
import json
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visit import REFUSED, STARTED, Visit
from tests.documents import run_by
from tests.live_server import LiveServer
from tests.places.bring import distribution, modules
from tests.places.sites import answering, make, serving, taking, wanted
from tests.places.steps import IN_A_WORKER

# marimo itself, at length; it waits some seconds for its worker, says so, and goes on.
SAYS = "^(info|debug|log|warning): |^uncaught: RPC request timed out"
THIS = "tests/places/test_marimo.py::test_a_notebook_of_marimo_stays_signed_in"


@pytest.fixture(scope="module")
def pyodide() -> Path:
    return distribution(modules() / "marimo-pyodide")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wheel: Path, pyodide: Path) -> Path:
    """The document's notebook, and before its cells one that takes every step."""
    folder = tmp_path_factory.mktemp("sites")
    notebook, commands = (block.code for block in run_by(THIS))
    head, app, cells = notebook.partition("app = marimo.App()\n")
    steps = f"@app.cell\nasync def _():\n{textwrap.indent(taking(IN_A_WORKER), '    ')}    _told\n    return\n"
    (folder / "notebook.py").write_text(f"{head}{app}\n\n{steps}{cells}", encoding="utf-8")
    shutil.copy(wheel, folder)
    make(
        commands, folder, {"MARIMO_PYODIDE_LOCK_FILE": str(pyodide / "pyodide-lock.json")}
    )  # else it asks its own site
    return folder


@pytest.fixture
def server(runtime: None, folder: Path) -> Iterator[LiveServer]:
    with serving(folder) as server:
        yield server


def answer_marimos_own(visit: Visit, pyodide: Path) -> None:
    """Answer marimo's own addresses, where it asks for Pyodide and its packages: nothing else here does."""
    for origin in ("https://cdn.jsdelivr.net", "https://wasm.marimo.app"):
        answering(visit, origin, pyodide)


def test_a_notebook_of_marimo_stays_signed_in(visit: Visit, pyodide: Path) -> None:
    """Q1, Q2, Q7: every step in a cell, and the document's notebook as it stands."""
    answer_marimos_own(visit, pyodide)
    visit.expect_console(SAYS, times=1, at_most=1000)
    visit.expect_console(REFUSED, times=0, at_most=200)
    visit.expect_console("status of 404|ERR_(EMPTY|INVALID_HTTP)_RESPONSE", times=0, at_most=2)
    visit.page.goto(f"{visit.server.url}places/site/")
    outputs = visit[".output-area"]
    expect(outputs).to_have_count(2, timeout=STARTED)
    assert json.loads(ast.literal_eval(outputs.first.inner_text())) == wanted(IN_A_WORKER)
    expect(outputs.last).to_have_text("'ada'")
