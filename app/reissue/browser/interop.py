"""What Python needs of JavaScript: plain objects, and the library's own scripts, as the page has registered them."""

from importlib import import_module
from typing import Any

import js
from pyodide.ffi import to_js


def js_object(content: dict[str, Any]) -> Any:
    """A plain object of JavaScript, nested ones too."""
    return to_js(content, dict_converter=js.Object.fromEntries)


def script(name: str) -> Any | None:
    """The script of this name, as runtime/shim.mjs or PyScript's setting `js_modules` registers it; None without."""
    for module in (f"reissue_{name}", f"pyscript.js_modules.reissue_{name}"):
        try:
            return import_module(module)
        except ImportError:
            continue
    return None
