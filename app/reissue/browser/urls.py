"""URLs as this browser parses them."""

from typing import Any

import js
from js import URL
from pyodide.ffi import JsException

from ..http.urls import Url
from .interop import script

# PyScript gives its workers the main thread's `document`, but a worker's URLs are relative to the worker.
IN_WORKER = hasattr(js, "WorkerGlobalScope")


def _worker_base() -> str:
    """The base of a worker's relative URLs; a worker that was made from a blob has no path of its own."""
    return str(js.location.origin) + "/" if _FROM_BLOB else str(js.location.href)


_wire = script("wire")
_place = None if _wire is None else _wire.place  # looked up once: each look makes another proxy
_FROM_BLOB = IN_WORKER and js.location.protocol == "blob:"
_WORKER_BASE = _worker_base() if IN_WORKER else None


def resolved(text: str) -> str:
    """A URL as a worker that was made from a blob must send it: there the browser itself resolves no path.

    Elsewhere, and if the URL is invalid, unchanged.
    """
    if not _FROM_BLOB:
        return text
    try:
        return str(js_url(text).href)
    except JsException:
        return text


def js_url(text: str) -> Any:
    """The browser's own `URL`, relative to the page or the worker. Raises JsException if it is not valid."""
    return URL.new(text, _WORKER_BASE or js.document.baseURI)


def checked(url: Any) -> Url:
    """A `URL` that may be compared with an audience. Raises ValueError if it isn't http(s), or names a user.

    fetch refuses URLs with a user name or password (Fetch standard, `Request` constructor).
    """
    if url.protocol not in ("http:", "https:"):
        raise ValueError("not an http(s) URL")
    if url.username or url.password:
        raise ValueError("the URL names a user")
    return Url(url.href, url.origin, url.pathname)


def parse_page_url(text: str) -> Url:
    """A URL, which may be relative to the page or the worker. Raises ValueError if it is invalid, and as `checked`."""
    if _place is not None and (place := _place(text)):
        return Url(*place.split("\n"))
    try:
        url = js_url(text)
    except JsException:
        raise ValueError("the browser can't parse this URL") from None
    return checked(url)
