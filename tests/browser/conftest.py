"""The real page in a real browser, against the real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsers import NoBrowser, chromium_launch_options, firefox_launch_options
from tests.browser.kept import KeptPages, Opening
from tests.browser.visit import PATIENCE, Visit
from tests.live_server import ROOT, LiveServer, forked_server

OPEN: list[KeptPages] = []
"""Pages that are kept for the next test."""

# Every test has a context of its own, and so compiles all of Python's WebAssembly anew. Chromium would then compile
# much of it a second time, optimised: half of the processor time of a page that is gone after a few seconds. So it
# waits until a function has run for far longer than in a start: in a storm of ten thousand requests it is worth it.
OPTIMISE_LATE = "--js-flags=--wasm-tiering-budget=1000000000"
FIREFOX_PREFERENCES = {
    "javascript.options.wasm_optimizingjit": False,  # not at all: there is no such number in Firefox
    # On a busy machine Firefox asks the network beside its own cache, and takes what is first.
    "network.http.rcwn.enabled": False,
    # Bytes of the bodies that Firefox keeps for who asks for them later. No test does, and the least that Playwright
    # takes is a tenth of what it would be.
    "remote.network.maxTotalDataSize": 20_000_000,
}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], browser_name: str) -> dict[str, Any]:
    try:
        if browser_name == "firefox":
            return {
                **browser_type_launch_args,
                **firefox_launch_options(),
                "firefox_user_prefs": FIREFOX_PREFERENCES,
            }
        options = chromium_launch_options()
        return {**browser_type_launch_args, **options, "args": [*options["args"], OPTIMISE_LATE]}
    except NoBrowser as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A user who prefers reduced motion: the demo's picture never ends, and to draw it takes a quarter of the processor
    time of a start. What moves is drawn on kept pages, and where a test asks for it.
    """
    return {**browser_context_args, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def runtime() -> None:
    if not (ROOT / ".runtime" / "site" / "py" / "shim.mjs").is_file():
        pytest.exit("The browser runtime is not built: run `make runtime` (`make test` does).", returncode=1)


@pytest.fixture
def server_flags() -> tuple[str, ...]:
    """What the test's server is started with; a module or a test may say otherwise."""
    return ()


@pytest.fixture
def server(runtime: None, server_flags: tuple[str, ...]) -> Iterator[LiveServer]:
    with forked_server(*server_flags) as server:
        yield server


@pytest.fixture(scope="session")
def kept_pages(browser: Browser, runtime: None) -> Iterator[KeptPages]:
    pages = KeptPages(browser)
    OPEN.append(pages)
    yield pages
    OPEN.remove(pages)
    pages.close()


@pytest.fixture(autouse=True)
def no_other_page(request: pytest.FixtureRequest) -> None:
    """A test with a page of its own is alone in its browser: a page that is kept would have the focus in its place."""
    if "kept_pages" not in request.fixturenames:
        for pages in OPEN:
            pages.close()


@pytest.fixture
def kept(kept_pages: KeptPages, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A blank page that is as new; `opened` (tests/browser/kept.py) says how it was opened.

    A test that counts what is left behind is marked `new_page`: it gets a new one, which is for no other test.
    """
    expect.set_options(timeout=PATIENCE)
    new, failed = request.node.get_closest_marker("new_page") is not None, request.session.testsfailed
    visit = kept_pages.visit(getattr(request, "param", Opening()), new=new)
    yield visit
    try:
        visit.check()
    except BaseException:
        kept_pages.drop(visit)
        raise
    if new or request.session.testsfailed > failed:
        kept_pages.drop(visit)
    else:
        kept_pages.give_back(visit)


@pytest.fixture
def visit(page: Page, server: LiveServer) -> Iterator[Visit]:
    """A visit that has not begun yet. What it saw is checked when the test is through."""
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    visit = Visit(page, server)
    yield visit
    visit.check()
