"""The inspector: a panel on any page that shows the life of every request, and the token.

    inspector = reissue.inspect(api, "#panel")
    inspector.close()

or, without a target, a picture for a notebook.

Theory of operation:

1. `trace` records the client's events as requests, refreshes, calls and tokens. `flow` lays requests into lanes and
   counts them. `window`, `axis`, `lanes` and `scene` make a picture of a stretch of time, as data. All of that,
   `formats` and `wording` are plain Python, and tested as such; so is what is said of a token: `claims`, `findings`,
   `forgeries`. `recording` keeps a trace, and returns the picture as SVG.
2. `timeline` decides when the picture is drawn, `canvas` paints it, and `requests.view` puts the controls around it.
   `token.view` is the tab of the token, `panel` has the tabs. These, and the small parts that they are made of, use
   the page.
3. All elements are in a shadow root, with a constructed style sheet: no file to serve, and nothing inline. So it
   works from the wheel under any policy that Python works under.
4. Only `reissue.inspect` imports this package, and a client without listeners makes no events.
"""

import sys
from typing import TYPE_CHECKING, Any

from ..errors import ReissueError
from .strings import LANGUAGES, language_of

if TYPE_CHECKING:
    from ..interceptor import Interceptor
    from .panel import Inspector
    from .recording import Recording


def inspect(api: "Interceptor", target: Any = None, *, language: str | None = None) -> "Inspector | Recording":
    """What `reissue.inspect` returns."""
    chosen = _chosen(language)
    if target is None:
        from .recording import Recording

        return Recording(api, language=chosen)
    if sys.platform != "emscripten":
        raise ReissueError(
            "a panel needs a page in a browser (Pyodide, PyScript): elsewhere inspect(api), without a target, gives a "
            "picture"
        )
    from .panel import Inspector

    return Inspector(api, target, language=chosen)


def _chosen(language: str | None) -> str:
    if language is None:
        return language_of(_preferred()) or "en"
    chosen = language_of(language) if isinstance(language, str) else None
    if chosen is None:
        raise ValueError(f"language is {' or '.join(map(repr, LANGUAGES))}, not {language!r}")
    return chosen


def _preferred() -> str:
    """The tag of the browser's language; empty outside a browser."""
    if sys.platform != "emscripten":
        return ""
    from ..browser.language import preferred_language

    return preferred_language()
