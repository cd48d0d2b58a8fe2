"""One run at a time, which all that ask for it share."""

import asyncio
import gc

from reissue.concurrency.singleflight import SingleFlight
from reissue.testing import Gate, settle

from tests.reissue.conftest import World


async def test_a_run_that_starts_before_the_last_ones_callback_is_shared() -> None:
    """Q12"""
    flight: SingleFlight[int] = SingleFlight()
    runs, gate = [], Gate()

    async def fast() -> int:
        runs.append("fast")
        asyncio.get_running_loop().call_soon(lambda: flight.start(slow))
        return 1

    async def slow() -> int:
        runs.append("slow")
        await gate.passed()
        return 2

    flight.start(fast)
    await settle()
    assert flight.running
    flight.start(slow)
    await settle()
    assert runs == ["fast", "slow"]
    gate.open()
    await settle()


async def test_the_error_of_a_run_that_nobody_waits_for_reaches_no_console(world: World) -> None:
    """X6: the fixture looks."""

    async def failing() -> None:
        raise OSError

    flight: SingleFlight[None] = SingleFlight()
    flight.start(failing)
    await settle()
    assert not flight.running
    del flight
    gc.collect()
