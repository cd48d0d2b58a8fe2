"""One request over the browser's fetch.

Pyodide calls every failure of fetch `AbortError`, even a refused connection: here each gets an error of its own.
"""

from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from js import AbortController, AbortSignal
from js import Request as JsRequest
from pyodide.ffi import JsException, JsProxy, create_once_callable, to_js

from ..concurrency.blocking import must_block_within
from ..errors import RequestAborted
from ..http.messages import Request, Response, lines_of
from .endpoint_xhr import send_at_once
from .gate import native_fetch
from .interop import js_object, script
from .no_answer import no_answer
from .promises import PromiseBridge
from .pyodide_http import FetchResponse
from .responses import PageResponse, PlainResponse
from .urls import resolved

_wire = script("wire")
_promises = PromiseBridge(_wire) if _wire is not None else None

make_future = _promises.turns.future if _promises is not None else None
"""For `Interceptor`: a request in line goes on in the turn of the answer that made room (see `prompt_futures`)."""


async def send(request: Request, *, on_head: Callable[[int], object] | None = None) -> FetchResponse | Response:
    """Send a request, and give the response once its head is here.

    `on_head` may be called, outside of any task, with the status as soon as it is known. If the browser has no room for
    a request with `keepalive`, wire.js, if the page has it, sends the request without.
    Cancelling the task aborts the request on the wire. Raises NetworkError if no answer came, RequestAborted if the
    caller's signal fired, ValueError if the browser won't send such a request, TypeError for a body that is a Python
    object: fetch would send its `str()`.
    """
    if (url := resolved(request.url)) is not request.url:
        request = replace(request, url=url)
    if (deadline := must_block_within()) is not None:
        return send_at_once(request, deadline=deadline)
    if "on_progress" in request.options:
        from .progress import send_with_progress  # here, since most requests are sent without

        return await send_with_progress(request, send, on_head)
    body, source, signal = request.body, request.options.get("source"), request.options.get("signal")
    if source is None and body is not None and not isinstance(body, (str, bytes, JsProxy)):
        kind = type(body).__name__
        raise TypeError(f"in a page a body is text, bytes or a JavaScript object (FormData, Blob), not {kind}")
    try:
        return await (_by_fetch(request) if _promises is None else _by_wire(request, on_head))
    except _Unanswered as error:
        if signal is not None and signal.aborted:
            raise RequestAborted from None
        raise no_answer(request, str(error)) from error
    except JsException as error:
        # From `new Request(…)`: nothing was sent. Its text may quote the URL with its secrets.
        raise ValueError(f"the browser refuses to send {request.method} {request.shown_url}: {error.name}") from None


class _Unanswered(OSError):
    """No answer came; the message is the browser's."""


async def _by_wire(request: Request, on_head: Callable[[int], object] | None) -> PageResponse:
    assert _promises is not None
    body, options = request.body, None
    asked, signal = _asked(request), None
    if isinstance(body, bytes):
        body = to_js(body)
    if request.options:
        kept = dict(request.options)
        kept.pop("source", None)
        page_signal = kept.pop("signal", None)
        signal = page_signal.js_signal if page_signal is not None else None
        options = js_object(kept) if kept else None
    arguments = (native_fetch(), asked, request.method, lines_of(request.headers), body, options, signal)
    sending, answer = _promises.start(_promises.send, *arguments, on_head=on_head)
    try:
        return PageResponse(await answer, sending, _promises)
    except JsException as error:
        raise _Unanswered(error.message) from None
    except CancelledError:
        sending.controller.abort()
        raise


async def _by_fetch(request: Request) -> PlainResponse:
    """As `_by_wire`, in a page without wire.js."""
    options: dict[str, Any] = dict(request.options)
    source, signal = options.pop("source", None), options.pop("signal", None)
    controller = AbortController.new()
    options["signal"] = _either(signal.js_signal, controller) if signal is not None else controller.signal
    asked = _asked(request)
    if source is None:
        options |= {"method": request.method, "headers": dict(request.headers)}
        if request.body is not None:
            options["body"] = request.body
    else:
        for name, value in request.headers.items():
            asked.headers.set(name, value)
    js_request = JsRequest.new(asked, js_object(options))
    try:
        js_response = await native_fetch()(js_request)
    except JsException as error:
        raise _Unanswered(error.message) from None
    except CancelledError:
        controller.abort()
        raise
    return PlainResponse(js_request, js_response, controller, js_request.signal)


def _either(signal: Any, controller: Any) -> Any:
    """A signal that fires when this one does, or the controller's."""
    if hasattr(AbortSignal, "any"):
        return AbortSignal.any(to_js([signal, controller.signal]))
    if signal.aborted:
        controller.abort(signal.reason)
    else:
        signal.addEventListener(
            "abort", create_once_callable(lambda _: controller.abort(signal.reason)), js_object({"once": True})
        )
    return controller.signal


def _asked(request: Request) -> Any:
    """The URL, or a JavaScript `Request` that this attempt may use up."""
    source = request.options.get("source")
    if source is None:
        return request.url
    return source.clone() if request.replayable else source
