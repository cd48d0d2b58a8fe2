"""What a client leaves behind in the browser when it is closed, or when the app changes its options."""

from __future__ import annotations

import pytest

from tests.browser.visit import Visit

pytestmark = pytest.mark.firefox

CONNECT = """
import asyncio, reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
None
"""


def test_a_client_that_is_closed_in_mid_refresh_leaves_the_new_cookie(kept: Visit) -> None:
    """T1, T7: an aborted request's cookie is dropped by the browser, and the spent one would be presented next."""
    kept.run(CONNECT + "await api.sign_in(username='ada', password='lovelace')")
    kept.server.fault("/auth/refresh", "hold", after=True)
    kept.run("refresh = asyncio.ensure_future(api.renew())\nNone")
    kept.server.wait_until_held()
    kept.run("closing = asyncio.ensure_future(api.close())\nawait asyncio.wait([refresh])\nrefresh.exception().reason")
    kept.server.release()
    kept.run("await closing")
    assert kept.run(CONNECT + "await api.resume()") is True
    kept.run("await api.close()")
    seen = kept.server.counters()
    assert (seen["refreshes_granted"], seen["reuse_detections"]) == (2, 0)


@pytest.mark.parametrize("call", ["renew", "resume"])
def test_the_cookie_of_a_refresh_on_the_wire_does_not_outlive_the_sign_out(kept: Visit, call: str) -> None:
    """S2: Chromium sees a request with `keepalive` through, whether it is aborted or not."""
    kept.run(CONNECT + "await api.sign_in(username='ada', password='lovelace')")
    if call == "resume":
        kept.run("await api.close()")
        kept.run(CONNECT)
    kept.server.fault("/auth/refresh", "hold", after=True)
    kept.run(f"call = asyncio.ensure_future(api.{call}())\nNone")
    kept.server.wait_until_held()
    kept.run("signing_out = asyncio.ensure_future(api.sign_out())\nawait asyncio.wait([call])\ncall.exception()\nNone")
    assert kept.run("api.state.value") == "signed_out"
    for _ in range(5):  # the sign-out would be there by now
        kept.run("(await api.fetch('/pyscript.toml', auth=False)).status")
    assert kept.server.counters()["logouts"] == 0
    kept.server.release()
    kept.run("await signing_out\nawait api.close()")
    assert [cookie["name"] for cookie in kept.context.cookies()] == []


def test_a_store_that_the_app_gave_up_holds_no_token_any_more(kept: Visit) -> None:
    """X7: nobody would ever remove it, not even a sign-out."""
    stored = "JSON.stringify([...Object.keys(localStorage), ...Object.keys(sessionStorage)])"
    for store, later in (("local", "memory"), ("session", "memory"), ("local", "session"), ("session", "local")):
        kept.run(
            f"import reissue\napi = reissue.connect('/api/', endpoint=reissue.Endpoint('/auth'), store={store!r})\n"
            "await api.adopt('a-token-of-the-app')\nawait api.close()"
        )
        assert "reissue:default" in kept.evaluate(stored)
        kept.run(
            f"api = reissue.connect('/api/', endpoint=reissue.Endpoint('/auth'), store={later!r})\nawait api.close()"
        )
        assert kept.evaluate(stored) == "[]"
