"""The wheel outside of this checkout: its bytes, its metadata, its types, and CPython."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from runtime import steps
from runtime.build import RUNTIME, TESTS
from runtime.sealed import sealed
from tests.wheel.conftest import HERE, ROOT, build_wheel

SOURCES = ("app", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def python(wheel: Path, pyjwt: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel and PyJWT in it, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    offline = ("install", "--quiet", "--no-deps", "--no-index")
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *offline, wheel, pyjwt], check=True)
    return python


def run(python: Path, source: str, cwd: Path) -> str:
    """What a program prints, run where nothing of this checkout can be imported."""
    done = subprocess.run([python, "-I", "-c", source], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_same_sources_give_the_same_bytes(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another folder, with other times and permissions, another umask, time zone and order of sets."""
    checkout = tmp_path / "elsewhere"
    checkout.mkdir()
    for name in SOURCES:
        source = ROOT / name
        shutil.copytree(source, checkout / name) if source.is_dir() else shutil.copy(source, checkout)
    for file in checkout.rglob("*"):
        file.chmod(0o700 if file.is_dir() else 0o600)
        os.utime(file, (2_000_000_000, 2_000_000_000))
    monkeypatch.setenv("TZ", "Asia/Seoul")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    umask = os.umask(0o077)
    try:
        again = build_wheel(checkout, tmp_path / "again")
    finally:
        os.umask(umask)
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()
    (checkout / "README.md").write_text("Another one.")
    assert build_wheel(checkout, tmp_path / "other").read_bytes() != wheel.read_bytes()


def test_make_wheel_builds_it() -> None:
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/serve.stamp", "wheel"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "-m hatchling build -t wheel -d dist" in done.stdout


def test_twine_has_nothing_to_say(wheel: Path) -> None:
    """In a folder of its own: of the thirty packages that it brings nothing else is needed here."""
    requirements = HERE / "requirements-twine.txt"

    def bring(folder: Path) -> None:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--require-hashes")
        steps.run(*pip, "--target", folder, "-r", requirements, failed="pip can't bring twine: check the network.")

    packages = sealed(RUNTIME / TESTS, "twine", [requirements, sys.version], bring)
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", wheel],
        env={**os.environ, "PYTHONPATH": str(packages), "NO_COLOR": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout


def test_the_metadata_says_what_an_index_wants_to_know(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("Requires-Dist") == ["pyjwt"]
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_the_core_runs_in_cpython_and_connect_says_that_it_needs_a_browser(python: Path, tmp_path: Path) -> None:
    example = next(
        code.partition("```")[0]
        for code in (ROOT / "docs" / "api.md").read_text(encoding="utf-8").split("```python\n")
        if "asyncio.run(main())" in code
    )
    run(python, example, tmp_path)
    told = run(
        python,
        "import reissue\n"
        "try: reissue.connect('/api/', endpoint=reissue.Endpoint('/auth'))\n"
        "except reissue.ReissueError as error: print(error)\n"
        "print(reissue.__file__)",
        tmp_path,
    ).splitlines()
    assert told[0] == "connect() needs a browser (Pyodide, PyScript); elsewhere give Interceptor a transport"
    assert told[1].startswith(str(python.parent.parent)), "not the checkout's"


TYPED = """
import reissue
from reissue import Credential, Interceptor, Request, Response, SessionEvent, State
from reissue.testing import Clock

async def server(request: Request) -> Response:
    return Response(200)

async def refresh(credential: Credential | None) -> Credential:
    return Credential(access_token="new", expires_in=300)

def listener(event: reissue.Event) -> None:
    if isinstance(event, SessionEvent):
        print(event.reason)

async def main(api: Interceptor) -> bool:
    api.on(listener)
    state: State = api.state
    left: float | None = api.expires_in
    await api.adopt("token", expires_in=300)
    return await api.resume()

api: Interceptor = Interceptor(server, audience="https://api.test/", endpoint=refresh, clock=Clock())
page: Interceptor = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), leeway=30)
"""
WRONG = """
import reissue

async def main(api: reissue.Interceptor) -> None:
    done: str = await api.resume()
    await api.renew(1, 2)

reissue.connect("/api/", endpoint=5)
"""


def test_it_is_typed_for_who_uses_it(python: Path, tmp_path: Path) -> None:
    """By mypy in another folder, which knows of the wheel only what is installed."""
    for name, source in {"right.py": TYPED, "wrong.py": WRONG}.items():
        (tmp_path / name).write_text(source, encoding="utf-8")
    command = ("mypy", "--strict", "--config-file=", f"--python-executable={python}", "right.py", "wrong.py")
    done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    told = done.stdout.splitlines()
    assert [line.split(": ")[0] for line in told[:-1]] == ["wrong.py:5", "wrong.py:6", "wrong.py:8"], done.stderr
    assert told[-1] == "Found 3 errors in 1 file (checked 2 source files)"
