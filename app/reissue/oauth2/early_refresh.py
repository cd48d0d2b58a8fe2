"""The refresh that a page sends before its Python runs: what it must be like, and how its answer is taken.

Theory of operation:

1. A script of the page sends the request that was noted earlier, under the lock (see browser/early_refresh.js). Python
   takes the lock over, and makes its own call as ever. If that sends the very same request, it gets the early answer.
2. The answer, or the failure, is given at most once, to the first request under that lock, and dropped when the lock is
   given back.
3. So only a refresh can be early that is always the same: the browser's cookie says whose it is, and no function of the
   app is asked for its header fields.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..http.messages import Request, Transport
from ..http.urls import ParseUrl
from .token_requests import TokenRequests


class EarlyAnswer(NamedTuple):
    """`request` has been answered, or has failed: `result` returns the response to it, or raises OSError."""

    request: str  # as `text_of` writes it
    result: Callable[[Request], Any]


class EarlyAnswers:
    """A transport for an endpoint's requests. `answer` is the early one, while the lock that it came with is held."""

    def __init__(self, transport: Transport) -> None:
        self.answer: EarlyAnswer | None = None
        self._transport = transport

    async def __call__(self, request: Request) -> Any:
        """The early answer, if this is the first request under the lock, and the same one. Else the request is sent."""
        early, self.answer = self.answer, None
        if early is not None and early.request == text_of(request):
            return early.result(request)
        return await self._transport(request)


def fixed_refresh(requests: TokenRequests, parse: ParseUrl) -> str:
    """The refresh by cookie, as `text_of` writes it. Raises ValueError if it can't be sent without Python."""
    route = requests.refresh_route
    if not requests.cookie or requests.credentials == "omit":
        raise ValueError("resume_early=True needs an endpoint that knows the session by a cookie")
    if route is None:
        raise ValueError("resume_early=True needs an endpoint with a refresh")
    if callable(requests.headers) or callable(route.headers):
        raise ValueError(
            "resume_early=True needs headers that stay the same: before Python runs, no function is called"
        )
    if route.placeholders:
        raise ValueError("resume_early=True needs a refresh that names no token: the cookie alone says whose it is")
    request = requests.refresh(None)
    assert request is not None, "there is a cookie"
    return text_of(Request(parse(request.url).href, request.method, request.headers, request.body, request.options))


def text_of(request: Request) -> str:
    """A request to an endpoint, as JSON of the URL and of fetch's settings for it."""
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    content: Mapping[str, Any] = {"method": request.method, "headers": dict(request.headers), "body": body}
    return json.dumps({"url": request.url, **content, **request.options})
