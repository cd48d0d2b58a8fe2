"""Who hears of a client's events: the app's listeners, its streams, and where its author reads warnings."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Final
from weakref import WeakSet

from ..events import AudienceEvent, CookieEvent, Event, Listener, MissedEvents

MOST_UNREAD: Final = 10_000
"""How many events a stream holds for its reader. Some 200 bytes each."""


class _Stream(asyncio.Queue[Event | None]):
    """The events that one reader has not read yet, at most `MOST_UNREAD`; None ends the stream."""

    left_out = 0  # since the last event that was read
    left_out_at = 0.0

    def emit(self, event: Event) -> None:
        if self.qsize() == MOST_UNREAD:
            oldest = self.get_nowait()
            assert oldest is not None, "nothing follows the end"
            self.left_out, self.left_out_at = self.left_out + 1, oldest.at
        self.put_nowait(event)

    def missed(self) -> MissedEvents | None:
        """The events that were left out since this was last called; None if there are none."""
        if not self.left_out:
            return None
        missed = MissedEvents(at=self.left_out_at, count=self.left_out)
        self.left_out = 0
        return missed


class Listeners:
    """The app's listeners and streams. A listener that raises is reported to the event loop and disturbs nothing.

    `write_warning` writes the words of a warning where the app's author looks: in a page, on the console. `catch_up`
    emits what was to be told later, if there is any: it is called before an event is emitted, so that the order is
    kept, and once someone has begun to listen.
    """

    __slots__ = ("_closed", "_listeners", "_streamed", "_streams", "catch_up", "write_warning")

    def __init__(self) -> None:
        self.write_warning: Callable[[str], object] | None = None
        self.catch_up: Callable[[], object] = _nothing
        self._listeners: list[Listener] = []
        self._streams: WeakSet[_Stream] = WeakSet()  # a stream without a reader goes
        self._streamed = False  # was there ever one? A WeakSet is slow to say that it is empty, and each request asks
        self._closed = False

    def __bool__(self) -> bool:
        return bool(self._listeners or (self._streamed and self._streams))

    def add(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for each event; returns the function that stops it. A coroutine function is a TypeError."""
        if not callable(listener) or inspect.iscoroutinefunction(listener):
            raise TypeError(
                "a listener is a plain function: start a task in it, or use `async for event in api.events()`"
            )
        self._listeners.append(listener)
        self.catch_up()

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Give an event to every listener and stream."""
        self.catch_up()
        for stream in self._streams:
            stream.emit(event)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception as error:
                context = {"message": "a listener of reissue raised", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)

    def warn(self, event: AudienceEvent | CookieEvent) -> None:
        """Emit a warning, and write it."""
        self.emit(event)
        if self.write_warning is not None:
            self.write_warning(event.message)

    def stream(self) -> AsyncIterator[Event | MissedEvents]:
        """The events from this call on, until `close()`."""
        stream = _Stream()
        self._streamed = True
        if self._closed:
            stream.put_nowait(None)
        else:
            self._streams.add(stream)
            self.catch_up()
        return self._drain(stream)

    async def _drain(self, stream: _Stream) -> AsyncIterator[Event | MissedEvents]:
        try:
            while True:
                event = await stream.get()
                if missed := stream.missed():  # before `event`, which is newer
                    yield missed
                if event is None:
                    return
                yield event
        finally:
            self._streams.discard(stream)

    def close(self) -> None:
        """End every stream and drop every listener."""
        self._closed = True
        for stream in self._streams:
            stream.put_nowait(None)
        self._streams.clear()
        self._listeners.clear()


def _nothing() -> None:
    pass
