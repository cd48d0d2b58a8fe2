"""The browser's side: with `adapters/` and `inspector/`, the only code that imports `js` or `pyodide`."""

import re

from ..errors import ReissueError

try:
    import pyodide
except ImportError:
    raise ReissueError("reissue needs Pyodide in the browser, and this Python for Emscripten has none") from None

_LEAST = (0, 27)  # the tests run this version (docs/browsers.md); Pyodide 0.26 has no `AbortError`

if tuple(map(int, re.findall(r"\d+", pyodide.__version__)[:2])) < _LEAST:
    raise ReissueError(
        f"reissue needs Pyodide {_LEAST[0]}.{_LEAST[1]} or newer, and this is Pyodide {pyodide.__version__}"
    )
