"""Server-sent events, parsed as they arrive (HTML standard, section 9.2.6).

Knows nothing of connections. One difference from the letter of the standard, which browsers make as well: the parser of
a later connection begins with the last event's id, so that an event without an `id` keeps it.
"""

from collections.abc import Iterator
from typing import Final

from ..errors import EventStreamError
from ..http.chunks import Lines, Utf8
from .event import ServerSentEvent

MOST_CHARACTERS: Final = 16 * 1024 * 1024
"""How long one event may be, by default. Without a bound, a stream without a blank line would fill the memory."""
LONGEST_RETRY: Final = 86_400_000
"""Milliseconds. A longer `retry` is cut to a day."""


class EventStreamParser:
    """The events in the bytes of one connection.

    `last_event_id` is the id to begin with, and afterwards the id of the last event: what the next connection sends as
    `Last-Event-ID`. `most` is how many characters one event may have.
    """

    def __init__(self, *, last_event_id: str = "", most: int = MOST_CHARACTERS) -> None:
        self.last_event_id = last_event_id
        self.retry: int | None = None
        """The reconnection time that the stream has set last, in milliseconds."""
        self._most = most
        self._utf8 = Utf8()
        self._lines = Lines()
        self._id = last_event_id
        self._begin_event()

    def _begin_event(self) -> None:
        self._data: list[str] = []
        self._type = ""
        self._retry: int | None = None
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """The events that these bytes complete. Exhaust the iterator before the next chunk.

        An event that the stream's end leaves incomplete is never given. Raises EventStreamError for one that is too
        long.
        """
        for line in self._lines.feed(self._utf8.feed(chunk)):
            if line:
                self._read(line)
            elif (event := self._complete()) is not None:
                yield event
        self._check_size(self._lines.held)

    def _read(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
                self._size += len(value) + 1
                self._check_size()
            case "event":
                self._type = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                digits = value.lstrip("0") or "0"  # Python refuses to read 5,000 digits
                self.retry = self._retry = LONGEST_RETRY if len(digits) > 8 else min(int(digits), LONGEST_RETRY)

    def _complete(self) -> ServerSentEvent | None:
        """The event that a blank line ends; None if it has no data."""
        self.last_event_id = self._id
        data, kind, retry = self._data, self._type, self._retry
        self._begin_event()
        return ServerSentEvent("\n".join(data), kind or "message", self._id, retry) if data else None

    def _check_size(self, more: int = 0) -> None:
        if self._size + more > self._most:
            raise EventStreamError(f"an event of the stream is longer than {self._most:,} characters")
