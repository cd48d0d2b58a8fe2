"""urllib3: `ReissuePoolManager(api).request("GET", url)`."""

from typing import Any

import urllib3

from ..browser.jspi import attempts_of, wait_for
from ..http.messages import Headers, Request
from ..interceptor import Interceptor
from .answers import Answer, added, copied_body


class ReissuePoolManager(urllib3.PoolManager):  # type: ignore[misc]
    """A `urllib3.PoolManager` that sends requests to the audience with the session's token, and others unchanged.

    After a 401 the token is refreshed once, for all requests that wait, and the request is replayed once, unless its
    body is a file or an iterator. Raises SessionEnded, SessionChanged, RefreshUnavailable and StepUpRequired; and,
    where Python can't be suspended, WouldBlock.
    """

    def __init__(self, api: Interceptor, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._api = api

    def urlopen(self, method: str, url: str, redirect: bool = True, **options: Any) -> Any:
        """As `urllib3.PoolManager.urlopen`, which sends all its requests."""
        headers = options.get("headers") or self.headers
        body = options["body"] = copied_body(options.get("body"))
        asked = Request(url, method, Headers(headers), None if isinstance(body, (str, bytes)) else body)
        attempts = attempts_of(self._api, asked)
        if attempts is None:
            return super().urlopen(method, url, redirect, **options)
        with attempts:
            attempt: Request | None = wait_for(attempts.first())
            while attempt is not None:
                fields = Headers(added(attempt, asked))
                options["headers"] = {n: v for n, v in headers.items() if n not in fields} | dict(fields)
                response = super().urlopen(method, url, redirect, **options)
                attempt = wait_for(attempts.after(_answer(response)))
            return response


def _answer(response: Any) -> Answer:
    return Answer(response.status, response.headers, read=lambda: response.data, discard=response.close)
