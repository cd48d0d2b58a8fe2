"""What no client covers takes the native fetch, and Python hears nothing of it; nothing that is covered slips by."""

from __future__ import annotations

import json
import random
import re
from functools import partial

import pytest
from playwright.sync_api import Route

from tests.browser.kept import Opening, opened
from tests.browser.test_clients import BLOB, MODULE
from tests.browser.visit import REFUSED, Visit
from tests.documents import AS_A_GATE, AS_A_LINE, run_by
from tests.live_server import ROOT

CONNECT = """
import js, pyodide_js, reissue, sys
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), tabs=False)
await api.sign_in(username="ada", password="lovelace")
api.install()
entered = []

def note(frame, event, argument):
    if event == "call" and frame.f_globals.get("__name__", "").startswith("reissue"):
        entered.append(frame.f_code.co_qualname)

async def fetched(url):
    \"\"\"The status, and what of ours ran within the call.\"\"\"
    entered.clear()
    sys.setprofile(note)
    try:
        promise = js.fetch(url)
    finally:
        sys.setprofile(None)
    return [(await promise).status, entered.copy()]

origin = js.location.origin
None
"""
PYTHONS_OWN = ["Gate._called_by_javascript", "Gate._entry"]
OUTSIDE = ["/app/icon.svg", "/dev/counters", "/?next=/api/", "/#/api/", "/ap", "/api/../dev/counters", "/API/me"]
PLACES = {
    "PyScript": ("blank.html", {}),
    "Pyodide": ("plain.html", {}),
    "a module worker": ("worker.html", MODULE),
    "a PyScript worker": ("pyscript_worker.html", BLOB),
}


def without_the_script(visit: Visit) -> None:
    """As a page with a Pyodide of its own, which knows nothing of gate.js, or of wire.js."""
    visit.alter("py/shim.mjs", lambda text: re.sub(r"pyodide\.registerJsModule\(.*\);", "", text))


WITHOUT_THE_SCRIPT = Opening(before=without_the_script)


def served(visit: Visit) -> None:
    """The scripts, where docs/clients.md has them."""
    for name in ("gate.js", "xhr_gate.js", "xhr_call.js", "wire.js"):
        script = (ROOT / "app" / "reissue" / "browser" / name).read_text()
        visit.context.route(f"{visit.server.url}{name}", partial(fulfil, script))


def fulfil(script: str, route: Route) -> None:
    route.fulfill(body=script, content_type=JS)


def uses_them(visit: Visit) -> bool:
    used = "[transport._wire is not None, xhr_gate._script is not None]"
    return bool(visit.run(f"from reissue.browser import transport, xhr_gate\nall({used})"))


@pytest.mark.parametrize(
    "place", ["PyScript", "Pyodide", pytest.param("a module worker", marks=pytest.mark.firefox), "a PyScript worker"]
)
def test_python_is_not_entered_for_what_is_outside_the_audience(visit: Visit, place: str) -> None:
    """Called by Python itself, and so in a place where nobody else can call, in a worker, too."""
    page, policy = PLACES[place]
    visit.expect_console("Unable to use `window` or `document` in worker", times=0, at_most=1)
    visit.expect_console("status of 404", times=0, at_most=2)
    visit.open_blank(page, policy=policy).run(CONNECT)
    for path in OUTSIDE:
        assert visit.run(f"await fetched(origin + {path!r})") == [404 if path in ("/ap", "/API/me") else 200, []], path
    status, entered = visit.run("await fetched(origin + '/api/me')")
    assert status == 200
    assert entered[:2] == PYTHONS_OWN, "who is inside is seen to enter"


@opened(WITHOUT_THE_SCRIPT)
def test_without_the_script_python_decides(kept: Visit) -> None:
    kept.run(CONNECT)
    assert kept.run("await fetched(origin + '/dev/counters')") == [
        200,
        [*PYTHONS_OWN, "js_url", "InstalledClients.client_for"],
    ]


SIGNED_IN_BY_XHR = """
import asyncio, js
call = js.XMLHttpRequest.new()
answered = asyncio.get_running_loop().create_future()
call.onloadend = lambda _: answered.set_result(call.status)
call.open("GET", origin + "/api/me")
call.send()
await answered
"""


@pytest.mark.firefox
@pytest.mark.parametrize("allowed", [True, False])
def test_a_worker_takes_the_scripts_from_the_wheel_where_nobody_registers_them(visit: Visit, allowed: bool) -> None:
    """As in a notebook's kernel. Where the policy forbids `eval`, it does without."""
    without_the_script(visit)
    visit.expect_console("status of 401", times=0 if allowed else 1)
    visit.open_blank("worker.html", policy={**MODULE, **({"script-src": "* 'unsafe-eval'"} if allowed else {})})
    visit.run(CONNECT)
    assert uses_them(visit) is allowed
    assert visit.run(SIGNED_IN_BY_XHR) == (200 if allowed else 401)


JS = "text/javascript; charset=utf-8"


@pytest.mark.parametrize("place", ["PyScript", "a PyScript worker"])
def test_pyscripts_js_modules_bring_the_scripts_as_well(visit: Visit, place: str) -> None:
    """As docs/clients.md says for an interpreter that isn't ours."""
    without_the_script(visit)
    (block,) = run_by(AS_A_GATE)
    settings = block.code
    visit.alter("pyscript.toml", lambda text: text + settings)
    served(visit)
    visit.expect_console("Unable to use `window` or `document` in worker", times=0, at_most=1)
    page, policy = PLACES[place]
    visit.open_blank(page, policy=policy).run(CONNECT)
    assert visit.run("await fetched(origin + '/dev/counters')") == [200, []]
    assert uses_them(visit)


def test_three_lines_bring_the_scripts_to_a_pyodide_of_ones_own(visit: Visit) -> None:
    """As docs/clients.md says."""
    without_the_script(visit)
    served(visit)
    visit.open_blank("plain.html").run("import js, pyodide_js\njs.window.pyodide = pyodide_js")
    (block,) = run_by(AS_A_LINE)
    visit.evaluate(f"(async () => {{ {block.code} }})()")
    visit.run(CONNECT)
    assert visit.run("await fetched(origin + '/dev/counters')") == [200, []]
    assert uses_them(visit)


DECIDE = """
from contextlib import suppress
import js, pyodide_js, reissue_gate
from pyodide.ffi import JsException, create_proxy, to_js
from reissue.browser.urls import parse_page_url
from reissue.http.urls import Audience

audience = Audience(AUDIENCE, parse=parse_page_url)
asked = []
ask = create_proxy(lambda native, this, arguments: asked.append(1))
handler = reissue_gate.handler(ask, pyodide_js)
handler.roots = to_js(sorted(audience.roots))

def covered(text):
    try:
        return audience.covers(parse_page_url(text))
    except ValueError:
        return False

def is_asked(resource):
    asked.clear()
    handler.apply(js.Object, None, js.Array.of(resource))
    return bool(asked)

def decided(text):
    yield is_asked(text)
    with suppress(JsException):
        yield is_asked(js.URL.new(text, js.document.baseURI))
        yield is_asked(js.Request.new(text))

seen = {}
slipped = []
for text in TEXTS:
    decisions = list(decided(text))
    inside = covered(text)
    if inside and not all(decisions):
        slipped.append(text)
    key = ("inside" if inside else "outside") + (" asked" if decisions[0] else " not asked")
    seen[key] = seen.get(key, 0) + 1
ask.destroy()
[slipped, seen]
"""
PIECES = [
    *[
        "/",
        "//",
        "\\",
        "api",
        "API",
        "apix",
        "v1",
        "%61pi",
        "ap%69",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        "%2f",
        "%5c",
        "%",
        "%00",
    ],
    *[
        " ",
        "\t",
        "\n",
        "\r",
        "\0",
        "\x1f",
        "?",
        "#",
        "@",
        ":",
        ";",
        "a@",
        "ada:pw@",
        "notes",
        "é",
        "ａｐｉ",
        "\ud83d\ude00",
    ],
    *["http:", "https:", "HTTP:", "http://", "hTTp:\\\\", "blob:", "data:", "file:", "javascript:", "ws:", "[::1]"],
    *[
        "ORIGIN",
        "HOST",
        "ORIGIN/api",
        "ORIGIN/api/",
        "ORIGIN\\api\\",
        "//HOST/api/",
        "http:api/",
        "http:/api/",
        "ORIGIN.",
    ],
    *[
        "other.test",
        "http://other.test/",
        "http://other.test\\@HOST/api/",
        "http://HOST\\@other.test/api/",
        "HOST.other.test",
    ],
]


@pytest.mark.parametrize(
    "audience",
    [pytest.param("/api/", marks=pytest.mark.firefox), "/", ["/api/v1", "http://other.test/api"], "/a/%2e%2e/api//v1/"],
)
def test_nothing_that_is_covered_is_decided_in_javascript(kept: Visit, audience: str | list[str]) -> None:
    """X1: of thousands of URLs that were put together by chance, as text, URL and Request, on pages of any address."""
    chance = random.Random(str(audience))
    home, origin, host = (
        kept.evaluate("location.pathname"),
        kept.server.origin,
        kept.server.origin.removeprefix("http://"),
    )
    texts = ["".join(chance.choices(PIECES, k=chance.randint(1, 6))) for _ in range(3000)]
    starts = ["/api/", "/api", "ORIGIN/api/v1/", "http:v1/", "/api//v1/"]  # more that is inside
    texts += [chance.choice(starts) + "".join(chance.choices(PIECES[:17], k=chance.randint(0, 4))) for _ in range(1000)]
    texts = [text.replace("ORIGIN", origin).replace("HOST", host) for text in texts]
    for address in ("/api/deep/page", "/elsewhere/page"):
        kept.evaluate(f"history.replaceState(null, '', {json.dumps(address)})")
        source = f"AUDIENCE = {audience!r}\nTEXTS = {texts!r}\n"
        slipped, seen = kept.run(source + DECIDE)
        assert slipped == []
        assert seen["inside asked"] > 50, seen
        assert seen["outside not asked"] > 50, seen
    kept.evaluate(f"history.replaceState(null, '', {json.dumps(home)})")


def test_what_is_no_text_url_or_request_goes_to_python(kept: Visit) -> None:
    """A Request may hide its address behind a property of its own, and an object may have a text or a `url`."""
    kept.run(CONNECT)
    kept.expect_console(REFUSED, times=0, at_most=10)
    statuses = kept.evaluate(
        """
        (async () => {
            const hidden = new Request("/api/me"), url = new URL("/dev/counters", location);
            Object.defineProperty(hidden, "url", {value: location.origin + "/dev/counters"});
            url.toString = () => "/api/me";
            const asked = [{toString: () => "/api/me"}, url, document.createElement("iframe")];
            document.body.append(asked[2]);
            asked[2] = new asked[2].contentWindow.Request(location.origin + "/api/me");
            return Promise.all(asked.map(async resource => (await fetch(resource)).status));
        })()
        """
    )
    assert statuses == [200] * 3


# Not by an access out of bounds: that relies on a signal, and Chromium now and then takes it for a crash of the page.
DIE = """
import os
from pyodide.ffi import create_proxy
js.window.die = create_proxy(os.abort)
"""


@pytest.mark.parametrize("place", ["PyScript", pytest.param("Pyodide", marks=pytest.mark.firefox)])
def test_when_python_has_died_the_page_still_has_its_fetch(visit: Visit, place: str) -> None:
    visit.open_blank(PLACES[place][0]).run(CONNECT)
    visit.run(DIE)
    visit.reset_counters()
    visit.expect_console(".*", times=1, at_most=1000)  # Pyodide tells at length
    describe = "error => [error instanceof Error, error.name, error.message, error.cause.message]"
    died, outside, inside = visit.evaluate(
        f"""
        (async () => {{
            let died;
            try {{ window.die(); }} catch (error) {{ died = error.name; }}
            const outside = await Promise.all({OUTSIDE[:4]}.map(async path => (await fetch(path)).status));
            const inside = [];
            for (let n = 0; n < 2; n++) inside.push(await fetch("/api/me").catch({describe}));
            return [died, outside, inside];
        }})()
        """
    )
    assert died == "RuntimeError", "of WebAssembly"
    assert outside == [200] * 4
    told = "Pyodide already fatally failed and can no longer be used."
    assert inside == [[True, "PythonFailed", "Python failed to send this request: load the page again.", told]] * 2
    assert visit.server.counters()["api_requests"] == 0, "a 401 would look like the end of the session"
