"""What a client offers for bodies that arrive in pieces."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ..http.messages import Request
from ..http.outcomes import discard_body
from ..http.verbs import Verbs
from ..sending.sender import Sender
from ..session.derived import DerivedLifecycle
from ..session.lifecycle import SessionLifecycle
from ..session.listeners import Listeners
from ..session.settings import checked_seconds

if TYPE_CHECKING:
    from .event_stream import EventStream
    from .reconnection import Reconnection
    from .session_watch import SessionWatch


class Streaming(Verbs):
    """A part of `Interceptor`: `stream` and `event_stream`. As with the verbs, paths are relative to the audience."""

    _sender: Sender
    _listeners: Listeners
    _lifecycle: SessionLifecycle | DerivedLifecycle
    _reconnections: "WeakSet[Reconnection] | None" = None

    @abstractmethod
    def _request(self, url: Any, options: dict[str, Any]) -> Request:
        """As `Interceptor._request`."""

    def stream(self, url: Any, **options: Any) -> AbstractAsyncContextManager[Any]:
        """A response whose body is read as it arrives; at the end of the block its connection is let go.

        `url`, `options` and errors are those of `request`. The response has `aiter_bytes()`, `aiter_text()` and
        `aiter_lines()`, which raise OSError (NetworkError in the page) if the connection breaks. A sign-out does not
        end it.

            async with api.stream("export") as response:
                async for chunk in response.aiter_bytes():
                    ...
        """
        return _let_go_after(self.request(options.pop("method", "GET"), url, **options))

    def event_stream(
        self,
        url: Any,
        *,
        reconnect: bool | None = None,
        max_event_size: int | None = None,
        auth: bool = True,
        timeout: float | None = None,
        signal: Any = None,
        **options: Any,
    ) -> "EventStream":
        """The server-sent events of a URL: `async for event in api.event_stream("events")` yields `ServerSentEvent`s.

        The stream connects again when the connection ends, with a token that is fresh then, and with `Last-Event-ID`:
        after the `retry` that the server has set, or else 3 s; after failures later and later, up to 30 s, or as the
        server's Retry-After says. `reconnect` is True for GET and False for other methods unless you say otherwise, for
        a POST is not to be repeated unasked. Without it the stream ends with its connection.

        Leaving the loop, `aclose()` or a cancellation lets the connection go. 204 ends the stream. The session's end
        ends it at once: SessionEnded, or SessionChanged if another sign-in took the session's place. A stream beyond
        the audience, or with `auth=False`, does not depend on the session.

        `max_event_size` (characters, 16 Mi by default) bounds one event. `timeout` (seconds) bounds each connection up
        to the head of its response. `url`, `options` and errors are those of `request`. Raises TypeError and ValueError
        at the call, and EventStreamError for an answer that is no event stream; without `reconnect`, also for 429 and
        5xx.
        """
        from .event_stream import EventStream  # here, since most pages have no event stream
        from .reconnection import Reconnection
        from .server_sent_events import MOST_CHARACTERS

        if not isinstance(auth, bool):
            raise TypeError("auth is True or False: the session's token is sent, and no name and password")
        if timeout is not None:
            checked_seconds("timeout", timeout, least=0)
        if signal is not None:
            options["signal"] = signal
        request = self._request(self._audience.resolve(url), {"cache": "no-store", **options})
        if "Accept" not in request.headers:
            request = request.with_field("Accept", "text/event-stream")
        reconnects = request.method == "GET" if reconnect is None else reconnect
        if reconnects and not request.replayable:
            raise ValueError("a body that can be read once can't be sent to connect again: give reconnect=False")
        reconnection = Reconnection() if reconnects else None
        if reconnection is not None:
            if self._reconnections is None:
                self._reconnections = WeakSet()
            self._reconnections.add(reconnection)
        return EventStream(
            request,
            partial(self._sender.fetch, auth=auth, timeout=timeout),
            watch=self._watch_session(request, auth=auth),
            reconnection=reconnection,
            most=MOST_CHARACTERS if max_event_size is None else max_event_size,
        )

    def _watch_session(self, request: Request, *, auth: bool) -> "SessionWatch":
        """The end of the session, for what depends on it: nothing does beyond the audience, or without `auth`."""
        from .session_watch import SessionWatch

        if not auth or self._sender.audience_url(request) is None:
            return SessionWatch()
        # A derived client may have no session of its own yet: it depends on its parent's all the same.
        if isinstance(self._lifecycle, DerivedLifecycle):
            return SessionWatch(self._listeners, self._lifecycle.parent_listeners)
        return SessionWatch(self._listeners)

    def _wake(self) -> None:
        """The network is back or the page is visible again: the next refresh and the next connection need not pause."""
        self._lifecycle.wake()
        for reconnection in self._reconnections or ():
            reconnection.wake()


@asynccontextmanager
async def _let_go_after(fetching: Coroutine[Any, Any, Any]) -> AsyncIterator[Any]:
    response = await fetching
    try:
        yield response
    finally:
        discard_body(response)
