"""JupyterLite, really running: a notebook whose kernel is Python in a worker."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from runtime.build import WHEELS
from runtime.npm_packages import installed
from runtime.release import write_index
from runtime.wheels import downloaded
from tests.browser.visit import REFUSED, STARTED, Visit
from tests.documents import run_by
from tests.live_server import LiveServer
from tests.places.bring import RUNTIME, distribution
from tests.places.sites import make, serving
from tests.places.steps import IN_A_WORKER, STEPS
from tests.places.test_release import BY_AN_INDEX

THIS = "tests/places/test_jupyterlite.py::test_a_notebook_of_jupyterlite_stays_signed_in"
SAYS = "^(info|debug|log|warning): "  # JupyterLab itself, at length
SETTLED = re.compile(r"\[\d+\]:")  # beside a cell that has run
THIRTY = """
import js
for _ in range(30):
    again = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
    again.install()
    await again.resume()
    assert (await js.fetch("/api/me")).status == 200
api = again
"""


class Notebook:
    """A new notebook in JupyterLab, used as one uses it: by the launcher, the keyboard and the toolbar."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.cells = visit[".jp-Notebook .jp-CodeCell"]
        visit.page.goto(f"{visit.server.url}places/site/lab/index.html")
        visit[".jp-LauncherCard[data-category=Notebook]"].click()
        expect(self.cells).to_have_count(1)
        # Until there is a kernel, a cell that is run is left as it is.
        expect(visit[".jp-KernelName"]).to_have_text("Python (Pyodide)", timeout=STARTED)

    def run(self, source: str) -> str:
        """What a cell shows once it has run."""
        cell = self.cells.nth(self.cells.count() - 1)
        cell.locator(".cm-content").click()
        self.visit.page.keyboard.insert_text(source.strip())
        number = self.cells.count() - 1
        self.visit.page.keyboard.press("Shift+Enter")
        cell = self.cells.nth(number)
        expect(cell.locator(".jp-InputPrompt")).to_have_text(SETTLED, timeout=STARTED)
        return "\n".join(outputs(cell))

    def restart(self) -> None:
        self.visit.button("Restart the kernel").click()
        self.visit.button("Confirm Kernel Restart").click()


def outputs(cell: Locator) -> list[str]:
    return [text.strip() for text in cell.locator(".jp-OutputArea-output").all_inner_texts()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The site that the document's commands make; Python comes from the site itself, since no CDN is asked."""
    folder = tmp_path_factory.mktemp("sites")
    shutil.copy(wheel, folder)
    (folder / "static").mkdir()
    (folder / "static" / "pyodide").symlink_to(distribution(installed(RUNTIME) / "pyodide"))
    make(run_by(THIS)[0].code, folder)
    pyjwt = downloaded(RUNTIME / WHEELS, installed(RUNTIME) / "pyodide").glob("pyjwt-*.whl")
    write_index(folder / "simple", [wheel, *pyjwt])
    return folder


@pytest.fixture
def server(runtime: None, folder: Path) -> Iterator[LiveServer]:
    with serving(folder) as server:
        yield server


def test_a_notebook_of_jupyterlite_stays_signed_in(visit: Visit) -> None:
    """Q1, Q2, Q7: from the site's own list to the sign-out; over kernels that restart, and install it by its address or
    from an index; and by habit, cell after cell, thirty clients that nobody closes.
    """
    visit.expect_console(SAYS, times=1, at_most=1000)
    visit.expect_console(REFUSED, times=0, at_most=200)
    visit.expect_console("status of 404|ERR_(EMPTY|INVALID_HTTP)_RESPONSE", times=0, at_most=2)
    _, install, by_address, sign_in = (block.code for block in run_by(THIS))
    notebook = Notebook(visit)
    assert notebook.run(install) == ""
    came = {name: notebook.run(STEPS[name][0]) for name in IN_A_WORKER}
    assert came == {name: repr(STEPS[name][1]) for name in IN_A_WORKER}
    assert notebook.run(sign_in) == "'ada'"

    visit.reset_counters()
    by_index = run_by(BY_AN_INDEX)[0].code
    for line in (by_address, by_index):
        notebook.restart()
        assert notebook.run(line.replace("https://my.example/", f"{visit.server.url}places/")) == ""
        assert notebook.run(sign_in) == "'ada'"
    assert visit.server.counters()["logins"] == 0, "the session outlives the kernel"

    visit.reset_counters()
    assert notebook.run(THIRTY) == ""
    counters = visit.server.counters()
    assert (counters["api_requests"], counters["api_401s"]) == (30, 0), "each request is sent once, by one client"
    assert notebook.run("import asyncio\n" + STEPS["storm"][0]) == "[20, 1]"
