"""What the adapters have in common: another client's body before it is sent, and its answer after that."""

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ..http.messages import Headers


def captured(body: Any) -> Any:
    """A body as it is now: what becomes of the caller's buffer while the request waits is not sent."""
    return bytes(body) if isinstance(body, (bytearray, memoryview)) else body


class Answer:
    """Another client's response, as `Attempts` and `should_renew` see it. The body is read when it is asked for.

    `read` reads the client's own response to its end, which keeps what was read. `discard` lets go of it unread.
    `url` is where the response came from, if the client can tell; `asked` is the URL that the request was sent to.
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
        """The body as UTF-8 text; bytes that are none are replaced, as in a browser."""
        return (await self.bytes()).decode("utf-8", "replace")

    async def json(self) -> Any:
        """The body read as JSON. Raises ValueError if it is none."""
        return json.loads(await self.bytes())
