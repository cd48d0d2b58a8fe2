"""Q22: a bounded number of requests is on the wire: few, until a sign that the token is accepted."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from reissue import (
    Interceptor,
    Request,
    RequestEvent,
    Response,
    WaitsFor,
)
from reissue.concurrency.admission import Admission, Slot
from reissue.sending.sender import Sender
from reissue.testing import Gate, settle

from tests.reissue.concurrency.wire import Wire
from tests.reissue.conftest import API, World, outcome


async def test_thousands_at_once_are_a_bounded_number_on_the_wire_and_none_is_lost(world: World) -> None:
    """Q22: Of any number of requests a bounded number is on the wire; the rest wait in Python, and none is lost.

    Seen in: browsers themselves ('Failed to fetch'); of 3,000 at once axios with axios-auth-refresh loses 1,650
    (measured)
    """
    wire = Wire(world)
    await world.signed_in()
    world.server.accepts = "token-1"
    await asyncio.gather(*world.fetches(1))
    world.server.accepts = "token-2"
    responses = await asyncio.gather(*world.fetches(10_000))
    assert {r.status for r in responses} == {200}
    assert wire.most == 64
    assert world.endpoint.calls == 1
    assert len(world.server.requests) <= 1 + 10_000 + 64


async def test_few_are_sent_with_a_token_of_which_nothing_is_known(world: World) -> None:
    """Q22: Of a hundred requests over a revoked token eight are sent in vain, and the rest with the new token."""
    wire = Wire(world)
    await world.signed_in()
    responses = await asyncio.gather(*world.fetches(100))
    assert {r.status for r in responses} == {200}
    assert world.server.tokens == ["token-1"] * 8 + ["token-2"] * 100
    assert wire.most <= 64


@pytest.mark.parametrize("should_renew", [None, lambda response: response.status == 401])
async def test_an_answer_lets_as_many_go_as_may(world: World, should_renew: Any) -> None:
    wire = Wire(world, should_renew=should_renew)
    await world.signed_in("token-2")
    await asyncio.gather(*world.fetches(1))
    assert await wire.held_of_a_hundred() == 64


async def test_a_token_that_was_just_granted_counts_as_good(world: World) -> None:
    wire = Wire(world)
    await world.signed_in()
    world.clock.advance(301)
    assert await wire.held_of_a_hundred() == 64


async def test_a_refresh_lets_as_many_go_as_may_before_the_first_answer(world: World) -> None:
    """Invariant 11: the replay, and those that came meanwhile."""
    wire = Wire(world)

    async def transport(request: Request) -> Response:
        if (request.url, request.headers["Authorization"]) == (f"{API}notes/0", "Bearer token-1"):
            await settle()
            return Response(401)
        return await wire(request)

    world.api = world.make(transport=transport)
    await world.signed_in()
    world.server.accepts = "token-1"
    await world.api.fetch(API)
    world.server.gate, world.endpoint.gate = Gate(), Gate()
    fetches = world.fetches(20)
    await world.endpoint.gate.reached()
    fetches += world.fetches(30)
    await settle()
    assert wire.now == 19
    world.endpoint.gate.open()
    await settle()
    assert wire.now == 50
    told = [event for event in world.events if isinstance(event, RequestEvent) and event.request == 2]
    assert WaitsFor.ADMISSION not in [event.waits_for for event in told], "the replay is in no line"
    world.server.accepts = "token-2"
    world.server.gate.open()
    assert {response.status for response in await asyncio.gather(*fetches)} == {200}


async def test_a_predicate_is_asked_before_the_token_counts_as_good(world: World) -> None:
    """Q20: a 200 that says "token expired" is no sign; what the predicate lets pass is one."""
    wire = Wire(world)

    async def says_expired(response: Any) -> bool:
        return (await response.json())["expired"] is True

    async def answers(request: Request) -> Response:
        await wire(request)
        good = request.headers["Authorization"] == "Bearer token-2"
        return Response(200, body=b'{"expired": false}' if good else b'{"expired": true}')

    world.api = world.make(transport=answers, should_renew=says_expired)
    await world.signed_in()
    await asyncio.gather(*world.fetches(100))
    assert world.server.tokens == ["token-1"] * 8 + ["token-2"] * 100
    assert await wire.held_of_a_hundred() == 64


async def test_few_are_on_the_wire_while_a_predicate_reads_what_came(world: World) -> None:
    """Q20: a head is no sign."""
    wire, reading = Wire(world), Gate()

    async def says_expired(response: Response) -> bool:
        await reading.passed()
        return response.status == 401

    world.api = world.make(transport=wire, should_renew=says_expired)
    await world.signed_in("token-2")
    fetches = world.fetches(100)
    await settle()
    assert (wire.most, reading.waiting) == (8, 100)
    reading.open()
    assert {response.status for response in await asyncio.gather(*fetches)} == {200}


async def test_an_error_in_the_place_of_an_answer_is_no_sign(world: World) -> None:
    wire = Wire(world)

    async def transport(request: Request) -> Response:
        if request.url.endswith("/0"):
            raise OSError("gone")
        return await wire(request)

    world.api = world.make(transport=transport, should_renew=lambda outcome: False)
    await world.signed_in("token-2")
    world.server.gate = Gate()
    fetches = world.fetches(100)
    await settle()
    assert wire.now == 8
    world.server.gate.open()
    assert isinstance(await outcome(fetches[0]), OSError)
    await asyncio.gather(*fetches[1:])


async def test_few_are_sent_ahead_with_a_token_that_was_refused_though_it_is_new(world: World) -> None:
    """Q4: a server that refuses all meets eight at a time."""
    wire = Wire(world)
    await world.signed_in()
    world.server.accepts = "none"
    assert (await world.fetches(1)[0]).status == 401
    assert await wire.held_of_a_hundred() == 8


async def test_a_late_refusal_of_an_old_token_says_nothing_of_the_new_one(world: World) -> None:
    wire = Wire(world)
    await world.signed_in()
    old = world.server.gate = Gate()
    (late,) = world.fetches(1)
    await old.reached()
    world.server.gate = None
    await world.api.renew()
    await asyncio.gather(*world.fetches(1))
    old.open()
    assert (await late).status == 200
    assert await wire.held_of_a_hundred() == 64


class TellingSender(Sender):
    """As in the page: the head's status is told before who waits for the answer goes on."""

    slots: ClassVar[list[tuple[int, bool]]] = []

    async def _send(self, attempt: Request, on_head: Callable[[int], object]) -> Any:
        response = await self.transport(attempt)
        on_head(response.status)
        (admission,) = self._admissions._by_origin.values()
        self.slots.append((response.status, not admission._held))
        return response


class Telling(Interceptor):
    _sender_kind = TellingSender


@pytest.mark.parametrize(
    ("should_renew", "expected"),
    [(None, [(401, False), (200, True)]), (lambda response: response.status == 401, [(401, False), (200, False)])],
)
async def test_a_good_head_gives_its_slot_back_at_once_and_a_refusal_when_it_is_known(
    world: World, should_renew: Any, expected: list[tuple[int, bool]]
) -> None:
    TellingSender.slots.clear()
    world.api = Telling(
        world.server, audience=API, endpoint=world.endpoint, clock=world.clock, should_renew=should_renew
    )
    await world.signed_in()
    assert (await world.fetches(1)[0]).status == 200
    assert TellingSender.slots == expected
    await world.api.close()


async def test_a_good_head_lets_as_many_go_as_may(world: World) -> None:
    """Q22: they don't wait for whoever asked to go on."""
    wire, held = Wire(world), Gate()

    class SlowSender(TellingSender):
        async def _send(self, attempt: Request, on_head: Callable[[int], object]) -> Any:
            response = await super()._send(attempt, on_head)
            await held.passed()
            return response

    class Slow(Interceptor):
        _sender_kind = SlowSender

    world.api = Slow(wire, audience=API, endpoint=world.endpoint, clock=world.clock)
    await world.signed_in("token-2")
    first = world.fetches(1)
    await held.reached()
    world.server.gate = Gate()
    fetches = world.fetches(100)
    await settle()
    assert wire.now == 64
    world.server.gate.open()
    held.open()
    assert {response.status for response in await asyncio.gather(*first, *fetches)} == {200}
    await world.api.close()


async def test_slow_answers_hold_nobody_up_once_they_are_overdue() -> None:
    """Eight long polls, and nothing else for a while: the next request does not wait for them."""
    admission = Admission(64, unproven=8, patience=5)
    for _ in range(8):
        admission.sent(await admission.enter())
    assert admission.full()
    await asyncio.sleep(6)
    await asyncio.wait_for(admission.enter(), 0.1)


async def test_slow_answers_are_a_sign_that_the_token_is_taken() -> None:
    """Eight requests that take long, right after the start: the next ones wait for a second, and not for those."""
    admission = Admission(64, unproven=8, silence=1, patience=5)
    for _ in range(8):
        admission.sent(await admission.enter())
    line = [asyncio.create_task(admission.enter()) for _ in range(57)]
    await asyncio.sleep(0.9)
    assert not any(task.done() for task in line)
    await asyncio.sleep(0.1)
    assert [task.done() for task in line] == [True] * 56 + [False]
    line[-1].cancel()
    await asyncio.gather(*line, return_exceptions=True)


async def test_slow_answers_are_a_sign_to_one_who_comes_later_as_well() -> None:
    admission = Admission(64, unproven=8)
    for _ in range(8):
        admission.sent(await admission.enter())
    await asyncio.sleep(1)
    assert admission.full()
    await asyncio.wait_for(admission.enter(), 0.1)
    assert not admission.full()


async def test_a_long_poll_is_a_sign_of_the_time_at_which_it_was_sent() -> None:
    """Q22: the token may have been revoked since."""
    admission = Admission(64, unproven=8, silence=1, memory=30, patience=1000)
    for _ in range(8):
        admission.sent(await admission.enter())
    await asyncio.sleep(30.9)
    admission.leave(await admission.enter())
    await asyncio.sleep(0.1)
    late = asyncio.create_task(admission.enter())
    await asyncio.sleep(10)
    assert not late.done()
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)


async def test_a_request_that_waits_for_a_refresh_is_no_sign() -> None:
    """It has its slot, and is not on the wire."""
    admission = Admission(64, unproven=8)
    for _ in range(8):
        await admission.enter()
    admission.sent(1)
    await asyncio.sleep(0.5)
    admission.leave(1)
    await admission.enter()
    last = asyncio.create_task(admission.enter())
    await asyncio.sleep(100)
    assert not last.done()
    last.cancel()
    await asyncio.gather(last, return_exceptions=True)


async def test_slow_requests_over_a_token_that_is_good_hold_up_the_others_for_a_second(world: World) -> None:
    """Q22: a page whose first eight requests are slow reports shows the rest of itself meanwhile."""
    reports = Gate()

    async def transport(request: Request) -> Response:
        if request.headers.get("X-Slow"):
            await reports.passed()
        return await world.server(request)

    world.api = world.make(transport=transport)
    await world.signed_in("token-2", expires_in=3000)
    slow = world.fetches(8, headers={"X-Slow": "1"})
    await reports.reached()
    started = asyncio.get_running_loop().time()
    assert {r.status for r in await asyncio.gather(*world.fetches(50))} == {200}
    assert asyncio.get_running_loop().time() - started == pytest.approx(1)
    reports.open()
    assert {r.status for r in await asyncio.gather(*slow)} == {200}


async def test_by_default_a_sign_is_good_for_half_a_minute() -> None:
    admission = Admission(64)
    admission.token_accepted()
    await asyncio.sleep(29.5)
    assert await room(admission) == 64
    await asyncio.sleep(0.5)
    assert await room(admission) == 8


async def room(admission: Admission) -> int:
    """How many may enter now."""
    taken = []
    while not admission.full():
        taken.append(await admission.enter())
    for slot in taken:
        admission.leave(slot)
    return len(taken)


async def test_a_good_answer_counts_for_a_while_and_a_refusal_ends_it() -> None:
    admission = Admission(64, unproven=8, memory=30)
    assert await room(admission) == 8
    admission.token_accepted()
    assert await room(admission) == 64
    admission.leave(await admission.enter())
    assert await room(admission) == 64
    admission.token_rejected()
    assert await room(admission) == 8
    admission.token_accepted()
    await asyncio.sleep(29)
    assert await room(admission) == 64
    await asyncio.sleep(1)
    assert await room(admission) == 8


async def test_a_slot_that_was_left_while_its_request_began_is_not_held_by_it() -> None:
    admission = Admission(1)
    slot = Slot(admission)
    await slot.enter(ahead=False)
    assert admission.full()
    slot.leave()
    slot.sent()
    assert not admission.full()


@pytest.mark.parametrize(
    ("in_flight", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_in_flight_is_a_number_of_requests(world: World, in_flight: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="in_flight is"):
        world.make(in_flight=in_flight)
