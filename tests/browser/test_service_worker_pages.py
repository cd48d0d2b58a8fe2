"""Several pages of one site and its one service worker: whose request is it, and who may answer it?"""

from __future__ import annotations

from contextlib import suppress

import pytest
from playwright.sync_api import Error

from tests.browser.test_gate import DIE
from tests.browser.test_service_worker_rules import IMAGE, TIMED, another, without_python
from tests.browser.visit import REFUSED, Visit
from tests.browser.with_worker import CONNECT, ELEMENTS, begin, begin_here, controlled_page

GRACES = CONNECT.replace("clock=", "tabs=False, name='grace', clock=")
POST = """{
    const form = document.createElement("form");
    Object.assign(form, {action: "/api/upload", method: "post", target: "answers"});
    form.append(Object.assign(document.createElement("input"), {name: "text", value: "from Ada"}));
    const frame = Object.assign(document.createElement("iframe"), {name: "answers"});
    document.body.append(frame, form);
    form.submit();
}"""


def tab_of_grace(visit: Visit) -> Visit:
    """Another tab of this browser, with a session of its own, which is ready to answer for it."""
    tab = another(visit, python=True)
    tab.run(GRACES)
    tab.run('await api.sign_in(username="grace", password="hopper")')
    tab.run("await api.install_worker()")
    tab.run("events.clear()")
    return tab


def another_with_python(visit: Visit) -> Visit:
    """Another tab with the same session, ready to answer."""
    tab = another(visit, python=True)
    tab.run(CONNECT)
    tab.run("await api.resume()")
    tab.run("await api.install_worker()")
    tab.run("events.clear()")
    return tab


@pytest.mark.firefox
@controlled_page
def test_what_waits_when_its_user_signs_out_is_not_sent_as_the_user_of_another_tab(kept: Visit) -> None:
    """S3: a form that Ada posted must not act for Grace, though a browser may not say which page posted it."""
    begin_here(kept, connect=CONNECT.replace("clock=", "tabs=False, clock="))
    grace = tab_of_grace(kept)
    kept.page.bring_to_front()
    kept.run("skew = 3600")
    kept.server.fault("/auth/refresh", "hold")
    kept.expect_console("status of 401|frame-ancestors|ServiceWorker intercepted", times=0, at_most=9)
    kept.execute(POST)
    kept.server.wait_until_held()
    kept.run("signing_out = asyncio.ensure_future(api.sign_out())\nNone")
    kept.until(lambda: kept.server.counters()["api_401s"] == 1 or bool(grace.run("len(events)")))
    assert grace.run("ways('/api/')") == []
    kept.server.release()
    kept.run("await signing_out")


@pytest.mark.firefox
@controlled_page
def test_a_page_whose_user_is_signed_out_is_not_answered_by_another_tab(kept: Visit) -> None:
    """S3: two tabs with a session each (`tabs=False`). It is not kept waiting by a frame without Python, either."""
    begin_here(kept, sign_in=False, connect=CONNECT.replace("clock=", "tabs=False, clock="))
    grace = tab_of_grace(kept)
    kept.page.bring_to_front()
    kept.execute("document.body.append(document.createElement('iframe'))")
    kept.expect_console(REFUSED)
    width, took = kept.evaluate(TIMED)
    assert width == "error"
    assert took < 5_000, "the page has said that nobody is signed in"
    assert grace.run("ways('/api/')") == []


@pytest.mark.firefox
@controlled_page
def test_a_download_is_saved_whichever_tab_has_been_asked(kept: Visit) -> None:
    """The page that follows the link knows that it is a download, and no other page does."""
    begin_here(kept)
    tab = another_with_python(kept)
    for one, name in ((kept, "a.bin"), (tab, "b.bin"), (kept, "c.bin")):
        one.page.bring_to_front()
        with one.page.expect_download() as download:
            one.execute(f"""{{
                const link = Object.assign(document.createElement("a"), {{href: "/api/files/notes.bin"}});
                link.download = {name!r};
                document.body.append(link);
                link.click();
            }}""")
        assert download.value.suggested_filename == name
        assert download.value.path().read_bytes() == bytes(range(256)) * 100


@pytest.mark.firefox
def test_a_link_that_is_made_to_look_like_a_download_is_not_signed_in(visit: Visit) -> None:
    """Without `navigations=True` no link is signed in, and so none of another site."""
    begin(visit)
    without_python(visit)
    bare = another(visit)
    bare.expect_console(REFUSED, times=0, at_most=2)
    for forged in ("", "1", "00000000-0000-4000-8000-000000000000"):
        bare.page.goto("about:blank")
        with suppress(Error):  # a download that fails is answered by a 204, and so the page stays
            bare.page.goto(f"{visit.server.url}api/me#reissue-download={forged}")
        assert "Ada" not in bare.page.content()
    assert visit.run("ways('/api/')") == []
    assert visit.evaluate(IMAGE) == 1


# Pages that do not answer


def test_a_page_whose_python_has_died_waits_once_and_is_answered_by_another_tab(visit: Visit) -> None:
    begin(visit, patience=1)
    visit.run(DIE)
    visit.expect_console(".*", times=1, at_most=1000)  # Pyodide tells at length
    assert visit.evaluate("(() => { try { die(); } catch (error) { return error.name; } })()") == "RuntimeError"
    assert visit.evaluate(IMAGE) == "error"
    width, took = visit.evaluate(TIMED)
    assert width == "error"
    assert took < 1_000, "no second wait"
    tab = another_with_python(visit)
    assert visit.evaluate(IMAGE) == 1
    assert tab.run("ways()") == [["dot.png", "image", "started", "sent", 200]]


def test_a_frozen_page_is_passed_over_and_asked_again_when_it_has_thawed(visit: Visit) -> None:
    """No task of it runs, as in a tab that was out of sight for long: here the debugger sees to that."""
    begin(visit, patience=1)
    without_python(visit)
    bare = another(visit)
    visit.run("skew = 3600")  # so that it would have to wait
    devtools = visit.context.new_cdp_session(visit.page)
    devtools.send("Debugger.enable")
    devtools.send("Debugger.pause")  # before the page's next statement
    bare.expect_console(REFUSED)
    assert bare.evaluate(IMAGE) == "error"
    visit.context.unroute("**/plain.js")
    tab = another_with_python(visit)
    assert bare.evaluate(IMAGE) == 1
    assert [way[-1] for way in tab.run("ways()")] == [200]
    devtools.detach()
    visit.run("await until(lambda: ways())")
    tab.page.close()
    visit.expect_console(REFUSED, times=0, at_most=2000)  # until the worker asks it again
    visit.until(lambda: visit.evaluate(IMAGE) == 1 and visit.run("200 in [way[-1] for way in ways()]"))
    assert visit.run("[way[-1] for way in ways() if way[-1] != 200]") == ["cancelled"], "what came too late is dropped"


def test_a_page_that_was_reloaded_past_its_worker_is_controlled_again(visit: Visit) -> None:
    """As by Shift and the reload button."""
    begin(visit)
    devtools = visit.context.new_cdp_session(visit.page)
    devtools.send("Page.reload", {"ignoreCache": True})
    visit.blank_has_begun()
    visit.execute(ELEMENTS)
    visit.expect_console(REFUSED)
    assert visit.evaluate("!navigator.serviceWorker.controller")
    assert visit.evaluate(IMAGE) == "error"
    visit.run(CONNECT)
    visit.run("await api.resume()")
    visit.run("await api.install_worker()")
    assert visit.evaluate(IMAGE) == 1


BEACON_AT_LEAVING = 'addEventListener("pagehide", () => navigator.sendBeacon("/api/upload", "left"))'


def test_a_beacon_that_the_last_page_sends_while_it_is_left_goes_out_as_it_was(visit: Visit) -> None:
    """Firefox may lose it."""
    begin(visit)
    visit.execute(BEACON_AT_LEAVING)
    visit.page.goto("about:blank")
    visit.until(lambda: visit.server.counters()["api_401s"] == 1)
    assert visit.server.counters()["refreshes_asked"] == 0


def test_a_beacon_at_leaving_is_signed_in_by_another_tab_in_chromium(visit: Visit) -> None:
    """Firefox may lose it: the document says what to use."""
    begin(visit)
    tab = another_with_python(visit)
    visit.reset_counters()
    visit.execute(BEACON_AT_LEAVING)
    visit.page.goto("about:blank")
    visit.until(lambda: visit.server.counters()["api_requests"] == 1)
    tab.run("await until(lambda: 200 in [way[-1] for way in ways('/api/upload')])")
    assert tab.run("ways('/api/upload')[0][:2]") == ["upload", "beacon"]


@pytest.mark.firefox
def test_a_frame_of_another_origin_gets_nothing_by_questions_of_its_own(visit: Visit) -> None:
    """X1: neither from the page, which hears service workers only, nor from the worker, which is not that frame's."""
    there = visit.server.url.replace("127.0.0.1", "localhost")
    page = "<!doctype html><title>hostile</title>"
    visit.context.route(f"{there}hostile.html", lambda route: route.fulfill(body=page, content_type="text/html"))
    visit.allowed_origins.add(there.removesuffix("/"))
    begin(visit, policy={"frame-src": f"'self' {there}"})
    visit.evaluate(f"loaded('iframe', {{src: '{there}hostile.html'}}).then(() => true)")
    (frame,) = [frame for frame in visit.page.frames if frame.url.startswith(there)]
    said = frame.evaluate(
        """async url => {
            const heard = [], {port1, port2} = new MessageChannel();
            port1.onmessage = ({data}) => heard.push(data);
            const question = {reissue: 1, url, method: "GET", destination: "image", life: "l", number: "n"};
            parent.postMessage(question, "*", [port2]);
            const container = navigator.serviceWorker;
            const registrations = container ? await container.getRegistrations() : [];
            return [registrations.length, container?.controller ?? null, heard];
        }""",
        f"{visit.server.url}api/me",
    )
    assert visit.evaluate(IMAGE) == 1
    assert said == [0, None, []]
    assert [way[0] for way in visit.run("ways('/api/')")] == ["dot.png"]
