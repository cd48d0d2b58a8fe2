"""One page with everything on it, over tokens that live for two seconds and are revoked at random.

`make everything [SECONDS=300] [ENGINE=chromium]` runs it, and says what came of it; the suite runs 15 s. No element
fails, each token has one refresh, no refresh token is presented twice, and no token goes outside the audience.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, expect
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.webkit import PATIENCE, open_page
from tests.live_server import LiveServer, running_server

LIFE = 2  # seconds
PARTS = {"images", "video", "axios", "htmx", "fetch", "eventsource", "stream", "upload", "download"}
COUNTED = ("refreshes_asked", "refreshes_granted", "refreshes_refused", "reuse_detections", "api_requests")


@contextmanager
def server_of_everything() -> Iterator[LiveServer]:
    """The server of the page."""
    with running_server(program="tests/browser/everything/server.py") as server:
        yield server


class InABrowser(Protocol):
    """What a run asks of a page."""

    leaked: list[str]
    """The requests outside the API that were seen to carry a token."""

    def open(self, url: str) -> None:
        """Open the page, and wait until all of it is at work."""

    def evaluate(self, call: str) -> Any:
        """What a function of the page returns."""

    def pause(self, seconds: float) -> None:
        """Let the page go on."""

    def screenshot(self, path: str) -> None:
        """Write a picture of the page."""


class InPlaywright:
    """Chromium or Firefox."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.leaked: list[str] = []
        page.on("request", self.look_at)

    def look_at(self, request: Request) -> None:
        if "authorization" in request.headers and not urlsplit(request.url).path.startswith("/api/"):
            self.leaked.append(request.url)

    def open(self, url: str) -> None:
        self.page.goto(url)
        expect(self.page.locator("#status")).to_have_text("ready", timeout=PATIENCE * 1000)

    def evaluate(self, call: str) -> Any:
        return self.page.evaluate(call)

    def pause(self, seconds: float) -> None:
        self.page.wait_for_timeout(seconds * 1000)

    def screenshot(self, path: str) -> None:
        self.page.screenshot(path=path, full_page=True)


class InWebKit:
    """WebKitGTK, which tells of no request."""

    def __init__(self, driver: webdriver.WebKitGTK) -> None:
        self.driver = driver
        self.leaked: list[str] = []

    def open(self, url: str) -> None:
        open_page(self.driver, url, lambda driver: bool(driver.find_element(By.ID, "status").text == "ready"))

    def evaluate(self, call: str) -> Any:
        return self.driver.execute_script(f"return {call}")

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def screenshot(self, path: str) -> None:
        self.driver.save_screenshot(path)


class Everything:
    """One run over a page. `seed` decides when tokens are revoked."""

    def __init__(self, page: InABrowser, server: LiveServer, *, seed: int) -> None:
        self.page, self.server = page, server
        self.random = random.Random(seed)
        self.revoked = 0

    def open(self) -> None:
        """Open the page, and wait until all of it is at work."""
        self.server.control("/dev/lifetime", {"seconds": LIFE})
        self.page.open(f"{self.server.url}everything.html")

    def run(self, seconds: float) -> None:
        """Revoke tokens at random for so long; then let what is under way come to its end."""
        self.server.control("/dev/counters/reset")
        self.revoked = 0
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self.page.pause(min(left, self.random.uniform(0.3, 4)))
            self.server.control("/dev/revoke")
            self.revoked += 1
        self.page.evaluate("end()")

    @property
    def tally(self) -> Mapping[str, Any]:
        """What came of each part's requests."""
        tally: Mapping[str, Any] = json.loads(self.page.evaluate("tally()"))
        return tally

    def check(self, seconds: float) -> None:
        """Nothing failed, each token had one refresh, and none was seen elsewhere."""
        counters = self.server.counters()
        failed = {part: one["failed"] for part, one in self.tally.items() if one["failed"]}
        rejected = self.page.evaluate("rejected()")
        assert rejected["once"] == 0, "a 401 has come through without a replay"
        # If the server revokes a token that is on its way to the page, the replay is rejected as well (Q1: it is one).
        assert sum(map(len, failed.values())) <= 2 * rejected["twice"], failed
        assert self.page.leaked == self.server.request("GET", "/dev/leaks").json() == []
        assert counters["reuse_detections"] == counters["refreshes_refused"] == 0
        # A token is renewed when a quarter of its life is left, or after it was rejected.
        assert counters["refreshes_asked"] <= seconds / (LIFE * 0.75) + self.revoked + 2, counters

    def report(self) -> str:
        """What was counted, line by line."""
        counters = self.server.counters()
        lines = [f"{part:12} {one['done']:6} done  {len(one['failed'])} failed" for part, one in self.tally.items()]
        lines += [f"{name:20} {counters[name]}" for name in COUNTED]
        lines += [f"{'rejected twice':20} {self.page.evaluate('rejected()')['twice']}"]
        return "\n".join([*lines, f"{'revoked':20} {self.revoked}"])
