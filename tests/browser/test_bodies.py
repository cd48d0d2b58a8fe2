"""Bodies in a page: requests send what they were called with, and responses that the caller will not get are let go."""

from __future__ import annotations

import hashlib

import pytest

from tests.browser.test_python_in_the_page import CONNECT
from tests.browser.test_wire import both_ways, both_ways_one_in_firefox
from tests.browser.visit import REFUSED, Visit

PREPARE = (
    CONNECT
    + """
import js
from js import ArrayBuffer, DataView, FormData, Object, Uint8Array, URLSearchParams
from pyodide.ffi import to_js
async def within(awaitable, seconds=20):
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except TimeoutError:
        return "no answer"
None
"""
)


@pytest.fixture
def python(kept: Visit) -> Visit:
    kept.run(PREPARE)
    kept.reset_counters()
    return kept


# Responses that the caller will not get

EIGHT_BY_PYTHON = """
answers = await within(asyncio.gather(*(api.fetch(f"/api/echo?n={n}") for n in range(8))))
[answer.status for answer in answers]
"""
EIGHT_BY_JAVASCRIPT = "Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(n => fetch(`/api/echo?n=${n}`).then(r => r.status)))"


@both_ways_one_in_firefox
def test_a_401_whose_body_does_not_end_holds_up_neither_the_refresh_nor_the_replays(python: Visit) -> None:
    """Q23: The body of a refused response is cancelled before the refresh and the replay: it holds no connection.

    Seen in: browserbase/sdk-node#204, sindresorhus/ky#803
    """
    python.run("api.install()")
    python.expect_console(REFUSED, times=16)
    for ask, source in ((python.run, EIGHT_BY_PYTHON), (python.evaluate, EIGHT_BY_JAVASCRIPT)):
        python.server.control("/dev/revoke")
        python.server.fault("/api/echo", "endless", status=401, times=8)
        python.reset_counters()
        assert ask(source) == [200] * 8
        assert python.server.counters()["refreshes_asked"] == 1


UPLOAD_BY_PYTHON = """
response = await within(api.fetch("/api/upload", method="POST", keepalive=True, body="x" * 40_000))
(await response.json())["size"]
"""
UPLOAD_BY_JAVASCRIPT = """
fetch("/api/upload", {method: "POST", keepalive: true, body: "x".repeat(40000)}).then(async r => (await r.json()).size)
"""


RENEW_MEANWHILE = """
other = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), name="other", tabs=False)
await other.resume()
newer = other._lifecycle.sessions.latest.credential
def hand_over(event):
    if event.phase.value == "refused":
        api._lifecycle.sessions.latest.take_over(newer)
stop = api.on(hand_over)
None
"""


@pytest.mark.firefox
@pytest.mark.parametrize("renewed_meanwhile", [False, True])
def test_a_request_with_keepalive_is_replayed_though_its_first_body_counts_against_the_browsers_budget(
    python: Visit, renewed_meanwhile: bool
) -> None:
    """Q23, Q25: two of 40 kB are more than a browser keeps alive, whether a refresh lies between or not."""
    python.run("api.install()")
    python.expect_console(REFUSED, times=2)
    python.expect_console("ERR_|Failed to load", times=0, at_most=20)
    for ask, source in ((python.run, UPLOAD_BY_PYTHON), (python.evaluate, UPLOAD_BY_JAVASCRIPT)):
        python.server.control("/dev/revoke")
        python.server.fault("/api/upload", "endless", status=401)
        if renewed_meanwhile:  # then the replay follows the 401 at once
            python.run(RENEW_MEANWHILE)
        assert ask(source) == 40_000
        if renewed_meanwhile:
            python.run("stop()\nawait other.close()")


LEFT_BY_ITS_READER = """
    reader = response.js_response.body.getReader()
    await reader.read()
    await reader.cancel()
"""
LEFT_BY_THE_LIBRARY = """
    pieces = response.aiter_bytes()
    await anext(pieces)
    await pieces.aclose()
"""


@both_ways_one_in_firefox
@pytest.mark.parametrize(
    "leave",
    [
        # Firefox closes the connection of a body that JavaScript cancels only when more of it arrives.
        pytest.param(LEFT_BY_ITS_READER, id="left by its reader", marks=pytest.mark.only_browser("chromium")),
        pytest.param(LEFT_BY_THE_LIBRARY, id="left by the library"),
    ],
)
@pytest.mark.parametrize(
    "judge",
    [
        "async def judge(outcome):\n    return outcome.status == 419",
        """
async def judge(outcome):
    await outcome.js_response.body.getReader().read()
    return False""",
        """
async def judge(outcome):
    reading = asyncio.create_task(outcome.text())
    await asyncio.sleep(0.01)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return False""",
        """
async def judge(outcome):
    outcome.clone()
    raise LookupError""",
    ],
    ids=["reads the head", "reads a part", "gives up reading", "raises"],
)
def test_a_response_that_a_test_has_looked_at_goes_on_no_longer_than_the_caller_reads_it(
    python: Visit, judge: str, leave: str
) -> None:
    """Q24: A response is cloned only when the caller's test reads it, and the copy is cancelled after the verdict: what
    the caller leaves then holds no connection.

    Seen in: open-telemetry/opentelemetry-js#5883, solidjs/solid#3244
    """
    python.server.fault("/api/stream", "endless", times=6)
    assert python.run(
        judge
        + f"""
own = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), should_renew=judge, name="judging")
await own.resume()
async def look():
    try:
        response = await own.fetch("/api/stream")
    except LookupError:
        return "raised"
{leave}
    return "left"
ends = [await within(look()) for _ in range(6)]
status = (await within(api.fetch("/api/me"))).status
await own.close()
[*{{*ends}}, status]
"""
    ) == ["raised" if "raise" in judge else "left", 200]


SILENT = 4_194_304  # bytes; after these the server of an endless response is silent
READ = f"""
async def read(pieces, most={SILENT}):
    size = 0
    while size < most:
        size += len(await within(anext(pieces)))
    return size
response = await api.fetch("/api/stream")
pieces = response.aiter_bytes()
"""


@both_ways_one_in_firefox
def test_a_body_that_is_left_while_its_server_is_silent_lets_its_connection_go(python: Visit) -> None:
    """Q24: also in Firefox, which closes the connection of a body that JavaScript cancels only when more of it arrives.
    (A kept page fails its test if a request is still open.)
    """
    python.server.fault("/api/stream", "endless")
    assert python.run(READ + "size = await read(pieces)\nawait pieces.aclose()\nsize") == SILENT


@pytest.mark.firefox
@both_ways
def test_an_answer_that_is_too_long_lets_its_connection_go_though_its_server_is_silent(python: Visit) -> None:
    """X8, Q24: the same where the library itself stops reading."""
    python.server.fault("/api/stream", "endless")
    too_long = f"""
response = await api.fetch("/api/stream")
await within(response.text_within({SILENT - 1}))
"""
    assert python.run(too_long) is None


@both_ways_one_in_firefox
def test_a_body_that_is_left_goes_on_for_a_clone(python: Visit) -> None:
    """Q24: the request is aborted only when nothing else reads its body."""
    python.server.fault("/api/stream", "endless")
    assert (
        python.run(
            READ
            + """
clone = response.clone()
await read(pieces, 1)
await pieces.aclose()
reader, size = clone.js_response.body.getReader(), 0
while size < SILENT:
    size += (await within(reader.read())).value.byteLength
response.abort_controller.abort()
size
""".replace("SILENT", str(SILENT))
        )
        == SILENT
    )


@both_ways_one_in_firefox
def test_a_copy_for_a_test_is_like_the_response(python: Visit) -> None:
    """Q24: also one without a body."""
    assert (
        python.run("""
seen = []
async def judge(outcome):
    copy, names = outcome.js_response, ("status", "ok", "url", "redirected", "type")
    seen.append([[getattr(of, name) for name in names] for of in (outcome, copy)])
    seen[-1][0].append(outcome.headers["content-type"])
    seen[-1][1].append(copy.headers.get("content-type"))
    seen.append([await outcome.text(), outcome.body_used, isinstance(outcome, type(await api.fetch("/api/me")))])
    return False
own = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), should_renew=judge, name="judging")
await own.resume()
response = await own.fetch("/api/echo")
text = await response.text()
await own.fetch("/api/echo", method="HEAD")
await own.close()
[seen[0][0] == seen[0][1], seen[1] == [text, True, True], seen[2][0] == seen[2][1], seen[3][0] == ""]
""")
        == [True] * 4
    )


# Requests that are to outlive their page

BEACONS = "void fetch('/api/me', {method: 'POST', keepalive: true, body: 'x'.repeat(65535)}).catch(() => {})"


@pytest.mark.firefox
def test_the_endpoint_is_reached_while_the_pages_own_beacons_use_up_the_browsers_budget(python: Visit) -> None:
    """Q25: A call to the endpoint for which the browser has no room among 64 KiB of keepalive bodies is sent once more
    without keepalive, and a large one is sent without from the start.

    Seen in: getsentry/sentry-javascript#1464, whatwg/fetch#1816
    """
    python.expect_console("ERR_|Failed to load|status of 40", times=0, at_most=20)
    python.server.fault("/api/me", "hold")
    python.execute(BEACONS)
    python.server.wait_until_held()
    assert python.run("""
found = []
await api.renew()
other = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), name="other", tabs=False)
found.append(await other.resume())
await other.close()
await api.sign_out()
found.append(await api.resume())
await api.sign_in(username="ada", password="lovelace", note="x" * 66_000)
found.append(api.state.value)
found
""") == [True, False, "signed_in"]
    counters = python.server.counters()
    assert (counters["refreshes_granted"], counters["logouts"], counters["logins"]) == (2, 1, 1)
    python.server.release()


@pytest.mark.firefox
@pytest.mark.parametrize("kind", ["drop", "lost"])
def test_a_refresh_that_may_have_been_sent_is_not_sent_again(python: Visit, kind: str) -> None:
    """Q25, F6: a refresh token works once, and only the budget's refusal is certain."""
    python.expect_console("ERR_|Failed to load", times=1, at_most=20)
    python.server.fault("/auth/refresh", kind)
    assert (
        python.run("""
try:
    await api.renew()
except reissue.RefreshUnavailable as error:
    found = type(error.__cause__).__name__
found
""")
        == "NetworkError"
    )
    assert python.server.counters()["refreshes_asked"] == 1


# Bodies of JavaScript's own

STARTED = """
bytes_of = lambda text: Uint8Array.new(to_js(text.encode()))
first = asyncio.create_task(api.fetch("/api/me"))
None
"""
WHOLE, VIEW = b"the bytes at the call", b"bytes at"


@pytest.mark.firefox
def test_a_body_is_sent_as_it_was_at_the_call(python: Visit) -> None:
    """Q26: A JavaScript body is what it was at the call, whatever becomes of a buffer or a form while the call waits.

    Seen in: bradenmacdonald/s3-lite-client#14
    """
    python.expect_console(REFUSED)
    python.server.control("/dev/revoke")
    python.server.fault("/auth/refresh", "hold")
    python.run(STARTED)
    python.server.wait_until_held()
    python.run(f"""
whole = lambda: bytes_of({WHOLE.decode()!r})
viewed, seen, moved = whole(), whole(), whole()
parameters, form = URLSearchParams.new("a=1"), FormData.new()
form.append("a", "1")
array, buffer = whole(), whole().buffer
views = Uint8Array.new(viewed.buffer, 4, 8), DataView.new(seen.buffer, 4, 8)
async def received(call):
    return await (await call).json()
bodies = (array, *views, buffer, moved.buffer, parameters, form)
calls = [api.fetch("/api/upload", method="POST", body=body) for body in bodies]
tasks = [asyncio.create_task(received(call)) for call in calls]
for changed in (array, viewed, seen, Uint8Array.new(buffer)):
    changed.fill(0)
js.structuredClone(moved.buffer, to_js({{"transfer": [moved.buffer]}}, dict_converter=Object.fromEntries))
parameters.append("b", "2")
form.append("b", "2")
api.install()
""")
    python.execute(f"""
    const whole = [1, 2, 3].map(() => new TextEncoder().encode({WHOLE.decode()!r}));
    window.sent = [
        fetch("/api/upload", {{method: "POST", body: whole[0]}}),
        fetch(new Request("/api/upload", {{method: "POST", body: whole[1].buffer}})),
        fetch("/api/upload", {{method: "POST", body: whole[2].buffer}}),
    ].map(async call => (await (await call).json()).sha256);
    whole[0].fill(0);
    whole[1].fill(0);
    structuredClone(whole[2].buffer, {{transfer: [whole[2].buffer]}});
    """)
    python.server.release()
    python.run("await within(first)\nNone")
    received = python.run("await within(asyncio.gather(*tasks))")
    hashes = [hashlib.sha256(body).hexdigest() for body in (WHOLE, VIEW, VIEW, WHOLE, WHOLE, b"a=1")]
    assert [answer["sha256"] for answer in received[:-1]] == hashes
    assert received[-1]["fields"] == {"a": "1"}
    by_javascript = python.evaluate("Promise.all(sent)")
    assert by_javascript == [hashlib.sha256(WHOLE).hexdigest()] * 3


def test_a_buffer_that_was_transferred_before_the_call_is_told_of(python: Visit) -> None:
    """Q26: nothing is sent in its place."""
    assert (
        python.run("""
buffer = Uint8Array.new(4).buffer
js.structuredClone(buffer, to_js({"transfer": [buffer]}, dict_converter=Object.fromEntries))
await outcome(api.fetch("/api/upload", method="POST", body=buffer))
""")
        == "ValueError"
    )
    assert python.server.counters()["api_requests"] == 0
