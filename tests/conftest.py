"""Which tests run in which engine, in which order, and how many at once."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+|\bobject at\b")
IN_BROWSERS = {HERE / "browser", HERE / "places", HERE / "servers", HERE / "site", HERE / "wheel"}
# Each of their tests takes a minute or two: begun last, one would go on alone, on one processor.
LONG = {
    HERE / "browser" / "test_storm.py",
    HERE / "browser" / "test_webkit.py",
    HERE / "places" / "test_jupyterlite.py",
    HERE / "places" / "test_release.py",
    HERE / "site" / "test_packages.py",
}


def pytest_configure(config: pytest.Config) -> None:
    """Every engine that Playwright drives and `REISSUE_ENGINES` has not left out; `--browser` chooses otherwise."""
    if not config.pluginmanager.hasplugin("playwright") or config.option.browser:
        return
    from tests.browser.browsers import NoBrowser, engines  # the mutation runs have no browsers

    try:
        config.option.engines = engines()  # an option, since xdist hands these to its workers
    except NoBrowser as error:
        raise pytest.UsageError(str(error)) from None
    config.option.browser = ["chromium", "firefox"]


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors: a page that starts waits now and then. On two processors three workers used
    86 % of their time, and four use 96 %.
    """
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests come last: while Playwright's synchronous API is up, asyncio takes its loop for a running one.

    The long ones come first of those, and Firefox's last. Tests that share a page come one after the other, and then
    those that want a new page of that kind. In Firefox run those that are marked for it. Raises UsageError for an id
    that the next run would not have.
    """
    if changing := ids_with_an_address([item.nodeid for item in items]):
        raise pytest.UsageError(
            "these ids hold an object's address, so each process collects other tests: give them an id="
            + "".join(f"\n  {id}" for id in changing)
        )
    if chosen := getattr(config.option, "engines", ()):
        left_out = {item for item in items if not belongs(item, chosen)}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    openings: list[object] = []
    items.sort(
        key=lambda item: (
            not IN_BROWSERS.isdisjoint(item.path.parents),
            engine(item) == "firefox",
            item.path not in LONG,
            place_among(openings, opening(item)),
            item.get_closest_marker("new_page") is not None,
        )
    )


def place_among(openings: list[object], opening: object) -> int:
    """The number of an opening; one that is not among them yet is the last from now on."""
    if opening not in openings:
        openings.append(opening)
    return openings.index(opening)


def opening(item: pytest.Item) -> object:
    """How the page is opened that this test shares with others; None for a page of its own."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or "kept" not in getattr(item, "fixturenames", ()):
        return None
    from tests.browser.kept import Opening  # the mutation runs have no browsers

    return callspec.params.get("kept", Opening())


def ids_with_an_address(ids: Iterable[str]) -> list[str]:
    """Those of the ids that hold an object's default repr."""
    return [id for id in ids if _ADDRESS.search(id)]


def engine(item: pytest.Item) -> str | None:
    """What Playwright drives for this test."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("browser_name") if callspec else None


def belongs(item: pytest.Item, engines: tuple[str, ...]) -> bool:
    """Is this test to run in its engine? What needs no browser always is."""
    if (browser := engine(item)) is None:
        return True
    only = item.get_closest_marker("only_browser")
    if browser not in engines or (only and browser not in only.args):
        return False
    return browser == "chromium" or item.get_closest_marker("firefox") is not None
