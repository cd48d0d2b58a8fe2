"""Event streams over connections that end, break and are refused, and over sessions that end."""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from reissue import (
    Endpoint,
    EventStreamError,
    Interceptor,
    NetworkError,
    RefreshUnavailable,
    Request,
    RequestAborted,
    Response,
    ServerSentEvent,
    SessionChanged,
    SessionEnded,
)
from reissue.streams.reconnection import Reconnection
from reissue.testing import FakeServer, Gate, StreamedResponse, settle

from tests.reissue.bound import Busy
from tests.reissue.conftest import clean_console
from tests.reissue.fake_signal import FakeSignal

SSE = {"Content-Type": "text/event-stream; charset=utf-8"}
URL = "/api/events"


def now() -> float:
    return asyncio.get_running_loop().time()


class Api:
    """A server whose answers to `/api/events` are given in turn: a response, an error, or chunks of an event stream."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.streams: list[StreamedResponse] = []
        self.connected_at: list[float] = []
        self.fake = FakeServer(clock=now, answer=self.answer, users={"ada": "lovelace", "bob": "hope"})  # type: ignore[arg-type]

    def answer(self, request: Request) -> Any:
        self.connected_at.append(now())
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        if isinstance(answer, Response):
            return answer
        self.streams.append(StreamedResponse(answer, headers=SSE))
        return self.streams[-1]

    async def signed_in(self, **options: Any) -> Interceptor:
        api = self.fake.connect("/api/", endpoint=Endpoint("/auth"), **options)
        await api.sign_in(username="ada", password="lovelace")
        return api

    @property
    def last_ids(self) -> list[str | None]:
        return [request.headers.get("Last-Event-ID") for request in self.fake.requests]


async def all_data(stream: Any) -> list[str]:
    return [event.data async for event in stream]


def endless(gate: Gate, *first: str) -> AsyncIterator[str]:
    async def chunks() -> AsyncIterator[str]:
        for chunk in first:
            yield chunk
        await gate.passed()

    return chunks()


OVER = Response(204)


async def test_a_stream_connects_again_where_it_left_off_until_the_server_says_that_it_is_over() -> None:
    server = Api(["id: 1\ndata: a\n\n", "id: 2\ndata: cut off\n"], ["data: b\n\nid: ü\nda", "ta: c\n\n"], OVER)
    api = await server.signed_in()
    stream = api.event_stream(URL)
    events = [event async for event in stream]
    assert events == [ServerSentEvent("a", id="1"), ServerSentEvent("b", id="1"), ServerSentEvent("c", id="ü")]
    assert server.last_ids == [None, "1", "Ã¼"]  # UTF-8, as fetch takes bytes
    assert stream.last_event_id == "ü"
    request = server.fake.requests[0]
    assert (request.headers["Accept"], request.options["cache"]) == ("text/event-stream", "no-store")
    assert await all_data(stream) == []  # it is over


async def test_a_stream_may_begin_with_an_id_of_an_earlier_page_and_settings_of_its_own() -> None:
    server = Api(["data: a\n\n"], OVER)
    api = await server.signed_in()
    headers = {"Last-Event-ID": "41", "Accept": "text/event-stream, */*"}
    assert await all_data(api.event_stream(URL, headers=headers, cache="reload", timeout=5)) == ["a"]
    assert server.last_ids == ["41", "41"]
    request = server.fake.requests[0]
    assert (request.headers["Accept"], request.options["cache"]) == ("text/event-stream, */*", "reload")


async def test_each_connection_carries_a_token_that_is_fresh_then() -> None:
    """Q21: The server ends each stream at its token's end: one refresh a connection, and no pause grows."""

    async def until_the_token_ends() -> AsyncIterator[str]:
        yield "retry: 1000\n: hello\n\n"
        await asyncio.sleep(300)

    server = Api(*(until_the_token_ends() for _ in range(5)), OVER)
    api = await server.signed_in(leeway=0)
    began = now()
    assert await all_data(api.event_stream(URL)) == []
    assert server.fake.refreshes == 5
    assert [at - began for at in server.connected_at] == [301.0 * n for n in range(6)]
    assert len({request.headers["Authorization"] for request in server.fake.requests}) == 6


async def test_a_401_at_a_connection_is_followed_by_one_refresh_and_one_replay() -> None:
    """Q21: The token was revoked since."""
    server = Api(["data: a\n\n"], OVER)
    api = await server.signed_in()
    server.fake.revoke()
    assert await all_data(api.event_stream(URL)) == ["a"]
    assert server.fake.refreshes == 1


@pytest.fixture
def half_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the random part of each pause be as small as it may."""
    monkeypatch.setattr("os.urandom", lambda count: b"\0" * count)


@pytest.mark.usefixtures("half_pauses")
async def test_pauses_grow_while_connections_fail_and_are_as_before_after_a_success() -> None:
    broken = NetworkError("no network")
    server = Api(broken, Response(503), broken, broken, broken, broken, [": hi\n"], broken, [], [], OVER)
    api = await server.signed_in()
    began = now()
    assert await all_data(api.event_stream(URL)) == []
    times = [at - began for at in server.connected_at]
    pauses = [after - before for before, after in itertools.pairwise(times)]
    # 3, 3, 6, 12, 15, 15 s after failures; 3 s after a success; and a stream that brings nothing is a failure, too
    assert pauses == [3, 3, 6, 12, 15, 15, 3, 3, 3, 6]


async def test_a_server_that_is_down_is_not_hammered_though_it_has_said_retry_0() -> None:
    broken = NetworkError("no network")
    server = Api(["retry: 0\n\n"], ["data: a\n\n"], *[broken] * 10, OVER)
    api = await server.signed_in()
    began = now()
    assert await all_data(api.event_stream(URL)) == ["a"]
    assert server.connected_at[2] == began  # twice at once, as it was asked for
    assert now() - began > 30


async def test_a_quiet_stream_that_lasted_long_is_no_failure() -> None:
    async def quiet() -> AsyncIterator[str]:
        await asyncio.sleep(60)
        if not server.streams:
            yield ""

    server = Api(quiet(), quiet(), quiet(), OVER)
    api = await server.signed_in()
    assert await all_data(api.event_stream(URL)) == []
    assert [after - before for before, after in zip(server.connected_at, server.connected_at[1:], strict=False)] == [
        63.0
    ] * 3


async def test_a_connection_that_breaks_or_takes_too_long_is_made_again() -> None:
    server = Api(broken("id: 1\ndata: a\n\n"), TimeoutError(), OVER)
    api = await server.signed_in()
    assert await all_data(api.event_stream(URL)) == ["a"]
    assert server.last_ids == [None, "1", "1"]


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_kept_to_the_second_whatever_wakes(status: int) -> None:
    server = Api(Response(status, {"retry-after": "100"}), OVER)
    api = await server.signed_in()
    task = asyncio.create_task(all_data(api.event_stream(URL)))
    await settle()
    api._wake()
    assert await task == []
    assert server.connected_at[1] - server.connected_at[0] == 100


async def broken(*first: str) -> AsyncIterator[str]:
    for chunk in first:
        yield chunk
    raise NetworkError("reset")


@pytest.mark.parametrize("answer", [NetworkError("no network"), broken(), []], ids=["no answer", "broken", "ended"])
async def test_a_pause_ends_when_the_network_is_back(answer: Any) -> None:
    server = Api(answer, OVER)
    api = await server.signed_in()
    api._wake()  # no stream yet
    task = asyncio.create_task(all_data(api.event_stream(URL)))
    await settle()
    api._wake()
    assert await task == []
    assert server.connected_at[1] == server.connected_at[0]
    api._wake()  # no stream any more


async def test_a_refresh_that_is_unavailable_is_waited_for() -> None:
    server = Api(OVER)
    api = await server.signed_in()
    await asyncio.sleep(300)
    server.fake.trouble = Response(503, {"Retry-After": "20"})
    stream = asyncio.create_task(all_data(api.event_stream(URL)))
    await settle()
    server.fake.trouble = None
    began = now()
    assert await stream == []
    assert 20 <= now() - began < 21
    await asyncio.sleep(300)
    server.fake.trouble = OSError("no network")
    with pytest.raises(RefreshUnavailable):
        await all_data(api.event_stream(URL, reconnect=False))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Response(200, {"Content-Type": "text/html"}), "answered 200 with text/html"),
        (Response(200), "no content type"),
        (Response(404, SSE), "answered 404"),
        (Response(206, SSE), "answered 206"),
    ],
)
async def test_an_answer_that_is_no_event_stream_is_an_error(answer: Response, says: str) -> None:
    server = Api(answer)
    api = await server.signed_in()
    stream = api.event_stream(f"{URL}?secret=1")
    with pytest.raises(EventStreamError, match=says) as caught:
        await anext(stream)
    assert caught.value.status == answer.status
    assert caught.value.content_type == answer.headers.get("Content-Type")
    assert not caught.value.retryable
    assert "secret" not in str(caught.value)
    assert await all_data(stream) == []


async def test_a_stream_that_connects_once_ends_with_its_connection() -> None:
    server = Api(
        ["data: a\n\n"], ["data: b\n\n"], broken("data: a\n\n"), Response(429, {"Retry-After": "7"}), OSError("no")
    )
    api = await server.signed_in()
    post: dict[str, Any] = {"method": "POST", "json": {"prompt": "hi"}}
    assert await all_data(api.event_stream(URL, reconnect=False)) == ["a"]
    assert await all_data(api.event_stream(URL, **post)) == ["b"]  # not repeated unasked
    stream = api.event_stream(URL, **post)
    assert (await anext(stream)).data == "a"
    with pytest.raises(NetworkError):
        await anext(stream)
    with pytest.raises(EventStreamError) as caught:
        await all_data(api.event_stream(URL, **post))
    assert (caught.value.retryable, caught.value.retry_after) == (True, 7)
    with pytest.raises(OSError, match="no"):
        await all_data(api.event_stream(URL, **post))
    assert [request.body for request in server.fake.requests][1] == b'{"prompt": "hi"}'


async def test_a_post_connects_again_if_it_is_asked_for() -> None:
    server = Api(["data: a\n\n"], ["data: b\n\n"], OVER)
    api = await server.signed_in()
    assert await all_data(api.event_stream(URL, method="POST", body="q", reconnect=True)) == ["a", "b"]
    assert [request.body for request in server.fake.requests] == ["q"] * 3


async def test_what_can_not_work_is_refused_at_the_call() -> None:
    api = await Api().signed_in()
    with pytest.raises(ValueError, match="reconnect=False"):
        api.event_stream(URL, method="POST", body=iter([b"x"]), reconnect=True)
    with pytest.raises(TypeError, match="takes no tiemout="):
        api.event_stream(URL, tiemout=1)
    with pytest.raises(ValueError, match="timeout"):
        api.event_stream(URL, timeout=-1)
    with pytest.raises(TypeError, match="auth is True or False"):
        api.event_stream(URL, auth=("ada", "lovelace"))  # type: ignore[arg-type]


async def test_an_event_that_is_too_long_ends_the_stream() -> None:
    server = Api(["data: a\n\ndata: " + "x" * 100])
    api = await server.signed_in()
    stream = api.event_stream(URL, max_event_size=50)
    assert (await anext(stream)).data == "a"
    with pytest.raises(EventStreamError, match="longer than 50"):
        await anext(stream)
    assert server.streams[0].discarded


# The connection is let go


async def test_leaving_the_loop_lets_the_connection_go() -> None:
    server = Api(endless(Gate(), "data: a\n\n"))
    api = await server.signed_in()
    async for _ in api.event_stream(URL):
        break
    gc.collect()
    assert server.streams[0].discarded


@pytest.mark.parametrize("way", ["aclosing", "async with"])
async def test_closing_lets_the_connection_go(way: str) -> None:
    server = Api(endless(Gate(), "data: a\n\ndata: b\n\n"))
    api = await server.signed_in()
    stream = api.event_stream(URL)
    async with aclosing(stream) if way == "aclosing" else stream:
        assert (await anext(stream)).data == "a"
        assert not server.streams[0].discarded
    assert server.streams[0].discarded
    assert await all_data(stream) == []


async def test_closing_from_another_task_ends_the_loop() -> None:
    server = Api(endless(Gate()))
    api = await server.signed_in()
    stream = api.event_stream(URL)
    task = asyncio.create_task(all_data(stream))
    await settle()
    await stream.aclose()
    assert await task == []
    assert server.streams[0].discarded


async def test_a_cancellation_lets_the_connection_go() -> None:
    """Q10: While nothing arrives."""
    server = Api(endless(Gate(), "data: a\n\n"))
    api = await server.signed_in()
    task = asyncio.create_task(all_data(api.event_stream(URL)))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.streams[0].discarded


async def test_the_callers_signal_ends_a_stream_that_waits_for_an_event_or_for_its_next_connection() -> None:
    for answer in (endless(Gate(), "data: a\n\n"), NetworkError("no network")):
        server, signal = Api(answer), FakeSignal()
        api = await server.signed_in()
        task = asyncio.create_task(all_data(api.event_stream(URL, signal=signal)))
        await settle()
        signal.abort()
        with pytest.raises(RequestAborted):
            await task
        assert all(stream.discarded for stream in server.streams)
        assert signal.callbacks == []


# Whose session it is


async def sign_out(api: Interceptor) -> None:
    await api.sign_out()


async def sign_in_as_bob(api: Interceptor) -> None:
    await api.sign_in(username="bob", password="hope")


@pytest.mark.parametrize(
    ("end", "error", "reason"),
    [
        (sign_out, SessionEnded, "signed_out"),
        (Interceptor.close, SessionEnded, "closed"),
        (sign_in_as_bob, SessionChanged, None),
    ],
)
@pytest.mark.parametrize(
    "where", ["waiting for an event", "waiting to connect", "on the way", "not read just now", "not begun"]
)
async def test_the_end_of_the_session_ends_the_stream_at_once(where: str, end: Any, error: Any, reason: Any) -> None:
    """S3: No other session continues it."""
    held, gate = Gate(), Gate()
    server = Api(
        NetworkError("no network") if where == "waiting to connect" else endless(gate, "data: a\n\ndata: b\n\n")
    )
    api = await server.signed_in()

    async def connect_slowly(request: Request) -> Any:
        if request.url.endswith(URL):
            await held.passed()
        return await server.fake(request)

    async with clean_console():
        if where == "on the way":
            api._sender.transport = connect_slowly
        stream = api.event_stream(URL)
        if where == "not read just now":
            assert (await anext(stream)).data == "a"
        task = None if where.startswith("not") else asyncio.create_task(all_data(stream))
        await settle()
        asked = len(server.connected_at)
        await end(api)
        assert all(response.discarded for response in server.streams)
        with pytest.raises(error) as caught:
            await (task or anext(stream))
        assert getattr(caught.value, "reason", None) == reason
        assert len(server.connected_at) == asked
        assert await all_data(stream) == []


async def test_a_refused_refresh_ends_the_stream() -> None:
    server = Api(["data: a\n\n"])
    api = await server.signed_in()
    stream = api.event_stream(URL)
    assert (await anext(stream)).data == "a"
    server.fake.end()
    with pytest.raises(SessionEnded) as caught:
        await anext(stream)
    assert caught.value.reason == "refused"


async def test_a_stream_that_carries_no_token_does_not_depend_on_the_session() -> None:
    def answer(request: Request) -> Any:
        return StreamedResponse(["data: a\n\n"] if request.url.endswith("events") else [], headers=SSE)

    async def transport(request: Request) -> Any:
        return answer(request) if "Authorization" not in request.headers else Response(500)

    server = Api()
    api = await server.signed_in()
    streams = [api.event_stream(URL, auth=False, reconnect=False)]
    streams.append(api.event_stream("https://other.test/events", reconnect=False))
    await api.sign_out()
    api._sender.transport = transport
    for stream in streams:
        assert await all_data(stream) == ["a"]


async def test_a_stream_leaves_no_listener_behind() -> None:
    server = Api(["data: a\n\n"], endless(Gate(), "data: a\n\n"))
    api = await server.signed_in()
    await all_data(api.event_stream(URL, reconnect=False))
    streams = [api.event_stream(URL), api.event_stream(URL)]
    await anext(streams[0])
    del streams
    gc.collect()
    assert not api._listeners


def test_pauses_have_jitter_and_bounds() -> None:
    pauses = Reconnection(fraction=lambda: 0.5)
    assert pauses.next_pause == 3
    for _ in range(40):
        pauses.failed()
    assert pauses.next_pause == 22.5
    pauses.retry = 100
    assert pauses.next_pause == 100  # what the server asks for, it gets
    pauses.failed(retry_after=200)
    assert pauses.next_pause == 200
    pauses.succeeded()
    assert pauses.next_pause == 100


@pytest.mark.parametrize("begun", [True, False])
async def test_a_stream_of_a_derived_client_ends_with_its_parents_session_even_if_its_own_has_not_begun(
    begun: bool,
) -> None:
    """S3: No other sign-in continues it."""
    page = Busy()
    api = await page.signed_in()
    files = api.for_resource(page.FILES, resource=page.FILES)
    if begun:
        await files.fetch(page.FILES)
    stream = files.event_stream(page.FILES)
    await api.sign_in(username="ada", password="lovelace")
    with pytest.raises(SessionChanged):
        await anext(stream)
