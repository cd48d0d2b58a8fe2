"""Four ways to stop waiting, in the three places where a request waits (Q10, Q11, Q13, Q14).

`timeout`, `signal` and cancelling the task stop one request and nobody else's; `deadline` ends a refresh that does not
answer, and with it the wait of all who need that refresh, and of nobody who doesn't.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from reissue import RefreshPhase, RefreshUnavailable, RequestAborted, State
from reissue.testing import Gate, settle

from tests.reissue.conftest import World, outcome
from tests.reissue.fake_signal import FakeSignal

TIMEOUT, DEADLINE = 3, 15  # seconds; below the admission's patience, after which the line moves on
STOPS = {"timeout": TimeoutError, "signal": RequestAborted, "cancellation": asyncio.CancelledError}


class Stopped:
    """A request among others, and the way to stop it."""

    def __init__(self, world: World, way: str) -> None:
        signal = FakeSignal()
        every: dict[str, dict[str, Any]] = {"timeout": {"timeout": TIMEOUT}, "signal": {"signal": signal}}
        options = every.get(way, {})
        self.before, self.task, self.after = [world.fetches(1, **extra)[0] for extra in ({}, options, {})]
        pulls: dict[str, Callable[[], object]] = {
            "timeout": lambda: None,  # the loop's time jumps as soon as everybody waits
            "signal": signal.abort,
            "cancellation": self.task.cancel,
        }
        self.pull = pulls[way]
        self.error = STOPS[way]

    async def stop(self) -> None:
        await settle()
        self.pull()
        with pytest.raises(self.error):
            await self.task
        assert not self.before.done()
        assert not self.after.done()

    async def others(self) -> list[int]:
        return [(await self.before).status, (await self.after).status]


@pytest.mark.parametrize("way", STOPS)
async def test_a_request_stopped_in_line_is_never_sent_and_those_beside_it_are(world: World, way: str) -> None:
    world.server.gate = Gate()
    world.api = world.make(in_flight=1)
    await world.signed_in("token-2")
    stopped = Stopped(world, way)
    await stopped.stop()
    world.server.gate.open()
    assert await stopped.others() == [200, 200]
    assert len(world.server.requests) == 2
    assert world.endpoint.calls == 0


@pytest.mark.parametrize("way", STOPS)
async def test_a_request_stopped_while_a_refresh_runs_is_never_sent_and_leaves_the_refresh_to_others(
    world: World, way: str
) -> None:
    world.endpoint.gate = Gate()
    await world.signed_in()
    world.clock.advance(301)
    stopped = Stopped(world, way)
    await stopped.stop()
    world.endpoint.gate.open()
    assert await stopped.others() == [200, 200]
    assert world.server.tokens == ["token-2"] * 2
    assert world.endpoint.calls == 1


@pytest.mark.parametrize("way", STOPS)
async def test_a_request_stopped_on_the_wire_leaves_it_and_starts_no_refresh(world: World, way: str) -> None:
    world.server.gate = Gate()
    await world.signed_in("token-2")
    stopped = Stopped(world, way)
    await stopped.stop()
    assert world.server.gate.waiting == 2
    world.server.gate.open()
    assert await stopped.others() == [200, 200]
    assert len(world.server.requests) == 3
    assert world.endpoint.calls == 0


async def test_the_deadline_of_a_refresh_ends_the_wait_of_those_in_line_as_well(world: World) -> None:
    """Q5, Q13: one attempt, one error for all, however few are let on the wire at once."""
    world.endpoint.gate = Gate()
    world.api = world.make(in_flight=2, deadline=DEADLINE)
    await world.signed_in()
    world.clock.advance(301)
    started = asyncio.get_running_loop().time()
    errors = await asyncio.gather(*world.fetches(100), return_exceptions=True)
    assert {type(error) for error in errors} == {RefreshUnavailable}
    assert asyncio.get_running_loop().time() - started == pytest.approx(DEADLINE)
    assert world.endpoint.calls == 1
    assert world.api.state is State.SIGNED_IN


async def test_the_deadline_of_a_refresh_does_not_touch_what_is_on_the_wire(world: World) -> None:
    """Invariant 7: a STALE token was sent, and its answer is as good as any."""
    world.server.accepts = "token-1"
    world.server.gate, world.endpoint.gate = Gate(), Gate()
    world.api = world.make(deadline=DEADLINE)
    await world.signed_in()
    world.clock.advance(280)
    (call,) = world.fetches(1)
    await world.endpoint.gate.reached()
    await asyncio.sleep(DEADLINE + 1)  # virtual
    assert world.events[-1].phase is RefreshPhase.UNAVAILABLE
    assert not call.done()
    world.server.gate.open()
    assert (await call).status == 200


async def test_when_a_refresh_fails_those_in_line_hear_of_it_and_make_no_attempts_of_their_own(world: World) -> None:
    """Q5, F8, Q22: also those who were never on the wire, and those that come later try anew."""
    world.endpoint.failure = OSError("offline")
    world.api = world.make(in_flight=4)
    await world.signed_in()
    errors = await asyncio.gather(*world.fetches(1000), return_exceptions=True)
    assert {type(error) for error in errors} == {RefreshUnavailable}
    assert world.endpoint.calls == 1
    assert world.server.tokens == ["token-1"] * 4
    await outcome(world.api.fetch("https://api.test/v1/notes"))
    assert world.endpoint.calls == 2
