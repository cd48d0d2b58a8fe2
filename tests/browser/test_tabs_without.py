"""Several pages in a browser that lacks Web Locks, a BroadcastChannel, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.visit import PATIENCE, REFUSED, Visit
from tests.live_server import LiveServer

NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', {value: undefined})"
NO_CHANNEL = "delete globalThis.BroadcastChannel"
CONNECT = """
import asyncio, reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
ends = []
api.on(lambda event: ends.append(event.reason) if event.phase is reissue.SessionPhase.ENDED else None)
None
"""
FIRE = "tasks = [asyncio.ensure_future(api.fetch('/api/notes')) for _ in range(5)]\nNone"
ANSWERS = "[response.status for response in await asyncio.gather(*tasks)]"

Open = Callable[..., list[Visit]]


@pytest.fixture
def pages(context: BrowserContext, server: LiveServer) -> Iterator[Open]:
    opened: list[Visit] = []

    def open_pages(count: int, *scripts: str) -> list[Visit]:
        for _ in range(count):
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            opened.append(Visit(page, server).open_blank())
            for script in scripts:  # not sooner: PyScript's own loader wants both
                opened[-1].evaluate(f"void {script}")
            opened[-1].run(CONNECT)
        return opened[-count:]

    yield open_pages
    for visit in opened:
        visit.expect_console(REFUSED, times=0, at_most=5)
        visit.check()


@pytest.mark.firefox
def test_without_web_locks_the_pages_take_turns_by_courtesy(pages: Open, server: LiveServer) -> None:
    tabs = pages(2, NO_LOCKS)
    for tab in tabs:  # a busy machine does not answer in a moment
        tab.run("import reissue.tabs.channel_lock\nreissue.tabs.channel_lock.MOMENT = 2.0\nNone")
    tabs[0].run("await api.sign_in(username='ada', password='lovelace')")
    server.control("/dev/revoke")
    for tab in tabs:
        tab.run(FIRE)
    assert [tab.run(ANSWERS) for tab in tabs] == [[200] * 5] * 2
    seen = server.counters()
    assert (seen["refreshes_asked"], seen["reuse_detections"]) == (1, 0)
    tabs[1].run("await api.sign_out()")
    for tab in tabs:
        assert tab.run("await asyncio.sleep(0)\nends") == ["signed_out"]


def test_without_a_channel_each_page_refreshes_in_its_turn(pages: Open, server: LiveServer) -> None:
    tabs = pages(2, NO_CHANNEL)
    tabs[0].run("await api.sign_in(username='ada', password='lovelace')")
    assert tabs[1].run("await api.resume()") is True
    server.control("/dev/revoke")
    for tab in tabs:
        tab.run(FIRE)
    assert [tab.run(ANSWERS) for tab in tabs] == [[200] * 5] * 2
    assert server.counters()["reuse_detections"] == 0
    assert [tab.run("ends") for tab in tabs] == [[], []]


def test_without_either_a_page_works_on_its_own(pages: Open, server: LiveServer) -> None:
    (tab,) = pages(1, NO_LOCKS, NO_CHANNEL)
    tab.run("await api.sign_in(username='ada', password='lovelace')")
    server.control("/dev/revoke")
    tab.run(FIRE)
    assert tab.run(ANSWERS) == [200] * 5
    assert server.counters()["refreshes_asked"] == 1
