"""`/api`: resources that an access token protects."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from devserver.issuer import Claims, Issuer
from devserver.lab import Lab
from devserver.refusals import error_body, refuse
from devserver.requests import JSON_LIMIT, UPLOAD_LIMIT, Endpoint, bounded, json_object, media_type, number, text, whole

FILE_TYPES = {
    ".bin": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".png": "image/png",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".wav": "audio/wav",
    ".webm": "video/webm",
}
MOST_FILES = 32  # of one user
RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})?")


class ApiRoutes:
    """No same-origin check here: another site's page can't know the bearer token."""

    def __init__(self, issuer: Issuer, lab: Lab) -> None:
        self.issuer = issuer
        self.lab = lab
        self.notes: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self.note_ids = itertools.count(1)
        self.files: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        every_method = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.routes = [
            Route("/api/me", self.protected(self.me)),
            Route("/api/hello", self.protected(self.hello)),
            Route("/api/notes", self.protected(self.list_notes)),
            Route("/api/notes", self.protected(self.add_note), methods=["POST"]),
            Route("/api/notes/{id}", self.protected(self.delete_note), methods=["DELETE"]),
            Route("/api/files/{name}", self.protected(self.put_file), methods=["PUT"]),
            Route("/api/files/{name}", self.protected(self.file)),
            Route("/api/upload", self.protected(self.upload), methods=["POST", "PUT"]),
            Route("/api/stream", self.protected(self.stream)),
            Route("/api/events", self.protected(self.events), methods=["GET", "POST"]),
            Route("/api/file", self.protected(self.attachment)),
            Route("/api/echo", self.protected(self.echo), methods=every_method),
        ]

    def protected(self, handler: Callable[[Request, Claims], Awaitable[Response]]) -> Endpoint:
        """The handler, for requests with a valid bearer token in the Authorization header (RFC 6750 section 2.1)."""

        async def endpoint(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                # RFC 6750 section 3.1: no error code when no token was sent.
                body = error_body("unauthorized", "no access token was sent")
                return JSONResponse(body, 401, {"WWW-Authenticate": 'Bearer realm="reissue"'})
            return await handler(request, self.issuer.verify(token.strip()))

        return endpoint

    async def me(self, request: Request, claims: Claims) -> Response:
        """The user whose token it is; with `?max_age=`, an answer that the browser may keep for so many seconds."""
        kept = {}
        if "max_age" in request.query_params:
            kept["Cache-Control"] = f"private, max-age={whole(request.query_params, 'max_age', low=0, high=86_400)}"
        return JSONResponse({name: claims[name] for name in ("sub", "name", "sid", "exp")}, headers=kept)

    async def hello(self, _: Request, claims: Claims) -> Response:
        """What the server of docs/guide.md answers, so that its page runs here as well."""
        return JSONResponse({"hello": claims["sub"]})

    async def list_notes(self, _: Request, claims: Claims) -> Response:
        """The user's notes."""
        return JSONResponse([{"id": id, "text": text} for id, text in self.notes[claims["sub"]].items()])

    async def add_note(self, request: Request, claims: Claims) -> Response:
        """Adds a note."""
        note = text(await json_object(request), "text")
        id = next(self.note_ids)
        self.notes[claims["sub"]][id] = note
        return JSONResponse({"id": id, "text": note}, 201, {"Location": f"/api/notes/{id}"})

    async def delete_note(self, request: Request, claims: Claims) -> Response:
        """Deletes a note of the user's own."""
        id = request.path_params["id"]
        known = id.isascii() and id.isdecimal() and len(id) <= 18  # Python refuses to read 5,000 digits
        if not known or self.notes[claims["sub"]].pop(int(id), None) is None:
            refuse(404, "there is no such note")
        return Response(status_code=204)

    async def put_file(self, request: Request, claims: Claims) -> Response:
        """Keeps a file of the user's own: what a page shows by `<img>`, `<video>`, `<a download>` and so on."""
        name, files = request.path_params["name"], self.files[claims["sub"]]
        if Path(name).suffix not in FILE_TYPES or len(files) >= MOST_FILES:
            refuse(400, f"up to {MOST_FILES} files, named *{', *'.join(FILE_TYPES)}")
        files[name] = await bounded(request, JSON_LIMIT).body()
        return Response(status_code=204)

    async def file(self, request: Request, claims: Claims) -> Response:
        """A file of the user's own, whole or a range of it (RFC 9110 section 14). `?to=` redirects there instead."""
        name, target = request.path_params["name"], request.query_params.get("to")
        if target is not None:
            return Response(status_code=307, headers={"Location": target})
        content = self.files[claims["sub"]].get(name)
        if content is None:
            refuse(404, "there is no such file")
        type_, headers = FILE_TYPES[Path(name).suffix], {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
        asked = RANGE.fullmatch(request.headers.get("range", ""))
        if asked is None:
            return Response(content, 200, headers, type_)
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        if first > last:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return Response(content[first : last + 1], 206, headers, type_)

    async def upload(self, request: Request, _: Claims) -> Response:
        """Raw bytes, or a form whose files are hashed one after the other (RFC 7578)."""
        request = bounded(request, UPLOAD_LIMIT)
        size, digest, fields = 0, hashlib.sha256(), {}
        if media_type(request) == "multipart/form-data":
            async with request.form() as form:
                for name, value in form.multi_items():
                    content = await value.read() if isinstance(value, UploadFile) else b""
                    size += len(content)
                    digest.update(content)
                    fields[name] = value.filename if isinstance(value, UploadFile) else value
        else:
            async for chunk in request.stream():
                size += len(chunk)
                digest.update(chunk)
        return JSONResponse({"size": size, "sha256": digest.hexdigest(), "fields": fields})

    async def stream(self, request: Request, _: Claims) -> Response:
        """Server-sent events: `lines` of them, `interval` seconds apart."""
        lines = whole(request.query_params, "lines", 5, low=1, high=10_000)
        interval = number(request.query_params, "interval", 0.2, low=0, high=60)

        async def events() -> AsyncIterator[str]:
            for line in range(lines):
                if line:
                    await self.lab.pause(interval)
                yield f"data: {line}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def events(self, request: Request, claims: Claims) -> Response:
        """Server-sent events with ids: those after `Last-Event-ID` up to `total`, at most `each` on one connection.

        `retry` is in milliseconds. The connection then stays open for `stay` seconds, or until just after the token's
        end if that comes first. After the last event, 204 ends the stream.
        """
        query = request.query_params
        total, each = (whole(query, name, 5, low=1, high=10_000) for name in ("total", "each"))
        retry, stay = whole(query, "retry", 1000, low=0, high=60_000), number(query, "stay", 0, low=0, high=3600)
        last = whole(request.headers, "last-event-id", 0, low=0, high=10_000)
        if last >= total:
            return Response(status_code=204)

        async def events() -> AsyncIterator[str]:
            yield f"retry: {retry}\n\n"
            for id in range(last + 1, min(last + each, total) + 1):
                yield f"id: {id}\nevent: tick\ndata: {id}\n\n"
            await self.lab.pause(min(stay, claims["exp"] + 1 - self.lab.clock()))  # `exp` is in whole seconds

        return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def attachment(self, request: Request, _: Claims) -> Response:
        """A file of `size` bytes with the name `name` (RFC 6266, RFC 8187)."""
        size = whole(request.query_params, "size", 1000, low=0, high=UPLOAD_LIMIT)
        name = quote(text(request.query_params, "name", "notes.bin"), safe="")
        body = (bytes(range(256)) * (size // 256 + 1))[:size]
        disposition = f"attachment; filename=\"fallback.bin\"; filename*=UTF-8''{name}"
        return Response(body, media_type="application/octet-stream", headers={"Content-Disposition": disposition})

    async def echo(self, request: Request, claims: Claims) -> Response:
        """Repeats what arrived, without credentials, and `?n=`; waits `?delay=` seconds first."""
        await self.lab.pause(number(request.query_params, "delay", 0, low=0, high=60))
        body = await bounded(request, JSON_LIMIT).body()
        headers = {k: v for k, v in request.headers.items() if k in ("accept", "content-type") or k.startswith("x-")}
        return JSONResponse(
            {
                "method": request.method,
                "n": request.query_params.get("n"),
                "sub": claims["sub"],
                "headers": headers,
                "body": {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()},
            }
        )
