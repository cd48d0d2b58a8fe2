"""Four ways to stop waiting, in the three places where a request waits: Q10, Q11, Q13, Q14, X6 in a real browser.

A time-out or a deadline passes when the test says so: the page's `asyncio.timeout` is the real one, moved to now. The
library divides a deadline into two timers, for a page that is frozen; here it is one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.kept import Opening, opened
from tests.browser.visit import Visit

CONNECT = """
import asyncio, itertools, reissue, time
from js import AbortController
from reissue.concurrency.timers import time_limit
from reissue.session import endpoint_calls

TIMEOUT, DEADLINE = 3600, 3601  # seconds
timers = {}
real_timeout = asyncio.timeout

def timeout(delay):
    timers[delay] = real_timeout(delay)
    return timers[delay]

asyncio.timeout = timeout
endpoint_calls.time_limit = lambda seconds, *, awake=0: time_limit(seconds)

def passes(delay):
    timers[delay].reschedule(0)

ahead = 0.0  # seconds
numbers = itertools.count()
failed = asyncio.Event()
told = []

def connect(in_flight):
    api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), clock=lambda: time.time() + ahead,
                          deadline=DEADLINE, in_flight=in_flight)
    api.on(lambda event: told.append(f"{type(event).__name__} {event.phase.value}"))
    api.on(lambda event: failed.set() if event.phase is reissue.RefreshPhase.UNAVAILABLE else None)
    return api

async def outcome(**options):
    try:
        return (await api.fetch(f"/api/echo?{next(numbers)}", **options)).status
    except (Exception, asyncio.CancelledError) as error:
        return type(error).__name__

def start(count):
    return [asyncio.create_task(outcome()) for _ in range(count)]

async def stop_three_ways(stopped):
    stopped[0].cancel()
    controller.abort()
    passes(TIMEOUT)
    return [await task for task in stopped]

def start_stoppable():
    global controller
    controller = AbortController.new()
    return [
        asyncio.create_task(outcome()),
        asyncio.create_task(outcome(signal=controller.signal)),
        asyncio.create_task(outcome(timeout=TIMEOUT)),
    ]

async def reach(word, count):
    while told.count(word) < count:
        await asyncio.sleep(0)

None
"""
STOPPED = ["CancelledError", "RequestAborted", "TimeoutError"]


long_lived = opened(Opening(flags=("--access-lifetime", "3600")))


@pytest.fixture
def python(kept: Visit) -> Iterator[Visit]:
    kept.run(CONNECT)
    yield kept
    kept.run("endpoint_calls.time_limit = time_limit")


def signed_in(python: Visit, *, in_flight: int = 64) -> None:
    python.run(f"api = connect({in_flight})\nawait api.sign_in(username='ada', password='lovelace')\ntold.clear()")
    python.reset_counters()


@pytest.mark.firefox
@long_lived
def test_what_is_stopped_on_the_wire_starts_no_refresh_and_a_refreshs_deadline_leaves_it_there(python: Visit) -> None:
    """The token is STALE, so the four are sent, and the refresh behind them is held as well."""
    signed_in(python)
    python.server.fault("/api/echo", "hold", times=4)
    python.server.fault("/auth/refresh", "hold")
    python.run("ahead += 3590\nstopped, others = start_stoppable(), start(1)\nNone")
    python.server.wait_until_held(5)
    assert python.run("await stop_three_ways(stopped)") == STOPPED
    assert python.run("passes(DEADLINE)\nawait failed.wait()\n[others[0].done(), api.state.value]") == [
        False,
        "signed_in",
    ]
    python.server.release()
    assert python.run("await others[0]") == 200
    counters = python.server.counters()
    assert (counters["api_requests"], counters["api_401s"], counters["refreshes_asked"]) == (4, 0, 1)


@long_lived
def test_what_is_stopped_while_a_refresh_runs_is_never_sent_and_leaves_the_refresh_to_the_others(python: Visit) -> None:
    """The token is EXPIRED, so all wait for the refresh. The second meets its deadline, and all who wait hear of it."""
    signed_in(python)
    python.server.fault("/auth/refresh", "hold")
    python.run("ahead += 3700\nstopped, others = start_stoppable(), start(2)\nNone")
    python.server.wait_until_held()
    assert python.run("await stop_three_ways(stopped)") == STOPPED
    python.server.release()
    assert python.run("[await other for other in others]") == [200, 200]
    assert python.server.counters()["api_requests"] == 2
    python.server.fault("/auth/refresh", "hold")
    python.run("ahead += 3700\nothers = start(2)\nNone")
    python.server.wait_until_held()
    assert python.run("passes(DEADLINE)\n[await other for other in others]") == ["RefreshUnavailable"] * 2
    assert python.run("api.state.value") == "signed_in"
    counters = python.server.counters()
    assert (counters["api_requests"], counters["refreshes_asked"]) == (2, 2)


@long_lived
def test_what_is_stopped_in_line_is_never_sent_and_the_deadline_reaches_the_line(python: Visit) -> None:
    """One at a time on the wire: first for an answer that is held, then for a refresh that is held."""
    signed_in(python, in_flight=1)
    python.server.fault("/api/echo", "hold")
    python.run(
        "others = start(1)\nstopped = start_stoppable()\nothers += start(1)\nawait reach('RequestEvent started', 5)"
    )
    python.server.wait_until_held()
    assert python.run("await stop_three_ways(stopped)") == STOPPED
    python.server.release()
    assert python.run("[await other for other in others]") == [200, 200]
    assert python.server.counters()["api_requests"] == 2
    python.server.fault("/auth/refresh", "hold")
    python.run("ahead += 3700\nothers = start(20)\nNone")
    python.server.wait_until_held()
    assert python.run("passes(DEADLINE)\n[await other for other in others]") == ["RefreshUnavailable"] * 20
    counters = python.server.counters()
    assert (counters["api_requests"], counters["refreshes_asked"]) == (2, 1)
