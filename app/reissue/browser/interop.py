"""What Python needs of JavaScript: plain objects, events, and the library's own scripts."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import js
from pyodide.ffi import create_proxy, to_js


def js_object(content: dict[str, Any]) -> Any:
    """A plain object of JavaScript; nested dicts become objects as well."""
    return to_js(content, dict_converter=js.Object.fromEntries)


def listen(target: Any, event: str, callback: Callable[[Any], object], **options: Any) -> Callable[[], None]:
    """Call `callback` with each event of this name. Returns the function that stops it and destroys the proxy (X5).

    `options` are those of `addEventListener`.
    """
    proxy = create_proxy(callback)
    settings = js_object(options) if options else None
    target.addEventListener(event, proxy, settings)

    def stop() -> None:
        target.removeEventListener(event, proxy, settings)
        proxy.destroy()

    return stop


def script(name: str) -> Any | None:
    """The script of this name, as runtime/shim.mjs or PyScript's setting `js_modules` registers it; None if neither."""
    for module in (f"reissue_{name}", f"pyscript.js_modules.reissue_{name}"):
        try:
            return import_module(module)
        except ImportError:
            continue
    return None
