"""The back ends that people have, each really running, and called from a page of another origin."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from runtime.nodejs import find_node
from runtime.npm_packages import installed
from tests.browser.conftest import browser_type_launch_args, runtime, server, server_flags, visit
from tests.live_server import ROOT
from tests.processes import started
from tests.servers import glewlwyd
from tests.servers.bring import modules

__all__ = ["browser_type_launch_args", "runtime", "server", "server_flags", "visit"]

HERE = Path(__file__).parent
FROM_NPM = ("better_auth_app.mjs", "oauth2_mock_app.mjs")
"""What needs packages that no other test needs: those of the package.json in this folder."""

PYTHON = ROOT / ".runtime" / "servers" / "bin" / "python"  # has the servers' packages: tests/servers/requirements.txt
LIFE = 300  # seconds that an access token lives

Start = Callable[..., str]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of Glewlwyd where there is none and can't be, and say so."""
    reason = glewlwyd.absent()
    left_out = [item for item in items if reason and item.get_closest_marker("glewlwyd")]
    if left_out:
        config.issue_config_time_warning(UserWarning(f"{len(left_out)} tests left out: {reason}"), stacklevel=2)
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@contextmanager
def running(app: str, *, page: str, life: int = LIFE) -> Iterator[str]:
    """A program of this folder, or an ASGI application behind uvicorn; its URL, without a slash at the end."""
    if not PYTHON.is_file():
        pytest.exit("The servers' packages are not installed: run `make .runtime/servers/stamp` (`make test` does).", 1)
    command = [str(PYTHON), str(HERE / "run.py"), app]
    environment = {**os.environ, "PAGE": page, "LIFE": str(life)}
    if app.endswith(".mjs"):
        command = [find_node().node, str(HERE / app)]
        environment["MODULES"] = str(modules() if app in FROM_NPM else installed(ROOT / ".runtime"))
    with started(command, cwd=HERE, env=environment) as (process, port):
        if not port:
            raise RuntimeError(f"{app} ended with {process.wait()} instead of serving (see its message above)")
        yield f"http://127.0.0.1:{int(port)}"


def asked(url: str, path: str, *, body: Any = None) -> int:
    """The status of a request of the test's own: a POST if it has a body, which is sent as JSON."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=120)
    if body is None:
        connection.request("GET", path)
    else:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


def turn_the_clock(url: str, seconds: float) -> None:
    """It is later now at this server, one of Python's."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=120)
    connection.request("POST", f"/clock?seconds={seconds}")
    assert connection.getresponse().status == 204
    connection.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts one of the applications for a page of this origin; gives its URL."""
    with ExitStack() as stack:
        yield lambda app, page, **options: stack.enter_context(running(app, page=page, **options))
