"""`serve.py` with a folder of sites beside its own page, as a plain file host would serve them: at `/places/`.

What is in the folder's `private/` is at `/api/private/` as well, for users who are signed in.

`python tests/places/server.py --folder FOLDER` takes the options of `serve.py`, too; `--isolated` isolates the sites.
"""

import argparse
import sys
from pathlib import Path
from unittest.mock import patch

from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # it is run as a program

import serve  # noqa: E402
from devserver.app import Application, create_app  # noqa: E402
from devserver.headers import FixedHeaders, security_headers  # noqa: E402
from devserver.settings import Settings  # noqa: E402

PREFIX = "/places"
PRIVATE = "/api"


class Beside:
    """The folder's files, without the policy of our own page, which would forbid what other places do."""

    def __init__(self, app: ASGIApp, folder: Path, headers: dict[str, str]) -> None:
        self.app = app
        self.files = FixedHeaders(StaticFiles(directory=folder, html=True, follow_symlink=True), headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and path.startswith(f"{PREFIX}/"):
            await self.files({**scope, "root_path": PREFIX}, receive, send)
        elif path.startswith(f"{PRIVATE}/private/"):
            await self.to_users(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def to_users(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A file, where the API answers this request's token; else what the API answers."""
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self.app({**scope, "path": f"{PRIVATE}/me", "raw_path": f"{PRIVATE}/me".encode()}, receive, keep)
        if answer[0]["status"] == 200:
            await self.files({**scope, "root_path": PRIVATE}, receive, send)
            return
        for message in answer:
            await send(message)


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--folder", type=Path, required=True)
    mine, others = parser.parse_known_args()

    def with_sites(settings: Settings) -> Application:
        app = create_app(settings)
        ours = security_headers(settings) if settings.isolated else {}
        headers = {name: value for name, value in ours.items() if name.lower().startswith("cross-origin")}
        app.middleware_stack = Beside(app.build_middleware_stack(), mine.folder, headers)
        return app

    with patch.object(serve, "create_app", with_sites):
        serve.main(others)


if __name__ == "__main__":
    main()
