"""Brings what the places of these tests are made of: Pyodides from npm, and what their pages load from PyPI.

`make test` does it before the tests, which would each download it.
"""

import json
import shutil
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # it is run as a program

from runtime import npm_packages  # noqa: E402
from runtime.build import TESTS  # noqa: E402
from runtime.lock import entry  # noqa: E402
from runtime.sealed import sealed  # noqa: E402
from runtime.steps import StepFailed, run, say  # noqa: E402

RUNTIME = ROOT / ".runtime"
HERE = Path(__file__).parent
PAGE = HERE / "requirements-page.txt"
ENVIRONMENT = RUNTIME / "places"
"""Where `make test` installs what makes the sites: JupyterLite and marimo."""


def modules() -> Path:
    """The folder `node_modules` of this folder's package.json."""
    return npm_packages.install(RUNTIME, HERE, name="npm-places", packages="the Pyodides of other places")


def distribution(pyodide: Path) -> Path:
    """A folder as Pyodide's CDN has it: the interpreter from npm, wheels beside it, and a lock file that lists them.

    npm's own lock file names wheels that Pyodide has repacked; these are PyPI's, a few of its hundreds.
    """
    version = json.loads((pyodide / "package.json").read_text(encoding="utf-8"))["version"]
    info = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))["info"]

    def make(folder: Path) -> None:
        say(f"downloading the packages of Pyodide {version}")
        shutil.copytree(pyodide, folder, dirs_exist_ok=True)
        python = "".join(info["python"].split(".")[:2])
        run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "--only-binary", ":all:", "--python-version", info["python"],
            "--implementation", "cp", "--abi", f"cp{python}", "--abi", "none",
            "--platform", f"pyemscripten_{info['abi_version']}_wasm32", "--platform", "any",
            "--platform", "manylinux2014_x86_64",  # PyYAML's alone: see below
            "--dest", folder, "-r", PAGE,
            failed="pip can't download the packages of a page: check the network, and pip's index setting.",
        )  # fmt: skip
        for wheel in folder.glob("*manylinux*.whl"):
            without_machine_code(wheel)
        found = [entry(wheel, wheel.name, info["python"]) for wheel in sorted(folder.glob("*.whl"))]
        lock = {"info": info, "packages": {item["name"]: item for item in found}}
        (folder / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")

    return sealed(RUNTIME / TESTS, "distribution", [PAGE, version, Path(__file__)], make)


def without_machine_code(wheel: Path) -> None:
    """Make it pure. PyPI has no PyYAML for the browser; without its optional part in C, any other is one."""
    name, version, _ = wheel.name.split("-", 2)
    with (
        zipfile.ZipFile(wheel) as full,
        zipfile.ZipFile(wheel.with_name(f"{name}-{version}-py3-none-any.whl"), "w") as pure,
    ):
        for file in full.infolist():
            if not file.filename.endswith(".so"):
                pure.writestr(file, full.read(file))
    wheel.unlink()


if __name__ == "__main__":
    try:
        distribution(npm_packages.installed(RUNTIME) / "pyodide")  # JupyterLite's
        distribution(modules() / "marimo-pyodide")
    except StepFailed as error:
        sys.exit(str(error))
