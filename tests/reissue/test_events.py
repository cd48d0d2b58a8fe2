"""What a listener hears of a request, a refresh and a session, from the first event to the last."""

from typing import Any

from reissue import (
    Event,
    GrantRefused,
    RefreshEvent,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    RequestEvent,
    RequestPhase,
    Response,
    SessionEvent,
    SessionPhase,
)

from tests.reissue.conftest import API, World, outcome

START = 1_700_000_000.0  # where the clock of these tests begins


def request(phase: RequestPhase, *, at: float = START, number: int = 1, **fields: Any) -> RequestEvent:
    return RequestEvent(at=at, request=number, phase=phase, **{"method": "GET", "url": API + "notes", **fields})


def refresh(phase: RefreshPhase, *, at: float = START, number: int = 1, **fields: Any) -> RefreshEvent:
    return RefreshEvent(at=at, session=number, phase=phase, **fields)


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
    assert world.events[-4:] == [
        refresh(RefreshPhase.STARTED),
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
