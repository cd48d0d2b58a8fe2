"""Signing in in a popup, at a certified OpenID provider: the page stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.asking import asking
from tests.browser.visit import STARTED, Visit
from tests.documents import AS_A_POPUP, run_by
from tests.live_server import LiveServer, running_server
from tests.servers.conftest import Start, asked
from tests.servers.test_oidc import APP

CLIENT = """
import asyncio, js, reissue
from pyodide.ffi import create_proxy

URL = {url!r}
endpoint = reissue.Endpoint.oauth2(URL, client_id="page", popup=True, parameters={{"prompt": "consent"}}{settings})
api = reissue.connect(URL + "/api/", endpoint=endpoint)
said = []

async def sign_in():
    try:
        said.append(await api.sign_in() or "signed in")
    except reissue.ReissueError as error:
        said.append(getattr(error, "error", type(error).__name__))

button = js.document.createElement("button")
button.textContent = "Open"
typed = js.document.createElement("input")
js.document.body.append(button, typed)
button.addEventListener("click", create_proxy(lambda _: asyncio.ensure_future(sign_in())))
None
"""


@pytest.fixture
def page_policy() -> str:
    """The page's Cross-Origin-Opener-Policy; a test may say otherwise."""
    return "same-origin"


@pytest.fixture
def server(runtime: None, page_policy: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    monkeypatch.setenv("OPENER_POLICY", page_policy)
    with running_server("--allow-origin", "http://127.0.0.1:*", program="tests/servers/page.py") as server:
        yield server


def go_through(popup: Page) -> None:
    """The user signs in, and the window closes."""
    popup.get_by_role("button", name="Sign in").click()
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Allow").click()


PLACE = """
button = js.document.createElement("button")
button.textContent, button.id = "Open", "sign-in"
js.document.body.append(button)
"""
"""A button in place of the one that has a handler."""


class Trip:
    """A page with a client of the provider, and the user's way through the popup.

    `provider_policy` is the provider's Cross-Origin-Opener-Policy.
    """

    def __init__(
        self,
        visit: Visit,
        start: Start,
        *,
        provider_policy: str = "unsafe-none",
        settings: str = "",
    ) -> None:
        self.visit = visit
        self.url = start(APP, visit.server.origin, life=60)
        assert asked(self.url, f"/dev/opener-policy/{provider_policy}") == 200
        visit.allowed_origins.add(self.url)
        visit.api = f"{self.url}/api/"
        visit.page.goto(f"{visit.server.url}blank.html", wait_until="commit")
        visit.blank_has_begun()
        visit.run(CLIENT.format(url=self.url, settings=settings))
        visit.page.get_by_role("textbox").fill("not lost")

    def open(self) -> Page:
        with self.visit.context.expect_page() as opened:
            self.visit.button("Open").click()
        expect(opened.value.get_by_role("button", name="Sign in")).to_be_visible()
        return opened.value

    def said(self, count: int = 1) -> list[str]:
        """What came of the sign-ins, once so many have ended."""
        self.visit.until(lambda: len(self.visit.run("said")) >= count)
        words: list[str] = self.visit.run("said")
        return words


CUT_OFF = pytest.param("same-origin", "unsafe-none", marks=pytest.mark.firefox)
CONNECTED = "same-origin-allow-popups", "unsafe-none"


@pytest.mark.parametrize(
    ("page_policy", "provider_policy"),
    [
        CUT_OFF,
        ("same-origin-allow-popups", "same-origin"),
        pytest.param(*CONNECTED, marks=pytest.mark.firefox),
        ("unsafe-none", "unsafe-none"),
    ],
)
def test_a_popup_signs_in_and_the_page_stays_as_it_is(visit: Visit, start: Start, provider_policy: str) -> None:
    trip = Trip(visit, start, provider_policy=provider_policy)
    popup = trip.open()
    query = parse_qs(urlsplit(popup.url).query)
    assert query == {}, "the provider has sent it on to its own form"
    go_through(popup)
    assert trip.said() == ["signed in"]
    assert visit.run("(await api.fetch(URL + '/api/me')).status") == 200
    assert visit.run("api.identity['sub']") == "ada"
    expect(visit.page.get_by_role("textbox")).to_have_value("not lost")
    assert visit.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])") == "[{},{}]"


@pytest.mark.parametrize(("page_policy", "provider_policy"), [CUT_OFF, CONNECTED])
def test_a_popup_that_the_user_closes_ends_the_sign_in_once_the_user_is_back(
    visit: Visit, start: Start, provider_policy: str
) -> None:
    trip = Trip(visit, start, provider_policy=provider_policy)
    trip.open().close()
    visit.page.get_by_role("textbox").click()
    assert trip.said() == ["popup_closed"]
    go_through(trip.open())
    assert trip.said(2) == ["popup_closed", "signed in"]


def test_the_user_may_refuse_and_a_second_popup_does_not_mind(visit: Visit, start: Start) -> None:
    trip = Trip(visit, start)
    one, other = trip.open(), trip.open()
    with one.expect_event("close"):
        one.get_by_role("button", name="Refuse").click()
    assert trip.said() == ["access_denied"]
    go_through(other)
    assert trip.said(2) == ["access_denied", "signed in"]


CLOSED_BEFORE = """
from reissue.browser.popup import PagePopup

async def closed_before_it_shows_anything():
    popup = PagePopup()
    popup._window.close()
    async with asyncio.timeout(20):
        while not popup._window.closed:
            await asyncio.sleep(0.02)
    try:
        return await popup.answer("https://id.example/", "popup.state")
    except reissue.GrantRefused as error:
        return error.error

await closed_before_it_shows_anything()
"""


def test_a_popup_that_is_closed_before_the_provider_is_known_ends_the_sign_in(visit: Visit, start: Start) -> None:
    Trip(visit, start)
    assert visit.run(CLOSED_BEFORE) == "popup_closed"


def test_a_popup_that_the_browser_blocks_is_a_clear_error(visit: Visit, start: Start) -> None:
    trip = Trip(visit, start)
    visit.execute("globalThis.open = () => null")
    visit.button("Open").click()
    assert trip.said() == ["PopupBlocked"]


@pytest.mark.parametrize("page_policy", ["unsafe-none"])
def test_a_sign_out_closes_the_popup(visit: Visit, start: Start) -> None:
    trip = Trip(visit, start)
    popup = trip.open()
    with popup.expect_event("close"):
        visit.run("await api.sign_out()")
    assert trip.said() == ["SessionEnded"]


@pytest.mark.parametrize("page_policy", ["same-origin", "unsafe-none"])
def test_the_popup_may_come_back_to_a_page_in_which_python_runs(visit: Visit, start: Start) -> None:
    """That page's own client hands the answer over; the code is exchanged once, by the page that waits."""
    trip = Trip(visit, start, settings=', redirect_uri="/blank.html"')
    popup = trip.open()
    popup.get_by_role("button", name="Sign in").click()
    popup.get_by_role("button", name="Allow").click()
    expect(popup.locator("#status")).to_have_text("ready", timeout=STARTED)
    there = CLIENT.format(url=trip.url, settings=', redirect_uri="/blank.html"')
    with popup.expect_event("close"):
        asking(popup).python(f"{there}\nasyncio.ensure_future(api.resume())\nNone")
    assert trip.said() == ["signed in"]
    assert len(visit.requests_to("/token")) == 1


def test_what_the_document_says_of_a_popup(visit: Visit, start: Start) -> None:
    (block,) = run_by(AS_A_POPUP)
    trip = Trip(visit, start)
    code = block.code
    here = {
        '"https://id.example"': "URL",
        'client_id="notes"': 'client_id="page", parameters={"prompt": "consent"}',
        '"https://api.example/"': 'URL + "/api/"',
    }
    for there, instead in here.items():
        assert code.count(there) == 1, there
        code = code.replace(there, instead)
    visit.run(f"await api.close()\nbutton.remove()\nprint = said.append\n{PLACE}\n{code}\nNone")
    trip.open().close()
    visit.page.get_by_role("textbox").click()
    assert trip.said() == ["popup_closed"]
    go_through(trip.open())
    visit.until(lambda: visit.run("api.state.value") == "signed_in")
    visit.execute("globalThis.open = () => null")
    visit.button("Open").click()
    assert trip.said(2) == ["popup_closed", "Please allow this site to open windows."]
