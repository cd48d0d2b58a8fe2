"""What handlers read from a request: its body within bounds, and its fields with their types checked."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from devserver.refusals import refuse

COOKIE = "refresh_token"
IN_BODY = "/auth/body"
SESSION = "reissue.session"  # in the scope of a request: the `sid` of its session, or None
JSON_LIMIT, UPLOAD_LIMIT = 1024 * 1024, 8 * 1024 * 1024  # bytes
Endpoint = Callable[[Request], Awaitable[Response]]


def bounded(request: Request, limit: int) -> Request:
    """The same request; reading more than `limit` bytes of its body is refused with 413."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):  # Python refuses 5,000 digits
        refuse(413, f"the body is larger than {limit} bytes")
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > limit:
            refuse(413, f"the body is larger than {limit} bytes")
        return message

    return Request(request.scope, receive)


def media_type(request: Request) -> str:
    """Content-Type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def json_object(request: Request) -> dict[str, Any]:
    """The body as an object; 413, 415 or 400 for anything else."""
    if media_type(request) != "application/json":
        refuse(415, "the body must be application/json")
    body = await bounded(request, JSON_LIMIT).body()
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        refuse(400, "the body is not JSON")
    if not isinstance(value, dict):
        refuse(400, "the body must be a JSON object")
    return value


def text(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A string that is not empty, not huge, and can be sent back as UTF-8."""
    value = fields.get(name, default)
    if not isinstance(value, str) or not 0 < len(value) <= 10_000:
        refuse(400, f"'{name}' must be a string of 1 to 10000 characters")
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can contain half of a surrogate pair; UTF-8 can't
        refuse(400, f"'{name}' is not valid Unicode")
    return value


def number(fields: Mapping[str, Any], name: str, default: float | None = None, *, low: float, high: float) -> float:
    """A finite number within bounds, from JSON or from a query."""
    value = fields.get(name, default)
    if isinstance(value, str):  # of a query
        with suppress(ValueError):
            value = float(value)
    # Comparisons refuse NaN as well, which Python's JSON and float() accept.
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        refuse(400, f"'{name}' must be a number from {low:g} to {high:g}")
    return value


def whole(fields: Mapping[str, Any], name: str, default: int | None = None, *, low: float, high: float) -> int:
    """A whole number within bounds."""
    value = number(fields, name, default, low=low, high=high)
    if value != int(value):
        refuse(400, f"'{name}' must be a whole number")
    return int(value)


def header_value(fields: Mapping[str, Any], name: str) -> str | None:
    """The value of a header field (RFC 9110 section 5.5): printable ASCII, or bytes from 0x80 on; None if not given."""
    if fields.get(name) is None:
        return None
    value = text(fields, name)
    if not re.fullmatch(r"[\x20-\x7e\x80-\xff]*", value) or value != value.strip():
        refuse(400, f"'{name}' must be printable ASCII or Latin-1, without white space around it")
    return value


def json_text(fields: Mapping[str, Any], name: str, default: Any) -> bytes:
    """Any value, as the JSON that it is sent as."""
    try:
        return json.dumps(fields.get(name, default), allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # NaN, which Python's JSON accepts; half of a surrogate pair; too deep
        refuse(400, f"'{name}' can't be sent as JSON")


def flag(fields: Mapping[str, Any], name: str) -> bool:
    """True or false; false if it is not given."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        refuse(400, f"'{name}' must be true or false")
    return value
