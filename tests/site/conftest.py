"""Sites on a plain file host, with their API on another port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from runtime.publish.__main__ import publish
from tests.browser.conftest import browser_context_args, browser_type_launch_args, runtime, server
from tests.browser.visit import PATIENCE, Visit
from tests.live_server import LiveServer
from tests.site.static_host import StaticHost, static_host

__all__ = ["browser_context_args", "browser_type_launch_args", "runtime", "server"]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[StaticHost]:
    """Empty, for now."""
    with static_host(tmp_path) as host:
        yield host


@pytest.fixture
def server_flags(host: StaticHost) -> tuple[str, ...]:
    return ("--allow-page", host.origin)


@pytest.fixture(scope="session")
def published(runtime: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make site` writes, for an API beside the page."""
    site = tmp_path_factory.mktemp("published") / "dist"
    publish(site)
    return site


@pytest.fixture
def visit(page: Page, host: StaticHost, server: LiveServer) -> Iterator[Visit]:
    """A visit to the host's pages. What it saw is checked when the test is through."""
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page.add_init_script("addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.blockedURI))")
    visit = Visit(page, server)
    visit.home = f"{host.origin}/"
    visit.allowed_origins.add(host.origin)
    yield visit
    visit.check()
