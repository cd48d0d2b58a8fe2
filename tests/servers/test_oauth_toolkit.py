"""django-oauth-toolkit's authorization code: there by redirect, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.visit import STARTED, Visit
from tests.documents import AS_A_CODE, run_by
from tests.live_server import LiveServer, forked_server
from tests.servers.conftest import Start

CLIENT = """
import asyncio, time
import js, reissue

connect = reissue.connect
reissue.connect = lambda url, **given: connect(url, clock=lambda: time.time() + skew, **given)
skew = 0

async def ten():
    responses = await asyncio.gather(*(api.fetch({api!r}) for _ in range(10)))
    return [response.status for response in responses]
"""


@pytest.fixture
def server(runtime: None) -> Iterator[LiveServer]:
    with forked_server("--allow-origin", "http://127.0.0.1:*") as server:
        yield server


def test_django_oauth_toolkit_signs_in_by_redirect(visit: Visit, start: Start) -> None:
    url = start("oauth_toolkit_app", visit.server.origin, life=300)
    (block,) = run_by(AS_A_CODE)
    assert 'redirect_uri="/"' in block.code
    lines = block.code.replace("https://api.example", url).replace('redirect_uri="/"', 'redirect_uri="/blank.html"')
    visit.allowed_origins.add(url)
    visit.api = f"{url}/api/"
    visit.page.goto(f"{visit.server.url}blank.html", wait_until="commit")
    visit.blank_has_begun()
    visit.run(CLIENT.format(api=f"{url}/api/me"))
    visit.page.evaluate("code => void window.run_python(code)", lines)  # it leaves the page, and so has no answer
    visit.expect_console("Autofocus processing was blocked", times=0, at_most=1)  # the test may be faster than the page
    visit.page.get_by_label("Username").fill("ada", timeout=STARTED)
    visit.page.get_by_label("Password").fill("lovelace")
    visit.button("Sign in").click()
    visit.blank_has_begun()
    visit.run(CLIENT.format(api=f"{url}/api/me") + lines + "\nNone")
    assert visit.run("api.state.name") == "SIGNED_IN"
    assert visit.run("js.location.href") == f"{visit.server.url}blank.html"
    assert visit.run("await ten()") == [200] * 10

    visit.run("skew = 301\nNone")
    tokens = len(visit.requests_to("/o/token/"))
    assert visit.run("await ten()") == [200] * 10
    assert len(visit.requests_to("/o/token/")) - tokens == 1
    visit.run("await api.sign_out()")
    assert len(visit.requests_to("/o/revoke_token/")) == 1
    assert visit.run("await api.resume()") is False
