"""Pyodide's lock file for the page's own wheels.

Packages that it lists load by name, straight from our origin, without micropip. The lock file in npm's package won't
do: its hashes are those of wheels that Pyodide repacked, and the package contains no wheel.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from runtime.packages import listed_in
from runtime.sealed import sealed
from runtime.steps import StepFailed

Entry = dict[str, Any]


def lock(site: Path, pyodide: Path, folders: Iterable[Path]) -> Path:
    """Return the folder with the lock file for all wheels in `folders`, addressed from `site`."""
    folders = list(folders)
    stock_file = pyodide / "pyodide-lock.json"

    def make(folder: Path) -> None:
        info = json.loads(stock_file.read_text(encoding="utf-8"))["info"]
        listed = [(folder, item) for folder in folders for item in listed_in(folder)]
        known = {folder / item["file_name"] for folder, item in listed}
        wheels = [wheel for folder in folders for wheel in sorted(folder.glob("*.whl")) if wheel not in known]
        stock = [
            {**item, "file_name": f"{folder.relative_to(site).as_posix()}/{item['file_name']}"}
            for folder, item in listed
        ]
        content = lock_content(info, wheels, site, stock)
        (folder / "pyodide-lock.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    return sealed(site, "lock", [stock_file, *(folder.name for folder in folders), Path(__file__)], make)


def lock_content(info: Entry, wheels: Iterable[Path], site: Path, stock: Iterable[Entry] = ()) -> Entry:
    """Return the lock: `info` says which interpreter, and `packages` has one entry for each wheel.

    `stock` are entries of Pyodide's own lock file. Of two wheels with one name the later counts.
    """
    entries = [*stock, *(entry(wheel, wheel.relative_to(site).as_posix(), info["python"]) for wheel in wheels)]
    packages = {canonicalize_name(item["name"]): item for item in entries}
    for item in packages.values():
        for needed in item["depends"]:
            if canonicalize_name(needed) not in packages:
                raise StepFailed(f"{item['name']} needs {needed}: add it to the group `browser` in pyproject.toml.")
    return {"info": info, "packages": packages}


def entry(wheel: Path, file_name: str, python: str) -> Entry:
    """Return what Pyodide has to know about one wheel."""
    name, version, _, _ = parse_wheel_filename(wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        members = archive.namelist()
        metadata_file = next(member for member in members if member.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(metadata_file).decode())
    return {
        "name": str(name),
        "version": str(version),
        "file_name": file_name,
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": top_level(members),
        "depends": needed_in_browser(metadata.get_all("Requires-Dist", []), python),
        "unvendored_tests": False,
    }


def top_level(members: Iterable[str]) -> list[str]:
    """Return the names that a wheel with these files lets one import."""
    tops = {member.split("/")[0] for member in members}
    return sorted(
        top.removesuffix(".pyc").removesuffix(".py") for top in tops if not top.endswith((".dist-info", ".data"))
    )


def needed_in_browser(requirements: Iterable[str], python: str) -> list[str]:
    """Return the packages that `Requires-Dist` lines require in Pyodide, without any extra."""
    environment = {
        "extra": "",
        "os_name": "posix",
        "platform_machine": "wasm32",
        "platform_system": "Emscripten",
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": "emscripten",
    }
    parsed = map(Requirement, requirements)
    return sorted(
        canonicalize_name(item.name) for item in parsed if item.marker is None or item.marker.evaluate(environment)
    )
