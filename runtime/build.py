"""Puts everything that the page loads into one folder: PyScript, Pyodide, the wheels, and the documents.

`python runtime/build.py` fills `.runtime/site/`, and does only what isn't done yet. Everything comes through
npm and pip by pinned hash. In `site/py/` and `site/pyscript/`, files in a folder never change (the folder's
name contains a digest); the files beside the folders are the entry points, which do change.
"""

import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # `python runtime/build.py` puts only runtime/ there

from runtime import interpreter, lock, npm_packages, pyscript_core, wheels  # noqa: E402
from runtime import packages as packages_of  # noqa: E402
from runtime.documents.pages import rendered  # noqa: E402
from runtime.sealed import forget, mirror, write  # noqa: E402

RUNTIME = ROOT / ".runtime"
DOCS = "docs"
WHEELS = "wheels"  # as they were downloaded and built
TESTS = "tests"  # what tests/wheel downloads for itself
SHIM = ROOT / "runtime" / "shim.mjs"


@dataclass(frozen=True, slots=True)
class Parts:
    """The folders of `site` that are current: one below `pyscript/`, the others below `py/`; and the documents."""

    site: Path
    core: Path
    interpreter: Path
    stdlib: Path
    wheels: Path
    library: Path
    demo: Path
    lock: Path
    documents: Path
    packages: Path | None = None

    @property
    def py(self) -> tuple[Path, ...]:
        """All that a page needs below `py/`, without the demo's wheel."""
        parts = (self.interpreter, self.stdlib, self.wheels, self.library, self.lock, self.packages)
        return tuple(part for part in parts if part is not None)

    def shim(self, py: str = "./") -> str:
        """The text of a shim that finds the folder `py/` at this address, relative to itself."""
        folders = {"interpreter": self.interpreter, "library": self.library, "stdlib": self.stdlib, "lock": self.lock}
        return filled(SHIM, **folders).replace('"./', f'"{py}')


def build(
    runtime: Path = RUNTIME,
    *,
    sources: bool = False,
    whole: bool = False,
    packages: Sequence[str] = (),
    distribution: str = "",
) -> Parts:
    """Make what is missing in the folder `site`, to be served as `/py/` and `/pyscript/`.

    The standard library comes in two parts, unless it is to be `whole` or there are `packages`, which may import
    anything: these are further packages for the page, and `distribution` is where Pyodide's own come from; see
    `packages`.
    """
    site = runtime / "site"
    py = site / "py"
    modules = npm_packages.install(runtime)
    pyodide = modules / "pyodide"

    make_stdlib = (
        interpreter.stock_stdlib if sources else partial(interpreter.compiled_stdlib, whole=whole or bool(packages))
    )
    with ThreadPoolExecutor() as pool:  # side by side: the first time, half a minute of compressing
        making_python = pool.submit(interpreter.interpreter, py, pyodide)
        making_stdlib = pool.submit(make_stdlib, py, pyodide)
        core = pyscript_core.pyscript_core(site / "pyscript", modules / "@pyscript" / "core" / "dist")
        library = wheels.own(runtime / WHEELS)
        demo = wheels.demo(runtime / WHEELS)
        downloaded = wheels.downloaded(runtime / WHEELS, pyodide)
        added = packages_of.added(py, pyodide, packages, distribution) if packages else None
        python, stdlib = making_python.result(), making_stdlib.result()
    if sources:
        library, downloaded, demo = (wheels.copied(py, folder) for folder in (library, downloaded, demo))
    else:
        library = wheels.compiled(py, pyodide, stdlib, library, first=wheels.FIRST)
        downloaded, demo = (wheels.compiled(py, pyodide, stdlib, folder) for folder in (downloaded, demo))
    lock_folder = lock.lock(py, pyodide, [*([added] if added else []), downloaded, library])  # the pinned ones count
    pages = rendered(runtime / DOCS, modules)
    parts = Parts(site, core, python, stdlib, downloaded, library, demo, lock_folder, pages, added)

    # Last, because it makes the rest current: an interrupted build leaves the page as it was.
    for file in sorted(
        demo.iterdir()
    ):  # the wheel comes before its compressed neighbours: serve.py sends no older ones
        write(py / file.name, file.read_bytes())
    write(py / "shim.mjs", parts.shim())
    mirror(pages, site / DOCS)
    forget(runtime, keep=[modules.parent, site, runtime / WHEELS, runtime / DOCS, runtime / TESTS])
    forget(runtime / DOCS, keep=[pages])
    forget(site / "pyscript", keep=[core])
    forget(py, keep=[*parts.py, demo])
    return parts


def filled(template: Path, **folders: Path) -> str:
    """Return the template with each `{name}` replaced by the name of that folder."""
    text = template.read_text(encoding="utf-8")
    for name, folder in folders.items():
        text = text.replace(f"{{{name}}}", folder.name)
    return text


@click.command(help="Put PyScript, Pyodide and the page's wheels into .runtime/, as far as they aren't there.")
@click.option(
    "--sources",
    is_flag=True,
    help="Keep Python's standard library and the wheels as sources: starts take more than twice as long.",
)
@click.option(
    "--whole",
    is_flag=True,
    help="Send the standard library in one part, with what hardly any page imports: 0.9 MB more at each first visit.",
)
def main(sources: bool, whole: bool) -> None:  # noqa: D103
    # At once: compression in threads would delay Ctrl-C, and an unfinished folder is never used.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    build(sources=sources, whole=whole)


if __name__ == "__main__":
    main()
