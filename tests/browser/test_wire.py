"""wire.js: a request, and a body, by one call and one call back; and the same without the file, by Pyodide alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.kept import Opening, opened
from tests.browser.test_python_in_the_page import BODIES, CONNECT, SEND
from tests.browser.visit import REFUSED, Visit


def without_the_script(visit: Visit) -> None:
    """As a page with a Pyodide of its own, which knows nothing of wire.js."""
    visit.alter("py/shim.mjs", lambda text: text.replace('pyodide.registerJsModule("reissue_wire", wire);', ""))


ALONE = Opening(before=without_the_script)
WAYS = ["wire.js", "Pyodide alone"]
both_ways = opened(Opening(), ALONE, ids=WAYS)
both_ways_one_in_firefox = opened(Opening(), ALONE, ids=WAYS, in_firefox=Opening())


@pytest.fixture
def python(kept: Visit) -> Visit:
    kept.run(CONNECT + "None")
    kept.reset_counters()
    return kept


@pytest.fixture
def another_fetch(python: Visit) -> Iterator[Visit]:
    """A test may replace the page's `fetch`; it finds the browser's as `own`."""
    python.execute("globalThis.own = fetch")
    yield python
    python.execute("globalThis.fetch = own")


@pytest.mark.firefox
@both_ways
def test_an_answer_is_pyodides_own_and_is_read_in_every_way(python: Visit) -> None:
    assert (
        python.run("""
import json
from pyodide.http import BodyUsedError, FetchResponse
async def whole(way):
    response = await api.fetch("/api/echo?n=1", headers={"X-Own": "a: b"})
    read = await getattr(response, way)()
    try:
        await response.text()
    except BodyUsedError:
        return read
response = await api.fetch("/api/echo?n=1", headers={"X-Own": "a: b"})
copy = response.clone()
again = copy.clone()
text = await response.text()
[
    isinstance(response, FetchResponse), isinstance(copy, FetchResponse),
    response.status, response.ok, response.redirected, response.type, response.headers["content-type"],
    response.url == response.js_request.url == URL.new("/api/echo?n=1", response.url).href,
    response.js_request.headers.get("X-Own"), response.body_used, copy.body_used,
    await copy.text() == await again.string() == text == await whole("text"),
    (await whole("json")) == json.loads(text), (await whole("bytes")) == text.encode(),
    (await whole("buffer")).to_string() == text, bytes(await whole("memoryview")) == text.encode(),
]
""")
        == [True, True, 200, True, False, "basic", "application/json", True, "a: b", True, False, True, True]
        + [True] * 3
    )


@pytest.mark.firefox
@opened(ALONE)
def test_a_page_without_the_script_sends_every_body_again_and_hears_of_every_failure(python: Visit) -> None:
    """Q8, Q10: what the other tests of the page hold with the script."""
    python.run(SEND)
    python.expect_console(REFUSED, times=len(BODIES))
    for body in BODIES:
        python.server.control("/dev/revoke")
        status, received = python.run(f"await send({body}, path='/api/echo')")
        assert (status, bool(received)) == (200, True), body
    python.server.fault("/api/echo", "hold")
    assert python.run("""
controller = AbortController.new()
aborted = asyncio.create_task(outcome(api.fetch("/api/echo", signal=controller.signal)))
late = await outcome(api.fetch("/api/me", method="GET", mode="navigate"))
controller.abort()
[await aborted, late, await outcome(api.fetch("/api/echo", timeout=0.05))]
""") == ["RequestAborted", "ValueError", "TimeoutError"]


def test_a_body_that_breaks_off_is_an_error_of_the_network(python: Visit) -> None:
    """Pyodide 314.0.7 by itself raises an AttributeError."""
    python.server.fault("/api/echo", "truncate")
    python.expect_console("ERR_CONTENT_LENGTH_MISMATCH|ERR_INCOMPLETE_CHUNKED_ENCODING")
    assert (
        python.run("""
response = await api.fetch("/api/echo")
try:
    found = await response.text()
except OSError as error:
    found = "OSError"
found
""")
        == "OSError"
    )


def test_a_body_that_nobody_waits_for_any_more_is_not_read_on(python: Visit) -> None:
    assert python.run("""
response = await api.fetch("/api/stream?lines=2&interval=5")
reading = asyncio.create_task(response.text())
await asyncio.sleep(0)
reading.cancel()
(await asyncio.gather(reading, return_exceptions=True))[0].__class__.__name__, response.abort_signal.aborted
""") == ["CancelledError", True]


@pytest.mark.firefox
def test_who_was_answered_may_suspend_and_have_async_generators_like_anybody(python: Visit) -> None:
    """A task that goes on in the turn of an answer is where the loop would have brought it."""
    assert python.run("""
import sys
from pyodide.ffi import can_run_sync, run_sync
async def found():
    await api.fetch("/api/echo")
    hooks = sys.get_asyncgen_hooks()
    here = asyncio.current_task() is task, asyncio.get_running_loop() is loop
    hooked = hooks.firstiter == loop._asyncgen_firstiter_hook
    return [*here, hooked, can_run_sync() and run_sync(api.fetch("/api/me")).status]
loop = asyncio.get_running_loop()
task = asyncio.create_task(found())
await task
""") == [True, True, True, 200]


def test_many_answers_at_once_leave_nothing_behind(python: Visit) -> None:
    """X5: no number is kept of what was told, cancelled or failed."""
    python.server.fault("/api/me", "drop")
    python.expect_console("ERR_")
    assert python.run("""
from reissue.browser import transport
tasks = [asyncio.create_task(outcome(api.fetch(f"/api/echo?n={n}"))) for n in range(40)]
tasks.append(asyncio.create_task(outcome(api.fetch("/api/me"))))
await asyncio.sleep(0)
for task in tasks[:5]:
    task.cancel()
outcomes = await asyncio.gather(*tasks)
[len(transport._promises._pending), outcomes[:5], sorted(map(str, set(outcomes[5:])))]
""") == [0, ["CancelledError"] * 5, ["200", "NetworkError"]]


def test_code_that_is_suspended_where_it_was_answered_holds_nobody_up(python: Visit) -> None:
    """Twenty tasks, two on the wire, and each asks again by `run_sync` as soon as it has its answer."""
    assert (
        python.run("""
from pyodide.ffi import run_sync
narrow = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), in_flight=2)
await narrow.resume()
async def twice(n):
    first = await narrow.fetch(f"/api/echo?n={n}")
    second = run_sync(narrow.fetch(f"/api/echo?n={n}"))
    return first.status + second.status
found = await asyncio.gather(*map(twice, range(20)))
await narrow.close()
found
""")
        == [400] * 20
    )


def test_any_reason_to_abort_ends_the_wait_with_an_error(python: Visit) -> None:
    """Whoever aborts may give a text, or nothing, as the reason."""
    assert (
        python.run("""
from js import AbortController
found = []
for reason in ("user left", None):
    response = await api.fetch("/api/stream?lines=2&interval=5")
    reading = asyncio.create_task(response.text())
    await asyncio.sleep(0)
    response.abort_controller.abort(reason)
    try:
        await reading
    except OSError as error:
        found.append(type(error).__name__)
found
""")
        == ["AbortError"] * 2
    )


def test_a_reason_that_is_no_text_ends_the_wait_as_well(python: Visit) -> None:
    """Such as what Object.groupBy gives, which inherits nothing."""
    python.execute("globalThis.strange = Object.create(null)")
    assert (
        python.run("""
import js
response = await api.fetch("/api/stream?lines=2&interval=5")
reading = asyncio.create_task(response.text())
await asyncio.sleep(0)
response.abort_controller.abort(js.strange)
await asyncio.wait({reading}, timeout=10)
type(reading.exception()).__name__ if reading.done() else "still waiting"
""")
        == "AbortError"
    )


def test_a_browser_without_abortsignal_any_follows_the_callers_signal_too(python: Visit) -> None:
    """Q10"""
    python.execute("globalThis.any = AbortSignal.any; delete AbortSignal.any")
    python.server.fault("/api/echo", "hold")
    python.run("""
before, after = AbortController.new(), AbortController.new()
task = asyncio.create_task(outcome(api.fetch("/api/echo", signal=before.signal)))
None
""")
    python.server.wait_until_held()
    assert python.run("""
before.abort()
answered = await outcome(api.fetch("/api/me", signal=after.signal))
after.abort()
[await task, answered]
""") == ["RequestAborted", 200]
    python.execute("AbortSignal.any = any")


@pytest.mark.firefox
def test_an_installed_client_keeps_what_a_request_says_of_its_referrer(python: Visit) -> None:
    python.run("api.install()")
    asked = """(async () => {
        await fetch("/api/echo?n=1", {referrerPolicy: "no-referrer"});
        await fetch(new Request("/api/echo?n=2", {referrerPolicy: "no-referrer", keepalive: true}));
        await fetch("/api/echo?n=3");
    })()"""
    python.evaluate(asked)
    referrers = [request.headers.get("referer", "") for request in python.requests_to("/api/echo")]
    assert [bool(referrer) for referrer in referrers] == [False, False, True]


def test_a_fetch_that_gives_no_response_is_an_error_and_no_endless_wait(another_fetch: Visit) -> None:
    """A page's own wrapper around fetch may give anything."""
    another_fetch.execute("globalThis.fetch = async () => undefined")
    assert another_fetch.run('await asyncio.wait_for(outcome(api.fetch("/api/me")), 20)') == "AttributeError"


def test_a_response_that_hides_its_status_is_an_error_and_no_endless_wait(another_fetch: Visit) -> None:
    """As a naive Proxy around a response does."""
    another_fetch.execute("globalThis.fetch = async (...given) => new Proxy(await own(...given), {})")
    assert another_fetch.run('await asyncio.wait_for(outcome(api.fetch("/api/me")), 20)') == "JsException"


@pytest.mark.parametrize(
    "given", ["answer", "{then: settle => settle(answer)}", "{then: settle => { settle(answer); settle(answer); }}"]
)
def test_a_fetch_that_answers_at_once_or_twice_answers(another_fetch: Visit, given: str) -> None:
    """As it does for whoever awaits it: a page's own wrapper need not give a promise."""
    another_fetch.execute(f"{{ const answer = new Response('text'); globalThis.fetch = () => ({given}); }}")
    assert another_fetch.run('await asyncio.wait_for(outcome(api.fetch("/api/me")), 20)') == 200
