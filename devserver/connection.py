"""HTTP/1.1 whose connection a handler can close: hanging up without an answer, and a time limit for slow requests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HANG_UP = "reissue.hang_up"
# A browser silently sends a request again when a kept-alive connection closes before the first byte of the
# answer, a POST too: a refresh would be presented twice, and the page would never see the fault. Bytes that
# are not an HTTP answer make it a failure at once: for Chromium and WebKit the NUL, for Firefox the two lengths.
NOT_HTTP = b"HTTP/1.1 \0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"


class Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, with two additions. The app can hang up without an answer, which ASGI has no message for.

    And a request must have arrived, head and body, `patience` seconds after its first byte, or for the first request
    after the connection was made; uvicorn has no setting for that.
    """

    def __init__(self, *args: Any, headers: Mapping[str, str], patience: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.headers_of_all = headers
        self.patience = patience
        self.deadline: asyncio.TimerHandle | None = None
        self.kept_waiting = False

    def data_received(self, data: bytes) -> None:
        """Reads, and begins or ends the wait for a complete request."""
        if self.kept_waiting:  # the wait begins again
            self.kept_waiting = False
            self._end_wait()
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Goes on to the next request; a part of it may have arrived."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        if self.conn.their_state is h11.SEND_BODY or (self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]):
            self._begin_wait()
        else:
            self._end_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the wait, too."""
        self._end_wait()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """uvicorn's answer to what is not HTTP, with the usual headers; nothing if another answer has begun."""
        headers = {**self.headers_of_all, "Content-Type": "text/plain; charset=utf-8", "Connection": "close"}
        refusal = h11.Response(status_code=400, headers=list(headers.items()), reason="Bad Request")
        with suppress(h11.LocalProtocolError):
            for event in (refusal, h11.Data(data=msg.encode()), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _begin_wait(self) -> None:
        self.deadline = self.deadline or self.loop.call_later(self.patience, self._give_up)

    def _end_wait(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _give_up(self) -> None:
        self.deadline = None
        self.kept_waiting = self.flow.read_paused  # by us: a fault holds the request, and its body is not read
        if self.kept_waiting:
            return self._begin_wait()
        self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Puts a function that closes the connection into the scope of each of its requests."""
        super().connection_made(transport)
        self._begin_wait()
        # asyncio sets this only where the listening socket names its protocol, and ours does not. Without it each
        # answer waits 40 ms for the acknowledgement of its head (Nagle's algorithm).
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        app = self.app

        def close(last_words: bytes) -> None:
            transport.write(last_words)
            transport.close()

        async def app_with_hang_up(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"] = {**scope.get("extensions", {}), HANG_UP: close}
            await app(scope, receive, send)

        self.app = app_with_hang_up


async def hang_up(scope: Scope, receive: Receive, last_words: bytes = b"") -> None:
    """Closes the connection, and waits until uvicorn knows that: otherwise it would complain about a missing answer."""
    scope["extensions"][HANG_UP](last_words)
    while (await receive())["type"] != "http.disconnect":
        pass
