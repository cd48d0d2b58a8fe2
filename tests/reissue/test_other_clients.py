"""Requests that another client sends: the interceptor says with which token, and what follows from the answer."""

import asyncio
import json
from collections.abc import Coroutine
from types import MappingProxyType
from typing import Any

import pytest
from reissue import (
    Endpoint,
    GrantRefused,
    Headers,
    Interceptor,
    NetworkError,
    RefreshEvent,
    RefreshUnavailable,
    Request,
    RequestAborted,
    RequestEvent,
    RequestPhase,
    Response,
    Route,
    SessionEnded,
    WouldBlock,
)
from reissue.concurrency.blocking import must_block_within, obstacle
from reissue.http.urls import parse_url
from reissue.sending.attempts import Attempts
from reissue.testing import Gate, settle

from tests.reissue.conftest import API, World, outcome
from tests.reissue.origin import Shelf, SlowShelf
from tests.reissue.pages import Pages

NOTES = Request(API + "notes")


def attempts_of(world: World, request: Request = NOTES) -> Attempts:
    attempts = world.api.attempts(request)
    assert attempts is not None
    return attempts


async def sent(attempts: Attempts, *answers: int) -> list[str]:
    """The tokens of a request that another client sends, and that is answered so."""
    tokens = []
    with attempts:
        attempt: Request | None = await attempts.first()
        for status in answers:
            assert attempt is not None
            tokens.append(attempt.headers["Authorization"])
            attempt = await attempts.after(Response(status))
        assert attempt is None
    return tokens


def phases(world: World) -> list[RequestPhase]:
    return [event.phase for event in world.events if isinstance(event, RequestEvent)]


async def test_another_client_gets_the_token_and_after_a_401_the_next_one(world: World) -> None:
    await world.signed_in()
    assert await sent(attempts_of(world), 200) == ["Bearer token-1"]
    assert await sent(attempts_of(world), 401, 200) == ["Bearer token-1", "Bearer token-2"]
    assert await sent(attempts_of(world), 200) == ["Bearer token-2"]
    assert world.endpoint.calls == 1
    done = [RequestPhase.STARTED, RequestPhase.SENT, RequestPhase.DONE]
    refused = [RequestPhase.STARTED, RequestPhase.SENT, RequestPhase.REFUSED, RequestPhase.REPLAYED, RequestPhase.DONE]
    assert phases(world) == [*done, *refused, *done]


async def test_another_client_gets_its_second_401_and_nothing_to_send_after_it(world: World) -> None:
    """Q4"""
    await world.signed_in()
    attempts = attempts_of(world)
    assert len(await sent(attempts, 401, 401)) == 2
    assert await attempts.after(Response(401)) is None, "it is over"
    assert world.endpoint.calls == 1


@pytest.mark.parametrize("bounded", [True, False])
async def test_another_clients_requests_are_bounded_on_the_wire_unless_it_asks_not_to_be(
    world: World, bounded: bool
) -> None:
    """Q22"""
    world.api = world.make(in_flight=1)
    await world.signed_in()
    with attempts_of(world) as on_the_wire:
        await on_the_wire.first()
        other = world.api.attempts(NOTES) if bounded else world.api.attempts(NOTES, bounded=False)
        assert other is not None
        first = asyncio.create_task(other.first())
        await settle()
        assert first.done() is not bounded
    await first
    other.close()


async def test_another_clients_stream_is_not_sent_again(world: World) -> None:
    """Q8"""
    await world.signed_in()
    assert await sent(attempts_of(world, Request(API, "POST", body=iter([b"part"]))), 401) == ["Bearer token-1"]
    assert world.endpoint.calls == 1
    assert phases(world) == [RequestPhase.STARTED, RequestPhase.SENT, RequestPhase.REFUSED, RequestPhase.DONE]


async def test_what_becomes_of_another_clients_request_is_told(world: World) -> None:
    await world.signed_in()
    ends: list[tuple[BaseException, RequestPhase, str | None]] = [
        (asyncio.CancelledError(), RequestPhase.CANCELLED, None),
        (RequestAborted(), RequestPhase.CANCELLED, None),
        (NetworkError(), RequestPhase.FAILED, "NetworkError"),
    ]
    for error, phase, name in [*ends, (None, RequestPhase.CANCELLED, None)]:
        attempts = attempts_of(world)
        await attempts.first()
        attempts.close(error)
        attempts.close()
        last = world.events[-1]
        assert isinstance(last, RequestEvent)
        assert (last.phase, last.error) == (phase, name)


async def test_what_is_not_the_sessions_is_left_to_the_other_client(world: World) -> None:
    """X1; and credentials of its own."""
    await world.signed_in()
    assert world.api.attempts(Request("https://other.test/v1/notes")) is None
    assert world.api.attempts(Request("/v1/notes")) is None
    assert world.api.attempts(Request(API, headers=Headers({"authorization": "Basic YTpi"}))) is None
    assert world.api._sender.roots == {"https://api.test/v1"}
    assert [world.api._sender.covers(parse_url(url)) for url in (API, "https://api.test/v2/")] == [True, False]
    assert [world.make(should_renew=judge)._sender.rules.should_renew for judge in (None, bool)] == [None, bool]


async def test_requests_of_those_who_know_nothing_of_sessions_go_out_as_they_are_while_there_is_none(
    world: World,
) -> None:
    assert (await world.api._sender.send_or_pass(NOTES)).status == 401
    world.endpoint.gate, world.endpoint.failure = Gate(), GrantRefused("invalid_grant")
    resuming = asyncio.create_task(world.api.resume())
    await world.endpoint.gate.reached()
    waiting = asyncio.create_task(world.api._sender.send_or_pass(NOTES))
    await settle()
    assert len(world.server.requests) == 1
    world.endpoint.gate.open()
    assert (await waiting).status == 401
    assert await resuming is False
    assert world.server.tokens == [None, None]
    await world.signed_in("token-2")
    assert (await world.api._sender.send_or_pass(NOTES)).status == 200
    assert (await world.api._sender.send_or_pass(NOTES, auth=False)).status == 401
    assert world.server.tokens == [None, None, "token-2", None]


async def test_requests_of_those_who_know_nothing_of_sessions_wait_for_the_one_that_is_resumed(world: World) -> None:
    """Q18"""
    world.endpoint.gate = Gate()
    resuming = asyncio.create_task(world.api.resume())
    await world.endpoint.gate.reached()
    waiting = asyncio.create_task(world.api._sender.send_or_pass(NOTES))
    world.endpoint.gate.open()
    assert (await waiting).status == 200
    assert await resuming is True
    assert world.server.tokens == ["token-2"]


async def test_whoever_sends_by_other_means_asks_for_attempts_and_gets_none_without_a_session(world: World) -> None:
    """As XMLHttpRequest through an installed client: Q3, Q18."""
    seen: list[object] = []

    async def endpoint(credential: Any) -> Any:
        seen.append(await api._sender.attempts_or_none(NOTES))
        raise GrantRefused("invalid_grant")

    api = world.make(endpoint=endpoint)
    assert await api.resume() is False
    assert seen == [None]
    assert await world.api._sender.attempts_or_none(NOTES) is None
    await world.signed_in("token-1")
    attempts = await world.api._sender.attempts_or_none(NOTES)
    assert attempts is not None
    with attempts:
        assert (await attempts.first()).headers["Authorization"] == "Bearer token-1"


async def test_an_endpoint_that_sends_to_the_audience_does_not_wait_for_itself(world: World) -> None:
    """Q3"""
    seen: list[int] = []

    async def endpoint(credential: Any) -> Any:
        seen.append((await api._sender.send_or_pass(NOTES)).status)
        raise GrantRefused("invalid_grant")

    api = world.make(endpoint=endpoint)
    assert await api.resume() is False
    assert seen == [401]


# Callers that can't wait


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """As an eager task of Python 3.12: it has run up to where it first waits."""
    task = asyncio.get_running_loop().create_future()
    try:
        coroutine.send(None)
    except StopIteration as end:
        task.set_result(end.value)
    except Exception as error:
        task.set_exception(error)
    else:
        coroutine.close()
    return task


class Blocking:
    """A transport that blocks where it must, in front of an API and an endpoint; and a caller who can't wait."""

    def __init__(self, world: World, **options: Any) -> None:
        self.world = world
        self.answers: list[Response] = []
        self.refreshes = 0
        self.deadlines: list[float | None] = []
        self.stuck = False
        self.api: Interceptor = world.make(transport=self.send, endpoint=Endpoint("https://api.test/auth"), **options)

    async def send(self, request: Request) -> Response:
        self.deadlines.append(must_block_within())
        if self.stuck or must_block_within() is None:
            await asyncio.sleep(0)
        self.refreshes += 1
        granted = {"access_token": f"token-{self.refreshes + 1}", "expires_in": 300}
        return self.answers.pop(0) if self.answers else Response(200, {}, json.dumps(granted).encode())

    async def signed_in(self) -> "Blocking":
        await self.api.adopt("token-1", expires_in=300)
        return self

    def tokens(self, *answers: int) -> list[str]:
        attempts = self.api.attempts(NOTES, start_eagerly=at_once)
        assert attempts is not None
        task = at_once(sent(attempts, *answers))
        assert task.done(), "it would wait"
        tokens: list[str] = task.result()
        return tokens


async def test_whoever_sends_by_other_means_is_bounded_on_the_wire_unless_it_cant_wait(world: World) -> None:
    """Q22"""
    world.api = world.make(in_flight=1)
    await world.signed_in()
    sender = world.api._sender
    with attempts_of(world) as on_the_wire:
        await on_the_wire.first()
        waits, goes = await sender.attempts_or_none(NOTES), await sender.attempts_or_none(NOTES, start_eagerly=at_once)
        assert waits is not None
        assert goes is not None
        waiting = asyncio.create_task(waits.first())
        await settle()
        assert not waiting.done()
        now = asyncio.get_running_loop().time()
        with goes:
            assert (await goes.first()).headers["Authorization"] == "Bearer token-1"
        assert asyncio.get_running_loop().time() == now, "at once"
    await waiting
    waits.close()


async def test_what_asked_for_a_request_is_told(world: World) -> None:
    """An image, for instance: see `PageInterceptor.install_worker`."""
    await world.signed_in()
    await sent(attempts_of(world, Request(API, options={"destination": "image"})), 200)
    await sent(attempts_of(world), 200)
    told = [event.destination for event in world.events if isinstance(event, RequestEvent)]
    assert told == ["image"] * 3 + [None] * 3


async def test_a_caller_that_cant_wait_gets_the_token_while_it_lives(world: World) -> None:
    caller = await Blocking(world).signed_in()
    assert caller.tokens(200) == ["Bearer token-1"]
    assert caller.refreshes == 0


@pytest.mark.parametrize("answers", [(200,), (401, 200)])
async def test_a_caller_that_cant_wait_refreshes_within_its_call(world: World, answers: tuple[int, ...]) -> None:
    caller = await Blocking(world, deadline=9).signed_in()
    world.clock.advance(301 if answers == (200,) else 0)
    assert caller.tokens(*answers)[-1] == "Bearer token-2"
    assert (caller.refreshes, caller.deadlines) == (1, [9])
    assert must_block_within() is None
    assert (await caller.api.fetch(NOTES.url)).status == 200


async def test_a_caller_that_cant_wait_does_not_ask_a_store_that_answers_later(world: World) -> None:
    """T6: as in a worker, whose stores are in IndexedDB."""
    store, pending = SlowShelf(Shelf()), SlowShelf(Shelf())
    caller = await Blocking(world, store=store, pending_sign_out=pending).signed_in()
    store.gate = store.writing = pending.gate = Gate()
    world.clock.advance(301)
    assert caller.tokens(200) == ["Bearer token-2"]
    assert store.seen is not None
    assert "token-2" in store.seen
    store.gate.open()


async def test_a_refresh_that_sends_the_access_token_is_not_made_by_a_caller_that_cant_wait(world: World) -> None:
    """X1: it would follow a redirect, and its header field with the token along with it."""
    caller = await Blocking(world).signed_in()
    by_token = Endpoint("https://api.test/auth", refresh=Route("x", headers={"X-Token": "{access_token}"}))
    caller.api = world.make(transport=caller.send, endpoint=by_token)
    await caller.signed_in()
    world.clock.advance(301)
    with pytest.raises(WouldBlock, match="would follow a redirect"):
        caller.tokens(200)
    assert caller.refreshes == 0


async def test_a_new_token_of_no_life_at_all_is_sent_once_by_a_caller_that_cant_wait(world: World) -> None:
    """T12"""
    caller = await Blocking(world).signed_in()
    world.clock.advance(301)
    caller.answers = [Response(200, {}, b'{"access_token": "short", "expires_in": 0}')]
    assert caller.tokens(200) == ["Bearer short"]


async def test_a_caller_that_cant_wait_stands_in_no_line(world: World) -> None:
    """Q22: what it sends is over when its call returns."""
    caller = await Blocking(world, in_flight=1).signed_in()
    on_the_wire = caller.api.attempts(NOTES)
    assert on_the_wire is not None
    with on_the_wire:
        await on_the_wire.first()
        assert caller.tokens(200) == ["Bearer token-1"]


async def test_a_call_to_the_endpoint_on_its_way_is_waited_for_by_nobody_who_cant(world: World) -> None:
    """S2"""
    caller = await Blocking(world).signed_in()
    world.clock.advance(301)
    signing_in = asyncio.create_task(caller.api.sign_in(username="ada"))
    await asyncio.sleep(0)
    with pytest.raises(WouldBlock, match="a call to the endpoint is on its way"):
        caller.tokens(200)
    await signing_in
    assert caller.refreshes == 1


async def test_a_caller_that_cant_wait_does_not_refresh_what_other_pages_share(world: World) -> None:
    """T1"""
    caller = await Blocking(world, peers=Pages().page()).signed_in()
    world.clock.advance(301)
    with pytest.raises(WouldBlock, match="other tabs share this session"):
        caller.tokens(200)
    assert caller.refreshes == 0


async def test_a_caller_that_cant_wait_sends_no_refresh_token_that_the_page_holds(world: World) -> None:
    caller = Blocking(world)
    await caller.api.adopt("token-1", refresh_token="refresh-1", expires_in=300)
    world.clock.advance(301)
    with pytest.raises(WouldBlock, match="would follow a redirect"):
        caller.tokens(200)
    assert caller.refreshes == 0


async def test_a_refusal_ends_the_session_of_a_caller_that_cant_wait(world: World) -> None:
    caller = await Blocking(world).signed_in()
    world.clock.advance(301)
    caller.answers = [Response(401)]
    for _ in range(2):
        with pytest.raises(SessionEnded) as ended:
            caller.tokens(200)
        assert ended.value.reason == "refused"
    assert caller.refreshes == 1


async def test_a_failure_is_not_asked_for_again_at_once_by_a_caller_that_cant_wait(world: World) -> None:
    """F2, F8: nobody can pause within a call, so the call is refused until the pause is over."""
    caller = await Blocking(world).signed_in()
    world.clock.advance(301)
    caller.answers = [Response(503), Response(503, {"Retry-After": "60"})]
    with pytest.raises(RefreshUnavailable, match="503"):
        caller.tokens(200)
    with pytest.raises(RefreshUnavailable, match="just now") as told:
        caller.tokens(200)
    assert told.value.retry_after == 0.5
    world.clock.advance(0.5)
    with pytest.raises(RefreshUnavailable, match="503"):
        caller.tokens(200)
    with pytest.raises(RefreshUnavailable, match="the server asked to wait"):
        caller.tokens(200)
    world.clock.advance(60)
    assert caller.tokens(200) == ["Bearer token-4"]
    assert caller.refreshes == 3


async def test_a_refresh_that_fails_after_a_401_is_not_waited_for_again(world: World) -> None:
    """F1"""
    caller = await Blocking(world).signed_in()
    caller.answers = [Response(503)]
    with pytest.raises(RefreshUnavailable, match="503"):
        caller.tokens(401, 200)
    assert caller.refreshes == 1


async def test_a_refresh_on_its_way_is_waited_for_by_nobody_who_cant(world: World) -> None:
    caller = await Blocking(world).signed_in()
    world.clock.advance(301)
    renewal = asyncio.create_task(caller.api.renew())
    await asyncio.sleep(0)
    with pytest.raises(WouldBlock, match="a refresh is on its way"):
        caller.tokens(200)
    await renewal
    assert caller.tokens(200) == ["Bearer token-2"]
    assert caller.refreshes == 1


@pytest.mark.parametrize("expired", [False, True])
async def test_a_second_401_is_the_answer_to_a_caller_that_cant_wait(world: World, expired: bool) -> None:
    """Q4: its refresh answers the first one, so the token was not requested early."""
    caller = await Blocking(world).signed_in()
    if expired:
        world.clock.advance(301)
    first = ["Bearer token-2", "Bearer token-3"] if expired else ["Bearer token-1", "Bearer token-2"]
    assert caller.tokens(401, 401) == first, "and there is no third attempt"


async def test_a_401_after_the_sign_out_starts_no_refresh_for_a_caller_that_cant_wait(world: World) -> None:
    """S1"""
    caller = await Blocking(world).signed_in()
    attempts = caller.api.attempts(NOTES, start_eagerly=at_once)
    assert attempts is not None
    await attempts.first()
    await caller.api.sign_out()
    calls = caller.refreshes
    with pytest.raises(SessionEnded):
        await attempts.after(Response(401))
    assert caller.refreshes == calls
    assert not any(isinstance(event, RefreshEvent) for event in world.events)


async def test_a_refused_refresh_ends_the_session_of_a_caller_that_cant_wait_and_sends_no_old_token(
    world: World,
) -> None:
    """F7"""
    caller = await Blocking(world).signed_in()
    world.clock.advance(301)
    caller.answers = [Response(400, {}, b'{"error": "invalid_grant"}')]
    with pytest.raises(SessionEnded):
        caller.tokens(200)
    assert caller.refreshes == 1


async def test_a_refused_refresh_is_told_to_a_caller_that_cant_wait_if_its_body_cant_be_sent_twice(
    world: World,
) -> None:
    """Q5, F7: as to any other caller."""
    caller = await Blocking(world).signed_in()
    upload = Request(API + "notes", "POST", body=iter([b"piece"]))
    attempts = caller.api.attempts(upload, start_eagerly=at_once)
    assert attempts is not None
    await attempts.first()
    caller.answers = [Response(400, {}, b'{"error": "invalid_grant"}')]
    with pytest.raises(SessionEnded):
        at_once(attempts.after(Response(401))).result()


async def test_a_refresh_that_waits_after_all_is_given_up_by_a_caller_that_cant(world: World) -> None:
    """A transport that doesn't keep to the rule: no hang, and no second refresh behind the caller's back."""
    caller = await Blocking(world).signed_in()
    world.clock.advance(301)
    caller.stuck = True
    with pytest.raises(WouldBlock, match="would have to wait"):
        caller.tokens(200)
    caller.stuck = False
    await settle()
    assert caller.refreshes == 0
    assert caller.tokens(200) == ["Bearer token-2"]


async def test_an_endpoint_of_the_apps_own_is_not_called_by_a_caller_that_cant_wait(world: World) -> None:
    await world.signed_in()
    world.clock.advance(301)
    attempts = world.api.attempts(NOTES, start_eagerly=at_once)
    assert attempts is not None
    error = await outcome(sent(attempts, 200))
    assert isinstance(error, WouldBlock)
    assert world.endpoint.calls == 0


FREE = MappingProxyType(
    {"refreshing": False, "calling": False, "over_transport": True, "shared": False, "sends_a_token": False}
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, None),
        ({"refreshing": True}, "a refresh is on its way"),
        ({"calling": True}, "a call to the endpoint is on its way"),
        ({"over_transport": False}, "coroutine function"),
        ({"shared": True}, r"connect\(…, tabs=False\)"),
        ({"sends_a_token": True}, "would follow a redirect"),
    ],
)
def test_a_refresh_within_a_call_is_made_only_if_nobody_else_can_be_presenting_the_refresh_token(
    change: dict[str, bool], words: str | None
) -> None:
    reason = obstacle(**{**FREE, **change})
    if words is None:
        assert reason is None
    else:
        with pytest.raises(AssertionError, match=words):
            raise AssertionError(reason)


async def test_httpx_that_follows_a_redirect_out_of_the_audience_is_refused_there_and_nothing_is_refreshed(
    world: World,
) -> None:
    httpx2 = pytest.importorskip("httpx2")
    from reissue.adapters.httpx import ReissueAuth

    def serve(request: Any) -> Any:
        if request.url.host == "login.test":
            return httpx2.Response(401)
        places = {f"{API}moved": "https://login.test/", f"{API}notes": f"{API}notes/"}
        if (moved := places.get(str(request.url))) is not None:
            return httpx2.Response(302, headers={"Location": moved})
        return httpx2.Response(200 if request.headers["Authorization"] == "Bearer token-2" else 401)

    await world.signed_in()
    transport = httpx2.MockTransport(serve)
    async with httpx2.AsyncClient(transport=transport, auth=ReissueAuth(world.api), follow_redirects=True) as client:
        assert [(await client.get(f"{API}moved")).status_code for _ in range(3)] == [401, 401, 401]
        assert world.endpoint.calls == 0
        assert (await client.get(f"{API}notes")).status_code == 200, "it leads to another page of the API"
    assert world.endpoint.calls == 1


async def test_a_request_of_httpx_that_is_sent_again_carries_the_next_users_token(world: World) -> None:
    """S3: a token that was left in it would count as the caller's own."""
    httpx2 = pytest.importorskip("httpx2")
    from reissue.adapters.httpx import ReissueAuth

    users: list[str] = []

    def serve(request: Any) -> Any:
        users.append(request.headers["Authorization"])
        return httpx2.Response(200)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(serve), auth=ReissueAuth(world.api)) as client:
        request = client.build_request("GET", f"{API}notes")
        await world.api.adopt("of-ada")
        await client.send(request)
        assert "Authorization" not in request.headers
        await world.api.adopt("of-bob")
        await client.send(request)
    assert users == ["Bearer of-ada", "Bearer of-bob"]
