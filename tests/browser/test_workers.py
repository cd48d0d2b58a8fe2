"""Python in a worker: its token is nowhere on the main thread."""

from __future__ import annotations

import json

from tests.browser.test_clients import BLOB, MODULE
from tests.browser.visit import Visit

SIGN_IN = """
import js, reissue
api = reissue.connect(f"{js.location.origin}/api/", endpoint=reissue.Endpoint("/auth"), tabs=False)
api.install()
await api.sign_in(username="ada", password="lovelace")
[(await api.fetch("/api/me")).status, (await js.fetch(f"{js.location.origin}/api/me")).status]
"""


def heap_of_the_main_thread(visit: Visit) -> str:
    """Everything that the main thread's JavaScript holds, strings included, as V8 writes it down."""
    devtools = visit.context.new_cdp_session(visit.page)
    parts: list[str] = []
    devtools.on("HeapProfiler.addHeapSnapshotChunk", lambda event: parts.append(event["chunk"]))
    devtools.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    devtools.detach()
    return "".join(parts)


def token_stays_in_the_worker(visit: Visit) -> None:
    visit.execute(
        """
        window.heard = []; // all that a script of the page can overhear
        window.channel = new BroadcastChannel(`reissue:default ${location.origin}/auth/refresh`);
        channel.onmessage = ({data}) => heard.push(data);
        addEventListener("message", ({data}) => heard.push(data))
        """
    )
    assert visit.run(SIGN_IN) == [200, 200]
    (token,) = visit.tokens
    heap = heap_of_the_main_thread(visit)
    assert token not in heap
    assert token.partition(".")[2] not in heap, "nor a part of it"
    visit.execute(f"window.held = [{json.dumps('token in the page: ' + token)}]")
    assert token in heap_of_the_main_thread(visit), "a token that is there is found"
    assert visit.evaluate("JSON.stringify([heard, localStorage, sessionStorage, document.cookie])") == json.dumps(
        [[], {}, {}, ""], separators=(",", ":")
    )
    visit.tokens.clear()  # the test itself has put it into the page


def test_the_token_of_a_module_worker_is_not_on_the_main_thread(visit: Visit) -> None:
    token_stays_in_the_worker(visit.open_blank("worker.html", policy=MODULE))
    messages = visit.evaluate("messages.join()")
    assert "ready" in messages
    assert "eyJ" not in messages, "no token came with an answer"


def test_an_event_stream_in_a_worker_goes_on_from_connection_to_connection(visit: Visit) -> None:
    """Q21"""
    visit.open_blank("worker.html", policy=MODULE).run(SIGN_IN)
    events = "[event.id async for event in api.event_stream('/api/events?total=5&each=2&retry=10')]"
    assert visit.run(events) == ["1", "2", "3", "4", "5"]
    assert visit.run("await api.sign_out()\nNone") is None


def test_the_token_of_a_pyscript_worker_is_not_on_the_main_thread(visit: Visit) -> None:
    visit.expect_console("Unable to use `window` or `document` in worker", times=0, at_most=1)
    token_stays_in_the_worker(visit.open_blank("pyscript_worker.html", policy=BLOB))
