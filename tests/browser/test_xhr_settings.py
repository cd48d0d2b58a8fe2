"""XMLHttpRequest through clients with settings of their own, several of them, without Python, and in a worker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Route

from tests.browser.kept import opened
from tests.browser.test_clients import BLOB, MODULE
from tests.browser.test_gate import DIE, PLACES, WITHOUT_THE_SCRIPT
from tests.browser.test_install import javascript
from tests.browser.test_xhr import CONNECT, TOOLS, WHOLE, python  # noqa: F401  # `python` is a fixture
from tests.browser.visit import REFUSED, Visit

STATUS = "return (await whole(sent('/api/me'))).status"


def with_client(visit: Visit, settings: str, audience: str = "/api/other/") -> None:
    visit.run(f"""
other = reissue.connect({audience!r}, endpoint=reissue.Endpoint("/auth"), name="other", tabs=False, {settings})
await other.sign_in(username="ada", password="lovelace")
other.install()
None
""")


def answering(visit: Visit, *answers: dict[str, Any]) -> list[dict[str, str]]:
    """Answer requests to `/api/other/` by these, the last one again and again; gives the header fields that come."""
    seen: list[dict[str, str]] = []

    def answer(route: Route) -> None:
        seen.append(route.request.all_headers())
        route.fulfill(**answers[min(len(seen), len(answers)) - 1])

    visit.context.route("**/api/other/**", answer)
    return seen


def test_the_clients_own_header_fields_replace_those_of_the_page(python: Visit) -> None:  # noqa: F811
    """X4: read anew at the replay."""
    python.run("""
csrf = 0
def headers():
    global csrf
    csrf += 1
    return {"X-CSRFToken": str(csrf)}
None
""")
    with_client(python, "headers=headers, credentials='include'")
    seen = answering(python, {"status": 401, "json": {}}, {"status": 200, "json": {}})
    python.expect_console(REFUSED, times=0, at_most=1)
    assert javascript(
        python,
        """
        const fields = [["x-csrftoken", "stale"], ["X-Kept", "kept"]];
        const prepare = xhr => fields.forEach(field => xhr.setRequestHeader(...field));
        const xhr = await whole(sent("/api/other/a", {prepare}));
        return [xhr.status, xhr.withCredentials];
        """,
    ) == [200, True]
    assert [fields["x-csrftoken"] for fields in seen] == ["1", "2"]
    assert [fields["x-kept"] for fields in seen] == ["kept", "kept"]
    assert seen[0]["authorization"] != seen[1]["authorization"]


@pytest.mark.firefox
def test_a_token_in_another_field_is_not_sent_by_an_object_that_cant_refuse_a_redirect(python: Visit) -> None:  # noqa: F811
    """X1: the field would be taken along to wherever a redirect leads."""
    with_client(python, "header='X-Auth-Token', scheme=''")
    seen = answering(python, {"status": 200, "json": {}})
    assert javascript(
        python,
        """
        const xhr = await whole(sent("/api/other/a"));
        const own = await whole(sent("/api/other/b", {prepare: xhr => xhr.setRequestHeader("x-auth-token", "own")}));
        return [xhr.seen, xhr.reissueError.name, xhr.reissueError.message.slice(-9), own.status];
        """,
    ) == [[1, "loadstart", 4, "error", "loadend"], "ReissueError", "Use fetch", 200]
    assert [fields.get("x-auth-token") for fields in seen] == ["own"]


@pytest.mark.parametrize("kind", ["", pytest.param("json", marks=pytest.mark.firefox), "arraybuffer", "blob"])
def test_an_answer_that_only_the_apps_own_test_can_judge_is_held_back_until_then(python: Visit, kind: str) -> None:  # noqa: F811
    """Q20: of an answer that it accepts the page has all events; one that it rejects is never seen."""
    python.run("""
async def judge(response):
    return not isinstance(response, OSError) and "expired" in await response.text()
None
""")
    with_client(python, "should_renew=judge")
    expired, good = {"status": 200, "json": {"error": "expired"}}, {"status": 200, "json": {"good": 1}}
    answering(python, expired, good)
    read = f"""
        const xhr = await whole(sent("/api/other/a", {{prepare: xhr => {{ xhr.responseType = "{kind}"; }}}}));
        const {{responseType, response}} = xhr;
        const text = responseType === "json" ? JSON.stringify(response) : await new Response(response).text();
        return [once(xhr.seen), xhr.status, JSON.parse(text)];
        """
    python.reset_counters()
    assert javascript(python, read) == [WHOLE, 200, {"good": 1}]
    assert python.server.counters()["refreshes_asked"] == 1
    assert javascript(python, read) == [WHOLE, 200, {"good": 1}]
    assert python.server.counters()["refreshes_asked"] == 1


@pytest.mark.firefox
def test_a_failure_that_the_apps_own_test_judges_is_held_back_as_well(python: Visit) -> None:  # noqa: F811
    python.run("""
judged = []
def judge(outcome):
    judged.append(type(outcome).__name__)
    return isinstance(outcome, OSError) and len(judged) == 1
api.uninstall()
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), should_renew=judge, tabs=False, name="judging")
await api.sign_in(username="ada", password="lovelace")
api.install()
None
""")
    python.expect_console("net::ERR_", times=0, at_most=9)
    python.server.fault("/api/me", "drop", times=1)
    assert javascript(python, "const xhr = await whole(sent('/api/me')); return [once(xhr.seen), xhr.status]") in (
        [WHOLE, 200],  # the browser may have sent it again by itself
    )
    python.server.fault("/api/me", "drop", times=2)
    failed = javascript(python, "const xhr = await whole(sent('/api/me')); return [once(xhr.seen), xhr.status]")
    assert failed == [[1, "loadstart", 4, "error", "loadend"], 0]
    python.server.clear_faults()
    assert python.run("'NetworkError' in judged")


def test_a_second_401_is_the_pages(python: Visit) -> None:  # noqa: F811
    python.expect_console(REFUSED, times=0, at_most=4)
    python.server.fault("/api/me", "status", status=401, times=2)
    assert javascript(python, "const xhr = await whole(sent('/api/me')); return [once(xhr.seen), xhr.status]") == [
        WHOLE,
        401,
    ]
    assert python.server.counters()["refreshes_asked"] == 1


@pytest.mark.firefox
def test_a_bound_token_has_a_proof_for_each_attempt(python: Visit) -> None:  # noqa: F811
    def grant(route: Route) -> None:
        route.fulfill(status=200, json={"access_token": "two", "token_type": "DPoP", "expires_in": 60})

    python.context.route("**/bound/refresh", grant)
    seen = answering(python, {"status": 401, "json": {}}, {"status": 200, "json": {}})
    python.run("""
other = reissue.connect("/api/other/", endpoint=reissue.Endpoint("/bound"), name="other", tabs=False, dpop=True)
await other.adopt("one", refresh_token="r", expires_in=60, token_type="DPoP")
other.install()
None
""")
    python.expect_console(REFUSED, times=0, at_most=1)
    assert javascript(python, "const xhr = await whole(sent('/api/other/a')); return [once(xhr.seen), xhr.status]") == [
        WHOLE, 200]  # fmt: skip
    assert [fields["authorization"] for fields in seen] == ["DPoP one", "DPoP two"]
    assert len({fields["dpop"] for fields in seen}) == 2
    assert javascript(python, """
        const xhr = noted();
        xhr.open("GET", "/api/other/b", false);
        try { xhr.send(); } catch (error) { return [error.name, error.message.slice(0, 9), xhr.readyState]; }
        """) == ["WouldBlock", "with DPoP", 4]  # fmt: skip


def test_of_two_clients_the_last_one_installed_takes_what_both_cover(python: Visit) -> None:  # noqa: F811
    python.run("""
narrow = reissue.connect("/api/me", endpoint=reissue.Endpoint("/auth"), name="narrow", tabs=False)
await narrow.adopt("narrow.token.of-its-own")
narrow.install()
None
""")
    python.expect_console(REFUSED, times=0, at_most=2)
    echo = "return (await whole(sent('/api/echo'))).status"
    assert [javascript(python, echo), javascript(python, STATUS)] == [200, 200]
    sent = [r.headers["authorization"] for r in python.requests_to("/api/me")]
    assert sent[0] == "Bearer narrow.token.of-its-own"
    python.run("narrow.uninstall()")
    assert javascript(python, STATUS) == 200


@pytest.mark.parametrize("where", ["PyScript", pytest.param("Pyodide", marks=pytest.mark.firefox)])
def test_when_python_has_died_what_is_outside_goes_on(visit: Visit, where: str) -> None:
    visit.open_blank(PLACES[where][0]).run(CONNECT)
    visit.execute(f"{{ {TOOLS} }}")
    visit.run(DIE)
    visit.server.fault("/api/echo", "hold", after=True)  # and so answered by now
    visit.server.fault("/api/notes", "hold")
    visit.execute("window.accepted = sent('/api/echo'); window.rejected = sent('/api/notes')")
    visit.server.wait_until_held(2)
    visit.reset_counters()
    visit.expect_console(".*", times=1, at_most=1000)  # Pyodide tells at length
    inside = visit.evaluate("""
        (async () => {
            try { window.die(); } catch {}
            const inside = await whole(sent("/api/me")), outside = await whole(sent("/dev/counters"));
            const blocking = noted();
            blocking.open("GET", "/api/me", false);
            let raised;
            try { blocking.send(); } catch (error) { raised = error.name; }
            return [inside.seen, inside.reissueError.name, outside.status, once(outside.seen), raised];
        })()
        """)
    assert inside == [[1, "loadstart", 4, "error", "loadend"], "PythonFailed", 200, WHOLE, "PythonFailed"]
    assert visit.server.counters()["api_requests"] == 0
    visit.server.control("/dev/revoke")
    visit.server.release()
    # What was on its way: an answer is the page's, but a 401 would look like the end of the session.
    told = visit.evaluate("""
        (async () => [accepted, rejected].map(async xhr => [(await whole(xhr)).status, xhr.reissueError?.name ?? ""]))()
            .then(all => Promise.all(all))
        """)
    assert told == [[200, ""], [0, "PythonFailed"]]


@opened(WITHOUT_THE_SCRIPT)
def test_without_its_script_xmlhttprequest_is_left_alone(kept: Visit) -> None:
    kept.run(CONNECT)
    kept.execute(f"{{ {TOOLS} }}")
    kept.expect_console(REFUSED, times=0, at_most=1)
    assert javascript(kept, "return [(await fetch('/api/me')).status, (await whole(sent('/api/me'))).status]") == [
        200,
        401,
    ]


IN_A_WORKER = """
import json
from pyodide.code import run_js
run_js(TOOLS)
async def of(body):
    return json.loads(await run_js("(async () => JSON.stringify(await (async () => {" + body + "})()))()"))
def blocking():
    xhr = js.XMLHttpRequest.new()
    xhr.open("GET", origin + "/api/me", False)
    xhr.timeout = 60000
    xhr.send()
    return xhr.status
origin = js.location.origin
None
"""


@pytest.mark.parametrize("where", [pytest.param("a module worker", marks=pytest.mark.firefox), "a PyScript worker"])
def test_a_worker_is_served_as_the_page_is(visit: Visit, where: str) -> None:
    """Twenty and a synchronous one."""
    name, _ = PLACES[where]
    policy = {
        **(MODULE if where == "a module worker" else BLOB),
        "script-src": "'self' 'wasm-unsafe-eval' 'unsafe-eval'",
    }
    visit.expect_console("Unable to use `window` or `document` in worker", times=0, at_most=1)
    visit.expect_console(REFUSED, times=0, at_most=100)
    visit.open_blank(name, policy=policy).run(CONNECT)
    visit.run(f"TOOLS = {json.dumps('{' + TOOLS + '}')}\n" + IN_A_WORKER)
    visit.server.control("/dev/revoke")
    visit.reset_counters()
    seen = visit.run("""
await of(f'''
    const all = [...Array(20).keys()].map(n => sent(`{origin}/api/echo?n=${{n}}`));
    return (await Promise.all(all.map(whole))).map(xhr => [once(xhr.seen), xhr.status]);
''')
""")
    assert seen == [[WHOLE, 200]] * 20
    assert visit.server.counters()["refreshes_asked"] == 1
    assert visit.run("blocking()") == 200
    visit.server.control("/dev/revoke")
    assert visit.run("blocking()") == 200
    visit.run("late += 3600")
    assert visit.run("blocking()") == 200
    assert visit.server.counters()["refreshes_asked"] == 3
