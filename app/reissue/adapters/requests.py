"""requests: `session.auth = ReissueAuth(api)`, or `requests.get(url, auth=ReissueAuth(api))`.

Over urllib3's own way to the network, and over pyodide-http.
"""

from functools import partial
from typing import Any

from requests.auth import AuthBase

from ..attempts import Attempts
from ..browser.jspi import attempts_of, wait_for
from ..http.messages import Headers, Request
from ..interceptor import Interceptor
from ..tokens.header_fields import attached
from .answers import Answer, captured


class ReissueAuth(AuthBase):  # type: ignore[misc]
    """Sends a session's requests to the audience with the session's token; others go out as they are.

    A 401 is answered by one refresh, shared with everybody, and one replay, unless the body is a file or an iterator.
    Raises SessionEnded, SessionChanged and RefreshUnavailable from the session's own calls; and, where Python can't be
    suspended, WouldBlock.
    """

    def __init__(self, api: Interceptor) -> None:
        self._api = api

    def __call__(self, prepared: Any) -> Any:
        """requests' own protocol: called with each request before it is sent."""
        prepared.body = captured(prepared.body)
        body = None if isinstance(prepared.body, (str, bytes)) else prepared.body
        asked = Request(prepared.url, prepared.method, Headers(prepared.headers), body)
        attempts = attempts_of(self._api, asked, bounded=False)  # its hooks hear of answers only
        if attempts is None:
            return prepared
        try:
            attempt = wait_for(attempts.first())
        except BaseException as error:
            attempts.close(error)
            raise
        prepared.headers.update(attached(attempt))
        prepared.register_hook("response", partial(self._answered, attempts))
        return prepared

    def _answered(self, attempts: Attempts, response: Any, **settings: Any) -> Any:
        with attempts:
            while (attempt := wait_for(attempts.after(_answer(response)))) is not None:
                again = response.request.copy()
                again.headers.update(attached(attempt))
                replay = _connection(response).send(again, **settings)
                replay.history = [*response.history, response]
                replay.request = again
                response = replay
            return response


def _answer(response: Any) -> Answer:
    # What pyodide-http gives is whole.
    discard = response.close if hasattr(response, "connection") else lambda: None
    return Answer(response.status_code, response.headers, read=lambda: response.content, discard=discard)


def _connection(response: Any) -> Any:
    if hasattr(response, "connection"):
        return response.connection
    from pyodide_http._requests import PyodideHTTPAdapter  # which does not say that it was the one

    return PyodideHTTPAdapter()
