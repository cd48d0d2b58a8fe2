"""PyScript and Pyodide from npm: every package by the version and hash in package-lock.json."""

import json
import shutil
from pathlib import Path

from runtime.nodejs import find_node
from runtime.sealed import digest_of, sealed
from runtime.steps import ROOT, run, say

MANIFEST = ("package.json", "package-lock.json", ".npmrc")


def install(runtime: Path) -> Path:
    """Return the folder `node_modules`."""

    def make(folder: Path) -> None:
        say("downloading PyScript and Pyodide")
        for name in MANIFEST:
            shutil.copy(ROOT / name, folder)
        run(
            find_node().npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder,
            failed="npm can't download PyScript and Pyodide: check the network, and npm's registry setting.",
        )  # fmt: skip

    return sealed(runtime, "npm", [ROOT / name for name in MANIFEST], make) / "node_modules"


def installed(runtime: Path) -> Path:
    """Return the folder `node_modules` that `install` has made, without making it."""
    return runtime / f"npm-{digest_of(ROOT / name for name in MANIFEST)}" / "node_modules"


def locked_version(package: str) -> str:
    """Return the version that package-lock.json pins."""
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"][f"node_modules/{package}"]["version"])


def copy_script(source: Path, target: Path) -> None:
    """Copy a script without the pointer to its source map, which isn't served."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    target.write_text(
        "".join(line for line in lines if not line.startswith("//# sourceMappingURL=")),
        encoding="utf-8",
        newline="",
    )
