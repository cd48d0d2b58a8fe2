"""requests: `session.auth = ReissueAuth(api)`, or `requests.get(url, auth=ReissueAuth(api))`.

It works over urllib3 and over pyodide-http.
"""

from functools import partial
from typing import Any

from requests.auth import AuthBase

from ..browser.jspi import attempts_of, wait_for
from ..http.messages import Headers, Request
from ..interceptor import Interceptor
from ..sending.attempts import Attempts
from .answers import Answer, added, copied_body


class ReissueAuth(AuthBase):  # type: ignore[misc]
    """Sends the requests of a `requests` session to the audience with the access token; others are sent unchanged.

    After a 401 the token is refreshed once, for all requests that wait, and the request is replayed once, unless its
    body is a file or an iterator. Raises SessionEnded, SessionChanged, RefreshUnavailable and StepUpRequired from the
    calls of `requests`; and, where Python can't be suspended, WouldBlock.
    """

    def __init__(self, api: Interceptor) -> None:
        self._api = api

    def __call__(self, prepared: Any) -> Any:
        """requests' own protocol: called with each request before it is sent."""
        prepared.body = copied_body(prepared.body)
        body = None if isinstance(prepared.body, (str, bytes)) else prepared.body
        asked = Request(prepared.url, prepared.method, Headers(prepared.headers), body)
        attempts = attempts_of(self._api, asked, bounded=False)  # `requests` reports no failed request
        if attempts is None:
            return prepared
        try:
            attempt = wait_for(attempts.first())
        except BaseException as error:
            attempts.close(error)
            raise
        prepared.headers.update(added(attempt, asked))
        prepared.register_hook("response", partial(self._answered, attempts, asked))
        return prepared

    def _answered(self, attempts: Attempts, asked: Request, response: Any, **settings: Any) -> Any:
        with attempts:
            while (attempt := wait_for(attempts.after(_answer(response)))) is not None:
                again = response.request.copy()
                again.headers.update(added(attempt, asked))
                replay = _connection(response).send(again, **settings)
                replay.history = [*response.history, response]
                replay.request = again
                response = replay
            return response


def _answer(response: Any) -> Answer:
    # A response of pyodide-http has been read to its end.
    discard = response.close if hasattr(response, "connection") else lambda: None
    return Answer(response.status_code, response.headers, read=lambda: response.content, discard=discard)


def _connection(response: Any) -> Any:
    if hasattr(response, "connection"):
        return response.connection
    from pyodide_http._requests import PyodideHTTPAdapter  # its responses don't name their adapter

    return PyodideHTTPAdapter()
