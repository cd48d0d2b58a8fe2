"""A response that arrives in pieces, for tests and fakes."""

import builtins
import json as json_format
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ..errors import NetworkError
from ..http.messages import Response


class StreamedResponse(Response):
    """What a `FakeServer` may answer in place of a `Response`: a body that arrives in pieces.

    `chunks` is an async iterator of bytes or text (sent as UTF-8); a plain iterable will do. A wait in an async
    generator is a server that has nothing to say; an OSError is a connection that breaks. `discarded` is True once the
    client has let the connection go.

        async def ticks():
            yield "data: 1\\n\\n"
            await gate.passed()
            yield "data: 2\\n\\n"

        server.answer = lambda request: StreamedResponse(ticks(), headers={"Content-Type": "text/event-stream"})
    """

    discarded: bool = False
    chunks: AsyncIterable[builtins.bytes | str] | Iterable[builtins.bytes | str] = ()

    def __init__(
        self,
        chunks: AsyncIterable[bytes | str] | Iterable[bytes | str],
        *,
        status: int = 200,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(status, headers)
        object.__setattr__(self, "chunks", chunks)  # a Response is frozen

    async def aiter_bytes(self) -> AsyncIterator[builtins.bytes]:
        """The pieces. Raises NetworkError once the body is discarded."""
        async for chunk in _asynchronous(self.chunks):
            if self.discarded:
                raise NetworkError("the body was discarded")
            yield chunk.encode() if isinstance(chunk, str) else chunk

    async def bytes(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.aiter_bytes()])

    async def text(self) -> str:
        """The whole body as UTF-8 text; invalid bytes are replaced."""
        return (await self.bytes()).decode("utf-8", "replace")

    async def json(self) -> Any:
        """The whole body read as JSON. Raises ValueError if it is no JSON."""
        return json_format.loads(await self.bytes())

    def discard_body(self) -> None:
        """The client will not read it: the connection is let go."""
        object.__setattr__(self, "discarded", True)

    def __repr__(self) -> str:
        return f"StreamedResponse({self.status})"


async def _asynchronous(chunks: AsyncIterable[bytes | str] | Iterable[bytes | str]) -> AsyncIterator[bytes | str]:
    if isinstance(chunks, AsyncIterable):
        async for chunk in chunks:
            yield chunk
    else:
        for chunk in chunks:
            yield chunk
