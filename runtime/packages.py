"""Packages that a site of one's own wants besides the library: numpy, pandas, anything that this Pyodide can install.

A package of Pyodide's own distribution comes from there, by the hash in Pyodide's lock file; any other comes from PyPI,
as pure Python or built for this Pyodide, and is not pinned.
"""

import hashlib
import json
import shutil
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from runtime.sealed import sealed
from runtime.steps import StepFailed, run, say

Entry = dict[str, Any]
LISTED = "listed.json"
"""Lists the lock file's entries of those that come from Pyodide's distribution."""

DISTRIBUTION = "https://cdn.jsdelivr.net/pyodide/v{version}/full/"
"""Where Pyodide's project publishes what belongs to a version of it."""


def added(site: Path, pyodide: Path, names: Iterable[str], distribution: str = "") -> Path:
    """Return the folder with these packages, and with those that they need.

    A name may have a version: "tomli-w==1.2.0" comes from PyPI. `distribution` is a folder or a URL with the
    files of this version of Pyodide; by default that of its project.
    """
    wanted = sorted({canonicalize_name(name) if name.replace("-", "_").isidentifier() else name for name in names})
    stock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    version = json.loads((pyodide / "package.json").read_text(encoding="utf-8"))["version"]
    source = distribution or DISTRIBUTION.format(version=version)

    def make(folder: Path) -> None:
        say(f"fetching {', '.join(wanted)}")
        listed = list(needed(stock["packages"], [name for name in wanted if name in stock["packages"]]))
        for entry in listed:
            fetch(entry, source, folder / entry["file_name"])
        if others := [name for name in wanted if name not in stock["packages"]]:
            download(others, stock["info"], folder)
        (folder / LISTED).write_text(json.dumps(listed), encoding="utf-8")

    return sealed(site, "packages", [*wanted, version, source, Path(__file__)], make)


def listed_in(folder: Path) -> list[Entry]:
    """The entries that `added` has listed in its folder; none in any other folder."""
    file = folder / LISTED
    entries: list[Entry] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return entries


def needed(packages: dict[str, Entry], names: list[str]) -> Iterator[Entry]:
    """The entries of these packages and of all that they need, each once."""
    seen, open_ones = set(names), list(names)
    while open_ones:
        entry = packages[open_ones.pop()]
        yield entry
        fresh = set(map(canonicalize_name, entry["depends"])) - seen
        seen |= fresh
        open_ones += sorted(fresh)


def fetch(entry: Entry, source: str, target: Path) -> None:
    """Copy or download one file of the distribution, and compare its hash."""
    place = f"{source.rstrip('/')}/{entry['file_name']}"
    try:
        if source.startswith(("https://", "http://")):
            with urllib.request.urlopen(place, timeout=60) as answer, target.open("wb") as file:
                shutil.copyfileobj(answer, file)
        else:
            shutil.copy(place, target)
    except OSError as error:
        raise StepFailed(
            f"{place} can't be fetched ({error}): make site PYODIDE= says where Pyodide's files are."
        ) from error
    if hashlib.sha256(target.read_bytes()).hexdigest() != entry["sha256"]:
        raise StepFailed(f"{place} is not the file that this Pyodide's lock file names: is it of another version?")


def download(names: list[str], info: Entry, folder: Path) -> None:
    """Download packages from PyPI, with what they need, as this Pyodide can install them."""
    abi = f"cp{''.join(info['python'].split('.')[:2])}"
    run(
        sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:",
        "--platform", f"pyemscripten_{info['abi_version']}_{info['arch']}", "--platform", "any",
        "--implementation", "cp", "--abi", abi, "--abi", "abi3", "--abi", "none",
        "--python-version", info["python"], "--dest", folder, *names,
        failed=f"pip finds no {', '.join(names)} that Pyodide can install: pure Python, or built for it (PEP 783).",
    )  # fmt: skip
