"""The back ends that people have, each really running, and called from a page of another origin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from runtime.nodejs import find_node
from runtime.npm_packages import installed
from tests.browser.conftest import browser_type_launch_args, runtime, server, server_flags, visit
from tests.live_server import ROOT

__all__ = ["browser_type_launch_args", "runtime", "server", "server_flags", "visit"]

HERE = Path(__file__).parent
LIFE = 2  # seconds that an access token lives: the one wait in real time of a test

Start = Callable[..., str]


@contextmanager
def running(app: str, *, page: str, life: int = LIFE) -> Iterator[str]:
    """A program of this folder, or an ASGI application behind uvicorn; its URL, without a slash at the end."""
    command = [sys.executable, str(HERE / "run.py"), app]
    environment = {**os.environ, "PAGE": page, "LIFE": str(life)}
    if app.endswith(".mjs"):
        command = [find_node().node, str(HERE / app)]
        environment["MODULES"] = str(installed(ROOT / ".runtime"))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE, env=environment)
    assert process.stdout
    try:
        port = process.stdout.readline()  # waits until it listens, or has ended
        if not port:
            raise RuntimeError(f"{app} ended with {process.wait()} instead of serving (see its message above)")
        yield f"http://127.0.0.1:{int(port)}"
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts one of the applications for a page of this origin; gives its URL."""
    with ExitStack() as stack:
        yield lambda app, page, **options: stack.enter_context(running(app, page=page, **options))
