"""A response in a page: Pyodide's own, which can also be discarded, and copied for `should_renew`."""

import json
from asyncio import CancelledError
from math import inf
from typing import Any, Self

from js import AbortController, Array, Blob, Object, TransformStream
from js import Response as JsResponse
from pyodide.ffi import JsException, create_once_callable

from ..errors import HttpStatusError
from ..http.messages import Request
from .interop import js_object
from .promises import PromiseBridge
from .pyodide_http import AbortError, BodyUsedError, FetchResponse
from .pyodide_http import HttpStatusError as PyodideStatusError
from .streamed import StreamedByPage

_DIGITS = 15  # a Content-Length of more digits is not converted


class PageStatusError(HttpStatusError, PyodideStatusError):  # type: ignore[misc]  # untyped outside the browser
    """The `HttpStatusError` of a page, and Pyodide's own."""

    def __init__(self, response: FetchResponse) -> None:
        PyodideStatusError.__init__(self, response.status, response.status_text, Request(response.url).shown_url)
        self.response = response


class _Response(StreamedByPage):
    """Pyodide's response, whose status can be checked as in httpx."""

    def raise_for_status(self) -> Self:
        """This response, if its status is no error. Raises HttpStatusError for 400–599, which is also Pyodide's own."""
        if 400 <= self.status < 600:
            raise PageStatusError(self)
        return self

    def __repr__(self) -> str:
        return f"<Response {self.status} {Request(self.url).shown_url}>"


class MadeAlike(_Response):
    """A response that is made in the same way in every version of Pyodide."""

    def __init__(self, js_request: Any, js_response: Any, abort_controller: Any, abort_signal: Any) -> None:
        # Without super().__init__(), whose first argument was a URL before Pyodide 0.29.
        self.js_request = js_request
        self._url = str(js_request.url)
        self.js_response = js_response
        self.abort_controller = abort_controller
        self.abort_signal = abort_signal


class PlainResponse(MadeAlike):
    """A `pyodide.http.FetchResponse` in a page without wire.js."""

    def discard_body(self) -> None:
        """Discard the body, and free its connection."""
        self.abort_controller.abort()
        self.stop_reading()
        body = self.js_response.body
        if body and not body.locked:  # the controller does not abort a response that a script of the page has made
            body.cancel().catch(create_once_callable(lambda reason: None))

    async def text_within(self, most: int) -> str | None:
        """As `PageResponse.text_within`."""
        self._raise_if_failed()
        body, length = self.js_response.body, self.js_response.headers.get("Content-Length") or ""
        if not body:
            return str(await self.text())
        if length.isdecimal() and (len(length) > _DIGITS or int(length) > most):
            self.discard_body()
            return None
        parts, size, reader = Array.new(), 0, body.getReader()
        try:
            while not (part := await reader.read()).done:
                size += part.value.byteLength
                if size > most:
                    reader.cancel().catch(create_once_callable(lambda reason: None))
                    self._close_connection()
                    return None
                parts.push(part.value)
            return str(await Blob.new(parts).text())
        except JsException as error:
            raise AbortError(error) from None
        except CancelledError:
            self.abort_controller.abort()
            raise

    def copy_for_judging(self) -> "JudgedCopy":
        """A copy that can be discarded, or its reading cancelled, without harm to this response."""
        return JudgedCopy.of(self)


class PageResponse(_Response):
    """A `pyodide.http.FetchResponse` whose body is read with one call to JavaScript and one back.

    `sending` is the object that wire.js returned when the request was sent.
    """

    _status: int | None = None  # once it has been asked for

    def __init__(self, js_response: Any, sending: Any, promises: PromiseBridge) -> None:
        # Without super().__init__(), which would make proxies that are hardly ever used.
        self.js_response = js_response
        self._sending = sending
        self._promises = promises

    @property
    def status(self) -> int:
        """The HTTP status."""
        if self._status is None:
            self._status = self.js_response.status
        return self._status

    @property
    def js_request(self) -> Any:
        """The `Request` that was sent."""
        return self._sending.request

    @property
    def _url(self) -> str:
        return str(self._sending.request.url)

    @property
    def abort_controller(self) -> Any:
        """What aborts the reading of the body."""
        return self._sending.controller

    @property
    def abort_signal(self) -> Any:
        """Its signal: that of `abort_controller`, or the caller's own."""
        return self._sending.signal

    def clone(self) -> "PageResponse":
        """A copy whose body can be read as well. Raises BodyUsedError if this one's has been."""
        copy = PageResponse(super().clone().js_response, self._sending, self._promises)
        copy._cloned = True
        return copy

    def discard_body(self) -> None:
        """As `PlainResponse.discard_body`."""
        self._promises.discard(self.js_response, self._sending)
        self.stop_reading()

    def copy_for_judging(self) -> "JudgedCopy":
        """As `PlainResponse.copy_for_judging`."""
        return JudgedCopy.of(self)

    async def buffer(self) -> Any:
        """The body as a JavaScript ArrayBuffer."""
        return await self._read("arrayBuffer")

    async def bytes(self) -> "bytes":
        """The body."""
        body: bytes = (await self._read("arrayBuffer")).to_bytes()
        return body

    async def text(self) -> str:
        """The body as text."""
        return str(await self._read("text"))

    async def text_within(self, most: int) -> str | None:
        """The body as text; None if it has more bytes than `most`: then reading stops, and the connection is freed.

        A compressed body counts by its compressed length if the server sends Content-Length, and else uncompressed.
        """
        text = await self._read(most)
        if text is None:
            self._close_connection()
            return None
        return str(text)

    async def string(self) -> str:
        """As `text`."""
        return await self.text()

    async def json(self, **kwargs: Any) -> Any:
        """The body read by `json.loads` with these keywords."""
        return json.loads(await self.text(), **kwargs)

    async def _next_of(self, reader: Any) -> Any:
        _, future = self._promises.start(self._promises.read_next, reader)
        return await future

    async def _read(self, way: str | int) -> Any:
        """The body, by the method `way` of a JavaScript Response; or as text of at most `way` bytes."""
        read = self._promises.read if isinstance(way, str) else self._promises.read_within
        try:
            _, future = self._promises.start(read, self.js_response, self._sending, way)
            return await future
        except JsException as error:
            raise (BodyUsedError if error.name == "BodyUsedError" else AbortError(error)) from None
        except CancelledError:
            self.abort_controller.abort()
            raise


class JudgedCopy(MadeAlike):
    """A copy of a response for `should_renew`. It has its own controller: aborting it does not abort the response."""

    @classmethod
    def of(cls, response: FetchResponse) -> "JudgedCopy":
        """A copy of this response. Raises BodyUsedError if the body has been read."""
        if response.js_response.bodyUsed:
            raise BodyUsedError
        copy, controller = response.js_response.clone(), AbortController.new()  # the copy ends before the caller reads
        if copy.body:
            # A pipe can be aborted even if its readable end is locked; but not while it is full, so it is unbounded.
            pipe = TransformStream.new(None, None, js_object({"highWaterMark": inf}))
            whole = JsResponse.new(copy.body.pipeThrough(pipe, js_object({"signal": controller.signal})), copy)
            kept = {name: {"value": getattr(copy, name)} for name in ("url", "redirected", "type")}
            copy = Object.defineProperties(whole, js_object(kept))
        return cls(response.js_request, copy, controller, controller.signal)

    def discard_body(self) -> None:
        """Stop reading the copy."""
        self.abort_controller.abort()
        self.stop_reading()

    async def buffer(self) -> Any:
        """The body as a JavaScript ArrayBuffer."""
        return await self._read("arrayBuffer")

    async def text(self) -> str:
        """The body as text."""
        return str(await self._read("text"))

    async def _read(self, way: str) -> Any:
        self._raise_if_failed()
        parts = Array.new()
        try:
            if self.js_response.body:  # by a reader: Firefox reports a `text()` that is aborted as an uncaught error
                reader = self.js_response.body.getReader()
                while not (part := await reader.read()).done:
                    parts.push(part.value)
            return await getattr(Blob.new(parts), way)()
        except JsException as error:
            raise AbortError(error) from None
        except CancelledError:
            self.discard_body()
            raise
