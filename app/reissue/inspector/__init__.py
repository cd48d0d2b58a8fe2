"""The inspector: a panel on any page that shows the life of every request, and the token.

    inspector = reissue.inspect(api, "#panel")
    inspector.close()

Theory of operation:

1. `trace` hears the client's events, and knows lives: requests, refreshes, calls, tokens. `flow` lays requests into
   lanes and counts them. `window`, `axis` and `lanes` make a picture of a stretch of time out of it, as data. All of
   that, `formats` and `wording` are plain Python, and tested as such.
2. `timeline` paints the picture; `requests.view` has the controls; `panel` has the tabs. They alone know the page.
3. All of it lies in a shadow root, with a constructed style sheet. There is no file to serve and nothing inline, so it
   works from the wheel under any policy that Python works under.
4. Nobody imports this package but `reissue.inspect`, and a client that nobody listens to makes no events.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..interceptor import Interceptor
    from .panel import Inspector


def inspect(api: "Interceptor", target: Any, *, language: str | None = None) -> "Inspector":
    """What `reissue.inspect` returns in a page."""
    from .panel import Inspector

    return Inspector(api, target, language=language)
