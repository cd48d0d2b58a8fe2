"""The demo's laboratory: each button, what the page then says, and what the server counted."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.axe import expect_accessible
from tests.browser.visit import REFUSED, STARTED, Visit
from tests.live_server import ROOT

KOREAN = json.loads((ROOT / "app" / "strings" / "ko.json").read_text(encoding="utf-8"))
LATER = re.compile(
    r"([1-5]) of 5 were told to try later, and you stayed signed in\. The second time: 5 of 5 answered\."
)
"""On a busy machine a 401 may come after the refresh has failed: its request waits for the next, which succeeds."""
SECONDS = 1000  # ms


def press(visit: Visit, name: str) -> None:
    visit[f"#{name}"].click()


def told(visit: Visit, name: str, text: str | re.Pattern[str]) -> None:
    expect(visit[f"#{name}-message"]).to_contain_text(text, timeout=60 * SECONDS)


def test_whatever_fails_for_a_while_signs_nobody_out(visit: Visit) -> None:
    """F1 to F4, F8 as the demo shows them; one visit for all, since each needs the session that the last one left."""
    visit.signed_in()
    visit.expect_console("Failed to load resource", times=30, at_most=99)
    for name, refreshes in {"network": 2, "busy": 2, "broken": 2, "html": 2, "half": 2, "timeout": 2}.items():
        before = visit.server.counters()
        press(visit, name)
        told(visit, name, LATER)
        found = LATER.search(visit[f"#{name}-message"].inner_text())
        assert found is not None
        requests = 10 + 5 - int(found[1])
        told(visit, name, f"The server counted {requests} requests and {refreshes} refreshes.")
        after = visit.server.counters()
        assert after["refreshes_asked"] - before["refreshes_asked"] == refreshes, name
        assert after["api_requests"] - before["api_requests"] == requests, name
        assert after["reuse_detections"] == 0, name
    expect(visit["#account-title"]).to_be_visible()
    phases = [refresh["phase"] for refresh in visit.trace()["refreshes"]]
    assert phases == ["unavailable", "succeeded"] * 6


def test_a_slow_refresh_and_a_cut_network_lose_no_request(visit: Visit) -> None:
    visit.signed_in()
    visit.expect_console("Failed to load resource", times=6, at_most=99)
    press(visit, "slow")
    told(visit, "slow", re.compile(r"20 answers after ([3-9]|\d\d+)\.\d s"))
    told(visit, "slow", "The server counted 40 requests and 1 refresh.")
    assert visit.server.counters()["refreshes_asked"] == 1
    before = visit.server.counters()
    press(visit, "cut")
    told(visit, "cut", "5 of 5 failed without a connection, and you stayed signed in. Connected again: 5 of 5")
    assert visit.server.counters()["refreshes_asked"] == before["refreshes_asked"]
    visit.page.route("**/auth/refresh", lambda route: route.abort())
    press(visit, "slow")
    told(visit, "slow", "0 of 20 were answered. No connection. You are still signed in; try again.")


def test_a_refusal_and_a_stolen_refresh_token_end_the_session_once(visit: Visit) -> None:
    """F10, RFC 9700 section 4.14.2."""
    visit.signed_in()
    visit.expect_console(REFUSED, times=2, at_most=20)
    press(visit, "refuse")
    told(visit, "refuse", "5 of 5 heard that the session is over, and you were signed out once.")
    expect(visit["#entrance-reason"]).to_have_text("The server ended your session. Please sign in again.")
    visit.has_focus(visit["#refuse"])
    expect(visit["#fire"]).to_have_attribute("aria-disabled", "true")
    expect(visit["#lab-closed"]).to_be_visible()
    assert visit.server.counters()["refreshes_refused"] == 1
    assert [mark["kind"] for mark in visit.trace()["marks"]].count("session_ended") == 1
    expect_accessible(visit)
    visit.sign_in()
    expect(visit["#refuse-message"]).to_be_hidden()
    expect(visit["#fire"]).not_to_have_attribute("aria-disabled", "true")
    press(visit, "steal")
    told(visit, "steal", "The thief got a token for 60 s.")
    told(visit, "steal", "1 reuse counted, session ended. The thief’s next try: refused.")
    assert visit.server.counters()["reuse_detections"] == 1
    expect(visit["#entrance"]).to_be_visible()


def test_a_second_tab_is_signed_in_by_the_first_and_they_are_counted_together(visit: Visit) -> None:
    visit.signed_in()
    with visit.context.expect_page() as opened:
        press(visit, "tab")
    second = opened.value
    expect(second.locator("#account-title")).to_have_text("Signed in as Ada Lovelace", timeout=STARTED)
    told(visit, "tab", "Since you opened it, the server counted 0 refreshes for this session.")
    assert visit.server.counters()["refreshes_asked"] == 0
    second.close()


# The token's tab


def verdict(visit: Visit, text: str) -> None:
    expect(visit[".token-verdict"]).to_contain_text(text)


def test_the_token_is_opened_verified_broken_and_forged(visit: Visit) -> None:
    visit.signed_in()
    visit["#tab-token"].click()
    verdict(visit, "The signature holds")
    verdict(visit, "/.well-known/jwks.json")
    expect(visit[".token-row"].filter(has_text="exp")).to_contain_text(re.compile(r"in \d+ s"))
    expect(visit[".token-row"].filter(has_text="sub")).to_contain_text("Subject: whom it speaks for")
    expect(visit[".token-compare"]).to_contain_text("HttpOnly cookie")

    covered = visit[".token-raw"].inner_text()
    visit.button("Show the signature").click()
    expect(visit[".token-raw"]).not_to_have_text(covered)
    assert "".join(visit[".token-raw"].inner_text().split()) in visit.tokens
    visit.button("Cover the signature").click()
    expect(visit[".token-raw"]).to_have_text(covered)

    before = visit[".token-row"].filter(has_text="jti").inner_text()
    visit.revoke_the_token()
    visit.expect_console(REFUSED, times=1, at_most=20)
    visit.fire()
    expect(visit[".token-row"].filter(has_text="jti")).not_to_have_text(before)  # it follows the session
    verdict(visit, "The signature holds")

    algorithm = visit[".token-of-header .token-row"].filter(has_text="alg")
    for button, text in {
        "Break one byte": "The signature does not hold",
        "alg: none": "It is not signed at all",
        "Public key as secret": "Forged: signed with a public key as the secret",
        "Key in its header": "Forged: it only holds by the key that it brings along",
        "Break one byte ": "The signature does not hold",  # of the session's token again, not of the last forgery
    }.items():
        visit.button(button.strip()).click()
        verdict(visit, text)
        expect(visit[".token-raw .token-payload mark"]).to_have_count(1 if "byte" in button else 0)
        if "byte" in button:
            expect(algorithm).to_contain_text("ES256")
            expect(visit.button("Show the signature")).to_be_visible()
        shown = visit[".token-raw"].inner_text() + visit.page.get_by_label("Paste a token").input_value()
        assert not any(token.rpartition(".")[2] in shown for token in visit.tokens), "the signature stays covered"
        above, below = visit.button("Key in its header").bounding_box(), visit[".token-verdict"].bounding_box()
        assert above is not None
        assert below is not None
        assert 0 < below["y"] - above["y"] < 120, "the verdict stands by the buttons"
        expect_accessible(visit, within="#panel")
    visit.button("Back to the session’s token").click()
    verdict(visit, "The signature holds")
    expect(visit[".token-raw mark"]).to_have_count(0)

    visit.button("A sample (HS256)").click()
    verdict(visit, "with the secret in the field below")
    visit.page.get_by_label("Secret", exact=True).fill("another")
    verdict(visit, "The signature does not hold")
    verdict(visit, "with the secret that you typed")
    visit.page.get_by_label("Paste a token").fill("<img src=x onerror=alert(1)>")
    expect(visit[".token-parts"]).to_contain_text("This is no JWT")
    assert visit["#panel img"].count() == 0
    visit.page.get_by_label("Paste a token").fill("")
    visit.button("Sign out").click()
    expect(visit[".token h3"]).to_have_text("You are not signed in, so there is no token.")


@pytest.mark.firefox
def test_a_token_is_edited_and_signed_again(visit: Visit) -> None:
    visit.signed_in()
    visit["#tab-token"].click()
    verdict(visit, "The signature holds")
    visit.page.get_by_text("Edit it", exact=True).click()
    payload, trouble = visit.page.get_by_label("Payload as JSON"), visit[".token-trouble"]
    claims = json.loads(payload.input_value())
    payload.fill(json.dumps({**claims, "sub": "grace"}))
    verdict(visit, "The signature does not hold")
    expect(visit[".token-row"].filter(has_text="sub")).to_contain_text('"grace"')
    expect(visit.button("Show the signature")).to_be_visible()
    visit.button("Sign").click()
    expect(trouble).to_have_text("Type a secret first.")
    visit.page.get_by_label("Secret to sign with").fill("s" * 40)
    visit.button("Sign").click()
    verdict(visit, "The signature holds")
    verdict(visit, "with the secret that you typed")
    expect(visit[".token-row"].filter(has_text="alg")).to_contain_text("HS256")
    expect_accessible(visit, within="#panel")
    payload.fill('{"sub": "ada",\n "exp": }')
    expect(trouble).to_have_text("Payload as JSON: no JSON object (line 2, column 9).")
    visit.button("Back to the session’s token").click()
    verdict(visit, "The signature holds")
    assert json.loads(payload.input_value()) == claims
    expect(trouble).to_be_hidden()


class TestRsa:
    @pytest.fixture
    def server_flags(self) -> tuple[str, ...]:
        return ("--algorithm", "RS256")

    def test_a_token_signed_with_rsa_is_verified_too(self, visit: Visit) -> None:
        visit.signed_in()
        visit["#tab-token"].click()
        verdict(visit, "The signature holds")
        visit.button("Break one byte").click()
        verdict(visit, "The signature does not hold")


# Languages, colours, widths


def test_the_page_speaks_korean_and_keeps_to_it(visit: Visit) -> None:
    visit.open()
    expect(visit["html"]).to_have_attribute("lang", "en")
    visit.page.get_by_role("link", name="한국어").click()
    expect(visit["h1"]).to_have_text(KOREAN["page.heading"])
    expect(visit["html"]).to_have_attribute("lang", "ko")
    expect(visit["#entrance-title"]).to_have_text(KOREAN["entrance.title"], timeout=STARTED)
    visit.page.get_by_text(KOREAN["entrance.form"]).click()
    visit.page.get_by_label(KOREAN["entrance.username"]).fill("ada")
    visit.page.get_by_label(KOREAN["entrance.password"]).fill("lovelace")
    visit["#sign-in-button"].click()
    expect(visit["#account-title"]).to_have_text("Ada Lovelace 님, 로그인되었습니다")
    press(visit, "fire")
    told(visit, "fire", "요청 20개에 답 20개. 서버가 센 것은 요청 20개, 재발행 0번입니다.")
    expect(visit["#tab-token"]).to_have_text("토큰")
    visit["#tab-token"].click()
    verdict(visit, "서명이 유효합니다")
    assert re.findall(r"[A-Za-z]{4,} [a-z]{3,} [a-z]{3,}", visit["main"].inner_text()) == []
    expect_accessible(visit)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_page_keeps_the_rules_of_accessibility(visit: Visit, colours: str) -> None:
    visit.page.emulate_media(color_scheme="dark" if colours == "dark" else "light", reduced_motion="reduce")
    visit.open()
    expect_accessible(visit)
    visit.sign_in()
    press(visit, "fire")
    told(visit, "fire", "20 answers")
    expect_accessible(visit)
    visit["#tab-token"].click()
    verdict(visit, "The signature holds")
    expect_accessible(visit)
    visit.page.set_viewport_size({"width": 360, "height": 740})
    expect_accessible(visit)
    assert visit.evaluate("document.documentElement.scrollWidth") <= 360
    visit["#tab-requests"].click()
    assert visit.evaluate("document.documentElement.scrollWidth") <= 360
