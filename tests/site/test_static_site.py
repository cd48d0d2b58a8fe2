"""The demo as `make site` writes it, on a plain file host, with its API on another port."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from runtime.publish.__main__ import publish
from runtime.publish.sizes import read_sizes
from tests.browser.visit import REFUSED, Visit
from tests.site.guide import assert_told, block, loaded
from tests.site.static_host import StaticHost

Place = Callable[[StaticHost, Path, str], str]


def api_in_the_page(host: StaticHost, published: Path, api: str) -> str:
    """At the root of the host, and the API given to the build; the place of the page, with a slash at the end."""
    publish(host.folder, api=api)
    return ""


def api_in_the_configuration(host: StaticHost, published: Path, api: str) -> str:
    """Under a sub-path, and the API written into the files by hand, as the guide says."""
    site = host.folder / "my-app"
    shutil.copytree(published, site)
    (settings,) = site.glob("app-*/pyscript.toml")
    with settings.open("a", encoding="utf-8") as file:
        file.write("\n" + block("toml", "[reissue]").replace("https://api.example/", api.rstrip("/")))
    page = site / "index.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("connect-src 'self'", f"connect-src 'self' {api.rstrip('/')}"), encoding="utf-8")
    return "my-app/"


@pytest.mark.parametrize("place", [api_in_the_page, api_in_the_configuration])
def test_the_demo_runs_from_any_file_host_with_its_api_elsewhere(
    visit: Visit, host: StaticHost, published: Path, place: Place
) -> None:
    path = place(host, published, visit.server.url)
    visit.home = f"{host.origin}/{path}"
    visit.signed_in()
    visit.page.get_by_label("New note").fill("from another origin")
    visit.button("Save").click()
    expect(visit["#note-list li"]).to_have_count(1)

    visit.revoke_the_token()
    visit.reset_counters()
    visit.expect_console(REFUSED, times=1, at_most=20)  # a request that comes after the first 401 waits at once
    visit.fire()
    expect(visit["#fire-message"]).to_contain_text("20 answers to 20 requests")
    counters = visit.server.counters()
    assert counters["refreshes_asked"] == 1
    assert counters["api_requests"] == 20 + counters["api_401s"] <= 40, "preflights aren't the page's requests"

    visit.open(wait_for="#inside")
    expect(visit["#note-list li"]).to_have_count(1)
    visit.button("Sign out").click()
    expect(visit["#entrance"]).to_be_visible()

    files = loaded(visit, visit.home, read_sizes(host.folder / path))
    assert {address for address, size in files.items() if not size["immutable"]} == {"index.html"}
    if not path:
        assert_told("the demo, first visit", files)


def test_on_a_file_host_without_an_api_the_demo_says_what_it_needs(
    visit: Visit, host: StaticHost, published: Path
) -> None:
    """The first thing that people try after `make site`."""
    (host.folder / "my-app").symlink_to(published)
    visit.home = f"{host.origin}/my-app/"
    visit.expect_console("status of 501")
    visit.open()
    expect(visit["#startup-title"]).to_have_text("There is no API here")
    expect(visit["#startup-reason"]).to_have_text("auth/refresh answered 501.")
    expect(visit["#startup-advice"]).to_contain_text("pyscript.toml")
