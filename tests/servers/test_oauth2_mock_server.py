"""npm's oauth2-mock-server, in the place of a provider: by redirect, and by its password grant."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest

from tests.browser.visit import REFUSED, Visit
from tests.live_server import LiveServer, forked_server
from tests.servers.conftest import Start, asked

LIFE = 60
CLIENT = """
import asyncio, time
import js
import reissue

skew = 0
URL = {url!r}
endpoint = reissue.Endpoint.{endpoint}
api = reissue.connect(URL + "/api/", endpoint=endpoint, clock=lambda: time.time() + skew, store="session")

async def outcome(call):
    try:
        response = await call
    except (reissue.ReissueError, OSError) as error:
        return [type(error).__name__, getattr(error, "reason", None) or getattr(error, "description", None)]
    return getattr(response, "status", response)

async def eight():
    return await asyncio.gather(*(outcome(api.fetch(URL + "/api/me")) for _ in range(8)))
"""
# At a refresh it grants tokens of `johndoe`, whoever has signed in; another user's requests would fail (S7).
ENDPOINTS = {
    "by_redirect": 'oauth2(URL, client_id="page", redirect_uri="/blank.html")',
    "by_password": 'password_grant(URL, client_id="page")',
}


@pytest.fixture
def server(runtime: None) -> Iterator[LiveServer]:
    with forked_server("--allow-origin", "http://127.0.0.1:*") as server:
        yield server


@pytest.mark.parametrize("way", ENDPOINTS)
def test_oauth2_mock_server_renews_once_over_an_expired_and_over_a_refused_token(
    visit: Visit, start: Start, way: str
) -> None:
    url = start("oauth2_mock_app.mjs", visit.server.origin, life=LIFE)
    client = CLIENT.format(url=url, endpoint=ENDPOINTS[way])
    visit.allowed_origins.add(url)
    visit.api = f"{url}/api/"

    def begun() -> None:
        visit.blank_has_begun()
        visit.run(client)

    def presented() -> list[str]:
        forms = [dict(parse_qsl(request.post_data or "")) for request in visit.requests_to("/token")]
        return [form["refresh_token"] for form in forms if form["grant_type"] == "refresh_token"]

    visit.page.goto(f"{visit.server.url}blank.html", wait_until="commit")
    begun()
    if way == "by_redirect":
        with visit.page.expect_navigation(url="**/blank.html?*code=*"):
            visit.run("leaving = asyncio.ensure_future(api.sign_in())\nNone")
        begun()
        assert visit.run("await api.resume()") is True
        assert visit.run("api.identity['sub']") == "johndoe"
    else:
        visit.expect_console("status of 400")
        words = ["GrantRefused", "Wrong user or password"]
        assert visit.run("await outcome(api.sign_in(username='johndoe', password='hopper'))") == words
        visit.run("await api.sign_in(username='johndoe', password='lovelace')")
    assert visit.run("await eight()") == [200] * 8
    visit.run(f"skew = {LIFE}\nNone")
    assert visit.run("await eight()") == [200] * 8
    assert len(presented()) == 1, "expired"

    visit.page.reload()
    begun()
    assert visit.run("await api.resume()") is True
    assert asked(url, "/dev/expire") == 200
    visit.expect_console(REFUSED, times=8)
    assert visit.run("await eight()") == [200] * 8
    assert len(presented()) == len(set(presented())) == 2, "rejected; and the refresh token is rotated"

    visit.run("await api.sign_out()")
    assert len(visit.requests_to("/revoke")) == 1
    assert visit.run("await eight()") == [["SessionEnded", "signed_out"]] * 8
    assert visit.run("await api.resume()") is False


def test_oauth2_mock_server_refuses_a_refresh_token_and_so_ends_the_session(visit: Visit, start: Start) -> None:
    url = start("oauth2_mock_app.mjs", visit.server.origin, life=LIFE)
    visit.allowed_origins.add(url)
    visit.api = f"{url}/api/"
    visit.page.goto(f"{visit.server.url}blank.html", wait_until="commit")
    visit.blank_has_begun()
    visit.run(CLIENT.format(url=url, endpoint=ENDPOINTS["by_password"]))
    visit.run("await api.sign_in(username='johndoe', password='lovelace')")
    assert asked(url, "/dev/end") == 200
    visit.run(f"skew = {LIFE}\nNone")
    visit.expect_console("status of 400")
    assert visit.run("await eight()") == [["SessionEnded", "refused"]] * 8
    assert visit.run("await api.resume()") is False
