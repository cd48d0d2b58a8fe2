"""The connection comes and goes, the page is looked at or not, and the server asks for patience: F1, F2, F8.

Here the pause before another attempt lasts an hour, so what ends it is the browser's event and never the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.browser.visit import Visit

CONNECT = """
import asyncio, reissue, time
from functools import partial
from reissue.session import session
from reissue.session.backoff import Backoff

session.Backoff = partial(Backoff, base=3600, cap=3600, fraction=lambda: 1.0)
ahead = 0.0  # seconds
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), clock=lambda: time.time() + ahead)
refreshes = []
api.on(lambda event: refreshes.append(event.phase.value) if isinstance(event, reissue.RefreshEvent) else None)
await api.sign_in(username="ada", password="lovelace")

async def outcome():
    try:
        return (await api.fetch("/api/echo")).status
    except reissue.ReissueError as error:
        return [type(error).__name__, error.retry_after]

async def settled(calls):
    for _ in range(20):
        await asyncio.sleep(0)
    return sum(call.done() for call in calls)

ahead += 86_400
None
"""
FIFTY_MORE = "calls = [asyncio.create_task(outcome()) for _ in range(50)]\nawait settled(calls)"
DISCONNECTED = "ERR_INTERNET_DISCONNECTED"


@pytest.fixture
def python(kept: Visit) -> Iterator[Visit]:
    """A page that is signed in, with a token that has expired."""
    kept.run(CONNECT)
    kept.reset_counters()
    yield kept
    kept.run("session.Backoff = Backoff\nNone")


def look(python: Visit, state: str) -> None:
    """Headless Chromium shows every page at all times, so the page is told what it would see."""
    python.evaluate(f"Object.defineProperty(document, 'visibilityState', {{value: '{state}', configurable: true}})")
    python.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.firefox
def test_offline_with_an_expired_token_keeps_the_session_and_asks_once_until_the_network_is_back(python: Visit) -> None:
    """F1, F8: fifty more calls make no attempt of their own; `online` ends their pause, and one refresh serves all."""
    python.context.set_offline(True)
    python.expect_console(DISCONNECTED, times=1)
    assert python.run("await outcome()") == ["RefreshUnavailable", None]
    assert python.run("api.state.value") == "signed_in"
    assert python.run(FIFTY_MORE) == 0
    assert python.run("refreshes") == ["started", "unavailable"]
    python.context.set_offline(False)
    assert python.run("await asyncio.gather(*calls)") == [200] * 50
    assert python.run("refreshes") == ["started", "unavailable", "started", "succeeded"]
    counters = python.server.counters()
    assert counters["refreshes_asked"] == 1
    assert counters["api_requests"] == 50
    assert counters["api_401s"] == 0


@pytest.mark.firefox
def test_the_server_is_told_of_a_sign_out_as_soon_as_the_network_is_back(python: Visit) -> None:
    """F15, S2: the page does nothing more, and neither does its user."""
    python.context.set_offline(True)
    python.expect_console(DISCONNECTED, times=1)
    python.run("""
told = []
api.on(lambda event: told.append(event.phase.value) if isinstance(event, reissue.SignOutEvent) else None)
try:
    await api.sign_out()
except OSError as error:
    told.append(type(error).__name__)
None
""")
    assert python.run("told") == ["unavailable", "NetworkError"]
    python.context.set_offline(False)
    python.until(lambda: python.run("told")[2:] == ["confirmed"])
    assert not [cookie for cookie in python.context.cookies() if cookie["value"]], "the server has taken it back"
    assert python.run("await api.resume()") is False


@pytest.mark.firefox
def test_a_page_that_is_looked_at_again_asks_at_once_and_one_that_is_left_does_not(python: Visit) -> None:
    """F8, T9."""
    python.server.fault("/auth/refresh", "status", status=503)
    python.expect_console("status of 503")
    assert python.run("await outcome()") == ["RefreshUnavailable", None]
    assert python.run(FIFTY_MORE) == 0
    look(python, "hidden")
    assert python.run("await settled(calls)") == 0
    assert python.server.counters()["refreshes_asked"] == 1
    look(python, "visible")
    assert python.run("await asyncio.gather(*calls)") == [200] * 50
    assert python.server.counters()["refreshes_asked"] == 2


def test_a_page_that_closed_its_client_hears_no_more_of_the_network(python: Visit) -> None:
    """X5"""
    python.run("""
reissue.Interceptor._wake = lambda self: refreshes.append("woken")
other = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
None
""")
    python.evaluate("dispatchEvent(new Event('online'))")
    look(python, "visible")
    assert python.run("refreshes") == ["woken"] * 4, "both by the tab, and both by the network"
    python.run("await other.close()\nawait api.close()\nrefreshes.clear()")
    python.evaluate("dispatchEvent(new Event('online'))")
    look(python, "visible")
    assert python.run("refreshes") == []
    python.run("del reissue.Interceptor._wake")


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_429_keeps_the_session_and_no_attempt_is_made_before_retry_after(python: Visit, form: str) -> None:
    """F2: a date is counted from the response's own, since this page's clock is a day ahead. `online`
    changes nothing."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=1000), usegmt=True)
    python.server.fault("/auth/refresh", "status", status=429, retry_after="1000" if form == "seconds" else date)
    python.expect_console("status of 429")
    error, retry_after = python.run("await outcome()")
    assert error == "RefreshUnavailable"
    assert retry_after == 1000 if form == "seconds" else 900 < retry_after < 1100
    python.context.set_offline(True)
    python.context.set_offline(False)
    told: list[Any] = python.run("[await outcome() for _ in range(50)]")
    assert {error for error, _ in told} == {"RefreshUnavailable"}
    assert all(0 < left <= retry_after for _, left in told)
    assert python.run("api.state.value") == "signed_in"
    assert python.server.counters()["refreshes_asked"] == 1
    python.run("ahead += 2000\ncall = asyncio.create_task(outcome())\nawait settled([call])")
    look(python, "visible")  # the pause
    assert python.run("await call") == 200
    assert python.server.counters()["refreshes_asked"] == 2
    assert python.server.counters()["api_401s"] == 0
