"""A response of Pyodide's whose body can be read as it arrives."""

import builtins
from asyncio import CancelledError
from collections.abc import AsyncIterator
from typing import Any

from js import Array, Blob, Function
from pyodide.ffi import JsException

from ..errors import NetworkError, RequestAborted
from ..http.chunks import ReadInChunks
from .interop import js_object
from .pyodide_http import AbortError, BodyUsedError, FetchResponse


class StreamedByPage(ReadInChunks, FetchResponse):  # type: ignore[misc]  # untyped outside the browser
    """A `pyodide.http.FetchResponse` whose body can be read as it arrives."""

    _reader: Any = None
    _cloned = False  # whether another response reads the same body
    _at_end = False

    def clone(self) -> Any:
        """A copy whose body can be read as well. Raises BodyUsedError if this one's has been."""
        copy = super().clone()
        self._cloned = True
        return copy

    async def aiter_bytes(self) -> AsyncIterator[builtins.bytes]:
        """The body in pieces, as they arrive. Raises NetworkError if the connection breaks, and RequestAborted if the
        caller's signal fires.
        """
        self._check_unread()
        try:
            while (part := await self.next_part()) is not None:
                yield part.to_bytes()
        finally:
            self.stop_reading()

    def _check_unread(self) -> None:
        if self._reader is not None:
            raise BodyUsedError

    async def next_part(self) -> Any | None:
        """What arrives next, as a Uint8Array; None at the end. Raises the errors of `aiter_bytes`."""
        try:
            if self._reader is None:
                self._raise_if_failed()
                if not self.js_response.body:
                    return None
                self._reader = self.js_response.body.getReader()
            part = await self._next_of(self._reader)
            if part.done:
                self._at_end = True
                return None
            return part.value
        except (JsException, AbortError) as error:
            if self.abort_signal.aborted and not self.abort_controller.signal.aborted:
                raise RequestAborted from None
            raise NetworkError(f"the connection broke while the body was read: {error}") from error
        except CancelledError:
            self.abort_controller.abort()
            raise

    async def blob(self) -> Any:
        """The body as a JavaScript Blob, of the response's own type. Raises the errors of `aiter_bytes`."""
        self._check_unread()
        parts = Array.new()
        while (part := await self.next_part()) is not None:
            parts.push(part)
        return Blob.new(parts, js_object({"type": self.js_response.headers.get("Content-Type") or ""}))

    async def _next_of(self, reader: Any) -> Any:
        return await reader.read()

    def stop_reading(self) -> None:
        """Stop reading the body, and close its connection unless a clone of this response may need it."""
        if self._reader is None or self._at_end:
            return
        self._reader.cancel().catch(Function.prototype)  # a function that does nothing
        self._close_connection()

    def _close_connection(self) -> None:
        """After a body was cancelled: in Firefox it keeps its connection until more of it arrives."""
        if not self._cloned:
            self.abort_controller.abort()
