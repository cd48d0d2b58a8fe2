"""A JavaScript `Request`, as the core takes it.

The core sees what its decisions need; the JavaScript object goes along as the option `source`, and is what is sent.
"""

from typing import Any

from js import ArrayBuffer, FormData, Object, Uint8Array, URLSearchParams
from js import Request as JsRequest
from pyodide.ffi import JsException, JsProxy

from ..http.messages import Headers, Request
from .signals import PageSignal

_FETCHES_OWN = {"cache": "default", "credentials": "same-origin"}
_UNAUTHORIZABLE = "no-cors"  # in this mode a browser drops an Authorization header (Fetch standard, 'request-no-cors')


def core_request(resource: Any, init: Any = None) -> Request:
    """What `fetch(resource, init)` asks for. Raises JsException (a TypeError) for what fetch refuses.

    As with fetch, a body that `resource` has is used up.
    """
    source = JsRequest.new(resource, init)
    body = getattr(init, "body", None)
    one_shot = body if hasattr(body, "getReader") else None
    options: dict[str, Any] = {"source": source}
    if getattr(init, "signal", None) or hasattr(resource, "signal"):  # every Request has one, given or not
        options["signal"] = PageSignal(source.signal)
    if getattr(init, "keepalive", None) or getattr(resource, "keepalive", None):
        options["keepalive"] = True  # Firefox 153 forgets it when a Request is made of a Request
    authorization = source.headers.get("Authorization")
    return Request(
        source.url,
        source.method,
        Headers({"Authorization": authorization} if authorization else None),
        one_shot,
        options,
    )


def with_settings_of_its_own(request: Request) -> Request:
    """The same, with what its source asks for among its options: a client's defaults are for what asks for nothing."""
    source = request.options["source"]
    asked = {"cache": source.cache, "credentials": source.credentials}
    own = {name: value for name, value in asked.items() if value != _FETCHES_OWN[name]}
    return Request(request.url, request.method, request.headers, request.body, {**request.options, **own})


def can_carry_a_token(request: Request) -> bool:
    """May the token be attached? Not where the caller has credentials of his own, or the browser would drop it."""
    return "Authorization" not in request.headers and request.options["source"].mode != _UNAUTHORIZABLE


def captured(body: Any) -> Any:
    """A caller's body as it is now. As with fetch, what becomes of a buffer or a form later is not sent.

    Raises ValueError for a buffer that was transferred before.
    """
    if not isinstance(body, JsProxy):
        return body
    try:
        if ArrayBuffer.isView(body):
            if _kind(body.buffer) == "SharedArrayBuffer":
                return body  # which fetch refuses
            return Uint8Array.new(body.buffer, body.byteOffset, body.byteLength).slice()
        match _kind(body):
            case "ArrayBuffer":
                return body.slice(0)
            case "URLSearchParams":
                return URLSearchParams.new(body)
            case "FormData":
                copy = FormData.new()
                for name, value in body.entries():
                    copy.append(name, value)
                return copy
    except JsException:
        raise ValueError("the buffer that is to be sent has been transferred: it is empty") from None
    return body


def _kind(value: Any) -> str:
    """What kind of object of the browser's this is, also if it is of another frame."""
    return str(Object.prototype.toString.call(value))[len("[object ") : -1]
