"""PyScript's stock set-up: what a page loads that follows PyScript's own documentation, here from our origin.

The standard library as sources, Pyodide's whole lock file, micropip, and wheels by URL. A CDN would send the same files
compressed and let browsers cache them for ever, so this server does, too.
"""

import json
import shutil
import sys
from hashlib import sha256
from pathlib import Path

from runtime import wheels
from runtime.build import WHEELS
from runtime.compressed import compress_folder
from runtime.npm_packages import copy_script, installed
from runtime.sealed import sealed
from runtime.steps import run, say

REQUIREMENTS = Path(__file__).resolve().parents[1] / "tests" / "wheel" / "requirements-page.txt"
HERE = Path(__file__)
CONFIG = """interpreter = "/stock/pyodide.mjs"
packages = {packages}
"""


def stock_set_up(runtime: Path) -> Path:
    """The folder with all of it except PyScript's own files, which are the same as ours."""
    pyodide = installed(runtime) / "pyodide"
    packed = [wheels.downloaded(runtime / WHEELS, pyodide), wheels.own(runtime / WHEELS)]
    needed = [wheel for folder in packed for name in ("pyjwt", "reissue") for wheel in folder.glob(f"{name}-*.whl")]

    def make(folder: Path) -> None:
        say("putting PyScript's stock set-up together: half a minute")
        for name in ("pyodide.mjs", "pyodide.asm.mjs"):
            copy_script(pyodide / name, folder / name)
        for name in ("pyodide.asm.wasm", "python_stdlib.zip"):
            shutil.copyfile(pyodide / name, folder / name)
        run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "--only-binary", ":all:", "--python-version", "3.14", "--dest", folder, "-r", REQUIREMENTS,
            failed="pip can't download micropip: check the network, and pip's index setting.",
        )  # fmt: skip
        # Pyodide repacks the wheels of its lock file: those from PyPI differ only in their hash.
        lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
        for wheel in folder.glob("*.whl"):
            name, version, *_ = wheel.name.split("-")
            brought = {"file_name": wheel.name, "version": version, "sha256": sha256(wheel.read_bytes()).hexdigest()}
            lock["packages"][name] |= brought
        (folder / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
        for wheel in needed:
            shutil.copy(wheel, folder)
        config = CONFIG.format(packages=json.dumps([f"/stock/{wheel.name}" for wheel in needed]))
        (folder / "pyscript.toml").write_text(config, encoding="utf-8")
        compress_folder(folder)

    return sealed(runtime, "stock", [pyodide / "package.json", REQUIREMENTS, *needed, HERE], make)
