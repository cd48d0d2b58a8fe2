"""Streams in a page: server-sent events over tokens that end, and bodies as they arrive."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.kept import Opening, opened
from tests.browser.test_python_in_the_page import CONNECT
from tests.browser.test_wire import both_ways_one_in_firefox
from tests.browser.visit import REFUSED, Visit

HELPERS = """
from contextlib import aclosing
async def error_of(awaitable):
    try:
        return await awaitable
    except (Exception, asyncio.CancelledError) as error:
        return type(error).__name__
async def ids(stream, most=1000):
    found = []
    async for event in stream:
        found.append([event.id, event.event, event.data])
        if len(found) == most:
            break
    return [id for id, kind, data in found if kind == "tick" and id == data]
None
"""


@pytest.fixture
def python(kept: Visit) -> Visit:
    kept.run(CONNECT + HELPERS)
    kept.reset_counters()
    return kept


def nothing_is_open(python: Visit) -> None:
    """The server has seen each connection of the page end."""
    python.until(lambda: python.server.counters()["api_in_flight"] == 0)


@both_ways_one_in_firefox
def test_an_event_stream_goes_on_after_the_last_event_until_the_server_ends_it(python: Visit) -> None:
    source = "await ids(api.event_stream('/api/events?total=5&each=2&retry=10'))"
    assert python.run(source) == ["1", "2", "3", "4", "5"]
    sent = [request.headers for request in python.requests_to("/api/events")]
    assert [headers.get("last-event-id") for headers in sent] == [None, "2", "4", "5"]
    assert {headers["accept"] for headers in sent} == {"text/event-stream"}
    assert python.server.counters()["refreshes_asked"] == 0


@opened(Opening(flags=("--access-lifetime", "2")))
def test_an_event_stream_outlives_its_tokens(python: Visit) -> None:
    """Q21: The server ends each connection with its token: the next one carries a fresh token, and nothing is a 401.

    On a busy machine a token may have to be renewed before its connection has brought anything.
    """
    source = "await ids(api.event_stream('/api/events?total=6&each=2&retry=10&stay=60'))"
    assert python.run(source) == ["1", "2", "3", "4", "5", "6"]
    tokens = [request.headers["authorization"] for request in python.requests_to("/api/events")]
    assert len(tokens) >= len(set(tokens)) >= 3
    counters = python.server.counters()
    assert counters["api_401s"] == 0
    assert counters["refreshes_granted"] >= 2


@pytest.mark.firefox
def test_an_event_stream_connects_over_a_revoked_token_and_over_a_server_in_trouble(python: Visit) -> None:
    python.expect_console(REFUSED)
    python.expect_console("status of 503", times=1)
    python.expect_console("ERR_", times=1)
    python.server.control("/dev/revoke")
    python.server.fault("/api/events", "status", status=503, retry_after="1")
    stream = "api.event_stream('/api/events?total=4&each=2&retry=10')"
    python.run(f"stream = {stream}\nfirst = await anext(stream)\nNone")
    python.server.fault("/api/events", "drop")
    assert python.run("[first.id, *await ids(stream)]") == ["1", "2", "3", "4"]
    assert python.server.counters()["refreshes_asked"] == 1


@pytest.mark.parametrize("way", ["break", "aclosing", "cancel", "signal", "del"])
@both_ways_one_in_firefox
def test_a_stream_that_is_left_lets_its_connection_go(python: Visit, way: str) -> None:
    """Q10: The server sees the client go, whichever way the stream is left."""
    source = {
        "break": "await ids(stream, 2)\ndel stream",
        "del": "await anext(stream)\ndel stream",
        "aclosing": "async with aclosing(stream):\n    await ids(stream, 2)",
        "cancel": """
task = asyncio.create_task(ids(stream, 3))
while not stream.last_event_id == "2":
    await asyncio.sleep(0.01)
task.cancel()
assert await error_of(task) == "CancelledError"
""",
        "signal": """
task = asyncio.create_task(error_of(ids(stream, 3)))
while not stream.last_event_id == "2":
    await asyncio.sleep(0.01)
controller.abort()
assert await task == "RequestAborted"
""",
    }[way]
    python.run(f"""
controller = AbortController.new()
stream = api.event_stream('/api/events?each=2&stay=3600', signal=controller.signal)
{source}
None""")
    nothing_is_open(python)
    assert len(python.requests_to("/api/events")) == 1


@pytest.mark.firefox
@pytest.mark.parametrize(
    ("end", "error"),
    [
        ("await api.sign_out()", "SessionEnded"),
        ("await api.sign_in(username='ada', password='lovelace')", "SessionChanged"),
        ("await api.close()", "SessionEnded"),
    ],
)
def test_the_end_of_the_session_ends_its_open_stream_at_once(python: Visit, end: str, error: str) -> None:
    """S3: Both a stream that waits for an event, and one that is not read just now."""
    python.run("""
streams = [api.event_stream('/api/events?each=2&stay=3600') for _ in range(2)]
firsts = [(await anext(stream)).id for stream in streams]
waiting = asyncio.create_task(error_of(ids(streams[0])))
None""")
    python.run(end + "\nNone")
    nothing_is_open(python)
    assert python.run("[firsts, await waiting, await error_of(anext(streams[1]))]") == [["1", "1"], error, error]
    assert len(python.requests_to("/api/events")) == 2


@pytest.mark.firefox
def test_a_post_is_streamed_once_and_another_answer_is_an_error(python: Visit) -> None:
    python.expect_console("status of 404")
    assert python.run("""
options = {"method": "POST", "json": {"prompt": "hi"}}
[await ids(api.event_stream("/api/events?each=2", **options)),
 await error_of(ids(api.event_stream("/api/me"))),
 await error_of(ids(api.event_stream("/api/nothing")))]
""") == [["1", "2"], "EventStreamError", "EventStreamError"]
    assert len(python.requests_to("/api/events")) == 1


BYTES = """
async def whole(**options):
    async with api.stream("/api/file?size=3000000", **options) as response:
        sizes = [len(chunk) async for chunk in response.aiter_bytes()]
    return response.status, sum(sizes), len(sizes) > 1
await whole()
"""


@both_ways_one_in_firefox
def test_a_body_is_read_as_it_arrives_and_let_go_at_the_end_of_the_block(python: Visit) -> None:
    python.expect_console(REFUSED)
    assert python.run(BYTES) == [200, 3_000_000, True]
    assert python.run("""
async with api.stream("/api/events?each=2&stay=3600&retry=5") as response:
    lines = []
    async for line in response.aiter_lines():
        lines.append(line)
        if line == "data: 2":
            break
[line for line in lines if line]
""") == ["retry: 5", "id: 1", "event: tick", "data: 1", "id: 2", "event: tick", "data: 2"]
    nothing_is_open(python)
    assert python.run("""
async with api.stream("/api/echo", method="DELETE") as response:
    parts = [text async for text in response.aiter_text()]
once = await error_of(anext(response.aiter_bytes()))
async with api.stream("/api/notes/0", method="DELETE", auth=False) as response:
    pass
["DELETE" in "".join(parts), once, response.status]
""") == [True, "BodyUsedError", 401]


@both_ways_one_in_firefox
def test_a_body_that_breaks_off_or_is_aborted_says_so(python: Visit) -> None:
    python.expect_console("ERR_", times=0, at_most=2)
    python.expect_console(REFUSED, times=0, at_most=1)
    python.server.fault("/api/file", "truncate")
    read: Any = python.run("""
async def read(**options):
    async with api.stream("/api/file?size=300000", **options) as response:
        async for chunk in response.aiter_bytes():
            controller.abort()
    return "whole"
controller = AbortController.new()
broken = await error_of(read())
async def endless(task=None, **options):
    async with api.stream("/api/events?each=2&stay=3600", **options) as response:
        async for chunk in response.aiter_bytes():
            (task.cancel if task else controller.abort)()
controller = AbortController.new()
aborted = await error_of(endless(signal=controller.signal))
async def cancelled():
    await endless(asyncio.current_task())
[broken, aborted, await error_of(asyncio.create_task(cancelled()))]
""")
    assert read == ["NetworkError", "RequestAborted", "CancelledError"]
    nothing_is_open(python)


def test_streams_leave_no_proxy_behind(python: Visit) -> None:
    """X5: after streams that ended, were left, and were cut off by a sign-out."""
    python.run("import js, gc, pyodide_js\n" + BYTES)
    source = """
for _ in range(3):
    await whole()
    await ids(api.event_stream('/api/events?total=3&each=2&retry=0'))
    stream = api.event_stream('/api/events?each=2&stay=3600')
    await ids(stream, 1)
    await stream.aclose()
gc.collect()
len(api._listeners._listeners)
"""
    before = python.run(source)
    assert python.run(source) == before == 1
