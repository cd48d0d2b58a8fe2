"""PyScript in each of its ways, and a SharedWorker: sites as docs/notebooks.md has them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from runtime.npm_packages import installed
from tests.browser.visit import REFUSED, STARTED, Visit
from tests.documents import run_by
from tests.live_server import LiveServer
from tests.places.bring import RUNTIME, distribution
from tests.places.sites import serving, taking, wanted
from tests.places.steps import IN_A_WORKER, STEPS

PYSCRIPT = "tests/places/test_pyscript.py::test_pyscript_stays_signed_in_in_each_of_its_ways"
SHARED = "tests/places/test_pyscript.py::test_a_shared_worker_stays_signed_in"
TAG = '<script type="py" config="pyscript.toml" worker>\n'
LISTEN = """<script>
window.came = new Promise(resolve => { new BroadcastChannel("steps").onmessage = ({data}) => resolve(data); });
</script>
"""
TELL = "import js as _js\n_js.BroadcastChannel.new('steps').postMessage(_told)\n"
SAYS = "^log: (Load(ing|ed) |ada$)|^warning: (Unable to use `window`|py-terminal is read only)|PyScript Ready"
ISOLATED = ("--isolated",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    site = tmp_path_factory.mktemp("sites") / "site"
    site.mkdir()
    npm = installed(RUNTIME)
    (site / "pyscript").symlink_to(npm / "@pyscript" / "core" / "dist")
    (site / "pyodide").symlink_to(distribution(npm / "pyodide"))
    shutil.copy(wheel, site)
    return site.parent


@pytest.fixture
def server(runtime: None, folder: Path, server_flags: tuple[str, ...]) -> Iterator[LiveServer]:
    with serving(folder, *server_flags) as server:
        yield server


@pytest.mark.parametrize(
    ("tag", "server_flags"),
    [
        pytest.param(TAG, (), id="worker"),
        pytest.param(TAG, ISOLATED, id="isolated worker"),
        pytest.param(TAG.replace("worker", "terminal"), (), id="terminal"),
        pytest.param(TAG.replace("worker", "terminal worker"), ISOLATED, id="isolated terminal worker"),
        pytest.param(TAG.replace("py", "py-editor", 1).replace(" worker", ""), (), id="py-editor"),
    ],
)
def test_pyscript_stays_signed_in_in_each_of_its_ways(
    visit: Visit, folder: Path, tag: str, server_flags: tuple[str, ...]
) -> None:
    """Q1, Q2, Q7: every step, and then the document's lines as they stand."""
    steps = IN_A_WORKER if "worker" in tag or "editor" in tag else list(STEPS)
    page, configuration = (block.code for block in run_by(PYSCRIPT))
    head, found, rest = page.partition(TAG)
    assert found
    (folder / "site" / "index.html").write_text(head + LISTEN + tag + taking(steps) + TELL + rest, encoding="utf-8")
    (folder / "site" / "pyscript.toml").write_text(configuration, encoding="utf-8")
    visit.expect_console(SAYS, times=1, at_most=20)
    visit.expect_console(REFUSED, times=23)
    visit.expect_console("status of 404|ERR_(EMPTY|INVALID_HTTP)_RESPONSE", times=0, at_most=9)
    visit.expect_console("^warning: 💀🔒", times=0, at_most=9)  # PyScript's own, of an answer that takes three seconds
    visit.page.goto(f"{visit.server.url}places/site/")
    if "editor" in tag:
        visit[".py-editor-box"].hover()
        visit[".py-editor-run-button"].click()
    assert json.loads(visit.evaluate("came")) == wanted(steps)
    if "terminal" in tag or "editor" in tag:
        expect(visit["body"]).to_contain_text("ada", timeout=STARTED)
    else:
        visit.until(lambda: "log: ada" in visit.console)
    assert visit.evaluate("crossOriginIsolated") is bool(server_flags)


def test_a_shared_worker_stays_signed_in(visit: Visit, folder: Path) -> None:
    """Q1, Q2: every step, in a worker that all pages of the site share."""
    page, worker = (block.code for block in run_by(SHARED))
    (folder / "site" / "worker.js").write_text(worker, encoding="utf-8")
    (folder / "site" / "index.html").write_text(page, encoding="utf-8")
    visit.page.goto(f"{visit.server.url}places/site/")
    expect(visit["#who"]).to_have_text("ada", timeout=STARTED)
    other = visit.context.new_page()
    other.goto(visit.page.url)
    expect(other.locator("#who")).to_have_text("ada")
    assert visit.server.counters()["logins"] == 1, "one Python for both pages"
    other.close()
    assert visit.evaluate("ask('await api.sign_out()\\napi.state.value')") == "signed_out"
    assert json.loads(visit.evaluate(f"ask({json.dumps(taking(IN_A_WORKER) + '_told')})")) == wanted(IN_A_WORKER)
