"""Whose session it is, and what a caller does with sessions."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from reissue import (
    Credential,
    Endpoint,
    EndpointPhase,
    Event,
    GrantRefused,
    Interceptor,
    MalformedToken,
    RefreshEvent,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    RequestEvent,
    RequestPhase,
    Response,
    SessionChanged,
    SessionEnded,
    SessionEvent,
    SessionPhase,
    State,
)
from reissue.storage import Memory
from reissue.testing import Gate, settle

from tests.reissue.auth_server import AuthServer
from tests.reissue.conftest import API, World, outcome
from tests.reissue.virtual_time import VirtualTimeLoop


@pytest.fixture
def server(world: World) -> AuthServer:
    server = AuthServer()
    world.api = world.make(transport=server, endpoint=Endpoint(API + "auth"))
    return server


async def test_without_a_session_nothing_is_sent(world: World) -> None:
    with pytest.raises(SessionEnded) as ended:
        await world.api.fetch(API + "notes")
    assert ended.value.reason == "signed_out"
    assert world.server.requests == []
    assert (world.api.state, world.api.expires_in) == (State.SIGNED_OUT, None)
    assert (world.api.claims, world.api.identity) == ({}, {})


async def test_sign_in_fetch_and_sign_out(world: World, server: AuthServer) -> None:
    await world.api.sign_in(username="ada", password="secret")
    assert world.api.state is State.SIGNED_IN
    assert world.api.expires_in == 300
    assert (await world.api.fetch(API + "notes")).status == 200
    await world.api.sign_out()
    assert str(world.api.state) == "State.SIGNED_OUT"
    assert server.log == ["auth/login", "notes", "auth/logout"]
    assert (await outcome(world.api.fetch(API + "notes"))).reason == "signed_out"


async def test_sign_out_during_a_refresh_drops_the_late_answer(world: World, server: AuthServer) -> None:
    """S1, S2: the refresh on the wire is seen through before the endpoint hears of the sign-out."""
    await world.signed_in("old")
    server.gates["refresh"] = Gate()
    waiting = world.fetches(3)
    await server.gates["refresh"].reached()
    sign_out = asyncio.create_task(world.api.sign_out())
    await settle()
    assert [type(await outcome(w)) for w in waiting] == [SessionEnded] * 3, "at once"
    assert "auth/logout" not in server.log
    server.gates["refresh"].open()
    await sign_out
    await settle()
    assert world.api.state is State.SIGNED_OUT
    assert server.log[-1] == "auth/logout"
    assert RefreshPhase.DROPPED in [e.phase for e in world.events]


@pytest.mark.parametrize("steps", range(12))
async def test_a_sign_out_at_any_step_of_a_refresh_is_not_undone_by_its_answer(
    world: World, server: AuthServer, steps: int
) -> None:
    """S1: The answer of a refresh that comes after the sign-out is dropped, at whatever step of the refresh that was.

    Seen in: logto-io/kotlin#253, supabase/supabase-js#2392; axios-jwt (measured)
    """
    store = Memory()
    world.api = world.make(transport=server, endpoint=Endpoint(API + "auth"), store=store)
    await world.signed_in("old")
    waiting = world.fetches(1)[0]
    await settle(steps)
    sent = server.log.count("notes/0")
    await world.api.sign_out()
    await settle()
    assert world.api.state is State.SIGNED_OUT
    assert world.api._lifecycle.sessions.latest is None
    answer = await outcome(waiting)
    assert isinstance(answer, SessionEnded) or answer.status in (200, 401)
    assert server.log.count("notes/0") == sent, "nothing goes out after the sign-out"
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionEnded)
    kept = store.read()
    assert kept is None or "good" not in kept


@pytest.mark.parametrize("answers", [True, False])
async def test_a_sign_out_comes_after_the_refresh_on_the_wire_has_landed(world: World, answers: bool) -> None:
    """S2: The endpoint is told of a sign-out after the refresh on the wire has landed, or its deadline has passed.

    Seen in: CERTUNLP/ngen#275
    """
    log: list[str] = []
    on_the_wire = Gate()

    async def transport(request: Request) -> Response:
        path = request.url.removeprefix(API)
        log.append(path)
        if path == "auth/refresh":
            try:
                await on_the_wire.passed()
                log.append("a new cookie is set")
            except asyncio.CancelledError:
                log.append("aborted")
                raise
        return Response(204 if path == "auth/logout" else 401)

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    await world.signed_in(refresh_token=None)
    waiting = world.fetches(1)[0]
    await on_the_wire.reached()
    signing_out = asyncio.create_task(world.api.sign_out())
    assert isinstance(await outcome(waiting), SessionEnded)
    assert log == ["notes/0", "auth/refresh"]
    if answers:
        on_the_wire.open()
    await signing_out
    assert log == ["notes/0", "auth/refresh", "a new cookie is set" if answers else "aborted", "auth/logout"]


@pytest.mark.parametrize("steps", range(1, 12))
async def test_a_refresh_whose_session_ends_in_the_step_before_it_is_sent_is_never_sent(
    world: World, steps: int
) -> None:
    """S1, S2. Found by the simulator."""
    sent: list[str] = []
    sent_by_the_end: list[int] = []

    async def refresh(credential: Credential | None) -> Credential:
        sent.append("refresh")
        await asyncio.sleep(1)
        return Credential(access_token="token-2")

    world.api = world.make(endpoint=refresh)
    world.api.on(lambda event: sent_by_the_end.append(len(sent)) if event.phase is SessionPhase.ENDED else None)
    await world.signed_in()
    renewing = asyncio.create_task(outcome(world.api.renew()))
    for _ in range(steps):
        await asyncio.sleep(0)
    await world.api.adopt("token-3", expires_in=300)
    assert isinstance(await renewing, SessionChanged)
    assert sent_by_the_end == [len(sent)]


async def test_a_refresh_that_a_sign_out_stops_in_its_pause_never_began_and_is_not_told(world: World) -> None:
    """Found by the simulator: 'dropped' was told of a refresh that had not started."""
    world.endpoint.failure = OSError("offline")
    await world.signed_in()
    for _ in range(20):
        await outcome(world.api.fetch(API + "notes"))
    session = world.api._lifecycle.alive
    assert session is not None
    session.backoff._fraction = lambda: 0.5  # it may be so short that it is none
    pausing = world.fetches(1)[0]
    await settle()
    await world.api.sign_out()
    assert isinstance(await outcome(pausing), SessionEnded)
    assert RefreshPhase.DROPPED not in [e.phase for e in world.events]


async def test_a_refresh_that_answers_in_the_same_step_as_the_sign_out_is_dropped(world: World) -> None:
    """S1: cancelling comes too late for an endpoint that will not be stopped."""
    answered = asyncio.Event()

    async def refresh(credential: Credential | None) -> Credential:
        with suppress(asyncio.CancelledError):
            await answered.wait()
        return Credential(access_token="token-2")

    world.api = world.make(endpoint=refresh)
    await world.signed_in()
    request = world.fetches(1)[0]
    await settle()
    await world.api.sign_out()
    assert isinstance(await outcome(request), SessionEnded)
    await settle()
    assert world.api.state is State.SIGNED_OUT
    assert world.server.tokens == ["token-1"]
    told = [event.phase for event in world.events if event.phase in RefreshPhase]
    assert told == [RefreshPhase.STARTED, RefreshPhase.DROPPED]


async def test_a_sign_out_in_the_step_in_which_a_renewal_succeeds_is_what_its_caller_hears_of(world: World) -> None:
    """S1, Q15"""

    def listener(event: Event) -> None:
        if event.phase is RefreshPhase.SUCCEEDED:
            signing_out.append(asyncio.create_task(world.api.sign_out()))

    signing_out: list[asyncio.Task[None]] = []
    await world.signed_in()
    world.api.on(listener)
    error = await outcome(world.api.renew())
    assert isinstance(error, SessionEnded)
    assert error.reason == "signed_out"
    await signing_out[0]


def test_a_sign_in_that_is_given_up_before_it_was_sent_sends_no_password() -> None:
    """S2: in whatever order the callbacks run, and whatever becomes of the task that gave up."""
    sent: list[Request] = []

    async def transport(request: Request) -> Response:
        sent.append(request)
        return Response(401)

    async def given_up(steps: int) -> None:
        async def app() -> None:
            with suppress(asyncio.CancelledError):
                await api.sign_in(username="ada")
            signing_in.uncancel()

        api = Interceptor(transport, audience=API, endpoint=Endpoint(API + "auth"))
        signing_in = asyncio.create_task(app())
        await settle(steps)
        signing_in.cancel()
        before = len(sent)
        await settle()
        assert len(sent) == before
        await api.close()

    for seed in range(1, 100):
        with asyncio.Runner(loop_factory=lambda seed=seed: VirtualTimeLoop(seed)) as runner:  # type: ignore[misc]
            runner.run(given_up(seed % 4))


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_sign_out_during_a_sign_in_wins(world: World, server: AuthServer, before: int) -> None:
    """S1: however often somebody has signed out before."""
    for _ in range(before):
        await world.api.sign_out()
    server.log.clear()
    server.gates["login"] = Gate()
    sign_in = asyncio.create_task(world.api.sign_in(username="ada"))
    await server.gates["login"].reached()
    sign_out = asyncio.create_task(world.api.sign_out())
    await settle()
    server.gates["login"].open()
    assert isinstance(await outcome(sign_in), SessionEnded)
    await sign_out
    assert world.api.state is State.SIGNED_OUT
    assert server.log == ["auth/login", "auth/logout"]


async def test_sign_out_during_resume_wins(world: World, server: AuthServer) -> None:
    """S1"""
    server.gates["refresh"] = Gate()
    resume = asyncio.create_task(world.api.resume())
    await server.gates["refresh"].reached()
    request = world.fetches(1)[0]
    await settle()
    await world.api.sign_out()
    assert await resume is False
    assert isinstance(await outcome(request), SessionEnded)
    assert world.api.state is State.SIGNED_OUT


async def test_a_sign_in_waits_for_a_refresh_on_the_wire(world: World, server: AuthServer) -> None:
    """S2: otherwise the old user's cookie may land on top of the new one's."""
    await world.signed_in("old")
    server.gates["refresh"] = Gate()
    old = world.fetches(1)[0]
    await server.gates["refresh"].reached()
    server.gates["login"] = Gate()
    sign_in = asyncio.create_task(world.api.sign_in(username="grace"))
    await settle()
    assert "auth/login" not in server.log
    server.gates["refresh"].open()
    await server.gates["login"].reached()
    assert (await old).status == 200
    server.gates["login"].open()
    await sign_in
    assert server.log.count("auth/login") == 1


async def test_another_users_requests_are_never_sent_as_the_new_user(world: World) -> None:
    """S3: When another user signs in, the requests that wait fail as 'session changed', and are never sent as the new
    user.

    Seen in: ginlix-ai/LangAlpha#387
    """
    world.endpoint.gate = Gate()
    await world.signed_in()
    waiting = world.fetches(5)
    await world.endpoint.gate.reached()
    sent = len(world.server.requests)
    await world.api.adopt("token-2", expires_in=300)
    assert [type(await outcome(w)) for w in waiting] == [SessionChanged] * 5
    world.endpoint.gate.open()
    await settle()
    assert len(world.server.requests) == sent
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.server.tokens[-1] == "token-2"


async def test_a_401_that_comes_back_after_another_user_signed_in_is_not_replayed(world: World) -> None:
    """S3: on the wire, too."""
    world.server.gate = Gate()
    await world.signed_in()
    request = world.fetches(1)[0]
    await world.server.gate.reached()
    await world.api.adopt("token-2", expires_in=300)
    world.server.gate.open()
    assert isinstance(await outcome(request), SessionChanged)
    assert world.server.tokens == ["token-1"]
    assert world.endpoint.calls == 0
    assert not any(isinstance(event, RefreshEvent) for event in world.events)


async def test_a_listener_may_start_any_call(world: World, server: AuthServer) -> None:
    """S4: signing out from within 'refresh started' must not wait for itself."""
    started: list[asyncio.Task[Any]] = []

    def listener(event: Event) -> None:
        if event.phase is RefreshPhase.STARTED:
            started.append(asyncio.create_task(world.api.sign_out()))

    await world.signed_in("old")
    world.api.on(listener)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionEnded)
    await started[0]
    assert world.api.state is State.SIGNED_OUT


@pytest.mark.parametrize("call", ["fetch", "renew", "resume", "sign_in", "adopt", "sign_out", "close"])
async def test_a_listener_may_start_any_call_at_any_event_and_nothing_waits_for_itself(
    world: World, server: AuthServer, call: str
) -> None:
    """S4: Listeners run outside every lock: one that calls the client, at whatever event, waits for nothing.

    Seen in: supabase/auth-js#762
    """

    def started() -> Any:
        arguments: dict[str, Any] = {"fetch": (API + "notes",), "adopt": ("good",)}
        return getattr(world.api, call)(*arguments.get(call, ()))

    phases = [SessionPhase.STARTED, *EndpointPhase, *RefreshPhase, *RequestPhase]
    for phase in phases:
        world.api = world.make(transport=server, endpoint=Endpoint(API + "auth"))
        calls: list[asyncio.Task[Any]] = []

        def listener(event: Event, phase: Any = phase, calls: list[Any] = calls) -> None:
            if event.phase is phase and not calls:
                calls.append(asyncio.create_task(outcome(started())))

        world.api.on(listener)
        await world.signed_in("old")
        own = await outcome(world.api.fetch(API + "notes"))
        assert isinstance(own, SessionEnded | SessionChanged) or own.status == 200, (phase, own)
        for task in calls:
            error = await task
            assert not isinstance(error, Exception) or isinstance(error, SessionEnded | SessionChanged), (phase, error)


async def test_a_listener_that_raises_disturbs_no_request(world: World) -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))

    def listener(event: Event) -> None:
        raise ZeroDivisionError

    world.api.on(listener)
    await world.signed_in()
    assert (await world.api.fetch(API + "notes")).status == 200
    assert {type(r["exception"]) for r in reports} == {ZeroDivisionError}


async def test_a_coroutine_function_is_no_listener(world: World) -> None:
    async def listener(event: Event) -> None: ...

    with pytest.raises(TypeError, match="plain function"):
        world.api.on(listener)


async def test_unsubscribing_stops_the_listener_and_may_be_done_twice(world: World) -> None:
    heard: list[Event] = []
    unsubscribe = world.api.on(heard.append)
    await world.signed_in()
    unsubscribe()
    unsubscribe()
    await world.api.fetch(API + "notes")
    assert [e.phase for e in heard] == [SessionPhase.STARTED]


async def test_events_can_be_iterated_from_the_call_on_until_close(world: World) -> None:
    stream = world.api.events()
    await world.signed_in()
    await world.api.close()
    assert [e.phase async for e in stream if isinstance(e, SessionEvent)] == [SessionPhase.STARTED, SessionPhase.ENDED]
    assert [e async for e in world.api.events()] == []


async def test_resume_takes_up_a_session_and_says_whether_there_was_one(world: World) -> None:
    assert await world.api.resume() is True
    assert await world.api.resume() is True
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.endpoint.asked_with == [None]


async def test_resume_without_a_session_is_false_and_no_error(world: World) -> None:
    world.endpoint.failure = GrantRefused("invalid_grant")
    assert await world.api.resume() is False
    assert world.api.state is State.SIGNED_OUT


@pytest.mark.parametrize("failure", [OSError("offline"), RefreshUnavailable("503"), TimeoutError()])
async def test_resume_that_cannot_ask_raises_since_nobody_knows(world: World, failure: Exception) -> None:
    world.endpoint.failure = failure
    waiting = asyncio.create_task(outcome(world.api.resume()))
    await asyncio.sleep(0)
    request = world.fetches(1)[0]
    assert isinstance(await waiting, RefreshUnavailable)
    assert isinstance(await outcome(request), RefreshUnavailable | SessionEnded)


@pytest.mark.usefixtures("longest_pauses")
async def test_a_resume_that_failed_pauses_before_the_next_and_goes_on_once_the_network_is_back(world: World) -> None:
    """F8"""
    world.endpoint.failure = OSError("offline")
    assert isinstance(await outcome(world.api.resume()), RefreshUnavailable)
    world.endpoint.failure = None
    resuming = asyncio.create_task(world.api.resume())
    await settle()
    assert world.endpoint.calls == 1
    began = asyncio.get_running_loop().time()
    world.api._lifecycle.wake()
    assert await resuming is True
    assert asyncio.get_running_loop().time() == began


@pytest.mark.usefixtures("longest_pauses")
async def test_once_it_is_known_that_nobody_is_signed_in_nobody_asks_again_or_pauses(world: World) -> None:
    """F7, F8"""
    world.endpoint.failure = RefreshUnavailable("busy")
    error = await outcome(world.api.resume())
    assert (error, error.__cause__) == (world.endpoint.failure, None)
    world.endpoint.failure = GrantRefused("invalid_grant")
    assert await world.api.resume() is False
    began = asyncio.get_running_loop().time()
    assert isinstance(await outcome(world.api.fetch(API)), SessionEnded)
    assert world.endpoint.calls == 2
    assert await world.api.resume() is False
    assert asyncio.get_running_loop().time() == began


async def test_cancelling_the_one_who_resumes_leaves_the_others_waiting(world: World) -> None:
    world.endpoint.gate = Gate()
    first, second = asyncio.create_task(world.api.resume()), asyncio.create_task(world.api.resume())
    await world.endpoint.gate.reached()
    first.cancel()
    world.endpoint.gate.open()
    assert await second is True
    assert world.endpoint.calls == 1


async def test_an_adopted_session_is_not_overwritten_by_a_resume_that_answers_later(world: World) -> None:
    world.endpoint.gate = Gate()
    resume = asyncio.create_task(world.api.resume())
    await world.endpoint.gate.reached()
    await world.api.adopt("token-2", expires_in=60)
    world.endpoint.gate.open()
    assert await resume is True
    assert world.api.expires_in == 60


async def test_a_new_sign_in_ends_the_old_session_after_it_began(world: World) -> None:
    await world.signed_in()
    await world.signed_in("token-2")
    told = [(e.session, e.phase, e.reason) for e in world.events if isinstance(e, SessionEvent)]
    assert told == [
        (1, SessionPhase.STARTED, None),
        (1, SessionPhase.ENDED, "replaced"),
        (2, SessionPhase.STARTED, None),
    ]


async def test_a_sign_out_presents_the_refresh_token_that_the_page_holds(world: World) -> None:
    """F11, the other side: the server can end what it knows."""
    told: list[Request] = []

    async def transport(request: Request) -> Response:
        told.append(request)
        return Response(200)

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    await world.signed_in()
    await world.api.sign_out()
    (request,) = told
    assert b'"refresh-1"' in request.body


@pytest.mark.parametrize(("ended", "reason"), [("close", "closed"), ("sign_out", "signed_out")])
async def test_a_sign_in_that_was_overtaken_says_by_what(
    world: World, server: AuthServer, ended: str, reason: str
) -> None:
    """S1"""
    server.gates["login"] = Gate()
    signing_in = asyncio.create_task(world.api.sign_in(username="ada"))
    await server.gates["login"].reached()
    ending = asyncio.create_task(getattr(world.api, ended)())
    await settle()
    server.gates["login"].open()
    error = await outcome(signing_in)
    assert isinstance(error, SessionEnded)
    assert error.reason == reason
    await ending


async def test_a_callable_endpoint_can_not_sign_in_and_says_what_to_do(world: World) -> None:
    with pytest.raises(TypeError, match=r"adopt\(\)"):
        await world.api.sign_in(username="ada")
    await world.signed_in()
    await world.api.sign_out()
    assert world.endpoint.calls == 0


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ünïcode", None, 7, b"bytes"])
async def test_a_token_that_could_not_be_sent_is_not_adopted(world: World, token: Any) -> None:
    with pytest.raises(MalformedToken) as malformed:
        await world.api.adopt(token)
    assert not token or str(token) not in str(malformed.value)
    assert world.api.state is State.SIGNED_OUT


@pytest.mark.parametrize("life", [-1, float("nan"), float("inf"), 10**400, "300", True])
async def test_a_life_that_is_no_number_of_seconds_is_not_adopted(world: World, life: Any) -> None:
    with pytest.raises(MalformedToken):
        await world.api.adopt("token", expires_in=life)


async def test_every_close_waits_for_what_is_on_the_wire(world: World) -> None:
    world.endpoint.gate = Gate()
    await world.signed_in()
    renewing = asyncio.create_task(world.api.renew())
    await world.endpoint.gate.reached()
    closing = [asyncio.create_task(world.api.close()) for _ in range(2)]
    await settle()
    assert not any(close.done() for close in closing)
    world.endpoint.gate.open()
    await asyncio.gather(*closing)
    assert isinstance(await outcome(renewing), SessionEnded)


async def test_close_lets_go_of_everything(world: World) -> None:
    world.endpoint.gate = Gate()
    await world.signed_in()
    waiting = world.fetches(3)
    await world.endpoint.gate.reached()
    await world.api.close()
    await world.api.close()
    errors = [await outcome(w) for w in waiting]
    assert [(type(e), e.reason) for e in errors] == [(SessionEnded, "closed")] * 3
    for call in (world.api.fetch(API), world.api.sign_in(), world.api.sign_out(), world.api.resume()):
        assert (await outcome(call)).reason == "closed"
    assert (await outcome(world.api.adopt("token"))).reason == "closed"
    assert (await outcome(world.api.renew())).reason == "closed"


async def test_claims_are_shown_and_an_opaque_token_has_none(world: World) -> None:
    import jwt

    await world.api.adopt(jwt.encode({"sub": "ada", "exp": 9, "iat": 3}, "k" * 40, "HS256"))
    assert world.api.claims["sub"] == "ada"
    assert world.api.expires_in == 6
    await world.api.adopt("opaque")
    assert world.api.claims == {}
    assert world.api.expires_in is None


async def test_a_request_that_waits_for_a_resume_hears_of_the_close(world: World) -> None:
    """Q18"""
    world.endpoint.gate = Gate()
    resume = asyncio.create_task(world.api.resume())
    await world.endpoint.gate.reached()
    waiting = world.fetches(1)[0]
    await settle()
    await world.api.close()
    assert await resume is False
    error = await outcome(waiting)
    assert (type(error), error.reason) == (SessionEnded, "closed")


async def test_a_request_that_waits_for_a_resume_is_not_sent_as_who_signs_in_after_a_sign_out(world: World) -> None:
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
