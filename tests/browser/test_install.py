"""An installed client serves everybody who fetches on the page, and leaves no trace when it goes."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Route

from tests.browser.kept import Opening, opened
from tests.browser.test_gate import WITHOUT_THE_SCRIPT
from tests.browser.visit import REFUSED, Visit

CONNECT = """
import asyncio, js, pyodide.http, pyscript, reissue
from pyodide.http import pyfetch
from pyodide.ffi import to_js
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
await api.sign_in(username="ada", password="lovelace")
original = js.fetch
js.window.original = original

def options(**fields):
    return to_js(fields, dict_converter=js.Object.fromEntries)
None
"""


@pytest.fixture
def python(kept: Visit) -> Visit:
    kept.run(CONNECT)
    kept.reset_counters()
    return kept


@pytest.fixture
def installed(python: Visit) -> Visit:
    python.run("api.install()")
    return python


GATES = ["gate.js", "Python alone"]
both_gates = opened(Opening(), WITHOUT_THE_SCRIPT, ids=GATES)
both_gates_one_in_firefox = opened(Opening(), WITHOUT_THE_SCRIPT, ids=GATES, in_firefox=Opening())


def javascript(visit: Visit, body: str) -> Any:
    """The value of a JavaScript function's body, which may await."""
    return visit.evaluate(f"(async () => {{ {body} }})()")


CALLERS = {
    "pyfetch": ("python", "(await pyfetch('/api/echo?n=' + str(n))).status"),
    "pyfetch by its module": ("python", "(await pyodide.http.pyfetch(f'/api/echo?n={n}')).status"),
    "pyscript.fetch": ("python", "(await pyscript.fetch(f'/api/echo?n={n}')).status"),
    "js.fetch": ("python", "(await js.fetch(f'/api/echo?n={n}', options(cache='no-store'))).status"),
    "js.window.fetch": ("python", "(await js.window.fetch(f'/api/echo?n={n}')).status"),
    "JavaScript, a path": ("javascript", "fetch('/api/echo?n=' + n)"),
    "JavaScript, a URL": ("javascript", "fetch(new URL('/api/echo?n=' + n, location.href))"),
    "JavaScript, a Request": ("javascript", "fetch(new Request('/api/echo?n=' + n, {method: 'POST', body: 'x'}))"),
    "JavaScript, a function kept": ("javascript", "kept('/api/echo?n=' + n, {method: 'POST', body: 'x'})"),
}


@both_gates_one_in_firefox
def test_whoever_fetches_waits_for_the_one_refresh_and_is_answered(installed: Visit) -> None:
    """Q1: eight at once of every kind of caller, none of whom knows of tokens."""
    installed.expect_console(REFUSED, times=8 * len(CALLERS))
    for caller, (language, call) in CALLERS.items():
        installed.server.control("/dev/revoke")
        installed.reset_counters()
        if language == "python":
            calls = f"async def call(n):\n    return {call}\n"
            statuses = installed.run(calls + "list(await asyncio.gather(*map(call, range(8))))")
        else:
            statuses = javascript(
                installed,
                f"""
                const kept = fetch.bind(window), calls = [...Array(8).keys()].map(n => {call});
                return (await Promise.all(calls)).map(response => response.status);
                """,
            )
        assert statuses == [200] * 8, caller
        counters = installed.server.counters()
        assert (counters["refreshes_asked"], counters["api_requests"]) == (1, 16), caller


@pytest.mark.firefox
def test_javascript_gets_what_it_gets_from_fetch(installed: Visit) -> None:
    assert javascript(
        installed,
        """
        const promise = fetch("/api/upload", {method: "POST", body: "häß"});
        const response = await promise, copy = response.clone(), reader = response.body.getReader();
        let size = 0;
        for (let part = await reader.read(); !part.done; part = await reader.read()) size += part.value.length;
        return [
            typeof fetch, fetch.name, fetch.length, promise instanceof Promise, response instanceof Response,
            response.type, response.url, (await copy.json()).size, size > 0,
            fetch.call(null, "/dev/counters") instanceof Promise,
        ];
        """,
    ) == ["function", "fetch", 1, True, True, "basic", f"{installed.server.url}api/upload", 5, True, True]


@both_gates
def test_a_request_that_nobody_covers_is_the_native_fetchs(installed: Visit) -> None:
    """X1, X2: no token, and the very promise that the native fetch gives."""
    assert (
        javascript(
            installed,
            """
        const seen = [], answered = [
            "/dev/counters", "/apix/notes", "/api/../dev/counters", new Request("/dev/counters", {method: "HEAD"}),
            new URL("/dev/counters", location.href), {toString: () => "/dev/counters"}
        ];
        for (const resource of answered) seen.push((await fetch(resource)).status);
        for (const mistaken of [[], ["http://"], ["/api/me", {method: "no method"}], ["/api/me", {body: "in a GET"}]]) {
            const [ours, native] = await Promise.all([fetch, original].map(f => f(...mistaken).catch(error => error)));
            seen.push(ours instanceof TypeError && ours.message === native.message);
        }
        return seen;
        """,
        )
        == [200, 404, 200, 200, 200, 200] + [True] * 4
    )
    installed.expect_console("status of 404")
    assert [r.url for r in installed.requests if "authorization" in r.headers] == []


@both_gates
def test_a_url_that_is_an_object_of_pythons_is_read_as_fetch_reads_it(installed: Visit) -> None:
    """X5: httpx2 gives fetch URLs of its own kind. Their proxies are the caller's: Pyodide dies if they are lost."""
    installed.run("""
class Text:
    def __init__(self, text):
        self.toString = self.__str__ = lambda: js.location.origin + text
    def __str__(self):
        return self.toString()
None
""")
    ask = "[(await js.fetch(Text(path))).status for path in ('/api/me', '/blank.html', '/api/me')]"
    assert installed.run(ask) == [200, 200, 200]
    assert ["authorization" in request.headers for request in installed.requests[-3:]] == [True, False, True]


def test_a_request_with_an_authorization_of_its_own_goes_out_untouched(installed: Visit) -> None:
    installed.expect_console(REFUSED, times=4)
    assert (
        javascript(
            installed,
            """
        const own = {headers: {authorization: "Basic YTpi"}};
        const given = new Request("/api/me", own), listed = {headers: new Headers(own.headers)};
        const asked = [["/api/me", own], [given], ["/api/me", listed]];
        const opaque = await fetch("/api/me", {mode: "no-cors"}); // a browser drops Authorization in this mode
        return [...(await Promise.all(asked.map(a => fetch(...a)))).map(r => r.status), opaque.status];
        """,
        )
        == [401] * 4
    )
    assert installed.server.counters()["refreshes_asked"] == 0
    assert [r.headers.get("authorization") for r in installed.requests_to("/api/me")].count("Basic YTpi") == 3


BODIES = {
    "text": "'häß'",
    "bytes": "new Uint8Array(1000).fill(255)",
    "a Blob": "new Blob(['one', 'two'])",
    "a form": "form()",
    "search parameters": "new URLSearchParams({text: 'häß'})",
}


@pytest.mark.firefox
def test_bodies_of_every_kind_are_replayed_whole(installed: Visit) -> None:
    """Q8, Q9: given to fetch, and given to a Request."""
    javascript(installed, "await fetch('/api/me')")  # the token is known to be good: all are sent with it
    installed.server.control("/dev/revoke")
    installed.expect_console(REFUSED, times=2 * len(BODIES))
    sent = javascript(
        installed,
        f"""
        const form = () => {{
            const form = new FormData();
            form.append("file", new Blob(["content"]), "file.txt");
            return form;
        }};
        const send = async (given, body) => {{
            const init = {{method: "POST", body, headers: {{"X-Kept": "kept"}}}};
            const response = await (given ? fetch(new Request("/api/upload", init)) : fetch("/api/upload", init));
            const {{type, ...rest}} = await response.json();
            return [response.status, JSON.stringify(rest)];
        }};
        const bodies = [{", ".join(BODIES.values())}], twice = [...bodies, ...bodies];
        const replayed = await Promise.all(twice.map((body, n) => send(n < bodies.length, body)));
        const fresh = await Promise.all(twice.map((body, n) => send(n < bodies.length, body)));
        return [replayed, fresh];
        """,
    )
    assert sent[0] == sent[1]
    assert {status for status, _ in sent[0]} == {200}
    assert installed.server.counters()["refreshes_asked"] == 1


ERROR = "error => [error.constructor.name, error.name, error.message]"


@pytest.mark.firefox
def test_javascript_gets_fetchs_own_errors(installed: Visit) -> None:
    """No answer is a TypeError; an abort gives the signal's reason, before the call, in the queue and on the wire."""
    installed.server.fault("/api/me", "drop", times=2)
    installed.expect_console("net::ERR_", times=2)
    ours, native = javascript(
        installed, f"return [await fetch('/api/me').catch({ERROR}), await original('/api/me').catch({ERROR})]"
    )
    assert ours == native == ["TypeError", "TypeError", ours[2]]
    installed.server.control("/dev/revoke")
    installed.server.fault("/auth/refresh", "hold")
    installed.expect_console(REFUSED, times=2)
    javascript(
        installed,
        """
        window.controllers = [1, 2, 3].map(() => new AbortController());
        const ask = controller => fetch("/api/echo", {signal: controller.signal}).catch(error => error);
        controllers[2].abort();
        window.queued = controllers.map(ask);
        """,
    )
    installed.server.wait_until_held()
    assert javascript(
        installed,
        f"""
        controllers[0].abort();
        controllers[1].abort("a reason");
        const [plain, reason, before] = await Promise.all(queued);
        return [({ERROR})(plain).slice(0, 2), reason, plain.code === DOMException.ABORT_ERR, before.name];
        """,
    ) == [["DOMException", "AbortError"], "a reason", True, "AbortError"]
    installed.server.release()
    assert installed.run("await api.renew()\napi.state.value") == "signed_in"
    installed.server.fault("/api/echo", "hold")
    javascript(installed, "window.wire = new AbortController()")
    javascript(
        installed, "window.late = fetch('/api/echo', {signal: wire.signal}).catch(error => error.name); return 1"
    )
    installed.server.wait_until_held()
    assert javascript(installed, "wire.abort(); return late") == "AbortError"
    installed.server.release()


@pytest.mark.firefox
def test_the_librarys_own_errors_have_their_names_in_javascript_and_their_types_in_python(installed: Visit) -> None:
    describe = "error => [error instanceof Error, error.name, error.reason ?? error.retryAfter > 0]"
    installed.expect_console(REFUSED, times=3)
    installed.server.fault("/auth/refresh", "status", status=401)
    installed.server.control("/dev/revoke")
    assert javascript(installed, f"return fetch('/api/me').catch({describe})") == [True, "SessionEnded", "refused"]
    installed.run("await api.sign_in(username='ada', password='lovelace')")
    installed.server.fault("/auth/refresh", "status", status=503, retry_after="60")
    installed.server.control("/dev/revoke")
    installed.expect_console("status of 503")
    assert javascript(installed, f"return fetch('/api/me').catch({describe})") == [True, "RefreshUnavailable", True]
    assert (
        installed.run("""
async def outcome(call):
    try:
        await call
    except Exception as error:
        return type(error).__name__
await outcome(pyfetch("/api/me"))
""")
        == "RefreshUnavailable"
    )


def test_while_nobody_is_signed_in_requests_go_out_as_they_are(installed: Visit) -> None:
    """After a sign-out, and after the answer that a resume waited for (Q18)."""
    installed.run("await api.sign_out()")
    installed.expect_console(REFUSED, times=2)
    assert javascript(installed, "return (await fetch('/api/me')).status") == 401
    installed.server.fault("/auth/refresh", "hold")
    installed.run("resuming = asyncio.create_task(api.resume())\nNone")
    installed.server.wait_until_held()
    javascript(installed, "window.waiting = fetch('/api/me').then(response => response.status)")
    assert installed.server.counters()["api_requests"] == 1
    installed.server.release()
    assert installed.run("await resuming") is False
    assert javascript(installed, "return waiting") == 401


@both_gates_one_in_firefox
def test_fetch_is_what_it_was_when_the_last_client_has_gone(python: Visit) -> None:
    """Nested, repeated, and two clients in either order; undone once too often, and by `close()`."""
    python.run("""
import gc
other = reissue.connect("/dev/", endpoint=reissue.Endpoint("/auth"))
at_first = pyodide.http._pyfetch._jsfetch
def as_it_was():
    return js.fetch == original and pyodide.http._pyfetch._jsfetch is at_first
None
""")
    assert python.run("""
seen = [as_it_was()]
with api.installed():
    with api.installed():
        seen.append(as_it_was())
    seen.append(as_it_was())
seen.append(as_it_was())
api.uninstall()
for first, second in ((api, other), (other, api)):
    api.install(), other.install(), api.install()
    first.uninstall(), second.uninstall(), api.uninstall()
    seen.append(as_it_was())
api.install(), other.install(), api.install()
await api.close()
seen.append(as_it_was())
await other.close()
seen.append(as_it_was())
seen
""") == [True, False, False, True, True, True, False, True]


def test_each_of_two_clients_serves_its_own_audience(installed: Visit) -> None:
    installed.run("""
narrow = reissue.connect("/api/me", endpoint=reissue.Endpoint("/auth"), tabs=False)
await narrow.adopt("narrow.token.of-its-own")
narrow.install()
""")
    installed.expect_console(REFUSED, times=1)
    assert installed.run("[(await pyfetch('/api/echo')).status, (await pyfetch('/api/me')).status]") == [200, 200]
    sent = [r.headers["authorization"] for r in installed.requests_to("/api/me")]
    assert sent[0] == "Bearer narrow.token.of-its-own"
    assert not any(r.headers["authorization"] == sent[0] for r in installed.requests_to("/api/echo"))
    installed.run("narrow.uninstall()")
    assert installed.run("(await pyfetch('/api/me')).status") == 200


@both_gates
def test_whoever_has_kept_or_wrapped_the_fetch_of_an_installed_client_still_has_one_afterwards(python: Visit) -> None:
    python.run("api.install()")
    javascript(python, "window.kept = fetch; window.fetch = (...asked) => kept(...asked)")
    python.run("api.uninstall()")
    python.expect_console(REFUSED, times=2)
    assert javascript(python, "return [(await fetch('/api/me')).status, (await kept('/api/me')).status]") == [401, 401]
    python.run("api.install()")
    assert javascript(python, "return (await fetch('/api/me')).status") == 200
    python.run("api.uninstall()")
    assert javascript(python, "return (await kept('/dev/counters')).status") == 200
    python.execute("window.fetch = original")


@pytest.mark.new_page
@both_gates
def test_a_thousand_rounds_leave_no_proxy_behind(python: Visit) -> None:
    """X5: of installs, of requests that are answered at once, and of requests that a script has aborted."""
    python.run("""
from pyodide_js import _module
_module.enable_pyproxy_allocation_tracing()
async def round():
    with api.installed():
        (await js.fetch("/api/me")).body
        stopped = js.AbortController.new()
        stopped.abort()
        try:
            await js.fetch("/api/me", signal=stopped.signal)
        except Exception:
            pass
await round()
await asyncio.sleep(0)
before = _module.pyproxy_alloc_map.size
for _ in range(100):
    await round()
for _ in range(900):
    with api.installed():
        pass
    client = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
    client.install()
    await client.close()
await asyncio.sleep(0)
None
""")
    assert python.run("_module.pyproxy_alloc_map.size - before") == 0


@pytest.mark.firefox
def test_with_a_fresh_token_a_request_leaves_within_the_call(installed: Visit) -> None:
    """As with fetch: a page that is being left has no later turn to send in. It goes to another of the same origin:
    to one that it puts into another process, Firefox gives it hardly a turn at all.
    """
    javascript(
        installed,
        "addEventListener('pagehide', () => fetch('/api/echo', {method: 'POST', body: 'last words', keepalive: true}))",
    )
    installed.server.fault("/api/echo", "hold")
    installed.page.goto(f"{installed.server.url}app/icon.svg")
    installed.server.wait_until_held()
    installed.server.release()
    counters = installed.server.counters()
    assert (counters["api_requests"], counters["api_401s"]) == (1, 0)


@pytest.mark.firefox
def test_a_request_that_is_to_outlive_its_page_is_sent_so(python: Visit) -> None:
    """Firefox 153 forgets `keepalive` when a Request is made of a Request."""
    javascript(
        python,
        """
        window.outliving = [];
        window.fetch = (resource, init) => {
            outliving.push(new Request(resource, init).keepalive);
            return original(resource, init);
        };
        """,
    )
    python.run("api.install()")
    asked = "'/api/echo', {keepalive: true}"
    javascript(python, f"await fetch({asked}); await fetch(new Request({asked})); await fetch('/api/echo')")
    assert python.evaluate("outliving") == [True, True, False]
    python.run("api.uninstall()")
    python.execute("window.fetch = original")


def test_an_endpoint_may_fetch_from_the_very_audience(python: Visit) -> None:
    """Q3: it would wait for itself, so it gets the native fetch."""
    assert (
        python.run("""
async def refresh(credential):
    asked = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": "{}"}
    answer = await (await pyfetch("/auth/refresh", **asked)).json()
    (await pyfetch("/api/me", method="HEAD")).status
    (await js.fetch("/api/me", method="HEAD")).status
    return reissue.Credential(access_token=answer["access_token"])
narrow = reissue.connect("/", endpoint=refresh)
await narrow.adopt("stale.token.that-is", expires_in=0)
with narrow.installed():
    status = (await pyfetch("/api/me")).status
status
""")
        == 200
    )
    python.expect_console(REFUSED, times=0, at_most=2)


def test_the_clients_own_headers_and_its_tokens_place_hold_for_everybody_who_fetches(python: Visit) -> None:
    """X4: read anew at the replay. X1: a browser drops no field but Authorization when a redirect leaves the origin."""
    python.run("""
csrf = 0
def headers():
    global csrf
    csrf += 1
    return {"X-CSRFToken": str(csrf)}
other = reissue.connect("/api/other/", endpoint=reissue.Endpoint("/auth"), name="other", headers=headers,
                        header="X-Auth-Token", scheme="JWT")
await other.sign_in(username="ada", password="lovelace")
other.install()
None
""")
    seen: list[dict[str, str]] = []
    redirects = []

    def answer(route: Route) -> None:
        seen.append(route.request.headers)
        if "moved" in route.request.url:
            redirects.append(route.request.url)
            route.fulfill(status=307, headers={"Location": "https://elsewhere.test/"})
        else:
            route.fulfill(status=401 if len(seen) == 1 else 200, json={})

    python.context.route("**/api/other/**", answer)
    python.expect_console(REFUSED, times=1)
    statuses = javascript(
        python,
        """
        const headers = {"X-CSRFToken": "stale", "Authorization": "Basic gateway"};
        const own = {headers: {"x-auth-token": "own"}};
        const answers = [await fetch("/api/other/a", {headers}), await fetch("/api/other/b", own)];
        return answers.map(answer => answer.status);
        """,
    )
    assert statuses == [200, 200]
    refused, replayed, own = seen
    assert [fields.get("x-csrftoken") for fields in seen] == ["1", "2", None], "anew, and in the stale one's place"
    for fields in (refused, replayed):
        assert fields["x-auth-token"].startswith("JWT eyJ")
        assert fields["authorization"] == "Basic gateway"
    assert refused["x-auth-token"] != replayed["x-auth-token"]
    assert own["x-auth-token"] == "own", "it has a token of its own, and is passed on as it is"
    python.expect_console("net::ERR_|307", times=0, at_most=2)
    assert (
        javascript(python, "return fetch('/api/other/moved').then(() => 'followed', error => error.name)")
        == "TypeError"
    )
    assert len(redirects) == 1
    python.run("other.uninstall()\nawait other.sign_out()")
