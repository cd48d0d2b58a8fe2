"""Q22: a bounded number of requests is on the wire, and the rest stand in line."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from reissue import (
    GrantRefused,
    Interceptor,
    RefreshUnavailable,
    Request,
    RequestEvent,
    Response,
    SessionChanged,
    SessionEnded,
    WaitsFor,
)
from reissue.concurrency.admission import Admission
from reissue.sender import Sender
from reissue.testing import Gate, settle

from tests.reissue.conftest import API, World, outcome


class Wire:
    """The transport of the world's client, made anew with these settings. It counts what is on it."""

    def __init__(self, world: World, **settings: Any) -> None:
        self.world = world
        self.server = world.server
        self.now = self.most = 0
        world.api = world.make(transport=self, **settings)

    async def held_of_a_hundred(self) -> int:
        """How many of a hundred requests are sent before any is answered."""
        gate = self.server.gate = Gate()
        fetches = self.world.fetches(100)
        await settle()
        now = self.now
        gate.open()
        await asyncio.gather(*fetches)
        return now

    async def __call__(self, request: Request) -> Response:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self.server(request)
        finally:
            self.now -= 1


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


async def test_whoever_is_in_line_awaits_what_the_page_makes(world: World) -> None:
    made: list[asyncio.Future[Any]] = []

    def make_future() -> "asyncio.Future[Any]":
        made.append(asyncio.get_running_loop().create_future())
        return made[-1]

    world.api = world.make(in_flight=1, make_future=make_future)
    await world.signed_in("token-2")
    await asyncio.gather(*world.fetches(3))
    assert len(made) == 2


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
        (admission,) = self._line._by_origin.values()
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


async def test_a_line_that_has_gone_leaves_no_timer() -> None:
    """Another event loop may come to use the client, and would wait for a timer of the one before."""
    admission = Admission(1)
    slot = await admission.enter()
    waiting = asyncio.create_task(admission.enter())
    await settle()
    assert admission._watch is not None
    admission.leave(slot)
    assert await waiting
    assert admission._watch is None


async def test_a_line_that_is_dismissed_leaves_no_timer() -> None:
    admission = Admission(1)
    await admission.enter()
    waiting = asyncio.create_task(admission.enter())
    await settle()
    assert admission._watch is not None
    admission.dismiss()
    assert await waiting
    assert admission._watch is None


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


async def test_replays_go_in_their_own_order_and_before_the_rest() -> None:
    admission = Admission(1)
    slot = await admission.enter()
    said: list[str] = []

    async def enter(name: str, *, first: bool) -> None:
        slot = await admission.enter(first=first)
        said.append(name)
        admission.leave(slot)

    tasks = [asyncio.create_task(enter(name, first=name.isupper())) for name in ("a", "B", "c", "D")]
    await settle()
    admission.leave(slot)
    await asyncio.gather(*tasks)
    assert said == ["B", "D", "a", "c"]


async def test_who_is_in_line_goes_first_though_there_is_room() -> None:
    """A sign that the token is taken makes room, and the line is called a little later."""
    admission = Admission(64, unproven=1)
    await admission.enter()
    said: list[str] = []

    async def enter(name: str, *, first: bool) -> None:
        await (admission.enter(first=True) if first else admission.enter())
        said.append(name)

    async def come(*names: str) -> list[str]:
        tasks.extend(asyncio.create_task(enter(name, first=name.isupper())) for name in names)
        await settle()
        return said

    tasks: list[asyncio.Task[None]] = []
    assert await come("a") == []
    admission.trust()
    assert admission.full()
    assert await come("b") == []
    assert not admission.full(first=True)
    assert await come("C") == ["C"]
    admission.call()
    assert await come() == ["C", "a", "b"]


async def test_nobody_passes_a_replay_that_is_in_line() -> None:
    admission = Admission(64, unproven=1)
    await admission.enter()
    replay = asyncio.create_task(admission.enter(first=True))
    await settle()
    admission.trust()
    assert admission.full()
    assert admission.full(first=True)
    admission.call()
    assert await replay
    assert not admission.full()


async def test_by_default_a_sign_is_good_for_half_a_minute() -> None:
    admission = Admission(64)
    admission.trust()
    await asyncio.sleep(29.5)
    assert await room(admission) == 64
    await asyncio.sleep(0.5)
    assert await room(admission) == 8


async def test_a_coroutine_that_is_closed_in_line_keeps_no_slot() -> None:
    admission = Admission(1)
    slot = await admission.enter()
    for is_called in (True, False):
        waiting = admission.enter()
        waiting.send(None)
        if is_called:
            admission.leave(slot)
            slot = -1
        waiting.close()
        if is_called:
            slot = await asyncio.wait_for(admission.enter(), 1)
    admission.leave(slot)
    assert not admission.full()


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
    admission.trust()
    assert await room(admission) == 64
    admission.leave(await admission.enter())
    assert await room(admission) == 64
    admission.distrust()
    assert await room(admission) == 8
    admission.trust()
    await asyncio.sleep(29)
    assert await room(admission) == 64
    await asyncio.sleep(1)
    assert await room(admission) == 8


async def test_requests_go_out_in_the_order_in_which_they_came(world: World) -> None:
    """Q22"""
    world.api = world.make(in_flight=2)
    await world.signed_in("token-2")
    await asyncio.gather(*world.fetches(50))
    assert [r.url for r in world.server.requests] == [f"{API}notes/{n}" for n in range(50)]


async def test_a_replay_goes_before_those_that_were_never_sent(world: World) -> None:
    """Invariant 11."""
    world.api = world.make(in_flight=1)
    await world.signed_in()
    await asyncio.gather(*world.fetches(3))
    assert [r.url[-1] for r in world.server.requests] in (["0", "0", "1", "2"], ["0", "1", "0", "2"])


async def test_two_origins_do_not_hold_each_other_up(world: World) -> None:
    world.server.gate = Gate()
    world.api = world.make(in_flight=1, audience=[API, "https://files.test/"])
    await world.signed_in("token-2")
    tasks = [asyncio.create_task(world.api.fetch(url)) for url in (API, "https://files.test/", API)]
    await settle()
    assert world.server.gate.waiting == 2
    world.server.gate.open()
    assert [(await t).status for t in tasks] == [200] * 3


async def test_what_is_outside_the_audience_is_not_held_up(world: World) -> None:
    world.server.gate = Gate()
    world.api = world.make(in_flight=1)
    await world.signed_in("token-2")
    first = world.fetches(1)[0]
    await world.server.gate.reached()
    other = asyncio.create_task(world.api.fetch("https://elsewhere.test/"))
    await settle()
    assert world.server.gate.waiting == 2
    world.server.gate.open()
    await asyncio.gather(first, other)


async def test_a_waiter_that_is_cancelled_leaves_and_its_place_goes_to_the_next(world: World) -> None:
    """Q10, Q22"""
    world.server.gate = Gate()
    world.api = world.make(in_flight=1)
    await world.signed_in("token-2")
    first, gone, last = world.fetches(3)
    await world.server.gate.reached()
    gone.cancel()
    assert isinstance(await asyncio.wait_for(asyncio.gather(gone, return_exceptions=True), 1), list)
    world.server.gate.open()
    assert [(await first).status, (await last).status] == [200, 200]
    assert [r.url[-1] for r in world.server.requests] == ["0", "2"]


async def test_a_slot_given_in_the_step_of_the_cancellation_goes_on_to_the_next() -> None:
    admission = Admission(1)
    slot = await admission.enter()
    called, behind = (asyncio.create_task(admission.enter()) for _ in range(2))
    await settle()
    admission.leave(slot)
    called.cancel()
    with pytest.raises(asyncio.CancelledError):
        await called
    assert isinstance(await asyncio.wait_for(behind, 1), int)


@pytest.mark.parametrize("failure", [OSError("gone"), asyncio.CancelledError()])
async def test_a_request_that_fails_gives_its_slot_back(world: World, failure: BaseException) -> None:
    async def transport(request: Request) -> Response:
        if request.url.endswith("/0"):
            raise failure
        return await world.server(request)

    world.api = world.make(transport=transport, in_flight=1)
    await world.signed_in("token-2")
    results = await asyncio.gather(*world.fetches(3), return_exceptions=True)
    assert [getattr(r, "status", type(r)) for r in results] == [type(failure), 200, 200]


async def test_long_polls_do_not_starve_the_rest(world: World) -> None:
    """Q22: after the admission's patience their slots go to others, and never twice."""
    polls = Gate()
    wire = Wire(world)

    async def transport(request: Request) -> Response:
        if request.headers.get("X-Poll"):
            await polls.passed()
        return await wire(request)

    world.api = world.make(transport=transport, in_flight=4)
    await world.signed_in("token-2", expires_in=3000)
    waiting = world.fetches(4, headers={"X-Poll": "1"})
    await polls.reached()
    started = asyncio.get_running_loop().time()
    assert {r.status for r in await asyncio.gather(*world.fetches(100))} == {200}
    assert asyncio.get_running_loop().time() - started == pytest.approx(5)
    polls.open()
    assert {r.status for r in await asyncio.gather(*waiting)} == {200}
    wire.most = 0
    await asyncio.gather(*world.fetches(100))
    assert wire.most == 4


async def test_only_what_has_waited_long_is_parked() -> None:
    """Q22: a request that went out a moment ago keeps its slot."""
    admission = Admission(2, patience=5)
    admission.sent(await admission.enter())
    line = [asyncio.create_task(admission.enter()) for _ in range(3)]
    await settle()
    assert [task.done() for task in line] == [True, False, False]
    await asyncio.sleep(4)  # virtual
    admission.sent(line[0].result())
    await asyncio.sleep(2)
    assert [task.done() for task in line] == [True, True, False], "the first one's slot, and not the second's"
    for task in line:
        task.cancel()
    await asyncio.gather(*line, return_exceptions=True)


async def test_a_line_behind_long_polls_moves_though_nobody_joins_it() -> None:
    """Q22: every time that patience runs out, and not only the first time."""
    admission = Admission(1, patience=5)
    admission.sent(await admission.enter())
    line = [asyncio.create_task(admission.enter()) for _ in range(3)]
    for moved in range(3):
        await asyncio.sleep(6)  # virtual: they are looked at once a second
        assert [task.done() for task in line] == [n <= moved for n in range(3)]
        admission.sent(line[moved].result())


async def test_a_request_that_waits_for_a_refresh_keeps_its_slot_however_long_that_takes(world: World) -> None:
    world.endpoint.gate = Gate()
    wire = Wire(world, in_flight=4)
    await world.signed_in()
    world.clock.advance(301)
    waiting = world.fetches(100)
    await world.endpoint.gate.reached()
    await asyncio.sleep(14)  # virtual: the loop's clock jumps
    world.endpoint.gate.open()
    assert {r.status for r in await asyncio.gather(*waiting)} == {200}
    assert wire.most == 4


async def test_a_request_in_line_belongs_to_the_session_it_entered_with(world: World) -> None:
    """S3"""
    world.server.gate = Gate()
    world.api = world.make(in_flight=1)
    await world.signed_in()
    first, second = world.fetches(2)
    await world.server.gate.reached()
    await world.api.adopt("token-2", expires_in=300)
    world.server.gate.open()
    assert isinstance(await outcome(second), SessionChanged)
    assert isinstance(await outcome(first), SessionChanged)
    assert world.server.tokens == ["token-1"]


async def test_requests_in_line_hear_of_the_end_at_once(world: World) -> None:
    """S1: also while those on the wire take their time."""
    world.server.gate = Gate()
    world.api = world.make(in_flight=1)
    await world.signed_in("token-2")
    _, *line = world.fetches(4)
    await world.server.gate.reached()
    began = asyncio.get_running_loop().time()
    await world.api.sign_out()
    assert [type(await outcome(task)) for task in line] == [SessionEnded] * 3
    assert asyncio.get_running_loop().time() == began
    assert len(world.server.requests) == 1
    world.server.gate.open()


async def test_a_replay_in_line_is_not_sent_after_sign_out(world: World) -> None:
    """S1"""
    hold, sent = Gate(), []

    async def transport(request: Request) -> Response:
        sent.append(request.url)
        if request.url.endswith("slow"):
            await hold.passed()
            return Response(200)
        await asyncio.sleep(0)
        return Response(401)

    world.endpoint.gate = Gate()
    world.api = world.make(transport=transport, in_flight=1)
    await world.signed_in()
    replayed = world.fetches(1)[0]
    await world.endpoint.gate.reached()
    world.endpoint.gate.open()
    slow = asyncio.create_task(world.api.fetch(API + "slow"))  # takes the slot as the refresh ends
    await hold.reached()
    await settle()
    before = len(sent)
    await world.api.sign_out()
    hold.open()
    assert isinstance(await outcome(replayed), SessionEnded)
    await outcome(slow)
    assert len(sent) == before


async def test_requests_in_line_hear_at_once_that_the_server_has_ended_their_session(world: World) -> None:
    """S1, Q5: also while another is on the wire, which was sent as the first one's refusal was being judged."""
    slow, judged = Gate(), Gate()

    async def transport(request: Request) -> Response:
        if request.url.endswith("slow"):
            await slow.passed()
        return Response(401)

    async def judge(response: Response) -> bool:
        await judged.passed()
        return response.status == 401

    world.endpoint.failure = GrantRefused("invalid_grant")
    world.api = world.make(transport=transport, in_flight=1, should_renew=judge)
    await world.signed_in()
    refused, on_the_wire, in_line = (asyncio.create_task(world.api.fetch(API + path)) for path in ("a", "slow", "c"))
    await slow.reached()
    began = asyncio.get_running_loop().time()
    judged.open()
    assert isinstance(await outcome(refused), SessionEnded)
    assert isinstance(await outcome(in_line), SessionEnded)
    assert asyncio.get_running_loop().time() == began
    slow.open()
    await asyncio.gather(on_the_wire, return_exceptions=True)


async def test_a_new_sessions_requests_do_not_pass_the_bound_that_the_old_ones_fill(world: World) -> None:
    """Q22: what is on the wire is on the wire, whoever was signed in when it was sent."""
    world.server.gate = Gate()
    world.api = world.make(in_flight=1)
    await world.signed_in("token-1")
    old = world.fetches(1)[0]
    await world.server.gate.reached()
    await world.api.sign_out()
    await world.api.adopt("token-2", expires_in=300)
    new = asyncio.create_task(world.api.fetch(API + "new"))
    await settle()
    assert len(world.server.requests) == 1
    world.server.gate.open()
    await asyncio.gather(old, return_exceptions=True)
    assert (await new).status == 200


@pytest.mark.parametrize(
    ("in_flight", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_in_flight_is_a_number_of_requests(world: World, in_flight: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="in_flight is"):
        world.make(in_flight=in_flight)


async def test_a_waiter_that_was_cancelled_is_not_called_when_the_line_is_dismissed() -> None:
    """Q10, S1"""
    admission = Admission(1)
    await admission.enter()
    gone, kept = (asyncio.create_task(admission.enter()) for _ in range(2))
    await settle()
    gone.cancel()
    await settle()
    admission.dismiss()
    assert isinstance(await kept, int)
    assert gone.cancelled()


async def test_nobody_is_watched_once_the_line_is_empty() -> None:
    """Q22: no timer is left when the parked one's slot went to the last in line."""
    admission = Admission(1, patience=5)
    admission.sent(await admission.enter())
    last = asyncio.create_task(admission.enter())
    await asyncio.sleep(6)  # virtual
    assert last.done()
    assert admission._watch is None


async def test_a_failed_refresh_is_the_failure_of_all_in_line_each_time_anew(world: World) -> None:
    """Q5, F1: or each in turn would ask again, and a line of a hundred would wait for a hundred deadlines."""
    world.endpoint.failure = OSError("unreachable")
    world.api = world.make(in_flight=1)
    await world.signed_in()
    world.clock.advance(301)
    for calls in (1, 2, 3):
        errors = [await outcome(task) for task in world.fetches(5)]
        assert [type(error) for error in errors] == [RefreshUnavailable] * 5
        assert {type(error.__cause__) for error in errors} == {OSError}
        assert world.endpoint.calls == calls


@pytest.mark.parametrize("failure", [{"status": 503}, {"status": 429, "retry_after": 9.0}], ids=str)
async def test_those_in_line_learn_of_a_failed_refresh_what_those_learn_who_waited_for_it(
    world: World, failure: dict[str, Any]
) -> None:
    """Q5, F2"""
    world.endpoint.failure = RefreshUnavailable("the endpoint is busy", **failure)
    world.api = world.make(in_flight=1)
    await world.signed_in()
    world.clock.advance(301)
    errors = [await outcome(task) for task in world.fetches(3)]
    assert [error.retry_after for error in errors] == [failure.get("retry_after")] * 3
    if "retry_after" not in failure:
        assert [(str(error), error.status) for error in errors] == [("the endpoint is busy", 503)] * 3


async def test_the_failure_of_a_refresh_behind_a_token_that_expired_meanwhile_is_theirs_who_stand_in_line(
    world: World,
) -> None:
    """Q5"""
    gate = Gate()

    async def transport(request: Request) -> Response:
        await gate.passed()
        return Response(200)

    world.endpoint.gate, world.endpoint.failure = Gate(), OSError("unreachable")
    world.api = world.make(transport=transport, in_flight=1)
    await world.signed_in()
    world.clock.advance(280)
    first, second = world.fetches(2)
    await gate.reached()
    await world.endpoint.gate.reached()
    world.clock.advance(21)
    world.endpoint.gate.open()
    await settle()
    gate.open()
    assert (await first).status == 200
    assert isinstance(await outcome(second), RefreshUnavailable)
    assert world.endpoint.calls == 1


async def test_the_failure_of_a_refresh_behind_a_stale_token_fails_nobody_in_line(world: World) -> None:
    """Q5: only a failed refresh that requests depended on is theirs."""
    gate = Gate()

    async def transport(request: Request) -> Response:
        await gate.passed()
        return Response(200)

    world.endpoint.failure = OSError("unreachable")
    world.api = world.make(transport=transport, in_flight=1)
    await world.signed_in()
    world.clock.advance(280)
    first, second = world.fetches(2)
    await gate.reached()
    await settle()
    world.endpoint.failure = None
    world.clock.advance(21)
    gate.open()
    assert [(await first).status, (await second).status] == [200, 200]
    assert world.endpoint.calls == 2
