"""Glewlwyd, a provider written in C, whose tokens are bound to the browser's key (DPoP)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from tests.browser.visit import REFUSED, Visit
from tests.live_server import LiveServer, forked_server
from tests.servers import glewlwyd

pytestmark = pytest.mark.glewlwyd

LIFE = 60
CLIENT = """
import asyncio, time
import js
import reissue

skew = 0
URL = {url!r}
ISSUER = URL + "/api/oidc"
SHOWN = {{"g_continue": "1"}}  # as Glewlwyd's own page says when the user clicks "Continue"
endpoint = reissue.Endpoint.oauth2(
    ISSUER, client_id="page", redirect_uri="/blank.html", scope="openid", parameters=SHOWN
)
api = reissue.connect(URL + "/api/oidc/userinfo", endpoint=endpoint, clock=lambda: time.time() + skew, {options})

async def outcome(call):
    try:
        response = await call
    except (reissue.ReissueError, OSError) as error:
        return [type(error).__name__, getattr(error, "reason", None) or getattr(error, "error", None)]
    return getattr(response, "status", response)

async def eight():
    return await asyncio.gather(*(outcome(api.fetch(URL + "/api/oidc/userinfo")) for _ in range(8)))
"""


@pytest.fixture
def server(runtime: None) -> Iterator[LiveServer]:
    with forked_server("--allow-origin", "http://127.0.0.1:*") as server:
        yield server


class Trip:
    """A page with a client of Glewlwyd, whose user has signed in there, and has allowed that client."""

    def __init__(self, visit: Visit, url: str, options: str) -> None:
        self.visit = visit
        self.client = CLIENT.format(url=url, options=options)
        visit.allowed_origins.add(url)
        visit.api = f"{url}/api/oidc/userinfo"
        assert visit.context.request.post(f"{url}/api/auth", data=glewlwyd.USER).ok
        visit.page.goto(f"{visit.server.url}blank.html", wait_until="commit")
        self.begun()

    def begun(self) -> None:
        """The page anew, with the client."""
        self.visit.blank_has_begun()
        self.visit.run(self.client)

    def sign_in(self) -> None:
        """There and back, without a form: the user is signed in there."""
        with self.visit.page.expect_navigation(url="**/blank.html?*code=*"):
            self.visit.run("leaving = asyncio.ensure_future(api.sign_in())\nNone")
        self.begun()
        assert self.visit.run("await api.resume()") is True

    def presented(self) -> list[str]:
        """The refresh tokens that the provider was sent."""
        forms = [dict(parse_qsl(r.post_data or "")) for r in self.visit.requests_to("/api/oidc/token")]
        return [form["refresh_token"] for form in forms if form["grant_type"] == "refresh_token"]


@pytest.fixture
def url(visit: Visit, tmp_path: Path) -> Iterator[str]:
    with glewlwyd.running(tmp_path, page=visit.server.origin, life=LIFE) as url:
        yield url


def disable(folder: Path, table: str, column: str) -> None:
    """As an administrator does: what there is in this table is accepted no more."""
    with sqlite3.connect(folder / "glewlwyd.db", timeout=30) as tables:
        tables.execute(f"UPDATE {table} SET {column} = 0")
    tables.close()


def test_glewlwyd_binds_its_tokens_to_the_browsers_key(visit: Visit, url: str, tmp_path: Path) -> None:
    trip = Trip(visit, url, "dpop=True, store='session'")
    assert visit.run("await api.resume()") is False
    trip.sign_in()
    assert visit.run("await eight()") == [200] * 8
    visit.run(f"skew = {LIFE}\nNone")
    assert visit.run("await eight()") == [200] * 8
    assert len(trip.presented()) == 1, "expired"

    visit.page.reload()
    trip.begun()
    assert visit.run("await api.resume()") is True, "with the same key"
    disable(tmp_path, "gpo_access_token", "gpoa_enabled")
    visit.expect_console(REFUSED, times=8, at_most=16)
    assert visit.run("await eight()") == [200] * 8
    assert len(trip.presented()) == len(set(trip.presented())) == 2, "rejected; and the refresh token is rotated"
    sent = visit.requests_to("/api/oidc/userinfo")
    assert {request.headers["authorization"].partition(" ")[0] for request in sent} == {"DPoP"}
    assert len({request.headers["dpop"] for request in sent}) == len(sent), "each with a proof of its own"

    visit.expect_console("status of 400", times=1)
    disable(tmp_path, "gpo_access_token", "gpoa_enabled")
    disable(tmp_path, "gpo_refresh_token", "gpor_enabled")
    assert visit.run("await eight()") == [["SessionEnded", "refused"]] * 8
    assert visit.run("await api.resume()") is False


def test_glewlwyd_wants_a_client_that_signs_out_to_authenticate(visit: Visit, url: str) -> None:
    """A public client can't; docs/servers.md says what follows."""
    trip = Trip(visit, url, "dpop=True")
    trip.sign_in()
    visit.expect_console(REFUSED)
    assert visit.run("await outcome(api.sign_out())") == ["SignOutRefused", None]
    assert visit.run("await eight()") == [["SessionEnded", "signed_out"]] * 8
    assert visit.run("await api.resume()") is False
