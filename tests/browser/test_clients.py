"""docs/clients.md: each of its examples, as it stands, wherever it says that it runs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.browser.kept import Opening
from tests.browser.visit import Policy, Visit
from tests.documents import AS_A_CLIENT, run_by

EXAMPLES = {block.heading: block.code for block in run_by(AS_A_CLIENT)}
JAVASCRIPT = "JavaScript"
INSTALLED = {JAVASCRIPT} | {title for title, code in EXAMPLES.items() if "api.install()" in code}
SYNCHRONOUS = {title for title, code in EXAMPLES.items() if "async " not in code}
PACKAGES = ["httpx2", "pyodide-http", "requests", "urllib3"]

# What clients and PyScript say of themselves, with or without us.
CLIENTS_OWN_LINES = (
    'Refused to set unsafe header "(?i:accept-encoding|connection|host)"',
    "Can't stream HTTP requests because",
    "Unable to use `window` or `document` in worker",
    "^uncaught: The page’s settings blocked a JavaScript eval",  # Firefox, of PyScript in an isolated worker
)

PREPARE = """
import asyncio, inspect, time
import js, pyodide_js, reissue
from pyodide.ffi import can_run_sync, create_proxy
await pyodide_js.loadPackage(PACKAGES, messageCallback=create_proxy(lambda *_: None))
from urllib3.contrib.emscripten.fetch import wait_for_streaming_ready
await wait_for_streaming_ready()  # its own worker, where it has one
origin = js.location.origin

async def ask():
    answer = notes()
    return await answer if inspect.isawaitable(answer) else answer

async def outcome(awaitable):
    try:
        return await awaitable
    except Exception as error:
        causes = []
        while error is not None:
            causes.append(type(error).__name__)
            error = error.__cause__ or error.__context__
        return causes

async def eight():
    tasks = [asyncio.create_task(outcome(ask())) for _ in range(8)]
    return [await task for task in tasks]

[can_run_sync(), hasattr(js, "WorkerGlobalScope"), bool(js.crossOriginIsolated)]
"""

CONNECT = """
late = 0.0
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), clock=lambda: time.time() + late, tabs=TABS)
await api.sign_in(username="ada", password="lovelace")
await api.fetch("/api/notes", method="POST", json={"text": "häß"})
None
"""

# What a page's policy must let through for workers: a module of its own, or what PyScript and urllib3 make of a blob.
# Their addresses are texts, which Trusted Types would refuse.
MODULE: Final[Policy] = {"worker-src": "'self'", "require-trusted-types-for": None}
BLOB: Final[Policy] = {"worker-src": "'self' blob:", "require-trusted-types-for": None}


# In an isolated worker urllib3 makes a worker of its own when it is imported; with JSPI it never uses that. In Firefox
# under remote control `new Worker` in a worker sometimes never returns: two threads wait for the same condition, and
# when the new worker is registered Firefox wakes only one, maybe the wrong one (`SetIsDebuggerRegistered`).
WITHOUT_WORKERS = "import js\nworkers = js.Worker\ndel js.Worker\nNone"

PREPARE_ALL = PREPARE.replace("PACKAGES", json.dumps(PACKAGES))


def without_jspi(visit: Visit) -> None:
    visit.alter("py/shim.mjs", lambda text: f'import "/without_jspi.js";\n{text}')


@dataclass(frozen=True, slots=True)
class Place:
    """Where Python runs, and whether it can be suspended there."""

    page: str
    jspi: bool = True
    worker: bool = False
    isolated: bool = False
    policy: Policy = field(default_factory=dict)

    @property
    def titles(self) -> set[str]:
        """The examples that run here: all but PyScript's own without it, and the page's JavaScript in a worker."""
        absent = {JAVASCRIPT} if self.worker else set()
        if self.page not in ("blank.html", "pyscript_worker.html"):
            absent.add("pyscript.fetch")
        return set(EXAMPLES) - absent

    def open(self, visit: Visit) -> None:
        if not self.jspi:
            without_jspi(visit)
        visit.open_blank(self.page, policy=self.policy)
        self.prepare(visit)

    def prepare(self, visit: Visit) -> None:
        """In a page that is open."""
        assert visit.run("True"), "Python answers before anything is loaded"
        nested = visit.engine == "firefox" and self.isolated and self.jspi
        if nested:
            visit.run(WITHOUT_WORKERS)
        assert visit.run(PREPARE_ALL) == [self.jspi, self.worker, self.isolated]
        if nested:
            visit.run("js.Worker = workers\nNone")

    @property
    def opening(self) -> Opening:
        """A page for several tests, with all that they patch loaded before."""
        loads = f"{PREPARE_ALL}\nimport httpx2, requests, pyodide_http._requests, pyodide_http._urllib"
        return Opening(self.page, self.policy, before=None if self.jspi else without_jspi, prepare=loads)


PLACES = {
    "PyScript": Place("blank.html"),
    "PyScript without JSPI": Place("blank.html", jspi=False),
    "Pyodide": Place("plain.html"),
    "a PyScript worker": Place("pyscript_worker.html", worker=True, policy=BLOB),
    "a PyScript worker without JSPI": Place("pyscript_worker.html", jspi=False, worker=True, policy=BLOB),
    "an isolated PyScript worker": Place("pyscript_worker.html", worker=True, isolated=True, policy=BLOB),
    "an isolated PyScript worker without JSPI": Place(
        "pyscript_worker.html", jspi=False, worker=True, isolated=True, policy=BLOB
    ),
    "a module worker": Place("worker.html", worker=True, policy=MODULE),
    "a module worker without JSPI": Place("worker.html", jspi=False, worker=True, policy=MODULE),
    "an isolated module worker without JSPI": Place("worker.html", jspi=False, worker=True, isolated=True, policy=BLOB),
}


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[request.param]


@pytest.fixture
def server_flags(place: Place) -> tuple[str, ...]:
    return ("--isolated",) if place.isolated else ()


IN_FIREFOX = {"PyScript", "a module worker"}
everywhere = pytest.mark.parametrize(
    "place",
    [pytest.param(place, marks=[pytest.mark.firefox] if place in IN_FIREFOX else []) for place in PLACES],
    indirect=True,
)


def shared(*places: str) -> pytest.MarkDecorator:
    """On a page that tests of the same place share."""
    return pytest.mark.parametrize(
        ("place", "kept"), [(place, PLACES[place].opening) for place in places], ids=places, indirect=True
    )


@everywhere
def test_each_example_shares_one_refresh_and_hears_of_the_end(visit: Visit, place: Place) -> None:
    for theirs in CLIENTS_OWN_LINES:  # first, so that a test that fails does not fail for these as well
        visit.expect_console(theirs, times=0, at_most=1000)
    place.open(visit)
    refused = 0
    for title, example in EXAMPLES.items():
        if title not in place.titles:
            continue
        # Where Python can't be suspended, a synchronous refresh takes a client that shares nothing with other tabs.
        visit.run(CONNECT.replace("TABS", str(place.jspi)))
        if title == JAVASCRIPT:
            visit.execute(f"{example}\nwindow.notes = notes")
            example = "api.install()\nasync def notes():\n    return (await js.notes()).to_py()"
        visit.run(example + "\nNone")
        refused += scenario(visit, title, at_once=place.jspi or title not in SYNCHRONOUS)
        visit.run("await api.close()")
    visit.expect_console("status of 401", times=0 if place.worker else refused)


def scenario(visit: Visit, title: str, *, at_once: bool) -> int:
    """Eight calls over an expired token, eight over a refused one, one after the end. How many 401s there were."""
    answer = visit.run("await (await api.fetch('/api/notes')).json()")
    visit.server.control("/dev/revoke")
    visit.reset_counters()
    assert visit.run("late += 3600\nawait eight()") == [answer] * 8, title
    counters = visit.server.counters()
    assert (counters["refreshes_asked"], counters["api_requests"], counters["api_401s"]) == (1, 8, 0), title
    visit.server.control("/dev/revoke")
    visit.reset_counters()
    assert visit.run("await eight()") == [answer] * 8, title
    counters = visit.server.counters()
    refused = 8 if at_once else 1
    assert (counters["refreshes_asked"], counters["api_401s"]) == (1, refused), title
    assert counters["api_requests"] == 8 + refused, title
    visit.run("await api.sign_out()")
    visit.reset_counters()
    last = visit.run("await outcome(ask())")
    if title in INSTALLED:  # goes out as it is
        assert visit.server.counters()["api_401s"] == 1, title
        return refused + 1
    assert "SessionEnded" in last, (title, last)
    assert visit.server.counters()["api_requests"] == 0, title
    return refused


JUDGING = """
async def judge(response):
    return response.status == 200 and "errors" in await response.text()
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), should_renew=judge, tabs=False)
await api.sign_in(username="ada", password="lovelace")
await api.fetch("/api/notes", method="POST", json={"text": "one"})
None
"""


@shared("Pyodide", "PyScript without JSPI")
def test_a_refusal_inside_a_200_is_judged_alike_for_every_client_and_its_body_is_left_whole(
    kept: Visit, place: Place
) -> None:
    """Q20: also where the judge is a coroutine function and Python can't be suspended."""
    place.prepare(kept)
    for title in sorted(place.titles - INSTALLED):
        kept.run(JUDGING + EXAMPLES[title] + "\nNone")
        answer = kept.run("await (await api.fetch('/api/notes')).json()")
        kept.reset_counters()
        kept.server.fault("/api/notes", "status", status=200, body={"errors": ["expired"]})
        assert kept.run("await ask()") == answer, title
        assert kept.server.counters()["refreshes_asked"] == 1, title
        kept.run("await api.sign_out()\nawait api.close()")
    for theirs in CLIENTS_OWN_LINES:
        kept.expect_console(theirs, times=0, at_most=1000)


@shared("Pyodide")
def test_a_body_is_replayed_whole_by_every_client_that_can_send_it_twice(kept: Visit, place: Place) -> None:
    """Q8: bytes and text; a file's 401 is the caller's, and httpx keeps even a generator's parts."""
    place.prepare(kept)
    kept.run(CONNECT.replace("TABS", "True"))
    kept.run("""
import io, httpx2, requests, urllib.request, pyodide_http
from reissue.adapters.httpx import ReissueAuth as HttpxAuth
from reissue.adapters.requests import ReissueAuth as RequestsAuth
from reissue.adapters.urllib import ReissueOpener
from reissue.adapters.urllib3 import ReissuePoolManager
url = f"{origin}/api/upload"
async def parts():
    yield b"one"
    yield b"two"
async def httpx(body):
    async with httpx2.AsyncClient(auth=HttpxAuth(api)) as client:
        return (await client.post(url, content=body)).status_code
def requested(body):
    return requests.post(url, data=body, auth=RequestsAuth(api)).status_code
def pooled(body):
    return ReissuePoolManager(api).request("POST", url, body=body).status
pyodide_http.patch_urllib()
def opened(body):
    return ReissueOpener(api).open(url, body).status
None
""")
    kept.expect_console("status of 401", times=8)
    sends = [
        "await httpx(b'onetwo')",
        "await httpx(parts())",
        "requested(b'onetwo')",
        "pooled(b'onetwo')",
        "opened(b'onetwo')",
    ]
    for send in [*sends, "pooled('onetwo')"]:
        kept.server.control("/dev/revoke")
        kept.reset_counters()
        assert kept.run(send) == 200, send
        assert kept.server.counters()["api_requests"] == 2, send
    for send in ["requested(io.BytesIO(b'onetwo'))", "pooled(io.BytesIO(b'onetwo'))"]:
        kept.server.control("/dev/revoke")
        kept.reset_counters()
        assert kept.run(send) == 401, send
        counters = kept.server.counters()
        assert (counters["api_requests"], counters["refreshes_asked"]) == (1, 1), send
    for theirs in CLIENTS_OWN_LINES:
        kept.expect_console(theirs, times=0, at_most=1000)


STREAMING = """
import httpx2, requests
from reissue.adapters.httpx import ReissueAuth as HttpxAuth
from reissue.adapters.requests import ReissueAuth as RequestsAuth
from reissue.adapters.urllib3 import ReissuePoolManager
async def judge(outcome):
    return outcome.status == 401
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), should_renew=JUDGE)
await api.sign_in(username="ada", password="lovelace")
url = f"{origin}/api/echo"
async def httpx_async():
    async with httpx2.AsyncClient(auth=HttpxAuth(api)) as client:
        request = client.build_request("GET", url)
        return (await client.send(request, stream=True)).status_code
async def httpx_sync():
    client = httpx2.Client(auth=HttpxAuth(api))
    return client.send(client.build_request("GET", url), stream=True).status_code
async def requests_():
    return requests.get(url, auth=RequestsAuth(api), stream=True).status_code
async def urllib3_():
    return ReissuePoolManager(api).request("GET", url, preload_content=False).status
None
"""


@pytest.mark.new_page  # urllib3 reads on, in a worker of its own: its next caller would wait for ever
@pytest.mark.parametrize("judge", ["None", pytest.param("judge", marks=pytest.mark.firefox)])
@shared("Pyodide")
def test_an_answer_that_does_not_end_holds_up_no_client_that_can_stream(kept: Visit, place: Place, judge: str) -> None:
    """Q23, Q28: the refused one is cancelled, and the accepted one is the caller's once its head is here."""
    place.prepare(kept)
    kept.run(STREAMING.replace("JUDGE", judge))
    kept.expect_console("status of 401", times=4)
    kept.reset_counters()
    for client in ("httpx_async", "httpx_sync", "requests_", "urllib3_"):
        kept.server.control("/dev/revoke")
        for status in (401, 200):
            kept.server.fault("/api/echo", "endless", status=status)
        assert kept.run(f"await {client}()") == 200, client
    assert kept.server.counters()["refreshes_granted"] == 4
    for theirs in CLIENTS_OWN_LINES:
        kept.expect_console(theirs, times=0, at_most=1000)


@shared("Pyodide")
def test_a_buffer_that_changes_while_a_synchronous_client_waits_is_sent_as_it_was(kept: Visit, place: Place) -> None:
    """Q26: also in a replay."""
    place.prepare(kept)
    kept.run(CONNECT.replace("TABS", "True"))
    kept.run("""
import hashlib, requests, urllib.request, pyodide_http
from reissue.adapters.requests import ReissueAuth
from reissue.adapters.urllib import ReissueOpener
from reissue.adapters.urllib3 import ReissuePoolManager
pyodide_http.patch_urllib()
url, whole = f"{origin}/api/upload", b"as it was at the call"
async def requested(body):
    return requests.post(url, data=body, auth=ReissueAuth(api)).json()
async def pooled(body):
    return ReissuePoolManager(api).request("POST", url, body=body).json()
async def opened(body):
    return json.loads(ReissueOpener(api).open(url, body).read())
import json
None
""")
    kept.expect_console("status of 401", times=3)
    for send in ("requested", "pooled", "opened"):
        kept.server.control("/dev/revoke")
        kept.server.fault("/auth/refresh", "hold")
        kept.run(f"buffer = bytearray(whole)\nsending = asyncio.create_task({send}(buffer))\nNone")
        kept.server.wait_until_held()
        kept.run("buffer[:] = bytes(len(buffer))\nNone")
        kept.server.release()
        assert kept.run("(await sending)['sha256'] == hashlib.sha256(whole).hexdigest()"), send
    for theirs in CLIENTS_OWN_LINES:
        kept.expect_console(theirs, times=0, at_most=1000)


@pytest.mark.firefox
@shared("Pyodide")
def test_a_request_that_got_no_answer_fails_as_its_client_fails_and_is_told(kept: Visit, place: Place) -> None:
    """No refresh, no replay, and its place on the wire is free again (Q19)."""
    place.prepare(kept)
    adapted = sorted(place.titles - INSTALLED - {"api.fetch"})
    assert len(adapted) == 6
    for title in adapted:
        kept.run(CONNECT.replace("TABS", "False") + EXAMPLES[title] + "\nNone")
        kept.server.fault("/api/notes", "drop", times=10)  # urllib3 tries again by itself
        told = kept.run("""
phases = []
stop = api.on(lambda event: phases.append(event.phase.value) if isinstance(event, reissue.RequestEvent) else None)
causes = await outcome(ask())
stop()
[causes, phases, [len(admission._held) for admission in api._sender._admissions._by_origin.values()]]
""")
        kept.server.clear_faults()
        assert not {"SessionEnded", "RefreshUnavailable"} & set(told[0]), (title, told)
        failed = [] if title.startswith("requests") else ["failed"]  # its hooks hear of answers only
        assert told[1] == ["started", "sent", *failed], (title, told)
        assert not any(told[2]), (title, told)
        assert isinstance(kept.run("await ask()"), list), title
        kept.run("await api.sign_out()\nawait api.close()")
    kept.expect_console("net::ERR_", times=len(adapted), at_most=100)
    for theirs in CLIENTS_OWN_LINES:
        kept.expect_console(theirs, times=0, at_most=1000)


@pytest.mark.parametrize("place", ["PyScript"], indirect=True)
def test_a_page_loads_the_clients_that_it_names_and_no_others(visit: Visit, place: Place) -> None:
    wheels = re.compile(r"/([A-Za-z0-9_]+)-[^/]+\.whl$")

    def loaded() -> set[str]:
        return {found[1] for r in visit.requests if (found := wheels.search(r.url))}

    visit.open()
    assert loaded() == {"demo", "pyjwt", "reissue"}
    place.open(visit)
    assert loaded() >= {"httpx2", "requests", "urllib3"}
