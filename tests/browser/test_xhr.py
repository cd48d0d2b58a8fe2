"""An installed client serves XMLHttpRequest as well, and a page sees the events that it knows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_install import javascript
from tests.browser.visit import PAGES, REFUSED, Visit

CONNECT = """
import asyncio, js, time, reissue
late = 0.0
api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"), clock=lambda: time.time() + late, tabs=False)
await api.sign_in(username="ada", password="lovelace")
api.install()
None
"""

TOOLS = (PAGES / "xhr_tools.js").read_text(encoding="utf-8")


@pytest.fixture
def page(kept: Visit) -> Visit:
    kept.execute(f"{{ {TOOLS} }}")
    kept.run(CONNECT)
    kept.reset_counters()
    return kept


WHOLE = [1, "loadstart", 2, 3, "progress", 4, "load", "loadend"]


@pytest.mark.firefox
def test_a_refused_attempt_is_never_seen(page: Visit) -> None:
    """Q1: twenty at once, and twenty by fetch; one refresh, and each object has the events of one answer."""
    page.server.control("/dev/revoke")
    page.expect_console(REFUSED, times=40)
    seen, statuses, fetched = javascript(
        page,
        """
        const all = [...Array(20).keys()].map(n => sent(`/api/echo?n=${n}`));
        const fetched = [...Array(20).keys()].map(n => fetch(`/api/echo?n=${n}`));
        const ended = await Promise.all(all.map(whole));
        return [
            ended.map(xhr => once(xhr.seen)), ended.map(xhr => [xhr.status, /"n": ?"(.*?)"/.exec(xhr.responseText)?.[1]]),
            (await Promise.all(fetched)).map(response => response.status),
        ];
        """,
    )
    assert seen == [WHOLE] * 20
    assert statuses == [[200, str(n)] for n in range(20)]
    assert fetched == [200] * 20
    assert page.server.counters()["refreshes_asked"] == 1


@pytest.mark.firefox
def test_a_page_sees_what_it_sees_natively(page: Visit) -> None:
    """Natively; with a fresh token; with one that is rejected; and with one that has expired."""
    page.expect_console(f"{REFUSED}|status of 404", times=0, at_most=100)
    javascript(page, "await fetch('/api/me')")
    page.run("api.uninstall()")
    names = page.evaluate("Object.keys(scenarios)")
    (token,) = page.tokens
    natively = {name: page.evaluate(f"scenarios.{name}('{token}')") for name in names}
    page.run("api.install()")
    for name in names:
        assert page.evaluate(f"scenarios.{name}()") == natively[name], f"{name}, fresh"
        page.server.control("/dev/revoke")
        page.reset_counters()
        assert page.evaluate(f"scenarios.{name}()") == natively[name], f"{name}, rejected"
        counters = page.server.counters()
        assert (counters["refreshes_asked"], counters["api_401s"] > 0) == (1, True), name
        page.run("late += 3600")
        assert page.evaluate(f"scenarios.{name}()") == natively[name], f"{name}, expired"
        assert page.server.counters()["refreshes_asked"] == 2, name


@pytest.mark.firefox
def test_abort_while_python_waits_is_as_on_the_wire(page: Visit) -> None:
    """In the queue for a refresh, on the wire, and between two attempts: the events, and nothing is sent any more."""
    page.expect_console(REFUSED, times=0, at_most=9)
    javascript(page, "await fetch('/api/me')")
    upload = "{method: 'POST', body: 'text', upload: true}"

    def aborted(wait: str) -> Any:
        page.server.wait_until_held()
        seen = javascript(
            page,
            "const before = [waiting.readyState, waiting.status, waiting.responseText]; waiting.abort();"
            "const after = [waiting.readyState, waiting.status]; return [before, waiting.seen, after]",
        )
        page.server.release()
        assert isinstance(page.run("(await js.fetch('/api/me')).status"), int), wait
        return seen

    page.server.fault("/api/echo", "hold")
    javascript(page, f"window.waiting = sent('/api/echo', {upload})")
    on_the_wire = aborted("on the wire")
    assert on_the_wire[0::2] == [[1, 0, ""], [0, 0]]
    # The body is on its way at once, so of the upload there may be nothing left to abort.
    events = [event for event in on_the_wire[1] if not str(event).startswith("upload")]
    assert events == [1, "loadstart", 4, "abort", "loadend"]
    page.run("late += 3600")
    page.server.fault("/auth/refresh", "hold")
    javascript(page, f"window.waiting = sent('/api/echo', {upload})")
    page.reset_counters()
    queued = [1, "loadstart", "upload loadstart", 4, "upload abort", "upload loadend", "abort", "loadend"]
    assert aborted("expired") == [[1, 0, ""], queued, [0, 0]]
    page.server.control("/dev/revoke")
    page.server.fault("/auth/refresh", "hold")
    javascript(page, "window.waiting = sent('/api/echo')")
    assert aborted("rejected") == [[1, 0, ""], [1, "loadstart", 4, "abort", "loadend"], [0, 0]]
    phases = page.run("""
seen = []
stop = api.on(lambda event: seen.append(event.phase.value) if isinstance(event, reissue.RequestEvent) else None)
late += 3600
xhr = js.XMLHttpRequest.new()
xhr.open("GET", "/api/echo")
xhr.send()
xhr.abort()
await asyncio.sleep(0)
await api.renew()
stop()
seen
""")
    assert phases == ["started", "waiting", "cancelled"]


@pytest.mark.firefox
def test_a_timeout_counts_from_send_over_all_attempts(page: Visit) -> None:
    """Q14: while a refresh is waited for; after a rejection; and on the wire, where it is the browser's own."""
    page.expect_console(f"{REFUSED}|ERR_", times=0, at_most=9)
    javascript(page, "await fetch('/api/me')")
    timed = "{prepare: xhr => { xhr.timeout = 300; }}"
    for before in ("late += 3600\nNone", "None"):
        page.server.control("/dev/revoke")
        page.run(before)
        page.server.fault("/auth/refresh", "hold")
        javascript(page, f"window.waiting = sent('/api/echo', {timed})")
        page.server.wait_until_held()
        assert javascript(page, "return state(await whole(waiting))")[:3] == [
            [1, "loadstart", 4, "timeout", "loadend"],
            4,
            0,
        ]
        page.server.release()
        page.run("await api.renew()")
    page.server.control("/dev/revoke")
    page.server.fault("/api/echo", "status", status=401)
    page.server.fault("/api/echo", "hold")
    javascript(page, f"window.waiting = sent('/api/echo', {timed})")
    page.server.wait_until_held()
    assert javascript(page, "return [state(await whole(waiting)).slice(0, 3), waiting.timeout]") == [
        [[1, "loadstart", 4, "timeout", "loadend"], 4, 0],
        300,
    ]
    page.server.release()


@pytest.mark.firefox
def test_an_error_of_the_librarys_own_is_an_error_event_that_says_why(page: Visit) -> None:
    page.expect_console(f"{REFUSED}|status of 503", times=0, at_most=9)
    describe = """
        const xhr = noted();
        let event;
        xhr.onerror = given => { event = given; };
        xhr.open("GET", "/api/me");
        xhr.send();
        await whole(xhr);
        const {name, reason, retryAfter} = xhr.reissueError;
        return [xhr.seen, xhr.readyState, xhr.status, xhr.responseText, name, reason ?? retryAfter > 0,
            event.error === xhr.reissueError, event.message.startsWith(name + ": ")];
        """
    failed = [[1, "loadstart", 4, "error", "loadend"], 4, 0, ""]
    page.server.fault("/auth/refresh", "status", status=503, retry_after="60")
    page.server.control("/dev/revoke")
    assert javascript(page, describe) == [*failed, "RefreshUnavailable", True, True, True]
    assert javascript(page, describe) == [*failed, "RefreshUnavailable", True, True, True], "without a wait"
    page.run("late += 61")
    page.server.fault("/auth/refresh", "status", status=401)
    assert javascript(page, describe) == [*failed, "SessionEnded", "refused", True, True]
    # Without a session requests go out as they are.
    assert javascript(page, "return (await whole(sent('/api/me'))).status") == 401


@pytest.mark.firefox
def test_no_answer_is_the_browsers_own_error(page: Visit) -> None:
    """Q19: no refresh, and the slot is free."""
    page.server.fault("/api/me", "drop", times=2)
    page.expect_console("net::ERR_", times=1, at_most=2)
    seen = javascript(page, "return state(await whole(sent('/api/me')))")
    assert seen[0] == [1, "loadstart", 4, "error", "loadend"]
    assert seen[-1] == "no error of ours"
    page.server.clear_faults()
    held = "[len(admission._held) for admission in api._sender._admissions._by_origin.values()]"
    assert page.run(held) == [0]
    assert page.server.counters()["refreshes_asked"] == 0


@pytest.mark.firefox
def test_bodies_are_sent_as_they_were_when_send_was_called(page: Visit) -> None:
    """Q8, Q9, Q26: buffers, forms and parameters that the page changes while the request waits."""
    page.expect_console(REFUSED, times=0, at_most=20)
    bodies = """
        const buffer = new Uint8Array(1000).fill(7), form = new FormData(), search = new URLSearchParams("a=1");
        form.append("a", new Blob(["one"]), "name");
        const view = new DataView(buffer.buffer, 10, 20), blob = new Blob(["blob"]);
        const bodies = [buffer, buffer.buffer, view, search, form, "text é", blob];
        const all = bodies.map(body => sent("/api/upload", {method: "POST", body}));
        """
    changed = "buffer.fill(0); search.append('b', '2'); form.append('b', new Blob(['two']), 'other');"
    result = """
        const ended = await Promise.all(all.map(whole));
        return ended.map(xhr => [xhr.status, xhr.responseText.replace(/"type.*/, "")]);
        """
    javascript(page, "await fetch('/api/me')")
    as_sent = javascript(page, bodies + result)
    assert {status for status, _ in as_sent} == {200}
    page.server.control("/dev/revoke")
    assert javascript(page, bodies + changed + result) == as_sent, "rejected"
    page.run("late += 3600")
    assert javascript(page, bodies + changed + result) == as_sent, "expired"
    assert page.server.counters()["refreshes_asked"] == 2


@pytest.mark.firefox
def test_an_upload_that_is_sent_twice_is_one_upload_for_the_page(page: Visit) -> None:
    """Progress is live; the rest of the first attempt's events are kept from the page."""
    page.expect_console(REFUSED, times=1)
    page.server.control("/dev/revoke")
    seen, loaded, size = javascript(
        page,
        """
        const loaded = [], xhr = noted(true), body = new Uint8Array(3_000_000);
        xhr.upload.onprogress = event => loaded.push(event.loaded);
        xhr.open("POST", "/api/upload");
        xhr.send(body);
        await whole(xhr);
        return [once(xhr.seen), loaded, JSON.parse(xhr.responseText).size];
        """,
    )
    assert size == 3_000_000
    upload = [event for event in seen if str(event).startswith("upload")]
    assert [event for event in upload if event != "upload progress"] == [
        "upload loadstart",
        "upload load",
        "upload loadend",
    ]
    assert seen[:3] == [1, "loadstart", "upload loadstart"]
    assert seen[-6:] == [2, 3, "progress", 4, "load", "loadend"]
    assert loaded[-1] == 3_000_000


@pytest.mark.firefox
def test_a_request_with_a_token_of_its_own_goes_out_as_it_is(page: Visit) -> None:
    """As does one with a user's name. X1, X2."""
    page.expect_console(REFUSED, times=0, at_most=4)
    assert javascript(
        page,
        """
        const own = await whole(sent("/api/me", {token: "own"}));
        const outside = await whole(sent("/dev/counters", {}));
        const named = noted();
        named.open("GET", "/api/me", true, "ada", "secret");
        named.send();
        return [own, outside, await whole(named)].map(xhr => [xhr.status, once(xhr.seen)]);
        """,
    ) == [[401, WHOLE], [200, WHOLE], [401, WHOLE]]
    assert page.server.counters()["refreshes_asked"] == 0


@pytest.mark.firefox
def test_xmlhttprequest_is_what_it_was_when_the_last_client_has_gone(page: Visit) -> None:
    """`kept` compares each property; here, what a page can see while a client is installed."""
    seen = """
        class Own extends XMLHttpRequest { get mine() { return this.status; } }
        const own = new Own();
        return [
            XMLHttpRequest.name, XMLHttpRequest.length, XMLHttpRequest.DONE, XMLHttpRequest.prototype.open.name,
            XMLHttpRequest.prototype.open.length, `${XMLHttpRequest.prototype.send}`.includes("native"),
            own instanceof XMLHttpRequest, own.mine, Object.prototype.toString.call(own), own.constructor === Own,
            Object.keys(XMLHttpRequest.prototype).sort().join(), own.onload, typeof own.upload, own.readyState,
        ];
        """
    installed = javascript(page, seen)
    page.run("api.uninstall()")
    assert installed == javascript(page, seen)
    # A script that has wrapped a method keeps its wrapper, which calls the native one then; and installed again.
    javascript(
        page,
        """
        window.opened = [];
        window.native_open = XMLHttpRequest.prototype.open;
        """,
    )
    page.run("api.install()")
    javascript(
        page,
        """
        const before = XMLHttpRequest.prototype.open;
        XMLHttpRequest.prototype.open = function (...asked) {
            opened.push(asked[1]);
            return before.apply(this, asked);
        };
        """,
    )
    page.expect_console(REFUSED, times=0, at_most=2)
    status = "return (await whole(sent('/api/me'))).status"
    assert javascript(page, status) == 200
    page.run("api.uninstall()")
    assert javascript(page, status) == 401
    page.run("api.install()")
    assert javascript(page, status) == 200
    page.run("api.uninstall()")
    assert javascript(page, "XMLHttpRequest.prototype.open = native_open; return opened.length") == 3


@pytest.mark.firefox
def test_what_is_on_its_way_at_uninstall_keeps_its_rules(page: Visit) -> None:
    page.run("late += 3600")
    page.server.fault("/auth/refresh", "hold")
    javascript(page, "window.one = sent('/api/me'); window.other = sent('/api/me')")
    page.server.wait_until_held()
    page.run("api.uninstall()")
    page.reset_counters()
    javascript(page, "window.other.abort()")
    page.server.release()
    assert javascript(page, "return [(await whole(one)).status, other.seen]") == [
        200,
        [1, "loadstart", 4, "abort", "loadend"],
    ]
    assert page.server.counters()["api_requests"] == 1
