"""httpx and httpx2, asynchronous and synchronous: `httpx2.AsyncClient(auth=ReissueAuth(api))`."""

import sys
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..http.messages import Headers, Request
from ..interceptor import Interceptor
from .answers import Answer, added

_CLIENTS = [import_module(name) for name in ("httpx2", "httpx") if find_spec(name) is not None]
if not _CLIENTS:
    raise ImportError("reissue.adapters.httpx needs httpx2 or httpx: install one of them")


class ReissueAuth(*dict.fromkeys(client.Auth for client in _CLIENTS)):  # type: ignore[misc]
    """Sends a client's requests to the audience with the session's token; other requests are sent unchanged.

    After a 401 the token is refreshed once, for all requests that wait, and the request is replayed once; its body is
    kept for that. Raises SessionEnded, SessionChanged, RefreshUnavailable and StepUpRequired from the client's own
    calls; and, from a synchronous client where Python can't be suspended, WouldBlock.
    """

    requires_request_body = True

    def __init__(self, api: Interceptor) -> None:
        self._api = api

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """httpx's own protocol."""
        await request.aread()
        asked = _asked(request)
        attempts = self._api.attempts(asked)
        if attempts is None:
            yield request
            return
        with attempts, _as_made(request):
            attempt: Request | None = await attempts.first()
            while attempt is not None:
                response = None
                with suppress(GeneratorExit):
                    response = yield _with_fields(request, added(attempt, asked))
                if response is None:
                    attempts.close(sys.exception())  # the error for which the client closes this generator
                    return
                attempt = await attempts.after(_answer(response, response.aread, request))

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """httpx's own protocol."""
        from ..browser.jspi import attempts_of, wait_for

        request.read()
        asked = _asked(request)
        attempts = attempts_of(self._api, asked)
        if attempts is None:
            yield request
            return
        with attempts, _as_made(request):
            attempt: Request | None = wait_for(attempts.first())
            while attempt is not None:
                response = None
                with suppress(GeneratorExit):
                    response = yield _with_fields(request, added(attempt, asked))
                if response is None:
                    attempts.close(sys.exception())
                    return
                attempt = wait_for(attempts.after(_answer(response, response.read, request)))


@contextmanager
def _as_made(request: Any) -> Iterator[None]:
    """At the end the request has its own header fields again: sent once more, it carries no token of this session."""
    kept = request.headers.copy()
    try:
        yield
    finally:
        request.headers = kept


def _asked(request: Any) -> Request:
    return Request(str(request.url), request.method, Headers(request.headers))


def _with_fields(request: Any, fields: dict[str, str]) -> Any:
    request.headers.update(fields)
    return request


def _answer(response: Any, read: Any, request: Any) -> Answer:
    # `response.request` is another request if httpx has followed a redirect.
    return Answer(
        response.status_code,
        response.headers,
        read=read,
        discard=partial(_discard, response),
        url=str(response.url),
        asked=str(request.url),
    )


def _discard(response: Any) -> None:
    """Discard a response of the browser's, which httpx would read to its end before it sends the request again."""
    stream: Any = response.stream
    while stream is not None and not hasattr(stream, "_stream_js"):
        stream = getattr(stream, "_stream", None)
    if stream is not None:  # `response.close` does not cancel the browser's stream
        stream._stream_js.cancel()
        response.stream = import_module(type(response).__module__.partition(".")[0]).ByteStream(b"")
