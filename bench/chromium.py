"""Chromium, with pages to which no developer tools are attached.

Playwright hears of every request that its pages make, and a storm of them keeps Playwright, and the browser that
reports to it, as busy as the page. So Playwright only launches the browser: pages are opened in contexts that it
doesn't know, read their job from their address (pages/job.mjs), and send the server their results.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from urllib.parse import quote

from playwright.sync_api import CDPSession, Playwright

from bench.server import Server
from tests.browser.browsers import chromium_launch_options

Step = dict[str, Any]
_jobs = count(1)


class PageFailed(Exception):
    """A page could not do its job; the message is its error."""


class Chromium:
    """A running browser whose pages work for `server`."""

    def __init__(self, session: CDPSession, server: Server, version: str) -> None:
        self._session = session
        self.server = server
        self.version = version

    def work(self, page: str, *steps: Step, deadline: float = 300) -> list[Any]:
        """The results of a new page for these steps, in a context of its own. `deadline` in seconds."""
        (found,) = self.work_together(page, [steps], deadline=deadline)
        return found

    def work_together(self, page: str, jobs: list[tuple[Step, ...]], *, deadline: float = 300) -> list[list[Any]]:
        """The same for several tabs of one context, all open at once."""
        context = self._session.send("Target.createBrowserContext")["browserContextId"]
        numbers = [next(_jobs) for _ in jobs]
        for number, steps in zip(numbers, jobs, strict=True):
            url = f"{self.server.url}{page}#{quote(json.dumps({'id': number, 'steps': steps}))}"
            self._session.send("Target.createTarget", {"url": url, "browserContextId": context})
        told = [self.server.ask(f"dev/result?job={number}", "GET", timeout=deadline) for number in numbers]
        self._session.send("Target.disposeBrowserContext", {"browserContextId": context})
        for each in told:
            if "error" in each:
                raise PageFailed(each["error"])
        return [each["results"] for each in told]


@contextmanager
def running_chromium(playwright: Playwright, server: Server, *flags: str) -> Iterator[Chromium]:
    """A browser of its own; `flags` are the command line's."""
    browser = playwright.chromium.launch(**launch_options(*flags))
    try:
        yield Chromium(browser.new_browser_cdp_session(), server, browser.version)
    finally:
        browser.close()


def launch_options(*flags: str) -> dict[str, Any]:
    """Keywords of Playwright's `launch`."""
    options = chromium_launch_options()
    return {**options, "args": [*options["args"], *flags]}
