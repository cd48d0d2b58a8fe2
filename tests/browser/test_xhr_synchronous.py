"""Synchronous XMLHttpRequest through an installed client: Python's own clients, which know nothing of sessions."""

from __future__ import annotations

import pytest

from tests.browser.kept import Opening, opened
from tests.browser.test_clients import CLIENTS_OWN_LINES, PREPARE, Place
from tests.browser.test_install import javascript
from tests.browser.test_xhr import CONNECT, TOOLS
from tests.browser.visit import Visit

LOADED = PREPARE.replace("PACKAGES", '["pyodide-http", "requests", "urllib3"]')
PATCHED = f"{LOADED}\nimport pyodide.http, pyodide_http, requests, pyodide_http._requests, pyodide_http._urllib"

CLIENTS = {
    "open_url": "pyodide.http.open_url(f'{origin}/api/me').read()",
    "pyxhr": "pyodide.http.pyxhr.get(f'{origin}/api/me').text",
    "requests": "requests.get(f'{origin}/api/me').text",
    "urllib.request": "urllib.request.urlopen(f'{origin}/api/me').read().decode()",
    "csv over open_url": "str(list(csv.reader(pyodide.http.open_url(f'{origin}/api/me'))))",
    "csv over urllib": "str(list(csv.reader(io.TextIOWrapper(urllib.request.urlopen(f'{origin}/api/me')))))",
}
IMPORTS = """
import asyncio, csv, io, js, pyodide.http, pyodide_http, requests, time, urllib.request
pyodide_http.patch_all()
origin = js.location.origin

def tried(call):
    try:
        return call()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
None
"""

WITH_JSPI = Opening("plain.html", prepare=PATCHED)
WITHOUT = Opening("plain.html", before=Place("plain.html", jspi=False).opening.before, prepare=PATCHED)
everywhere = opened(WITH_JSPI, WITHOUT, ids=["with JSPI", "without JSPI"])
everywhere_one_in_firefox = opened(WITH_JSPI, WITHOUT, ids=["with JSPI", "without JSPI"], in_firefox=WITHOUT)


@pytest.fixture
def python(kept: Visit) -> Visit:
    kept.execute(f"{{ {TOOLS} }}")
    kept.run(IMPORTS)
    kept.run(CONNECT)
    kept.reset_counters()
    kept.expect_console("status of (401|503)", times=0, at_most=100)
    for theirs in CLIENTS_OWN_LINES:
        kept.expect_console(theirs, times=0, at_most=1000)
    return kept


SEND = """
    const xhr = noted();
    xhr.open("GET", "/api/me", false);
    let raised = null;
    try {
        xhr.send();
    } catch (error) {
        raised = [error.name, error instanceof DOMException, error.message.slice(0, 26)];
    }
    return [raised, xhr.seen, xhr.readyState, xhr.status];
"""


@everywhere_one_in_firefox
def test_pythons_own_clients_are_signed_in_unchanged(python: Visit) -> None:
    """A fresh token, a rejected one, an expired one: one refresh each, within the call; none without a session."""
    for name, call in CLIENTS.items():
        python.reset_counters()
        for before in ("None", "revoke", "late += 3600\nNone"):
            if before == "revoke":
                python.server.control("/dev/revoke")
            else:
                python.run(before)
            assert "Ada" in python.run(f"tried(lambda: {call})"), (name, before)
        assert python.server.counters()["refreshes_asked"] == 2, name
    python.run("await api.sign_out()")
    for name, call in CLIENTS.items():
        assert "Ada" not in python.run(f"tried(lambda: {call})"), name


@pytest.mark.firefox
@everywhere
def test_a_page_that_blocks_sees_what_it_sees_natively(python: Visit) -> None:
    python.run("api.uninstall()")
    natively = javascript(python, SEND.replace("/api/me", "/dev/counters"))
    assert natively[0] is None
    python.run("api.install()")
    assert javascript(python, SEND) == natively, "fresh"
    python.server.control("/dev/revoke")
    assert javascript(python, SEND) == natively, "rejected"
    python.run("late += 3600")
    assert javascript(python, SEND) == natively, "expired"
    assert python.server.counters()["refreshes_asked"] == 2
    python.server.fault("/api/me", "status", status=401, times=2)
    assert javascript(python, SEND) == [None, natively[1], 4, 401], "a second 401 is the page's"


@pytest.mark.firefox
@everywhere
def test_what_would_have_to_wait_raises_a_wouldblock(python: Visit) -> None:
    """A refresh on its way is not doubled."""
    python.server.fault("/auth/refresh", "hold")
    python.run("late += 3600\nrenewal = asyncio.create_task(api.renew())\nNone")
    python.server.wait_until_held()
    assert javascript(python, SEND) == [["WouldBlock", True, "a refresh is on its way, a"], [1], 4, 0]
    assert "WouldBlock" in python.run("tried(lambda: pyodide.http.open_url('/api/me'))")
    python.server.release()
    python.run("await renewal")
    assert javascript(python, SEND)[0] is None
    assert python.server.counters()["refreshes_asked"] == 1
    python.server.fault("/auth/refresh", "status", status=503)
    python.run("late += 3600")
    assert javascript(python, SEND)[0][:2] == ["RefreshUnavailable", True]


@opened(Opening("plain.html", prepare=PATCHED))
def test_an_adapter_over_the_same_object_is_not_doubled(python: Visit) -> None:
    """It has sent the token itself: one refresh, one replay."""
    python.run("""
from reissue.adapters.requests import ReissueAuth
from reissue.adapters.urllib import ReissueOpener
session = requests.Session()
session.auth = ReissueAuth(api)
opener = ReissueOpener(api)
None
""")
    calls = ("session.get(f'{origin}/api/me').status_code", "opener.open(f'{origin}/api/me').status")
    for call in calls:
        python.server.control("/dev/revoke")
        python.reset_counters()
        assert python.run(call) == 200
        counters = python.server.counters()
        assert (counters["refreshes_asked"], counters["api_requests"], counters["api_401s"]) == (1, 2, 1), call


@opened(Opening("plain.html", prepare=PATCHED))
def test_the_librarys_own_blocking_refresh_is_not_taken_by_the_client(python: Visit) -> None:
    """Q3: an audience that holds the endpoint, too."""
    python.run("""
api.uninstall()
api = reissue.connect("/", endpoint=reissue.Endpoint("/auth"), clock=lambda: time.time() + late, tabs=False, name="all")
await api.sign_in(username="ada", password="lovelace")
api.install()
late += 3600
None
""")
    python.api = f"{python.server.origin}/"
    python.reset_counters()
    assert javascript(python, SEND)[0] is None
    assert python.server.counters()["refreshes_asked"] == 1
