"""`bound_server` behind Starlette, for a page of another origin: with CORS and preflights.

`/cookie/auth/…` is the endpoint with its refresh token in an HttpOnly cookie. A 401 of `/api/bare/…` has no CORS
headers, as a proxy's has not. `POST /control` calls or sets things: see `control`.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.bound_server import BoundServer

PAGE = os.environ["PAGE"]
COOKIE = "refresh"
server = BoundServer()
exposed = ["DPoP-Nonce", "WWW-Authenticate"]
preflights: list[dict[str, str]] = []


async def everything(request: Request) -> Response:
    by_cookie = request.url.path.startswith("/cookie/")
    if request.method == "OPTIONS":
        preflights.append({"path": request.url.path, "for": request.headers["access-control-request-headers"]})
        response = Response(status_code=204)
        response.headers["Access-Control-Allow-Headers"] = "authorization, content-type, dpop"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        return with_cors(response)
    body = await request.body()
    if by_cookie:
        body = json.dumps({**json.loads(body or b"{}"), "refresh_token": request.cookies.get(COOKIE, "")}).encode()
    answer = server.answer(request.method, str(request.url), dict(request.headers), body)
    granted = answer.fields.pop("refresh_token", None) if by_cookie else None
    response = Response(status_code=204) if answer.status == 204 else JSONResponse(answer.fields, answer.status)
    response.headers.update(answer.headers)
    if granted:
        response.set_cookie(COOKIE, granted, path="/cookie/auth", httponly=True, samesite="strict")
    return response if "/bare/" in request.url.path and answer.status == 401 else with_cors(response)


def with_cors(response: Response) -> Response:
    response.headers["Access-Control-Allow-Origin"] = PAGE
    response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Access-Control-Expose-Headers"] = ", ".join(exposed)
    response.headers["Vary"] = "Origin"
    return response


async def control(request: Request) -> JSONResponse:
    """What was asked so far. Then does what the body wants."""
    seen = {"asked": list(server.asked), "preflights": list(preflights), "fields": list(server.fields)}
    wanted = await request.json()
    server.bound = wanted.get("bound", server.bound)
    server.resources |= set(wanted.get("resources", ()))
    exposed[:] = wanted.get("exposed", exposed)
    if "revoke" in wanted:
        server.revoke()
    if "rotate" in wanted:
        server.api_proofs.rotate()
        server.endpoint_proofs.rotate()
    if "forget" in wanted:
        server.asked.clear()
        server.fields.clear()
        preflights.clear()
    return JSONResponse(seen)


app = Starlette(
    routes=[
        Route("/control", control, methods=["POST"]),
        Route("/{path:path}", everything, methods=["GET", "POST", "OPTIONS"]),
    ]
)
