"""`inspect`: the inspector's front door, open in a page and clear about it elsewhere."""

import sys
from typing import TYPE_CHECKING, Any

from .errors import ReissueError

if TYPE_CHECKING:
    from .inspector.panel import Inspector
    from .interceptor import Interceptor


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
