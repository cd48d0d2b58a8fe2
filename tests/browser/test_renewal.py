"""The main job, seen from both ends: the page's list, and the server's own counters."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.visit import REFUSED, Visit

TWENTY = "20 answers to 20 requests"


def test_twenty_requests_over_an_expired_token_share_one_refresh(visit: Visit) -> None:
    """Q1: one refresh, twenty answers, and twenty requests at the server, not forty."""
    visit.signed_in().let_the_token_expire()
    visit.fire()
    expect(visit["#fire-message"]).to_contain_text(f"{TWENTY}. The server counted 20 requests and 1 refresh.")
    assert visit.ways("/api/echo") == [("refresh", "wire", "200")] * 20
    counters = visit.server.counters()
    assert counters["refreshes_asked"] == counters["refreshes_granted"] == 1
    assert counters["api_requests"] == 20
    assert counters["api_401s"] == 0
    assert counters["reuse_detections"] == 0


@pytest.mark.firefox
def test_twenty_requests_over_a_revoked_token_share_one_refresh(visit: Visit) -> None:
    """Q1 by way of 401: each request is refused at most once and then replayed."""
    visit.signed_in()
    visit.revoke_the_token()
    visit.expect_console(REFUSED, times=1, at_most=20)
    visit.fire()
    expect(visit["#fire-message"]).to_contain_text(TWENTY)
    ways = visit.ways("/api/echo")
    assert [way[-1] for way in ways] == ["200"] * 20
    assert ("wire", "refused", "replay", "200") in ways
    counters = visit.server.counters()
    assert counters["refreshes_asked"] == counters["refreshes_granted"] == 1
    assert counters["api_requests"] == 20 + counters["api_401s"] <= 40
    assert counters["reuse_detections"] == 0


def test_401s_that_come_after_the_refresh_do_not_refresh_again(visit: Visit) -> None:
    """Q2: three of the twenty hear of their 401 only when the others have been replayed already."""
    visit.signed_in()
    visit.revoke_the_token()
    visit.server.fault("/api/echo", "hold", times=3, after=True)
    visit.expect_console(REFUSED, times=20)
    visit.fire()
    visit.server.wait_until_held(3)
    expect(visit[".totals"]).to_contain_text("· 3 on the wire")
    replayed = ("wire", "refused", "replay", "200")
    visit.until(lambda: visit.ways("/api/echo").count(replayed) == 17)
    visit.server.release()
    expect(visit["#fire-message"]).to_contain_text(TWENTY)
    counters = visit.server.counters()
    assert counters["refreshes_asked"] == 1
    assert counters["api_requests"] == 40


def test_a_refresh_that_the_server_refuses_signs_out_once_and_says_so(visit: Visit) -> None:
    """F10: twenty waiting requests, one end of the session."""
    visit.signed_in().let_the_token_expire()
    visit.server.control("/dev/end")
    visit.expect_console(REFUSED)
    visit.fire()
    expect(visit["#entrance-reason"]).to_have_text("The server ended your session. Please sign in again.")
    visit.has_focus(visit["#entrance-title"])
    assert [mark["kind"] for mark in visit.trace()["marks"]].count("session_ended") == 1
    assert [way[-1] for way in visit.ways("/api/echo")] == ["SessionEnded"] * 20
    counters = visit.server.counters()
    assert counters["refreshes_asked"] == 1
    assert counters["api_requests"] == 0


@pytest.mark.parametrize("fault", ["status", "drop", "html", "truncate"])
def test_a_refresh_that_fails_for_a_while_keeps_the_user_signed_in(visit: Visit, fault: str) -> None:
    """F1, F4: transient. The next attempt finds the session as it was."""
    visit.signed_in().let_the_token_expire()
    visit.server.fault("/auth/refresh", fault)
    if fault in ("status", "drop", "truncate"):
        visit.expect_console("Failed to load resource", times=1)
    visit.fire()
    expect(visit["#fire-message"]).to_contain_text("0 of 20 were answered.")
    expect(visit["#fire-message"]).to_contain_text("You are still signed in")
    expect(visit["#account-title"]).to_be_visible()
    assert visit.server.counters()["refreshes_asked"] == 1, "F8: no loop"
    assert visit.server.counters()["api_requests"] == 0, "Q6: nothing is sent with the dead token"
    if fault == "truncate":
        return  # the server has rotated the refresh token, and the page never learned the new one (F6)
    visit.fire()
    expect(visit["#fire-message"]).to_contain_text(TWENTY)


def test_a_refresh_whose_answer_is_lost_ends_as_reuse(visit: Visit) -> None:
    """F6: without a stated grace window the next refresh presents a rotated token, and the server ends the family."""
    visit.signed_in().let_the_token_expire()
    visit.server.fault("/auth/refresh", "lost")
    visit.expect_console("Failed to load resource", times=1, at_most=2)
    visit.fire()
    expect(visit["#fire-message"]).to_contain_text("You are still signed in")
    visit.fire()
    expect(visit["#entrance-reason"]).to_contain_text("The server ended your session")


@pytest.mark.firefox
def test_offline_keeps_the_user_signed_in_and_a_note_in_its_place(visit: Visit) -> None:
    """F1, F8."""
    visit.signed_in().let_the_token_expire()
    visit.context.set_offline(True)
    visit.expect_console("ERR_INTERNET_DISCONNECTED", times=1, at_most=4)
    visit.page.get_by_label("New note").fill("written on a train")
    visit.button("Save").click()
    expect(visit["#notes-message"]).to_have_text("Not saved yet. No connection. You are still signed in; try again.")
    expect(visit.page.get_by_label("New note")).to_have_value("written on a train")
    expect(visit["#account-title"]).to_be_visible()
    visit.context.set_offline(False)
    visit.button("Save").click()
    expect(visit["#note-list"]).to_contain_text("written on a train")
    expect(visit.page.get_by_label("New note")).to_have_value("")
    assert visit.server.counters()["refreshes_granted"] == 1


def test_offline_with_a_fresh_token_is_told_the_same_way(visit: Visit) -> None:
    """Q19: a network error starts no refresh."""
    visit.signed_in()
    visit.context.set_offline(True)
    visit.expect_console("ERR_INTERNET_DISCONNECTED", times=20, at_most=22)
    visit.fire()
    expect(visit["#fire-message"]).to_have_text(
        "0 of 20 were answered. No connection. You are still signed in; try again."
    )
    visit.context.set_offline(False)
    visit.fire()
    expect(visit["#fire-message"]).to_contain_text(TWENTY)
    assert visit.server.counters()["refreshes_asked"] == 0


def test_notes_written_over_an_expired_and_a_revoked_token_are_saved_once(visit: Visit) -> None:
    """Q8: the body of a replayed POST arrives whole."""
    visit.signed_in()
    visit.revoke_the_token()
    visit.expect_console(REFUSED)
    visit.page.get_by_label("New note").fill("Überall ✓")
    visit.button("Save").click()
    expect(visit["#note-list li"]).to_have_text(["Überall ✓Delete"])
    assert visit.ways("/api/notes", "POST") == [("wire", "refused", "replay", "201")]
    visit.button("Delete the note: Überall ✓").click()
    expect(visit["#no-notes"]).to_be_visible()
