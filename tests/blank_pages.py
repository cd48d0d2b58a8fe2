"""`serve.py` with the blank pages of the browser's tests among its files.

Were they Playwright's to give, by a route, the browser would hand it each request of theirs, and keep nothing in its
cache. As in any page, of several equal GETs on the wire Chromium lets the first alone go until it is answered, since it
may be kept: a test that wants them all there gives each a query of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import patch

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # it is run as a program, too

import serve  # noqa: E402
from devserver.app import create_app  # noqa: E402
from devserver.files import Files  # noqa: E402
from devserver.headers import FixedHeaders  # noqa: E402
from devserver.settings import Settings  # noqa: E402

PAGES = ROOT / "tests" / "browser" / "pages"
POLICY = "/blank-pages/policy"
"""Takes directives that the pages' Content-Security-Policy has in place of the server's; null leaves one out."""
CSP = "Content-Security-Policy"


class BlankPages:
    """The application, and around it the pages: neither counted nor met by faults."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)
        self.headers, self.state = self.app.headers, self.app.state
        self.names = {f"/{file.name}" for file in PAGES.iterdir()}
        self.pages = Files(PAGES)
        self.directives: dict[str, str | None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in self.names:
            await FixedHeaders(self.pages, self.page_headers())(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == POLICY:
            self.directives = await Request(scope, receive).json()
            await Response(status_code=204)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def page_headers(self) -> dict[str, str]:
        given = dict(directive.strip().partition(" ")[::2] for directive in self.headers[CSP].split(";"))
        changed = {**given, **self.directives}
        policy = "; ".join(f"{name} {value}" for name, value in changed.items() if value is not None)
        # Not the others: without a Referrer-Policy it shows what the browser itself says of referrers.
        kept = {name: value for name, value in self.headers.items() if name.startswith("Cross-Origin-")}
        return {**kept, CSP: policy}


def main(*arguments: str) -> None:
    """`serve.main`, with the pages."""
    with patch.object(serve, "create_app", BlankPages):
        serve.main(list(arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
