"""A second origin that writes down every request it gets, to show what never arrives there.

It is as welcoming as a hostile server would be: any page may call it, with any header and with credentials.
`/redirect?to=URL` sends the caller on, and `/refused` answers 401. A cookie knows no port: use another host name as
well where cookies matter.

It is a process of its own. As threads of the process that drives the browser by greenlets it was seen to hang a run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.processes import started

ROOT = Path(__file__).resolve().parents[1]

SEEN = "/seen"  # where the requests are read; asking for them is not written down


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class OtherOrigin:
    """`origin` has no slash at the end. Of the requests it forgets the first `before`."""

    origin: str
    before: int = 0

    def from_now_on(self) -> OtherOrigin:
        """The same, without what has arrived until now."""
        return replace(self, before=self.before + len(self.requests))

    @property
    def requests(self) -> list[SeenRequest]:
        """What arrived so far, preflights too, in the order of arrival."""
        connection = HTTPConnection(self.origin.removeprefix("http://"), timeout=120)
        try:
            connection.request("GET", SEEN)
            seen = json.load(connection.getresponse())[self.before :]
            return [SeenRequest(**fields) for fields in seen]
        finally:
            connection.close()

    def saw(self, secret: str) -> bool:
        """Whether a path or a header held this text."""
        return any(secret in r.path or any(secret in v for v in r.headers.values()) for r in self.requests)

    def header_names(self) -> set[str]:
        return {name for request in self.requests for name in request.headers}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[SeenRequest] = []  # noqa: RUF012 - of the process

    def answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        url = urlsplit(self.path)
        body = b"" if self.command in ("OPTIONS", "HEAD") or url.path == "/redirect" else b'{"other": true}'
        if url.path == SEEN:
            body = json.dumps([asdict(request) for request in self.seen]).encode()
        else:
            self.seen.append(SeenRequest(self.command, self.path, headers))
        self.rfile.read(int(headers.get("content-length", 0)))
        if self.command == "OPTIONS":
            self.send_response(204)
        elif url.path == "/redirect":
            self.send_response(307)  # keeps method and body
            self.send_header("Location", parse_qs(url.query)["to"][0])
        else:
            self.send_response(401 if url.path == "/refused" else 200)
            self.send_header("Content-Type", "application/json")
        # A wildcard would leave out Authorization and credentials: Fetch standard, 'CORS protocol'.
        self.send_header("Access-Control-Allow-Origin", headers.get("origin", "*"))
        self.send_header("Access-Control-Allow-Credentials", "true")
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
        asked = headers.get("access-control-request-headers", "")
        self.send_header("Access-Control-Allow-Headers", ", ".join(filter(None, ["authorization", asked])))
        self.send_header("Cross-Origin-Resource-Policy", "cross-origin")
        if self.command != "OPTIONS":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the requests are kept."""


@contextmanager
def other_origin(host: str = "127.0.0.1") -> Iterator[OtherOrigin]:
    """Serves until the block ends. `host="localhost"` is another site than 127.0.0.1, too."""
    with started([sys.executable, "-m", "tests.other_origin", host], cwd=ROOT) as (_, port):
        yield OtherOrigin(f"http://{host}:{int(port)}")


def main() -> None:
    """Serve on a free port of the host that is named, and print the port."""
    server = ThreadingHTTPServer((sys.argv[1], 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
