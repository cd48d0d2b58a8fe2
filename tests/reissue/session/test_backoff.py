"""Pauses between attempts, and the time that a server asks for, whichever client was told of it."""

import asyncio

import pytest
from reissue import RefreshUnavailable
from reissue.session.backoff import Backoff
from reissue.testing import Clock, settle

from tests.reissue.bound import Busy
from tests.reissue.conftest import API, World, outcome


def test_before_any_failure_the_server_has_asked_for_nothing() -> None:
    assert Backoff(clock=lambda: 0.0).retry_after == 0


async def test_the_pause_doubles_up_to_its_cap_and_ends_with_success() -> None:
    loop = asyncio.get_running_loop()
    backoff = Backoff(clock=Clock(), fraction=lambda: 1.0)
    pauses = []
    for _ in range(7):
        started = loop.time()
        await backoff.wait()
        pauses.append(loop.time() - started)
        backoff.failed()
    assert pauses == pytest.approx([0, 0.5, 1, 2, 4, 8, 8])
    backoff.succeeded()
    started = loop.time()
    await backoff.wait()
    assert loop.time() == started


def test_a_later_failure_does_not_shorten_the_wait_that_the_server_asked_for() -> None:
    """F2: nor does an API that rejects the new token meanwhile, of which the endpoint says nothing. Found by
    simulation.
    """
    clock = Clock()
    backoff = Backoff(clock=clock)
    backoff.failed(3)
    clock.advance(1)
    backoff.failed()
    assert backoff.retry_after == 2
    backoff.failed(10)
    assert backoff.retry_after == 10


def test_the_last_half_second_of_a_retry_after_is_not_told_as_none() -> None:
    """Nobody can 'wait another 0 s': whole seconds, rounded up."""
    clock = Clock()
    backoff = Backoff(clock=clock)
    backoff.failed(2)
    clock.advance(1.75)
    with pytest.raises(RefreshUnavailable, match="asked to wait another 1 s: try again then") as told:
        backoff.check()
    assert told.value.retry_after == 0.25


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
    world.api._lifecycle.wake()
    assert await paused is True


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


async def test_an_endpoint_that_cancels_itself_is_paused_like_one_that_fails(world: World) -> None:
    """Q12, F8"""
    world.endpoint.failure = asyncio.CancelledError()
    await world.signed_in()
    began = asyncio.get_running_loop().time()
    for _ in range(30):
        assert isinstance(await outcome(world.api.fetch(API + "notes")), RefreshUnavailable)
    assert asyncio.get_running_loop().time() - began > 5


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
    world.api._lifecycle.wake()
    began = asyncio.get_running_loop().time()
    for _ in range(30):
        await outcome(world.api.renew())
    assert asyncio.get_running_loop().time() - began > 5


@pytest.mark.parametrize("asked_by", ["its own client", "that of another api"])
async def test_a_retry_after_holds_for_every_client_of_the_endpoint(asked_by: str) -> None:
    """F2: it is the endpoint that asks to wait, whatever it was asked for."""
    page = Busy()
    api = await page.signed_in()
    files, maps = (api.for_resource(url, resource=url) for url in (page.FILES, page.MAPS))
    page.busy = True
    told = await outcome(api.renew() if asked_by == "its own client" else files.fetch(page.FILES))
    assert isinstance(told, RefreshUnavailable)
    page.busy = False
    page.clock.advance(10)
    for call in (api.renew(), files.fetch(page.FILES), maps.fetch(page.MAPS)):
        told = await outcome(call)
        assert isinstance(told, RefreshUnavailable)
        assert told.retry_after == 20
    assert page.refreshes() == 1
    page.clock.advance(20)
    assert (await files.fetch(page.FILES)).status == 200
    await api.renew()
    assert (await maps.fetch(page.MAPS)).status == 200


async def test_an_outage_without_a_retry_after_is_that_of_the_client_that_asked() -> None:
    """F2: the next refresh does not pause for it."""
    page = Busy()
    api = await page.signed_in()
    page.busy, page.retry_after = True, None
    assert isinstance(
        await outcome(api.for_resource(page.FILES, resource=page.FILES).fetch(page.FILES)), RefreshUnavailable
    )
    page.busy = False
    began = asyncio.get_running_loop().time()
    await api.renew()
    assert asyncio.get_running_loop().time() == began


async def test_a_refresh_that_waits_for_its_turn_hears_of_a_retry_after() -> None:
    """F2: it was told to the client of another API, whose turn it was."""
    page = Busy()
    api = await page.signed_in()
    files = api.for_resource(page.FILES, resource=page.FILES)
    page.busy = True
    outcomes = await asyncio.gather(outcome(files.fetch(page.FILES)), outcome(api.renew()))
    assert [type(told) for told in outcomes] == [RefreshUnavailable] * 2
    assert [told.retry_after for told in outcomes] == [30, 30]
    assert page.refreshes() == 1
