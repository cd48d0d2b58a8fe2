"""The sign-in widget with a form: its view in a page, and its kernel in the page or in a worker."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.axe import expect_accessible
from tests.browser.test_clients import MODULE
from tests.browser.visit import Visit
from tests.browser.widget_host import show

CLIENT = """
import js, reissue
api = reissue.connect(f"{js.location.origin}/api/", endpoint=reissue.Endpoint("/auth"))
None
"""


def signs_in(visit: Visit) -> None:
    visit.run(CLIENT)
    show(visit)
    page = visit.page
    status = page.get_by_role("status")
    expect(status).to_have_text("No user is signed in.")
    expect_accessible(visit)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("wrong")
    visit.expect_console("status of 401", times=1)
    visit.button("Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The sign-in was refused: invalid_grant.")
    expect(page.get_by_label("Password")).to_have_value("")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("lovelace")
    page.get_by_label("Password").press("Enter")
    expect(status).to_have_text("Signed in as Ada Lovelace.")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_label("Password")).to_be_hidden()
    assert visit.run("(await api.get('me')).status") == 200
    assert "lovelace" not in visit.evaluate("JSON.stringify([said, document.documentElement.outerHTML])")
    expect_accessible(visit)
    visit.button("Sign out").click()
    expect(status).to_have_text("No user is signed in.")
    assert visit.run("api.state.value") == "signed_out"


@pytest.mark.firefox
def test_a_form_signs_the_user_in_and_out_and_keeps_no_password(visit: Visit) -> None:
    signs_in(visit.open_blank())


def test_so_it_does_for_a_kernel_in_a_worker(visit: Visit) -> None:
    signs_in(visit.open_blank("worker.html", policy=MODULE))


def test_every_view_shows_the_same_and_one_that_is_removed_says_no_more(visit: Visit) -> None:
    visit.open_blank().run(CLIENT)
    show(visit, fields='("email", "one_time_code")')
    visit.evaluate("showView().then(() => null)")
    status = visit.page.get_by_role("status")
    expect(status).to_have_text(["No user is signed in."] * 2)
    expect(visit.page.get_by_label("Email").first).to_have_attribute("type", "email")
    expect(visit.page.get_by_label("One time code").first).to_have_attribute("type", "password")
    visit.run("await api.sign_in(username='ada', password='lovelace')\nNone")
    expect(status).to_have_text(["Signed in as Ada Lovelace."] * 2)
    visit.evaluate("hide()")
    expect(status).to_have_text(["Signed in as Ada Lovelace."])
    visit.run("await api.sign_out()\nNone")
    expect(status).to_have_text(["No user is signed in."])


def test_without_a_kernel_it_says_so(visit: Visit) -> None:
    visit.open_blank().run(CLIENT)
    show(visit)
    visit.run("kernel.close()\nnotebook.close()\nNone")
    visit.evaluate("showView().then(() => null)")
    expect(visit.page.get_by_role("status").last).to_have_text("The kernel does not answer: run this cell again.")
