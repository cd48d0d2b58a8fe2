"""urllib.request as pyodide-http patches it: `ReissueOpener(api).open(url)` in place of `urlopen(url)`.

There, urllib's own handlers never run. Without that patch urllib opens sockets, and a browser has none.
"""

import urllib.request
from io import BytesIO
from typing import Any

from ..browser.jspi import attempts_of, wait_for
from ..http.messages import Headers, Request
from ..interceptor import Interceptor
from ..tokens.header_fields import attached
from .answers import Answer, captured


class ReissueOpener:
    """Opens URLs in the audience with the session's token; others as they are.

    A 401 is answered by one refresh, shared with everybody, and one replay, unless the data is a file or an iterator.
    Raises SessionEnded, SessionChanged and RefreshUnavailable; and, where Python can't be suspended, WouldBlock.
    """

    def __init__(self, api: Interceptor) -> None:
        self._api = api

    def open(self, url: Any, data: Any = None, timeout: Any = None) -> Any:
        """As `urllib.request.urlopen`: `url` is text or a `urllib.request.Request`."""
        request = url if isinstance(url, urllib.request.Request) else urllib.request.Request(url)
        if data is not None:
            request.data = data
        if (sent := captured(request.data)) is not request.data:
            request.data = None  # it keeps what it has if that is equal
            request.data = sent
        body = None if isinstance(request.data, (str, bytes)) else request.data
        asked = Request(request.full_url, request.get_method(), Headers(dict(request.header_items())), body)
        attempts = attempts_of(self._api, asked)
        if attempts is None:
            return _open(request, timeout)
        with attempts:
            attempt: Request | None = wait_for(attempts.first())
            while attempt is not None:
                for name, value in attached(attempt).items():
                    request.add_unredirected_header(name, value)
                response = _open(request, timeout)
                attempt = wait_for(attempts.after(_answer(response)))
            for name in ("Authorization", "Dpop"):  # the caller's own object, and in its spelling
                request.remove_header(name)
            return response


def _open(request: Any, timeout: Any) -> Any:
    return urllib.request.urlopen(request) if timeout is None else urllib.request.urlopen(request, timeout=timeout)


def _answer(response: Any) -> Answer:
    def read() -> bytes:
        body: bytes = response.read()
        response.fp, response.length = BytesIO(body), len(body)  # as it was
        return body

    # pyodide-http gives a response once it is whole: there is nothing to let go of.
    return Answer(response.status, response.getheaders(), read=read, discard=lambda: None)
