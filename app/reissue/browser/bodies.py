"""The bodies of requests, copied when `fetch` is called: the caller may change a buffer while the request waits (Q26).

Bytes are copied by `Request.build`, and a body that comes through the gate by the `Request` that it makes.
"""

from typing import Any

from js import ArrayBuffer, FormData, Object, Uint8Array, URLSearchParams
from pyodide.ffi import JsException, JsProxy


def captured(body: Any) -> Any:
    """A copy of a caller's buffer or form, which the caller may change later, as with fetch; other bodies as they are.

    Raises ValueError for a buffer that was transferred before.
    """
    if not isinstance(body, JsProxy):
        return body
    try:
        if ArrayBuffer.isView(body):
            if _kind(body.buffer) == "SharedArrayBuffer":
                return body  # fetch rejects it
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
        raise ValueError(
            "the body is a buffer that has been transferred elsewhere, and is empty: send a copy"
        ) from None
    return body


def _kind(value: Any) -> str:
    """The class of this JavaScript object, even if it comes from another frame."""
    return str(Object.prototype.toString.call(value))[len("[object ") : -1]
