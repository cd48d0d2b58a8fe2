"""The demo as `make site` writes it, on a plain file host, with its API on another port."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from runtime.publish.__main__ import publish
from runtime.publish.sizes import on_the_wire, read_sizes
from tests.browser.visit import REFUSED, Visit
from tests.live_server import ROOT
from tests.site.static_host import StaticHost

GUIDE = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")


def api_in_the_page(host: StaticHost, published: Path, api: str) -> str:
    """At the root, and the API given to the build."""
    publish(host.folder, api=api)
    return ""


def api_in_the_configuration(host: StaticHost, published: Path, api: str) -> str:
    """Under a sub-path, and the API written into the files by hand, as the guide says."""
    site = host.folder / "my-app"
    shutil.copytree(published, site)
    (settings,) = site.glob("app-*/pyscript.toml")
    with settings.open("a", encoding="utf-8") as file:
        file.write(f'\n[reissue]\napi = "{api.rstrip("/")}"\n')
    page = site / "index.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("connect-src 'self'", f"connect-src 'self' {api.rstrip('/')}"), encoding="utf-8")
    return "my-app/"


@pytest.mark.parametrize("place", [api_in_the_page, api_in_the_configuration])
def test_the_demo_runs_from_any_file_host_with_its_api_elsewhere(
    visit: Visit, host: StaticHost, published: Path, place: object
) -> None:
    assert callable(place)
    path = place(host, published, visit.server.url)
    visit.home = f"{host.origin}/{path}"
    visit.signed_in()
    visit.page.get_by_label("New note").fill("from another origin")
    visit.button("Save").click()
    expect(visit["#note-list li"]).to_have_count(1)

    visit.revoke_the_token()
    visit.reset_counters()
    visit.expect_console(REFUSED, times=20)
    visit.fire()
    expect(visit["#fire-message"]).to_contain_text("20 answers to 20 requests")
    assert visit.server.counters()["refreshes_asked"] == 1
    assert visit.server.counters()["api_requests"] == 40, "preflights aren't the page's requests"

    visit.open(wait_for="#inside")
    expect(visit["#note-list li"]).to_have_count(1)
    visit.button("Sign out").click()
    expect(visit["#entrance"]).to_be_visible()

    asked = {urlsplit(r.url).path.removeprefix("/") for r in visit.requests if r.url.startswith(host.origin)}
    site = host.folder / path
    sizes = read_sizes(site)
    loaded = {address: size for address, size in sizes.items() if f"{path}{address}" in asked}
    assert asked <= {*(path + address for address in loaded), path}, "all that is loaded is in sizes.json"
    assert [address for address, size in loaded.items() if not size["immutable"]] == []


def test_the_guides_sizes_are_those_of_a_first_visit(visit: Visit, host: StaticHost) -> None:
    pass
