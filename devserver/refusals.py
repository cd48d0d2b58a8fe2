"""How a request is refused: every refusal and every failure is JSON."""

from __future__ import annotations

from typing import NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from devserver.issuer import InvalidGrant, InvalidToken

CODES = {
    400: "invalid_request",
    421: "unknown_host",
    403: "cross_origin",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    504: "timeout",
}


def refuse(status: int, description: str) -> NoReturn:
    """Ends the request with this status and an OAuth error body."""
    raise HTTPException(status, description)


def error_body(error: str, description: str) -> dict[str, str]:
    """The two members of RFC 6749 section 5.2."""
    return {"error": error, "error_description": description}


async def on_http_exception(_: Request, exc: Exception) -> Response:
    """Every refusal is JSON: a client that expects JSON meets nothing else."""
    assert isinstance(exc, HTTPException)
    code = CODES.get(exc.status_code, "invalid_request")
    return JSONResponse(error_body(code, exc.detail), exc.status_code, exc.headers)


async def on_invalid_grant(_: Request, exc: Exception) -> Response:
    """The error of a sign-in or a refresh that was refused."""
    # RFC 6749 says 400; servers with cookies answer 401, and that is what browser clients get.
    # The cookie is left alone: when two pages race, the loser's refusal must not delete the winner's cookie.
    assert isinstance(exc, InvalidGrant)
    return JSONResponse(error_body(exc.error, exc.description), 401, {"Cache-Control": "no-store"})


async def on_invalid_token(_: Request, exc: Exception) -> Response:
    """The challenge of RFC 6750 section 3."""
    assert isinstance(exc, InvalidToken)
    challenge = f'Bearer realm="reissue", error="{exc.error}", error_description="{exc.description}"'
    return JSONResponse(error_body(exc.error, exc.description), 401, {"WWW-Authenticate": challenge})


async def on_failure(_: Request, __: Exception) -> Response:
    """A bug of ours. Its traceback is in the log, and nothing of it in the answer."""
    return JSONResponse(error_body("server_error", "the server failed"), 500)


async def on_disconnect(_: Request, __: Exception) -> Response:
    """The client closed the connection in the middle of its request, so this answer is not read."""
    return Response(status_code=400)
