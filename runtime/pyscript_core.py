"""PyScript's files: small entry points whose names stay, the rest at an address that contains its version."""

import re
import shutil
from pathlib import Path

from runtime.compressed import compress_folder
from runtime.npm_packages import copy_script, locked_version
from runtime.sealed import sealed, write
from runtime.steps import say

ENTRY_POINTS = ("core.js", "core.css")


def pyscript_core(site: Path, dist: Path) -> Path:
    """Return the folder with PyScript, and write the entry points beside it."""
    version = locked_version("@pyscript/core")

    def make(folder: Path) -> None:
        say("compressing PyScript, once")
        for file in dist.iterdir():
            if file.suffix == ".js":
                copy_script(file, folder / file.name)
            elif file.suffix == ".css":
                shutil.copyfile(file, folder / file.name)
        compress_folder(folder)

    folder = sealed(site, f"core-{version}", [version, Path(__file__)], make)
    for name in ENTRY_POINTS:
        write(site / name, moved((folder / name).read_text(encoding="utf-8"), folder.name))
    return folder


def moved(entry_point: str, folder: str) -> str:
    """Let a script that imports its neighbours (`from"./x.js"`) import them from `folder`."""
    return re.sub(r'(\bfrom\s*|\bimport\s*)(["\'])\./', rf"\1\2./{folder}/", entry_point)
