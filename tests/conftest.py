import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright's synchronous API leaves an event loop running behind it."""
    items.sort(key=lambda item: "browser" in item.path.parts)
