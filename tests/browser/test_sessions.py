"""Signing in, signing out, and whose session it is.

In Firefox runs only what its keys, its storage and its cookies have a say in: the rest is the demo's Python, which is
the same in every engine.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.visit import REFUSED, Visit


def test_sign_in_leads_to_the_users_own_notes(visit: Visit) -> None:
    visit.open().sign_in("grace", "hopper")
    expect(visit["#account-title"]).to_have_text("Signed in as Grace Hopper")
    visit.has_focus(visit["#account-title"])
    expect(visit["#token-left"]).to_contain_text("s left")
    expect(visit["#entrance"]).to_be_hidden()
    expect(visit.page.get_by_label("Password")).to_have_value("")
    assert visit.server.counters()["logins"] == 1
    assert visit.server.counters()["api_401s"] == 0


def test_a_wrong_password_is_told_by_the_form_and_starts_no_refresh(visit: Visit) -> None:
    """Q17."""
    visit.open()
    visit.reset_counters()
    visit.expect_console(REFUSED)
    visit.fill_in("ada", "byron")
    expect(visit["#sign-in-message"]).to_have_text("That user name and password don’t go together.")
    expect(visit.page.get_by_label("User name")).to_have_value("ada")
    expect(visit.page.get_by_label("Password")).to_have_value("byron")
    visit.has_focus(visit.page.get_by_label("Password"))
    counters = visit.server.counters()
    assert counters["logins_refused"] == 1
    assert counters["refreshes_asked"] == 0
    visit.sign_in()


def test_sign_in_offline_keeps_the_form_filled(visit: Visit) -> None:
    visit.open()
    visit.context.set_offline(True)
    visit.expect_console("ERR_INTERNET_DISCONNECTED")
    visit.fill_in("ada", "lovelace")
    expect(visit["#sign-in-message"]).to_have_text("No connection: the server did not answer. Try again.")
    expect(visit.page.get_by_label("Password")).to_have_value("lovelace")
    visit.context.set_offline(False)
    visit.button("Sign in").click()
    expect(visit["#account-title"]).to_be_visible()


@pytest.mark.firefox
def test_sign_in_works_with_the_keyboard_alone(visit: Visit) -> None:
    visit.open()
    for _ in range(7):  # the documents and the languages come first
        visit.page.keyboard.press("Tab")
    visit.has_focus(visit["#sign-in-as-ada"])
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")  # opens the form
    visit.page.keyboard.press("Tab")
    visit.has_focus(visit.page.get_by_label("User name"))
    visit.page.keyboard.type("ada")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.type("lovelace")
    visit.page.keyboard.press("Enter")
    visit.has_focus(visit["#account-title"])


def test_a_reload_resumes_without_asking(visit: Visit) -> None:
    visit.signed_in()
    visit.open()
    expect(visit["#account-title"]).to_have_text("Signed in as Ada Lovelace")
    expect(visit["#no-notes"]).to_be_visible()
    counters = visit.server.counters()
    assert counters["refreshes_granted"] == 1
    assert counters["logins"] == counters["api_401s"] == 0


def test_a_reload_without_a_connection_to_the_server_does_not_show_the_form(visit: Visit) -> None:
    """F1: whether somebody is signed in isn't known, so nobody is asked to sign in."""
    visit.signed_in()
    visit.server.fault("/auth/refresh", "status", status=503)
    visit.expect_console("status of 503")
    visit.open()
    expect(visit["#startup-title"]).to_have_text("Can’t reach the server")
    expect(visit["#entrance"]).to_be_hidden()
    visit.button("Try again").click()
    expect(visit["#account-title"]).to_have_text("Signed in as Ada Lovelace")


def test_sign_out_ends_the_session_here_and_at_the_server(visit: Visit) -> None:
    visit.signed_in()
    visit.button("Sign out").click()
    expect(visit["#entrance-reason"]).to_have_text("You are signed out.")
    visit.has_focus(visit["#entrance-title"])
    expect(visit["#sign-out"]).not_to_have_attribute("aria-disabled", "true")  # told: or the next page would, again
    visit.open()
    expect(visit["#entrance"]).to_be_visible()
    assert visit.server.counters()["logouts"] == 1


def test_a_sign_out_that_the_server_does_not_hear_ends_the_session_here(visit: Visit) -> None:
    visit.signed_in()
    visit.context.set_offline(True)
    visit.expect_console("ERR_INTERNET_DISCONNECTED")
    visit.button("Sign out").click()
    expect(visit["#entrance-reason"]).to_contain_text("The server could not be told")
    expect(visit["#inside"]).to_be_hidden()


def test_a_sign_out_that_the_server_refuses_is_told_to_the_user_and_leaves_no_mark(visit: Visit) -> None:
    """F15, F17: nobody's session is ended by it later: not even the one that it was for."""
    visit.signed_in()
    visit.server.fault("/auth/logout", "status", status=403)
    visit.expect_console("status of 403")
    visit.button("Sign out").click()
    expect(visit["#entrance-reason"]).to_contain_text("refused to end the session (error 403)")
    expect(visit["#inside"]).to_be_hidden()
    assert visit.evaluate("localStorage.length") == 0
    visit.open().with_notes()
    expect(visit["#account-title"]).to_have_text("Signed in as Ada Lovelace")
    visit.button("Sign out").click()
    expect(visit["#entrance-reason"]).to_have_text("You are signed out.")
    expect(visit["#sign-out"]).not_to_have_attribute("aria-disabled", "true")
    assert visit.server.counters()["logouts"] == 1


def test_a_sign_out_that_the_server_did_not_hear_is_told_after_a_reload(visit: Visit) -> None:
    """S1: and nobody is signed in again by the cookie.

    The page is left while the network is down: else it would tell the server itself as soon as the network is back.
    """
    visit.signed_in()
    (cookie,) = visit.context.cookies(f"{visit.server.origin}/auth/refresh")
    visit.context.set_offline(True)
    visit.expect_console("ERR_INTERNET_DISCONNECTED")
    visit.button("Sign out").click()
    expect(visit["#entrance-reason"]).to_contain_text("The server could not be told")
    visit.page.goto("about:blank")
    visit.context.set_offline(False)
    (kept,) = visit.context.storage_state()["origins"]
    assert kept["localStorage"]
    assert cookie["value"] not in str(kept)
    visit.open()
    expect(visit["#entrance"]).to_be_visible()
    assert visit.context.cookies(f"{visit.server.origin}/auth/refresh") == []
    assert visit.evaluate("localStorage.length") == 0
    visit.open()
    expect(visit["#entrance"]).to_be_visible()
    assert visit.server.counters()["logouts"] == 1


def test_a_sign_out_during_a_refresh_stays_signed_out(visit: Visit) -> None:
    """S1, S2: also when the server has granted the refresh and its answer is on the way; also after a reload."""
    visit.signed_in().let_the_token_expire()
    visit.server.fault("/auth/refresh", "hold", after=True)
    visit.fire()
    visit.server.wait_until_held()
    visit.button("Sign out").click()
    expect(visit["#entrance"]).to_be_visible()
    assert [way[-1] for way in visit.ways("/api/echo")] == ["SessionEnded"] * 20
    visit.server.release()
    expect(visit["#sign-out"]).not_to_have_attribute("aria-disabled", "true")  # the server has been told
    assert [refresh["phase"] for refresh in visit.trace()["refreshes"]][-1] == "dropped"
    expect(visit["#entrance-reason"]).to_have_text("You are signed out.")
    visit.open()
    expect(visit["#entrance"]).to_be_visible()
    counters = visit.server.counters()
    assert counters["logouts"] == 1
    assert counters["api_requests"] == 0


def test_another_users_page_shows_nothing_of_the_one_before(visit: Visit) -> None:
    """S3, as far as the demo goes."""
    visit.signed_in()
    visit.page.get_by_label("New note").fill("Ada's")
    visit.button("Save").click()
    expect(visit["#note-list li"]).to_have_count(1)
    visit.page.get_by_label("New note").fill("a draft of Ada's")
    visit.button("Sign out").click()
    visit.sign_in("grace", "hopper")
    expect(visit["#no-notes"]).to_be_visible()
    expect(visit.page.get_by_label("New note")).to_have_value("")
    visit.button("Sign out").click()
    visit.sign_in()
    expect(visit["#note-list li"]).to_have_text(["Ada'sDelete"])


@pytest.mark.firefox
def test_the_refresh_token_is_out_of_reach_and_nothing_is_stored(visit: Visit) -> None:
    """X7: HttpOnly, and no storage unless the app asks for it."""
    visit.signed_in()
    assert visit.evaluate("document.cookie") == ""
    assert visit.evaluate("localStorage.length + sessionStorage.length") == 0
    (cookie,) = visit.context.cookies(f"{visit.server.origin}/auth/refresh")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    markup = visit.page.content()
    assert cookie["value"] not in markup
    assert visit.tokens, "the test has seen the tokens that it looks for"
    visit.check_tokens(markup)
