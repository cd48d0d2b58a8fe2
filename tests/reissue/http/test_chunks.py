"""Bodies that are read in pieces."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue import NetworkError, Response
from reissue.http.chunks import Lines, ReadInChunks, Utf8
from reissue.testing import StreamedResponse


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(whole) + 1) for place in places})
    return [whole[begin:end] for begin, end in zip([0, *ends], [*ends, len(whole)], strict=True)]


@given(st.binary(), st.lists(st.integers(0, 500)))
def test_text_is_the_same_however_its_bytes_are_cut(whole: bytes, places: list[int]) -> None:
    utf8 = Utf8()
    text = "".join(map(utf8.feed, cut(whole, places))) + utf8.feed(b"", last=True)
    assert text == whole.decode("utf-8", "replace").removeprefix("\ufeff")


@given(st.text("a\r\n"), st.lists(st.integers(0, 50)))
def test_lines_are_the_same_however_their_text_is_cut(whole: str, places: list[int]) -> None:
    lines = Lines()
    found = [line for piece in cut(whole.encode(), places) for line in lines.feed(piece.decode())]
    assert [*found, lines.unfinished] == whole.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert lines.held == len(lines.unfinished)


def test_a_line_that_ends_with_a_carriage_return_does_not_wait_for_what_follows() -> None:
    lines = Lines()
    assert lines.feed("a\r") == ["a"]
    assert lines.feed("\n") == []
    assert lines.feed("\n") == [""]


async def gathered(pieces: AsyncIterator[bytes] | AsyncIterator[str]) -> list[bytes | str]:
    return [piece async for piece in pieces]


async def test_a_response_gives_its_body_in_pieces() -> None:
    async def body() -> AsyncIterator[bytes | str]:
        yield b"\xef\xbb\xbfone\r\nt\xc3"
        yield b"\xb6"
        yield b""
        yield b"o\n\xe2\x82"

    assert await gathered(StreamedResponse(body()).aiter_text()) == ["one\r\nt", "ö", "o\n", "\ufffd"]
    assert await gathered(StreamedResponse(body()).aiter_lines()) == ["one", "töo", "\ufffd"]
    assert await gathered(StreamedResponse(["a\n", b"b\n"]).aiter_lines()) == ["a", "b"]
    assert await gathered(Response(200, {}, b"a\nb").aiter_bytes()) == [b"a\nb"]
    assert await gathered(Response(200, {}, b"a\nb").aiter_lines()) == ["a", "b"]
    assert await gathered(Response(204).aiter_bytes()) == []
    with pytest.raises(NotImplementedError):
        ReadInChunks().aiter_bytes()


async def test_a_streamed_response_is_a_response_until_it_is_discarded() -> None:
    response = StreamedResponse(['{"a": ', b'"b\xff"}'], status=201, headers={"X-Y": "z"})
    assert (response.ok, response.status, response.headers["X-Y"]) == (True, 201, "z")
    assert repr(response) == "StreamedResponse(201)"
    assert await response.bytes() == b'{"a": "b\xff"}'
    assert await response.text() == '{"a": "b\ufffd"}'
    assert await StreamedResponse(["[1", "]"], status=500).json() == [1]
    response.discard_body()
    assert response.discarded
    with pytest.raises(NetworkError, match="discarded"):
        await response.bytes()
