"""The documents in a browser: their search, and their Python, all of which runs in one page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.browser.axe import expect_accessible
from tests.browser.visit import REFUSED, STARTED, Visit
from tests.documents import AS_THREE_COROUTINES, IN_A_PAGE, IN_THE_GUIDES_PAGE, TOGETHER, run_by

CONNECT = """
import asyncio, js, reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
await api.sign_in(username="ada", password="lovelace")
"""
BEFORE = {
    ("docs/clients.md", "Examples"): CONNECT,
    ("docs/inspector.md", "The inspector"): f"""{CONNECT}
panel = js.document.createElement("div")
panel.id = "panel"
js.document.body.append(panel)
""",
    ("docs/inspector.md", "In a notebook, or a worker"): CONNECT,
    ("docs/endpoints.md", "A sign-in of your own"): """
import reissue
async def asked(path, **fields):
    free = reissue.connect("/nowhere/", endpoint=reissue.Endpoint("/auth"), tabs=False)
    return await (await free.fetch(path, method="POST", json=fields, auth=False)).json()
first_token = (await asked("/auth/login", username="ada", password="lovelace"))["access_token"]
async def my_own_way_to_ask(credential):
    answer = await asked("/auth/refresh")
    return {"jwt": answer["access_token"], "seconds": answer["expires_in"]}
""",
}
"""What a reader has by then, by document and heading."""

AFTER: dict[tuple[str, str], tuple[str, object]] = {
    ("docs/clients.md", "Examples"): ("await api.resume()", True),
    ("docs/inspector.md", "The inspector"): ("js.document.querySelector('#panel').childElementCount", 0),
    ("docs/inspector.md", "In a notebook, or a worker"): (
        "recording._repr_svg_()[:4] + api._repr_html_()[:4]",
        "<svg<div",
    ),
    ("docs/endpoints.md", "A cookie and three addresses"): ("(await api.fetch('/api/me')).status", 200),
    ("docs/endpoints.md", "Routes"): ("endpoint.refresh_url", "https://api.example/v2/sessions/current"),
    ("docs/endpoints.md", "Tokens in cookies alone"): (
        "await api.sign_in(username='ada', password='lovelace')\n[api.state.value, dict(api.claims)]",
        ["signed_in", {}],
    ),
    ("docs/tabs.md", "Ask for the session before Python runs"): (
        "await api.sign_in(username='ada', password='lovelace')\n"
        "any(key.endswith(' early') for key in js.Object.keys(js.localStorage))",
        True,
    ),
    ("docs/endpoints.md", "A sign-in of your own"): ("await api.renew()\n(await api.fetch('/api/me')).status", 200),
}
"""What must hold then; the last expression, and its value."""


def test_the_documents_run_in_a_page(kept: Visit) -> None:
    chapters = {(block.document, block.heading): block for block in run_by(IN_A_PAGE)}
    assert len(chapters) == len(run_by(IN_A_PAGE)), "one block for each heading"
    assert set(BEFORE) <= set(AFTER) == set(chapters)
    for place, block in chapters.items():
        kept.run(BEFORE.get(place, "") + "\nNone")
        kept.run(block.code + "\nNone")
        source, expected = AFTER[place]
        assert kept.run(source) == expected, block


EACH = """
await api.resume()
shown = []
await follow(lambda kind, data: shown.append(data))
text = await text_of("/api/stream?lines=1&interval=0", 60)
stalled = asyncio.create_task(text_of("/api/stream?lines=2&interval=60", 0.5))
await asyncio.wait([stalled])
fractions = []
uploaded = await upload(js.File.new([js.Uint8Array.new(300_000)], "a.bin"), fractions.append)
photo = await (await send_photo(js.File.new([js.Uint8Array.new(7)], "b.png"), "hi")).json()
dialog = getattr(js, "showSaveFilePicker", None)  # the browser's own
js.showSaveFilePicker = None
saved = await save_report(fractions.append)
js.showSaveFilePicker = dialog
image = js.document.createElement("a")
await show_photo(image)
[shown, [row async for row in rows() if row], text, type(stalled.exception()).__name__,
 (await uploaded.json())["size"], photo["fields"], saved, fractions[-1], image.src[:5]]
"""
GRAPHQL = """
refused = {"errors": [{"extensions": {"code": "UNAUTHENTICATED"}}]}
for body in (refused, {"data": {"me": "ada"}}, [{"data": {}}, refused], [], ["odd"]):
    fault = {"path": "/api/graphql", "kind": "status", "status": 200, "body": body}
    await api.fetch("/dev/faults", method="POST", json=fault, auth=False)
told = []
stop = api.on(told.append)
answers = [await query("query($n: Int) { me }", n=1) for _ in range(3)]
stop()
[answers, [event.phase.value for event in told if isinstance(event, reissue.RequestEvent)]]
"""
ALL_AT_ONCE = """
fault = {"path": "/api/graphql", "kind": "status", "status": 200, "body": {"data": {"me": "ada"}}}
await api.fetch("/dev/faults", method="POST", json=fault, auth=False)
await api.fetch("/dev/revoke", method="POST", json={}, auth=False)
shown = []
file = js.File.new([js.Uint8Array.new(300_000)], "a.bin")
notes, answer, response, _, lines = await asyncio.gather(
    api.fetch("/api/notes"), query("{ me }"), upload(file, fractions.append),
    follow(lambda kind, data: shown.append(data)), text_of("/api/stream?lines=2&interval=0", 60),
)
[await notes.json(), answer, (await response.json())["size"], shown, lines.count("data")]
"""


def test_the_recipes_and_the_transfers_work_together(kept: Visit) -> None:
    """All of them in one page, by the client of the GraphQL recipe: one by one, and at once over a revoked token."""
    kept.expect_console(REFUSED, times=5)
    kept.run(CONNECT + "None")
    for block in sorted(run_by(TOGETHER), key=lambda block: block.document, reverse=True):  # GraphQL's client is last
        kept.run(block.code + "\nNone")
    ids = ["1", "2", "3", "4", "5"]
    assert kept.run(EACH) == [
        ids, [f"data: {n}" for n in range(5)], "data: 0\n\n", "TimeoutError",
        300_000, {"caption": "hi", "photo": "b.png"}, "notes.bin", 1, "blob:",
    ]  # fmt: skip
    kept.server.clear_faults()
    assert kept.run(GRAPHQL) == [
        [{"data": {"me": "ada"}}, [], ["odd"]],
        [*["started", "sent", "refused", "replayed", "done"] * 2, *["started", "sent", "done"]],
    ]
    kept.reset_counters()
    assert kept.run(ALL_AT_ONCE) == [[], {"data": {"me": "ada"}}, 300_000, ids, 2]
    assert kept.server.counters()["refreshes_asked"] == 1


def test_three_coroutines_are_an_endpoint(kept: Visit) -> None:
    """Against a server that no setting describes: it gives tickets, and wants them in a header."""
    (block,) = run_by(AS_THREE_COROUTINES)
    asked: list[tuple[str, str, str | None]] = []

    def door(route: Route) -> None:
        request = route.request
        asked.append((request.method, request.url.rpartition("/")[2], request.headers.get("x-ticket")))
        if len(asked) == 5:
            route.fulfill(status=410)
        else:
            route.fulfill(json=[f"jwt-{len(asked)}", f"ticket-{len(asked)}"])

    kept.page.route("**/door/*", door)
    kept.expect_console("status of 410")
    kept.run(block.code + "\nNone")
    kept.run("await api.sign_in(name='ada')\nawait api.renew()\nawait api.sign_out()")
    assert asked == [("POST", "enter", None), ("PATCH", "again", "ticket-1"), ("DELETE", "leave", "ticket-2")]
    kept.run("await api.sign_in(name='ada')")
    refused = "try:\n    await api.renew()\nexcept reissue.GrantRefused as error:\n    found = error.error"
    assert kept.run(f"{refused}\nfound") == "ticket_gone"


# The documents as pages

SIZES = [390, 1280]
THE_SMALL_ONE_IN_FIREFOX = [pytest.param(390, marks=pytest.mark.firefox), 1280]


def open_document(visit: Visit, name: str, width: int) -> Visit:
    visit.page.set_viewport_size({"width": width, "height": 844})
    visit.page.goto(f"{visit.server.url}docs/{name}.html")
    return visit


def searched(visit: Visit, words: str) -> Locator:
    """What the search lists for these words, once it has answered."""
    field, status = visit.page.get_by_role("searchbox"), visit[".search [role=status]"]
    field.fill(words)
    expect(status).to_have_text(re.compile(r"\d|Nothing|없습니다|not arrive"))
    return visit[".search li a"]


def expect_fits(visit: Visit) -> None:
    expect_accessible(visit)
    assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", THE_SMALL_ONE_IN_FIREFOX)
def test_every_document_is_found_from_any_page_by_the_keyboard(visit: Visit, width: int) -> None:
    open_document(visit, "security", width)
    assert not [request for request in visit.requests if "search_index" in request.url], "asked for when it is used"
    keyboard, field = visit.page.keyboard, visit.page.get_by_role("searchbox", name="Search the documents")
    keyboard.press("/")
    visit.has_focus(field)
    keyboard.type("what ends a session")
    found = visit[".search li a"]
    expect(found.first).to_contain_text("What ends a session")
    expect(found.first.locator("mark")).to_be_visible()
    expect(visit[".search [role=status]"]).to_have_text(re.compile(r"^Found: \d+$"))
    expect_fits(visit)
    for key, focused in [("ArrowDown", found.first), ("ArrowDown", found.nth(1)), ("ArrowUp", found.first)]:
        keyboard.press(key)
        visit.has_focus(focused)
    keyboard.press("Escape")
    visit.has_focus(field)
    expect(visit[".search .found"]).to_be_hidden()
    expect(searched(visit, "what ends a sesion").first).to_contain_text("What ends a session")  # a letter is missing
    keyboard.press("Enter")
    expect(visit.page).to_have_url(re.compile(r"/docs/endpoints\.html#what-ends-a-session$"))
    expect(visit["h3:target, h2:target"]).to_be_in_viewport()


@pytest.mark.parametrize("width", SIZES)
def test_both_languages_are_searched_from_a_page_of_either(visit: Visit, width: int) -> None:
    open_document(visit, "how-a-token-is-reissued.ko", width)
    expect(visit.page.get_by_role("searchbox", name="문서 검색")).to_be_visible()
    expect(searched(visit, "인터셉터를").first).to_have_attribute("href", re.compile(r"^how-a-token.*\.ko\.html#"))
    expect(visit[".search li"].first).to_have_attribute("lang", "ko")
    expect(visit[".search [role=status]"]).to_have_text(re.compile("개 찾음$"))
    expect_fits(visit)
    expect(searched(visit, "retry_lost_refresh").first).to_contain_text("retry_lost_refresh")
    expect(visit[".search li"].first).to_have_attribute("lang", "en")
    open_document(visit, "guide", width)
    expect(searched(visit, "재발행").first).to_contain_text("재발행")
    expect(visit[".search li"].first).to_have_attribute("lang", "ko")
    searched(visit, "xyzzy")
    expect(visit[".search [role=status]"]).to_contain_text("Nothing found")
    expect(visit[".search li a"]).to_have_count(0)
    visit.page.keyboard.press("Tab")
    expect(visit[".search .found"]).to_be_hidden()


def test_an_index_that_does_not_arrive_is_told_and_asked_for_again(visit: Visit) -> None:
    open_document(visit, "tabs", 1280)
    visit.expect_console("ERR_FAILED", times=1, at_most=4)
    visit.page.route("**/search_index-*", lambda route: route.abort())
    searched(visit, "lock")
    expect(visit[".search [role=status]"]).to_contain_text("did not arrive")
    visit.page.unroute("**/search_index-*")
    expect(searched(visit, "locks").first).to_be_visible()


def run_buttons(visit: Visit) -> Locator:
    return visit[".run > .actions button"]


@pytest.mark.parametrize("width", THE_SMALL_ONE_IN_FIREFOX)
def test_the_guide_runs_in_its_own_page(visit: Visit, width: int) -> None:
    """Block after block, by the library itself, against the demo's server. Python is not asked for before."""
    open_document(visit, "guide", width)
    blocks = run_by(IN_THE_GUIDES_PAGE)
    expect(run_buttons(visit)).to_have_count(1 + len(blocks))
    assert [request.url for request in visit.requests if "/py/" in request.url or "/pyscript/" in request.url] == []
    output, message = visit[".run output"], visit["#message"]
    expect(message).to_be_hidden()
    run_buttons(visit).nth(1).click()  # runs the app above first
    expect(output.nth(1)).to_have_text("State.SIGNED_IN ada\n", timeout=STARTED)
    expect(message).to_have_text("Signed in as ada.")
    expect(run_buttons(visit).first).to_have_attribute("aria-disabled", "true")
    run_buttons(visit).nth(2).click()
    expect(output.nth(2)).to_contain_text("RefreshEvent")
    expect(output.nth(2)).to_contain_text("SUCCEEDED")
    run_buttons(visit).nth(3).click()
    expect(output.nth(3)).to_have_text(f"{[200] * 10} {{'hello': 'ada'}}\n")
    run_buttons(visit).nth(4).click()
    expect(output.nth(4)).to_contain_text("/auth/refresh")
    visit.button("Ask ten times at once").click()
    expect(message).to_have_text("10 answers: hello, ada!")
    expect(visit.page.get_by_role("button", name="Done 20")).to_be_visible()  # in the panel
    run_buttons(visit).nth(1).click()  # again: the app above is left alone
    expect(output.nth(1)).to_have_text("State.SIGNED_IN ada\n")
    expect_fits(visit)
    assert len(visit.requests_to("/auth/login")) == 2, "the block that signs in has run twice"


@pytest.mark.parametrize(("written", "error"), [("renew renew", "SyntaxError"), ("renewed", "AttributeError")])
def test_an_error_of_a_block_is_shown_as_text_and_stops_what_follows(visit: Visit, written: str, error: str) -> None:
    visit.alter("docs/guide.html", lambda page: page.replace(">renew<", f">{written}<"))
    open_document(visit, "guide", 1280)
    output = visit[".run output"]
    run_buttons(visit).nth(3).click()
    expect(output.nth(3)).to_have_text("A block above has failed: see there.", timeout=STARTED)
    expect(output.nth(2)).to_contain_text(f"await api.{written}()")
    expect(output.nth(2)).to_contain_text(error)
    expect(output.nth(2)).not_to_contain_text("run-")


def test_what_keeps_python_from_starting_is_shown_as_text(visit: Visit) -> None:
    visit.expect_console("ERR_FAILED", times=1, at_most=9)
    visit.page.route("**/pyscript/core.js", lambda route: route.abort())
    open_document(visit, "guide", 1280)
    run_buttons(visit).first.click()
    expect(visit[".run output"].first).to_contain_text("Python did not start")
    expect(visit[".run output"].first).to_contain_text("Reload the page")
