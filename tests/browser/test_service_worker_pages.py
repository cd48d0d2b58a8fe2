"""Several pages of one site and its one service worker: whose request is it, and who may answer it?"""

from __future__ import annotations

from contextlib import suppress

import pytest
from playwright.sync_api import Error

from tests.browser.test_service_worker_rules import IMAGE, TIMED, another, without_python
from tests.browser.visit import REFUSED, Visit
from tests.browser.with_worker import CONNECT, begin

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


@pytest.mark.firefox
def test_what_waits_when_its_user_signs_out_is_not_sent_as_the_user_of_another_tab(visit: Visit) -> None:
    """S3: a form that Ada posted must not act for Grace, though a browser may not say which page posted it."""
    begin(visit, connect=CONNECT.replace("clock=", "tabs=False, clock="))
    grace = tab_of_grace(visit)
    visit.page.bring_to_front()
    visit.run("skew = 3600")
    visit.server.fault("/auth/refresh", "hold")
    visit.expect_console("status of 401|frame-ancestors|ServiceWorker intercepted", times=0, at_most=9)
    visit.execute(POST)
    visit.server.wait_until_held()
    visit.run("signing_out = asyncio.ensure_future(api.sign_out())\nNone")
    visit.until(lambda: visit.server.counters()["api_401s"] == 1 or bool(grace.run("len(events)")))
    assert grace.run("ways('/api/')") == []
    visit.server.release()
    visit.run("await signing_out")


@pytest.mark.firefox
def test_a_page_whose_user_is_signed_out_is_not_answered_by_another_tab(visit: Visit) -> None:
    """S3: two tabs with a session each (`tabs=False`). It is not kept waiting by a frame without Python, either."""
    begin(visit, sign_in=False, connect=CONNECT.replace("clock=", "tabs=False, clock="))
    grace = tab_of_grace(visit)
    visit.page.bring_to_front()
    visit.execute("document.body.append(document.createElement('iframe'))")
    visit.expect_console(REFUSED)
    width, took = visit.evaluate(TIMED)
    assert width == "error"
    assert took < 5_000, "the page has said that nobody is signed in"
    assert grace.run("ways('/api/')") == []


@pytest.mark.firefox
def test_a_download_is_saved_whichever_tab_has_been_asked(visit: Visit) -> None:
    """The page that follows the link knows that it is a download, and no other page does."""
    begin(visit)
    tab = another(visit, python=True)
    tab.run(CONNECT)
    tab.run("await api.resume()")
    tab.run("await api.install_worker()")
    for one, name in ((visit, "a.bin"), (tab, "b.bin"), (visit, "c.bin")):
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
