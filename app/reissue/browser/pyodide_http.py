"""What the library takes from `pyodide.http`, from Pyodide 0.27 on. Private names of Pyodide stand here only."""

from typing import Any, Final

import pyodide.http
from pyodide.http import AbortError, BodyUsedError, FetchResponse, HttpStatusError

__all__ = ["FETCH_OF_PYFETCH", "PYFETCH", "AbortError", "BodyUsedError", "FetchResponse", "HttpStatusError"]

FETCH_OF_PYFETCH: Final = "_jsfetch"
"""The name by which `pyfetch` finds the browser's fetch. It is bound when `pyfetch` is first imported."""


def _module_of_pyfetch() -> Any | None:
    # Pyodide 0.29 made a package of `pyodide.http`; before that, `pyfetch` looked its fetch up in the module itself.
    module = getattr(pyodide.http, "_pyfetch", pyodide.http)
    return module if hasattr(module, FETCH_OF_PYFETCH) else None


PYFETCH: Final = _module_of_pyfetch()
"""The module in which `pyfetch` finds its fetch; None if a later Pyodide does that in another way. Then `install()`
takes the requests of `js.fetch` and of JavaScript, and those of `pyfetch` go out as they are.
"""
