"""Byte code in place of sources: Python need not compile them at every start of the page, which halves it."""

from collections.abc import Mapping
from pathlib import Path

from runtime.nodejs import find_node
from runtime.steps import ROOT, run

_SCRIPT = ROOT / "runtime" / "compile_archives.mjs"
COMPILER = (
    _SCRIPT,
    ROOT / "runtime" / "compile_archive.py",
    ROOT / "runtime" / "first_modules.py",
    ROOT / "runtime" / "later_modules.py",
    Path(__file__),
)  # what the result depends on


def compile_archives(
    archives: Mapping[Path, Path],
    *,
    pyodide: Path,
    stdlib: Path,
    root: str,
    optimize: int = 0,
    first: str = "",
    later: str = "",
) -> None:
    """Compile each of these zips of sources into the zip that it is mapped to, by Pyodide's own Python.

    `stdlib` is the standard library to run that with. `root`, `optimize`, `first` and `later` are those of
    `compile_archive`. What comes later of `x.zip` goes to `x_later.zip`.
    """
    pairs = [path for pair in archives.items() for path in pair]
    run(
        find_node().node, _SCRIPT, pyodide, stdlib, root, str(optimize), first, later, *pairs,
        failed="Node can't compile Python for the page: `runtime/build.py --sources` does without.",
    )  # fmt: skip
