"""T10: limits in time of any length, on a loop whose timers are a browser's."""

import asyncio
from typing import Any

import pytest
from reissue import RefreshUnavailable, Request, Response
from reissue.concurrency.timers import time_limit

from tests.reissue.conftest import API, World, outcome
from tests.reissue.pages import Pages

DAY = 86_400.0
BROWSERS_LIMIT = (2**31 - 1) / 1000  # seconds


@pytest.fixture
async def browser_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delay of more than 24.8 days is none, as with `setTimeout`; one in the past is refused, as in Pyodide.

    A moment passes between the look at the clock and the setting of the timer.
    """
    loop = asyncio.get_running_loop()
    call_at = loop.call_at

    def browsers_call_at(when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        delay = when - (loop.time() + 0.0001)
        if delay < 0:
            raise ValueError("Can't schedule in the past")
        return call_at(when if delay <= BROWSERS_LIMIT else loop.time(), *args, **kwargs)

    monkeypatch.setattr(loop, "call_at", browsers_call_at)


async def days(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(DAY)


async def test_the_browser_of_these_tests_fires_a_long_timer_at_once(browser_timers: None) -> None:
    """T10: what is guarded against."""
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(BROWSERS_LIMIT + 1)
    assert asyncio.get_running_loop().time() == began


async def test_a_timeout_and_a_deadline_longer_than_24_8_days_are_kept_to_the_second(
    world: World, browser_timers: None
) -> None:
    """T10: Long delays are cut into pieces.

    Seen in: keycloak/keycloak-js#107
    """
    loop = asyncio.get_running_loop()

    async def transport(request: Request) -> Response:
        await days(40 if request.url.endswith("never") else 34)
        return Response(200)

    async def refresh(credential: Any) -> Any:
        await days(40)

    world.api = world.make(transport=transport, endpoint=refresh, deadline=3_000_000)
    await world.signed_in(expires_in=None)
    assert (await world.api.fetch(API + "slow", timeout=3_000_000)).status == 200
    for call, error in (
        (world.api.fetch(API + "never", timeout=3_000_000), TimeoutError),
        (world.api.renew(), RefreshUnavailable),
    ):
        began = loop.time()
        assert type(await outcome(call)) is error
        assert loop.time() - began == pytest.approx(3_000_000)


async def test_a_turn_is_waited_for_longer_than_24_8_days_too(world: World, browser_timers: None) -> None:
    """T10: the wait for a turn follows from the deadline."""
    pages = Pages()
    world.api = world.make(peers=pages.page(), deadline=3_000_000)
    await world.signed_in("old")
    async with pages.page().lock():
        waiting = world.fetches(1)[0]
        await days(30)
        assert not waiting.done()
    assert (await waiting).status == 200


@pytest.mark.parametrize("awake", [0, 1])
@pytest.mark.parametrize("seconds", [0, 1e-9, 0.02, 1, 5, DAY, DAY + 0.5, 2 * DAY + 0.00005, 10 * DAY + 3])
async def test_a_limit_of_any_length_is_kept_and_leaves_no_timer(
    browser_timers: None, seconds: float, awake: float
) -> None:
    """T10"""
    loop: Any = asyncio.get_running_loop()
    began = loop.time()

    async def limited() -> None:
        async with time_limit(seconds, awake=awake):
            await days(20)

    assert isinstance(await outcome(limited()), TimeoutError)
    assert loop.time() - began == pytest.approx(seconds if seconds >= 0.02 else 0), "shorter than that is at once"
    async with time_limit(seconds + DAY, awake=awake):
        await asyncio.sleep(0)
    assert [handle for handle in loop._scheduled if not handle.cancelled()] == []


async def test_no_limit_is_no_limit(browser_timers: None) -> None:
    async with time_limit(None):
        await days(100)


async def test_a_limit_that_passed_while_the_computer_slept_ends_at_once(browser_timers: None) -> None:
    """T9, T10: the piece ends late, and the loop would refuse a timer in the past."""
    loop: Any = asyncio.get_running_loop()

    async def limited() -> None:
        async with time_limit(DAY + 10):
            loop.call_soon(loop.sleep, 30 * DAY)
            await days(31)

    began = loop.time()
    assert isinstance(await outcome(limited()), TimeoutError)
    assert loop.time() - began == pytest.approx(30 * DAY, abs=0.1)


async def test_a_page_that_was_frozen_runs_for_half_of_a_short_limit_before_it_passes(browser_timers: None) -> None:
    """T9: an answer that has come meanwhile is read."""
    loop: Any = asyncio.get_running_loop()
    began = loop.time()

    async def limited() -> None:
        async with time_limit(1, awake=1):
            loop.call_soon(loop.sleep, 0.9)
            await days(1)

    assert isinstance(await outcome(limited()), TimeoutError)
    assert loop.time() - began == pytest.approx(0.9 + 0.5)
