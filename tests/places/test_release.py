"""What `make release` writes, installed by the lines of docs/notebooks.md and docs/releasing.md."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from playwright.sync_api import expect

from runtime.build import build
from runtime.npm_packages import installed
from runtime.publish.embed import write_embed
from runtime.release import FIRST_OF_1980, release, write_index
from tests.blank_pages import PAGES
from tests.browser.visit import STARTED, Visit
from tests.documents import ROOT, run_by
from tests.live_server import LiveServer
from tests.places.bring import RUNTIME, distribution
from tests.places.sites import serving
from tests.places.steps import STEPS

BY_AN_INDEX = "tests/places/test_release.py::test_a_page_installs_it_from_the_index"
PAGE = """<!doctype html><meta charset="utf-8"><title>A Pyodide with micropip</title><link rel="icon" href="data:,">
<p id="status">starting</p>
<script type="module">
import {loadPyodide} from "../pyodide/pyodide.mjs";
const pyodide = await loadPyodide({packages: ["micropip"]});
await pyodide.runPythonAsync(await (await fetch("../blank.py")).text());
</script>
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, runtime: None) -> Path:
    """The release, and a page beside it."""
    folder = tmp_path_factory.mktemp("sites")
    release(folder / "release")
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text(PAGE, encoding="utf-8")
    (folder / "blank.py").symlink_to(PAGES / "blank.py")
    pyodide = distribution(installed(RUNTIME) / "pyodide")
    (folder / "pyodide").symlink_to(pyodide)
    write_index(folder / "private", pyodide.glob("wcwidth-*.whl"))
    return folder


@pytest.fixture
def released(folder: Path) -> Path:
    return folder / "release"


@pytest.fixture
def server(folder: Path) -> Iterator[LiveServer]:
    with serving(folder) as server:
        yield server


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_each_file_has_its_checksum(released: Path) -> None:
    lines = (released / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: checksum for checksum, name in (line.split("  ") for line in lines)}
    files = {file.name for file in released.iterdir() if file.is_file()} - {"SHA256SUMS"}
    assert len(files) == 3
    assert sums == {name: hashlib.sha256((released / name).read_bytes()).hexdigest() for name in files}


def test_the_zip_holds_what_other_sites_copy(released: Path, tmp_path: Path) -> None:
    """And nothing of the moment or the machine that it was made on, so that the same sources give the same bytes."""
    write_embed(tmp_path / "embed", build())
    wanted = {
        file.relative_to(tmp_path / "embed").as_posix(): file.read_bytes()
        for file in (tmp_path / "embed").rglob("*")
        if file.is_file()
    }
    with zipfile.ZipFile(only(released, "reissue-embed-*.zip")) as archive:
        held = {name: archive.read(name) for name in wanted}
        infos = archive.infolist()
    assert held == wanted
    names = [info.filename for info in infos]
    assert names == sorted(names, key=PurePosixPath)
    assert {PurePosixPath(name).suffix for name in set(names) - set(wanted)} <= {".br", ".gz"}, "compressed neighbours"
    assert {(info.date_time, info.external_attr) for info in infos} == {(FIRST_OF_1980, 0o644 << 16)}


def test_the_source_distribution_builds_the_same_wheel(released: Path, tmp_path: Path) -> None:
    with tarfile.open(only(released, "reissue-*.tar.gz")) as archive:
        archive.extractall(tmp_path, filter="data")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=only(tmp_path, "reissue-*"), check=True, capture_output=True)
    wheel = only(released, "*.whl")
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_pip_installs_it_from_the_index_alone(server: LiveServer, tmp_path: Path) -> None:
    venv.create(tmp_path, symlinks=True)
    python = tmp_path / "bin" / "python"
    index = f"{server.url}places/release/simple/"
    pip = (sys.executable, "-m", "pip", "--isolated", "--python", python, "install", "--quiet", "--index-url", index)
    subprocess.run([*pip, "reissue"], check=True, env={"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_CACHE_DIR": "1"})
    version = "import importlib.metadata as m; print(m.version('reissue') != '', m.version('pyjwt') != '')"
    assert subprocess.check_output([python, "-c", version], text=True).split() == ["True", "True"]


def test_a_page_installs_it_from_the_index(visit: Visit) -> None:
    """Q1: by the document's line, and then it does what it is for: it brings another package, from behind a sign-in."""
    line, private = (block.code for block in run_by(BY_AN_INDEX))
    visit.expect_console("status of 401", times=0, at_most=22)
    visit.page.goto(f"{visit.server.url}places/site/")
    expect(visit["#status"]).to_have_text("ready", timeout=STARTED)
    visit.run(line.replace("https://my.example/", f"{visit.server.url}places/release/"))
    steps = ("import", "connect", "sign in", "storm", "sign out")
    assert [visit.run(STEPS[name][0]) for name in steps] == [STEPS[name][1] for name in steps]

    visit.run(STEPS["connect"][0] + "\nawait api.sign_in(username='ada', password='lovelace')")
    visit.server.control("/dev/revoke")
    visit.reset_counters()
    assert visit.run(private.replace("https://my.example/", visit.server.url) + "\nwcwidth.wcwidth('한')") == 2
    counters = visit.server.counters()
    assert (counters["api_401s"], counters["refreshes_asked"]) == (1, 1), "the token was revoked, and nobody noticed"


def test_make_release_writes_it() -> None:
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/serve.stamp", "release"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "-m runtime.release" in done.stdout
