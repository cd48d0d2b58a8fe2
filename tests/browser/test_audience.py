"""The token goes to the API of its own origin, and nowhere else: seen by the other end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route

from tests.browser.visit import Visit
from tests.other_origin import OtherOrigin, other_origin

CONNECT = """
import asyncio, reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
await api.sign_in(username="ada", password="lovelace")
async def outcome(url, **options):
    try:
        return (await api.fetch(url, **options)).status
    except Exception as error:
        return type(error).__name__
await outcome("/api/me")
"""


@pytest.fixture
def other() -> Iterator[OtherOrigin]:
    with other_origin() as other:
        yield other


@pytest.fixture
def server_flags(other: OtherOrigin) -> tuple[str, ...]:
    return ("--allow-origin", other.origin)


@pytest.fixture
def python(visit: Visit, other: OtherOrigin) -> Visit:
    visit.allowed_origins.add(other.origin)
    # The blank page comes from Playwright, not from an address: without this, Chromium keeps it from loopback.
    visit.context.grant_permissions(["local-network-access"])
    assert visit.open_blank().run(CONNECT) == 200
    assert len(visit.tokens) == 1
    return visit


def test_the_token_never_goes_to_another_origin(python: Visit, other: OtherOrigin) -> None:
    """X1, X2: compared on the URL as the browser parses it."""
    ours, theirs = python.server.origin.removeprefix("http://"), other.origin.removeprefix("http://")
    arriving = [
        f"{other.origin}/api/notes",
        f"//{theirs}/api/notes",
        f"\\\\{theirs}\\api\\notes",
        f"http:\\\\{theirs}/api/notes",
        f"http://{theirs}\\@{ours}/api/notes",
        f"HTTP://{theirs.upper()}/api/../api/notes#@{ours}/api/",
        f"\thttp://{theirs}/api/notes ",
        f"http:/\t/{theirs}/api/notes",
    ]
    refused = [f"http://{ours}@{theirs}/api/notes", f"http://ada:lovelace@{ours}/api/notes"]
    outcomes = python.run(f"[await outcome(url) for url in {json.dumps(arriving + refused)}]")
    assert outcomes == [200] * len(arriving) + ["ValueError"] * len(refused), "a browser sends no such request"
    assert len(other.requests) >= len(arriving)
    (token,) = python.tokens
    assert not other.saw(token)
    assert "authorization" not in other.header_names()
    assert "cookie" not in other.header_names()


def test_the_token_stays_within_its_path(python: Visit) -> None:
    """X1: segments, not prefixes; and dots are resolved as the browser resolves them."""
    urls = [
        "/apix/notes",
        "/api/../dev/counters",
        "/api/%2e%2e/dev/counters",
        "/api/x%2f..%2f..%2fx",
        "http:dev/counters",
    ]
    assert python.run(f"[await outcome(url) for url in {urls}]") == [404, 200, 200, 404, 200]
    python.expect_console("status of 404", times=2)
    assert [r.url for r in python.requests if "authorization" in r.headers] == [f"{python.server.url}api/me"]


def test_a_redirect_to_another_origin_does_not_take_the_token_along(python: Visit, other: OtherOrigin) -> None:
    """X1: the browser takes Authorization away when it follows (Fetch standard, 'HTTP-redirect fetch')."""

    def redirect(route: Route) -> None:
        route.fulfill(status=307, headers={"Location": f"{other.origin}/api/landed"})

    python.page.route("**/api/moved", redirect)
    assert python.run('await outcome("/api/moved")') == 200
    assert [request.path for request in other.requests][-1] == "/api/landed"
    (token,) = python.tokens
    assert not other.saw(token)


def test_a_redirect_back_to_the_api_carries_no_token_and_starts_no_refresh(python: Visit, other: OtherOrigin) -> None:
    """X1: what was asked of another origin is not the API's, wherever it ends."""
    python.reset_counters()
    there_and_back = f"{other.origin}/redirect?to={python.server.url}api/me"
    python.expect_console("CORS policy")
    python.expect_console("Failed to load resource", times=1, at_most=2)
    assert python.run(f"await outcome({there_and_back!r})") == "NetworkError"
    assert python.server.counters()["refreshes_asked"] == 0


def test_a_request_without_auth_carries_no_token(python: Visit) -> None:
    python.expect_console("status of 401")
    assert python.run('await outcome("/api/me", auth=False)') == 401
    assert len([r for r in python.requests_to("/api/me") if "authorization" in r.headers]) == 1
