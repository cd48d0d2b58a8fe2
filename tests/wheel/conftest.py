"""The wheel `reissue`, built once, and what it is tried with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime import wheels
from runtime.build import RUNTIME, TESTS, WHEELS
from runtime.npm_packages import installed
from tests.browser.conftest import browser_type_launch_args, runtime, server
from tests.site.conftest import host, published, server_flags, visit

__all__ = ["browser_type_launch_args", "host", "published", "runtime", "server", "server_flags", "visit"]

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent


def build_wheel(checkout: Path, folder: Path) -> Path:
    """As `make wheel` does."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def pyjwt() -> Path:
    """The wheel that reissue needs, as PyPI has it: the page's own holds byte code for the page's Python alone."""
    folder = wheels.downloaded(RUNTIME / WHEELS, installed(RUNTIME) / "pyodide")
    (pyjwt,) = folder.glob("pyjwt-*.whl")
    return pyjwt


@pytest.fixture(scope="session")
def micropip() -> Path:
    """Brought the first time that it is asked for."""
    folder = wheels.downloaded(RUNTIME / TESTS, installed(RUNTIME) / "pyodide", HERE / "requirements-page.txt")
    (micropip,) = folder.glob("micropip-*.whl")
    return micropip
