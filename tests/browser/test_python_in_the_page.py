"""The library in a page of its own: the README's example, and what the demo never does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.visit import REFUSED, Visit
from tests.live_server import ROOT

CONNECT = """
import asyncio, reissue
from js import AbortController, URL
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
told = []
api.on(lambda event: told.append(f"{type(event).__name__} {event.phase.value}"))
await api.sign_in(username="ada", password="lovelace")

async def outcome(awaitable):
    try:
        return (await awaitable).status
    except (Exception, asyncio.CancelledError) as error:
        return type(error).__name__
"""


@pytest.fixture
def python(visit: Visit) -> Visit:
    visit.open_blank().run(CONNECT + "None")
    visit.reset_counters()
    return visit


def readme_example() -> str:
    blocks: list[str] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return blocks[0]


def test_the_readmes_first_example_runs_as_it_stands(visit: Visit) -> None:
    example = readme_example()
    assert len([line for line in example.splitlines() if line.strip()]) <= 12
    assert visit.open_blank().run(example + "\n[note['text'], api.state.value]") == ["hi", "signed_out"]
    counters = visit.server.counters()
    assert (counters["logins"], counters["api_requests"], counters["logouts"]) == (1, 1, 1)


def test_what_is_cancelled_while_it_waits_is_never_sent_and_leaves_the_console_clean(python: Visit) -> None:
    """Q10, Q11, X6: cancelled as a task and by a signal, while the refresh is held for the others."""
    python.server.control("/dev/revoke")
    python.server.fault("/auth/refresh", "hold")
    python.expect_console(REFUSED, times=4)
    python.run("""
controller = AbortController.new()
tasks = [asyncio.create_task(outcome(api.fetch(f"/api/echo?n={n}"))) for n in range(3)]
tasks.append(asyncio.create_task(outcome(api.fetch("/api/echo?n=3", signal=controller.signal))))
None
""")
    python.server.wait_until_held()
    assert python.run("""
while told.count("RequestEvent refused") < 4:
    await asyncio.sleep(0)
tasks[0].cancel()
controller.abort()
[await tasks[0], await tasks[3]]
""") == ["CancelledError", "RequestAborted"]
    python.server.release()
    assert python.run("[await tasks[1], await tasks[2]]") == [200, 200]
    counters = python.server.counters()
    assert counters["refreshes_asked"] == 1
    assert counters["api_requests"] == 4 + 2


def test_what_is_cancelled_on_the_wire_leaves_the_console_clean(python: Visit) -> None:
    """X6: by the task, by a signal, by a timeout; and the one beside them is answered."""
    python.server.fault("/api/echo", "hold", times=4)
    python.run("""
controller = AbortController.new()
tasks = [asyncio.create_task(outcome(api.fetch("/api/echo"))),
         asyncio.create_task(outcome(api.fetch("/api/echo", signal=controller.signal))),
         asyncio.create_task(outcome(api.fetch("/api/echo", timeout=0.3))),
         asyncio.create_task(outcome(api.fetch("/api/echo")))]
None
""")
    python.server.wait_until_held(4)
    assert python.run("""
tasks[0].cancel()
controller.abort()
[await task for task in tasks[:3]]
""") == ["CancelledError", "RequestAborted", "TimeoutError"]
    python.server.release()
    assert python.run("await tasks[3]") == 200
    assert python.server.counters()["refreshes_asked"] == 0


def test_a_signal_that_fired_before_sends_nothing(python: Visit) -> None:
    """Q10."""
    assert (
        python.run("""
controller = AbortController.new()
controller.abort()
await outcome(api.fetch("/api/echo", signal=controller.signal))
""")
        == "RequestAborted"
    )
    assert python.server.counters()["api_requests"] == 0


def test_cancelled_and_failed_refreshes_leave_the_console_clean(python: Visit) -> None:
    """X6: the caller of a refresh is gone when it fails, or when the session ends."""
    python.server.control("/dev/revoke")
    python.server.fault("/auth/refresh", "hold")
    python.server.fault("/auth/refresh", "status", status=503)
    python.expect_console(REFUSED)
    python.expect_console("status of 503", times=0, at_most=1)
    python.run('task = asyncio.create_task(outcome(api.fetch("/api/echo")))\nNone')
    python.server.wait_until_held()
    assert (
        python.run("""
task.cancel()
await task
await api.sign_out()
await asyncio.sleep(0)
api.state.value
""")
        == "signed_out"
    )
    python.server.release()


BODIES = [
    '"häß"',
    'b"\\x00\\xff" * 1000',
    "json={'text': 'häß'}",
    "form()",
    'Blob.new(to_js(["one", "two"]))',
]


def test_bodies_of_every_kind_are_replayed_whole(python: Visit) -> None:
    """Q8, Q9: the server reads the same from a replay as from a first send."""
    python.run("""
from js import Blob, FormData
from pyodide.ffi import to_js
def form():
    made = FormData.new()
    made.append("name", "value")
    made.append("file", Blob.new(to_js(["content"])), "file.txt")
    return made
async def send(body=None, **options):
    response = await api.fetch("/api/upload", method="POST", body=body, **options)
    return [response.status, await response.json()]
None
""")
    for body in BODIES:
        fresh = python.run(f"await send({body})")
        assert fresh[0] == 200
        assert fresh[1]["size"] > 0
        python.server.control("/dev/revoke")
        assert python.run(f"await send({body})") == fresh
    python.expect_console(REFUSED, times=len(BODIES))
    assert python.server.counters()["refreshes_granted"] == len(BODIES)


def test_no_token_stands_in_reprs_events_or_errors(python: Visit) -> None:
    """X7: all that Python can print of the client, before and after a failure."""
    python.server.control("/dev/revoke")
    python.server.fault("/auth/refresh", "status", status=503)
    python.expect_console(REFUSED)
    python.expect_console("status of 503")
    printed: Any = python.run("""
import traceback
events = []
api.on(events.append)
try:
    await api.fetch("/api/echo?secret=1")
except reissue.RefreshUnavailable as error:
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(error.__cause__)
repr([api, vars(api), events, api.state]) + text
""")
    (token,) = python.tokens
    assert token not in printed
    assert "secret=1" not in printed


def test_a_timeout_of_next_to_nothing_is_a_timeout(python: Visit) -> None:
    """Q14: Pyodide's loop refuses a timer that is past by the time it is set."""
    source = '{await outcome(api.fetch("/api/echo", timeout=seconds)) for _ in range(150) for seconds in (0, 1e-9)}'
    assert python.run(f"list({source})") == ["TimeoutError"]
