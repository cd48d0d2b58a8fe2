"""Servers that people have, as their own documentation sets them up, from a page of another origin."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.visit import REFUSED, Visit
from tests.servers.conftest import LIFE, Start

ENDPOINTS = {
    "fastapi_app": "Endpoint(URL, sign_in='token', encoding='form', refresh=None, sign_out=None)",
    "django_app": "Endpoint.simplejwt(URL + '/api/token')",
}
CLIENT = """
import asyncio, time
import reissue
from reissue import Endpoint

skew = 0
URL = {url!r}
api = reissue.connect(URL + "/api/", endpoint={endpoint}, clock=lambda: time.time() + skew)

async def outcome(call):
    try:
        response = await call
    except reissue.ReissueError as error:
        return [type(error).__name__, getattr(error, "reason", None) or getattr(error, "description", None)]
    return response and response.status

async def eight():
    return await asyncio.gather(*(outcome(api.fetch(URL + "/api/me")) for _ in range(8)))
"""


def connected(visit: Visit, start: Start, app: str) -> str:
    """A page with a client of this server; the server's URL."""
    url = start(app, visit.server.origin)
    visit.allowed_origins.add(url)
    visit.api = f"{url}/api/"
    # The blank page comes from Playwright, not from an address: without this, Chromium keeps it from loopback.
    visit.context.grant_permissions(["local-network-access"])
    visit.open_blank(policy={"connect-src": f"'self' {url}"})
    visit.run(CLIENT.format(url=url, endpoint=ENDPOINTS[app]))
    return url


def asked(url: str, path: str, *, token: str = "", body: Any = None) -> int:
    """The status of a request of the test's own."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    headers = {"Authorization": f"Bearer {token}"} if token else {"Content-Type": "application/json"}
    connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def wait_until_refused(url: str, token: str) -> None:
    """The server's clock can't be turned: its token lives for two seconds."""
    while asked(url, "/api/me", token=token) == 200:
        pass


@pytest.mark.parametrize("app", ENDPOINTS)
def test_a_wrong_password_is_told_in_the_servers_words(visit: Visit, start: Start, app: str) -> None:
    connected(visit, start, app)
    visit.expect_console(REFUSED)
    name, words = visit.run("await outcome(api.sign_in(username='ada', password='hopper'))")
    assert name == "GrantRefused"
    assert "ncorrect username or password" in words or "No active account" in words
    assert visit.run("api.state.name") == "SIGNED_OUT"


def test_simplejwt_is_renewed_once_over_an_expired_and_over_a_refused_token(visit: Visit, start: Start) -> None:
    url = connected(visit, start, "django_app")
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    assert visit.run("await eight()") == [200] * 8
    visit.run(f"skew = {LIFE}\nNone")
    assert visit.run("await eight()") == [200] * 8
    assert len(visit.requests_to("/api/token/refresh/")) == 1, "expired: told by its exp"
    visit.run("skew = -10_000\nawait api.renew()")
    assert visit.run("await eight()") == [200] * 8
    wait_until_refused(url, visit.requests_to("/api/me")[-1].headers["authorization"].removeprefix("Bearer "))
    visit.expect_console(REFUSED, times=1, at_most=8)
    assert visit.run("await eight()") == [200] * 8
    refreshes = visit.requests_to("/api/token/refresh/")
    assert len(refreshes) == 3, "refused: told by a 401"
    presented = [json.loads(request.post_data or "")["refresh"] for request in refreshes]
    assert len(set(presented)) == 3, "each was rotated, and used once"
    assert [asked(url, "/api/token/refresh/", body={"refresh": token}) for token in presented] == [401] * 3


def test_simplejwt_is_told_of_a_sign_out(visit: Visit, start: Start) -> None:
    url = connected(visit, start, "django_app")
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    visit.run("await api.sign_out()")
    (request,) = visit.requests_to("/api/token/blacklist/")
    token = json.loads(request.post_data or "")
    assert asked(url, "/api/token/refresh/", body=token) == 401
    assert visit.run("await eight()") == [["SessionEnded", "signed_out"]] * 8
    assert visit.run("await api.resume()") is False
    assert len(visit.requests_to("/api/token/refresh/")) == 0, "there is nothing that could be renewed"


@pytest.mark.firefox
def test_a_session_in_the_store_outlives_a_reload_with_simplejwt(visit: Visit, start: Start) -> None:
    url = connected(visit, start, "django_app")
    kept = f"""
api = reissue.connect(URL + "/api/", endpoint={ENDPOINTS["django_app"]}, store="session", name="kept")
"""
    visit.run(f"{kept}await api.sign_in(username='ada', password='lovelace')")
    visit.page.reload()
    visit.blank_has_begun()
    visit.run(CLIENT.format(url=url, endpoint=ENDPOINTS["django_app"]))
    visit.expect_console(REFUSED, times=0, at_most=8)  # the reload takes about as long as the token lives
    assert visit.run(f"{kept}await api.resume()") is True
    assert visit.run("await eight()") == [200] * 8


def test_with_simplejwt_nothing_is_sent_as_another_user_whose_cookie_has_come(visit: Visit, start: Start) -> None:
    """S7: its tokens name their user by `user_id`."""
    connected(visit, start, "django_app")
    visit.run("""
import json
from pyodide.http import pyfetch
by_cookie = Endpoint(URL + "/api/auth", sign_in="login/", refresh="refresh/", sign_out=None,
                     names={"access_token": "access"}, credentials="include")
api = reissue.connect(URL + "/api/", endpoint=by_cookie, clock=lambda: time.time() + skew)

async def three():
    return await asyncio.gather(*(outcome(api.fetch(URL + "/api/notes", method="POST", json={})) for _ in range(3)))

await api.sign_in(username="ada", password="lovelace")
""")
    assert visit.run("await three()") == [201] * 3
    visit.run(f"skew = {LIFE}\nNone")
    assert visit.run("await three()") == [201] * 3, "the user's own cookie goes on"
    sent = len(visit.requests_to("/api/notes"))
    visit.run("""
grace = json.dumps({"username": "grace", "password": "hopper"})
await pyfetch(URL + "/api/auth/login/", method="POST", credentials="include", body=grace,
              headers={"Content-Type": "application/json"})
skew += 10_000
None
""")
    assert visit.run("await three()") == [["SessionChanged", None]] * 3
    assert len(visit.requests_to("/api/notes")) == sent
    assert visit.run("(await (await api.fetch(URL + '/api/me')).json())['username']") == "grace"


def test_fastapis_tutorial_has_nothing_that_renews_so_the_session_ends_with_its_token(
    visit: Visit, start: Start
) -> None:
    url = connected(visit, start, "fastapi_app")
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    assert visit.run("await eight()") == [200] * 8
    assert visit.run("api.claims['sub']") == "ada"
    visit.run("skew = -10_000\nNone")
    wait_until_refused(url, visit.requests_to("/api/me")[-1].headers["authorization"].removeprefix("Bearer "))
    visit.expect_console(REFUSED, times=1, at_most=8)
    assert visit.run("await eight()") == [["SessionEnded", "refused"]] * 8
    assert visit.run("api.state.name") == "SIGNED_OUT"
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    visit.run(f"skew = {LIFE}\nNone")
    sent = len(visit.requests_to("/api/me"))
    assert visit.run("await eight()") == [["SessionEnded", "refused"]] * 8
    assert len(visit.requests_to("/api/me")) == sent, "expired, and known to be: not sent"
