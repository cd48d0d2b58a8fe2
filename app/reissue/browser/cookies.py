"""The cookies that a page's scripts can read."""

from urllib.parse import unquote

import js

from ..errors import ReissueError
from .urls import IN_WORKER


def read_cookie(name: str) -> str:
    """As `reissue.cookie`."""
    if IN_WORKER:
        raise ReissueError("a worker can't read the page's cookies: read them in the page, and hand them over")
    for pair in str(js.document.cookie).split("; "):
        key, _, value = pair.partition("=")
        if key == name:
            return unquote(value)
    return ""
