"""An installed client serves XMLHttpRequest as well, and a page sees the events that it knows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.blank_pages import PAGES
from tests.browser.test_install import javascript
from tests.browser.visit import REFUSED, Visit

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
def python(kept: Visit) -> Visit:
    kept.execute(f"{{ {TOOLS} }}")
    kept.run(CONNECT)
    kept.reset_counters()
    return kept


WHOLE = [1, "loadstart", 2, 3, "progress", 4, "load", "loadend"]


@pytest.mark.firefox
def test_a_refused_attempt_is_never_seen(python: Visit) -> None:
    """Q1: twenty at once, and twenty by fetch; one refresh, and each object has the events of one answer."""
    python.server.control("/dev/revoke")
    python.expect_console(REFUSED, times=40)
    seen, statuses, fetched = javascript(
        python,
        """
        const all = [...Array(20).keys()].map(n => sent(`/api/echo?n=${n}`));
        const fetched = [...Array(20).keys()].map(n => fetch(`/api/echo?n=${n}`));
        const ended = await Promise.all(all.map(whole));
        return [
            ended.map(xhr => once(xhr.seen)),
            ended.map(xhr => [xhr.status, /"n": ?"(.*?)"/.exec(xhr.responseText)?.[1]]),
            (await Promise.all(fetched)).map(response => response.status),
        ];
        """,
    )
    assert seen == [WHOLE] * 20
    assert statuses == [[200, str(n)] for n in range(20)]
    assert fetched == [200] * 20
    assert python.server.counters()["refreshes_asked"] == 1


@pytest.mark.firefox
def test_a_401_that_comes_after_the_refresh_is_never_seen_either(python: Visit) -> None:
    """Q1: the replay is decided at once, while the browser still tells of the refused answer."""
    python.expect_console(REFUSED, times=20)
    for n in range(4):
        python.server.fault("/api/echo", "hold")
        javascript(python, f"window.late{n} = sent('/api/echo?n={n}')")
    python.server.wait_until_held(4)
    python.server.control("/dev/revoke")
    assert javascript(python, "return (await fetch('/api/me')).status") == 200  # after the one refresh
    python.server.release()
    read = "const xhr = await whole(late{}); return [once(xhr.seen), xhr.status, JSON.parse(xhr.responseText).n]"
    for n in range(4):
        assert javascript(python, read.format(n)) == [WHOLE, 200, str(n)]
    assert python.server.counters()["refreshes_asked"] == 1


@pytest.mark.firefox
def test_a_page_sees_what_it_sees_natively(python: Visit) -> None:
    """Natively; with a fresh token; with one that is rejected; and with one that has expired."""
    python.expect_console(f"{REFUSED}|status of 404", times=0, at_most=100)
    javascript(python, "await fetch('/api/me')")
    python.run("api.uninstall()")
    names = python.evaluate("Object.keys(scenarios)")
    (token,) = python.tokens
    natively = {name: python.evaluate(f"scenarios.{name}('{token}')") for name in names}
    python.run("api.install()")
    for name in names:
        assert python.evaluate(f"scenarios.{name}()") == natively[name], f"{name}, fresh"
        python.server.control("/dev/revoke")
        python.reset_counters()
        assert python.evaluate(f"scenarios.{name}()") == natively[name], f"{name}, rejected"
        counters = python.server.counters()
        assert (counters["refreshes_asked"], counters["api_401s"] > 0) == (1, True), name
        python.run("late += 3600")
        assert python.evaluate(f"scenarios.{name}()") == natively[name], f"{name}, expired"
        assert python.server.counters()["refreshes_asked"] == 2, name


@pytest.mark.firefox
def test_who_listens_to_an_upload_after_it_was_sent_hears_nothing(python: Visit) -> None:
    """The standard's upload listener flag. Chromium tells of an upload, too, of which `upload` was merely read."""
    python.expect_console(REFUSED, times=0, at_most=1)
    late = """
        const xhr = new XMLHttpRequest(), heard = [];
        xhr.open("POST", "/api/upload");
        const ended = new Promise(resolve => { xhr.onloadend = resolve; });
        xhr.send("text");
        for (const type of ["loadstart", "progress", "load"]) xhr.upload.addEventListener(type, () => heard.push(type));
        await ended;
        return [heard, xhr.status];
    """
    assert javascript(python, late) == [[], 200], "fresh"
    python.server.control("/dev/revoke")
    assert javascript(python, late) == [[], 200], "rejected"
    python.run("late += 3600")
    assert javascript(python, late) == [[], 200], "expired"
    assert python.server.counters()["refreshes_asked"] == 2


@pytest.mark.firefox
def test_abort_while_python_waits_is_as_on_the_wire(python: Visit) -> None:
    """In the queue for a refresh, on the wire, and between two attempts: the events, and nothing is sent any more."""
    python.expect_console(REFUSED, times=0, at_most=9)
    javascript(python, "await fetch('/api/me')")
    upload = "{method: 'POST', body: 'text', upload: true}"

    def aborted(wait: str) -> Any:
        python.server.wait_until_held()
        seen = javascript(
            python,
            "const before = [waiting.readyState, waiting.status, waiting.responseText]; waiting.abort();"
            "const after = [waiting.readyState, waiting.status]; return [before, waiting.seen, after]",
        )
        python.server.release()
        assert isinstance(python.run("(await js.fetch('/api/me')).status"), int), wait
        return seen

    python.server.fault("/api/echo", "hold")
    javascript(python, f"window.waiting = sent('/api/echo', {upload})")
    on_the_wire = aborted("on the wire")
    assert on_the_wire[0::2] == [[1, 0, ""], [0, 0]]
    # The body is on its way at once, so of the upload there may be nothing left to abort.
    events = [event for event in on_the_wire[1] if not str(event).startswith("upload")]
    assert events == [1, "loadstart", 4, "abort", "loadend"]
    python.run("late += 3600")
    python.server.fault("/auth/refresh", "hold")
    javascript(python, f"window.waiting = sent('/api/echo', {upload})")
    python.reset_counters()
    queued = [1, "loadstart", "upload loadstart", 4, "upload abort", "upload loadend", "abort", "loadend"]
    assert aborted("expired") == [[1, 0, ""], queued, [0, 0]]
    python.server.control("/dev/revoke")
    python.server.fault("/auth/refresh", "hold")
    javascript(python, "window.waiting = sent('/api/echo')")
    assert aborted("rejected") == [[1, 0, ""], [1, "loadstart", 4, "abort", "loadend"], [0, 0]]
    phases = python.run("""
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
def test_a_timeout_counts_from_send_over_all_attempts(python: Visit) -> None:
    """Q14: while a refresh is waited for; after a rejection; and on the wire, where it is the browser's own."""
    python.expect_console(f"{REFUSED}|ERR_", times=0, at_most=9)
    javascript(python, "await fetch('/api/me')")
    timed = "{prepare: xhr => { xhr.timeout = 300; }}"
    for before in ("late += 3600\nNone", "None"):
        python.server.control("/dev/revoke")
        python.run(before)
        python.server.fault("/auth/refresh", "hold")
        javascript(python, f"window.waiting = sent('/api/echo', {timed})")
        python.server.wait_until_held()
        assert javascript(python, "return state(await whole(waiting))")[:3] == [
            [1, "loadstart", 4, "timeout", "loadend"],
            4,
            0,
        ]
        python.server.release()
        python.run("await api.renew()")
    python.server.control("/dev/revoke")
    python.server.fault("/api/echo", "status", status=401)
    python.server.fault("/api/echo", "hold")
    javascript(python, f"window.waiting = sent('/api/echo', {timed})")
    python.server.wait_until_held()
    assert javascript(python, "return [state(await whole(waiting)).slice(0, 3), waiting.timeout]") == [
        [[1, "loadstart", 4, "timeout", "loadend"], 4, 0],
        300,
    ]
    python.server.release()


@pytest.mark.firefox
def test_an_error_of_the_librarys_own_is_an_error_event_that_says_why(python: Visit) -> None:
    python.expect_console(f"{REFUSED}|status of 503", times=0, at_most=9)
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
    python.server.fault("/auth/refresh", "status", status=503, retry_after="60")
    python.server.control("/dev/revoke")
    assert javascript(python, describe) == [*failed, "RefreshUnavailable", True, True, True]
    assert javascript(python, describe) == [*failed, "RefreshUnavailable", True, True, True], "without a wait"
    python.run("late += 61")
    python.server.fault("/auth/refresh", "status", status=401)
    assert javascript(python, describe) == [*failed, "SessionEnded", "refused", True, True]
    # Without a session requests go out as they are.
    assert javascript(python, "return (await whole(sent('/api/me'))).status") == 401


@pytest.mark.firefox
def test_no_answer_is_the_browsers_own_error(python: Visit) -> None:
    """Q19: no refresh, and the slot is free."""
    python.server.fault("/api/me", "drop", times=2)
    python.expect_console("net::ERR_", times=1, at_most=2)
    seen = javascript(python, "return state(await whole(sent('/api/me')))")
    assert seen[0] == [1, "loadstart", 4, "error", "loadend"]
    assert seen[-1] == "no error of ours"
    python.server.clear_faults()
    held = "[len(admission._held) for admission in api._sender._admissions._by_origin.values()]"
    assert python.run(held) == [0]
    assert python.server.counters()["refreshes_asked"] == 0


@pytest.mark.firefox
def test_bodies_are_sent_as_they_were_when_send_was_called(python: Visit) -> None:
    """Q8, Q9, Q26: buffers, forms and parameters that the page changes while the request waits."""
    python.expect_console(REFUSED, times=0, at_most=20)
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
    javascript(python, "await fetch('/api/me')")
    as_sent = javascript(python, bodies + result)
    assert {status for status, _ in as_sent} == {200}
    python.server.control("/dev/revoke")
    assert javascript(python, bodies + changed + result) == as_sent, "rejected"
    python.run("late += 3600")
    assert javascript(python, bodies + changed + result) == as_sent, "expired"
    assert python.server.counters()["refreshes_asked"] == 2


@pytest.mark.firefox
def test_an_upload_that_is_sent_twice_is_one_upload_for_the_page(python: Visit) -> None:
    """Progress is live; the rest of the first attempt's events are kept from the page."""
    python.expect_console(REFUSED, times=1)
    python.server.control("/dev/revoke")
    seen, loaded, size = javascript(
        python,
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
def test_a_request_with_a_token_of_its_own_goes_out_as_it_is(python: Visit) -> None:
    """As does one with a user's name. X1, X2."""
    python.expect_console(REFUSED, times=0, at_most=4)
    assert javascript(
        python,
        """
        const own = await whole(sent("/api/me", {token: "own"}));
        const outside = await whole(sent("/dev/counters", {}));
        const named = noted();
        named.open("GET", "/api/me", true, "ada", "secret");
        named.send();
        return [own, outside, await whole(named)].map(xhr => [xhr.status, once(xhr.seen)]);
        """,
    ) == [[401, WHOLE], [200, WHOLE], [401, WHOLE]]
    assert python.server.counters()["refreshes_asked"] == 0


@pytest.mark.firefox
def test_a_header_field_is_stripped_as_the_browser_does(python: Visit) -> None:
    """Base64 of a tool that ends its lines: natively the field is sent without the line's end."""
    python.server.control("/dev/revoke")
    python.expect_console(REFUSED)
    status, kept = javascript(
        python,
        """
        const prepare = xhr => xhr.setRequestHeader("X-Signature", "\\t c2lnbmVk\\r\\n");
        const xhr = await whole(sent("/api/echo", {prepare}));
        return [xhr.status, xhr.reissueError?.message ?? null];
        """,
    )
    assert (status, kept) == (200, None)
    assert [request.headers["x-signature"] for request in python.requests_to("/api/echo")] == ["c2lnbmVk"] * 2


@pytest.mark.firefox
def test_a_401_with_letters_beyond_ascii_in_its_fields_is_read(python: Visit) -> None:
    """X9: The UTF-8 of "Å" holds the byte 0x85, which Python takes for a line's end."""
    python.expect_console(REFUSED, times=0, at_most=2)
    challenge = 'Bearer realm="\u00c3\u0085land", error="invalid_token"'
    python.server.fault("/api/me", "status", status=401, challenge=challenge)
    ended = javascript(python, "const xhr = await whole(sent('/api/me')); return [xhr.status, once(xhr.seen)]")
    assert ended == [200, WHOLE]
    python.server.fault("/api/me", "status", status=401, challenge=challenge)
    python.run("late += 3600")  # so the refresh is synchronous as well
    assert javascript(python, """
        const xhr = noted();
        xhr.open("GET", "/api/me", false);
        xhr.send();
        return xhr.status;
        """) in (200, 401)  # fmt: skip


@pytest.mark.firefox
def test_xmlhttprequest_is_what_it_was_when_the_last_client_has_gone(python: Visit) -> None:
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
    installed = javascript(python, seen)
    python.run("api.uninstall()")
    assert installed == javascript(python, seen)
    # A script that has wrapped a method keeps its wrapper, which calls the native one then; and installed again.
    javascript(
        python,
        """
        window.opened = [];
        window.native_open = XMLHttpRequest.prototype.open;
        """,
    )
    python.run("api.install()")
    javascript(
        python,
        """
        const before = XMLHttpRequest.prototype.open;
        XMLHttpRequest.prototype.open = function (...asked) {
            opened.push(asked[1]);
            return before.apply(this, asked);
        };
        """,
    )
    python.expect_console(REFUSED, times=0, at_most=2)
    status = "return (await whole(sent('/api/me'))).status"
    assert javascript(python, status) == 200
    python.run("api.uninstall()")
    assert javascript(python, status) == 401
    python.run("api.install()")
    assert javascript(python, status) == 200
    python.run("api.uninstall()")
    assert javascript(python, "XMLHttpRequest.prototype.open = native_open; return opened.length") == 3


@pytest.mark.firefox
def test_what_is_on_its_way_at_uninstall_keeps_its_rules(python: Visit) -> None:
    python.run("late += 3600")
    python.server.fault("/auth/refresh", "hold")
    javascript(python, "window.one = sent('/api/me'); window.other = sent('/api/me')")
    python.server.wait_until_held()
    python.run("api.uninstall()")
    python.reset_counters()
    javascript(python, "window.other.abort()")
    python.server.release()
    assert javascript(python, "return [(await whole(one)).status, other.seen]") == [
        200,
        [1, "loadstart", 4, "abort", "loadend"],
    ]
    assert python.server.counters()["api_requests"] == 1


@pytest.mark.firefox
@pytest.mark.parametrize("left", ["xhr.abort()", "xhr.open('GET', '/api/echo')"])
def test_a_request_that_is_left_while_it_begins_gives_its_place_back(python: Visit, left: str) -> None:
    """Q10: a listener of `loadstart` is called within `send()`. More requests than `in_flight`, and then one."""
    ended = javascript(
        python,
        f"""
        for (let n = 0; n < 70; n++) {{
            const xhr = noted();
            xhr.onloadstart = () => {left};
            xhr.open("GET", "/api/echo");
            xhr.send();
        }}
        const late = new Promise(resolve => setTimeout(resolve, 20_000, "late"));
        return Promise.race([late, whole(sent("/api/me")).then(xhr => xhr.status)]);
        """,
    )
    assert ended == 200
    assert python.run("from reissue.browser import xhr_calls\nlen(xhr_calls._running)") == 0
