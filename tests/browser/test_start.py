"""Before Python speaks, and when it can't."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.visit import REFUSED, Visit


@pytest.mark.firefox
def test_a_first_visit_shows_the_form_and_no_red_line(visit: Visit) -> None:
    visit.page.emulate_media(reduced_motion="no-preference")
    visit.open()
    assert visit.evaluate("document.getAnimations().some(one => one.playState === 'running')"), "the picture moves"
    expect(visit["#entrance"]).to_be_visible()
    expect(visit["#startup"]).to_be_hidden()
    expect(visit.page).to_have_title(re.compile("reissue"))
    counters = visit.server.counters()
    assert counters["refreshes_without_cookie"] == 1
    assert counters["api_requests"] == 0


def test_the_page_explains_itself_and_shows_progress_before_python_runs(visit: Visit) -> None:
    held: list[Route] = []
    visit.page.route("**/*.wasm", lambda route: held.append(route))
    with visit.page.expect_request("**/*.wasm"):
        visit.page.goto(visit.server.url)
    expect(visit["h1"]).to_be_visible()
    expect(visit["#startup-stage"]).to_contain_text("Downloading Python")
    expect(visit["#startup-progress"]).to_have_attribute("value", "2")
    held[0].continue_()
    expect(visit["#entrance"]).to_be_visible()


FRAMES = "new Promise(done => { let n = 60; const next = () => n-- ? requestAnimationFrame(next) : done(); next(); })"


@pytest.mark.firefox
def test_python_is_on_the_line_before_pyscript_has_come(visit: Visit) -> None:
    pyscript = re.compile(r"/pyscript/core-")
    visit.page.route(pyscript, lambda route: None)  # held
    with visit.page.expect_request("**/*.wasm"):
        visit.page.goto(visit.server.url, wait_until="commit")
    visit.page.unroute(pyscript)  # lets go what is held
    expect(visit["#entrance"]).to_be_visible()
    asked = [request.url.rpartition("/")[2] for request in visit.requests]
    for name in ("shim.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"):
        assert asked.count(name) == 1, name


def test_the_stages_come_in_their_order_though_python_arrives_before_pyscript(visit: Visit) -> None:
    pyscript = re.compile(r"/pyscript/core-")
    visit.page.route(pyscript, lambda route: None)  # held
    with (
        visit.page.expect_request_finished(lambda request: request.url.endswith(".wasm")),
        visit.page.expect_request_finished(lambda request: request.url.endswith("python_stdlib.zip")),
    ):
        visit.page.goto(visit.server.url, wait_until="commit")
    visit.page.evaluate(FRAMES)
    expect(visit["#startup-progress"]).to_have_attribute("value", "1")
    visit.page.unroute(pyscript)  # lets go what is held
    expect(visit["#entrance"]).to_be_visible()


@pytest.mark.firefox
def test_the_packages_do_not_delay_the_interpreter(visit: Visit) -> None:
    held: list[Route] = []
    visit.page.route("**/*.wasm", lambda route: held.append(route))
    visit.alter("py/shim.mjs", lambda text: text.replace("known();\n", "known(); document.body.id = 'known';\n"))
    visit.page.goto(visit.server.url, wait_until="commit")
    expect(visit["body#known"]).to_be_attached()
    visit.page.evaluate(FRAMES)  # if it asked for packages, it would have by now
    asked = len(visit.requests)
    held[0].continue_()
    expect(visit["#entrance"]).to_be_visible()
    wheels = [place for place, request in enumerate(visit.requests) if request.url.endswith(".whl")]
    assert len(wheels) == 3
    assert min(wheels) >= asked


@pytest.mark.parametrize(
    "without",
    [
        "delete globalThis.PerformanceObserver",
        "PerformanceObserver.prototype.observe = () => { throw new TypeError('switched off') }",
    ],
)
def test_python_starts_where_the_browser_does_not_tell_what_has_arrived(visit: Visit, without: str) -> None:
    """As settings and extensions for privacy switch it off."""
    visit.page.add_init_script(without)
    visit.open_blank()
    assert visit.run("import reissue\nreissue.__file__") == "/lib/wheels/reissue.whl/reissue/__init__.pyc"


NEVER_TOLD = """
globalThis.observing = new Set();
PerformanceObserver.prototype.observe = function () { observing.add(this); };
PerformanceObserver.prototype.disconnect = function () { observing.delete(this); };
"""


def test_once_python_has_started_no_request_of_the_page_is_watched(visit: Visit) -> None:
    """Where the timings of Python's files were cleared, they are never told."""
    visit.page.add_init_script(NEVER_TOLD)
    visit.open_blank()
    assert visit.evaluate("observing.size") == 0


ONE_NAME = """async () => {
    const {loadPyodide} = await import("/py/shim.mjs");
    const python = await loadPyodide({packages: "pyjwt"});
    return Object.keys(python.loadedPackages);
}"""


def test_whoever_asks_for_the_early_python_may_name_one_package_as_text(visit: Visit) -> None:
    """As Pyodide allows it."""
    visit.page.route(re.compile(r"/pyscript/core"), lambda route: None)  # PyScript doesn't come, and asks for nothing
    expect(visit.begin_blank()["script[type=py]"]).to_be_attached()
    assert "pyjwt" in visit.page.evaluate(ONE_NAME)


WHEELS = """
import importlib.metadata, jwt, reissue
[*(module.__file__.split(".whl/")[0] for module in (jwt, reissue)), importlib.metadata.version("reissue")]
"""


def test_the_library_is_imported_from_its_wheel_without_unpacking_it(kept: Visit) -> None:
    assert kept.run(WHEELS) == ["/lib/wheels/pyjwt", "/lib/wheels/reissue", "1.0.0"]


FILES = """
import importlib, reissue
from importlib.resources import files
def first_line(package, path):
    return files(package).joinpath(path).read_text().partition("\\n")[0]
read = [first_line("reissue.browser", "gate.js"), first_line("reissue", "browser/gate.js")]
importlib.reload(reissue)
[*read, first_line("reissue", "browser/gate.js")]
"""


def test_the_files_of_a_package_that_came_in_one_file_are_found(kept: Visit) -> None:
    line, *others = kept.run(FILES)
    assert line.startswith("//")
    assert others == [line, line]


INSTALLED = """
import jwt, reissue, reissue.adapters
from importlib.resources import files
reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
assert files("reissue.browser").joinpath("gate.js").read_text()
sorted(module.__name__ for module in (jwt, reissue, reissue.events) if ".whl" not in module.__file__)
"""


@pytest.mark.parametrize(
    ("wheel", "installed"), [("pyjwt", ["jwt"]), ("reissue", ["jwt", "reissue", "reissue.events"])]
)
def test_a_wheel_that_does_not_arrive_at_first_is_left_to_pyodide(
    visit: Visit, wheel: str, installed: list[str]
) -> None:
    """Which unpacks it, with what it needs: what came in one file is found there, too."""
    asked: list[Route] = []

    def fail_once(route: Route) -> None:
        asked.append(route)
        route.abort() if len(asked) == 1 else route.continue_()

    visit.page.route(re.compile(rf"{wheel}-[^/]+\.whl$"), fail_once)
    visit.expect_console("ERR_FAILED")
    visit.open_blank()
    assert len(asked) == 2
    assert visit.run(INSTALLED) == installed


FIRST_ANSWER = """
import sys, reissue
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
await api.sign_in(username="ada", password="lovelace")
status = (await api.fetch("/api/me")).status
[status, sorted({"hashlib", "jwt", "reissue.inspector", "reissue.oauth2.settings"} & sys.modules.keys())]
"""


def test_nothing_is_imported_that_the_first_answer_does_not_take(visit: Visit) -> None:
    visit.open_blank()
    assert visit.run(FIRST_ANSWER) == [200, []]


POSITIONS = """
import json, reissue
def positions(function):
    return [[start, end, *columns] for start, end, *columns in function.__code__.co_positions()]
[positions(function) for function in (json.loads, reissue.connect)]
"""


def test_byte_code_tells_lines_and_not_the_columns_that_only_a_source_could_show(kept: Visit) -> None:
    for positions in kept.run(POSITIONS):
        assert len({line for line, *_ in positions} - {None}) > 3
        assert {column for _, _, *columns in positions for column in columns} == {None}


@pytest.mark.firefox
def test_nothing_violates_the_policy_and_none_of_it_is_inline(visit: Visit) -> None:
    visit.page.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective))"
    )
    visit.signed_in()
    policy = visit.server.request("GET", "/").headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in policy
    assert "'unsafe-eval'" not in policy
    assert "worker-src 'none'" in policy
    assert "http" not in policy
    visit.fire()
    expect(visit["#fire-message"]).to_contain_text("20 answers to 20 requests")


def test_without_webassembly_the_page_says_so(visit: Visit) -> None:
    visit.page.add_init_script("delete globalThis.WebAssembly")
    visit.open()
    expect(visit["#startup-reason"]).to_contain_text("WebAssembly")
    assert visit.requests_to("/pyscript/core.js") == [], "what can't run isn't loaded"


WHATEVER = "."  # the browser, PyScript and Pyodide each say something when Python doesn't come up

MISSING = {
    "/pyscript/core.js": r"/pyscript/core\.js",
    "PyScript itself": r"/pyscript/core-[^/]+/core-[^/]+\.js",
    "/pyscript.toml": r"/pyscript\.toml",
    "/py/shim.mjs": r"/py/shim\.mjs",
    "the interpreter": r"pyodide\.asm\.wasm",
    "the standard library": r"python_stdlib\.zip",
    "the lock": r"pyodide-lock\.json",
    "main.py": r"/app/main\.py",
    "the page's words": r"app/strings/en\.json",
}


@pytest.mark.parametrize("pattern", MISSING.values(), ids=MISSING.keys())
def test_a_missing_file_is_named(visit: Visit, pattern: str) -> None:
    visit.page.route(re.compile(pattern), lambda route: route.fulfill(status=404, body="{}"))
    visit.expect_console("status of 404", times=1, at_most=2 if "shim" in pattern else 1)  # PyScript asks for it, too
    visit.expect_console(WHATEVER, times=0, at_most=99)
    visit.open()
    expect(visit["#startup-trouble"]).to_be_visible()
    expect(visit["#startup-reason"]).to_contain_text(re.compile(pattern))


@pytest.mark.parametrize(
    ("wheel", "broken"),
    [
        ("reissue", "missing"),
        ("pyjwt", "missing"),
        ("demo", "missing"),
        ("reissue", "damaged"),
        ("reissue", "unreachable"),
    ],
)
def test_a_missing_wheel_is_named(visit: Visit, wheel: str, broken: str) -> None:
    """PyScript only logs it, and never runs the page's Python."""

    def answer(route: Route) -> None:
        if broken == "unreachable":
            route.abort("connectionfailed")
        else:
            route.fulfill(status=404 if broken == "missing" else 200, body="no wheel")

    visit.page.route(re.compile(rf"/{wheel}-[^/]*\.whl"), answer)
    visit.expect_console(WHATEVER, at_most=99)
    visit.open()
    expect(visit["#startup-reason"]).to_contain_text(wheel)


@pytest.mark.firefox
def test_a_lost_connection_while_python_loads_is_told_and_can_be_tried_again(visit: Visit) -> None:
    visit.page.route("**/*.wasm", lambda route: route.abort("connectionfailed"), times=1)
    visit.expect_console(WHATEVER, at_most=99)
    visit.open()
    expect(visit["#startup-reason"]).to_contain_text("Python did not start")
    visit.button("Try again").click()
    expect(visit["#entrance"]).to_be_visible()


SAY_WHEN_IT_COMPILES = """
const {instantiateStreaming} = WebAssembly;
WebAssembly.instantiateStreaming = function (...given) {
    document.documentElement.dataset.compiles = "";
    return instantiateStreaming.apply(this, given);
};
"""


@pytest.mark.firefox
def test_a_connection_that_is_lost_while_python_is_compiled_is_told(visit: Visit) -> None:
    """Pyodide by itself only warns of it, and waits for ever."""
    routes: list[Route] = []
    visit.page.add_init_script(SAY_WHEN_IT_COMPILES)
    visit.page.route("**/*.wasm", lambda route: routes.append(route), times=1)
    visit.expect_console(WHATEVER, at_most=99)
    visit.page.goto(visit.home)
    expect(visit.page.locator("html")).to_have_attribute("data-compiles", "")
    routes[0].abort("connectionfailed")
    expect(visit["#startup-reason"]).to_contain_text("Python did not start")


def test_an_error_of_the_pages_own_python_is_told(visit: Visit) -> None:
    visit.page.route("**/app/main.py", lambda route: route.fulfill(body="1 / 0", content_type="text/x-python"))
    visit.expect_console("ZeroDivisionError")
    visit.open()
    expect(visit["#startup-advice"]).to_contain_text("ZeroDivisionError: division by zero")


def test_a_browser_without_module_scripts_is_told(visit: Visit) -> None:
    """Such a browser runs only the script marked `nomodule`; here it is the only one that is let through."""
    markup = visit.server.request("GET", "/").body.decode().replace("script nomodule", "script defer")
    visit.page.route(visit.server.url, lambda route: route.fulfill(body=markup, content_type="text/html"))
    visit.page.route("**/app/boot.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    visit.open()
    expect(visit["#startup-reason"]).to_contain_text("too old")


def test_nothing_scrolls_sideways_at_phone_width(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 360, "height": 740})
    visit.signed_in()
    visit.page.get_by_label("New note").fill("https://example.org/" + "averylongword" * 20)
    visit.button("Save").click()
    expect(visit["#note-list li"]).to_have_count(1)
    visit.revoke_the_token()
    visit.expect_console(REFUSED, times=1, at_most=20)
    visit.fire()
    expect(visit["#fire-message"]).to_contain_text("20 answers to 20 requests")
    assert visit.evaluate("document.documentElement.scrollWidth") <= 360
