"""What a visit does for its test."""

import pytest
from playwright.sync_api import ConsoleMessage, Error, Page

from tests.browser.visit import Visit
from tests.live_server import LiveServer


def test_a_page_that_crashes_fails_its_test_at_once(page: Page, server: LiveServer) -> None:
    visit = Visit(page, server).open_blank()
    devtools = page.context.new_cdp_session(page)

    def crash(_: ConsoleMessage) -> None:
        devtools.send("Page.crash")

    page.on("console", crash)
    with pytest.raises(Error, match="closed"):
        visit.evaluate("console.log('asked'), new Promise(() => {})")
    assert "the page crashed" in visit.console
