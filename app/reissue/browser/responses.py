"""A response of the page: Pyodide's own, read by wire.js."""

import json
from asyncio import CancelledError
from typing import Any

from pyodide.ffi import JsException
from pyodide.http import AbortError, FetchResponse

from .told import Told


class PageResponse(FetchResponse):  # type: ignore[misc]  # untyped outside the browser
    """A `pyodide.http.FetchResponse`; its body is read with one call to JavaScript and one back.

    `sending` is what wire.js gave when the request was sent.
    """

    def __init__(self, js_response: Any, sending: Any, wire: Any, told: Told) -> None:
        # Not super's: it would make proxies that hardly anybody asks for.
        self.js_response = js_response
        self._sending = sending
        self._wire = wire
        self._told = told

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
        """What tells that it is aborted: `abort_controller`, or the caller's own signal."""
        return self._sending.signal

    def clone(self) -> "PageResponse":
        """A copy whose body can be read as well. Raises BodyUsedError if this one's has been."""
        copy = super().clone()
        return PageResponse(copy.js_response, self._sending, self._wire, self._told)

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

    async def string(self) -> str:
        """As `text`."""
        return await self.text()

    async def json(self, **kwargs: Any) -> Any:
        """The body read as JSON by `json.loads`, which the keywords go to."""
        return json.loads(await self.text(), **kwargs)

    async def _read(self, way: str) -> Any:
        self._raise_if_failed()
        try:
            with self._told.of(self._wire.read, self.js_response, way) as (_, future):
                return await future
        except JsException as error:
            raise AbortError(error) from None
        except CancelledError:
            self.abort_controller.abort()
            raise
