"""Python in a worker: its token is nowhere on the main thread."""

from __future__ import annotations

import json

import pytest

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


KEPT = """
import js, reissue
def connected(store="indexeddb", **options):
    bodies = reissue.Endpoint("/auth/body")
    return reissue.connect(f"{js.location.origin}/api/", endpoint=bodies, store=store, **options)
api = connected()
told = []
api.on(lambda event: told.append(event.phase.value) if isinstance(event, reissue.StoreEvent) else None)
"""
DATABASES = "indexedDB.databases().then(all => all.map(({name}) => name).filter(name => name.startsWith('reissue')))"


@pytest.mark.firefox
def test_a_session_that_is_kept_in_a_worker_outlives_it_and_is_shared_with_pages(visit: Visit) -> None:
    """T6: a worker has no localStorage. And S1: who signs out in a page is signed out in a worker that comes later."""
    visit.open_blank("worker.html", policy=MODULE)
    visit.run(f"{KEPT}\nawait api.sign_in(username='ada', password='lovelace')\nawait api.renew()\nNone")
    visit.open_blank("worker.html", policy=MODULE)
    assert visit.run(f"{KEPT}\n[await api.resume(), api.claims['sub']]") == [True, "ada"]
    visit.open_blank()
    assert visit.run(f"{KEPT}\n[await api.resume(), api.claims['sub']]") == [True, "ada"]
    visit.run("await api.renew()\nawait api.close()\nNone")
    visit.open_blank("worker.html", policy=MODULE)
    assert visit.run(f"{KEPT}\n[await api.resume(), (await api.get('me')).status, told]") == [True, 200, []]
    assert visit.server.counters()["reuse_detections"] == 0
    visit.open_blank()
    assert visit.run(f"{KEPT}\nawait api.resume()") is True
    visit.run("await api.sign_out()\nNone")
    visit.open_blank("worker.html", policy=MODULE)
    assert visit.run(f"{KEPT}\nawait api.resume()") is False


def test_the_local_store_of_a_worker_is_memory_and_says_so(visit: Visit) -> None:
    """T6: were it another store, a sign-out in a page would leave the session in it."""
    visit.open_blank("worker.html", policy=MODULE)
    visit.run(KEPT.replace("connected()", "connected('local')") + "None")
    assert visit.run("await api.sign_in(username='ada', password='lovelace')\ntold") == ["unavailable"]
    visit.open_blank("worker.html", policy=MODULE)
    visit.run(KEPT.replace("connected()", "connected('local')") + "None")
    assert visit.run("await api.resume()") is False


@pytest.mark.firefox
def test_a_page_that_keeps_nothing_removes_what_an_earlier_version_kept_in_a_database(kept: Visit) -> None:
    kept.run(f"{KEPT}\nawait api.sign_in(username='ada', password='lovelace')\nNone")
    assert kept.evaluate(DATABASES) != []
    kept.run("await api.close()\nplain = connected('memory')\nNone")
    kept.until(lambda: kept.evaluate(DATABASES) == [])
    assert kept.run("await plain.resume()") is False


@pytest.mark.firefox
def test_only_what_a_page_knows_is_removed_from_a_database(kept: Visit) -> None:
    source = """
from reissue.browser.storage import DatabaseStore
one, other = DatabaseStore("name"), DatabaseStore("name")
one.write("old")
await one.load()  # after what it writes
await other.load()
seen = [other.read()]
one.write("new")
await one.load()
other.write(None)
await other.load()
seen += [one.read(), other.read()]
other.write(None)
await other.load()
await one.load()
seen += [one.read(), other.read()]
one.write("unknown")
await one.load()
unknown = DatabaseStore("name")
unknown.write(None)
await unknown.load()
seen.append(unknown.read())
one.remove()
seen
"""
    assert kept.run(source) == ["old", "new", "new", None, None, None]


@pytest.mark.parametrize(
    "fault", ["has none", "forbids it", "never answers", pytest.param("is full", marks=pytest.mark.firefox)]
)
def test_a_browser_without_a_database_keeps_the_session_in_memory_and_says_so_once(kept: Visit, fault: str) -> None:
    """T6"""
    faults = {
        "has none": "undefined",
        "forbids it": "{open() { throw new DOMException('', 'SecurityError') }}",
        "never answers": "{open() { return new EventTarget() }}",
    }
    kept.execute("""
        globalThis.put = IDBObjectStore.prototype.put;
        globalThis.database = Object.getOwnPropertyDescriptor(globalThis, "indexedDB");
    """)
    if fault == "is full":
        kept.execute("IDBObjectStore.prototype.put = function () { this.transaction.abort() }")
    else:
        kept.execute(f"Object.defineProperty(globalThis, 'indexedDB', {{value: {faults[fault]}, configurable: true}})")
    kept.run("from reissue.browser import storage\npatience = storage.PATIENCE\nNone")
    if fault == "never answers":
        kept.run("storage.PATIENCE = 0.05\nNone")
    kept.run(f"{KEPT}\nNone")
    kept.run("await api.sign_in(username='ada', password='lovelace')\nawait api.renew()\nawait api.renew()\nNone")
    assert kept.run("[(await api.get('me')).status, told]") == [200, ["unavailable"]]
    kept.run("storage.PATIENCE = patience\nNone")
    kept.execute("""
        IDBObjectStore.prototype.put = put;
        Object.defineProperty(globalThis, "indexedDB", database);
    """)


CANCELLED = """
import asyncio
from reissue.browser.storage import DatabaseStore
async def cancelled():
    loading = asyncio.create_task(DatabaseStore("name").load())
    await asyncio.sleep(0)
    loading.cancel()
    await asyncio.wait((loading,))
    return loading.cancelled()
async def kept():
    store = DatabaseStore("name")
    await store.load()
    store.write("kept")
    await store.load()
    return store.read()
[await cancelled(), await kept(), await cancelled(), (DatabaseStore("name").remove(), await kept())[1]]
"""


@pytest.mark.firefox
def test_a_database_whose_opening_is_cancelled_can_be_used_and_removed(kept: Visit) -> None:
    assert kept.run(CANCELLED) == [True, "kept", True, "kept"]


def test_a_worker_of_a_browser_without_databases_can_sign_in_and_out(visit: Visit) -> None:
    """T6: its mark of an untold sign-out is in memory then, whatever store it has asked for."""
    visit.open_blank("worker.html", policy=MODULE)
    visit.run("import js\njs.Object.defineProperty(js.globalThis, 'indexedDB', js.JSON.parse('{}'))\nNone")
    assert visit.run(f"{SIGN_IN}\nawait api.sign_out()\nawait api.resume()") is False
