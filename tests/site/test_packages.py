"""`make site PACKAGES=…`: packages of PyPI beside the library, one of them built for this Pyodide."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from runtime import compressed
from runtime.build import RUNTIME
from runtime.npm_packages import installed
from runtime.publish.__main__ import publish
from tests.browser.visit import STARTED, Visit
from tests.site.static_host import StaticHost

PAGE = """<!doctype html><meta charset="utf-8"><title>Packages</title>
<link rel="icon" href="data:,">
<script type="module" src="embed/reissue/start.js"></script>
<p id="who">Python is starting.</p>
<script type="py" config="pyscript.toml">
import js, luau_wasm, tomli_w, reissue
js.who.textContent = f"{luau_wasm.__name__} {tomli_w.dumps({'a': 1}).strip()}"
</script>
"""
SETTINGS = """interpreter = "embed/reissue/shim.mjs"
packages = ["reissue", "luau-wasm", "tomli-w"]
packages_cache = "passthrough"
"""


@pytest.fixture
def own_runtime(runtime: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runtime: other tests use that one at the same time. What is built here is compressed in haste."""
    monkeypatch.setattr(compressed, "BROTLI_QUALITY", 1)
    copy = tmp_path_factory.mktemp("runtime")
    for folder in ("site", "wheels", "docs"):
        shutil.copytree(RUNTIME / folder, copy / folder)
    modules = installed(RUNTIME).parent
    (copy / modules.name).symlink_to(modules)
    return copy


def test_packages_of_pypi_are_loaded_by_name_from_the_sites_own_folder(
    visit: Visit, host: StaticHost, own_runtime: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = tmp_path_factory.mktemp("with packages") / "dist"
    publish(target, packages=["luau-wasm==0.1a0", "tomli-w==1.2.0"], runtime=own_runtime)
    (host.folder / "embed").symlink_to(target / "embed")
    (host.folder / "index.html").write_text(PAGE, encoding="utf-8")
    (host.folder / "pyscript.toml").write_text(SETTINGS, encoding="utf-8")
    visit.page.goto(f"{host.origin}/")
    expect(visit["#who"]).to_have_text("luau_wasm a = 1", timeout=STARTED)
