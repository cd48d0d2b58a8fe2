"""Q22: the requests that wait to be sent stand in line, in order, and leave it when their session ends."""

import asyncio
from typing import Any

import pytest
from reissue import (
    GrantRefused,
    RefreshUnavailable,
    Request,
    Response,
    SessionChanged,
    SessionEnded,
)
from reissue.concurrency.admission import Admission
from reissue.testing import Gate, settle

from tests.reissue.concurrency.wire import Wire
from tests.reissue.conftest import API, World, outcome


async def test_whoever_is_in_line_awaits_what_the_page_makes(world: World) -> None:
    made: list[asyncio.Future[Any]] = []

    def make_future() -> "asyncio.Future[Any]":
        made.append(asyncio.get_running_loop().create_future())
        return made[-1]

    world.api = world.make(in_flight=1, make_future=make_future)
    await world.signed_in("token-2")
    await asyncio.gather(*world.fetches(3))
    assert len(made) == 2


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


async def test_replays_go_in_their_own_order_and_before_the_rest() -> None:
    admission = Admission(1)
    slot = await admission.enter()
    said: list[str] = []

    async def enter(name: str, *, ahead: bool) -> None:
        slot = await admission.enter(ahead=ahead)
        said.append(name)
        admission.leave(slot)

    tasks = [asyncio.create_task(enter(name, ahead=name.isupper())) for name in ("a", "B", "c", "D")]
    await settle()
    admission.leave(slot)
    await asyncio.gather(*tasks)
    assert said == ["B", "D", "a", "c"]


async def test_who_is_in_line_goes_first_though_there_is_room() -> None:
    """A sign that the token is taken makes room, and the line is called a little later."""
    admission = Admission(64, unproven=1)
    await admission.enter()
    said: list[str] = []

    async def enter(name: str, *, ahead: bool) -> None:
        await (admission.enter(ahead=True) if ahead else admission.enter())
        said.append(name)

    async def come(*names: str) -> list[str]:
        tasks.extend(asyncio.create_task(enter(name, ahead=name.isupper())) for name in names)
        await settle()
        return said

    tasks: list[asyncio.Task[None]] = []
    assert await come("a") == []
    admission.token_accepted()
    assert admission.full()
    assert await come("b") == []
    assert not admission.full(ahead=True)
    assert await come("C") == ["C"]
    admission.call_next()
    assert await come() == ["C", "a", "b"]


async def test_nobody_passes_a_replay_that_is_in_line() -> None:
    admission = Admission(64, unproven=1)
    await admission.enter()
    replay = asyncio.create_task(admission.enter(ahead=True))
    await settle()
    admission.token_accepted()
    assert admission.full()
    assert admission.full(ahead=True)
    admission.call_next()
    assert await replay
    assert not admission.full()


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
