"""SimpleJWT beyond what it has in common with other servers (test_python_servers.py), from a page of another origin."""

from __future__ import annotations

import json

from tests.browser.visit import REFUSED, Visit
from tests.servers.conftest import LIFE, Start, asked, turn_the_clock

ENDPOINT = "Endpoint.simplejwt(URL + '/api/token')"
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


def connected(visit: Visit, start: Start) -> str:
    """A page with a client of this server; the server's URL."""
    url = start("django_app", visit.server.origin)
    visit.allowed_origins.add(url)
    visit.api = f"{url}/api/"
    # The blank page comes from Playwright, not from an address: without this, Chromium keeps it from loopback.
    visit.context.grant_permissions(["local-network-access"])
    visit.open_blank(policy={"connect-src": f"'self' {url}"})
    visit.run(CLIENT.format(url=url, endpoint=ENDPOINT))
    return url


def test_each_refresh_token_of_simplejwt_is_used_once(visit: Visit, start: Start) -> None:
    url = connected(visit, start)
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    assert visit.run("await eight()") == [200] * 8
    visit.run(f"skew = {LIFE}\nNone")
    assert visit.run("await eight()") == [200] * 8
    assert len(visit.requests_to("/api/token/refresh/")) == 1, "expired: told by its exp"
    visit.run("await api.renew()")
    assert visit.run("await eight()") == [200] * 8
    turn_the_clock(url, LIFE)
    visit.expect_console(REFUSED, times=1, at_most=8)
    assert visit.run("await eight()") == [200] * 8
    refreshes = visit.requests_to("/api/token/refresh/")
    assert len(refreshes) == 3, "refused: told by a 401"
    presented = [json.loads(request.post_data or "")["refresh"] for request in refreshes]
    assert len(set(presented)) == 3, "each was rotated, and used once"
    assert [asked(url, "/api/token/refresh/", body={"refresh": token}) for token in presented] == [401] * 3


def test_a_session_in_the_store_outlives_a_reload_with_simplejwt(visit: Visit, start: Start) -> None:
    url = connected(visit, start)
    kept = f"""
api = reissue.connect(URL + "/api/", endpoint={ENDPOINT}, store="session", name="kept")
"""
    visit.run(f"{kept}await api.sign_in(username='ada', password='lovelace')")
    visit.page.reload()
    visit.blank_has_begun()
    visit.run(CLIENT.format(url=url, endpoint=ENDPOINT))
    assert visit.run(f"{kept}await api.resume()") is True
    assert visit.run("await eight()") == [200] * 8


def test_with_simplejwt_nothing_is_sent_as_another_user_whose_cookie_has_come(visit: Visit, start: Start) -> None:
    """S7: its tokens name their user by `user_id`."""
    connected(visit, start)
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
