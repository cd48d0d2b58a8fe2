"""A second origin that writes down every request it gets, to show what never arrives there.

It is as welcoming as a hostile server would be: any page may call it, with any header and with credentials, and
`/redirect?to=URL` sends the caller on. A cookie knows no port: use another host name as well where cookies matter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(slots=True)
class OtherOrigin:
    """`origin` has no slash at the end; `requests` holds preflights too, in the order of arrival."""

    origin: str
    requests: list[SeenRequest] = field(default_factory=list)

    def saw(self, secret: str) -> bool:
        """Whether a path or a header held this text."""
        return any(secret in r.path or any(secret in v for v in r.headers.values()) for r in self.requests)

    def header_names(self) -> set[str]:
        return {name for request in self.requests for name in request.headers}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    other: OtherOrigin  # set by `other_origin`

    def answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.other.requests.append(SeenRequest(self.command, self.path, headers))
        self.rfile.read(int(headers.get("content-length", 0)))
        url = urlsplit(self.path)
        if self.command == "OPTIONS":
            self.send_response(204)
        elif url.path == "/redirect":
            self.send_response(307)  # keeps method and body
            self.send_header("Location", parse_qs(url.query)["to"][0])
        else:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
        body = b"" if self.command in ("OPTIONS", "HEAD") or url.path == "/redirect" else b'{"other": true}'
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
    """Serves in a thread until the block ends. `host="localhost"` is another site than 127.0.0.1, too."""

    class BoundHandler(Handler):
        pass

    server = ThreadingHTTPServer((host, 0), BoundHandler)
    other = BoundHandler.other = OtherOrigin(f"http://{host}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield other
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
