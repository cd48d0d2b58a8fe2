"""Plain objects of JavaScript."""

from typing import Any

import js
from pyodide.ffi import to_js


def js_object(content: dict[str, Any]) -> Any:
    """A plain object of JavaScript, nested ones too."""
    return to_js(content, dict_converter=js.Object.fromEntries)
