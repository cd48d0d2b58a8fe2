"""The sign-in widget with a window, at a certified OpenID provider; the kernel is in the page, or in a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visit import Visit
from tests.browser.widget_host import show
from tests.documents import AS_A_WIDGETS_WINDOW, run_by
from tests.live_server import LiveServer, running_server
from tests.servers.conftest import Start
from tests.servers.test_oidc import APP
from tests.servers.test_popup import go_through

CLIENT = """
import js, reissue
URL = {url!r}
endpoint = reissue.Endpoint.oauth2(URL, client_id="page", popup=True, parameters={{"prompt": "consent"}})
api = reissue.connect(URL + "/api/", endpoint=endpoint)
None
"""


@pytest.fixture
def server(runtime: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    monkeypatch.setenv("WORKERS", "yes")
    with running_server("--allow-origin", "http://127.0.0.1:*", program="tests/servers/page.py") as server:
        yield server


def widget(visit: Visit, start: Start, page: str) -> Page:
    """A page with the widget, for a kernel with a client of the provider."""
    url = start(APP, visit.server.origin, life=60)
    visit.allowed_origins.add(url)
    visit.api = f"{url}/api/"
    visit.page.goto(f"{visit.server.url}{page}", wait_until="commit")
    visit.blank_has_begun()
    visit.run(CLIENT.format(url=url))
    show(visit)
    return visit.page


def opened(visit: Visit) -> Page:
    with visit.context.expect_page() as window:
        visit.button("Sign in").click()
    expect(window.value.get_by_role("button", name="Sign in")).to_be_visible()
    return window.value


@pytest.mark.parametrize("place", ["blank.html", "worker.html"])
def test_the_button_opens_a_window_and_the_kernel_is_signed_in(visit: Visit, start: Start, place: str) -> None:
    page = widget(visit, start, place)
    status, alert = page.get_by_role("status"), page.get_by_role("alert")
    expect(status).to_have_text("No user is signed in.")
    opened(visit).close()
    status.click()  # the user is back
    expect(alert).to_have_text("The window was closed before you were signed in.")
    go_through(opened(visit))
    expect(status).to_have_text("Signed in as ada.")
    expect(alert).to_have_count(0)
    assert visit.run("(await api.fetch(URL + '/api/me')).status") == 200
    said = visit.evaluate("JSON.stringify(said)")
    tokens = "session = api._lifecycle.alive.credential\n[session.access_token, session.refresh_token]"
    assert [token for token in visit.run(tokens) if token in said] == []
    visit.button("Sign out").click()
    expect(status).to_have_text("No user is signed in.")
    visit.until(lambda: visit.run("len(kernel._tasks)") == 0)
    assert len(visit.requests_to("/token/revocation")) == 1


def test_the_user_may_refuse(visit: Visit, start: Start) -> None:
    page = widget(visit, start, "blank.html")
    window = opened(visit)
    with window.expect_event("close"):
        window.get_by_role("button", name="Refuse").click()
    expect(page.get_by_role("alert")).to_have_text("The sign-in was refused: access_denied.")


HOLD = """
held, hear = [], notebook.onmessage
notebook.onmessage = create_proxy(lambda event: held.append(event.data))
None
"""
GO_ON = """
notebook.onmessage = hear
for message in held:
    kernel.receive(json.loads(message))
None
"""


def test_a_window_that_is_closed_before_the_kernel_answers_ends_the_sign_in(visit: Visit, start: Start) -> None:
    page = widget(visit, start, "blank.html")
    visit.run(HOLD)
    with visit.context.expect_page() as window:
        visit.button("Sign in").click()
    window.value.close()
    page.get_by_role("status").click()  # the user is back
    visit.until(lambda: "closed" in visit.run("held[-1]"))
    visit.run(GO_ON)
    expect(page.get_by_role("alert")).to_have_text("The window was closed before you were signed in.")
    go_through(opened(visit))
    expect(page.get_by_role("status")).to_have_text("Signed in as ada.")


def test_a_window_that_the_browser_blocks_is_said(visit: Visit, start: Start) -> None:
    page = widget(visit, start, "blank.html")
    visit.execute("globalThis.open = () => null")
    visit.button("Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("did not open the window")
    assert visit.run("len(kernel._popups)") == 0


WORKER_SIGNS_IN = """
try:
    await api.sign_in()
except reissue.ReissueError as error:
    said = str(error)
said
"""


def test_without_the_widget_a_worker_says_what_to_do(visit: Visit, start: Start) -> None:
    widget(visit, start, "worker.html")
    assert "reissue.sign_in_widget(api)" in visit.run(WORKER_SIGNS_IN)


def test_what_the_document_says_of_a_window(visit: Visit, start: Start) -> None:
    """Up to its last line, which needs a notebook's anywidget: tests/places has it."""
    (block,) = run_by(AS_A_WIDGETS_WINDOW)
    url = start(APP, visit.server.origin, life=60)
    code, _, last = block.code.strip().rpartition("\n")
    assert last == "reissue.sign_in_widget(api)"
    here = {
        '"https://id.example"': f"{url!r}",
        'client_id="notes"': 'client_id="page", parameters={"prompt": "consent"}',
        '"https://api.example/"': f"{url + '/api/'!r}",
    }
    for there, instead in here.items():
        assert code.count(there) == 1, there
        code = code.replace(there, instead)
    visit.allowed_origins.add(url)
    visit.api = f"{url}/api/"
    visit.page.goto(f"{visit.server.url}worker.html", wait_until="commit")
    visit.blank_has_begun().run(f"{code}\nNone")
    show(visit)
    go_through(opened(visit))
    expect(visit.page.get_by_role("status")).to_have_text("Signed in as ada.")
