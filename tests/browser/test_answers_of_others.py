"""What the browser itself would do with an answer: keep it for the next user, or ask for a password."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.visit import REFUSED, Visit
from tests.live_server import LiveServer, forked_server

# Nothing is routed here: with routes Playwright switches the browser's cache off.
KEPT = "/api/me?max_age=600"
CONNECT = """
import js, reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), SETTINGS)

async def who(**options):
    return (await (await api.fetch("KEPT", **options)).json())["sub"]

async def who_asked_by_javascript(options="{}"):
    with api.installed():
        answer = await js.fetch("KEPT", js.JSON.parse(options))
        return (await answer.json()).sub

await api.sign_in(username="ada", password="lovelace")
first = await who()
await api.sign_out()
await api.sign_in(username="grace", password="hopper")
first
""".replace("KEPT", KEPT)


@pytest.fixture(scope="module")
def browser(launch_browser: Callable[..., Browser]) -> Iterator[Browser]:
    """One of their own: where another test has routed a request, Firefox keeps no more answers at all."""
    browser = launch_browser()
    yield browser
    browser.close()


@pytest.fixture
def server(runtime: None) -> Iterator[LiveServer]:
    with forked_server() as server:
        yield server


def connected(visit: Visit, settings: str) -> Visit:
    """Grace is signed in, and Ada's answer may be in the cache."""
    visit.page.goto(f"{visit.server.url}blank.html")
    visit.blank_has_begun()
    assert visit.run(CONNECT.replace("SETTINGS", settings)) == "ada"
    return visit


@pytest.mark.firefox
def test_with_no_store_no_user_gets_anothers_answer_from_the_browsers_cache(visit: Visit) -> None:
    """X14: With `cache="no-store"` no request to the audience is answered from the browser's cache.

    Seen in: directus/directus#5175
    """
    connected(visit, 'cache="no-store"')
    assert visit.run("[await who(), await who_asked_by_javascript()]") == ["grace", "grace"]


def test_a_requests_own_setting_overrules_the_clients(visit: Visit) -> None:
    """X14"""
    connected(visit, 'cache="no-cache"')
    assert visit.run("await who(cache='default')") == "ada", "it was not forbidden to be kept"
    assert visit.run("""await who_asked_by_javascript('{"cache": "force-cache"}')""") == "ada"


@pytest.mark.firefox
def test_without_the_setting_an_answer_that_may_be_kept_is_kept_for_the_next_user(visit: Visit) -> None:
    """X14: as docs/security.md says."""
    connected(visit, "")
    assert visit.run("[await who(), await who_asked_by_javascript()]") == ["ada", "ada"]


@pytest.mark.only_browser("chromium")
@pytest.mark.parametrize("settings", ['credentials="omit"', ""])
def test_the_browser_asks_for_a_password_only_where_credentials_may_be_sent(visit: Visit, settings: str) -> None:
    """X15: With `credentials="omit"` a refusal that names `Basic` opens no password dialog.

    Seen in: smart-on-fhir/client-js#81
    """
    visit.expect_console(REFUSED, times=2, at_most=2)
    connected(visit, settings)
    devtools = visit.context.new_cdp_session(visit.page)
    asked: list[str] = []

    def cancel(event: dict[str, str]) -> None:
        asked.append("for a password")
        answer = {"response": "CancelAuth"}
        devtools.send("Fetch.continueWithAuth", {"requestId": event["requestId"], "authChallengeResponse": answer})

    def go_on(event: dict[str, str]) -> None:
        devtools.send("Fetch.continueRequest", {"requestId": event["requestId"]})

    devtools.on("Fetch.authRequired", cancel)
    devtools.on("Fetch.requestPaused", go_on)
    devtools.send("Fetch.enable", {"handleAuthRequests": True, "patterns": [{"urlPattern": "*/api/notes"}]})
    visit.server.fault("/api/notes", "status", status=401, challenge='Basic realm="old"', times=2)
    assert visit.run("(await api.fetch('/api/notes')).status") == 401
    assert asked == ([] if settings else ["for a password"] * 2)


def test_our_own_server_never_asks_for_a_password_by_the_browser(visit: Visit) -> None:
    """X15"""
    for path in ("/api/me", "/api/notes", "/auth/refresh", "/dev/counters"):
        challenge = visit.server.request("POST", path, json_body={}).headers["WWW-Authenticate"] or ""
        assert "basic" not in challenge.lower()
