"""One client, and several event loops one after the other: `asyncio.run` called again and again."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest
from reissue import (
    Endpoint,
    Interceptor,
    RefreshUnavailable,
    ReissueError,
    Request,
    Response,
    SessionChanged,
    State,
    StepUp,
)
from reissue.concurrency.loop_watch import LoopWatch
from reissue.testing import Clock, FakeServer, Gate

from tests.reissue.bound import API as BOUND_API
from tests.reissue.bound import Bound
from tests.reissue.conftest import outcome
from tests.reissue.origin import API, COOKIE, Origin, Server
from tests.reissue.pages import Pages
from tests.reissue.virtual_time import VirtualTimeLoop

NOTES = "https://app.test/api/notes"


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """`asyncio.run`, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


_never_ended: list[set[asyncio.Task[Any]]] = []


def cut_off(main: Coroutine[Any, Any, Any]) -> None:
    """Run this in an event loop that is closed at once then: whatever it has started never hears of that."""
    loop = VirtualTimeLoop()
    loop.run_until_complete(main)
    _never_ended.append(asyncio.all_tasks(loop))  # else each would warn that it was destroyed
    loop.close()


class Script:
    def __init__(self, **options: Any) -> None:
        self.server = FakeServer(in_body=True)
        self.api = self.server.connect("/api/", endpoint=Endpoint("/auth"), **options)
        run(self.api.sign_in(username="ada", password="lovelace"))

    async def statuses(self, count: int) -> list[int]:
        return [response.status for response in await asyncio.gather(*map(self.api.fetch, [NOTES] * count))]

    async def left_in(self, call: Callable[[], Awaitable[object]], gate: Gate) -> None:
        """The run ends while this call stands before the gate."""
        self.left = asyncio.ensure_future(call())  # as a task that the script has forgotten
        await gate.reached()


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    yield script
    run(script.api.close())
    gc.collect()  # what was left pending, or unheeded, would be told now, and fail the test


def test_a_client_goes_on_in_the_next_event_loop_once_the_last_one_is_closed(script: Script) -> None:
    """Whatever has waited for what: each lock and each pause once belonged to the loop that it was waited for in."""

    async def in_line() -> Any:
        signing_in = script.api.sign_in(username="ada", password="lovelace")
        renewed, _ = await asyncio.gather(outcome(script.api.renew()), signing_in)
        return renewed

    for _ in range(3):
        script.server.clock.advance(301)
        assert run(script.statuses(100)) == [200] * 100
        assert isinstance(run(in_line()), SessionChanged), "as in one event loop"
    assert script.server.reuses == 0


def test_a_pause_after_a_failure_is_kept_in_the_next_event_loop(script: Script) -> None:
    """F8"""

    async def time_of_a_failure() -> float:
        with pytest.raises(RefreshUnavailable):
            await script.api.renew()
        return asyncio.get_running_loop().time()

    script.server.trouble = OSError("down")
    assert run(time_of_a_failure()) == 0
    assert sum(run(time_of_a_failure()) for _ in range(5)) > 0
    script.api._lifecycle.wake()
    assert run(time_of_a_failure()) == 0
    script.server.trouble = None
    run(script.api.renew())


def test_a_resume_that_failed_pauses_in_each_event_loop() -> None:
    """F8"""
    server = FakeServer()
    api = server.connect("/api/", endpoint=Endpoint("/auth"))
    server.trouble = OSError("down")
    assert {type(run(outcome(api.resume()))) for _ in range(9)} == {RefreshUnavailable}
    server.trouble = None
    assert run(api.resume()) is False
    run(api.close())


def test_what_was_woken_up_pauses_in_no_event_loop(script: Script) -> None:
    async def failing() -> float:
        with pytest.raises(RefreshUnavailable):
            await script.api.renew()
        return asyncio.get_running_loop().time()

    script.server.trouble = OSError("down")
    for _ in range(9):
        assert run(failing()) == 0
        script.api._lifecycle.wake()
    script.server.trouble = None


@pytest.mark.parametrize("ends", [run, cut_off])
def test_a_refresh_that_ended_with_its_event_loop_holds_up_nothing_in_the_next(
    script: Script, ends: Callable[[Coroutine[Any, Any, None]], object]
) -> None:
    """F1: it is transient."""
    script.server.gate = Gate()
    ends(script.left_in(script.api.renew, script.server.gate))
    script.server.gate = None
    script.server.clock.advance(301)
    assert run(script.statuses(3)) == [200] * 3
    assert script.api.state is State.SIGNED_IN


def test_requests_in_line_that_ended_with_their_event_loop_hold_up_nothing_in_the_next() -> None:
    """Q22"""
    script = Script(in_flight=1)
    gate = Gate()

    async def slow(request: Request) -> Response:
        await gate.passed()
        return Response(200)

    script.api._sender.transport, fast = slow, script.api._sender.transport
    run(script.left_in(lambda: script.statuses(5), gate))
    script.api._sender.transport = fast
    assert run(script.statuses(5)) == [200] * 5
    run(script.api.close())


def test_a_request_that_was_never_ended_before_its_event_loop_was_closed_holds_up_nothing_in_the_next() -> None:
    """Q22: another client took what to send, and never said what became of it."""
    script = Script(in_flight=1)
    attempts = script.api.attempts(Request(NOTES))
    assert attempts is not None
    run(attempts.first())

    async def seconds() -> float:
        assert await script.statuses(3) == [200] * 3
        return asyncio.get_running_loop().time()

    assert run(seconds()) == 0
    attempts.close()
    run(script.api.close())


def test_a_tab_waits_for_what_another_was_granted_in_every_event_loop() -> None:
    """T3: an event belongs to the loop in which it was waited for."""
    origin = Origin(Server(COOKIE), Clock(), Pages())
    one, other = run(origin.signed_in(2))

    async def waits() -> int:
        one.peers.frozen, other.peers.frozen = False, True
        await one.api.renew()
        other.peers.inbox.clear()
        one.peers.frozen, other.peers.frozen = True, False
        origin.clock.advance(301)
        return int((await other.api.fetch(API)).status)

    assert [run(waits()) for _ in range(2)] == [200, 200]
    for tab in (one, other):
        run(tab.api.close())


@pytest.mark.parametrize("ends", [run, cut_off])
def test_a_sign_out_that_ended_with_its_event_loop_is_told_in_the_next(
    ends: Callable[[Coroutine[Any, Any, None]], object],
) -> None:
    """S1"""
    script = Script()
    gate = Gate()

    async def slow(request: Request) -> Response:
        await gate.passed()
        return Response(204)

    source: Any = script.api._lifecycle.sessions.calls.tokens
    source._transport, fast = slow, source._transport
    ends(script.left_in(script.api.sign_out, gate))
    source._transport = fast
    assert run(script.api.resume()) is False
    assert all(session.over for session in script.server._grants._sessions.values())
    run(script.api.close())


def test_a_resume_that_ended_with_its_event_loop_is_made_in_the_next() -> None:
    """Q18"""
    server = FakeServer()
    first, api = (server.connect("/api/", endpoint=Endpoint("/auth")) for _ in range(2))
    run(first.sign_in(username="ada", password="lovelace"))
    server.gate = Gate()

    async def left() -> None:
        assert server.gate is not None
        resuming.append(asyncio.create_task(api.resume()))
        await server.gate.reached()

    resuming: list[asyncio.Task[bool]] = []
    run(left())
    server.gate = None
    assert run(api.resume()) is True
    for client in (first, api):
        run(client.close())


@pytest.mark.parametrize("ends", [run, cut_off])
def test_a_step_up_that_ended_with_its_event_loop_is_asked_for_in_the_next(
    ends: Callable[[Coroutine[Any, Any, None]], object],
) -> None:
    asked: list[StepUp] = []
    gate = Gate()

    async def step_up(wanted: StepUp) -> dict[str, str]:
        asked.append(wanted)
        if len(asked) == 1:
            await gate.passed()
        return {"username": "ada", "password": "lovelace", "acr": "gold"}

    world = Bound(proofs=None, step_up=step_up)
    world.server.bound = False
    world.server.resources.add(files := "https://files.test/")
    other = world.api.for_resource(files, resource=files)

    async def left() -> None:
        waiting.append(asyncio.create_task(world.api.fetch(f"{BOUND_API}vault")))
        await gate.reached()

    waiting: list[asyncio.Task[Any]] = []
    run(world.signed_in())
    assert run(other.fetch(files)).status == 200
    ends(left())
    assert run(other.fetch(f"{files}vault")).status == 200, "the client of another API takes its session's along"
    assert run(world.api.fetch(f"{BOUND_API}vault")).status == 200
    assert len(asked) == 2
    run(world.api.close())


def of_files() -> tuple[Bound, Interceptor, str]:
    """A user is signed in by a cookie, and there is a client for another API."""
    world = Bound(cookie=True, proofs=None)
    world.server.bound = False
    world.server.resources.add(files := "https://files.test/")
    run(world.signed_in())
    return world, world.api.for_resource(files, resource=files), files


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("ends", [run, cut_off])
def test_what_another_apis_token_waited_for_holds_up_nothing_in_the_next_event_loop(
    ends: Callable[[Coroutine[Any, Any, None]], object], first: bool, goes_on: bool
) -> None:
    world, other, files = of_files()
    if not first:
        assert run(other.fetch(files)).status == 200

    async def left() -> None:
        wire = world.gates["/auth/refresh"] = Gate()
        waiting.append(asyncio.create_task(other.fetch(files) if first else other.renew()))
        await wire.reached()

    waiting: list[asyncio.Task[Any]] = []
    ends(left())
    world.gates.clear()
    world.clock.advance(301)
    if goes_on:
        assert run(other.fetch(files)).status == 200
    run(other.close())
    run(world.api.close())


@pytest.mark.usefixtures("longest_pauses")
def test_the_pause_before_another_apis_first_token_is_kept_in_the_next_event_loop() -> None:
    """F8"""
    world, other, files = of_files()
    source: Any = world.api._lifecycle.sessions.calls.tokens

    async def down(request: Request) -> Response:
        return Response(503)

    async def seconds() -> float:
        assert isinstance(await outcome(other.fetch(files)), RefreshUnavailable)
        return asyncio.get_running_loop().time()

    source._grants = down
    assert [run(seconds()) for _ in range(4)] == pytest.approx([0, 0.5, 1, 2])
    run(other.close())
    run(world.api.close())


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.fetch(NOTES),
        lambda api: api._sender.send_or_pass(Request(NOTES)),
        lambda api: api.renew(),
        lambda api: api.resume(),
        lambda api: api.sign_in(username="ada", password="lovelace"),
        lambda api: api.adopt("token"),
        lambda api: api.sign_out(),
        lambda api: api.close(),
    ],
    ids=["fetch", "pass_on", "renew", "resume", "sign_in", "adopt", "sign_out", "close"],
)
@pytest.mark.parametrize("signed_in", [True, False])
def test_a_client_belongs_to_one_event_loop_at_a_time_and_says_so(
    call: Callable[[Interceptor], Awaitable[object]], signed_in: bool
) -> None:
    async def use() -> None:
        await call(api)

    api = FakeServer(in_body=True).connect("/api/", endpoint=Endpoint("/auth"))
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as open_one:
        open_one.run(api.sign_in(username="ada", password="lovelace") if signed_in else api.resume())
        with pytest.raises(ReissueError, match="one client belongs to one event loop, so make another"):
            run(use())
        open_one.run(api.resume())
    run(api.close())


def test_a_request_that_another_client_sends_is_looked_at_outside_of_any_event_loop(script: Script) -> None:
    assert script.api.attempts(Request(NOTES)) is not None
    assert run(script.statuses(1)) == [200]


def test_a_page_may_have_several_event_loops_which_are_all_the_browsers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "emscripten")
    api = FakeServer(in_body=True).connect("/api/", endpoint=Endpoint("/auth"))
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as open_one:
        open_one.run(api.sign_in(username="ada", password="lovelace"))
        assert run(api.fetch(NOTES)).status == 200
        open_one.run(api.close())


def test_a_page_runs_in_one_loop_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that waits in it is begun anew."""
    monkeypatch.setattr(sys, "platform", "emscripten")
    watch = LoopWatch()

    async def has_changed() -> bool:
        return watch.has_changed()

    assert [run(has_changed()) for _ in range(3)] == [False] * 3
