"""Q1–Q17: the queue, and the replay."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from reissue import (
    Credential,
    Endpoint,
    GrantRefused,
    RefreshUnavailable,
    Request,
    RequestAborted,
    RequestEvent,
    RequestPhase,
    Response,
    SessionEnded,
    SignOutRefused,
    State,
)
from reissue.testing import FakeApi, Gate, settle

from tests.reissue.conftest import API, World, outcome
from tests.reissue.fake_signal import FakeSignal


async def test_a_hundred_concurrent_401s_make_one_refresh_and_a_hundred_replays(world: World) -> None:
    """Q1: However many requests are refused at once, one refresh runs, and all of them are replayed.

    Seen in: Flyrell/axios-auth-refresh#307, #113 (with its defaults 1 of 100 succeeds: measured)
    """
    world.api = world.make(in_flight=100)
    await world.signed_in()
    world.server.accepts = "token-1"
    await asyncio.gather(*world.fetches(1))  # the token is known to be good, so all are sent at once
    world.server.accepts = "token-2"
    responses = await asyncio.gather(*world.fetches(100))
    assert [r.status for r in responses] == [200] * 100
    assert world.endpoint.calls == 1
    assert world.server.tokens == ["token-1"] * 101 + ["token-2"] * 100


async def test_a_hundred_requests_over_an_expired_token_make_one_refresh_and_a_hundred_sends(world: World) -> None:
    """Q1, with the end of the token known: not one request is wasted."""
    await world.signed_in()
    world.clock.advance(301)
    responses = await asyncio.gather(*world.fetches(100))
    assert [r.status for r in responses] == [200] * 100
    assert world.endpoint.calls == 1
    assert world.server.tokens == ["token-2"] * 100


async def test_a_late_401_does_not_refresh_again(world: World) -> None:
    """Q2: A 401 to a token that is not the current one any more is answered by a replay alone.

    Seen in: ProtonDriveApps/sdk#44; axios-auth-refresh, badgateway/oauth2-client and urql (measured)
    """
    await world.signed_in()
    slow, gate = world.server, Gate()

    async def transport(request: Request) -> Response:
        if request.url.endswith("late") and request.headers["Authorization"] == "Bearer token-1":
            await gate.passed()
        return await slow(request)

    world.api = world.make(transport=transport)
    await world.signed_in()
    late = asyncio.create_task(world.api.fetch(API + "late"))
    await gate.reached()
    assert (await world.api.fetch(API + "early")).status == 200
    gate.open()
    assert (await late).status == 200
    assert world.endpoint.calls == 1
    assert world.server.tokens == ["token-1", "token-2", "token-1", "token-2"]


async def test_a_late_401_over_a_newer_credential_that_has_expired_renews_it(world: World) -> None:
    """Q2"""
    await world.signed_in()
    session = world.api._lifecycle.sessions.latest
    assert session is not None
    old = session.credential
    await session.renew(replaces=old)
    world.clock.advance(1000)
    assert (await session.renew(replaces=old)).access_token == "token-3"


async def test_a_replay_that_gets_401_again_is_the_callers_response(world: World) -> None:
    """Q4: A request is replayed once; a second 401 is the caller's response, and does not end the session.

    Seen in: bucketeer-io/bucketeer#2455, urql-graphql/urql#3112
    """
    await world.signed_in()
    world.server.accepts = "none of them"
    response = await world.api.fetch(API + "notes")
    assert response.status == 401
    assert world.endpoint.calls == 1
    assert len(world.server.requests) == 2
    assert world.api.state is State.SIGNED_IN


@pytest.mark.parametrize(
    ("failure", "error_type"),
    [(OSError("no route"), RefreshUnavailable), (GrantRefused("invalid_grant"), SessionEnded)],
)
async def test_every_waiter_gets_the_same_error_when_the_refresh_fails(
    world: World, failure: Exception, error_type: type[Exception]
) -> None:
    """Q5"""
    world.endpoint.failure = failure
    await world.signed_in()
    errors = await asyncio.gather(*world.fetches(20), return_exceptions=True)
    assert {type(e) for e in errors} == {error_type}
    assert {e.__cause__ for e in errors if isinstance(e, BaseException)} == {failure}
    assert world.endpoint.calls == 1


async def test_when_a_refresh_fails_every_waiter_gets_the_same_error_and_the_state_is_as_before(world: World) -> None:
    """Q5: When a refresh fails, every waiter gets the same typed error, and the state is as before the refresh.

    Seen in: Flyrell/axios-auth-refresh#14, felangel/fresh#119
    """
    failure = world.endpoint.failure = OSError("no route")
    await world.signed_in()
    session = world.api._lifecycle.sessions.latest
    assert session is not None
    before = session.credential
    errors = [await outcome(task) for task in world.fetches(20)]
    assert {(type(error), error.__cause__) for error in errors} == {(RefreshUnavailable, failure)}
    assert world.endpoint.calls == 1
    assert (world.api.state, world.api._lifecycle.sessions.latest, session.credential) == (
        State.SIGNED_IN,
        session,
        before,
    )
    world.endpoint.failure = None
    world.server.accepts = "token-3"
    assert (await world.api.fetch(API + "notes")).status == 200


@pytest.mark.parametrize("revoked", ["token-2", "every token"])
async def test_a_replay_with_a_token_that_was_requested_before_the_401_is_replayed_once_more(
    world: World, revoked: str
) -> None:
    """Q4: The replay's 401 is the response, unless its token was requested before the first 401: then there is one
    more. A server may revoke a session's tokens while a refresh in the background is on its way.
    """
    world.endpoint.gate = Gate()
    await world.signed_in(expires_in=300)
    renewal = asyncio.create_task(world.api.renew())
    await world.endpoint.gate.reached()
    world.server.accepts = "token-3" if revoked == "token-2" else "none"
    request = asyncio.create_task(world.api.fetch(API, method="POST", body="once"))
    await settle()
    assert world.server.tokens == ["token-1"]
    world.endpoint.gate.open()
    assert (await request).status == (200 if revoked == "token-2" else 401)
    await renewal
    assert world.server.tokens == ["token-1", "token-2", "token-3"], "never a third replay"
    assert world.endpoint.calls == 2


async def test_a_late_401_is_replayed_once_more_if_the_newer_token_was_revoked_with_the_old_one(world: World) -> None:
    """Q2, Q4: the newer token had been requested before the 401 was seen, and no refresh has answered that yet."""
    await world.signed_in()
    slow, gate = world.server, Gate()

    async def transport(request: Request) -> Response:
        if request.headers["Authorization"] == "Bearer token-1":
            await gate.passed()
        return await slow(request)

    world.api = world.make(transport=transport)
    await world.signed_in()
    late = asyncio.create_task(world.api.fetch(API))
    await gate.reached()
    await world.api.renew()
    slow.accepts = "token-3"
    gate.open()
    assert (await late).status == 200
    assert slow.tokens == ["token-1", "token-2", "token-3"]


async def test_a_request_is_replayed_twice_at_most_however_fast_its_tokens_are_replaced(world: World) -> None:
    """Q4: each token was requested before the 401 to the last one was seen."""

    async def transport(request: Request) -> Response:
        await world.server(request)
        session, number = world.api._lifecycle.sessions.latest, len(world.server.tokens)
        assert session is not None
        session.take_over(Credential(access_token=f"theirs-{number}", refresh_token="refresh", expires_in=300))
        return Response(401 if number < 9 else 200)

    world.api = world.make(transport=transport)
    await world.signed_in()
    assert (await world.api.fetch(API)).status == 401
    assert world.server.tokens == ["token-1", "theirs-1", "theirs-2"]


async def test_a_request_that_has_waited_for_a_refresh_tells_that_it_is_sent(world: World) -> None:
    await world.signed_in(expires_in=1)
    world.clock.advance(2)
    await world.api.fetch(API)
    assert [event.phase for event in world.events if isinstance(event, RequestEvent)] == [
        RequestPhase.STARTED,
        RequestPhase.WAITING,
        RequestPhase.SENT,
        RequestPhase.DONE,
    ]


@pytest.mark.parametrize("came", ["before the 401", "after the 401"])
async def test_a_token_of_another_tab_was_requested_early_if_it_came_before_the_401(world: World, came: str) -> None:
    """Q4: The other tab's refresh may have begun at a 401, too; what comes first is known to be older."""
    await world.signed_in()
    slow, gate, world.endpoint.gate = world.server, Gate(), Gate()

    async def transport(request: Request) -> Response:
        if request.headers["Authorization"] == "Bearer token-1":
            await gate.passed()
        return await slow(request)

    world.api = world.make(transport=transport)
    await world.signed_in()
    session = world.api._lifecycle.sessions.latest
    assert session is not None
    request = asyncio.create_task(world.api.fetch(API))
    await gate.reached()
    if came == "after the 401":
        gate.open()
        await world.endpoint.gate.reached()
    session.take_over(Credential(access_token="theirs", refresh_token="refresh-9", expires_in=300))
    gate.open()
    world.endpoint.gate.open()
    assert (await request).status == (200 if came == "before the 401" else 401)
    assert slow.tokens == ["token-1", "theirs", "token-2"][: 3 if came == "before the 401" else 2]


async def test_requests_that_share_a_refresh_begun_at_a_401_are_replayed_once_each(world: World) -> None:
    """Q4: Their token was requested after the first 401, whichever request met that."""
    await world.signed_in()
    world.server.accepts = "none"
    responses = await asyncio.gather(*world.fetches(8))
    assert [response.status for response in responses] == [401] * 8
    assert world.server.tokens == ["token-1"] * 8 + ["token-2"] * 8
    assert world.endpoint.calls == 1


async def test_the_dead_token_is_never_sent_after_a_failed_refresh(world: World) -> None:
    """Q6: After a failed refresh nothing is sent with the refused token.

    Seen in: newsiberian/apollo-link-token-refresh#63
    """
    world.endpoint.failure = OSError("no route")
    await world.signed_in()
    await asyncio.gather(*world.fetches(5), return_exceptions=True)
    assert world.server.tokens == ["token-1"] * 5
    await asyncio.gather(*world.fetches(5), return_exceptions=True)
    assert world.server.tokens == ["token-1"] * 5


async def test_nothing_new_goes_out_with_a_refused_token_while_the_refresh_runs(world: World) -> None:
    """Invariant 11."""
    world.endpoint.gate = Gate()
    await world.signed_in()
    first = world.fetches(3)
    await world.endpoint.gate.reached()
    rest = world.fetches(50)
    await settle()
    assert world.server.tokens == ["token-1"] * 3
    world.endpoint.gate.open()
    assert {r.status for r in await asyncio.gather(*first, *rest)} == {200}
    assert world.server.tokens == ["token-1"] * 3 + ["token-2"] * 53


async def test_the_replay_carries_the_new_token_and_the_callers_other_headers(world: World) -> None:
    """Q7: The headers are built anew for each attempt.

    Seen in: jackmusick/bifrost#17
    """
    await world.signed_in()
    await world.api.fetch(API + "notes", headers={"X-Trace": "7"})
    first, second = world.server.requests
    assert (first.headers["x-trace"], second.headers["X-TRACE"]) == ("7", "7")
    assert world.server.tokens == ["token-1", "token-2"]


async def test_a_body_is_sent_again_whole(world: World) -> None:
    """Q8, Q9: also if the caller changes its buffer meanwhile."""
    await world.signed_in()
    buffer = bytearray(b"hello")
    world.endpoint.gate = Gate()
    call = asyncio.create_task(world.api.fetch(API + "notes", method="POST", body=buffer))
    await world.endpoint.gate.reached()
    buffer[:] = b"HELLO"
    world.endpoint.gate.open()
    assert (await call).status == 200
    assert [r.body for r in world.server.requests] == [b"hello", b"hello"]


async def test_a_body_is_what_it_was_at_the_call_and_not_when_its_coroutine_begins(world: World) -> None:
    """Q26"""
    await world.signed_in()
    buffer = bytearray(b"hello")
    call = asyncio.create_task(world.api.fetch(API + "notes", method="POST", body=buffer))
    buffer[:] = b"HELLO"
    await call
    assert {r.body for r in world.server.requests} == {b"hello"}


async def test_a_request_that_can_not_be_made_is_told_of_where_it_is_awaited(world: World) -> None:
    """Q26: so that `gather(…, return_exceptions=True)` sees it."""
    calls = [world.api.fetch(API + "notes", body=b"hello"), world.api.fetch(7), world.api.fetch(API, timeout=-1)]
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(error) for error in errors] == [ValueError, TypeError, ValueError]


async def test_a_one_shot_body_gets_its_401_back_after_the_refresh(world: World) -> None:
    """Q8"""
    await world.signed_in()
    response = await world.api.fetch(API + "notes", method="POST", body=iter([b"a", b"b"]))
    assert response.status == 401
    assert world.endpoint.calls == 1
    assert len(world.server.requests) == 1
    last = world.events[-1]
    assert last.replayable is False  # type: ignore[union-attr]
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_a_body_that_is_read_by_async_iteration_is_sent_once(world: World) -> None:
    """Q8"""

    async def chunks() -> Any:
        yield b"once"

    await world.signed_in()
    assert (await world.api.fetch(API, method="POST", body=chunks())).status == 401
    assert len(world.server.requests) == 1


@pytest.mark.parametrize("queue", ["refresh", "admission"])
@pytest.mark.parametrize("way", ["task", "signal", "timeout"])
async def test_a_request_that_is_given_up_in_the_queue_ends_at_once_and_is_never_sent(
    world: World, queue: str, way: str
) -> None:
    """Q10: A request that its caller gives up while it waits ends at once and is never sent.

    Seen in: toeverything/AFFiNE#15317
    """
    gate = Gate()
    world.api = world.make(in_flight=1 if queue == "admission" else 64)
    if queue == "admission":
        await world.signed_in("token-2")
        world.server.gate = gate
    else:
        await world.signed_in()
        world.clock.advance(301)
        world.endpoint.gate = gate
    kept = world.fetches(1)[0]
    await gate.reached()
    signal = FakeSignal()
    options: dict[str, dict[str, Any]] = {"task": {}, "signal": {"signal": signal}, "timeout": {"timeout": 2}}
    given_up = asyncio.create_task(world.api.fetch(API + "given-up", **options[way]))
    await settle()
    began = asyncio.get_running_loop().time()
    if way == "task":
        given_up.cancel()
    elif way == "signal":
        signal.abort()
    errors: dict[str, type[BaseException]] = {
        "task": asyncio.CancelledError,
        "signal": RequestAborted,
        "timeout": TimeoutError,
    }
    with pytest.raises(errors[way]):
        await given_up
    assert asyncio.get_running_loop().time() - began == (2 if way == "timeout" else 0)
    gate.open()
    assert (await kept).status == 200
    await settle()
    assert [r.url for r in world.server.requests] == [API + "notes/0"]
    assert signal.callbacks == []


async def test_a_request_aborted_by_its_signal_in_the_queue_is_never_sent(world: World) -> None:
    """Q10"""
    await world.signed_in()
    world.clock.advance(301)
    world.endpoint.gate = Gate()
    signal = FakeSignal()
    aborted = world.fetches(1, signal=signal)[0]
    await world.endpoint.gate.reached()
    signal.abort()
    with pytest.raises(RequestAborted):
        await aborted
    world.endpoint.gate.open()
    await settle()
    assert world.server.requests == []
    assert signal.callbacks == []


async def test_cancelling_one_waiter_leaves_the_refresh_to_the_others(world: World) -> None:
    """Q11: The refresh is a task of its own: cancelling a waiter cancels that waiter and nothing else.

    Seen in: mui/mui-x#22947; Authlib (measured)
    """
    await world.signed_in()
    world.endpoint.gate = Gate()
    starter, *others = world.fetches(3)
    await world.endpoint.gate.reached()
    starter.cancel()
    await settle()
    assert starter.cancelled()
    world.endpoint.gate.open()
    assert [(await t).status for t in others] == [200, 200]
    assert world.endpoint.calls == 1


async def test_a_refresh_that_fails_after_all_waiters_left_disturbs_nobody(world: World) -> None:
    """Q11, X6: its error is consumed. The fixture fails if the loop's handler hears of it."""
    await world.signed_in()
    world.endpoint.gate, world.endpoint.failure = Gate(), OSError("no route")
    waiters = world.fetches(3)
    await world.endpoint.gate.reached()
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    world.endpoint.gate.open()
    await settle()
    assert world.api.state is State.SIGNED_IN


@pytest.mark.parametrize(
    "failure",
    [None, OSError("gone"), asyncio.CancelledError(), TimeoutError(), KeyError("a bug"), GrantRefused("invalid_grant")],
    ids=repr,
)
async def test_the_slot_is_empty_after_any_outcome_of_a_refresh(world: World, failure: BaseException | None) -> None:
    """Q12: After a refresh, however it ended, the next one can start.

    Seen in: talkiq/gcloud-aio#500
    """
    await world.signed_in()
    world.endpoint.failure = failure
    first = await outcome(world.api.fetch(API + "notes"))
    assert (getattr(first, "status", None) == 200) is (failure is None)
    session = world.api._lifecycle.sessions.latest
    assert session is not None
    assert not session.refresh.running
    world.endpoint.failure = None
    if isinstance(failure, GrantRefused):
        await world.signed_in()  # the refused session is over
    world.server.accepts = "token-3"
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.endpoint.calls == 2


async def test_a_refresh_that_never_answers_ends_at_the_deadline_and_the_session_stays(world: World) -> None:
    """Q13: A refresh that never settles is aborted on the wire at its deadline; that is transient, and the session
    stays.

    Seen in: piotr-agier/google-drive-mcp#169; axios-auth-refresh, badgateway/oauth2-client and urql hang (measured)
    """
    await world.signed_in()
    world.endpoint.gate = Gate()
    started = asyncio.get_running_loop().time()
    errors = await asyncio.gather(*world.fetches(3), return_exceptions=True)
    assert {type(e) for e in errors} == {RefreshUnavailable}
    assert asyncio.get_running_loop().time() - started == pytest.approx(15)
    assert world.endpoint.gate.waiting == 0
    assert world.api.state is State.SIGNED_IN


async def test_the_callers_timeout_is_one_deadline_across_waiting_sending_and_replaying(world: World) -> None:
    """Q14: A caller's timeout is one deadline across waiting, sending and replaying.

    Seen in: shopware/frontends#2702
    """
    await world.signed_in()

    async def slow(request: Request) -> Response:
        await asyncio.sleep(3)
        return await world.server(request)

    async def refresh(credential: Credential | None) -> Credential:
        await asyncio.sleep(3)
        return Credential(access_token="token-2")

    world.api = world.make(transport=slow, endpoint=refresh)
    await world.signed_in()
    started = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await world.api.fetch(API + "notes", timeout=8)
    assert asyncio.get_running_loop().time() - started == pytest.approx(8)


async def test_on_leaving_the_queue_the_token_is_looked_up_anew_and_the_request_sent_once(world: World) -> None:
    """Q15: On leaving the queue the token is looked up anew, and the request is sent exactly once.

    Seen in: urql-graphql/urql#3017, #1825
    """
    world.api = world.make(in_flight=1)
    world.server.gate = Gate()
    world.server.accepts = "token-3"
    await world.signed_in()
    first, queued = world.fetches(2)
    await world.server.gate.reached()
    await world.api.renew()
    await world.api.renew()
    world.server.gate.open()
    assert [(await first).status, (await queued).status] == [200, 200]
    sent = [(r.url[-1], token) for r, token in zip(world.server.requests, world.server.tokens, strict=True)]
    assert sorted(sent) == [("0", "token-1"), ("0", "token-3"), ("1", "token-3")]


async def test_a_waiter_whose_new_token_was_replaced_meanwhile_gets_the_newest(world: World) -> None:
    """Q15: here the new token is refused, too, before the last waiter sends."""
    await world.signed_in()
    session = world.api._lifecycle.sessions.latest
    assert session is not None
    old = session.credential
    new = await session.renew(replaces=old)
    newer = await session.renew(replaces=new)
    assert await session.renew(replaces=old) is newer
    assert world.endpoint.granted == ["token-2", "token-3"]


async def test_a_wrong_password_starts_no_refresh_and_leaves_the_session(world: World) -> None:
    """Q17"""
    calls: list[str] = []

    async def transport(request: Request) -> Response:
        calls.append(request.url)
        if "/auth/" in request.url:
            return Response(401, {}, b'{"error": "invalid_grant", "error_description": "wrong password"}')
        return Response(200)

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    await world.signed_in()
    with pytest.raises(GrantRefused) as refused:
        await world.api.sign_in(username="ada", password="wrong")
    assert (refused.value.error, refused.value.description, refused.value.status) == (
        "invalid_grant",
        "wrong password",
        401,
    )
    assert calls == [API + "auth/login"]
    assert world.api.state is State.SIGNED_IN
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_a_401_to_a_request_without_a_token_starts_no_refresh(world: World) -> None:
    """Q17"""
    await world.signed_in()
    assert (await world.api.fetch(API + "notes", auth=False)).status == 401
    assert (await world.api.fetch("https://elsewhere.test/v1/notes")).status == 401
    assert world.endpoint.calls == 0
    assert world.server.tokens == [None, None]


async def test_only_a_request_that_carried_a_token_starts_a_refresh_and_the_endpoints_own_calls_never_do(
    world: World,
) -> None:
    """Q17: Only a request that carried a token can start a refresh; the endpoint's own calls never do.

    Seen in: Flyrell/axios-auth-refresh#41
    """
    asked: list[str] = []

    async def transport(request: Request) -> Response:
        asked.append(request.url.removeprefix(API))
        return Response(401, {}, b'{"error": "invalid_grant"}')

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    await world.signed_in()
    with pytest.raises(GrantRefused):
        await world.api.sign_in(username="ada", password="wrong")
    assert (await world.api.fetch(API + "public", auth=False)).status == 401
    assert (await world.api.fetch("https://elsewhere.test/x")).status == 401
    assert asked == ["auth/login", "public", "https://elsewhere.test/x"]
    assert world.api.state is State.SIGNED_IN, "a wrong password leaves the session that is on"
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionEnded)
    assert asked[3:] == ["notes", "auth/refresh"], "the refresh's own 401 starts none"
    await world.signed_in()
    with pytest.raises(SignOutRefused):
        await world.api.sign_out()
    assert asked[5:] == ["auth/logout"]


async def test_requests_wait_for_a_session_that_is_being_resumed(world: World) -> None:
    """Q18: Requests wait for the session that is being resumed.

    Seen in: badgateway/oauth2-client#110
    """
    world.endpoint.gate = Gate()
    resume = asyncio.create_task(world.api.resume())
    await world.endpoint.gate.reached()
    assert world.api.state is State.RESUMING
    requests = world.fetches(3)
    await settle()
    assert world.server.requests == []
    world.endpoint.gate.open()
    assert await resume is True
    assert [(await r).status for r in requests] == [200] * 3
    assert world.endpoint.asked_with == [None]


async def test_a_network_error_starts_no_refresh_unless_a_callers_predicate_says_so(world: World) -> None:
    """Q19: A network error starts no refresh by default; a caller's predicate can take it for a refusal.

    Seen in: Flyrell/axios-auth-refresh#133
    """

    async def transport(request: Request) -> Response:
        if request.headers["Authorization"] == "Bearer token-1":
            raise ConnectionResetError("gone, or a 401 without CORS headers")
        return Response(200)

    world.api = world.make(transport=transport)
    await world.signed_in()
    with pytest.raises(ConnectionResetError):
        await world.api.fetch(API + "notes")
    assert world.endpoint.calls == 0
    world.api = world.make(transport=transport, should_renew=lambda outcome: isinstance(outcome, OSError))
    await world.signed_in()
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.endpoint.calls == 1


async def test_a_callers_predicate_may_take_a_network_error_for_a_refusal(world: World) -> None:
    """Q19: a 401 without CORS headers looks like one."""
    failures = [OSError("opaque"), OSError("opaque")]

    async def transport(request: Request) -> Response:
        if request.headers["Authorization"] == "Bearer token-1":
            raise failures.pop()
        return Response(200)

    world.api = world.make(transport=transport, should_renew=lambda outcome: isinstance(outcome, OSError))
    await world.signed_in()
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.endpoint.calls == 1
    await world.signed_in()
    with pytest.raises(OSError, match="opaque"):
        await world.api.fetch(API + "notes", method="POST", body=iter([b"once"]))


async def test_a_callers_predicate_may_read_the_body_without_eating_it(world: World) -> None:
    """Q20: A caller's predicate can take an answer for a refusal, and can read its body without eating it.

    Seen in: urql's authExchange
    """

    class Body:
        status = 200

        def __init__(self, text: str) -> None:
            self.texts = [text]

        def clone(self) -> "Body":
            return Body(self.texts[0])

        async def text(self) -> str:
            return self.texts.pop()

    async def transport(request: Request) -> Any:
        expired = request.headers["Authorization"] == "Bearer token-1"
        return Body('{"errors": ["token expired"]}' if expired else '{"data": 1}')

    async def should_renew(response: Body) -> bool:
        return "token expired" in await response.text()

    world.api = world.make(transport=transport, should_renew=should_renew)
    await world.signed_in()
    for _ in range(2):  # a replay, and an answer that was judged
        assert await (await world.api.fetch(API + "graphql")).text() == '{"data": 1}'
    assert world.endpoint.calls == 1


async def test_a_401_that_the_callers_predicate_does_not_take_for_a_refusal_is_the_response(world: World) -> None:
    """Q20"""
    world.api = world.make(should_renew=lambda response: False)
    await world.signed_in()
    assert (await world.api.fetch(API + "notes")).status == 401
    assert world.endpoint.calls == 0


async def test_a_fresh_token_adds_no_task(world: World) -> None:
    """A request whose token is fresh costs nothing that its caller didn't ask for."""
    await world.signed_in("token-2")
    tasks: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, coro, **kw: tasks.append(coro) or asyncio.Task(coro, loop=loop, **kw))  # type: ignore[func-returns-value]
    await world.api.fetch(API + "notes")
    loop.set_task_factory(None)
    assert tasks == []


async def test_the_transports_own_response_is_handed_back(world: World) -> None:
    class Odd:
        status = 200
        headers: Mapping[str, str] = MappingProxyType({})

    answer = Odd()

    async def transport(request: Request) -> Any:
        return answer

    world.api = world.make(transport=transport)
    await world.signed_in()
    assert await world.api.fetch(API + "notes") is answer
    assert FakeApi().tokens == []


class Stream:
    """A response whose body arrives piece by piece, and may break off."""

    def __init__(self, status: int, pieces: list[Any]) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {}
        self.pieces = iter(pieces)

    async def read(self) -> Any:
        await asyncio.sleep(0)
        piece = next(self.pieces)
        if isinstance(piece, Exception):
            raise piece
        return piece


async def test_a_stream_looks_up_the_token_for_each_connection_and_nothing_is_replayed_once_bytes_came(
    world: World,
) -> None:
    """Q21: A stream's token is looked up for each connection, and nothing is replayed once bytes were delivered.

    Seen in: Azure/fetch-event-source#33
    """
    connections: list[str] = []

    async def transport(request: Request) -> Stream:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        connections.append(token)
        return Stream(200, [1, 2, OSError("gone")]) if token == world.server.accepts else Stream(401, [])

    world.api = world.make(transport=transport)
    world.server.accepts = "token-1"
    await world.signed_in()
    got: list[Any] = []
    for accepts in ("token-1", "token-2", "token-3"):
        world.server.accepts = accepts  # revoked while nobody was connected, the second and the third time
        stream = await world.api.fetch(API + "stream")
        while not isinstance(piece := await outcome(stream.read()), OSError):
            got.append(piece)
        await settle()
    assert got == [1, 2] * 3
    assert connections == ["token-1", "token-1", "token-2", "token-2", "token-3"]
    world.clock.advance(301)
    world.server.accepts = "token-4"
    assert (await world.api.fetch(API + "stream")).status == 200
    assert connections[5:] == ["token-4"], "an expired token is renewed before the connection"


async def test_a_refresh_while_a_stream_is_read_does_not_touch_the_stream(world: World) -> None:
    """Q21"""
    streams: list[Stream] = []

    async def transport(request: Request) -> Stream:
        streams.append(Stream(200, list(range(10))))
        return streams[-1]

    world.api = world.make(transport=transport)
    await world.signed_in()
    stream = await world.api.fetch(API + "stream")
    first = await stream.read()
    await world.api.renew()
    assert [first] + [await stream.read() for _ in range(9)] == list(range(10))
    assert len(streams) == 1


async def test_a_server_that_refuses_one_new_token_twice_counts_once(world: World) -> None:
    """Q4: of many replays with one token, the first tells that the next refresh pauses."""
    world.server.accepts = "none of them"
    await world.signed_in()
    assert [(await task).status for task in world.fetches(5)] == [401] * 5
    session = world.api._lifecycle.sessions.latest
    assert session is not None
    assert session.backoff._failures == 1


async def test_a_server_that_refuses_new_tokens_too_is_asked_with_pauses(world: World) -> None:
    """Q4: every refresh succeeds, so nothing else would slow it down."""
    world.server.accepts = "none of them"
    await world.signed_in()
    began = asyncio.get_running_loop().time()
    for _ in range(100):
        assert (await world.api.fetch(API + "notes")).status == 401
    assert asyncio.get_running_loop().time() - began > 10
