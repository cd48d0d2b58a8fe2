"""Pauses between attempts, and the time that a server asks for, whichever client was told of it."""

import asyncio

import pytest
from reissue.session.backoff import Backoff
from reissue.testing import Clock


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
