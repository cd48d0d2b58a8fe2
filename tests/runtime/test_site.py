"""The folder that was built for this checkout: what the page asks for is there, at addresses that may be cached."""

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest

from runtime.build import build
from runtime.wheels import DEMO_WHEEL

ADDRESS = re.compile(r"\./([^\"]+?)/?\"")


@pytest.fixture(scope="module")
def site() -> Path:
    """The suite runs after `make runtime`, so this does nothing but look."""
    return build().site


def test_a_second_build_changes_nothing(site: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in site.rglob("*")}
    build()
    assert {file: file.stat().st_mtime_ns for file in site.rglob("*")} == before


def test_the_entry_points_are_the_only_files_that_change(site: Path) -> None:
    entry_points = {file.relative_to(site).as_posix() for file in site.glob("py*/*") if file.is_file()}
    demo = {f"py/{DEMO_WHEEL}{ending}" for ending in ("", ".br", ".gz")}
    assert entry_points == {"py/shim.mjs", "pyscript/core.css", "pyscript/core.js"} | demo
    for folder in site.glob("py*/*/"):
        assert not folder.is_dir() or re.search(r"-[0-9a-f]{12}$", folder.name)


@pytest.mark.parametrize("entry_point", ["py/shim.mjs", "pyscript/core.js"])
def test_all_that_an_entry_point_names_is_there(site: Path, entry_point: str) -> None:
    file = site / entry_point
    named = {name for name in ADDRESS.findall(file.read_text(encoding="utf-8")) if name != "."}
    assert named
    for name in named:
        assert (file.parent / name).exists(), name


def test_the_lock_that_the_shim_names_gives_every_wheel_by_its_hash(site: Path) -> None:
    shim = (site / "py" / "shim.mjs").read_text(encoding="utf-8")
    (lock_file,) = re.findall(r"lock-\w+/pyodide-lock\.json", shim)
    packages = json.loads((site / "py" / lock_file).read_text(encoding="utf-8"))["packages"]
    assert {"pyjwt", "pyodide-http", "reissue", "httpx2", "requests", "urllib3"} <= set(packages)
    for package in packages.values():
        wheel = site / "py" / package["file_name"]
        assert hashlib.sha256(wheel.read_bytes()).hexdigest() == package["sha256"]


@pytest.mark.parametrize("name", ["early_refresh.js", "gate.js", "wire.js", "xhr_call.js", "xhr_gate.js"])
def test_the_script_that_the_shim_imports_is_the_wheels_own(site: Path, name: str) -> None:
    shim = (site / "py" / "shim.mjs").read_text(encoding="utf-8")
    (script,) = re.findall(rf"reissue-\w+/{name}", shim)
    (wheel,) = (site / "py" / script).parent.glob("reissue-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(f"reissue/browser/{name}") == (site / "py" / script).read_bytes()


def test_no_wheel_makes_the_page_compile() -> None:
    parts = build()
    wheels = [wheel for folder in (parts.wheels, parts.library, parts.demo) for wheel in folder.glob("*.whl")]
    assert len(wheels) > 4
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            assert not [name for name in archive.namelist() if name.endswith(".py")], wheel.name


def test_what_is_large_is_there_compressed(site: Path) -> None:
    for wasm in site.glob("py/interpreter-*/*.wasm"):
        sizes = [wasm.with_name(wasm.name + suffix).stat().st_size for suffix in (".br", ".gz", "")]
        assert sizes == sorted(sizes)
