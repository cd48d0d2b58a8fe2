"""What a notebook shows of a client: its kernel is a worker, which has no page of its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_clients import BLOB, MODULE
from tests.browser.visit import REFUSED, Visit

CLIENT = """
import asyncio, js, reissue
api = reissue.connect(f"{js.location.origin}/api/", endpoint=reissue.Endpoint("/auth"))
recording = reissue.inspect(api)
await api.sign_in(username="ada", password="lovelace")
None
"""
STORM = """
answers = await asyncio.gather(*(api.fetch(f"/api/echo?n={n}&key=hush") for n in range(20)))
[answer.status for answer in answers]
"""
WITH_A_TARGET = """
try:
    reissue.inspect(api, "body")
    said = "a panel"
except reissue.ReissueError as error:
    said = str(error)
said
"""


def expect_picture(page: Page, markup: str) -> None:
    """The picture, as a notebook has it in its page: seen, named, and in colours for light and for dark."""
    page.set_content(f'<main data-jp-theme-light="true">{markup}</main>')
    picture = page.get_by_role("img", name="Requests: 20 · Token renewed")
    expect(picture).to_be_visible()
    expect(picture.locator("path.replay")).to_have_css("fill", "rgb(11, 138, 111)")
    page.evaluate("document.querySelector('main').dataset.jpThemeLight = 'false'")
    expect(picture.locator("path.replay")).to_have_css("fill", "rgb(67, 198, 160)")
    page.evaluate("delete document.querySelector('main').dataset.jpThemeLight")
    expect(picture.locator("path.replay")).to_have_css("fill", "rgb(11, 138, 111)")
    page.emulate_media(color_scheme="dark")
    expect(picture.locator("path.replay")).to_have_css("fill", "rgb(67, 198, 160)")


def shows_what_it_did(visit: Visit) -> None:
    visit.run(CLIENT)
    visit.server.control("/dev/revoke")
    visit.expect_console(REFUSED, times=20, at_most=20)
    assert visit.run(STORM) == [200] * 20
    client, picture = visit.run("[api._repr_html_(), recording._repr_html_()]")
    assert "signed in as <strong>Ada Lovelace</strong>" in client
    assert client.count("<td>GET</td>") == 8
    assert "hush" not in client + picture
    assert "eyJ" not in client + picture
    page = visit.context.new_page()
    expect_picture(page, picture)
    page.set_content(client)
    expect(page.get_by_role("row")).to_have_count(9)
    page.close()
    assert "a worker has no page" in visit.run(WITH_A_TARGET)


def test_a_kernel_in_a_module_worker_shows_its_client_and_its_requests(visit: Visit) -> None:
    shows_what_it_did(visit.open_blank("worker.html", policy=MODULE))


@pytest.mark.parametrize("server_flags", [("--isolated",)])
def test_a_worker_that_only_looks_like_a_page_does_so_too(visit: Visit) -> None:
    visit.expect_console("Unable to use `window` or `document` in worker", times=0, at_most=1)
    visit.open_blank("pyscript_worker.html", policy=BLOB)
    assert visit.run("import js\n[bool(js.crossOriginIsolated), hasattr(js, 'document')]") == [True, True]
    shows_what_it_did(visit)
