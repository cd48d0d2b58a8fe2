"""The page with everything on it: see `tests.browser.everything`."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.everything import PARTS, Everything, InPlaywright, server_of_everything


@pytest.mark.firefox
def test_everything_on_a_page_is_signed_in_over_tokens_that_end_all_the_time(page: Page) -> None:
    """Q1, Q2, X1: images, a video that seeks, axios, htmx, streams, an upload with a bar, and downloads."""
    with server_of_everything() as server:
        everything = Everything(InPlaywright(page), server, seed=1)
        everything.open()
        everything.run(15)
        everything.check(15)
        assert everything.tally.keys() == PARTS
