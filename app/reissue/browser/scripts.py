"""The library's few lines of JavaScript, as the page has registered them."""

from importlib import import_module
from typing import Any


def script(name: str) -> Any | None:
    """The script of this name, as runtime/shim.mjs or PyScript's setting `js_modules` registers it; None without."""
    for module in (f"reissue_{name}", f"pyscript.js_modules.reissue_{name}"):
        try:
            return import_module(module)
        except ImportError:
            continue
    return None
