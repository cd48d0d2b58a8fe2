"""The static files: the demo page, its Python, and the browser runtime."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import Scope

from devserver.refusals import refuse
from devserver.requests import Endpoint

TYPES = {  # our own, because the machine's table differs from one system to the next
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".py": "text/x-python; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".toml": "application/toml",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".whl": "application/octet-stream",
    ".woff2": "font/woff2",
    ".zip": "application/zip",
}
CODINGS = {"br": ".br", "gzip": ".gz"}  # in the order of our preference
REVALIDATE = "no-cache"  # kept, but revalidated each time: answered with 304 while unchanged
IMMUTABLE = "public, max-age=31536000, immutable"  # RFC 8246: not revalidated even on reload


class Files(StaticFiles):
    """Starlette's static files: no dotfiles or unknown types; with compressed neighbours, and caching of our own."""

    def __init__(self, directory: Path, *, immutable_folders: bool = False) -> None:
        super().__init__(directory=directory, check_dir=False)
        self.root = directory
        self.immutable_folders = immutable_folders

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Refuses before it looks for the file: whether a private file exists does not leak."""
        if Path(path).suffix not in TYPES or any(part.startswith(".") for part in Path(path).parts):
            refuse(404, "there is no such file")
        return await super().get_response(path, scope)

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or the compressed neighbour that the client prefers, or 304."""
        request_headers = Headers(scope=scope)
        path = Path(full_path)
        in_folder = path.parent != self.root.resolve()
        headers = {
            "Cache-Control": IMMUTABLE if in_folder and self.immutable_folders else REVALIDATE,
            "Vary": "Accept-Encoding",
        }
        served = path
        for coding in accepted_codings(request_headers.get("accept-encoding", "")):
            neighbour = path.with_name(path.name + CODINGS[coding])
            with suppress(FileNotFoundError):
                neighbour_stat = neighbour.stat()
                if neighbour_stat.st_mtime < stat_result.st_mtime:
                    continue  # compressed before the file was last changed
                served, stat_result = neighbour, neighbour_stat
                headers["Content-Encoding"] = coding
                break
        response = FileResponse(served, status_code, headers, TYPES[path.suffix], stat_result=stat_result)
        if self.is_not_modified(response.headers, request_headers):
            return NotModifiedResponse(response.headers)
        return response


def accepted_codings(accept_encoding: str) -> list[str]:
    """Those of `CODINGS` that the client accepts, the best first (RFC 9110 section 12.5.3)."""
    qualities: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        qualities[coding] = quality
    wanted = {coding: qualities.get(coding, qualities.get("*", 0.0)) for coding in CODINGS}
    return sorted((coding for coding in CODINGS if wanted[coding] > 0), key=lambda coding: -wanted[coding])


class PageRoutes:
    """The page, its Python, the documents, and the browser runtime: nothing else of the folder."""

    def __init__(self, root: Path, site: Path) -> None:
        self.page = Files(root)
        self.routes = [
            Route("/", self.file("index.html")),
            Route("/pyscript.toml", self.file("pyscript.toml")),
            Route("/reissue-worker.js", self.file("app/reissue/browser/reissue-worker.js")),
            Route("/reissue-popup.html", self.file("app/reissue/browser/reissue-popup.html")),
            Route("/reissue-popup.js", self.file("app/reissue/browser/reissue-popup.js")),
            Route("/favicon.ico", self.favicon),
            Mount("/app", Files(root / "app")),
            Mount("/docs", Files(site / "docs")),
            # A folder's name contains a digest of its content; only the entry points beside it change.
            Mount("/py", Files(site / "py", immutable_folders=True)),
            Mount("/pyscript", Files(site / "pyscript", immutable_folders=True)),
        ]

    def file(self, name: str) -> Endpoint:
        """One file of the folder."""

        async def endpoint(request: Request) -> Response:
            return await self.page.get_response(name, request.scope)

        return endpoint

    async def favicon(self, _: Request) -> Response:
        """Nothing. Browsers ask for it by themselves; a 404 would be a red line in the console."""
        return Response(status_code=204)
