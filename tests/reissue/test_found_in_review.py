"""Each bug that a review or a mutant found, by its symptom."""

import asyncio
import gc
from typing import Any

import jwt
from reissue import (
    Credential,
    Endpoint,
    Event,
    GrantRefused,
    Interceptor,
    RefreshEvent,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    RequestEvent,
    RequestPhase,
    Response,
    SessionChanged,
    SessionEnded,
    State,
)
from reissue.testing import Gate, settle

from tests.reissue.conftest import API, World, outcome


def token_of(user: str, number: int = 0) -> str:
    return jwt.encode({"sub": user, "jti": str(number)}, "k" * 40, "HS256")


async def test_a_refresh_that_brings_another_users_token_replays_nothing_as_them(world: World) -> None:
    """S3: a sign-in that was given up, or another tab, has put grace's cookie in the place of ada's."""
    ada, grace = token_of("ada"), token_of("grace")
    world.endpoint.answer = lambda number: Credential(access_token=grace, expires_in=300)
    world.server.accepts = grace
    await world.signed_in(ada)
    errors = [await outcome(task) for task in world.fetches(3, method="POST", json={"mine": True})]
    assert [type(error) for error in errors] == [SessionChanged] * 3
    assert set(world.server.tokens) == {ada}
    told = [event.phase for event in world.events if isinstance(event, RefreshEvent)]
    assert told == [RefreshPhase.STARTED, RefreshPhase.DROPPED]
    assert world.api.claims["sub"] == "grace"
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_a_refresh_for_the_same_user_goes_on(world: World) -> None:
    """S3, the other side."""
    new = token_of("ada", 2)
    world.endpoint.answer = lambda number: Credential(access_token=new, expires_in=300)
    world.server.accepts = new
    await world.signed_in(token_of("ada", 1))
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_a_request_that_waits_for_a_resume_is_not_sent_as_who_signs_in_meanwhile(world: World) -> None:
    """S3"""
    world.endpoint.gate = Gate()
    resume = asyncio.create_task(world.api.resume())
    await world.endpoint.gate.reached()
    waiting = world.fetches(1)[0]
    await settle()
    signing_out = asyncio.create_task(world.api.sign_out())
    await settle()
    await world.api.adopt("token-2", expires_in=300)
    world.endpoint.gate.open()
    await signing_out
    assert isinstance(await outcome(waiting), SessionEnded)
    assert await resume is False, "nobody was signed in when it ended"
    assert world.server.requests == []


async def test_a_listener_that_adopts_another_user_leaves_the_resumed_ones_requests_unsent(world: World) -> None:
    """S3"""
    world.endpoint.gate = Gate()
    adopting: list[asyncio.Task[None]] = []

    def listener(event: Event) -> None:
        if not adopting and isinstance(event, RequestEvent):
            adopting.append(asyncio.create_task(world.api.adopt("token-2")))

    world.api.on(listener)
    resume = asyncio.create_task(world.api.resume())
    await world.endpoint.gate.reached()
    waiting = world.fetches(1)[0]
    await settle()
    world.endpoint.gate.open()
    await resume
    assert isinstance(await outcome(waiting), SessionChanged)
    assert world.server.requests == []


async def test_after_a_resume_that_could_not_ask_requests_ask_again_and_send_nobody_to_the_form(world: World) -> None:
    """F1, Q18: a reload while offline."""
    world.endpoint.failure = OSError("offline")
    assert isinstance(await outcome(world.api.resume()), RefreshUnavailable)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), RefreshUnavailable)
    world.endpoint.failure = None
    world.server.accepts = "token-4"
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_resume_keeps_retry_after_and_pauses(world: World) -> None:
    """F2, F8"""
    world.endpoint.failure = RefreshUnavailable("429", retry_after=60)
    for _ in range(50):
        assert isinstance(await outcome(world.api.resume()), RefreshUnavailable)
    assert world.endpoint.calls == 1
    world.endpoint.failure = OSError("offline")
    world.clock.advance(61)
    began = asyncio.get_running_loop().time()
    for _ in range(50):
        assert isinstance(await outcome(world.api.resume()), RefreshUnavailable)
    assert asyncio.get_running_loop().time() - began > 20
    world.endpoint.failure = None
    paused = asyncio.create_task(world.api.resume())
    await settle()
    world.api.wake()
    assert await paused is True


async def test_a_server_that_refuses_new_tokens_too_is_asked_with_pauses(world: World) -> None:
    """Q4: every refresh succeeds, so nothing else would slow it down."""
    world.server.accepts = "none of them"
    await world.signed_in()
    began = asyncio.get_running_loop().time()
    for _ in range(100):
        assert (await world.api.fetch(API + "notes")).status == 401
    assert asyncio.get_running_loop().time() - began > 10


async def test_stale_requests_keep_retry_after(world: World) -> None:
    """F2"""
    world.server.accepts = "token-1"
    world.endpoint.failure = RefreshUnavailable("429", retry_after=15)
    await world.signed_in()
    world.clock.advance(280)
    for _ in range(5):
        assert (await world.api.fetch(API + "notes")).status == 200
        await asyncio.sleep(10)  # virtual: any pause is over
    assert world.endpoint.calls == 1


async def test_a_sign_in_behind_a_refresh_that_hangs_has_its_whole_deadline(world: World) -> None:
    """Q13: the wait for the lock is not the call's own fault."""

    async def transport(request: Request) -> Response:
        if request.url.endswith("login"):
            await asyncio.sleep(10)
            return Response(200, {}, b'{"access_token": "token-2"}')
        if "/auth/" in request.url:
            await asyncio.sleep(1000)
        return Response(401)

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    await world.signed_in()
    hanging = world.fetches(1)[0]
    await settle()
    await asyncio.sleep(7)
    await world.api.sign_in(username="grace")
    assert isinstance(await outcome(hanging), RefreshUnavailable | SessionChanged)
    assert world.api.state is State.SIGNED_IN


async def test_another_client_may_be_used_within_an_endpoint_and_a_circle_of_two_is_an_error(world: World) -> None:
    """Q3"""
    inner = world.make(endpoint=world.endpoint)
    await inner.adopt("token-2")

    async def refresh(credential: Credential | None) -> Credential:
        assert (await inner.fetch(API + "config")).status == 200
        return Credential(access_token="token-2", expires_in=300)

    outer = world.make(endpoint=refresh)
    await outer.adopt("token-1")
    assert (await outer.fetch(API + "notes")).status == 200

    clients: list[Interceptor] = []

    def through(number: int) -> Any:
        async def endpoint(credential: Credential | None) -> Credential:
            await clients[number].fetch(API + "token")
            raise AssertionError("not reached")

        return endpoint

    clients += [world.make(endpoint=through(1)), world.make(endpoint=through(0))]
    for client in clients:
        await client.adopt("token-1")
    began = asyncio.get_running_loop().time()
    assert isinstance(await outcome(clients[0].fetch(API)), RefreshUnavailable)
    assert asyncio.get_running_loop().time() == began, "an error, and no wait for a deadline"


async def test_a_strangers_network_error_is_not_quoted(world: World) -> None:
    """X7"""
    world.endpoint.failure = OSError("https://api.test/?refresh_token=s3cr3t")
    await world.signed_in()
    assert "s3cr3t" not in str(await outcome(world.api.fetch(API + "notes")))


async def test_an_endpoint_that_cancels_itself_is_paused_like_one_that_fails(world: World) -> None:
    """Q12, F8"""
    world.endpoint.failure = asyncio.CancelledError()
    await world.signed_in()
    began = asyncio.get_running_loop().time()
    for _ in range(30):
        assert isinstance(await outcome(world.api.fetch(API + "notes")), RefreshUnavailable)
    assert asyncio.get_running_loop().time() - began > 5


async def test_a_renewal_whose_endpoint_cancels_itself_has_not_succeeded(world: World) -> None:
    """Q12, F1"""
    world.endpoint.failure = asyncio.CancelledError()
    await world.signed_in()
    assert isinstance(await outcome(world.api.renew()), RefreshUnavailable)
    told = [(event.phase, event.error) for event in world.events if isinstance(event, RefreshEvent)]
    assert told == [(RefreshPhase.STARTED, None), (RefreshPhase.UNAVAILABLE, "CancelledError")]


async def test_a_refusal_raised_many_times_does_not_grow(world: World) -> None:
    world.endpoint.failure = GrantRefused("invalid_grant", "gone", status=400)
    await world.signed_in()
    errors = [await outcome(world.api.renew()) for _ in range(3)]
    assert len({id(error) for error in errors}) == 3
    assert {(e.error, e.description, e.status) for e in errors} == {("invalid_grant", "gone", 400)}


async def test_events_that_nobody_iterates_keep_nothing(world: World) -> None:
    world.api.events()
    gc.collect()
    assert not list(world.api._listeners._streams)


async def test_a_sign_in_that_answers_after_close_begins_no_session(world: World) -> None:
    """S1"""
    gate = Gate()

    async def transport(request: Request) -> Response:
        await gate.passed()
        return Response(200, {}, b'{"access_token": "a"}')

    api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    sign_in = asyncio.create_task(outcome(api.sign_in(username="ada")))
    await gate.reached()
    closing = asyncio.create_task(api.close())
    await settle()
    gate.open()
    assert isinstance(await sign_in, SessionEnded)
    await closing
    assert api.state is State.SIGNED_OUT


async def test_success_forgets_failures(world: World) -> None:
    """F8"""
    await world.signed_in()
    world.endpoint.failure = OSError()
    for _ in range(8):
        await outcome(world.api.renew())
    world.endpoint.failure = None
    await world.api.renew()
    began = asyncio.get_running_loop().time()
    await world.api.renew()
    assert asyncio.get_running_loop().time() == began


async def test_waking_ends_one_pause_and_not_all(world: World) -> None:
    """F8"""
    await world.signed_in()
    world.endpoint.failure = OSError()
    await outcome(world.api.renew())
    world.api.wake()
    began = asyncio.get_running_loop().time()
    for _ in range(30):
        await outcome(world.api.renew())
    assert asyncio.get_running_loop().time() - began > 5


async def test_a_session_that_was_refused_waits_for_a_resume_like_none(world: World) -> None:
    """Q18"""
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    await outcome(world.api.fetch(API))
    world.endpoint.failure = None
    world.server.accepts = "token-3"
    world.endpoint.gate = Gate()
    resume = asyncio.create_task(world.api.resume())
    await world.endpoint.gate.reached()
    waiting = world.fetches(1)[0]
    await settle()
    world.endpoint.gate.open()
    assert await resume
    assert (await waiting).status == 200


async def test_whether_a_session_that_was_refused_lives_on_is_asked_again_if_a_resume_could_not(world: World) -> None:
    """Q18, F1: nobody knows, so nobody is told to sign in again."""
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    assert isinstance(await outcome(world.api.fetch(API)), SessionEnded)
    world.endpoint.failure = OSError("offline")
    assert isinstance(await outcome(world.api.resume()), RefreshUnavailable)
    assert isinstance(await outcome(world.api.fetch(API)), RefreshUnavailable)
    world.endpoint.failure = None
    world.server.accepts = "token-5"
    assert (await world.api.fetch(API)).status == 200


async def test_what_a_resume_could_not_ask_does_not_matter_any_more_after_a_sign_in(world: World) -> None:
    """F7"""
    world.endpoint.failure = OSError("offline")
    assert isinstance(await outcome(world.api.resume()), RefreshUnavailable)
    await world.signed_in()
    world.endpoint.failure = GrantRefused("invalid_grant")
    calls = world.endpoint.calls
    for _ in range(3):
        assert isinstance(await outcome(world.api.fetch(API)), SessionEnded)
    assert world.endpoint.calls == calls + 1


async def test_a_late_401_over_a_newer_credential_that_has_expired_renews_it(world: World) -> None:
    """Q2"""
    await world.signed_in()
    session = world.api._sessions._session
    assert session is not None
    old = session.credential
    await session.renew(rejected=old)
    world.clock.advance(1000)
    assert (await session.renew(rejected=old)).access_token == "token-3"


async def test_a_cancelled_request_is_told(world: World) -> None:
    world.server.gate = Gate()
    await world.signed_in("token-2")
    call = world.fetches(1)[0]
    await world.server.gate.reached()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert world.events[-1].phase is RequestPhase.CANCELLED


async def test_a_body_that_is_read_by_async_iteration_is_sent_once(world: World) -> None:
    """Q8"""

    async def chunks() -> Any:
        yield b"once"

    await world.signed_in()
    assert (await world.api.fetch(API, method="POST", body=chunks())).status == 401
    assert len(world.server.requests) == 1
