"""What a page is told when no answer comes from another origin: the browser says no more than "Failed to fetch"."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.visit import Visit
from tests.live_server import LiveServer, forked_server, running_server

ASK = """
import js, reissue

async def error_of(url, **options):
    api = reissue.connect(url, endpoint=reissue.Endpoint("/auth"), tabs=False)
    await api.adopt("token", expires_in=300)
    try:
        await api.fetch(url, **options)
    except reissue.NetworkError as error:
        return str(error)
    finally:
        await api.close()
"""


@pytest.fixture
def server(runtime: None) -> Iterator[LiveServer]:
    with forked_server("--allow-origin", "http://127.0.0.1:*") as server:
        yield server


@pytest.fixture
def asking(visit: Visit) -> Visit:
    visit.expect_console("CORS|ERR_|NetworkError|Content-Security-Policy|violates", times=0, at_most=20)
    visit.page.goto(f"{visit.server.url}blank.html", wait_until="commit")
    visit.blank_has_begun().run(f"{ASK}\nNone")
    return visit


def test_where_cors_withholds_the_answer_the_error_names_the_headers_that_it_needs(asking: Visit) -> None:
    with running_server() as other:
        asking.allowed_origins.add(other.origin)
        asking.api = other.url
        url = f"{other.url}api/me"
        said = asking.run(
            f"await error_of({url!r}, method='PUT', json={{}}, credentials='include', params={{'key': 1}})"
        )
    assert said.startswith(f"no answer to PUT {url}: ")
    assert f"{other.origin} is another origin than the page's, so there are three usual reasons" in said
    assert f"CORS headers for {asking.server.origin} (Access-Control-Allow-Origin; Access-Control-Allow-Cred" in said
    assert "Access-Control-Allow-Methods: PUT; Access-Control-Allow-Headers: Content-Type, Authorization)" in said
    assert "key" not in said


def test_where_nothing_listens_it_says_the_same_and_names_only_what_was_sent(asking: Visit) -> None:
    with running_server() as gone:
        pass
    asking.allowed_origins.add(gone.origin)
    asking.api = gone.url
    said = asking.run(f"await error_of({gone.url + 'api/me'!r}, method='POST', data={{'text': 'hi'}})")
    assert "can't be reached (down, a wrong port, a bad certificate)" in said
    assert (
        f"for {asking.server.origin} (Access-Control-Allow-Origin; Access-Control-Allow-Headers: Authorization)" in said
    )


def test_where_the_policy_forbids_it_that_is_among_the_reasons(asking: Visit) -> None:
    said = asking.run("await error_of('http://localhost:9/api/')")
    assert "connect-src of its Content-Security-Policy" in said


def test_within_the_origin_and_offline_no_other_origin_is_blamed(asking: Visit) -> None:
    asking.context.set_offline(True)
    said = asking.run("await error_of('/api/me')")
    assert said.endswith(". The browser is offline")
    assert "another origin" not in asking.run("await error_of('http://localhost:9/api/')")
    asking.context.set_offline(False)
