"""One visit to the page, and everything that the browser was seen to do meanwhile."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Route, expect

from tests.blank_pages import POLICY
from tests.browser.asking import ANSWER, FOLDER, asking
from tests.live_server import LiveServer

Policy = Mapping[str, str | None]  # directives of a Content-Security-Policy
PATIENCE = 120_000  # ms: longer than anything takes on the busiest machine, so that a limit ends only what hangs
STARTED = PATIENCE  # for Python to start, where a limit is given
# PyScript's own word that it is ready, for whoever shows debug messages.
READY = "[pyscript/main] PyScript Ready"
REFUSED = r"status of 401"
# The library's own warning, by which a test that looks outside the audience isn't surprised.
WARNING = "reissue: "
# Patterns of lines that the browser writes, and no script. Firefox tells a test of these two alone, as of errors.
THE_BROWSERS_OWN = re.compile("status of|ERR_|Failed to load resource|CORS policy")
FIREFOX_OWN = re.compile(
    "^uncaught: (The status line of the HTTP response is invalid|The Same Origin Policy disallows)"
)
KEEP_THE_NEXT_BLOB = """
globalThis.blob = new Promise(resolve => {
    const plain = URL.createObjectURL;
    URL.createObjectURL = made => {
        URL.createObjectURL = plain;
        resolve(made);
        return plain(made);
    };
});
"""


class Visit:
    """A page of its own browser context at a server of its own.

    `check` holds what is true of every visit: nothing unexpected in the console, no request to another origin, and no
    access token anywhere but in the Authorization header of a request to the API.
    """

    def __init__(self, page: Page, server: LiveServer) -> None:
        self.page = page
        self.server = server
        self.home = server.url  # where the demo is
        self.console: list[str] = []
        self.warned: list[str] = []  # the library's warnings of requests outside the audience
        self.requests: list[Request] = []
        self.tokens: set[str] = set()
        self.expected: list[tuple[str, int, int]] = []
        self.allowed_origins = {server.origin}
        self.imports_later_modules = False  # does the test's own Python?
        self.api = f"{server.origin}/api/"  # what may see an access token
        self.asking = asking(page)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.console.append(f"uncaught: {error}"))
        page.on("request", self._sent)
        page.on("crash", self._crashed)

    @property
    def engine(self) -> str:
        browser = self.context.browser
        assert browser
        return browser.browser_type.name

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    # The demo

    def open(self, *, wait_for: str = "#entrance, #inside, #startup-trouble") -> Visit:
        """Load the demo; ready when Python shows what fits, or the page says why it can't."""
        self.page.goto(self.home)
        expect(self.page.locator(wait_for).filter(visible=True).first).to_be_visible(timeout=STARTED)
        return self

    def sign_in(self, username: str = "ada", password: str = "lovelace") -> Visit:
        self.fill_in(username, password)
        expect(self.page.get_by_role("heading", name="Signed in as")).to_be_visible()
        return self.with_notes()

    def with_notes(self) -> Visit:
        """Once the notes are here. A request for them that meets a sign-out is refused, and Chromium writes a line."""
        expect(self["#no-notes, #note-list li"].filter(visible=True).first).to_be_visible()
        return self

    def fill_in(self, username: str, password: str) -> None:
        self["#sign-in-form"].evaluate("form => form.open = true")
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.button("Sign in").click()

    def signed_in(self) -> Visit:
        """The demo, with Ada signed in and the server's counters at nought."""
        self.open().sign_in()
        self.reset_counters()
        return self

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def __getitem__(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def trace(self) -> dict[str, Any]:
        """What the panel knows, by its own export."""
        content: dict[str, Any] = self.saved("JSON")
        return content

    def saved(self, button: str) -> Any:
        """The JSON that this button saves."""
        if self.engine == "firefox":  # it does save, but Playwright hears nothing of a download without a navigation
            self.execute(KEEP_THE_NEXT_BLOB)
            self.button(button).click()
            return json.loads(self.evaluate("blob.then(blob => blob.text())"))
        with self.page.expect_download() as download:
            self.button(button).click()
        return json.loads(Path(download.value.path()).read_text(encoding="utf-8"))

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what no event tells of."""
        give_up = time.monotonic() + PATIENCE / 1000
        while not holds():
            assert time.monotonic() < give_up, "it did not come to that"
            self.page.wait_for_timeout(20)

    def ways(self, path: str, method: str = "GET") -> list[tuple[str, ...]]:
        """For each request to this path, in the panel's words: the stages that it went through, and how it ended."""
        return [
            (*(step["stage"] for step in life["steps"][1:]), str(life["status"] or life["error"]))
            for life in self.trace()["requests"]
            if urlsplit(life["url"]).path == path and life["method"] == method
        ]

    def let_the_token_expire(self) -> None:
        """By the demo's own button: the one wait in real time that a test has, two seconds."""
        self.button("Let the token expire").click()
        expect(self["#expire-message"]).to_contain_text("has expired")
        self.reset_counters()

    def revoke_the_token(self) -> None:
        self.button("Revoke it early").click()
        expect(self["#revoke-message"]).to_contain_text("no longer")

    def fire(self) -> None:
        """Twenty requests; what came of the ones before is forgotten first."""
        self.evaluate("document.getElementById('fire-message').textContent = ''")
        self.button("Fire 20 at once").click()

    def has_focus(self, element: Locator) -> None:
        """Wait until this element has the page's focus. Whether the window has it, too, is another's affair: Firefox
        gives it to the window that was opened last, and `to_be_focused` asks for both.
        """
        expect(element).to_have_count(1)
        self.until(lambda: bool(element.evaluate("element => element.getRootNode().activeElement === element")))

    # Python of the test's own

    def open_blank(self, page: str = "blank.html", *, policy: Policy = MappingProxyType({})) -> Visit:
        """A page with Python and nothing else, of the same origin and under the server's headers.

        `policy` sets directives of its Content-Security-Policy anew; None leaves one out.
        """
        return self.begin_blank(page, policy=policy).blank_has_begun()

    def begin_blank(self, page: str = "blank.html", *, policy: Policy = MappingProxyType({})) -> Visit:
        """`open_blank` without the wait: several pages may start at once."""
        self.server.control(POLICY, dict(policy))
        self.page.goto(f"{self.server.url}{page}", wait_until="commit")
        return self

    def blank_has_begun(self, *, timeout: float = STARTED) -> Visit:
        expect(self["#status"]).to_have_text("ready", timeout=timeout)
        return self

    def alter(self, path: str, alter: Callable[[str], str]) -> None:
        """Let the server's file at `path` come with another text from now on."""

        def answer(route: Route) -> None:
            response = route.fetch()
            text = alter(response.text())
            assert text != response.text()
            route.fulfill(response=response, body=text)

        self.context.route(f"{self.server.url}{path}", answer)

    def run(self, source: str) -> Any:
        """Run Python in the blank page; the value of its last expression, by way of JSON."""
        return json.loads(self.asking.python(source))

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        return self.asking.value(expression)

    def execute(self, script: str) -> None:
        """Run JavaScript that is no expression, to its end; what it gives to `globalThis` stays."""
        self.asking.execute(script)

    # What was seen

    def reset_counters(self) -> None:
        self.server.control("/dev/counters/reset")

    def expect_console(self, pattern: str, *, times: int = 1, at_most: int | None = None) -> None:
        """The browser itself writes a line for each failed request: `times` of them, or up to `at_most`.

        Firefox has them in its developer tools, but tells no test of them.
        """
        least = 0 if self.engine == "firefox" and THE_BROWSERS_OWN.search(pattern) else times
        if REFUSED in pattern:  # a refused response is cancelled, maybe before Chromium writes its line
            least = 0
        self.expected.append((pattern, least, times if at_most is None else at_most))

    def stop_recording(self) -> None:
        """Keep no request from now on: ten thousand of them fill the memory of two processes."""
        self.page.remove_listener("request", self._sent)

    def requests_to(self, path: str) -> list[Request]:
        return [request for request in self.requests if urlsplit(request.url).path == path]

    def requests_for_later_modules(self) -> list[Request]:
        """Those for the second part of Python's standard library."""
        return [request for request in self.requests if request.url.endswith("/python_stdlib_later.zip")]

    def markup(self) -> str:
        return self.page.content()

    def check(self) -> None:
        """Fail the test unless the browser did nothing but what was expected of it."""
        markup = self.markup()  # first: what the browser said before has arrived when this is answered
        expected = [pattern for pattern, _, _ in self.expected]
        if self.engine == "firefox" and any(THE_BROWSERS_OWN.search(pattern) for pattern in expected):
            expected.append(FIREFOX_OWN.pattern)
        unexpected = [line for line in self.console if not any(re.search(p, line) for p in expected)]
        assert not unexpected, "the console is not clean:\n" + "\n".join(unexpected)
        for pattern, least, most in self.expected:
            seen = sum(bool(re.search(pattern, line)) for line in self.console)
            assert least <= seen <= most, f"{seen} lines like {pattern!r} in the console, not {least} to {most}"
        assert not self.warned or self.page.url != self.home, "the demo asks for nothing outside its audience"
        origins = {
            f"{url.scheme}://{url.netloc.rpartition('@')[2]}" for url in (urlsplit(r.url) for r in self.requests)
        }
        assert origins <= self.allowed_origins | {"data://", "blob://"}, "no request leaves the origin"
        assert self.imports_later_modules or not self.requests_for_later_modules(), "the library does without"
        self.check_tokens(markup)

    def check_tokens(self, markup: str) -> None:
        """No token in the document, in the console, or in a URL; and none sent to anything but the API."""
        places = [markup, *self.console, *(request.url for request in self.requests)]
        for token in self.tokens:
            assert not any(token in place for place in places), "an access token was seen where none may be"
        assert [r.url for r in self.requests if "authorization" in r.headers and not r.url.startswith(self.api)] == []

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "warning" and message.text.startswith(WARNING):
            self.warned.append(message.text)
        elif message.text != READY and not message.text.startswith(ANSWER):
            self.console.append(f"{message.type}: {message.text}")

    def _crashed(self, page: Page) -> None:
        """Fail what waits for an answer of the page, now: the developer tools would wait for ever."""
        self.console.append("the page crashed")
        page.close()

    def _sent(self, request: Request) -> None:
        if FOLDER in request.url:
            return
        self.requests.append(request)
        if bearer := request.headers.get("authorization"):
            self.tokens.add(bearer.partition(" ")[2])  # after Bearer, or DPoP
