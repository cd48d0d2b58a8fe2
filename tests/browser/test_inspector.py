"""The inspector on a page of its own: every control, and what the panel then shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Download, expect
from reissue.tokens.jws import compact

from tests.browser.axe import expect_accessible
from tests.browser.visit import REFUSED, Visit

MOUNT = """
import asyncio, gc, sys
import reissue
from js import document

main, panel = document.createElement("main"), document.createElement("div")
panel.id = "panel"
main.append(panel)
document.body.append(main)
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))

async def outcome(url, **options):
    try:
        return (await api.fetch(url, **options)).status
    except (reissue.ReissueError, OSError) as error:
        return type(error).__name__

async def storm(count):
    return await asyncio.gather(*(outcome(f"/api/echo?n={n}&key=hush") for n in range(count)))

loaded_before = [name for name in sys.modules if name.startswith("reissue.inspector")]
LINE
None
"""
INSPECT = 'inspector = reissue.inspect(api, "#panel")'
SIGN_IN = 'await api.sign_in(username="ada", password="lovelace")'


def mounted(visit: Visit, line: str = INSPECT) -> Visit:
    """In a blank page that has been opened."""
    visit.run(MOUNT.replace("LINE", line))
    return visit


@pytest.fixture
def panel(kept: Visit) -> Visit:
    """A panel, and nobody signed in."""
    return mounted(kept)


@pytest.fixture
def stormed(panel: Visit) -> Visit:
    """A panel, a sign-in, and five requests over a token that the server has revoked."""
    panel.expect_console(REFUSED, times=5)
    panel.run(SIGN_IN)
    panel.server.control("/dev/revoke")
    assert panel.run("await storm(5)") == [200] * 5
    expect(panel[".totals"]).to_have_text("Requests: 5")
    expect_soon(panel, "inspector.tabs.requests.timeline.frames.settled")
    return panel


def choose(panel: Visit, number: int) -> None:
    panel["[role=listbox]"].focus()
    panel.page.keyboard.press("Home")
    for _ in range(number - 1):
        panel.page.keyboard.press("ArrowRight")
    expect(panel[".details h3"]).to_have_text(f"Request {number}")


def pixels(panel: Visit) -> str:
    """The picture as it is, to compare it with another."""
    picture = panel.evaluate(
        "document.querySelector('.reissue-inspector').shadowRoot.querySelector('canvas').toDataURL()"
    )
    assert isinstance(picture, str)
    return picture


def drawn_anew(panel: Visit, before: str) -> None:
    """Wait until the picture is another one."""
    panel.evaluate(f"""new Promise(done => {{
        const canvas = document.querySelector('.reissue-inspector').shadowRoot.querySelector('canvas')
        const look = () => canvas.toDataURL() === {json.dumps(before)} ? requestAnimationFrame(look) : done()
        look()
    }})""")


def span(panel: Visit) -> float:
    """Seconds in sight."""
    return float(panel.run("inspector.tabs.requests.timeline.viewport.window.span"))


def test_it_is_not_loaded_until_it_is_asked_for_and_costs_no_events(visit: Visit) -> None:
    mounted(visit.open_blank(), line="")
    visit.run(SIGN_IN)
    visit.run("await storm(3)")
    assert visit.run("loaded_before") == []
    assert visit.run("[name for name in sys.modules if name.startswith('reissue.inspector')]") == []
    assert visit.run("bool(api._listeners)") is False
    loaded = "[name for name in sys.modules if name.startswith('reissue.inspector.token.')]"
    visit.run(f"{INSPECT}; None")
    assert visit.run(loaded) == [], "nor is the tab of the token until it is opened"
    visit["#tab-token"].click()
    expect(visit[".token-verdict"]).to_contain_text("The signature holds")
    assert visit.run(loaded) != []


def test_before_the_first_request_it_says_what_will_be_there(panel: Visit) -> None:
    expect(panel[".empty"]).to_contain_text("No request yet.")
    expect(panel[".totals"]).to_have_text("Requests: 0")
    expect(panel.page.get_by_role("listbox", name="Requests in the order of their calls")).to_be_visible()
    expect_accessible(panel)


@pytest.mark.firefox
def test_a_storm_over_a_refused_token_shows_one_refresh_and_every_replay(stormed: Visit) -> None:
    expect(stormed[".empty"]).to_be_hidden()
    expect(stormed["[role=status]"]).to_have_text("Token renewed")
    choose(stormed, 3)
    about = stormed.page.get_by_role("region", name="Request 3")
    expect(about.locator(".url")).to_have_text(f"GET {stormed.server.origin}/api/echo")
    expect(about.locator("dd").first).to_have_text("done, 200")
    names = about.locator("tbody th")
    expect(names.last).to_have_text("sent again")
    names_of_stages = names.all_inner_texts()  # before them "called", where the machine was too busy to send at once
    assert names_of_stages[-3:] == ["on the wire", "401, waits for the refresh", "sent again"]
    styles = stormed.run("""
from reissue.inspector.requests.lanes import ROOMY
timeline = inspector.tabs.requests.timeline
[timeline.layout is ROOMY, len(inspector.trace.refreshes), len(inspector.trace.calls), inspector.trace.busy]
""")
    assert styles == [True, 1, 2, False]
    expect_accessible(stormed)


def test_a_list_stands_for_the_picture(stormed: Visit) -> None:
    """Arrow keys go through the requests; each is an option that is named, numbered and chosen."""
    stormed["[role=listbox]"].focus()
    option = stormed["[role=option][aria-selected=true]"]
    for key, number in (
        ("ArrowLeft", 5),
        ("ArrowLeft", 4),
        ("Home", 1),
        ("ArrowLeft", 1),
        ("ArrowRight", 2),
        ("ArrowDown", 3),
        ("ArrowUp", 2),
        ("PageDown", 5),
        ("End", 5),
        ("ArrowDown", 5),
        ("PageUp", 1),
    ):
        stormed.page.keyboard.press(key)
        expect(option).to_contain_text(f"Request {number}: GET")
        expect(option).to_have_attribute("aria-posinset", str(number))
        expect(option).to_have_attribute("aria-setsize", "5")
        expect(stormed["[role=listbox]"]).to_have_attribute("aria-activedescendant", f"request-{number}")
    expect(option).to_contain_text("done, 200")
    expect(option).to_contain_text("401, waits for the refresh")
    stormed.page.keyboard.press("Escape")
    expect(option).to_have_count(0)
    expect(stormed[".details"]).to_contain_text("Point at a request")


def test_keys_zoom_follow_and_show_a_request_close_up(stormed: Visit) -> None:
    choose(stormed, 2)
    before = span(stormed)
    stormed.page.keyboard.press("+")
    assert span(stormed) == pytest.approx(before / 1.6)
    stormed.page.keyboard.press("-")
    assert span(stormed) == pytest.approx(before)
    follow = stormed.page.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "true")
    stormed.page.keyboard.press("f")
    expect(follow).to_have_attribute("aria-pressed", "false")
    stormed.page.keyboard.press("Enter")
    took = stormed.run("inspector.trace.requests.life(2).duration(0)")
    assert span(stormed) == pytest.approx(2 * took)


def test_a_request_that_is_chosen_before_it_is_drawn_does_not_stop_the_following(panel: Visit) -> None:
    """Seen on a busy machine: a key came between the end of a request and the next drawing."""
    panel.run(SIGN_IN)
    panel.run("document.getElementById('panel').style.marginTop = '5000px'\nNone")
    expect_soon(panel, "not inspector.tabs.requests.timeline.frames.in_sight")  # so nothing is drawn
    assert panel.run("await storm(5)") == [200] * 5
    expect(panel[".totals"]).to_have_text("Requests: 5")
    panel.run("""
import js
from pyodide.ffi import to_js
pressed = to_js({"key": "Home"}, dict_converter=js.Object.fromEntries)
inspector.tabs.requests.timeline.area.root.dispatchEvent(js.KeyboardEvent.new("keydown", pressed))
None
""")
    expect(panel[".details h3"]).to_have_text("Request 1")
    expect(panel.page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "true")


def test_the_buttons_zoom_show_all_and_follow(stormed: Visit) -> None:
    before, picture = span(stormed), pixels(stormed)
    stormed.button("Zoom in").click()
    assert span(stormed) == pytest.approx(before / 1.6)
    drawn_anew(stormed, picture)
    stormed.button("Zoom out").click()
    assert span(stormed) == pytest.approx(before)
    stormed.button("Show all").click()
    lives = stormed.run("[inspector.trace.requests.lives[0].at, inspector.trace.last]")
    assert span(stormed) == pytest.approx((lives[1] - lives[0]) * 1.1)
    follow = stormed.page.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "false")
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "true")


def test_a_filter_hides_and_says_how_much(stormed: Visit) -> None:
    stormed.expect_console(r"status of 404")
    stormed.run("await outcome('/api/nowhere')")
    expect(stormed[".totals"]).to_have_text("Requests: 6")
    search, kinds = stormed.page.get_by_role("searchbox", name="Filter"), stormed.page.get_by_role("group", name="Show")
    expect(kinds.get_by_role("button")).to_have_text(
        ["All 6", "Waiting 0", "On the wire 0", "Sent again 5", "Done 5", "Failed 1"]
    )
    search.fill("404 nowhere")
    expect(stormed[".totals"]).to_have_text("Requests: 1 of 6")
    search.fill("")
    kinds.get_by_role("button", name="Sent again").click()
    expect(stormed[".totals"]).to_have_text("Requests: 5 of 6")
    kinds.get_by_role("button", name="Failed").click()
    expect(stormed[".totals"]).to_have_text("Requests: 1 of 6")
    kinds.get_by_role("button", name="Waiting").click()
    expect(stormed[".empty"]).to_contain_text("No request matches.")
    expect(stormed[".empty"]).to_contain_text("Hidden by the filter: 6.")
    stormed.button("Clear the filter").click()
    expect(stormed[".totals"]).to_have_text("Requests: 6")
    expect(kinds.get_by_role("button", name="All")).to_have_attribute("aria-pressed", "true")
    stormed.has_focus(stormed["[role=listbox]"])
    kinds.get_by_role("button", name="Done").click()
    expect(stormed[".totals"]).to_have_text("Requests: 5 of 6")
    kinds.get_by_role("button", name="Done").click()  # a filter that is pressed again is taken off
    expect(stormed[".totals"]).to_have_text("Requests: 6")


def test_it_says_that_there_are_more_lanes_than_are_in_sight(stormed: Visit) -> None:
    expect(stormed[".more"]).to_be_hidden()
    stormed.page.get_by_label("View").select_option("Lanes")
    stormed.run("await storm(30)")
    expect(stormed[".more"]).to_have_text(re.compile(r"Lanes 1–10 of \d+: scroll for the rest"))
    stormed["[role=listbox]"].evaluate("stage => stage.scrollTo(0, 99999)")
    expect(stormed[".more"]).to_have_text(re.compile(r"Lanes \d+–(\d+) of \1: scroll for the rest"))


@pytest.mark.firefox
def test_a_request_that_leaves_without_a_token_says_why(panel: Visit) -> None:
    panel.expect_console("status of 404", at_most=1)
    expect(panel[".warning"]).to_be_hidden()
    panel.run("await outcome('/apis/notes')")
    expect(panel[".warning"]).to_contain_text("left without a token: it is outside the audience")


def test_a_tab_can_be_opened_by_the_page(panel: Visit) -> None:
    panel.run("inspector.open('token'); None")
    expect(panel["#tab-token"]).to_have_attribute("aria-selected", "true")
    assert (
        panel.run("""
try:
    inspector.open("tokens")
except ValueError as error:
    told = str(error)
inspector.close()
inspector.open("token")
told
""")
        == "tab is 'requests' or 'token', not 'tokens'"
    )


def test_the_view_is_lanes_or_density_as_asked(stormed: Visit) -> None:
    picture = pixels(stormed)
    view = stormed.page.get_by_label("View")
    view.select_option("Density")
    drawn_anew(stormed, picture)
    assert stormed.run("inspector.tabs.requests.timeline.layout.lane") == 0
    density = pixels(stormed)
    view.select_option("Lanes")
    drawn_anew(stormed, density)
    assert stormed.run("inspector.tabs.requests.timeline.layout.lane") > 0


def test_clearing_leaves_nothing_behind(stormed: Visit) -> None:
    choose(stormed, 1)
    stormed.button("Clear").click()
    expect(stormed[".empty"]).to_contain_text("No request yet.")
    expect(stormed["[role=option]"]).to_have_count(0)


def middle_of(panel: Visit, number: int) -> tuple[float, float]:
    """Where a request's first bar is, in the canvas."""
    x, y = panel.run(f"""
from reissue.inspector.requests import axis
timeline = inspector.tabs.requests.timeline
life = inspector.trace.requests.life({number})
x = timeline.viewport.window.x((life.at + life.steps[-2][0]) / 2)
[x, axis.HEIGHT + ({number} - 1) * timeline.layout.lane + 18]
""")
    return float(x), float(y)


@pytest.mark.firefox
def test_pointing_tells_and_clicking_chooses(stormed: Visit) -> None:
    x, y = middle_of(stormed, 2)
    canvas, tooltip = stormed["canvas"], stormed[".tooltip"]
    canvas.hover(position={"x": x, "y": y})
    expect(tooltip).to_contain_text("#2  GET  done, 200")
    expect(tooltip).to_contain_text("401, waits for the refresh")
    canvas.click(position={"x": x, "y": y})
    expect(stormed[".details h3"]).to_have_text("Request 2")
    stormed.button("Close the details").click()
    expect(stormed[".details"]).to_contain_text("Point at a request")
    stormed.has_focus(stormed["[role=listbox]"])
    stormed[".totals"].hover()
    expect(tooltip).to_be_hidden()


def test_pointing_at_the_head_tells_of_the_refresh(stormed: Visit) -> None:
    x = stormed.run("""
timeline, (refresh,) = inspector.tabs.requests.timeline, inspector.trace.refreshes
timeline.viewport.window.x((refresh.at + refresh.ended_at) / 2)
""")
    stormed["canvas"].hover(position={"x": x, "y": 44})
    expect(stormed[".tooltip"]).to_contain_text("Token renewed")
    stormed["canvas"].hover(position={"x": x, "y": 25})
    expect(stormed[".tooltip"]).to_contain_text(re.compile(r"token, valid for \d+ s"))


def test_dragging_moves_the_time_and_stops_following(stormed: Visit) -> None:
    box = stormed["canvas"].bounding_box()
    assert box is not None
    left = float(stormed.run("inspector.tabs.requests.timeline.viewport.window.left"))
    x, y = box["x"] + 400, box["y"] + 250
    stormed.page.mouse.move(x, y)
    stormed.page.mouse.down()
    stormed.page.mouse.move(x + 100, y, steps=4)
    stormed.page.mouse.up()
    expect(stormed.page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "false")
    moved = left - float(stormed.run("inspector.tabs.requests.timeline.viewport.window.left"))
    assert moved == pytest.approx(
        100 * span(stormed) / float(stormed.run("inspector.tabs.requests.timeline.viewport.window.width")), rel=0.1
    )


@pytest.mark.firefox
def test_the_wheel_zooms_with_ctrl_and_moves_with_shift(stormed: Visit) -> None:
    stormed["canvas"].hover(position={"x": 300, "y": 200})
    before = span(stormed)
    for keys, turned in (("Control", -200), ("Shift", 120)):
        left = float(stormed.run("inspector.tabs.requests.timeline.viewport.window.left"))
        stormed.page.keyboard.down(keys)
        stormed.page.mouse.wheel(0, turned)
        stormed.page.keyboard.up(keys)
        expect_soon(stormed, f"inspector.tabs.requests.timeline.viewport.window.left != {left!r}")
    assert span(stormed) < before


def expect_soon(panel: Visit, condition: str) -> None:
    """Wait until Python in the page says so."""
    panel.run(f"""
while not ({condition}):
    await asyncio.sleep(0.01)
""")


def saved(panel: Visit, name: str) -> tuple[Download, Any]:
    with panel.page.expect_download() as download:
        panel.button(name).click()
    expect(panel["[role=status]"]).to_contain_text("Saved reissue-")
    return download.value, json.loads(Path(download.value.path()).read_text(encoding="utf-8"))


def test_it_is_saved_as_json_and_as_an_archive(stormed: Visit) -> None:
    download, content = saved(stormed, "JSON")
    assert re.fullmatch(r"reissue-\d{8}-\d{6}\.json", download.suggested_filename)
    assert [request["outcome"] for request in content["requests"]] == ["done"] * 5
    download, content = saved(stormed, "HAR")
    assert download.suggested_filename.endswith(".har")
    statuses = [entry["response"]["status"] for entry in content["log"]["entries"]]
    assert sorted(statuses) == [200] * 5 + [401] * 5
    assert content["log"]["creator"]["version"] == "1.0.0"


def test_the_browsers_profiler_gets_the_lanes_once(stormed: Visit) -> None:
    stormed.button("Profiler").click()
    expect(stormed["[role=status]"]).to_contain_text("Measures written for the browser’s profiler:")
    measures = """performance.getEntriesByType('measure').map(m => [
        m.name, m.duration, m.startTime, m.detail.devtools.track, m.detail.devtools.trackGroup
    ])"""
    found = stormed.evaluate(measures)
    lanes = [measure for measure in found if measure[3].startswith("lane")]
    assert {measure[4] for measure in found} == {"reissue"}
    assert len([measure for measure in lanes if measure[0].startswith("200 GET /api/echo")]) == 5
    assert [measure[0] for measure in found if measure[3] == "refresh"] == ["refresh succeeded"]
    assert all(0 < measure[2] <= stormed.evaluate("performance.now()") for measure in found)
    stormed.button("Profiler").click()
    expect(stormed["[role=status]"]).to_have_text("Measures written for the browser’s profiler: 0.")
    assert len(stormed.evaluate(measures)) == len(found)


def test_nothing_secret_is_in_the_panel(stormed: Visit) -> None:
    """Neither a token nor a query, in the whole of its document or in what it saves."""
    x, y = middle_of(stormed, 2)
    stormed["canvas"].click(position={"x": x, "y": y})
    text = stormed.evaluate(
        "document.querySelector('.reissue-inspector').shadowRoot.querySelector('#panel-requests').innerHTML"
    )
    saves = [json.dumps(saved(stormed, name)[1]) for name in ("JSON", "HAR")]
    assert stormed.tokens
    for place in (text, *saves):
        assert "echo" in place
        assert "hush" not in place
        assert "ada" not in place
        assert not any(token in place for token in stormed.tokens)


def test_it_is_in_the_browsers_language_or_in_the_one_asked_for(panel: Visit) -> None:
    panel.page.get_by_label("Language").select_option("한국어")
    expect(panel["[role=tab]"].first).to_have_text("요청")
    expect(panel[".empty"]).to_contain_text("아직 요청이 없습니다.")
    expect(panel["section.panel"]).to_have_attribute("lang", "ko")
    panel.has_focus(panel.page.get_by_label("언어"))
    expect_accessible(panel)
    assert panel.run("""
inspector.close()
errors = []
for language in ("fr", "", 5):
    try:
        reissue.inspect(api, "#panel", language=language)
    except ValueError as error:
        errors.append(str(error))
try:
    reissue.inspect(api, "#nowhere")
except ValueError as error:
    errors.append(str(error))
inspector = reissue.inspect(api, document.getElementById("panel"), language="ko-KR")
[*errors, document.querySelectorAll(".reissue-inspector").length]
""") == [
        "language is 'en' or 'ko', not 'fr'",
        "language is 'en' or 'ko', not ''",
        "language is 'en' or 'ko', not 5",
        "there is no '#nowhere' in this page",
        1,
    ]
    expect(panel["[role=tab]"].first).to_have_text("요청")


class TestInKorean:
    """A browser that speaks Korean."""

    @pytest.fixture
    def browser_context_args(self, browser_context_args: dict[str, Any]) -> dict[str, Any]:
        return {**browser_context_args, "locale": "ko-KR"}

    @pytest.fixture
    def panel(self, visit: Visit) -> Visit:
        return mounted(visit.open_blank())

    def test_a_korean_browser_gets_korean(self, panel: Visit) -> None:
        expect(panel["[role=tab]"].first).to_have_text("요청")


class TestInTheDark:
    """A user who prefers dark colours and little motion, on a phone."""

    @pytest.fixture
    def browser_context_args(self, browser_context_args: dict[str, Any]) -> dict[str, Any]:
        return {
            **browser_context_args,
            "color_scheme": "dark",
            "reduced_motion": "reduce",
            "viewport": {"width": 360, "height": 740},
        }

    @pytest.fixture
    def panel(self, visit: Visit) -> Visit:
        return mounted(visit.open_blank())

    def test_dark_and_narrow_it_is_whole_and_keeps_the_rules(self, stormed: Visit) -> None:
        choose(stormed, 2)
        expect_accessible(stormed)
        sizes = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        wide, room = stormed.evaluate(sizes)
        assert wide <= room, "nothing sticks out"
        assert stormed.run("inspector.tabs.requests.timeline.frames.calm") is True


def test_requests_that_wait_fail_or_end_show_it(panel: Visit) -> None:
    panel.expect_console(r"status of 404")
    panel.run(SIGN_IN)
    panel.run("await outcome('/api/nowhere')")
    panel.run("await api.sign_out()")
    panel.run("await outcome('/api/echo')")
    choose(panel, 1)
    expect(panel[".details dd"].first).to_have_text("rejected, 404")
    panel.page.keyboard.press("ArrowRight")
    expect(panel[".details dd"].first).to_have_text("failed, SessionEnded")
    expect(panel["[role=status]"]).to_have_text("Session ended")


@pytest.mark.new_page
def test_drawing_takes_as_many_calls_for_a_thousand_requests_as_for_five(panel: Visit) -> None:
    """And it rests when nothing happens."""
    panel.expect_console(REFUSED, at_most=1100)
    panel.stop_recording()
    panel.evaluate("""(() => {
        window.frames_drawn = []
        const kind = CanvasRenderingContext2D.prototype
        for (const name of ['fill', 'fillText', 'fillRect', 'clearRect', 'measureText', 'rect']) {
            const plain = kind[name]
            kind[name] = function (...given) { window.calls_made++; return plain.apply(this, given) }
        }
        window.calls_made = 0
        const look = () => {
            if (calls_made) frames_drawn.push(calls_made)
            calls_made = 0
            requestAnimationFrame(look)
        }
        look()
    })()""")
    timeline = "inspector.tabs.requests.timeline"
    panel.run(SIGN_IN)
    panel.run("await storm(5)")
    expect_soon(panel, f"{timeline}.frames.settled")
    few = max(drawn_since(panel))
    panel.server.control("/dev/revoke")
    assert panel.run("set(await storm(1000)) == {200}")
    expect(panel[".totals"]).to_have_text("Requests: 1,005")
    expect_soon(panel, f"{timeline}.frames.settled")
    many = drawn_since(panel)
    while len(many) <= 10:  # a slow machine draws seldom: after a drawing comes a pause of four times as long
        panel.run(f"{timeline}.invalidate()\nNone")
        expect_soon(panel, f"{timeline}.frames.settled")
        many += drawn_since(panel)
    assert max(many) < few + 40, "texts may come and go; shapes do not count"
    assert drawn_since(panel, frames=60) == [], "nothing has changed"


def drawn_since(panel: Visit, *, frames: int = 2) -> list[int]:
    """The calls to the canvas in each frame that had some, since this was asked before and in so many frames to come.

    A frame is counted in the next one, so two frames tell of all that was drawn before.
    """
    drawn: list[int] = panel.evaluate(f"""(async () => {{
        for (let left = {frames}; left; left--) await new Promise(next => requestAnimationFrame(next))
        return frames_drawn.splice(0)
    }})()""")
    return drawn


def test_out_of_sight_nothing_is_drawn_and_what_happened_is_there_afterwards(panel: Visit) -> None:
    panel.run(SIGN_IN)
    drawings = "inspector.tabs.requests.timeline.frames.drawings"
    panel.run("document.getElementById('panel').style.marginTop = '5000px'\nNone")
    expect_soon(panel, "not inspector.tabs.requests.timeline.frames.in_sight")
    before = panel.run(drawings)
    assert panel.run("await storm(5)") == [200] * 5
    expect(panel[".totals"]).to_have_text("Requests: 5")
    assert panel.run(drawings) == before
    panel.run("document.getElementById('panel').style.marginTop = '0'\nNone")
    expect_soon(panel, f"{drawings} > {before}")


@pytest.mark.new_page
def test_closed_it_leaves_nothing_in_the_page_and_a_hundred_times_cost_no_memory(panel: Visit) -> None:
    panel.run(SIGN_IN)
    panel.run("""
def again(count):
    global inspector
    for _ in range(count):
        inspector.close()
        inspector.close()
        inspector = reissue.inspect(api, "#panel")
    gc.collect()
again(5)
inspector.close()
gc.collect()
None
""")
    assert panel.run("[bool(api._listeners), document.querySelectorAll('.reissue-inspector').length]") == [False, 0]
    session = panel.context.new_cdp_session(panel.page)
    session.send("Performance.enable")

    def living() -> dict[str, float]:
        session.send("HeapProfiler.collectGarbage")
        metrics = session.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in metrics if each["name"] in ("Nodes", "JSEventListeners")}

    def mounted_and_closed(count: int) -> dict[str, float]:
        panel.run(f"inspector = reissue.inspect(api, '#panel')\nagain({count})\ninspector.close()\ngc.collect()\nNone")
        panel.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        panel.run("gc.collect()\nNone")
        return living()

    before = mounted_and_closed(20)
    after = mounted_and_closed(100)
    for _ in range(20):  # the browser lets go of some a little later; what leaks stays however often it is looked for
        if after["Nodes"] <= before["Nodes"] + 20:
            break
        panel.run("await asyncio.sleep(0.1)\ngc.collect()\nNone")
        after = living()
    assert after["JSEventListeners"] <= before["JSEventListeners"]
    assert after["Nodes"] <= before["Nodes"] + 20, "not one node for each"


def test_of_a_token_with_thousands_of_claims_the_first_hundred_are_shown(panel: Visit) -> None:
    """As long as the view takes one. Rows are counted, and the rest is told of."""
    panel.page.get_by_role("tab", name="Token").click()
    many = {f"no. {n:04}": n for n in range(2_200)}
    panel["#token-paste"].fill(compact({"alg": "none", **many}, {**many, "exp": 4_000_000_000}))
    expect(panel[".token-of-header .token-row"]).to_have_count(100)
    expect(panel[".token-of-header .token-left-out"]).to_have_text("Only the first 100 are shown. Left out: 2,101.")
    expect(panel[".token-of-payload .token-row"]).to_have_count(100)
    expect(panel[".token-of-payload .token-row"].first).to_contain_text("exp")
    expect(panel[".token-of-payload .token-left-out"]).to_have_text("Only the first 100 are shown. Left out: 2,101.")
    panel["#token-paste"].fill(compact({"alg": "none"}, {f"secret {n:04}": n for n in range(2_200)}))
    expect(panel[".token-findings li"]).to_have_count(101)
    expect(panel[".token-findings .token-left-out"]).to_be_visible()
    panel["#token-paste"].fill(compact({"alg": "none"}, {"sub": "ada"}))
    expect(panel[".token-left-out"]).to_have_count(0)


def test_tokens_in_cookies_are_said_to_be_there_and_none_is_shown(panel: Visit) -> None:
    panel.run("""
inspector.close()
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth", tokens="cookie"), name="in cookies")
inspector = reissue.inspect(api, "#panel", language="en")
await api.sign_in(username="ada", password="lovelace")
""")
    panel.page.get_by_role("tab", name="Token").click()
    title = "You are signed in. The tokens are in cookies, which this page can’t read."
    expect(panel[".token-title h3"]).to_have_text(title)
    expect(panel[".token-raw"]).to_be_hidden()
    expect(panel[".token-compare"]).to_contain_text("in an HttpOnly cookie")


def test_the_panel_has_its_style(visit: Visit) -> None:
    """Though the page imports the library from a wheel that is not unpacked."""
    visit.signed_in()
    assert visit["#panel .panel"].evaluate("element => getComputedStyle(element).borderTopWidth") == "1px"
    visit["#tab-token"].click()
    assert visit["#panel .token-raw"].evaluate("element => getComputedStyle(element).borderTopWidth") == "1px"
