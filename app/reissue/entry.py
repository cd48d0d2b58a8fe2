"""`connect`, `inspect`, `sign_in_widget` and `cookie`: what an app begins with."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, overload

from .endpoint import AnyEndpoint
from .errors import ReissueError

if TYPE_CHECKING:
    from .inspector.panel import Inspector
    from .inspector.recording import Recording
    from .interceptor import Interceptor


def connect(audience: str | Iterable[str], *, endpoint: AnyEndpoint, **options: Any) -> "Interceptor":
    """An `Interceptor` over the browser's own fetch, clock and URLs.

    `audience` and the endpoint's URL may be relative to the page. All tabs of the origin with the same endpoint and the
    same `name` (text, by default "default") share one session; `tabs=False` shares nothing. `store` says whether the
    session outlives the page: "memory" (it does not), "session" (across reloads of one tab), "local" (for all tabs of
    the origin, until sign-out) or "indexeddb" (for its workers as well, which have no other store). Any script of the
    origin can read the latter three. `dpop=True` asks for tokens that are
    bound to a key (RFC 9449), which no script can read, so the tokens are useless outside this browser.
    `resume_early=True`, for an `Endpoint` with a cookie, asks for the session while Python is still on its way when the
    page is loaded again; `resume()` then takes the answer (docs/tabs.md). The other `options` are those of
    `Interceptor`. Raises ReissueError outside Pyodide, and TypeError or ValueError for settings
    that can't work.

        api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
    """
    if sys.platform != "emscripten":
        raise ReissueError("connect() needs a browser (Pyodide, PyScript); elsewhere give Interceptor a transport")
    from .browser.page import connect_page

    return connect_page(audience, endpoint=endpoint, **options)


@overload
def inspect(api: "Interceptor", target: None = None, *, language: str | None = None) -> "Recording": ...
@overload
def inspect(api: "Interceptor", target: Any, *, language: str | None = None) -> "Inspector": ...
def inspect(api: "Interceptor", target: Any = None, *, language: str | None = None) -> "Inspector | Recording":
    """A panel in `target`, a selector or an element: the life of every request of this client, live, and its token.

    Without a `target`, for a notebook or a worker: a recording, which is a picture as the value of a cell.
    Both show what happens from now on. `language` is "en" or "ko"; the default is the browser's language, or English if
    there is no translation into that. `close()` of the returned object ends it. Raises ReissueError for a `target`
    outside a page, and ValueError for one that does not exist or a language without a translation.

        inspector = reissue.inspect(api, "#panel")
    """
    from .inspector import inspect as inspect_client

    return inspect_client(api, target, language=language)


def sign_in_widget(api: "Interceptor", *, fields: Iterable[str] = ("username", "password")) -> Any:
    """A widget for a notebook: a button or a form to sign in by, the state, and the user.

    With `Endpoint.oauth2(…, popup=True)` the button opens a window; the code comes to the kernel, which has it
    exchanged. With any other endpoint there is a form with these `fields` of `api.sign_in()`; what is typed goes to the
    kernel in a message, and neither into an output nor into the notebook's file. It is an anywidget, whose package the
    notebook must have. Raises ReissueError without it, for a client of `for_resource()`, and without `popup=True`;
    TypeError for fields that are no names.

        reissue.sign_in_widget(api)
    """
    from .notebook.widget import sign_in_widget as widget

    return widget(api, fields=fields)


def cookie(name: str) -> str:
    """The value of a cookie that this page's scripts can read, percent-decoded; empty without one.

    For a CSRF token, which a server keeps in a cookie and wants back in a header (double submit). Use a function, as
    the cookie changes. Raises ReissueError in a worker, which has no cookies to read, and outside a page.

        api = reissue.connect("/api/", endpoint=endpoint, headers=lambda: {"X-CSRFToken": reissue.cookie("csrftoken")})
    """
    if sys.platform != "emscripten":
        raise ReissueError("cookie() needs a page in a browser (Pyodide, PyScript)")
    from .browser.cookies import read_cookie

    return read_cookie(name)
