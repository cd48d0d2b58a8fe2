"""The demo as `make site` writes it, on a plain file host, with its API on another port."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect

from runtime.publish.__main__ import publish
from runtime.publish.sizes import read_sizes
from tests.browser.visit import REFUSED, Visit
from tests.site.guide import assert_told, block, loaded, on_host
from tests.site.static_host import StaticHost


def test_the_demo_runs_from_any_file_host_with_its_api_elsewhere(visit: Visit, host: StaticHost) -> None:
    """At the root of the host, and the API given to the build."""
    publish(host.folder, api=visit.server.url)
    sign_in_and_save_a_note(visit)

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

    files = loaded(visit, visit.home, read_sizes(host.folder))
    assert {address for address, size in files.items() if not size["immutable"]} == {"index.html"}
    assert_told("the demo, first visit", files)


def test_the_demo_says_that_it_has_no_api_until_its_files_name_one(
    visit: Visit, host: StaticHost, published: Path
) -> None:
    """Below a path. First as `make site` leaves it, and then with the API written in by hand, as the guide says."""
    (host.folder / "bare").symlink_to(published)
    visit.home = f"{host.origin}/bare/"
    visit.expect_console("status of 501")
    visit.open()
    expect(visit["#startup-title"]).to_have_text("There is no API here")
    expect(visit["#startup-reason"]).to_have_text("auth/refresh answered 501.")
    expect(visit["#startup-advice"]).to_contain_text("pyscript.toml")

    site = host.folder / "my-app"
    shutil.copytree(published, site)
    (settings,) = site.glob("app-*/pyscript.toml")
    with settings.open("a", encoding="utf-8") as file:
        file.write("\n" + block("toml", "[reissue]").replace("https://api.example/", visit.server.origin))
    page = site / "index.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("connect-src 'self'", f"connect-src 'self' {visit.server.origin}"), encoding="utf-8")
    visit.home = f"{host.origin}/my-app/"
    sign_in_and_save_a_note(visit)
    asked = {urlsplit(request.url).path for request in visit.requests if on_host(request.url, visit.home)}
    assert {path.split("/")[1] for path in asked} == {"bare", "my-app"}, "nothing is asked of the host's root"


def sign_in_and_save_a_note(visit: Visit) -> None:
    visit.signed_in()
    visit.page.get_by_label("New note").fill("from another origin")
    visit.button("Save").click()
    expect(visit["#note-list li"]).to_have_count(1)
