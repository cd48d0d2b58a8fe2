"""The real page in a real browser, against the real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browsers import NoBrowser, chromium_launch_options, firefox_launch_options
from tests.browser.visit import Visit
from tests.live_server import ROOT, LiveServer, running_server

# Every test has a context of its own, and so compiles all of Python's WebAssembly anew. Chromium would then compile
# much of it a second time, optimised: half of the processor time of a page that is gone after a few seconds.
COMPILE_ONCE = "--js-flags=--liftoff-only"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], browser_name: str) -> dict[str, Any]:
    try:
        if browser_name == "firefox":
            return {**browser_type_launch_args, **firefox_launch_options()}
        options = chromium_launch_options()
        return {**browser_type_launch_args, **options, "args": [*options["args"], COMPILE_ONCE]}
    except NoBrowser as error:
        pytest.exit(str(error), returncode=1)


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
    with running_server(*server_flags) as server:
        yield server


@pytest.fixture
def visit(page: Page, server: LiveServer) -> Iterator[Visit]:
    """A visit that has not begun yet. What it saw is checked when the test is through."""
    page.set_default_timeout(30_000)  # ms, on a machine that is busy
    expect.set_options(timeout=30_000)
    visit = Visit(page, server)
    yield visit
    visit.check()
