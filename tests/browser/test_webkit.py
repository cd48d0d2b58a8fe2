"""A smaller set in WebKitGTK: a browser of another kind, and one that can't suspend Python (no JSPI).

Selenium drives these few: its scripts reach the page although its policy has no 'unsafe-eval'.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.blank_pages import PAGES
from tests.browser.browsers import NoBrowser, engines, find_webkit
from tests.browser.everything import PARTS, Everything, InWebKit, server_of_everything
from tests.browser.test_clients import CONNECT, EXAMPLES, PACKAGES, PREPARE
from tests.browser.webkit import open_page, running_webkit, wait
from tests.live_server import LiveServer

pytestmark = pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning")  # selenium's own call
# PyScript runs what comes later, too: a runner of the test's own beside the demo.
RUNNER = """
const script = document.createElement("script");
script.type = "py";
script.append(arguments[0] + "\\nimport js\\njs.window.run_python = run_python"); // `textContent` is refused
document.body.append(script);
"""
RUN = """
const [source, done] = arguments;
run_python(source).then(value => done({value}), error => done({error: String(error)}));
"""


class Browser:
    """A running WebKitGTK, with the demo in one tab or in two."""

    def __init__(self, driver: webdriver.WebKitGTK, server: LiveServer) -> None:
        self.driver = driver
        self.server = server

    def open(self) -> Browser:
        open_page(self.driver, self.server.url, lambda _: self.shown("entrance") or self.shown("inside"))
        return self

    def open_tab(self) -> str:
        """The demo in another tab, which is in front now; the tab that was."""
        first = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        self.open()
        return first

    def sign_in(self) -> Browser:
        self.press("sign-in-as-ada")
        self.reads("account-title", "Signed in as Ada Lovelace")
        self.until(lambda: self.shown("no-notes") or bool(self.driver.find_elements(By.CSS_SELECTOR, "#note-list li")))
        return self

    def press(self, name: str) -> None:
        """Click a button; by a script, since a click at a place misses a button that has moved meanwhile."""
        self.driver.execute_script("arguments[0].click()", self.element(name))

    def element(self, name: str) -> Any:
        return self.driver.find_element(By.ID, name)

    def shown(self, name: str) -> bool:
        return bool(self.element(name).is_displayed())

    def reads(self, name: str, text: str) -> None:
        """Wait until an element holds this text."""
        self.until(lambda: text in self.element(name).text)

    def until(self, holds: Callable[[], bool]) -> None:
        wait(self.driver, lambda _: holds())

    def fire(self) -> None:
        """Press the button, and wait for what the page says of *this* storm: of the last it may say the same."""
        before = self.answered()
        self.press("fire")
        self.until(lambda: self.answered() >= before + 20)
        self.reads("fire-message", "20 answers to 20 requests")

    def answered(self) -> int:
        """How many requests the API has answered with something else than a 401, since the counters were reset."""
        counters = self.server.counters()
        answered: int = counters["api_requests"] - counters["api_401s"]
        return answered

    def run(self, source: str) -> Any:
        """Run Python in the page; the value of its last expression, by way of JSON."""
        told = self.driver.execute_async_script(RUN, source)
        assert "error" not in told, told
        return json.loads(told["value"])

    def bring_runner(self) -> None:
        self.driver.execute_script(RUNNER, (PAGES / "runner.py").read_text("utf-8"))
        self.until(lambda: bool(self.driver.execute_script("return 'run_python' in window")))


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.WebKitGTK]:
    try:
        if "webkit" not in engines():
            pytest.skip("WebKit is left out: REISSUE_ENGINES, or a system without WebKitGTK")
        found = find_webkit(bring=False)
    except NoBrowser as error:
        pytest.exit(str(error), returncode=1)
    with running_webkit(found) as driver:
        yield driver


@pytest.fixture
def webkit(driver: webdriver.WebKitGTK, server: LiveServer) -> Iterator[Browser]:
    yield Browser(driver, server)
    driver.delete_all_cookies()
    first, *others = driver.window_handles
    for other in others:
        driver.switch_to.window(other)
        driver.close()
    driver.switch_to.window(first)
    assert server.counters()["reuse_detections"] == 0


def test_webkit_starts_signs_in_and_answers_a_storm_over_a_revoked_token_with_one_refresh(webkit: Browser) -> None:
    """Q1, and after a reload nobody is asked again."""
    webkit.open()
    assert webkit.shown("entrance")
    webkit.sign_in()
    webkit.server.control("/dev/counters/reset")
    webkit.press("revoke")
    webkit.reads("revoke-message", "no longer")
    webkit.fire()
    counters = webkit.server.counters()
    assert counters["refreshes_asked"] == counters["refreshes_granted"] == 1
    assert 21 <= counters["api_requests"] == 20 + counters["api_401s"] <= 40
    webkit.press("expire")
    webkit.reads("expire-message", "has expired")
    webkit.server.control("/dev/counters/reset")
    webkit.fire()
    counters = webkit.server.counters()
    assert (counters["refreshes_asked"], counters["api_requests"], counters["api_401s"]) == (1, 20, 0)
    webkit.open().reads("account-title", "Signed in as Ada Lovelace")
    webkit.press("sign-out")
    webkit.reads("entrance-reason", "You are signed out.")
    webkit.until(lambda: webkit.server.counters()["logouts"] == 1)


def test_two_tabs_of_webkit_share_a_session_its_refresh_and_its_end(webkit: Browser) -> None:
    """T1, T8"""
    webkit.open().sign_in()
    webkit.server.control("/dev/counters/reset")
    first = webkit.open_tab()
    webkit.reads("account-title", "Signed in as Ada Lovelace")
    assert webkit.server.counters()["refreshes_asked"] == 0, "handed over by its sibling"
    webkit.press("revoke")
    webkit.reads("revoke-message", "no longer")
    webkit.fire()
    webkit.driver.switch_to.window(first)
    webkit.fire()
    assert webkit.server.counters()["refreshes_asked"] == 1
    webkit.press("sign-out")
    webkit.reads("entrance-reason", "You are signed out.")
    webkit.driver.switch_to.window(next(tab for tab in webkit.driver.window_handles if tab != first))
    webkit.until(lambda: webkit.shown("entrance"))


def test_requests_blocks_and_refreshes_once_where_python_can_t_be_suspended(webkit: Browser) -> None:
    """docs/clients.md's own example, over an expired and over a refused token."""
    webkit.open().bring_runner()
    assert webkit.run(PREPARE.replace("PACKAGES", json.dumps(PACKAGES))) == [False, False, False], "no JSPI"
    webkit.run(CONNECT.replace("TABS", "False"))
    (example,) = [code for title, code in EXAMPLES.items() if title == "requests"]
    webkit.run(f"{example}\nNone")
    answer = webkit.run("await (await api.fetch('/api/notes')).json()")
    webkit.server.control("/dev/counters/reset")
    assert webkit.run("late += 3600\nawait eight()") == [answer] * 8
    counters = webkit.server.counters()
    assert (counters["refreshes_asked"], counters["api_requests"], counters["api_401s"]) == (1, 8, 0)
    webkit.server.control("/dev/revoke")
    webkit.server.control("/dev/counters/reset")
    assert webkit.run("await eight()") == [answer] * 8
    counters = webkit.server.counters()
    assert (counters["refreshes_asked"], counters["api_requests"], counters["api_401s"]) == (1, 9, 1)
    webkit.run("await api.sign_out()\nawait api.close()")


def test_webkit_streams_uploads_with_progress_and_lets_an_object_url_go_at_sign_out(webkit: Browser) -> None:
    """Q8, Q21: over a token that was revoked before each."""
    webkit.open().bring_runner()
    webkit.run("""
import asyncio, js, reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), tabs=False)
await api.sign_in(username="ada", password="lovelace")
None""")
    webkit.server.control("/dev/revoke")
    assert webkit.run("""
found = []
async for event in api.event_stream("/api/events?total=4&each=2&retry=10"):
    found.append(event.id)
found""") == ["1", "2", "3", "4"]
    webkit.server.control("/dev/revoke")
    assert webkit.run("""
seen = []
def note(progress):
    if progress.direction == "upload":
        seen.append([progress.loaded, progress.total])
response = await api.fetch("/api/upload", method="POST", files={"f": b"x" * 500_000}, on_progress=note)
uploaded = (await response.json())["size"]
[uploaded, response.status, seen[-1][0] == seen[-1][1] > 500_000]
""") == [500_000, 200, True]
    webkit.run("""
stream = api.event_stream("/api/events?each=1&stay=3600")
await anext(stream)
kept = await api.object_url("/api/file")
await api.sign_out()
await api.close()
None""")
    webkit.until(lambda: webkit.server.counters()["api_in_flight"] == 0)


def test_everything_on_a_page_is_signed_in_in_webkit_over_tokens_that_end_all_the_time(
    driver: webdriver.WebKitGTK,
) -> None:
    """Q1, Q2, X1: every part of the page, the service worker's among them."""
    with server_of_everything() as server:
        everything = Everything(InWebKit(driver), server, seed=1)
        everything.open()
        everything.run(15)
        everything.check(15)
        assert everything.tally.keys() == PARTS
        driver.get("about:blank")  # nothing of it goes on
        driver.delete_all_cookies()
