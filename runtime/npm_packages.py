"""PyScript and Pyodide from npm: every package by the version and hash in package-lock.json.

Folders with a package.json of their own, such as `tests/servers`, are installed the same way, each beside the others.
"""

import json
import shutil
from pathlib import Path

from runtime.nodejs import find_node
from runtime.sealed import digest_of, sealed
from runtime.steps import ROOT, run, say


def install(
    runtime: Path, manifests: Path = ROOT, *, name: str = "npm", packages: str = "PyScript and Pyodide"
) -> Path:
    """Return the folder `node_modules` of what the package.json in this folder names. `packages` says what that is."""

    def make(folder: Path) -> None:
        say(f"downloading {packages}")
        for file in _files(manifests):
            shutil.copy(file, folder)
        run(
            find_node().npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder,
            failed=f"npm can't download {packages}: check the network, and npm's registry setting.",
        )  # fmt: skip

    return sealed(runtime, name, _files(manifests), make) / "node_modules"


def installed(runtime: Path) -> Path:
    """Return the folder `node_modules` that `install` has made of the project's own packages, without making it."""
    return runtime / f"npm-{digest_of(_files(ROOT))}" / "node_modules"


def _files(manifests: Path) -> list[Path]:
    """The manifests of a folder; npm's settings are the project's."""
    return [manifests / "package.json", manifests / "package-lock.json", ROOT / ".npmrc"]


def locked_version(package: str) -> str:
    """Return the version that package-lock.json pins."""
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"][f"node_modules/{package}"]["version"])


def copy_script(source: Path, target: Path) -> None:
    """Copy a script without the pointer to its source map, which isn't served."""
    target.write_text(without_source_map(source.read_text(encoding="utf-8")), encoding="utf-8", newline="")


def without_source_map(script: str) -> str:
    """The text of a script without the pointer to its source map."""
    lines = script.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("//# sourceMappingURL="))
