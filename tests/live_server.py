"""`serve.py` as a process of its own, for tests that need a real connection or a real browser."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.processes import started

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage = field(repr=False)
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class LiveServer:
    """A running server. `url` ends with a slash; `origin` does not."""

    url: str
    process: Any = field(repr=False)  # a Popen, or a Process

    @property
    def origin(self) -> str:
        return self.url.rstrip("/")

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def request(
        self, method: str, path: str, *, json_body: Any = None, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own, with the evidence of a same-origin page."""
        headers = {"Origin": self.origin, **(headers or {})}
        if json_body is not None:
            body, headers = json.dumps(json_body).encode(), {"Content-Type": "application/json", **headers}
        connection = http.client.HTTPConnection(*self.address, timeout=120)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def counters(self) -> dict[str, int]:
        """What the server saw: the fields of `Counters` in `devserver/lab.py`."""
        counters: dict[str, int] = self.request("GET", "/dev/counters").json()
        return counters

    def control(self, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """`POST`s to a control such as `/dev/revoke`, and fails the test unless it is obeyed."""
        answer = self.request("POST", path, json_body=fields or {})
        assert answer.status in (200, 204), (path, answer)
        result: dict[str, Any] = answer.json() if answer.body else {}
        return result

    def fault(self, path: str, kind: str, **fields: Any) -> None:
        """The next request on `path` meets a fault; see `Fault` in `devserver/faults.py`."""
        self.control("/dev/faults", {"path": path, "kind": kind, **fields})

    def wait_until_held(self, count: int = 1) -> None:
        """Returns when that many requests are held by a fault of kind `hold`."""
        answer = self.request("GET", f"/dev/held?count={count}")
        assert answer.status == 200, answer

    def release(self, *, abandon: bool = False) -> int:
        """Lets held requests go on, or hangs up on them; returns how many there were."""
        released: int = self.control("/dev/release", {"abandon": abandon})["released"]
        return released

    def clear_faults(self) -> None:
        assert self.request("DELETE", "/dev/faults").status == 204


@contextmanager
def running_server(*flags: str, program: str = "serve.py") -> Iterator[LiveServer]:
    """Starts `python serve.py --port 0` with these flags, and stops it at the end."""
    command = [sys.executable, str(ROOT / program), "--port", "0", *flags]
    with started(command, cwd=ROOT) as (process, first_line):
        if not first_line.startswith("Serving http"):
            raise RuntimeError(f"serve.py ended with {process.wait()} instead of serving (see its message above)")
        yield LiveServer(first_line.split()[1], process)


@contextmanager
def forked_server(*flags: str) -> Iterator[LiveServer]:
    """The same with the blank pages of the browser's tests, and in a tenth of the time: forked from a process that has
    imported what `serve.py` imports.
    """
    if sys.platform == "win32":
        with running_server(*flags, program="tests/blank_pages.py") as server:
            yield server
        return
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["tests.blank_pages"])
    reading, writing = forking.Pipe(duplex=False)
    process = forking.Process(target=_serve, args=(writing, flags), daemon=True)
    process.start()
    writing.close()
    try:
        with open(reading.fileno(), closefd=False) as output:
            first_line = output.readline()  # waits until the server listens, or has ended
            if not first_line.startswith("Serving http"):
                process.join(10)
                raise RuntimeError(f"serve.py ended with {process.exitcode} (see its message above)")
            yield LiveServer(first_line.split()[1], process)
    finally:
        process.terminate()
        process.join(10)
        process.close()  # raises if it goes on
        reading.close()


def _serve(output: Connection, flags: tuple[str, ...]) -> None:
    os.dup2(output.fileno(), sys.stdout.fileno())
    output.close()
    os.chdir(ROOT)
    from tests import blank_pages

    blank_pages.main("--port", "0", *flags)
