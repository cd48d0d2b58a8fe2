"""Further packages for the page: where they come from, and what is refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from runtime.lock import lock
from runtime.packages import LISTED, added, listed_in
from runtime.steps import StepFailed
from tests.runtime.test_parts import INFO, a_wheel


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    """A Pyodide's own packages: `sums` needs `matrix`, which needs the shared library `blas`."""
    folder = tmp_path / "distribution"
    folder.mkdir()
    a_wheel(folder, "sums", "matrix")
    a_wheel(folder, "matrix")
    (folder / "blas.zip").write_bytes(b"a library")
    return folder


@pytest.fixture
def pyodide(tmp_path: Path, distribution: Path) -> Path:
    """npm's package, which has a lock file and none of the packages."""
    needs = {"sums": ["matrix"], "matrix": ["Blas"], "blas": []}
    folder = tmp_path / "pyodide"
    folder.mkdir()
    packages: dict[str, Any] = {}
    for file in sorted(distribution.iterdir()):
        name = file.name.partition("-")[0].removesuffix(".zip")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        packages[name] = {
            "name": name,
            "file_name": file.name,
            "sha256": digest,
            "depends": needs[name],
            "package_type": "package" if file.suffix == ".whl" else "shared_library",
        }
    info = {**INFO, "abi_version": "2026_0"}
    (folder / "pyodide-lock.json").write_text(json.dumps({"info": info, "packages": packages}), encoding="utf-8")
    (folder / "package.json").write_text('{"version": "314.0.7"}', encoding="utf-8")
    return folder


def test_a_package_of_pyodides_own_comes_with_all_that_it_needs(
    tmp_path: Path, pyodide: Path, distribution: Path
) -> None:
    folder = added(tmp_path / "site", pyodide, ["Sums"], str(distribution))
    assert {file.name for file in folder.iterdir()} == {file.name for file in distribution.iterdir()} | {LISTED}
    locked = json.loads((lock(tmp_path / "site", pyodide, [folder]) / "pyodide-lock.json").read_text(encoding="utf-8"))
    assert set(locked["packages"]) == {"sums", "matrix", "blas"}
    assert locked["packages"]["blas"]["package_type"] == "shared_library"
    assert locked["packages"]["blas"]["file_name"] == f"{folder.name}/blas.zip"


def test_a_pinned_wheel_comes_before_one_of_the_same_name(tmp_path: Path, pyodide: Path, distribution: Path) -> None:
    site = tmp_path / "site"
    folder = added(site, pyodide, ["matrix"], str(distribution))
    pinned = site / "wheels"
    pinned.mkdir()
    a_wheel(pinned, "matrix")
    locked = json.loads((lock(site, pyodide, [folder, pinned]) / "pyodide-lock.json").read_text(encoding="utf-8"))
    assert locked["packages"]["matrix"]["file_name"].startswith("wheels/")


def test_a_file_of_another_version_is_refused(tmp_path: Path, pyodide: Path, distribution: Path) -> None:
    (distribution / "blas.zip").write_bytes(b"another library")
    with pytest.raises(StepFailed, match=r"blas\.zip is not the file that this Pyodide's lock file names"):
        added(tmp_path / "site", pyodide, ["sums"], str(distribution))
    assert not list((tmp_path / "site").glob("packages-*"))


@pytest.mark.parametrize("distribution_of", ["nowhere", "http://127.0.0.1:9/"])
def test_a_distribution_that_can_not_be_had_says_how_to_name_another(
    tmp_path: Path, pyodide: Path, distribution_of: str
) -> None:
    with pytest.raises(StepFailed, match="make site PYODIDE= says where"):
        added(tmp_path / "site", pyodide, ["blas"], distribution_of)


def test_other_folders_list_nothing(tmp_path: Path) -> None:
    assert listed_in(tmp_path) == []
