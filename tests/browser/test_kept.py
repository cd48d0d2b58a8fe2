"""A page that is kept is as new to the next test, or it is not kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.kept import KeptPages, Opening, StillOpen
from tests.browser.test_clients import PLACES, PREPARE_ALL
from tests.browser.visit import Visit
from tests.browser.with_worker import CONTROLLED

LEAVE = """
import asyncio, reissue
from js import document, localStorage, window
from reissue.browser.storage import DatabaseStore
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
await api.sign_in(username="ada", password="lovelace")
api.install()
task = asyncio.create_task(api.fetch("/api/echo"))
document.body.append(document.createElement("main"))
localStorage.setItem("left", "behind")
window.left = "behind"
store = DatabaseStore("left")
store.write("behind")
await store.load()
None
"""
LEFT = """
import asyncio, js
[name for name in ("api", "task", "reissue") if name in globals()] + [
    len(asyncio.all_tasks()) > 1, js.fetch.toString(), js.document.querySelectorAll("main").length,
    js.localStorage.length, hasattr(js.window, "left"), js.document.cookie,
    sorted(database.name for database in await js.indexedDB.databases()),
]
"""


def test_what_a_test_leaves_is_taken_back(kept_pages: KeptPages) -> None:
    page = kept_pages.visit(Opening())
    as_new = page.run(LEFT)
    page.server.fault("/api/echo", "hold")
    page.run(LEAVE)
    page.server.wait_until_held()
    assert page.run(LEFT) != as_new
    kept_pages.give_back(page)
    assert kept_pages.visit(Opening()) is page
    assert page.run(LEFT) == as_new
    assert page.context.cookies() == []
    assert set(page.server.counters().values()) <= {0, 1}, "what is in flight is counted until its end"
    assert [*page.requests, *page.console, *page.expected] == []


PATCH = """
import asyncio, pyodide_http, requests, urllib.request
pyodide_http.patch_urllib()
pyodide_http.patch_requests()
asyncio.timeout = requests.get = None
None
"""
WHO_OPENS = """
import asyncio, requests, urllib.request
opening = [urllib.request.urlopen, urllib.request.OpenerDirector.open, requests.Session.__init__, requests.get]
[made_by.__module__ for made_by in [*opening, asyncio.timeout]]
"""


def test_what_a_test_patches_in_other_peoples_modules_is_put_back(kept_pages: KeptPages) -> None:
    opening = PLACES["Pyodide"].opening
    page = kept_pages.visit(opening)
    as_written = page.run(WHO_OPENS)
    for _ in range(2):
        page.run(PATCH.replace("asyncio.timeout = requests.get = None", ""))
        assert page.run(WHO_OPENS) != as_written, "patched again, each time"
        page.run(PATCH)
        kept_pages.give_back(page)
        assert kept_pages.visit(opening) is page
        assert page.run(WHO_OPENS) == as_written


def load_a_client(page: Visit) -> None:
    page.run(PREPARE_ALL + "import requests\nNone")


def delete_from_the_browser(page: Visit) -> None:
    page.execute("delete AbortSignal.any")


def change_a_module(page: Visit) -> None:
    page.run("import reissue.tabs.endpoint_lock\nreissue.tabs.endpoint_lock.LANDING = 0\nNone")


def change_a_class(page: Visit) -> None:
    page.run("import reissue\nreissue.Interceptor.fetch = None")


def go_elsewhere(page: Visit) -> None:
    page.execute("history.replaceState(null, '', '/elsewhere')")


@pytest.mark.parametrize(
    "spoil", [load_a_client, delete_from_the_browser, change_a_module, change_a_class, go_elsewhere]
)
def test_a_page_that_is_not_as_it_was_is_not_kept(kept_pages: KeptPages, spoil: Callable[[Visit], None]) -> None:
    page = kept_pages.visit(Opening())
    spoil(page)
    kept_pages.give_back(page)
    assert kept_pages.visit(Opening()) is not page


def test_a_page_whose_service_worker_is_another_or_gone_is_not_kept(kept_pages: KeptPages) -> None:
    page = kept_pages.visit(CONTROLLED)
    assert page.evaluate("navigator.serviceWorker.controller !== null")
    kept_pages.give_back(page)
    assert kept_pages.visit(CONTROLLED) is page
    page.evaluate("navigator.serviceWorker.getRegistration().then(found => found.unregister())")
    kept_pages.give_back(page)
    assert kept_pages.visit(CONTROLLED) is not page


def test_a_request_that_is_still_open_fails_its_test(kept_pages: KeptPages, monkeypatch: pytest.MonkeyPatch) -> None:
    page = kept_pages.visit(Opening())
    page.server.fault("/api/echo", "endless")
    page.execute("void fetch('/api/echo').then(response => response.text())")
    page.until(lambda: page.server.counters()["api_in_flight"] == 1)
    monkeypatch.setattr("tests.browser.visit.PATIENCE", 0)
    with pytest.raises(StillOpen):
        kept_pages.give_back(page)
    monkeypatch.undo()
    assert kept_pages.visit(Opening()) is not page
