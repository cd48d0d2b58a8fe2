"""Every Pyodide that people have, as npm has it, with the wheel loaded by its address and nothing else of ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from devserver.files import TYPES
from runtime.npm_packages import installed, locked_version
from tests.blank_pages import PAGES
from tests.browser.visit import REFUSED, STARTED, Visit
from tests.live_server import ROOT
from tests.places.bring import modules
from tests.places.steps import NO_ANSWER, STEPS

HERE = Path(__file__).parent
OWN = "pyodide"  # the one that the project's own pages have
TOO_OLD = "pyodide-0.26"
IN_FIREFOX = {"pyodide-0.27", "pyodide-315"}  # the oldest and the newest; its own is in all other tests
LOCKED = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
PYODIDES = {
    **{
        name: LOCKED[f"node_modules/{name}"]["version"]
        for name in LOCKED[""]["devDependencies"]
        if name.startswith(OWN)
    },
    OWN: locked_version(OWN),
}
CONNECT_IN_VAIN = """
import reissue
try:
    said = str(reissue.connect("/api/", endpoint=reissue.Endpoint("/auth")))
except reissue.ReissueError as error:
    said = str(error)
said
"""


def served(visit: Visit, package: str, wheel: Path) -> str:
    """Serve a page with this Pyodide; its address."""
    folder = (installed(ROOT / ".runtime") if package == OWN else modules()) / package
    files = {"pyodide.html": HERE, "pyodide.js": HERE, "blank.py": PAGES, wheel.name: wheel.parent}

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(visit.server.url).partition("?")[0]
        file = folder / path.partition("/")[2] if "/" in path else files[path] / path
        kind = TYPES.get(file.suffix, "application/octet-stream")
        route.fulfill(body=file.read_bytes(), content_type=kind)

    names = "|".join(re.escape(name) for name in files)
    visit.context.route(re.compile(rf"{re.escape(visit.server.url)}({names}|{re.escape(package)}/.*)(\?.*)?$"), answer)
    return f"{visit.server.url}pyodide.html?pyodide={package}&wheel=/{wheel.name}"


def started(visit: Visit, package: str, wheel: Path) -> None:
    visit.page.goto(served(visit, package, wheel))
    expect(visit["#status"]).to_have_text("ready", timeout=STARTED)


@pytest.mark.parametrize(
    "package",
    [
        pytest.param(package, marks=pytest.mark.firefox if package in IN_FIREFOX else ())
        for package in PYODIDES
        if package != TOO_OLD
    ],
)
def test_every_step_is_taken_in_this_pyodide(visit: Visit, wheel: Path, package: str) -> None:
    """Q1, Q2, Q7, Q14: from the import to the sign-out."""
    started(visit, package, wheel)
    visit.expect_console(REFUSED, times=23)
    visit.expect_console("status of 404|ERR_(EMPTY|INVALID_HTTP)_RESPONSE", times=2)
    visit.server.fault(*NO_ANSWER, times=9)
    came = {name: visit.run(source) for name, (source, _) in STEPS.items()}
    assert came == {name: wanted for name, (_, wanted) in STEPS.items()}


def test_a_pyodide_that_is_too_old_is_told_which_one_is_needed(visit: Visit, wheel: Path) -> None:
    started(visit, TOO_OLD, wheel)
    assert visit.run(CONNECT_IN_VAIN) == f"reissue needs Pyodide 0.27 or newer, and this is Pyodide {PYODIDES[TOO_OLD]}"


def test_the_document_names_the_pyodides_that_are_tested() -> None:
    text = (ROOT / "docs" / "browsers.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| (\d+\.\d+\.\d+(?:-alpha\.\d+)?)", text, re.MULTILINE)
    assert sorted(named) == sorted(version for package, version in PYODIDES.items() if package != TOO_OLD)
