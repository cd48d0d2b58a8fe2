"""The inspector: a panel on any page that shows the life of every request, and the token.

    inspector = reissue.inspect(api, "#panel")
    inspector.close()

Theory of operation:

1. `trace` records the client's events as requests, refreshes, calls and tokens. `flow` lays requests into lanes and
   counts them. `window`, `axis` and `lanes` make a picture of a stretch of time, as data. All of that, `formats` and
   `wording` are plain Python, and tested as such; so is what is said of a token: `claims`, `findings`, `forgeries`.
2. `timeline` decides when the picture is drawn, `canvas` paints it, and `requests.view` puts the controls around it.
   `token.view` is the tab of the token, `panel` has the tabs. These, and the small parts that they are made of, use
   the page.
3. All elements are in a shadow root, with a constructed style sheet: no file to serve, and nothing inline. So it
   works from the wheel under any policy that Python works under.
4. Only `reissue.inspect` imports this package, and a client without listeners makes no events.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..interceptor import Interceptor
    from .panel import Inspector


def inspect(api: "Interceptor", target: Any, *, language: str | None = None) -> "Inspector":
    """What `reissue.inspect` returns in a page."""
    from .panel import Inspector

    return Inspector(api, target, language=language)
