"""`serve.py` with the page with everything on it, and the libraries that it loads, under a policy that allows it.

`/dev/leaks` names each request outside the API that carried a token.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from starlette.middleware import Middleware
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))  # it is run as a program

import serve  # noqa: E402
from devserver.app import Application, create_app  # noqa: E402
from devserver.settings import Settings  # noqa: E402
from runtime.npm_packages import installed  # noqa: E402
from tests.browser.with_worker import WITH_A_WORKER  # noqa: E402

HERE = Path(__file__).parent
FILES = {
    "everything.html": "text/html; charset=utf-8",
    "everything.css": "text/css; charset=utf-8",
    "everything.js": "text/javascript; charset=utf-8",
    "everything.py": "text/x-python",
    "clip.webm": "video/webm",
}
LIBRARIES = {"axios.min.js": "axios/dist/axios.min.js", "htmx.min.js": "htmx.org/dist/htmx.min.js"}


class Leaks:
    """ASGI middleware: notes the requests that carry a token and are none to the API."""

    seen: ClassVar[list[str]] = []

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        carries = any(name == b"authorization" for name, _ in scope.get("headers", []))
        if carries and not scope["path"].startswith("/api/"):
            self.seen.append(scope["path"])
        await self.app(scope, receive, send)


def with_everything(settings: Settings) -> Application:
    app = create_app(settings)
    given = app.headers["Content-Security-Policy"]
    directives = dict(directive.strip().partition(" ")[::2] for directive in given.split(";"))
    widened = {**directives, **WITH_A_WORKER}
    app.headers["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in widened.items())
    app.user_middleware.insert(0, Middleware(Leaks))
    packages = installed(ROOT / ".runtime")
    for name, kind in FILES.items():
        app.router.routes.append(Route(f"/{name}", answering(HERE / name, kind)))
    for name, path in LIBRARIES.items():
        app.router.routes.append(Route(f"/{name}", answering(packages / path, "text/javascript; charset=utf-8")))
    app.router.routes.append(Route("/dev/leaks", lambda _: JSONResponse(Leaks.seen)))
    return app


def answering(path: Path, kind: str) -> Any:
    return lambda _: FileResponse(path, media_type=kind, headers={"Cache-Control": "no-cache"})


if __name__ == "__main__":
    with patch.object(serve, "create_app", with_everything):
        serve.main()
