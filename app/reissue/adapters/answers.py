"""What the adapters have in common: the body of another client's request, and its response."""

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ..http.messages import Headers, Request


def copied_body(body: Any) -> Any:
    """A copy of a body that the caller could change while the request waits; any other body as it is."""
    return bytes(body) if isinstance(body, (bytearray, memoryview)) else body


def added(attempt: Request, asked: Request) -> dict[str, str]:
    """The header fields that an attempt has besides those of the client's own request, which gets them, too."""
    return {name: value for name, value in attempt.headers.items() if asked.headers.get(name) != value}


class Answer:
    """Another client's response, as `Attempts` and `should_renew` see it. The body is read only if they read it.

    `read` reads the client's own response to its end, which keeps the body. `discard` drops it unread. `url` is where
    the response came from, if the client knows; `asked` is the URL that the request was sent to.
    """

    def __init__(
        self,
        status: int,
        headers: object,
        *,
        read: Callable[[], "bytes | Awaitable[bytes]"],
        discard: Callable[[], object],
        url: str | None = None,
        asked: str | None = None,
    ) -> None:
        self.status = status
        self.headers = Headers(headers)
        self.url = url
        self.redirected = url != asked
        self._read = read
        self.discard_body = discard

    async def bytes(self) -> "bytes":
        """The body."""
        body = self._read()
        return await body if inspect.isawaitable(body) else body

    async def text(self) -> str:
        """The body as UTF-8 text; invalid bytes are replaced, as in a browser."""
        return (await self.bytes()).decode("utf-8", "replace")

    async def json(self) -> Any:
        """The body read as JSON. Raises ValueError if it is no JSON."""
        return json.loads(await self.bytes())
