"""The back ends that people have, each really running, and called from a page of another origin."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from runtime.nodejs import find_node
from runtime.npm_packages import installed
from tests.browser.conftest import browser_type_launch_args, runtime, server, server_flags, visit
from tests.live_server import ROOT
from tests.processes import started

__all__ = ["browser_type_launch_args", "runtime", "server", "server_flags", "visit"]

HERE = Path(__file__).parent
PYTHON = ROOT / ".runtime" / "servers" / "bin" / "python"  # has the servers' packages: tests/servers/requirements.txt
LIFE = 300  # seconds that an access token lives

Start = Callable[..., str]


@contextmanager
def running(app: str, *, page: str, life: int = LIFE) -> Iterator[str]:
    """A program of this folder, or an ASGI application behind uvicorn; its URL, without a slash at the end."""
    if not PYTHON.is_file():
        pytest.exit("The servers' packages are not installed: run `make .runtime/servers/stamp` (`make test` does).", 1)
    command = [str(PYTHON), str(HERE / "run.py"), app]
    environment = {**os.environ, "PAGE": page, "LIFE": str(life)}
    if app.endswith(".mjs"):
        command = [find_node().node, str(HERE / app)]
        environment["MODULES"] = str(installed(ROOT / ".runtime"))
    with started(command, cwd=HERE, env=environment) as (process, port):
        if not port:
            raise RuntimeError(f"{app} ended with {process.wait()} instead of serving (see its message above)")
        yield f"http://127.0.0.1:{int(port)}"


def turn_the_clock(url: str, seconds: float) -> None:
    """It is later now at this server, one of Python's."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("POST", f"/clock?seconds={seconds}")
    assert connection.getresponse().status == 204
    connection.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts one of the applications for a page of this origin; gives its URL."""
    with ExitStack() as stack:
        yield lambda app, page, **options: stack.enter_context(running(app, page=page, **options))
