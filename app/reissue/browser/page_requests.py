"""A JavaScript `Request`, as a request of the core.

The core's request has what its decisions need. Its option `source` is the JavaScript object, which is what is sent.
"""

from typing import Any

from js import Request as JsRequest

from ..http.messages import Headers, Request
from ..tokens.header_fields import AUTHORIZATION
from .signals import PageSignal

_FETCHES_OWN = {"cache": "default", "credentials": "same-origin", "redirect": "follow"}
_UNAUTHORIZABLE = "no-cors"  # in this mode a browser drops an Authorization header (Fetch standard, 'request-no-cors')


def core_request(resource: Any, init: Any = None) -> Request:
    """The request that `fetch(resource, init)` would send. Raises JsException (a TypeError) if fetch would reject it.

    As with fetch, the body of `resource` is used up.
    """
    source = JsRequest.new(resource, init)
    body = getattr(init, "body", None)
    one_shot = body if hasattr(body, "getReader") else None
    options: dict[str, Any] = {"source": source}
    if getattr(init, "signal", None) or hasattr(resource, "signal"):  # every Request has one, given or not
        options["signal"] = PageSignal(source.signal)
    if getattr(init, "keepalive", None) or getattr(resource, "keepalive", None):
        options["keepalive"] = True  # Firefox 153 drops it when a Request is made from a Request
    authorization = source.headers.get("Authorization")
    return Request(
        source.url,
        source.method,
        Headers({"Authorization": authorization} if authorization else None),
        one_shot,
        options,
    )


def with_settings_of_its_own(request: Request) -> Request:
    """The same request, with its source's own settings as options, so that the client's defaults don't replace them."""
    source = request.options["source"]
    asked = {name: getattr(source, name) for name in _FETCHES_OWN}
    own = {name: value for name, value in asked.items() if value != _FETCHES_OWN[name]}
    return Request(request.url, request.method, request.headers, request.body, {**request.options, **own})


def can_carry_a_token(request: Request, header: str) -> bool:
    """May the token be attached? Not if the request has a token of its own, or the browser would drop it."""
    source = request.options["source"]
    if source.mode == _UNAUTHORIZABLE:
        return False
    return not (header in request.headers or (header != AUTHORIZATION and source.headers.has(header)))
