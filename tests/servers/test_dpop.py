"""Tokens that are bound to a key of the browser's (DPoP), and stronger sign-ins, at a server that looks strictly."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.visit import REFUSED, Visit
from tests.servers.conftest import Start

NONCE = "use_dpop_nonce"
CLIENT = """
import asyncio, json
import js, reissue
from reissue import Endpoint, StepUp

URL = {url!r}
wanted = []

async def step_up(step):
    wanted.append([list(step.acr_values), step.max_age])
    return {{"username": "ada", "password": "lovelace", "acr": "gold"}}

def connected(**options):
    return reissue.connect(URL + "/api/", endpoint=Endpoint(URL + "/auth", cookie=False), **options)

async def outcome(call):
    try:
        response = await call
    except reissue.ReissueError as error:
        return type(error).__name__
    return response.status

async def eight(path="notes"):
    return await asyncio.gather(*(outcome(api.fetch(URL + "/api/" + path)) for _ in range(8)))

api = connected({options})
None
"""


class Server:
    """The running server, as the test sees it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, **wanted: Any) -> dict[str, Any]:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=120)
        connection.request("POST", "/control", json.dumps(wanted))
        seen: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return seen

    def errors(self, path: str) -> list[str]:
        """How each request to this path was answered so far; "" is well."""
        return [error for asked, _, error in self.control()["asked"] if asked == path]


@pytest.fixture
def bound(visit: Visit, start: Start) -> Server:
    server = Server(start("dpop_app", visit.server.origin))
    visit.allowed_origins.add(server.url)
    visit.api = f"{server.url}/api/"
    # The blank page comes from Playwright, not from an address: without this, Chromium keeps it from loopback.
    visit.context.grant_permissions(["local-network-access"])
    return server


def opened(visit: Visit, server: Server, options: str = "") -> Visit:
    """A page with a client of that server."""
    visit.open_blank(policy={"connect-src": f"'self' {server.url}"})
    visit.run(CLIENT.format(url=server.url, options=options))
    return visit


def proofs(visit: Visit) -> list[str]:
    return [request.headers["dpop"] for request in visit.requests if "dpop" in request.headers]


def test_a_key_that_nobody_can_read_proves_every_request_of_all_tabs(visit: Visit, bound: Server) -> None:
    """X3, T1: over expired nonces and a revoked token, across a reload and in a second tab."""
    visit.expect_console(REFUSED, times=1, at_most=40)
    visit.expect_console("status of 400", times=1, at_most=3)
    opened(visit, bound, "dpop=True, store='local'")
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    assert bound.errors("/auth/login") == [NONCE, ""]
    assert visit.run("await eight()") == [200] * 8
    bound.control(forget=1, revoke=1, rotate=1)
    assert visit.run("await eight()") == [200] * 8
    assert bound.errors("/auth/refresh") in ([""], [NONCE, ""])
    assert len(set(proofs(visit))) == len(proofs(visit)) > 20
    header = visit.requests_to("/api/notes")[-1].headers["authorization"]
    assert header.startswith("DPoP ")

    alone = "alone = connected(dpop=True, store='local', tabs=False, name='alone')\n"
    visit.run(f"{alone}await alone.sign_in(username='grace', password='hopper')")
    visit.page.reload()
    visit.blank_has_begun()
    visit.run(CLIENT.format(url=bound.url, options="dpop=True, store='local'"))
    bound.control(forget=1)
    assert visit.run("await api.resume()") is True
    assert visit.run(f"{alone}[await alone.resume(), alone.claims.get('sub')]") == [True, "grace"]
    assert visit.run("await eight()") == [200] * 8
    assert bound.errors("/auth/refresh") == [], "the token that was kept is good with the key that was kept"

    other = Visit(visit.context.new_page(), visit.server)
    other.allowed_origins, other.api = visit.allowed_origins, visit.api
    other.expect_console(REFUSED, times=1, at_most=16)
    other.expect_console("status of 400")
    opened(other, bound, "dpop=True, store='local'")
    assert other.run("await api.resume()") is True
    bound.control(forget=1, revoke=1)
    assert other.run("await eight()") == [200] * 8
    assert visit.run("await eight()") == [200] * 8
    assert bound.errors("/auth/refresh") == [NONCE, ""], "one for both, and the nonce is this tab's first"
    assert "invalid_dpop_proof" not in {error for _, _, error in bound.control()["asked"]}
    keys = """
from reissue.browser.database import found, opened as database_opened
from reissue.browser.page_key import DATABASE, KEYS, PageKey
pairs = await asyncio.gather(*(PageKey("together").public() for _ in range(5)))
async with database_opened(DATABASE, KEYS) as database:
    private = (await found(database, KEYS, "together")).privateKey
[len({key["x"] for key in pairs}), private.extractable]
"""
    assert visit.run(keys) == [1, False], "who opens together agrees on one, and nobody can read it"
    visit.run("await api.sign_out()")
    other.check()


def test_where_no_key_is_kept_the_page_has_one_of_its_own_and_says_so(visit: Visit, bound: Server) -> None:
    """T6"""
    visit.expect_console(REFUSED)
    visit.expect_console("status of 400")
    opened(visit, bound)
    visit.execute("""
var plain = indexedDB;
Object.defineProperty(globalThis, 'indexedDB', {value: {open() { return new EventTarget() }}, configurable: true});
""")
    visit.run("""
from reissue.browser import page_key
patience, page_key.PATIENCE = page_key.PATIENCE, 0.05
api = connected(dpop=True, store="local", name="waiting")
None
""")
    assert visit.run("await outcome(api.resume())") == "RefreshUnavailable", "T4: storage that never answers is told of"
    visit.execute("Object.defineProperty(globalThis, 'indexedDB', {value: plain, configurable: true})")
    visit.run("page_key.PATIENCE = patience")
    assert visit.run("await api.resume()") is False, "and asked again"

    forbidden = "{open() { throw new DOMException('', 'SecurityError') }}"
    visit.execute(f"Object.defineProperty(globalThis, 'indexedDB', {{value: {forbidden}}})")
    visit.run("""
api = connected(dpop=True, store="local", name="alone")
told = []
api.on(lambda event: told.append(event) if isinstance(event, reissue.StoreEvent) else None)
await api.sign_in(username="ada", password="lovelace")
await api.renew()
None
""")
    assert visit.run("(await outcome(api.fetch(URL + '/api/notes')), [event.phase.value for event in told])") == [
        200,
        ["unavailable"],
    ]
    kept = visit.run("[str(js.localStorage.key(n)) for n in range(js.localStorage.length)]")
    assert not [name for name in kept if name.endswith(" dpop")]


def test_every_client_proves_its_requests(visit: Visit, bound: Server) -> None:
    """X3: a nonce that is out of date costs each of them one repeat, and a revoked token one replay."""
    visit.expect_console(REFUSED, times=1, at_most=40)
    visit.expect_console("status of 400", times=1, at_most=20)
    visit.expect_console("Refused to set unsafe header|Can.t stream HTTP", times=0, at_most=60)
    opened(visit, bound, "dpop=True, step_up=step_up")
    visit.run("""
import inspect, pyodide_js
from pyodide.ffi import create_proxy
quiet = create_proxy(lambda *_: None)
await pyodide_js.loadPackage(["httpx2", "requests", "urllib3", "pyodide-http"], messageCallback=quiet)
import httpx2, pyodide_http, requests, urllib3
from reissue.adapters.httpx import ReissueAuth as HttpxAuth
from reissue.adapters.requests import ReissueAuth as RequestsAuth
from reissue.adapters.urllib import ReissueOpener
from reissue.adapters.urllib3 import ReissuePoolManager
pyodide_http.patch_urllib()
asynchronous, synchronous = httpx2.AsyncClient(auth=HttpxAuth(api)), httpx2.Client(auth=HttpxAuth(api))
clients = {
    "httpx2": lambda url: asynchronous.get(url),
    "httpx2, synchronous": lambda url: synchronous.get(url),
    "requests": lambda url: requests.get(url, auth=RequestsAuth(api)),
    "urllib3": lambda url: ReissuePoolManager(api, retries=False).request("GET", url),
    "urllib": lambda url: ReissueOpener(api).open(url),
}
async def asked(name, path):
    answer = clients[name](URL + path)
    answer = await answer if inspect.isawaitable(answer) else answer
    return getattr(answer, "status_code", None) or answer.status
await api.sign_in(username="ada", password="lovelace")
None
""")
    for name in visit.run("list(clients)"):
        bound.control(forget=1, revoke=1, rotate=1)
        assert visit.run(f"await asked({name!r}, '/api/notes')") == 200, name
        assert bound.errors("/api/notes") == [NONCE, "invalid_token", ""], name
    visit.run("api.install()")
    bound.control(forget=1, revoke=1, rotate=1)
    assert visit.evaluate(f"fetch('{bound.url}/api/notes', {{method: 'POST'}}).then(r => r.status)") == 200
    assert bound.errors("/api/notes") == [NONCE, "invalid_token", ""]
    visit.run("api.uninstall()")
    assert visit.run("await asked('httpx2', '/api/vault')") == 200
    assert visit.run("wanted") == [[["gold"], None]]
    assert "invalid_dpop_proof" not in {error for _, _, error in bound.control()["asked"]}


def test_a_stronger_sign_in_is_asked_for_once_or_told(visit: Visit, bound: Server) -> None:
    """RFC 9470, with a handler and without, from Python and from the page's JavaScript."""
    visit.expect_console(REFUSED, times=1, at_most=40)
    bound.control(bound=False)
    opened(visit, bound)
    visit.run("await api.sign_in(username='ada', password='lovelace')")
    assert visit.run("await eight('vault')") == ["StepUpRequired"] * 8
    visit.run("api.install()")
    told = f"fetch('{bound.url}/api/vault').then(r => [r.status, r.headers.get('www-authenticate')])"
    assert visit.evaluate(told) == [401, 'Bearer error="insufficient_user_authentication", acr_values="gold"']
    visit.run("api.uninstall()")
    assert bound.errors("/auth/refresh") == [], "the token is good"
    visit.run("""
api = connected(step_up=step_up, name="stronger")
await api.sign_in(username="ada", password="lovelace")
api.install()
None
""")
    assert visit.run("await eight('vault')") == [200] * 8
    assert visit.evaluate(told) == [200, None]
    assert visit.run("wanted") == [[["gold"], None]]
    assert visit.run("api.claims['acr']") == "gold"
    declining = """
async def decline(step):
    return None
api.uninstall()
api = connected(step_up=decline, name="declining")
await api.sign_in(username="ada", password="lovelace")
api.install()
None
"""
    visit.run(declining)
    told = f"fetch('{bound.url}/api/vault').catch(e => [e.name, [...e.acrValues], e.maxAge ?? null])"
    assert visit.evaluate(told) == ["StepUpRequired", ["gold"], None]
