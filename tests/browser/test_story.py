"""The demo's first ten seconds, and the six steps that it leads through; in both languages, on a phone and a desk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.axe import expect_accessible
from tests.browser.visit import REFUSED, STARTED, Visit
from tests.live_server import ROOT

WORDS = {
    language: json.loads((ROOT / "app" / "strings" / f"{language}.json").read_text(encoding="utf-8"))
    for language in ("en", "ko")
}
SIZES = {390: 844, 1280: 800}  # pixels: a phone's, and a small laptop's
SECONDS = 1000  # ms
ANIMATION = "document.querySelector('#picture .now').getAnimations()[0].playState"


def open_at(visit: Visit, language: str, width: int) -> dict[str, str]:
    """Open the page in this language and this width. Returns its words."""
    visit.page.set_viewport_size({"width": width, "height": SIZES[width]})
    visit.page.emulate_media(reduced_motion="reduce")  # a colour in the middle of a transition is no finding
    visit.home = f"{visit.server.url}?lang={language}"
    visit.open()
    words: dict[str, str] = WORDS[language]
    return words


def each_size(visit: Visit) -> Iterator[None]:
    """The page in the other widths, and then in its own again."""
    own = visit.page.viewport_size
    assert own is not None
    for width, height in [*(size for size in SIZES.items() if size[0] != own["width"]), (own["width"], own["height"])]:
        visit.page.set_viewport_size({"width": width, "height": height})
        yield


def press(visit: Visit, name: str) -> None:
    visit[f"#{name}"].click()


def step_is(visit: Visit, words: dict[str, str], name: str) -> None:
    """This step is shown, each of its sentences ends in the page, and the panel is in sight above or beside it: on a
    phone, and on a desk.
    """
    expect(visit["#step-title"]).to_have_text(words[f"story.{name}.title"])
    for _ in each_size(visit):
        expect(visit["#step-about a"].first).to_be_visible()
        expect(visit["#panel"]).to_be_in_viewport()
        expect_accessible(visit)
        assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth")


def counted(visit: Visit, *names: str) -> list[Any]:
    counters = visit.server.counters()
    visit.reset_counters()
    return [counters[name] for name in names]


@pytest.mark.parametrize(("language", "width"), [("en", 390), ("ko", 1280)])
def test_the_story_is_told_in_six_steps(visit: Visit, language: str, width: int) -> None:
    visit.expect_console(REFUSED, times=20, at_most=20)
    words = open_at(visit, language, width)
    for _ in each_size(visit):
        expect(visit["#sign-in-as-ada"]).to_be_in_viewport(ratio=1)
        expect(visit["#picture"]).to_be_in_viewport()
        expect_accessible(visit)
    press(visit, "sign-in-as-ada")
    expect(visit["#account-title"]).to_contain_text("Ada Lovelace")
    visit.with_notes()
    visit.reset_counters()

    step_is(visit, words, "token")
    press(visit, "step")
    expect(visit["#tab-token"]).to_have_attribute("aria-selected", "true")
    for part in ("header", "payload", "signature"):
        expect(visit[f".token-raw .token-{part}"]).to_be_visible()
    expect(visit["#step-message a"]).to_have_count(3)  # registered, public and private claims
    press(visit, "step-next")

    step_is(visit, words, "fire")
    expect(visit["#journey"]).to_contain_text(words["journey.interceptor"])
    press(visit, "step")
    expect(visit["#tab-requests"]).to_have_attribute("aria-selected", "true")
    expect(visit["#step-next"]).to_have_text(words["story.next"], timeout=60 * SECONDS)
    expect(visit["#panel"]).to_be_in_viewport()
    assert counted(visit, "api_requests", "api_401s", "refreshes_asked") == [20, 0, 0]
    press(visit, "step-next")

    step_is(visit, words, "expire")
    expect(visit["#journey"]).to_be_hidden()
    press(visit, "step")
    expect(visit["#step-next"]).to_have_text(words["story.next"], timeout=60 * SECONDS)
    # One refresh for the token that lives two seconds, and one once it has expired.
    assert counted(visit, "api_requests", "api_401s", "refreshes_asked") == [20, 0, 2]
    press(visit, "step-next")

    step_is(visit, words, "revoke")
    press(visit, "step")
    expect(visit["#step-next"]).to_have_text(words["story.next"], timeout=60 * SECONDS)
    requests, refused, refreshes = counted(visit, "api_requests", "api_401s", "refreshes_asked")
    assert (requests - refused, refreshes) == (20, 1)
    assert 1 <= refused <= 20
    press(visit, "step-next")

    step_is(visit, words, "tabs")
    with visit.context.expect_page() as opened:
        press(visit, "step-tab")
    expect(opened.value.locator("#account-title")).to_contain_text("Ada Lovelace", timeout=STARTED)
    opened.value.close()
    expect(visit["#step-next"]).to_have_class("main")
    assert counted(visit, "refreshes_asked") == [0]
    press(visit, "step-next")

    expect(visit["#story"]).to_be_hidden()
    expect(visit["#lab-title"]).to_be_focused()
    expect(visit["#fire"]).to_be_visible()
    press(visit, "story-again")
    step_is(visit, words, "token")


@pytest.mark.parametrize("language", WORDS)
def test_a_word_leads_to_its_section_of_the_article(visit: Visit, language: str) -> None:
    open_at(visit, language, 390)
    press(visit, "sign-in-as-ada")
    visit["#step-about a"].first.click()
    section = visit["h2:target"]
    expect(section).to_be_in_viewport()
    expect(section).to_have_text({"en": "A token is a signed note", "ko": "토큰은 서명한 쪽지다"}[language])
    expect(visit["html"]).to_have_attribute("lang", language)
    for picture in visit["main img"].all():
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)")
    expect_accessible(visit)
    assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for page in ("guide", "inspector", "source"):
        visit[f".documents a[href='{page}.html']"].click()
        expect(visit[".documents a[aria-current]"]).to_have_attribute("href", f"{page}.html")
        expect_accessible(visit)
        assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth")
    visit["main a"].first.click()
    expect(visit.page).to_have_url(re.compile(r"/docs/source/reissue/.+\.py\.txt$"))


def test_each_step_can_be_skipped_and_so_can_the_story(visit: Visit) -> None:
    words = open_at(visit, "en", 1280)
    visit.sign_in()
    for name in ("token", "fire", "expire", "revoke"):
        step_is(visit, words, name)
        visit.button("Skip this step").click()
        expect(visit["#step-title"]).to_be_focused()
    step_is(visit, words, "tabs")
    visit.button("Skip to the laboratory").click()
    expect(visit["#story"]).to_be_hidden()
    assert visit.server.counters()["refreshes_asked"] == 1  # as the page opened


def test_the_picture_moves_before_python_runs_and_can_be_paused(visit: Visit) -> None:
    visit.page.emulate_media(reduced_motion="no-preference")
    visit.page.route("**/*.wasm", lambda route: None)  # Python does not come
    visit.page.goto(visit.server.url)
    expect(visit["#picture .status"]).to_be_visible()
    assert visit.evaluate(ANIMATION) == "running"
    visit.page.get_by_label("Pause").check()
    assert visit.evaluate(ANIMATION) == "paused"


def test_who_prefers_no_motion_sees_the_whole_picture(visit: Visit) -> None:
    visit.page.emulate_media(reduced_motion="reduce")
    visit.open()
    assert visit.evaluate("document.querySelector('#picture').getAnimations({subtree: true}).length") == 0
    shown, covered = (visit.evaluate(f"document.querySelector('#picture {part}').getBoundingClientRect().{side}")
                      for part, side in (("svg", "right"), (".cover", "left")))  # fmt: skip
    assert covered >= shown


def test_a_wrong_password_and_no_connection_are_told_beside_the_button(visit: Visit) -> None:
    visit.open()
    visit.expect_console("ERR_FAILED|Failed to load resource", times=1, at_most=3)
    visit.page.route("**/auth/login", lambda route: route.abort())
    press(visit, "sign-in-as-ada")
    expect(visit["#sign-in-message"]).to_have_text("No connection: the server did not answer. Try again.")
    visit.page.unroute("**/auth/login")
    press(visit, "sign-in-as-ada")
    expect(visit["#account-title"]).to_be_visible()
