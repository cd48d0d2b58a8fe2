"""One page with everything on it, over tokens that live for two seconds and are revoked at random.

`make everything [SECONDS=300] [ENGINE=chromium]` runs it, and says what came of it; the suite runs 15 s. No element
fails, each token has one refresh, no refresh token is presented twice, and no token goes outside the audience.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Download, Page, Request, Route, expect

from runtime.npm_packages import installed
from tests.live_server import ROOT, LiveServer

HERE = Path(__file__).parent
FILES = {
    "everything.html": "text/html; charset=utf-8",
    "everything.css": "text/css; charset=utf-8",
    "everything.js": "text/javascript; charset=utf-8",
    "everything.py": "text/x-python",
    "clip.webm": "video/webm",
}
LIBRARIES = {"axios.min.js": "axios/dist/axios.min.js", "htmx.min.js": "htmx.org/dist/htmx.min.js"}
POLICY = {"worker-src": "'self'", "trusted-types": "reissue", "media-src": "'self'", "frame-src": "'self'"}
LIFE = 2  # seconds
COUNTED = ("refreshes_asked", "refreshes_granted", "refreshes_refused", "reuse_detections", "api_requests")


class Everything:
    """One run over a page. `seed` decides when tokens are revoked."""

    def __init__(self, page: Page, server: LiveServer, *, seed: int) -> None:
        self.page, self.server = page, server
        self.random = random.Random(seed)
        self.revoked = 0
        self.downloads: list[Download] = []
        self.leaked: list[str] = []
        self.console: list[str] = []
        page.on("download", lambda download: self.downloads.append(download))
        page.on("request", self.look_at)
        page.on("console", lambda message: self.console.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.console.append(str(error)))

    def look_at(self, request: Request) -> None:
        """A token is for the API only."""
        if "authorization" in request.headers and not urlsplit(request.url).path.startswith("/api/"):
            self.leaked.append(request.url)

    def open(self) -> None:
        """Open the page under the server's policy, and wait until all of it is at work."""
        self.server.control("/dev/lifetime", {"seconds": LIFE})
        headers = self.server.request("GET", "/").headers
        directives = dict(d.strip().partition(" ")[::2] for d in headers["Content-Security-Policy"].split(";"))
        policy = "; ".join(f"{name} {value}" for name, value in {**directives, **POLICY}.items())

        def answer(route: Route) -> None:
            name = urlsplit(route.request.url).path[1:]
            file = installed(ROOT / ".runtime") / LIBRARIES[name] if name in LIBRARIES else HERE / name
            kind = FILES.get(name, "text/javascript; charset=utf-8")
            route.fulfill(body=file.read_bytes(), headers={"Content-Type": kind, "Content-Security-Policy": policy})

        names = "|".join(map(re.escape, [*FILES, *LIBRARIES]))
        self.page.context.route(re.compile(rf"{re.escape(self.server.url)}({names})$"), answer)
        self.page.goto(f"{self.server.url}everything.html")
        expect(self.page.locator("#status")).to_have_text("ready", timeout=120_000)

    def run(self, seconds: float) -> None:
        """Revoke tokens at random for so long; then let what is under way come to its end."""
        self.server.control("/dev/counters/reset")
        self.revoked = 0
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self.page.wait_for_timeout(min(left, self.random.uniform(0.3, 4)) * 1000)
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
        assert self.leaked == []
        assert counters["reuse_detections"] == counters["refreshes_refused"] == 0
        # A token is renewed when a quarter of its life is left, or after it was rejected.
        assert counters["refreshes_asked"] <= seconds / (LIFE * 0.75) + self.revoked + 2, counters

    def report(self) -> str:
        """What was counted, line by line."""
        counters = self.server.counters()
        lines = [f"{part:12} {one['done']:6} done  {len(one['failed'])} failed" for part, one in self.tally.items()]
        lines += [f"{name:20} {counters[name]}" for name in COUNTED]
        lines += [f"{'rejected twice':20} {self.page.evaluate('rejected()')['twice']}"]
        return "\n".join([*lines, f"{'revoked':20} {self.revoked}", f"{'downloads':20} {len(self.downloads)}"])
