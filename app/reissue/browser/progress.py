"""Requests that tell how far they are.

Theory of operation:

1. fetch does not tell how much of a body has been sent; XMLHttpRequest does. So a body is sent by XMLHttpRequest, which
   gives the response as a whole, and tells how much of that has arrived meanwhile.
2. A response without a body of the request's is fetch's own. It is counted as Python reads it.
3. XMLHttpRequest follows every redirect and sends its origin's cookies. A request that forbids one of these, or asks
   for anything else that only fetch can do, is sent by fetch; then only the beginning and the end of the sending are
   told.
4. An error of the app's function is reported to the event loop, and disturbs no request.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from js import AbortController, Object
from js import Headers as JsHeaders
from js import Request as JsRequest
from js import Response as JsResponse
from pyodide.ffi import JsException, JsProxy, to_js

from ..http.messages import Request
from ..http.progress import Progress
from .interop import js_object, listen
from .no_answer import no_answer
from .pyodide_http import FetchResponse
from .responses import JudgedCopy, MadeAlike, PlainResponse
from .xhr_gate import ungated

_NO_BODY = (204, 205, 304)  # a Response can't be made with these and a body (Fetch standard, 'null body status')
_BY_XHR = {"credentials": ("same-origin", "include"), "redirect": ("follow",)}
_EITHER_WAY = ("signal", "cache")  # a request with a body is not answered by the cache (RFC 9111 section 4)
_DIGITS = 15  # a Content-Length of more digits is not converted


class Report:
    """The app's function, and what it has been told."""

    def __init__(self, function: Callable[[Progress], object]) -> None:
        self._function = function

    def __call__(self, direction: Any, loaded: int, total: int | None) -> None:
        """Tell the app."""
        try:
            self._function(Progress(direction, loaded, total))
        except Exception as error:
            context = {"message": "on_progress raised", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)


async def send_with_progress(
    request: Request, send: Callable[..., Awaitable[Any]], on_head: Callable[[int], object] | None
) -> FetchResponse:
    """Send a request by `send`, or by XMLHttpRequest, as `transport.send` does; tell its option `on_progress`."""
    options = dict(request.options)
    report = Report(options.pop("on_progress"))
    request = Request(request.url, request.method, request.headers, request.body, options)
    if request.body is None:
        return CountedResponse(await send(request, on_head=on_head), report)
    if isinstance(request.body, (str, bytes, JsProxy)) and request.replayable and _xhr_can(options):
        return await _Upload(request, report).response()
    size = _size(request.body)
    report("upload", 0, size)
    response = await send(request, on_head=on_head)
    if size is not None:
        report("upload", size, size)
    return CountedResponse(response, report)


def _xhr_can(options: dict[str, Any]) -> bool:
    """Can XMLHttpRequest do what these options say?"""
    return all(name in _EITHER_WAY or value in _BY_XHR.get(name, ()) for name, value in options.items())


def _size(body: Any) -> int | None:
    """How many bytes will be sent; None if that is not known."""
    if isinstance(body, str):
        return len(body.encode())
    if isinstance(body, bytes):
        return len(body)
    size = getattr(body, "size", None) or getattr(body, "byteLength", None)  # of a Blob; of a buffer
    return size if isinstance(size, int) else None


class _Upload:
    """One request with a body, by XMLHttpRequest."""

    def __init__(self, request: Request, report: Report) -> None:
        self._request = request
        self._report = report
        self._call = ungated()
        self._over = asyncio.get_running_loop().create_future()

    async def response(self) -> PlainResponse:
        """Send it, and give the whole response. Raises NetworkError, and ValueError if the browser won't send it."""
        call, request = self._call, self._request
        shown = f"{request.method} {request.shown_url}"
        stops = [
            listen(call.upload, "loadstart", self._sent),
            listen(call.upload, "progress", self._sent),
            listen(call, "progress", self._arrived),
            listen(call, "loadend", self._ended),
        ]
        try:
            try:
                call.open(request.method, request.url)
                call.responseType = "blob"
                call.withCredentials = request.options.get("credentials") == "include"
                for name, value in request.headers.items():
                    call.setRequestHeader(name, value)
                call.send(to_js(request.body))
            except JsException as error:  # nothing was sent
                raise ValueError(f"the browser refuses to send {shown}: {error.name}") from None
            await self._over
        except asyncio.CancelledError:
            call.abort()
            raise
        finally:
            for stop in stops:
                stop()
        if not call.status:
            raise no_answer(request)
        js_request = JsRequest.new(request.url, js_object({"method": request.method}))
        return PlainResponse(js_request, self._made(), controller := AbortController.new(), controller.signal)

    def _sent(self, event: Any) -> None:
        self._report("upload", int(event.loaded), int(event.total) if event.lengthComputable else None)

    def _arrived(self, event: Any) -> None:
        if self._call.status != 401:  # the caller gets another response, as a rule
            self._report("download", int(event.loaded), int(event.total) if event.lengthComputable else None)

    def _ended(self, _: Any) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _made(self) -> Any:
        """The response that fetch would have given."""
        call = self._call
        headers = JsHeaders.new()
        for line in call.getAllResponseHeaders().split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                headers.append(name, value.strip())
        init = js_object({"status": call.status, "statusText": call.statusText})
        init.headers = headers
        response = JsResponse.new(None if call.status in _NO_BODY else call.response, init)
        asked = self._request.url.partition("#")[0]
        kept = {"url": call.responseURL, "redirected": call.responseURL != asked}
        return Object.defineProperties(response, js_object({name: {"value": value} for name, value in kept.items()}))


class CountedResponse(MadeAlike):
    """A response that tells how much of it has arrived, as it is read in any of the ways of a `FetchResponse`."""

    def __init__(self, response: Any, report: Report) -> None:
        super().__init__(response.js_request, response.js_response, response.abort_controller, response.abort_signal)
        self._response = response
        self._report = report
        self._loaded = 0
        headers = response.js_response.headers
        length = headers.get("Content-Length") or ""
        known = length.isdecimal() and len(length) <= _DIGITS and not headers.get("Content-Encoding")
        self._total = int(length) if known else None

    def discard_body(self) -> None:
        """As `PlainResponse.discard_body`."""
        self._response.discard_body()
        self.stop_reading()

    def clone(self) -> Any:
        """A copy, which tells nothing."""
        self._cloned = True
        return self._response.clone()

    def copy_for_judging(self) -> JudgedCopy:
        """As `PlainResponse.copy_for_judging`."""
        copy: JudgedCopy = self._response.copy_for_judging()
        return copy

    async def next_part(self) -> Any | None:
        """As `StreamedByPage.next_part`."""
        part = await super().next_part()
        if part is not None:
            self._loaded += part.byteLength
            if self._total is not None and self._loaded > self._total:
                self._total = None  # compressed, and another origin's server does not expose Content-Encoding
            self._report("download", self._loaded, self._total)
        return part

    async def _next_of(self, reader: Any) -> Any:
        return await self._response._next_of(reader)

    async def buffer(self) -> Any:
        """The body as a JavaScript ArrayBuffer."""
        return await (await self.blob()).arrayBuffer()

    async def text(self) -> str:
        """The body as text."""
        return str(await (await self.blob()).text())
