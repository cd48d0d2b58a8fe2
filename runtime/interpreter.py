"""Pyodide's own files: the interpreter, and its standard library as byte code."""

import shutil
from pathlib import Path

from runtime.compressed import compress_folder
from runtime.nodejs import find_node
from runtime.npm_packages import copy_script, locked_version
from runtime.sealed import sealed
from runtime.steps import ROOT, run, say

COMPILER = ROOT / "runtime" / "compile_stdlib.mjs"
HERE = Path(__file__)


def interpreter(site: Path, pyodide: Path) -> Path:
    """Return the folder with the three files that are Python in the browser."""
    version = locked_version("pyodide")

    def make(folder: Path) -> None:
        say("compressing the interpreter, once: half a minute")
        copy_script(pyodide / "pyodide.mjs", folder / "pyodide.mjs")
        copy_script(pyodide / "pyodide.asm.mjs", folder / "pyodide.asm.mjs")
        shutil.copyfile(pyodide / "pyodide.asm.wasm", folder / "pyodide.asm.wasm")
        compress_folder(folder)

    return sealed(site, f"interpreter-{version}", [version, HERE], make)


def stock_stdlib(site: Path, pyodide: Path) -> Path:
    """Return the folder with the standard library as npm ships it: sources, compiled anew at every start."""
    version = locked_version("pyodide")

    def make(folder: Path) -> None:
        shutil.copy(pyodide / "python_stdlib.zip", folder)

    return sealed(site, f"stdlib-{version}", [version, "stock", HERE], make)


def compiled_stdlib(site: Path, pyodide: Path) -> Path:
    """Return the folder with the standard library as byte code, which halves the start of every page.

    The price: tracebacks through the standard library show no source lines.
    """
    version = locked_version("pyodide")

    def make(folder: Path) -> None:
        say("compiling and compressing Python's standard library, once")
        run(
            find_node().node, COMPILER, pyodide, folder / "python_stdlib.zip",
            failed="Node can't compile the standard library: `runtime/build.py --stock-stdlib` does without.",
        )  # fmt: skip
        compress_folder(folder)

    return sealed(site, f"stdlib-{version}", [version, COMPILER, COMPILER.with_suffix(".py"), HERE], make)
