"""Several pages of one browser at one server, each with a client of its own.

Starting Python takes seconds, so pages outlive a test: each test connects them anew, in a browser without cookies.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from playwright.sync_api import BrowserContext, CDPSession, Error, Page
from reissue.tabs.endpoint_lock import LANDING

from tests.blank_pages import PAGES
from tests.browser.visit import REFUSED, Visit
from tests.live_server import LiveServer

COOKIES, IN_BODIES = "/auth", "/auth/body"
PASSWORDS = {"ada": "lovelace", "grace": "hopper"}
PATIENCE = 120  # seconds that something may take on a busy machine; no test waits for so long if all is well


class Tab(Visit):
    """A page that is opened, left and opened again."""

    def __init__(self, page: Page, server: LiveServer) -> None:
        super().__init__(page, server)
        self.left = self.connected = False
        self.devtools: CDPSession | None = None

    # What the page does

    def connect(self, *, skew: float = 0, landing: float = LANDING, endpoint: str = COOKIES, **options: Any) -> Tab:
        self.disconnect()
        client = (PAGES / "client.py").read_text("utf-8")
        settings = f"reissue.tabs.endpoint_lock.LANDING, skew = {landing}, {skew}"
        self.run(f"{client}\n{settings}\napi = connect({endpoint!r}, **{options!r})\nNone")
        self.connected = True
        return self

    def disconnect(self) -> None:
        """The client is closed, and the page does without one."""
        if self.connected:
            self.run("await api.close()")
        self.connected = False

    def sign_in_as(self, user: str = "ada") -> None:
        self.run(f"await api.sign_in(username={user!r}, password={PASSWORDS[user]!r})")

    def start(self, count: int) -> None:
        """So many requests, not waited for."""
        self.run(f"start(api, {count})")

    def outcomes(self) -> list[int | str]:
        """Statuses, or the names of errors, of all that was started."""
        outcomes: list[int | str] = self.run("await outcomes()")
        return outcomes

    def settled(self) -> list[int | str]:
        """The same of those that are through."""
        settled: list[int | str] = self.run("settled()")
        return settled

    def fetch(self) -> int | str:
        """The outcome of one request."""
        self.start(1)
        return self.outcomes()[-1]

    # What it knows

    def told(self, word: str = "") -> list[str]:
        """The events so far that begin so: a session's and a store's, and a refresh's by its phase."""
        told: list[str] = self.run("told")
        return [event for event in told if event.startswith(word)]

    def wait_until_told(self, event: str) -> None:
        self.run(f"await heard({event!r}, {PATIENCE})")

    @property
    def state(self) -> str:
        return str(self.run("api.state.name"))

    @property
    def user(self) -> str | None:
        user: str | None = self.run("api.claims.get('sub')")
        return user

    def stored(self) -> dict[str, str]:
        """All that this page finds stored, cookies of its scripts included."""
        found = "JSON.stringify([{...localStorage}, {...sessionStorage}, {cookie: document.cookie}])"
        local, session, cookie = json.loads(self.evaluate(found))
        return {name: text for name, text in {**local, **session, **cookie}.items() if text}

    def locks(self) -> list[str]:
        """The modes of all locks of this origin that are held, and then of those that are waited for."""
        found = "navigator.locks.query().then(all => JSON.stringify([all.held, all.pending]))"
        return [str(lock["mode"]) for locks in json.loads(self.evaluate(found)) for lock in locks]

    def in_line(self) -> int:
        """How many pages wait for a turn, while one has it."""
        return max(0, self.locks().count("exclusive") - 1)

    def channel(self, *, endpoint: str = COOKIES) -> str:
        """What the pages that share a session call their channel, their lock and what they store."""
        return f"reissue:default {self.server.origin}{endpoint}/refresh"

    @property
    def mark(self) -> str:
        """What a page that has the turn calls its note of it."""
        return f"{self.channel()} turn"

    def post(self, *messages: Any) -> None:
        """Send these to every client on the channel, as any script of the origin can."""
        channel = f"const channel = new BroadcastChannel({json.dumps(self.channel())})"
        sent = f"for (const message of {json.dumps(messages)}) channel.postMessage(message)"
        self.evaluate(f"(() => {{ {channel}; {sent}; channel.close() }})()")

    # How it is left, and come back to

    def close(self) -> None:
        self.left, self.connected = True, False
        self.page.close()

    def crash(self) -> None:
        """The renderer is gone, with no word to anybody; the tab shows the browser's sad face."""
        self.left, self.connected = True, False
        self.page.remove_listener("crash", self._crashed)  # this one is wanted
        with suppress(Error):
            self.page.goto("chrome://crash")

    def reload(self) -> None:
        self.connected = False
        self.page.reload(wait_until="commit")

    def freeze(self) -> None:
        """No task of the page runs, as in a tab that was out of sight for long, or in a machine that sleeps.

        By way of the debugger: `Page.setWebLifecycleState` stops nothing in a headless Chromium.
        """
        self.devtools = self.context.new_cdp_session(self.page)
        self.devtools.send("Debugger.enable")
        self.devtools.send("Debugger.pause")  # before the page's next statement

    def thaw(self) -> None:
        assert self.devtools
        self.devtools.detach()

    def leave(self, how: str) -> None:
        {"closed": self.close, "crashed": self.crash, "reloaded": self.reload}[how]()

    # What was seen

    def may_be_refused(self, times: int) -> None:
        """Chromium writes a line for each 401; how many there are is the race's affair."""
        self.expect_console(REFUSED, times=0, at_most=times)

    def markup(self) -> str:
        return "" if self.left else super().markup()

    def forget(self) -> None:
        """As if it had just been opened."""
        for seen in (self.console, self.requests, self.tokens, self.expected):
            seen.clear()


class Tabs:
    """The pages of one context."""

    def __init__(self, context: BrowserContext, server: LiveServer) -> None:
        self.context = context
        self.server = server
        self.skew = 0  # seconds that pages and server are ahead of the machine's clock
        self.all: list[Tab] = []
        self.idle: list[Tab] = []

    # Between tests

    def begin(self) -> None:
        """Every page forgets, every cookie goes, and the server's clock and counters stand as at its start."""
        self.idle = [tab for tab in self.all if not tab.left]
        self.all = list(self.idle)
        self.expire(by=0)
        self.server.control("/dev/counters/reset")

    def end(self) -> dict[str, int]:
        """Check what every page was seen to do; what the server counted."""
        self.server.clear_faults()
        counters = self.server.counters()
        try:
            for tab in self.all:
                tab.disconnect()
                tab.check()
        finally:
            self.context.clear_cookies()
            for tab in self.all:
                if tab.left:
                    tab.page.close()
                else:
                    tab.evaluate("localStorage.clear(), sessionStorage.clear()")
                tab.forget()
        return counters

    # In a test

    def elsewhere(self, host: str) -> Tab:
        """A page with a client at the same server by another host name, which makes another origin."""
        url = f"http://{host}:{self.server.address[1]}/"
        tab = Tab(self.context.new_page(), LiveServer(url, self.server.process))
        tab.begin_blank().blank_has_begun(timeout=PATIENCE * 1000)
        return tab.connect(skew=self.skew)

    def open(self, count: int, **options: Any) -> list[Tab]:
        """So many pages with a client each; `options` are `Tab.connect`'s."""
        fresh = [Tab(self.context.new_page(), self.server) for _ in range(count - len(self.idle))]
        for tab in fresh:
            tab.page.set_default_timeout(PATIENCE * 1000)
            tab.begin_blank()
        for tab in fresh:
            tab.blank_has_begun(timeout=PATIENCE * 1000)
        self.all += fresh
        self.idle += fresh
        opened, self.idle = self.idle[:count], self.idle[count:]
        return [tab.connect(skew=self.skew, **options) for tab in opened]

    def signed_in(self, count: int, user: str = "ada", **options: Any) -> list[Tab]:
        """The same, signed in by the first of them, and the server's counters at nought."""
        tabs = self.open(count, **options)
        tabs[0].sign_in_as(user)
        for tab in tabs:
            tab.wait_until_told("started")
        self.server.control("/dev/counters/reset")
        return tabs

    def reopened(self, tab: Tab, **options: Any) -> Tab:
        """A page that was reloaded, with Python running again and a new client."""
        tab.blank_has_begun(timeout=PATIENCE * 1000)
        return tab.connect(skew=self.skew, **options)

    def expire(self, *, by: int = 10_000) -> None:
        """So many seconds pass, for every page and for the server."""
        self.skew = self.skew + by if by else 0
        self.server.control("/dev/skew", {"seconds": self.skew})
        for tab in self.all:
            if tab.connected:
                tab.run(f"skew = {self.skew}\nNone")

    def refresh_cookie(self) -> str | None:
        """What the browser would send; None if nothing."""
        return next((cookie["value"] for cookie in self.context.cookies(f"{self.server.url}auth/refresh")), None)

    def end_the_landing(self, tab: Tab) -> None:
        """Say what a page says whose turn changed nothing, until the one that waits for a cookie asks the server."""
        asked = self.server.counters()["refreshes_asked"]

        def goes_on() -> bool:
            tab.post(json.dumps({"type": "left"}))
            return self.server.counters()["refreshes_asked"] > asked

        self.until(goes_on)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what no event tells of."""
        page = next(tab for tab in self.all if not tab.left).page
        give_up = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < give_up, "it did not come to that"
            page.wait_for_timeout(20)
