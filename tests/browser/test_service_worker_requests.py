"""Requests that the service worker leaves alone, or sends once: the rest of the table in docs/elements.md."""

from __future__ import annotations

import pytest

from tests.browser.test_audience import reach_loopback
from tests.browser.test_service_worker_rules import IMAGE
from tests.browser.visit import REFUSED, Visit
from tests.browser.with_worker import CONNECT, begin, begin_here, controlled_page

THE_BROWSERS_WORDS = "status of|frame-ancestors|ServiceWorker intercepted|CORS|ERR_|blocked|NetworkError"


@pytest.fixture
def server_flags() -> tuple[str, ...]:
    return ("--allow-origin", "http://localhost:*")


@pytest.mark.firefox
@pytest.mark.parametrize("answer", [404, 204])
@controlled_page
def test_a_download_that_brings_no_file_leaves_the_page_as_it_is(kept: Visit, answer: int) -> None:
    begin_here(kept)
    kept.expect_console(THE_BROWSERS_WORDS, times=0, at_most=4)
    if answer == 204:
        kept.server.fault("/api/files/none.bin", "empty", status=204)
    kept.execute("""{
        const link = Object.assign(document.createElement("a"), {href: "/api/files/none.bin", download: "none.bin"});
        document.body.append(link);
        link.click();
    }""")
    kept.run("await until(lambda: ways() and isinstance(ways()[0][-1], int))")
    assert kept.run("ways()") == [["none.bin", "download", "started", "sent", answer]]
    assert kept.evaluate(IMAGE) == 1
    assert kept.evaluate("[location.pathname, frames['reissue-download'].location.href]") == [
        "/blank.html",
        "about:blank",
    ]


@pytest.mark.firefox
def test_a_link_to_another_origin_or_out_of_the_scope_is_left_to_the_browser(visit: Visit) -> None:
    """The worker is given no such navigation, so a frame would show the answer to nobody."""
    foreign = visit.server.origin.replace("127.0.0.1", "localhost")
    visit.allowed_origins.add(foreign)
    begin(visit, connect=CONNECT.replace('connect("/api/"', f'connect(["/api/", "{foreign}/api/"]'))
    left = """href => {
        const link = Object.assign(document.createElement("a"), {href, download: "a.bin"});
        document.body.append(link);
        let taken;
        addEventListener("click", event => { taken = event.defaultPrevented; event.preventDefault(); }, {once: true});
        link.click();
        return taken;
    }"""
    assert visit.evaluate(f"({left})('{foreign}/api/files/dot.png')") is False
    assert visit.evaluate(f"({left})('/api/files/dot.png')") is True


@pytest.mark.firefox
@controlled_page
def test_a_beacon_with_a_type_that_no_form_has_is_not_signed_in(kept: Visit) -> None:
    begin_here(kept)
    kept.expect_console(REFUSED)
    kept.execute("navigator.sendBeacon('/api/upload', new Blob(['{}'], {type: 'application/json'}))")
    kept.until(lambda: kept.server.counters()["api_401s"] == 1)
    assert kept.run("ways('/api/')") == []


@pytest.mark.firefox
@pytest.mark.parametrize("policy", ["no-referrer", "same-origin"])
@controlled_page
def test_a_form_is_signed_in_if_its_page_says_where_it_comes_from(kept: Visit, policy: str) -> None:
    begin_here(kept)
    kept.expect_console(THE_BROWSERS_WORDS, times=0, at_most=4)
    kept.execute(f"""{{
        document.head.append(Object.assign(document.createElement("meta"), {{name: "referrer", content: "{policy}"}}));
        const form = document.createElement("form");
        Object.assign(form, {{action: "/api/upload", method: "post", target: "answers"}});
        const frame = Object.assign(document.createElement("iframe"), {{name: "answers"}});
        document.body.append(frame, form);
        form.submit();
    }}""")
    kept.until(lambda: kept.server.counters()["api_requests"] == 1)
    assert kept.server.counters()["api_401s"] == (1 if policy == "no-referrer" else 0)
    assert len(kept.run("ways('/api/')")) == (0 if policy == "no-referrer" else 1)


@pytest.mark.firefox
def test_a_post_to_an_api_without_cors_is_not_sent_again(visit: Visit) -> None:
    """A second one could do twice what the first has done, unseen."""
    foreign = visit.server.origin.replace("127.0.0.1", "localhost")
    visit.allowed_origins.add(foreign)
    visit.api = f"{foreign}/api/"
    visit.expect_console(THE_BROWSERS_WORDS, times=0, at_most=20)
    reach_loopback(visit)
    begin(visit, sign_in=False, connect=CONNECT.replace('"/api/"', f'"{foreign}/api/"'))
    visit.run('await api.sign_in(username="ada", password="lovelace")')
    visit.reset_counters()
    visit.execute(f"navigator.sendBeacon('{foreign}/api/upload', 'said')")
    visit.run("await until(lambda: ways('/api/'))")
    visit.run("await until(lambda: ways('/api/')[0][-1] != 'sent')")
    assert visit.run("ways('/api/')") == [["upload", "beacon", "started", "sent", "failed"]]
    counters = visit.server.counters()
    assert (counters["api_requests"], counters["api_401s"]) == (1, 0), "the preflight alone"
