"""The parser of event streams, by the HTML standard (section 9.2.6) and web-platform-tests' `eventsource/`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reissue import EventStreamError, ServerSentEvent
from reissue.streams.server_sent_events import EventStreamParser

from tests.reissue.http.test_chunks import cut


def parsed(*chunks: bytes, last_event_id: str = "") -> list[ServerSentEvent]:
    parser = EventStreamParser(last_event_id=last_event_id)
    return [event for chunk in chunks for event in parser.feed(chunk)]


def data(text: str) -> list[str]:
    return [event.data for event in parsed(text.encode())]


E = ServerSentEvent


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        ("data: YHOO\ndata: +2\ndata: 10\n\n", [E("YHOO\n+2\n10")]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            [E("first event", id="1"), E("second event"), E(" third event")],
        ),
        ("data\n\ndata\ndata\n\ndata:", [E(""), E("\n")]),
        ("data:test\n\ndata: test\n\n", [E("test"), E("test")]),
        ("event: add\ndata: 73857293\n\ndata: x\n\n", [E("73857293", "add"), E("x")]),
        ("event: add\n\ndata: x\n\n", [E("x")]),
        ("\r\n\r\n\n\n: \n\n", []),
        ("id: 7\n\ndata: a\n\n", [E("a", id="7")]),
        ("id: 7\ndata: a\n\nid: 8\0\ndata: b\n\nid:\ndata: c\n\n", [E("a", id="7"), E("b", id="7"), E("c")]),
        ("retry: 1500\ndata: a\n\nretry: 1s\ndata: b\n\n", [E("a", retry=1500), E("b")]),
        ("retry:\ndata: a\n\nretry: -1\ndata: b\n\nretry: ٣\ndata: c\n\n", [E("a"), E("b"), E("c")]),
        (f"retry: {'9' * 5000}\ndata: a\n\nretry: 000\ndata: b\n\n", [E("a", retry=86_400_000), E("b", retry=0)]),
        ("retry: 99999999\ndata: a\n\n", [E("a", retry=86_400_000)]),
        ("Data: a\nDATA: b\n data: c\ndata : d\nother: e\n\n", []),
        ("data: a:b: c\n\n", [E("a:b: c")]),
        ("data: unfinished\n", []),
        ("data: unfinished", []),
    ],
)
def test_events_are_what_the_standard_says(stream: str, events: list[ServerSentEvent]) -> None:
    for end in ("\n", "\r", "\r\n"):
        assert parsed(stream.replace("\r\n", "\n").replace("\n", end).encode()) == events


def test_line_ends_may_be_mixed() -> None:
    assert data("data: a\r\ndata: b\rdata: c\ndata: d\r\n\rdata: e\n\r") == ["a\nb\nc\nd", "e"]


def test_an_event_is_given_at_its_blank_line_also_if_that_ends_with_a_carriage_return() -> None:
    assert parsed(b"data: a\r\r") == [E("a")]
    assert parsed(b"data: a\r\n\r", b"\ndata: b\r\n", b"\r\n") == [E("a"), E("b")]


def test_one_byte_order_mark_at_the_start_is_left_out() -> None:
    assert parsed(b"\xef", b"\xbb\xbfdata: a\n\n") == [E("a")]
    assert data("\ufeff\ufeffdata: a\n\ndata: \ufeffb\n\n\ufeffdata: c\n\n") == ["\ufeffb"]


def test_invalid_bytes_are_replaced_and_characters_may_be_split() -> None:
    assert parsed(b"data: \xe2\x82", b"\xac\xff\xe2\x82\n\n") == [E("€\ufffd\ufffd")]


def test_an_event_without_an_id_keeps_that_of_an_earlier_connection() -> None:
    assert parsed(b"data: a\n\nid\ndata: b\n\n", last_event_id="6") == [E("a", id="6"), E("b")]


def test_the_id_of_an_event_that_never_ends_is_not_the_last_one() -> None:
    parser = EventStreamParser()
    assert list(parser.feed(b"id: 1\ndata: a\n\nid: 2\nretry: 10\ndata: b\n")) == [E("a", id="1")]
    assert (parser.last_event_id, parser.retry) == ("1", 10)


def test_the_data_may_be_read_as_json() -> None:
    assert E('{"a": [1]}').json() == {"a": [1]}
    with pytest.raises(ValueError, match="Expecting value"):
        E("no").json()


@pytest.mark.parametrize(
    "stream", [b"data: 12345", b"data: 123\ndata: 4\n", b"data: 1\n: a comment\n", b"data\n" * 11, b"id: 123456789\n"]
)
def test_an_event_that_is_too_long_is_an_error_whether_it_ends_or_not(stream: bytes) -> None:
    def fed(most: int) -> None:
        parser = EventStreamParser(most=most)
        for byte in stream:
            list(parser.feed(bytes([byte])))

    fed(16)
    with pytest.raises(EventStreamError, match="longer than 5 characters") as caught:
        fed(5)
    assert (caught.value.status, caught.value.retryable) == (None, False)


def test_the_bound_is_of_one_event_and_those_before_it_are_given() -> None:
    parser = EventStreamParser(most=20)
    events = parser.feed(b"data: 123456\n\n" * 10 + b"data: " + b"x" * 20)
    assert [next(events) for _ in range(10)] == [E("123456")] * 10
    with pytest.raises(EventStreamError):
        next(events)


ALPHABET = st.sampled_from(
    ["data", "event", "id", "retry", ":", ": ", "\n", "\r", "\r\n", "\n\n", "1", "20", "é", "€", "\0", "\ufeff", "x"]
)


@given(st.lists(ALPHABET, max_size=40), st.lists(st.integers(0, 200)))
def test_any_chunking_gives_the_same_events(parts: list[str], places: list[int]) -> None:
    whole = "".join(parts).encode()
    assert parsed(*cut(whole, places)) == parsed(whole) == by_the_letter(whole)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60)))
def test_any_chunking_of_any_bytes_gives_the_same_events(body: bytes, places: list[int]) -> None:
    whole = b"data: " + body + b"\n\n"
    assert parsed(*cut(whole, places)) == by_the_letter(whole)


def by_the_letter(whole: bytes) -> list[ServerSentEvent]:
    """The events of a whole stream, as the standard's text says it."""
    text = whole.decode("utf-8", "replace").removeprefix("\ufeff")
    events: list[ServerSentEvent] = []
    buffer, kind, last_id, retry = "", "", "", None
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]:
        if not line:
            if buffer:
                events.append(ServerSentEvent(buffer[:-1], kind or "message", last_id, retry))
            buffer, kind, retry = "", "", None
            continue
        if line.startswith(":"):
            continue
        field, value = line.split(":", 1) if ":" in line else (line, "")
        value = value[1:] if value.startswith(" ") else value
        if field == "data":
            buffer += value + "\n"
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            last_id = value
        elif field == "retry" and value and all(digit in "0123456789" for digit in value):
            retry = min(int(value), 86_400_000)
    return events
