"""What a client leaves behind in the browser when it is closed, or when the app changes its options."""

from __future__ import annotations

import pytest

from tests.browser.visit import Visit
from tests.live_server import LiveServer

pytestmark = pytest.mark.firefox

CONNECT = """
import asyncio, reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
None
"""


def test_a_client_that_is_closed_in_mid_refresh_leaves_the_new_cookie(visit: Visit, server: LiveServer) -> None:
    """T1, T7: an aborted request's cookie is dropped by the browser, and the spent one would be presented next."""
    visit.open_blank()
    visit.run(CONNECT + "await api.sign_in(username='ada', password='lovelace')")
    server.fault("/auth/refresh", "hold", after=True)
    visit.run("refresh = asyncio.ensure_future(api.renew())\nNone")
    server.wait_until_held()
    visit.run("closing = asyncio.ensure_future(api.close())\nawait asyncio.wait([refresh])\nrefresh.exception().reason")
    server.release()
    visit.run("await closing")
    assert visit.run(CONNECT + "await api.resume()") is True
    visit.run("await api.close()")
    seen = server.counters()
    assert (seen["refreshes_granted"], seen["reuse_detections"]) == (2, 0)


@pytest.mark.parametrize("call", ["renew", "resume"])
def test_the_cookie_of_a_refresh_on_the_wire_does_not_outlive_the_sign_out(
    visit: Visit, server: LiveServer, call: str
) -> None:
    """S2: Chromium sees a request with `keepalive` through, whether it is aborted or not."""
    visit.open_blank()
    visit.run(CONNECT + "await api.sign_in(username='ada', password='lovelace')")
    if call == "resume":
        visit.run("await api.close()")
        visit.run(CONNECT)
    server.fault("/auth/refresh", "hold", after=True)
    visit.run(f"call = asyncio.ensure_future(api.{call}())\nNone")
    server.wait_until_held()
    visit.run("signing_out = asyncio.ensure_future(api.sign_out())\nawait asyncio.wait([call])\ncall.exception()\nNone")
    assert visit.run("api.state.value") == "signed_out"
    for _ in range(5):  # the sign-out would be there by now
        visit.run("(await api.fetch('/pyscript.toml', auth=False)).status")
    assert server.counters()["logouts"] == 0
    server.release()
    visit.run("await signing_out\nawait api.close()")
    assert [cookie["name"] for cookie in visit.context.cookies()] == []


def test_a_store_that_the_app_gave_up_holds_no_token_any_more(visit: Visit) -> None:
    """X7: nobody would ever remove it, not even a sign-out."""
    visit.open_blank()
    stored = "JSON.stringify([...Object.keys(localStorage), ...Object.keys(sessionStorage)])"
    for store, later in (("local", "memory"), ("session", "memory"), ("local", "session"), ("session", "local")):
        visit.run(
            f"import reissue\napi = reissue.connect('/api/', endpoint=reissue.Endpoint('/auth'), store={store!r})\n"
            "await api.adopt('a-token-of-the-app')\nawait api.close()"
        )
        assert "reissue:default" in visit.evaluate(stored)
        visit.run(
            f"api = reissue.connect('/api/', endpoint=reissue.Endpoint('/auth'), store={later!r})\nawait api.close()"
        )
        assert visit.evaluate(stored) == "[]"
