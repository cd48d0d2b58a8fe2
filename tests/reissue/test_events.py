"""What a listener hears of a request, a refresh and a session, from the first event to the last."""

import asyncio
import gc
from typing import Any

from reissue import (
    Endpoint,
    EndpointEvent,
    EndpointPhase,
    Event,
    GrantRefused,
    MissedEvents,
    RefreshEvent,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    RequestEvent,
    RequestPhase,
    Response,
    SessionEvent,
    SessionPhase,
    WaitsFor,
)
from reissue.events import EndpointCall
from reissue.session.listeners import Listeners
from reissue.testing import Clock, Gate, settle

from tests.reissue.conftest import API, World, outcome

START = 1_700_000_000.0  # where the clock of these tests begins


def request(phase: RequestPhase, *, at: float = START, number: int = 1, **fields: Any) -> RequestEvent:
    return RequestEvent(at=at, request=number, phase=phase, **{"method": "GET", "url": API + "notes", **fields})


def refresh(phase: RefreshPhase, *, at: float = START, number: int = 1, **fields: Any) -> RefreshEvent:
    return RefreshEvent(at=at, session=number, phase=phase, **fields)


def called(phase: EndpointPhase, *, at: float = START, call: EndpointCall = "refresh", **fields: Any) -> EndpointEvent:
    return EndpointEvent(at=at, call=call, phase=phase, **fields)


def session(phase: SessionPhase, *, at: float = START, number: int = 1, **fields: Any) -> SessionEvent:
    return SessionEvent(at=at, session=number, phase=phase, **fields)


async def test_every_step_of_a_replayed_request_is_told(world: World) -> None:
    await world.signed_in()
    world.clock.advance(7)
    await world.api.fetch(API + "notes?page=2", method="POST", body=b"hi")
    steps: list[Event] = [
        request(RequestPhase.STARTED, at=START + 7, method="POST"),
        request(RequestPhase.SENT, at=START + 7, method="POST"),
        request(RequestPhase.REFUSED, at=START + 7, method="POST", status=401),
        refresh(RefreshPhase.STARTED, at=START + 7),
        called(EndpointPhase.ASKED, at=START + 7),
        called(EndpointPhase.ANSWERED, at=START + 7),
        refresh(RefreshPhase.SUCCEEDED, at=START + 7, expires_in=300),
        request(RequestPhase.REPLAYED, at=START + 7, method="POST"),
        request(RequestPhase.DONE, at=START + 7, method="POST", status=200),
    ]
    assert world.events == [session(SessionPhase.STARTED), *steps]


async def test_sessions_and_requests_are_numbered_and_each_end_says_why(world: World) -> None:
    await world.signed_in("token-2")
    await world.api.fetch(API + "notes")
    world.clock.advance(7)
    await world.signed_in("token-2")
    await world.api.fetch(API + "notes")
    world.clock.advance(7)
    await outcome(world.api.sign_out())
    assert [event for event in world.events if isinstance(event, SessionEvent)] == [
        session(SessionPhase.STARTED),
        session(SessionPhase.ENDED, at=START + 7, reason="replaced"),
        session(SessionPhase.STARTED, at=START + 7, number=2),
        session(SessionPhase.ENDED, at=START + 14, number=2, reason="signed_out"),
    ]
    assert [event.request for event in world.events if isinstance(event, RequestEvent)] == [1, 1, 1, 2, 2, 2]


async def test_a_refresh_that_fails_for_now_is_told_with_its_reason_and_the_request_with_its_error(
    world: World,
) -> None:
    await world.signed_in()
    for failure, reason in (
        (OSError("no route"), {"error": "OSError"}),
        (RefreshUnavailable("busy", retry_after=9), {"error": "RefreshUnavailable", "retry_after": 9}),
    ):
        world.events.clear()
        world.endpoint.failure = failure
        assert isinstance(await outcome(world.api.fetch(API + "notes")), RefreshUnavailable)
        told = [event for event in world.events if isinstance(event, RefreshEvent)]
        assert told == [refresh(RefreshPhase.STARTED), refresh(RefreshPhase.UNAVAILABLE, **reason)]
        last = world.events[-1]
        assert isinstance(last, RequestEvent)
        assert (last.phase, last.error) == (RequestPhase.FAILED, "RefreshUnavailable")


async def test_a_refusal_is_told_with_its_code_and_ends_the_session(world: World) -> None:
    world.endpoint.failure = GrantRefused("invalid_grant", "for reasons")
    await world.signed_in()
    await outcome(world.api.fetch(API + "notes"))
    assert world.events[-6:] == [
        refresh(RefreshPhase.STARTED),
        called(EndpointPhase.ASKED),
        called(EndpointPhase.FAILED, error="GrantRefused"),
        refresh(RefreshPhase.REFUSED, error="invalid_grant"),
        session(SessionPhase.ENDED, reason="refused"),
        request(RequestPhase.FAILED, error="SessionEnded"),
    ]


async def test_a_network_failure_that_counts_as_a_refusal_is_told_without_a_status(world: World) -> None:
    """Q19"""

    async def transport(sent: Request) -> Response:
        if not sent.headers["Authorization"].endswith("token-2"):
            raise OSError("no CORS headers")
        return Response(200)

    world.api = world.make(transport=transport, should_renew=lambda outcome: isinstance(outcome, OSError))
    await world.signed_in()
    await world.api.fetch(API + "notes")
    assert request(RequestPhase.REFUSED) in world.events
    assert world.events[-1] == request(RequestPhase.DONE, status=200)


def waits(world: World) -> list[tuple[int, WaitsFor | None]]:
    """Which request waits for what, in order."""
    requests = [event for event in world.events if isinstance(event, RequestEvent)]
    assert all((event.waits_for is not None) is (event.phase is RequestPhase.WAITING) for event in requests)
    return [(event.request, event.waits_for) for event in requests if event.phase is RequestPhase.WAITING]


async def test_a_request_that_waits_for_nothing_tells_of_no_waiting(world: World) -> None:
    await world.signed_in("token-2")
    await asyncio.gather(*world.fetches(8))
    await asyncio.gather(*world.fetches(64))
    assert waits(world) == []


async def test_a_request_in_line_tells_that_it_waits_for_admission(world: World) -> None:
    world.server.gate = Gate()
    world.api = world.make(in_flight=2)
    await world.signed_in("token-2")
    fetches = world.fetches(3)
    await settle()
    assert waits(world) == [(3, WaitsFor.ADMISSION)]
    fetches.extend(world.fetches(1))
    fetches[2].cancel()
    world.server.gate.open()
    await asyncio.gather(*fetches, return_exceptions=True)
    assert waits(world) == [(3, WaitsFor.ADMISSION), (4, WaitsFor.ADMISSION)]


async def test_a_refused_request_that_stands_in_line_again_tells_it(world: World) -> None:
    world.api = world.make(in_flight=1)
    await world.signed_in()
    world.server.gate = Gate()
    first, second = world.fetches(2)
    await settle()
    world.server.gate.open()
    assert [(await first).status, (await second).status] == [200, 200]
    told = [(event.request, event.phase) for event in world.events if isinstance(event, RequestEvent)]
    own = [phase for request, phase in told if request == 1]
    assert own == [
        RequestPhase.STARTED,
        RequestPhase.SENT,
        RequestPhase.REFUSED,
        RequestPhase.WAITING,
        RequestPhase.REPLAYED,
        RequestPhase.DONE,
    ]
    assert waits(world) == [(2, WaitsFor.ADMISSION), (2, WaitsFor.REFRESH), (1, WaitsFor.ADMISSION)]


async def test_a_refused_request_whose_new_token_runs_out_in_line_tells_that_it_waits_again(world: World) -> None:
    world.api = world.make(in_flight=1)
    await world.signed_in()
    world.endpoint.gate = Gate()
    first, second = world.fetches(2)
    await settle()
    world.server.gate = Gate()
    world.endpoint.gate.open()
    await world.server.gate.reached()  # the second, with token-2
    await world.api.renew()
    world.clock.advance(301)
    world.server.accepts = "token-4"
    world.server.gate.open()
    assert [(await first).status, (await second).status] == [200, 200]
    assert [what for request, what in waits(world) if request == 1] == [WaitsFor.ADMISSION, WaitsFor.REFRESH]


async def test_a_request_with_an_expired_token_tells_that_it_waits_for_the_refresh(world: World) -> None:
    await world.signed_in()
    world.clock.advance(300)
    await asyncio.gather(*world.fetches(2))
    assert waits(world) == [(1, WaitsFor.REFRESH), (2, WaitsFor.REFRESH)]


async def test_a_request_that_fails_at_once_since_the_last_refresh_did_tells_of_no_waiting(world: World) -> None:
    await world.signed_in()
    world.clock.advance(300)
    world.endpoint.failure = RefreshUnavailable("busy", retry_after=9)
    await outcome(world.api.fetch(API + "notes"))
    await outcome(world.api.fetch(API + "notes"))
    assert waits(world) == [(1, WaitsFor.REFRESH)]


async def test_a_request_tells_that_it_waits_for_a_resume(world: World) -> None:
    """Q18"""
    world.endpoint.gate = Gate()
    resume = asyncio.create_task(world.api.resume())
    await world.endpoint.gate.reached()
    waiting = world.fetches(1)[0]
    await settle()
    assert waits(world) == [(1, WaitsFor.RESUME)]
    world.endpoint.gate.open()
    assert await resume
    assert (await waiting).status == 200
    await world.api.sign_out()
    await outcome(world.api.fetch(API + "notes"))
    assert waits(world) == [(1, WaitsFor.RESUME)]


async def test_every_call_to_the_endpoint_is_told_whatever_comes_of_it(world: World) -> None:
    async def transport(sent: Request) -> Response:
        if sent.url.endswith("logout"):
            raise OSError("offline")
        return Response(200, {}, b'{"access_token": "token-2", "expires_in": 300}')

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    await world.api.sign_in(username="ada", password="lovelace")
    await world.api.renew()
    assert isinstance(await outcome(world.api.sign_out()), OSError)
    assert not await world.api.resume(), "it tells again"
    assert [event for event in world.events if isinstance(event, EndpointEvent)] == [
        called(EndpointPhase.ASKED, call="sign_in"),
        called(EndpointPhase.ANSWERED, call="sign_in"),
        called(EndpointPhase.ASKED),
        called(EndpointPhase.ANSWERED),
        called(EndpointPhase.ASKED, call="sign_out"),
        called(EndpointPhase.FAILED, call="sign_out", error="OSError"),
        called(EndpointPhase.ASKED, call="sign_out"),
        called(EndpointPhase.FAILED, call="sign_out", error="OSError"),
    ]


async def test_what_a_listener_starts_at_a_call_to_the_endpoint_is_not_called_by_the_endpoint(world: World) -> None:
    """S4, Q3"""
    started: list[asyncio.Task[Any]] = []

    def listener(event: Event) -> None:
        if isinstance(event, EndpointEvent):
            started.append(asyncio.create_task(outcome(world.api.fetch(API + "notes"))))

    await world.signed_in()
    world.api.on(listener)
    await world.api.renew()
    assert [(await task).status for task in started] == [200, 200]


async def test_a_stream_that_is_not_read_is_bounded_and_says_what_it_left_out() -> None:
    """Q29: A stream of events that is not read holds the last 10,000, and says how many older ones it left out.

    Seen in: this library
    """
    listeners, clock = Listeners(), Clock(0)
    stream = listeners.stream()

    def tell(count: int) -> None:
        for _ in range(count):
            listeners.emit(SessionEvent(at=clock(), session=1, phase=SessionPhase.STARTED))
            clock.advance(1)

    tell(10_000)
    assert (await anext(stream)).at == 0
    tell(3)
    assert [await anext(stream) for _ in range(2)] == [
        MissedEvents(at=2, count=2),
        SessionEvent(at=3, session=1, phase=SessionPhase.STARTED),
    ]
    tell(5)
    listeners.close()
    rest = [event async for event in stream]
    assert rest[0] == MissedEvents(at=7, count=4)
    assert [event.at for event in rest[1:]] == list(range(8, 10_008))


async def test_what_is_left_out_is_told_at_its_place_also_where_the_end_comes_next() -> None:
    """Q29: between the event that was read last and the oldest that is left; and after the end nothing is held."""
    listeners = Listeners()
    first, second = listeners.stream(), listeners.stream()
    event = SessionEvent(at=0, session=1, phase=SessionPhase.STARTED)
    waiting = asyncio.ensure_future(anext(second))
    await asyncio.sleep(0)
    for _ in range(10_001):
        listeners.emit(event)
    assert await waiting == MissedEvents(at=0, count=1), "it had no turn to read meanwhile"
    assert await anext(second) == event
    listeners.close()
    for _ in range(20_000):
        listeners.emit(event)
    assert len([found async for found in first]) == 10_001
    assert [found async for found in listeners.stream()] == []


async def test_events_that_nobody_iterates_keep_nothing(world: World) -> None:
    world.api.events()
    gc.collect()
    assert not list(world.api._listeners._streams)


async def test_a_cancelled_request_is_told(world: World) -> None:
    world.server.gate = Gate()
    await world.signed_in("token-2")
    call = world.fetches(1)[0]
    await world.server.gate.reached()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert world.events[-1].phase is RequestPhase.CANCELLED
