"""The wheel in a Pyodide that doesn't bring it, as docs/embedding.md says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from runtime.lock import lock_content
from tests.browser.visit import STARTED, Visit
from tests.site.guide import block
from tests.site.static_host import StaticHost
from tests.site.test_embed import PAGE, RUNNER

SETTINGS = 'interpreter = "reissue/shim.mjs"\n'
PLAIN = "import js\n" + RUNNER


@pytest.fixture
def site(host: StaticHost, published: Path, micropip: Path, wheel: Path, pyjwt: Path) -> Path:
    """A site whose Pyodide knows micropip and nothing else, as one from elsewhere does; the two wheels beside it."""
    site = host.folder / "my-site"
    shutil.copytree(published / "embed", site)
    py = site / "reissue" / "py"
    (lock,) = py.glob("lock-*/pyodide-lock.json")
    for folder in (*py.glob("wheels-*"), *py.glob("reissue-*")):
        for file in folder.glob("*.whl"):
            file.unlink()
    shutil.copy(micropip, py)
    info = json.loads(lock.read_text(encoding="utf-8"))["info"]
    lock.write_text(json.dumps(lock_content(info, [py / micropip.name], py)), encoding="utf-8")
    (site / "wheels").mkdir()
    for file in (wheel, pyjwt):
        shutil.copy(file, site / "wheels")
    return site


def written(text: str, pyjwt: Path) -> str:
    """The guide's line, with the version of PyJWT that is pinned now."""
    return re.sub(r"pyjwt-[\d.]+-py3-none-any\.whl", pyjwt.name, text)


def open_page(visit: Visit, site: Path, settings: str) -> None:
    (python,) = re.findall(r"import js.*?(?=</script>)", PAGE, re.DOTALL)
    (site / "index.html").write_text(PAGE.replace(python, PLAIN), encoding="utf-8")
    (site / "pyscript.toml").write_text(SETTINGS + settings, encoding="utf-8")
    visit.page.goto(f"{visit.home}my-site/")
    expect(visit["#who"]).to_have_text("ready", timeout=STARTED)


CONNECT = """
import reissue
api = reissue.connect("URLapi/", endpoint=reissue.Endpoint("URLauth", credentials="include"))
await api.sign_in(username="ada", password="lovelace")
(await api.fetch("URLapi/me")).status
"""


def signs_in(visit: Visit) -> None:
    assert visit.run(CONNECT.replace("URL", visit.server.url)) == 200


def test_micropip_installs_it(visit: Visit, site: Path, pyjwt: Path) -> None:
    open_page(visit, site, 'packages = ["micropip"]\npackages_cache = "passthrough"\n')
    visit.run(written(block("python", "micropip"), pyjwt) + "\nNone")
    signs_in(visit)


def test_a_line_of_pyscripts_configuration_installs_it(visit: Visit, site: Path, pyjwt: Path) -> None:
    visit.expect_console("^log: Load(ing|ed) micropip$", times=2)
    open_page(visit, site, written(block("toml", 'packages = ["./'), pyjwt))
    signs_in(visit)
