"""urllib.request as pyodide-http patches it: `ReissueOpener(api).open(url)` in place of `urlopen(url)`.

With that patch, urllib's own handlers never run. Without it, urllib opens sockets, and a browser has none.
"""

import urllib.request
from io import BytesIO
from typing import Any

from ..browser.jspi import attempts_of, wait_for
from ..http.messages import Headers, Request
from ..interceptor import Interceptor
from .answers import Answer, added, copied_body


class ReissueOpener:
    """Opens URLs in the audience with the session's token, and others unchanged.

    After a 401 the token is refreshed once, for all requests that wait, and the request is replayed once, unless its
    data is a file or an iterator. Raises SessionEnded, SessionChanged, RefreshUnavailable and StepUpRequired; and,
    where Python can't be suspended, WouldBlock.
    """

    def __init__(self, api: Interceptor) -> None:
        self._api = api

    def open(self, url: Any, data: Any = None, timeout: Any = None) -> Any:
        """As `urllib.request.urlopen`: `url` is text or a `urllib.request.Request`."""
        request = url if isinstance(url, urllib.request.Request) else urllib.request.Request(url)
        if data is not None:
            request.data = data
        if (sent := copied_body(request.data)) is not request.data:
            request.data = None  # the setter keeps the old data if the new data are equal
            request.data = sent
        body = None if isinstance(request.data, (str, bytes)) else request.data
        asked = Request(request.full_url, request.get_method(), Headers(dict(request.header_items())), body)
        attempts = attempts_of(self._api, asked)
        if attempts is None:
            return _open(request, timeout)
        kept = dict(request.headers), dict(request.unredirected_hdrs)
        try:
            with attempts:
                attempt: Request | None = wait_for(attempts.first())
                while attempt is not None:
                    for name, value in added(attempt, asked).items():
                        request.remove_header(name.capitalize())  # as urllib keeps it
                        request.add_unredirected_header(name, value)
                    response = _open(request, timeout)
                    attempt = wait_for(attempts.after(_answer(response)))
                return response
        finally:  # it is the caller's object: sent again, it must not carry this token
            request.headers, request.unredirected_hdrs = kept


def _open(request: Any, timeout: Any) -> Any:
    return urllib.request.urlopen(request) if timeout is None else urllib.request.urlopen(request, timeout=timeout)


def _answer(response: Any) -> Answer:
    def read() -> bytes:
        body: bytes = response.read()
        response.fp, response.length = BytesIO(body), len(body)  # so that the caller can still read it
        return body

    # pyodide-http has read the response to its end: there is nothing to discard.
    return Answer(response.status, response.getheaders(), read=read, discard=lambda: None)
