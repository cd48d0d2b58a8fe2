"""An event stream of the API: connects, reads, and connects again.

Theory of operation:

1. Each connection is a request like any other: it waits for a refresh, is replayed after a 401, and carries the token
   that is current then (Q21). A token is checked when a connection is made; if the server closes a stream whose token
   has expired, the next connection carries a fresh one.
2. The stream belongs to the session that was on when `event_stream()` was called. Its end ends the stream at once, and
   no other session continues it (S3).
3. Which answers end a stream is the HTML standard's (section 9.2.2): 204 ends it, an answer that is no event stream is
   an error. What may pass, 429, 5xx, no answer or a refresh that is unavailable, is followed by another connection.
4. The connection is let go by a plain function, so that an `async for` that is left lets it go without an event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Any

from ..errors import EventStreamError, RefreshUnavailable, RequestAborted
from ..http.abort_signal import aborted_by
from ..http.messages import Request
from ..http.outcomes import field_of
from ..http.retry_after import parse_retry_after
from .event import ServerSentEvent
from .reconnection import LONGEST, Reconnection
from .server_sent_events import EventStreamParser
from .session_watch import SessionWatch

_LAST_EVENT_ID = "Last-Event-ID"
_NOTHING = b""


class EventStream:
    """The events, by `async for`. Leaving the loop, `aclose()` or a cancellation lets the connection go.

    `connect` sends a request and returns the response. `reconnection` is None for a stream that connects once.
    """

    def __init__(
        self,
        request: Request,
        connect: Callable[[Request], Awaitable[Any]],
        *,
        watch: SessionWatch,
        reconnection: Reconnection | None,
        most: int,
    ) -> None:
        self._request = request
        self._connect = connect
        self._watch = watch
        self._signal = request.options.get("signal")
        self._reconnection = reconnection
        self._most = most
        self._parser = EventStreamParser(last_event_id=request.headers.get(_LAST_EVENT_ID, ""), most=most)
        self._chunks: AsyncIterator[bytes] | None = None
        self._events: Iterator[ServerSentEvent] = iter(())
        self._over = False
        self._opened_at = 0.0  # by the event loop's clock
        self._brought = False  # has this connection brought anything?

    @property
    def last_event_id(self) -> str:
        """The id of the last event; "" if the server has set none."""
        return self._parser.last_event_id

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> ServerSentEvent:
        if self._over:
            raise StopAsyncIteration
        try:
            event = await self._next()
        except RequestAborted:
            if self._over:  # by `aclose()` in another task
                raise StopAsyncIteration from None
            self._close()
            self._watch.check()  # raises if it was the session's end that interrupted
            raise
        except BaseException:
            self._close()
            raise
        if event is None:
            self._close()
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        """Let the connection go; the stream is over, also for a task that waits for its next event."""
        self._close()

    async def __aenter__(self) -> "EventStream":
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._close()

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        self._over = True
        self._chunks = None
        self._watch.close()

    async def _next(self) -> ServerSentEvent | None:
        """The next event; None at the end."""
        while True:
            self._watch.check()
            event = next(self._events, None)
            if event is not None:
                return event
            if self._chunks is None and not await self._connected():
                return None
            chunk = await self._chunk()
            if chunk is None:
                return None
            self._events = self._parser.feed(chunk)

    async def _connected(self) -> bool:
        """Connect, as often as it takes. False if the server says that there is no more."""
        while True:
            try:
                return await self._open()
            except (OSError, RefreshUnavailable, EventStreamError) as error:
                await self._after_failure(error)

    async def _open(self) -> bool:
        """Make one connection. False if the server answers 204."""
        request, last_event_id = self._request, self.last_event_id
        if last_event_id:  # a header field is bytes, which fetch takes as Latin-1 (HTML standard: encoded as UTF-8)
            request = request.with_field(_LAST_EVENT_ID, last_event_id.encode().decode("latin-1"))
        with aborted_by(self._watch):
            self._watch.response = response = await self._connect(request)
        if response.status == 204:
            return False
        content_type = field_of(response, "Content-Type") or ""
        if response.status != 200 or content_type.partition(";")[0].strip().lower() != "text/event-stream":
            wait = parse_retry_after(field_of(response, "Retry-After"), date=field_of(response, "Date"))
            raise EventStreamError(
                f"{request.shown_url} answered {response.status} with {content_type or 'no content type'}: that is no "
                "event stream (text/event-stream). Is the URL right?",
                status=response.status,
                content_type=content_type or None,
                retry_after=wait,
            )
        self._parser = EventStreamParser(last_event_id=last_event_id, most=self._most)
        self._chunks = response.aiter_bytes()
        self._opened_at, self._brought = asyncio.get_running_loop().time(), False
        return True

    async def _chunk(self) -> bytes | None:
        """What has arrived; nothing after a pause, and None if the stream is over."""
        assert self._chunks is not None, "connected"
        try:
            with aborted_by(self._watch), aborted_by(self._signal):
                chunk = await anext(self._chunks, None)
        except OSError as error:
            await self._after_failure(error)
            return _NOTHING
        if self._reconnection is None:
            return chunk
        if chunk is None:
            lasted = asyncio.get_running_loop().time() - self._opened_at
            if not self._brought and lasted < LONGEST:
                self._reconnection.failed()
            await self._pause(self._reconnection)
            return _NOTHING
        self._brought = True
        self._reconnection.succeeded()
        return chunk

    async def _after_failure(self, error: OSError | RefreshUnavailable | EventStreamError) -> None:
        """Pause before the next connection. Raises the error if there is to be none."""
        self._watch.check()
        if self._reconnection is None or (isinstance(error, EventStreamError) and not error.retryable):
            raise error
        self._reconnection.failed(getattr(error, "retry_after", None))
        await self._pause(self._reconnection)

    async def _pause(self, reconnection: Reconnection) -> None:
        self._chunks = None
        self._watch.let_go()
        if self._parser.retry is not None:
            reconnection.retry = self._parser.retry / 1000
        with aborted_by(self._watch), aborted_by(self._signal):
            await reconnection.pause()
