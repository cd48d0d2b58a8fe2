"""Synchronous callers: suspended, they wait like everybody; elsewhere never a hang, never two refreshes."""

from __future__ import annotations

import pytest

from tests.browser.kept import opened
from tests.browser.test_clients import EXAMPLES, MODULE, PREPARE_ALL, SYNCHRONOUS, Place
from tests.browser.visit import Visit

SUSPENDS = Place("plain.html")
BLOCKS = Place("plain.html", jspi=False)
WORKER_BLOCKS = Place("worker.html", jspi=False, worker=True, policy=MODULE)

CONNECT = """
late = 0.0
def connect(**options):
    endpoint = options.pop("endpoint", reissue.Endpoint("/auth"))
    return reissue.connect("/api/", endpoint=endpoint, clock=lambda: time.time() + late, **options)

async def connected(**options):
    api = connect(**options)
    await api.sign_in(username="ada", password="lovelace")
    return api

def client(api):
    import requests
    from reissue.adapters.requests import ReissueAuth
    session = requests.Session()
    session.auth = ReissueAuth(api)
    return lambda: session.get(f"{origin}/api/me").status_code

def tried(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
"""


@pytest.fixture
def python(kept: Visit) -> Visit:
    return begun(kept)


suspends, blocks = opened(SUSPENDS.opening), opened(BLOCKS.opening)


def begun(visit: Visit) -> Visit:
    visit.run(PREPARE_ALL)
    visit.run(CONNECT + "None")
    visit.reset_counters()
    visit.expect_console("status of 401", times=0, at_most=100)
    visit.expect_console("Can't stream HTTP requests|Refused to set unsafe header", times=0, at_most=1000)
    return visit


def asked(visit: Visit) -> int:
    return visit.server.counters()["refreshes_asked"]


@pytest.mark.parametrize("place", [BLOCKS, WORKER_BLOCKS], ids=["page", "worker"])
def test_other_tabs_may_be_refreshing_so_a_client_that_cant_wait_is_told_what_to_do(visit: Visit, place: Place) -> None:
    place.open(visit)
    begun(visit)
    for title in sorted(SYNCHRONOUS):
        visit.run("late = 0.0\napi = await connected()\n" + EXAMPLES[title] + "\nNone")
        visit.reset_counters()
        assert isinstance(visit.run("notes()"), list), f"{title}: the token is attached while it lives"
        told = visit.run("late += 3600\ntried(notes)")
        assert told.startswith("WouldBlock: other tabs share this session"), title
        assert "await api.renew() first, or connect(…, tabs=False)" in told
        assert (asked(visit), visit.server.counters()["api_requests"]) == (0, 1), title
        assert isinstance(visit.run("await api.renew()\nnotes()"), list), title
        visit.server.control("/dev/revoke")
        assert visit.run("tried(notes)").startswith("WouldBlock: "), title
        assert isinstance(visit.run("await api.renew()\nnotes()"), list), title
        assert asked(visit) == 2, title
        visit.run("await api.sign_out()\nawait api.close()")


@blocks
def test_a_refresh_on_its_way_is_not_doubled_by_a_caller_that_cant_wait(python: Visit) -> None:
    python.run("api = await connected(tabs=False)\nme = client(api)\nNone")
    python.server.fault("/auth/refresh", "hold")
    python.run("late += 3600\nrenewal = asyncio.create_task(api.renew())\nNone")
    python.server.wait_until_held()
    assert python.run("tried(me)").startswith("WouldBlock: a refresh is on its way")
    python.server.release()
    assert python.run("await renewal\nme()") == 200
    assert asked(python) == 1


@blocks
def test_other_calls_to_the_endpoint_are_not_mixed_with_a_refresh_that_blocks(python: Visit) -> None:
    """A sign-in, a sign-out, and the look for an earlier session."""
    python.run("api = await connected(tabs=False)\nme = client(api)\nNone")
    python.server.fault("/auth/login", "hold")
    python.run("late += 3600\nagain = asyncio.create_task(api.sign_in(username='ada', password='lovelace'))\nNone")
    python.server.wait_until_held()
    assert python.run("tried(me)").startswith("WouldBlock: a call to the endpoint is on its way")
    python.server.release()
    assert python.run("await again\nme()") == 200
    python.server.fault("/auth/refresh", "hold")
    python.run("api = connect(tabs=False)\nme = client(api)\nresumed = asyncio.create_task(api.resume())\nNone")
    python.server.wait_until_held()
    assert python.run("tried(me)").startswith("WouldBlock: this synchronous request has to wait")
    python.server.release()
    assert python.run("await resumed") is True
    assert python.run("me()") == 200
    assert asked(python) == 1


@blocks
def test_a_refresh_that_could_not_be_made_safely_within_a_call_is_not_made(python: Visit) -> None:
    """A coroutine function could have sent the refresh token when it first waits; XMLHttpRequest follows redirects."""
    assert python.run("""
calls = []
async def endpoint(credential):
    calls.append(credential)
api = connect(endpoint=endpoint, tabs=False)
await api.adopt("old.access.token", expires_in=60)
late += 3600
[tried(client(api)), len(calls)]
""") == ["WouldBlock: the endpoint is a coroutine function, and can't run while this call blocks: "
         "await api.renew() first", 0]  # fmt: skip
    assert python.run("""
api = connect(tabs=False)
await api.adopt("old.access.token", refresh_token="held-by-the-page", expires_in=60)
late += 3600
tried(client(api))
""").startswith("WouldBlock: the token would follow a redirect")
    assert asked(python) == 0


@pytest.mark.firefox
@blocks
def test_a_refresh_that_blocks_fails_as_any_other(python: Visit) -> None:
    """Told apart (F1, F2), not hammered (F8), and remembered (F7)."""
    python.run("api = await connected(tabs=False)\nme = client(api)\nNone")
    python.expect_console("status of 503|net::ERR_", times=0, at_most=2)
    python.server.fault("/auth/refresh", "status", status=503)
    python.server.fault("/auth/refresh", "status", status=503, retry_after="60")
    unavailable = f"RefreshUnavailable: {python.server.origin}/auth/refresh answered 503: try again later"
    assert python.run("late += 3600\ntried(me)") == unavailable
    assert python.run("tried(me)") == "RefreshUnavailable: the last refresh failed just now: try again later"
    assert asked(python) == 1, "not again at once"
    assert python.run("late += 10\ntried(me)") == unavailable
    assert python.run("tried(me)").startswith("RefreshUnavailable: the server asked to wait")
    assert python.run("late += 61\ntried(me)") == 200
    assert python.run("[api.state.value]") == ["signed_in"]
    python.server.fault("/auth/refresh", "status", status=401)
    assert (
        python.run("late += 3600\n[tried(me).partition(':')[0], tried(me).partition(':')[0]]") == ["SessionEnded"] * 2
    )
    assert asked(python) == 4


@pytest.mark.firefox
@suspends
def test_where_python_is_suspended_synchronous_and_asynchronous_callers_share_one_refresh(python: Visit) -> None:
    """Other tabs or not. Held on the wire, all of them wait for it."""
    python.run("api = await connected()\nme = client(api)\nNone")
    python.server.fault("/auth/refresh", "hold")
    python.run("""
late += 3600
async def synchronous():
    return me()
async def asynchronous():
    return (await api.fetch("/api/me")).status
tasks = [asyncio.create_task(call()) for call in [synchronous] * 4 + [asynchronous] * 2]
None
""")
    python.server.wait_until_held()
    python.server.release()
    assert python.run("[await task for task in tasks]") == [200] * 6
    assert asked(python) == 1


@pytest.mark.firefox
@suspends
def test_the_collector_rests_while_python_is_suspended_and_not_longer(python: Visit) -> None:
    """Pyodide 314.0.7 loses its memory if it runs then; see `jspi`."""
    assert python.run("""
import gc, httpx2
from reissue.adapters.httpx import ReissueAuth
api = await connected()
late += 3600
other = httpx2.Client(base_url=origin, auth=ReissueAuth(api))
calls = [client(api), lambda: other.get("/api/me").status_code] * 8
async def call(one):
    return one()
async def litter():
    for _ in range(200):
        cycles = [[] for _ in range(50)]
        for cycle in cycles:
            cycle.append(cycle)
        await asyncio.sleep(0)
gc.set_threshold(50)
littering = asyncio.create_task(litter())
statuses = list(await asyncio.gather(*map(call, calls)))
await littering
[statuses, gc.isenabled()]
""") == [[200] * 16, True]
    assert asked(python) == 1
