"""A page of one's own whose Python does not start says why, in the page itself."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visit import STARTED, Visit
from tests.site.static_host import StaticHost

Harm = Callable[[Path], None]


@pytest.fixture
def site(host: StaticHost, published: Path) -> Path:
    """The folder that users copy, of which a test may remove files."""
    return Path(shutil.copytree(published / "embed", host.folder / "site", copy_function=os.link))


def without(pattern: str) -> Harm:
    """Half an upload: files of this name did not arrive."""

    def remove(site: Path) -> None:
        found = list(site.rglob(pattern))
        assert found
        for file in found:
            file.unlink()

    return remove


def configured(old: str, new: str) -> Harm:
    """Another configuration."""

    def write(site: Path) -> None:
        file = site / "pyscript.toml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.unlink()  # the same file is in `published`
        file.write_text(text.replace(old, new), encoding="utf-8")

    return write


def open_page(visit: Visit, host: StaticHost) -> None:
    visit.expect_console(".*", times=0, at_most=99)  # what failed, in the browser's words and in PyScript's
    visit.page.goto(f"{host.origin}/site/")


def expect_told(visit: Visit, words: str) -> None:
    line = visit.page.get_by_role("alert")
    expect(line).to_have_text(re.compile(rf"^Python did not start: .*{re.escape(words)}"), timeout=STARTED)
    expect(line).to_have_count(1)
    assert visit["#who"].inner_text() == "Python is starting."


CONFIGURATIONS: dict[str, tuple[Harm, str]] = {
    "a package that is not there": (
        configured('["reissue"]', '["reissue", "numpy"]'),
        '/site/reissue/ has no package numpy. Correct the configuration, or add it: make site PACKAGES="numpy"',
    ),
    "no passthrough": (
        configured('packages_cache = "passthrough"', ""),
        'the configuration lacks packages_cache = "passthrough"',
    ),
    "another interpreter": (
        configured("reissue/shim.mjs", "reisue/shim.mjs"),
        '/site/reisue/shim.mjs. The configuration must be valid TOML, and say where shim.mjs is: interpreter = "/si',
    ),
}

FILES: dict[str, tuple[Harm, str]] = {
    "no TOML": (configured('"reissue/shim.mjs"', ""), 'valid TOML, and say where shim.mjs is: interpreter = "/site'),
    "no configuration": (without("pyscript.toml"), "/site/pyscript.toml did not arrive"),
    "no Python": (
        without("pyodide.asm.wasm"),
        "/pyodide.asm.wasm did not arrive. Is the folder /site/reissue/ complete",
    ),
    "no PyScript": (without("core.js"), "/core.js did not arrive"),
    "no shim": (without("shim.mjs"), "/site/reissue/shim.mjs did not arrive"),
    "no lock file": (without("pyodide-lock.json"), "/pyodide-lock.json did not arrive"),
    "no wheel": (without("reissue-*.whl"), "the package reissue did not load"),
}


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        pytest.param(*told, id=name, marks=pytest.mark.firefox if name == "another interpreter" else ())
        for name, told in CONFIGURATIONS.items()
    ],
)
def test_a_wrong_configuration_is_told_in_the_page(
    visit: Visit, host: StaticHost, site: Path, harm: Harm, words: str
) -> None:
    harm(site)
    open_page(visit, host)
    expect_told(visit, words)


@pytest.mark.parametrize(("harm", "words"), FILES.values(), ids=FILES)
def test_a_file_that_is_missing_is_named_in_the_page(
    visit: Visit, host: StaticHost, site: Path, harm: Harm, words: str
) -> None:
    harm(site)
    visit.allowed_origins.add("https://cdn.jsdelivr.net")  # PyScript's own choice; the page's policy blocks it
    open_page(visit, host)
    expect_told(visit, words)


def test_a_browser_without_webassembly_is_told_so(visit: Visit, host: StaticHost, site: Path) -> None:
    visit.page.add_init_script("delete globalThis.WebAssembly")
    open_page(visit, host)
    expect_told(visit, "this browser has no WebAssembly")


@pytest.mark.firefox
def test_an_error_of_the_pages_own_python_is_not_taken_for_one_of_the_start(
    visit: Visit, host: StaticHost, site: Path
) -> None:
    """PyScript shows it."""
    open_page(visit, host)
    expect(visit[".py-error"]).to_contain_text("auth/refresh answered 501", timeout=STARTED)
    expect(visit.page.get_by_role("alert")).to_have_count(0)
