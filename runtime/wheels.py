"""The wheels that the page installs, as byte code: those from PyPI by hash, reissue's own, and the demo's."""

import json
import shutil
import sys
import zipfile
from functools import partial
from pathlib import Path

from runtime.byte_code import COMPILER, compile_archives
from runtime.compressed import compress_folder
from runtime.sealed import files_below, sealed
from runtime.steps import ROOT, StepFailed, run, say

REQUIREMENTS = ROOT / "runtime" / "requirements-browser.txt"
SITE_PACKAGES = "/lib/python3.14/site-packages"  # where Pyodide installs them
# All that goes into reissue's wheel, its metadata too.
LIBRARY = tuple(ROOT / name for name in ("app/reissue", "pyproject.toml", "README.md", "LICENSE"))

FIRST = "reissue,reissue.browser.page"
"""The library, and what `connect()` imports."""

DEMO = ROOT / "app" / "demo"
DEMO_WHEEL = "demo-0-py3-none-any.whl"  # pyscript.toml and app/boot.js name it
DEMO_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 0\n",
    "WHEEL": "Wheel-Version: 1.0\nGenerator: reissue\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "RECORD": "",
}


def downloaded(site: Path, pyodide: Path, requirements: Path = REQUIREMENTS) -> Path:
    """Return the folder with the wheels that a file of pinned requirements names, as the page's Python needs them."""
    info = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))["info"]

    def make(folder: Path) -> None:
        say("downloading the page's wheels")
        run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            # For the page's Python, not for this one; pip knows no platform by that name.
            "--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none",
            "--python-version", info["python"], "--dest", folder, "-r", requirements,
            failed="pip can't download the page's wheels: check the network, and pip's index setting.",
        )  # fmt: skip
        for file in folder.iterdir():
            if not file.name.endswith("-none-any.whl"):
                raise StepFailed(f"{file.name} is made for one platform: the page can install pure Python only.")

    return sealed(site, "wheels", [requirements, info["python"]], make)


def own(site: Path) -> Path:
    """Return the folder with reissue's wheel, and beside it the files of it that pages and the shim name.

    An edit of the library gives both a new address.
    """
    missing = [path.name for path in LIBRARY if not path.exists()]
    if missing:
        raise StepFailed(f"reissue's wheel needs {', '.join(missing)}: is the checkout complete?")

    def make(folder: Path) -> None:
        # In this very environment: an isolated build would ask the network for hatchling.
        run(
            sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder,
            failed="reissue's wheel can't be built: is requirements.txt installed in this Python?",
        )  # fmt: skip
        browser = ROOT / "app" / "reissue" / "browser"
        for file in (*browser.glob("*.js"), *browser.glob("*.html")):
            shutil.copy(file, folder)

    return sealed(site, "reissue", [*LIBRARY, Path(__file__)], make)


def demo(site: Path) -> Path:
    """Return the folder with the demo's modules as one wheel: a request for each module would slow the start down."""

    def make(folder: Path) -> None:
        with zipfile.ZipFile(folder / DEMO_WHEEL, "w") as wheel:
            for file in files_below(DEMO):
                wheel.write(file, f"demo/{file.relative_to(DEMO).as_posix()}")
            for name, text in DEMO_INFO.items():
                wheel.writestr(f"demo-0.dist-info/{name}", text)

    return sealed(site, "demo", [DEMO, Path(__file__)], make)


def copied(site: Path, sources: Path) -> Path:
    """Return a folder with the content of the folder `sources`."""
    name, _, _ = sources.name.rpartition("-")
    return sealed(site, name, [sources.name], partial(shutil.copytree, sources, dirs_exist_ok=True))


def compiled(site: Path, pyodide: Path, stdlib: Path, sources: Path, *, first: str = "") -> Path:
    """Return the folder with the wheels of the folder `sources` as byte code, and with its other files.

    `first` is that of `compile_archive`. The price: tracebacks name the lines, but can't show them, and `help()` knows
    classes only, and no types of ours.
    """
    name, _, _ = sources.name.rpartition("-")

    def make(folder: Path) -> None:
        say("compiling the page's wheels")
        for file in sources.iterdir():
            if file.suffix != ".whl":
                shutil.copy(file, folder)
        archives = {wheel: folder / wheel.name for wheel in sorted(sources.glob("*.whl"))}
        library = stdlib / "python_stdlib.zip"
        compile_archives(archives, pyodide=pyodide, stdlib=library, root=SITE_PACKAGES, first=first)
        compress_folder(folder)

    return sealed(site, name, [sources.name, first, *COMPILER, Path(__file__)], make)
