"""`connect` and `inspect`: what an app begins with. They need a browser, and say so elsewhere."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .endpoint import Endpoint, Refresh
from .errors import ReissueError

if TYPE_CHECKING:
    from .inspector.panel import Inspector
    from .interceptor import Interceptor


def connect(audience: str | Iterable[str], *, endpoint: Endpoint | Refresh, **options: Any) -> "Interceptor":
    """An `Interceptor` over the browser's own fetch, clock and URLs.

    `audience` and the endpoint's URL may be relative to the page. Every page of the origin with the same endpoint and
    the same `name` (text, "default") is one session; `tabs=False` shares nothing. `store` is where the session outlives
    its pages: "memory" (nowhere), "session" (one tab, across reloads) or "local" (the origin, until signed out), which
    any script of the origin can read. `dpop=True` asks for tokens that are bound to a key of this browser's (RFC 9449),
    which no script can read: elsewhere they are of no use. The other `options` are those of `Interceptor`. Raises
    ReissueError outside Pyodide, and TypeError or ValueError for settings that can't work.

        api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
    """
    if sys.platform != "emscripten":
        raise ReissueError("connect() needs a browser (Pyodide, PyScript); elsewhere give Interceptor a transport")
    from .browser.page import connect_page

    return connect_page(audience, endpoint=endpoint, **options)


def inspect(api: "Interceptor", target: Any, *, language: str | None = None) -> "Inspector":
    """A panel in `target`, a selector or an element: the life of every request of this client, live, and its token.

    It shows what happens from now on. `language` is "en" or "ko"; without it the browser's own counts, and English
    where there are no words in that. `close()` of what is returned takes the panel away. Raises ReissueError outside a
    page, and ValueError for a target that is not there or a language without words.

        inspector = reissue.inspect(api, "#panel")
    """
    if sys.platform != "emscripten":
        raise ReissueError("inspect() needs a page in a browser (Pyodide, PyScript); elsewhere listen with api.on()")
    from .inspector import inspect as inspect_in_page

    return inspect_in_page(api, target, language=language)
