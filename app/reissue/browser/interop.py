"""What Python needs of JavaScript: plain objects, events, and the library's own scripts."""

import pkgutil
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final

import js
from pyodide.code import run_js
from pyodide.ffi import JsException, create_proxy, to_js

_IMPORT: Final = re.compile(r'^import \{([^}]*)\} from "\./([^"]+)";$', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (const|function|class) (\w+)", re.MULTILINE)


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
    """The script of this name, as runtime/shim.mjs or PyScript's setting `js_modules` registers it; None if neither.

    A worker, such as a notebook's kernel, takes it from the wheel. A page does not: if its policy forbids that, the
    browser would write an error to the console.
    """
    for module in (f"reissue_{name}", f"pyscript.js_modules.reissue_{name}"):
        try:
            return import_module(module)
        except ImportError:
            continue
    return evaluated(f"{name}.js") if hasattr(js, "WorkerGlobalScope") else None


@cache
def evaluated(file: str) -> Any | None:
    """What a script of this package exports; None where the policy forbids `eval`, or the file is not there.

    `eval`, since a module would have to be served, or could only be imported by waiting.
    """
    try:
        text = (pkgutil.get_data(__package__, file) or b"").decode()
        imports = _IMPORT.findall(text)
        modules = [evaluated(module) for _, module in imports]
        names = ", ".join(f"{{{imported}}}" for imported, _ in imports)
        body = _EXPORT.sub(r"\1 \2", _IMPORT.sub("", text))
        exports = ", ".join(name for _, name in _EXPORT.findall(text))
        function = f"'use strict'; ({names}) => {{\n{body}\nreturn {{{exports}}}; }}"
        return None if None in modules else run_js(f"{function}\n//# sourceURL=reissue/{file}")(*modules)
    except (OSError, JsException):
        return None
