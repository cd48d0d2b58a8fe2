"""XMLHttpRequest's gate: with xhr_gate.js, installed clients take its requests as well.

Python's part of each request is in `xhr_calls`, which is imported when there is the first one. A page without
xhr_gate.js keeps its XMLHttpRequest as it is.
"""

from typing import Any

import pyodide_js
from js import XMLHttpRequest
from pyodide.ffi import JsException, create_proxy

from .installed import InstalledClients
from .interop import script
from .urls import js_url

_script = script("xhr_gate")
_clients = InstalledClients()


def cover(roots: Any, clients: InstalledClients) -> None:
    """Ask these clients about URLs that begin with one of `roots`, JavaScript's Array of texts; about none if empty."""
    global _clients
    if _script is None:
        return
    _clients = clients
    _script.cover(roots, _ask_proxy, _tell_proxy, pyodide_js)


def ungated() -> Any:
    """A new XMLHttpRequest whose request no client takes."""
    return XMLHttpRequest.new() if _script is None else _script.ungated()


def _ask(call: Any, number: int, url: str, method: str, fields: str, waits: bool) -> bool:
    """Is this request a client's? Then it is begun; otherwise it must be sent unchanged.

    `call` is the request in JavaScript, by its `number`. `fields` are its header fields, name and value by turns, one
    on a line each. `waits`: it is asynchronous.
    """
    from . import xhr_calls

    try:
        client = _clients.client_for(js_url(url))
    except (ValueError, JsException):
        return False
    return client is not None and xhr_calls.begin(client, call, number, url, method, fields, waits)


def _tell(number: int, outcome: str, status: int = 0, fields: str = "", url: str = "") -> None:
    """What came of an attempt: its "head", or "error", "timeout" or "abort"."""
    from . import xhr_calls

    xhr_calls.told(number, outcome, status, fields, url)


# They live as long as the page: a request that has been sent goes on after `uninstall()`.
_ask_proxy = create_proxy(_ask)
_tell_proxy = create_proxy(_tell)
