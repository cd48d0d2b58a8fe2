"""A body that is read in pieces, as it arrives: as bytes, as text, or line by line.

Owns what the readers of bytes have in common. Knows nothing of where the bytes come from.
"""

import codecs
import re
from collections.abc import AsyncIterator
from typing import Final

_LINE_END: Final = re.compile(r"\r\n|\n|\r")


class Utf8:
    """Text from UTF-8 that arrives in pieces (Encoding standard, 'UTF-8 decode').

    Invalid bytes are replaced, and a byte order mark at the start is left out.
    """

    __slots__ = ("_at_start", "_decoder")

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._at_start = True

    def feed(self, chunk: bytes, *, last: bool = False) -> str:
        """The text that these bytes complete. `last` replaces a character that is not complete."""
        text = self._decoder.decode(chunk, last)
        if self._at_start and text:
            self._at_start = False
            return text.removeprefix("\ufeff")
        return text


class Lines:
    r"""Lines from text that arrives in pieces. A line ends with \r\n, \n or \r; a \r is not kept waiting for its \n."""

    __slots__ = ("_after_return", "_pieces", "held")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._after_return = False
        self.held = 0
        """How many characters of an unfinished line are held."""

    def feed(self, text: str) -> list[str]:
        """The lines that this text completes, without their ends."""
        if not text:
            return []
        if self._after_return:
            text = text.removeprefix("\n")
        self._after_return = text.endswith("\r")
        first, *others = _LINE_END.split(text)
        self._pieces.append(first)
        if not others:
            self.held += len(first)
            return []
        lines = ["".join(self._pieces), *others[:-1]]
        self._pieces = [others[-1]]
        self.held = len(others[-1])
        return lines

    @property
    def unfinished(self) -> str:
        """The line that has no end yet."""
        return "".join(self._pieces)


class ReadInChunks:
    """A response whose body can be read as it arrives. The names are those of httpx. The body can be read once."""

    __slots__ = ()

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """The body in pieces, as they arrive. Raises OSError if the connection breaks (NetworkError in the page)."""
        raise NotImplementedError

    async def aiter_text(self) -> AsyncIterator[str]:
        """The body as UTF-8 text, in pieces; invalid bytes are replaced."""
        utf8 = Utf8()
        async for chunk in self.aiter_bytes():
            if text := utf8.feed(chunk):
                yield text
        if text := utf8.feed(b"", last=True):
            yield text

    async def aiter_lines(self) -> AsyncIterator[str]:
        r"""The body line by line, without the line ends (\r\n, \n or \r)."""
        lines = Lines()
        async for text in self.aiter_text():
            for line in lines.feed(text):
                yield line
        if line := lines.unfinished:
            yield line
