"""The order of all tests."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
IN_BROWSERS = {HERE / "browser", HERE / "servers", HERE / "site", HERE / "wheel"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: while Playwright's synchronous API is up, asyncio takes its loop for a running one."""
    items.sort(key=lambda item: not IN_BROWSERS.isdisjoint(item.path.parents))
