"""The token goes to the API of its own origin, and nowhere else: seen by the other end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest
from playwright.sync_api import Route

from tests.browser.kept import Opening, opened
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


def redirect(route: Route, location: str, status: int = 307) -> None:
    route.fulfill(status=status, headers={"Location": location})


def reach_loopback(visit: Visit) -> None:
    """The blank page comes from Playwright, not from an address: without this, Chromium keeps it from loopback."""
    visit.context.grant_permissions(["local-network-access"])


beside_another = opened(Opening(flags=("--allow-origin", "http://127.0.0.1:*"), before=reach_loopback))


@pytest.fixture(scope="module")
def other_server() -> Iterator[OtherOrigin]:
    with other_origin() as other:
        yield other


@pytest.fixture
def other(other_server: OtherOrigin) -> OtherOrigin:
    return other_server.from_now_on()


@pytest.fixture
def python(kept: Visit, other: OtherOrigin) -> Visit:
    kept.allowed_origins.add(other.origin)
    assert kept.run(CONNECT) == 200
    assert len(kept.tokens) == 1
    return kept


@pytest.mark.firefox
@beside_another
def test_the_token_goes_to_the_audience_only_as_the_browser_parses_urls(python: Visit, other: OtherOrigin) -> None:
    """X1: The token goes to the audience only, by origin and path segment, on the URL as the browser parses it; closed
    by default.

    Seen in: HoffmanEngineering/3d-print-log-ui#69
    """
    ours, theirs = python.server.origin.removeprefix("http://"), other.origin.removeprefix("http://")
    python.page.route("**/api/moved", lambda route: redirect(route, f"{other.origin}/api/landed"))
    arriving = [
        "/api/moved",
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
    outside = ["/dev/counters", "/api/../dev/counters", "/api/%2e%2e/dev/counters", "http:dev/counters", "/apix/../dev"]
    python.expect_console("status of 404")
    assert python.run(f"[await outcome(url) for url in {outside}]") == [200, 200, 200, 200, 404]
    inside = ["/api/me", f"HTTP://{ours.upper()}/api/x/../me", "/dev/../api/me"]
    assert python.run(f"[await outcome(url) for url in {inside}]") == [200] * len(inside)
    authorized = [r.url for r in python.requests if "authorization" in r.headers]
    assert set(authorized) <= {f"{python.server.url}api/me", f"{python.server.url}api/moved"}


@beside_another
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


@pytest.mark.firefox
@beside_another
def test_a_redirect_to_another_origin_does_not_take_the_token_along(python: Visit, other: OtherOrigin) -> None:
    """X1: the browser takes Authorization away when it follows (Fetch standard, 'HTTP-redirect fetch')."""
    python.page.route("**/api/moved", lambda route: redirect(route, f"{other.origin}/api/landed"))
    assert python.run('await outcome("/api/moved")') == 200
    assert [request.path for request in other.requests][-1] == "/api/landed"
    (token,) = python.tokens
    assert not other.saw(token)


NARROW = """
import js
narrow = reissue.connect("/api/notes", endpoint=reissue.Endpoint("/auth"))
await narrow.resume()

async def sent(url, **options):
    try:
        return (await narrow.fetch(url, **options)).status
    except OSError as error:
        return type(error).__name__

async def sent_by_javascript(url):
    with narrow.installed():
        return (await js.fetch(url)).status

[await sent("/api/notes"), await sent("/api/me")]
"""


@pytest.mark.firefox
@beside_another
def test_a_redirect_within_the_origin_takes_the_token_along_unless_it_is_not_followed(python: Visit) -> None:
    """X1: as docs/security.md says: the browser follows, and keeps the header, also out of the audience's path."""
    python.expect_console("status of 401")
    assert python.run(NARROW) == [200, 401], "/api/me is outside, and wants a token"
    for status in (301, 302, 303, 307, 308):
        path = f"/api/notes/moved-{status}"
        python.page.route(f"**{path}", partial(redirect, location=f"{python.server.url}api/me", status=status))
        assert python.run(f"[await sent('{path}'), await sent_by_javascript('{path}')]") == [200, 200], status
        python.expect_console("Failed to fetch|Failed to load resource", times=0, at_most=99)
        unfollowed = f"[await sent('{path}', redirect='error'), await sent('{path}', redirect='manual')]"
        assert python.run(unfollowed) == ["NetworkError", 0], status


@pytest.mark.firefox
@beside_another
def test_a_redirect_back_to_the_api_carries_no_token_and_starts_no_refresh(python: Visit, other: OtherOrigin) -> None:
    """X1: what was asked of another origin is not the API's, wherever it ends."""
    python.reset_counters()
    there_and_back = f"{other.origin}/redirect?to={python.server.url}api/me"
    python.expect_console("CORS policy")
    python.expect_console("Failed to load resource", times=1, at_most=2)
    assert python.run(f"await outcome({there_and_back!r})") == "NetworkError"
    assert python.server.counters()["refreshes_asked"] == 0


@pytest.mark.firefox
@beside_another
def test_a_401_of_another_origin_to_which_the_api_leads_starts_no_refresh(python: Visit, other: OtherOrigin) -> None:
    """Q27: the browser has told it no token."""
    python.reset_counters()
    python.page.route("**/api/moved", lambda route: redirect(route, f"{other.origin}/refused"))
    python.expect_console("status of 401", times=4)
    assert python.run('[await outcome("/api/moved") for _ in range(3)]') == [401] * 3
    python.run("api.install()")
    assert python.evaluate('fetch("/api/moved").then(response => response.status)') == 401
    assert python.server.counters()["refreshes_asked"] == 0
    assert len(python.requests_to("/api/moved")) == 4


@beside_another
def test_a_request_without_auth_carries_no_token(python: Visit) -> None:
    python.expect_console("status of 401")
    assert python.run('await outcome("/api/me", auth=False)') == 401
    assert len([r for r in python.requests_to("/api/me") if "authorization" in r.headers]) == 1


CLIENTS = """
import httpx2, pyodide_http, pyodide_js, requests, urllib3
from reissue.adapters.httpx import ReissueAuth as HttpxAuth
from reissue.adapters.requests import ReissueAuth as RequestsAuth
from reissue.adapters.urllib import ReissueOpener
from reissue.adapters.urllib3 import ReissuePoolManager
pyodide_http.patch_urllib()
asynchronous, synchronous = httpx2.AsyncClient(auth=HttpxAuth(api)), httpx2.Client(auth=HttpxAuth(api))
sends = [
    lambda url: asynchronous.get(url),
    lambda url: synchronous.get(url),
    lambda url: requests.get(url, auth=RequestsAuth(api)),
    lambda url: ReissuePoolManager(api, retries=False).request("GET", url),
    lambda url: ReissueOpener(api).open(url),
]
async def sent(url):
    for send in sends:
        try:
            answer = send(url)
            if asyncio.iscoroutine(answer):
                await answer
        except (Exception, asyncio.CancelledError):
            pass
None
"""


@pytest.mark.firefox
@beside_another
def test_other_clients_give_the_token_to_no_other_origin_however_they_read_a_url(
    python: Visit, other: OtherOrigin
) -> None:
    """X1: each has a parser of its own, and what it sends to is what was compared."""
    python.run("""
import pyodide_js
from pyodide.ffi import create_proxy
quiet = create_proxy(lambda *_: None)
await pyodide_js.loadPackage(["httpx2", "requests", "urllib3", "pyodide-http"], messageCallback=quiet)
None
""")
    python.run(CLIENTS)
    ours, theirs = python.server.origin.removeprefix("http://"), other.origin.removeprefix("http://")
    seen = len(python.requests_to("/api/me"))
    python.run(f"await sent('{python.server.url}api/me')")
    assert [r.headers.get("authorization", "")[:7] for r in python.requests_to("/api/me")[seen:]] == ["Bearer "] * 5
    python.expect_console(".*", times=0, at_most=1000)  # what each of them says of such URLs
    arrived = []
    for url in [
        f"http://{theirs}/api/me",
        f"http://{ours}\\@{theirs}/api/me",
        f"http://{ours}/api/\\@{theirs}/api/me",
        f"http://{theirs}\\@{ours}/api/me",
        f"http://{ours}@{theirs}/api/me",
        f"http://{ours}#@{theirs}/api/me",
        f"http:\\\\{theirs}/api/me",
        f"http:/{theirs}/api/me",
        f"HTTP://{theirs}/api/me?http://{ours}/api/me",
    ]:
        python.run(f"await sent({json.dumps(url)})")
        arrived.append(len(other.requests))
    assert arrived[0] >= 5, "all five do reach it"
    (token,) = python.tokens
    assert not other.saw(token)
    assert not any("Bearer" in value for request in other.requests for value in request.headers.values())
