"""The sign-in widget in marimo, which has a front end of its own for anywidget."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visit import REFUSED, STARTED, Visit
from tests.documents import AS_MARIMOS_WIDGET, run_by
from tests.places.sites import make
from tests.places.test_marimo import SAYS, answer_marimos_own, pyodide, server

__all__ = ["pyodide", "server"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wheel: Path, pyodide: Path) -> Path:
    """The document's notebook, exported."""
    folder = tmp_path_factory.mktemp("sites")
    (block,) = run_by(AS_MARIMOS_WIDGET)
    (folder / "notebook.py").write_text(block.code, encoding="utf-8")
    shutil.copy(wheel, folder)
    lock = {"MARIMO_PYODIDE_LOCK_FILE": str(pyodide / "pyodide-lock.json")}
    make("marimo export html-wasm notebook.py --output site", folder, lock)
    return folder


def test_marimo_shows_the_widget_and_its_kernel_is_signed_in(visit: Visit, pyodide: Path) -> None:
    answer_marimos_own(visit, pyodide)
    visit.expect_console(SAYS, times=1, at_most=1000)
    visit.expect_console(REFUSED, times=1)
    visit.page.goto(f"{visit.server.url}places/site/")
    widget = visit[".reissue-sign-in"]
    status = widget.get_by_role("status")
    expect(status).to_have_text("No user is signed in.", timeout=2 * STARTED)  # Python, marimo, IPython and its widgets
    for password in ("wrong", "lovelace"):
        widget.get_by_label("Username").fill("ada")
        widget.get_by_label("Password").fill(password)
        widget.get_by_label("Password").press("Enter")
        if password == "wrong":
            expect(widget.get_by_role("alert")).to_have_text("The sign-in was refused: invalid_grant.")
    expect(status).to_have_text("Signed in as Ada Lovelace.")
    assert visit.server.counters()["logins"] == 1
    widget.get_by_role("button", name="Sign out").click()
    expect(status).to_have_text("No user is signed in.")
    assert [word for word in ("lovelace", "eyJ") if word in visit.markup()] == []
