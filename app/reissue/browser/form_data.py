"""Forms in a page: the browser's FormData."""

from typing import Any

from js import ArrayBuffer, Blob, FormData
from pyodide.ffi import to_js

from ..http.forms import Form, FormEntry
from ..http.messages import Request
from .interop import js_object


def with_form_data(request: Request) -> Request:
    """The same request, with a FormData as its body. Raises TypeError for an object that is no file."""
    form: Form = request.body
    data = FormData.new()
    for entry in form.entries:
        if entry.filename is None:
            data.append(entry.name, entry.value)
        else:
            data.append(entry.name, _blob(entry), entry.filename)
    return Request(request.url, request.method, request.headers, data, request.options)


def _blob(entry: FormEntry) -> Any:
    content, kind = entry.value, entry.content_type
    if isinstance(content, bytes):
        content = to_js(content)
    elif hasattr(content, "arrayBuffer") and hasattr(content, "type"):  # a Blob: it is immutable
        if kind is None or kind == content.type:
            return content
    elif not (ArrayBuffer.isView(content) or hasattr(content, "resize")):
        raise TypeError(f"the file {entry.name!r} is a File, a Blob or a buffer, not {content.toString()}")
    return Blob.new(to_js([content]), js_object({"type": kind or ""}))
