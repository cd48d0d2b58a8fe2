"""A caller's signal aborts its own request, and nothing else: neither a later callback nor the caller's task."""

import asyncio
from typing import Any

import pytest
from reissue import Request, RequestAborted, RequestPhase, Response
from reissue.testing import Gate

from tests.reissue.conftest import API, World, outcome
from tests.reissue.fake_signal import FakeSignal


async def test_a_signal_aborts_on_the_wire_and_before_the_call(world: World) -> None:
    """Q10"""
    await world.signed_in("token-2")
    world.server.gate = Gate()
    signal = FakeSignal()
    call = world.fetches(1, signal=signal)[0]
    await world.server.gate.reached()
    signal.abort()
    with pytest.raises(RequestAborted):
        await call
    with pytest.raises(RequestAborted):
        await world.api.fetch(API + "notes", signal=signal)
    assert len(world.server.requests) == 1


async def test_a_signal_pulled_by_a_listener_of_the_same_request_stops_just_that_request(world: World) -> None:
    """S4: the listener runs inside the request's own task."""
    api = await world.signed_in("token-2")
    signal = FakeSignal()
    api.on(lambda event: signal.abort() if not signal.aborted else None)
    with pytest.raises(RequestAborted):
        await api.fetch(API + "notes", signal=signal)
    assert (await api.fetch(API + "notes")).status == 200


async def test_a_signal_that_a_listener_pulls_at_the_end_fires_no_callback_later(world: World) -> None:
    """Q10: the request was answered before the cancellation could reach it."""
    signal = FakeSignal()
    answered = False

    async def transport(request: Request) -> Response:
        nonlocal answered
        try:
            await asyncio.sleep(0)
            signal.abort()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            answered = True
        return Response(200)

    world.api = world.make(transport=transport)
    await world.signed_in()
    assert (await world.api.fetch(API, signal=signal)).status == 200
    assert answered
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_signal_and_a_cancellation_in_one_step_are_a_cancellation(world: World) -> None:
    """Q10"""
    world.server.gate = Gate()
    await world.signed_in("token-2")
    signal = FakeSignal()
    call = world.fetches(1, signal=signal)[0]
    await world.server.gate.reached()
    signal.abort()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_signal_leaves_the_callers_task_as_it_was(world: World) -> None:
    """Q10: also with a transport that answers cancellation with an error of its own."""
    signal, gate = FakeSignal(), Gate()

    async def transport(request: Request) -> Response:
        try:
            await gate.passed()
        except asyncio.CancelledError:
            raise RequestAborted from None
        return Response(200)

    async def app() -> Any:
        error = await outcome(world.api.fetch(API, signal=signal))
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.sleep(10)
        return error

    world.api = world.make(transport=transport)
    await world.signed_in("token-2")
    call = asyncio.create_task(app())
    await gate.reached()
    signal.abort()
    signal.abort()
    assert isinstance(await call, RequestAborted)


async def test_a_signal_that_fires_at_the_last_event_aborts_nothing_later(world: World) -> None:
    """Q10"""
    api = await world.signed_in("token-2")
    signal = FakeSignal()
    api.on(lambda event: signal.abort() if event.phase is RequestPhase.DONE and not signal.aborted else None)
    assert (await api.fetch(API, signal=signal)).status == 200
    await asyncio.sleep(1)
