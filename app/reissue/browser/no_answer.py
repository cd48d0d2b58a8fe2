"""The error for a request to which no answer came, and what may be the reason.

Scripts are not told why: a server that is down, an answer that CORS withholds and a policy that forbids the request are
one and the same TypeError, so that a page learns nothing of what it may not see (Fetch standard, "network error").
"""

from typing import Final

import js

from ..errors import NetworkError
from ..http.messages import Request
from .urls import parse_page_url

_SAFELISTED: Final = frozenset({"accept", "accept-language", "content-language"})
_SAFE_TYPES: Final = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


def no_answer(request: Request, said: str = "") -> NetworkError:
    """The error for this request. `said` is what the browser says, which is little."""
    message = f"no answer to {request.method} {request.shown_url}{f': {said}' if said else ''}"
    return NetworkError(f"{message}. {advice}" if (advice := _advice(request)) else message)


def _advice(request: Request) -> str:
    if js.navigator.onLine is False:
        return "The browser is offline"
    page = str(js.location.origin)
    try:
        origin = parse_page_url(request.url).origin
    except ValueError:
        return ""
    if origin == page:
        return ""
    return (
        f"{origin} is another origin than the page's, so there are three usual reasons, and the browser's console says "
        f"which: it can't be reached (down, a wrong port, a bad certificate); its answer lacks the CORS headers for "
        f"{page} ({_cors(request)}), also on errors and redirects; or the page may not ask it (connect-src of its "
        "Content-Security-Policy, http: from https:, an extension)"
    )


def _cors(request: Request) -> str:
    """The CORS headers that the answer needs (Fetch standard, section 3.3)."""
    needed = ["Access-Control-Allow-Origin"]
    if request.options.get("credentials") == "include":
        needed.append("Access-Control-Allow-Credentials")
    if request.method not in ("GET", "HEAD", "POST"):
        needed.append(f"Access-Control-Allow-Methods: {request.method}")
    fields = [name for name, value in request.headers.items() if not _is_safelisted(name.lower(), value)]
    if fields:
        needed.append(f"Access-Control-Allow-Headers: {', '.join(fields)}")
    return "; ".join(needed)


def _is_safelisted(name: str, value: str) -> bool:
    """May any page send this field (Fetch standard, "CORS-safelisted request-header")?"""
    return name in _SAFELISTED or (name == "content-type" and value.lower().startswith(_SAFE_TYPES))
