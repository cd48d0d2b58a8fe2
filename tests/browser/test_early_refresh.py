"""`connect(…, resume_early=True)`: a page that is loaded again asks for its session before Python runs.

As in test_tabs.py, the server rotates refresh tokens without grace, and no refresh token may be presented twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Route

from tests.browser.tabs import Tab, Tabs
from tests.browser.test_clients import MODULE
from tests.browser.visit import Visit
from tests.live_server import forked_server

REFRESH = "/auth/refresh"
PYTHON = "**/*.wasm"
COUNT = f"""
const native = fetch;
globalThis.asked = 0;
globalThis.fetch = (...given) => {{
    if (given[0] === location.origin + "{REFRESH}") asked++;
    return native(...given);
}};
"""
EARLY: dict[str, Any] = {"resume_early": True, "deadline": 3600}
"""An hour, of which the page's script takes a minute: Python may be slow on a busy machine."""


@pytest.fixture(scope="module")
def pages(browser: Browser, runtime: None) -> Iterator[Tabs]:
    with forked_server() as server:
        context = browser.new_context()
        context.add_init_script(COUNT)
        yield Tabs(context, server)
        context.close()


@pytest.fixture
def tabs(pages: Tabs) -> Iterator[Tabs]:
    pages.begin()
    yield pages
    while STARTS:
        STARTS.pop().let_go()
    for tab in pages.all:
        if not tab.left:
            tab.blank_has_begun()
    counters = pages.end()
    assert counters["reuse_detections"] == 0


STARTS: list[Start] = []
"""Those of the test that runs."""


class Start:
    """The start of pages whose Python does not arrive before `let_go`."""

    def __init__(self, tabs: Tabs, *starting: Tab) -> None:
        self.tabs = tabs
        self.held: list[Route] = []
        STARTS.append(self)
        tabs.context.route(PYTHON, lambda route: self.held.append(route))
        for tab in starting:
            tab.reload()

    def reached(self, count: int = 1) -> Start:
        """So many pages have run their scripts: what these do at once, is done. What they ask for may be on its way."""
        self.tabs.until(lambda: len(self.held) >= count)
        return self

    def let_go(self) -> None:
        self.tabs.context.unroute(PYTHON)
        while self.held:
            with suppress(Error):  # its page may be gone
                self.held.pop().continue_()


def refreshes(tabs: Tabs) -> tuple[int, int]:
    """How many the server was asked for, and how many it granted."""
    counters = tabs.server.counters()
    return counters["refreshes_asked"], counters["refreshes_granted"]


def note(tab: Tab) -> str:
    """What the note is called."""
    return f"{tab.channel()} early"


def alter_note(tab: Tab, alter: Callable[[Any], Any]) -> None:
    notes = alter(json.loads(tab.stored()[note(tab)]))
    text = notes if isinstance(notes, str) else json.dumps(notes)
    tab.evaluate(f"localStorage.setItem({json.dumps(note(tab))}, {json.dumps(text)})")


def asked_early(tab: Tab) -> int:
    """How often the page has asked for the session by itself. It decides within some turns of the browser's locks."""
    count = tab.evaluate("(async () => { for (let n = 0; n < 6; n++) await navigator.locks.query(); return asked; })()")
    return int(count)


def resumed(tabs: Tabs, tab: Tab) -> bool:
    tabs.reopened(tab, **EARLY)
    return bool(tab.run("await api.resume()"))


# One round trip less


@pytest.mark.firefox
def test_a_reload_asks_for_the_session_before_python_runs_and_no_second_time(tabs: Tabs) -> None:
    (tab,) = tabs.signed_in(1, **EARLY)
    start = Start(tabs, tab)
    tabs.until(lambda: refreshes(tabs) == (1, 1))
    start.let_go()
    assert resumed(tabs, tab) is True
    assert (tab.fetch(), tab.user) == (200, "ada")
    assert tab.told() == ["started"]
    assert refreshes(tabs) == (1, 1)
    tab.run("await api.renew()")
    assert refreshes(tabs) == (2, 2)


def test_each_reload_does_so(tabs: Tabs) -> None:
    (tab,) = tabs.signed_in(1, **EARLY)
    for count in (1, 2, 3):
        start = Start(tabs, tab)
        tabs.until(lambda: refreshes(tabs) == (count, count))  # noqa: B023
        start.let_go()
        assert resumed(tabs, tab) is True
    assert refreshes(tabs) == (3, 3)


def test_without_the_option_nothing_is_asked_before_python_runs(tabs: Tabs) -> None:
    (tab,) = tabs.signed_in(1)
    start = Start(tabs, tab).reached()
    assert asked_early(tab) == 0
    start.let_go()
    assert resumed(tabs, tab) is True
    assert refreshes(tabs) == (1, 1)


@pytest.mark.firefox
def test_two_tabs_that_are_restored_at_once_make_one_refresh(tabs: Tabs) -> None:
    """T1"""
    two = tabs.signed_in(2, **EARLY)
    tabs.server.fault(REFRESH, "hold")
    start = Start(tabs, *two).reached(2)
    assert sum(map(asked_early, two)) == 1
    tabs.server.wait_until_held()
    tabs.server.release()
    start.let_go()
    for tab in two:
        tabs.reopened(tab, **EARLY)
        tab.run("begin(api.resume())")
    assert [tab.outcomes() for tab in two] == [[True]] * 2
    assert [tab.fetch() for tab in two] == [200] * 2
    assert refreshes(tabs) == (1, 1)


@pytest.mark.firefox
def test_a_tab_with_the_session_is_asked_for_it_and_not_the_server(tabs: Tabs) -> None:
    """T1"""
    tab, other = tabs.signed_in(2, **EARLY)
    start = Start(tabs, tab).reached()
    assert asked_early(tab) == 0
    start.let_go()
    assert resumed(tabs, tab) is True
    assert (tab.fetch(), other.fetch(), refreshes(tabs)) == (200, 200, (0, 0))


def test_a_tab_that_has_had_a_session_long_ago_does_not_make_the_page_wait(tabs: Tabs) -> None:
    """The user has signed in again where this tab did not hear of it."""
    (other,) = tabs.open(1)
    other.disconnect()
    (tab,) = tabs.signed_in(1, **EARLY)
    began = int(tab.run("int(__import__('time').time() * 1000)")) - 60_000
    sign = json.dumps(f"{tab.channel()}#over.{began}.a.1")
    other.execute(f"navigator.locks.request({sign}, {{mode: 'shared'}}, () => new Promise(() => {{}}));")
    start = Start(tabs, tab)
    tabs.until(lambda: refreshes(tabs) == (1, 1))
    start.let_go()
    assert resumed(tabs, tab) is True


def test_two_clients_of_one_page_take_one_answer(tabs: Tabs) -> None:
    """Q16"""
    (tab,) = tabs.signed_in(1, **EARLY)
    Start(tabs, tab).let_go()
    tabs.reopened(tab, **EARLY)
    tab.run(f"other = connect('/auth', **{EARLY!r})\nbegin(api.resume())\nbegin(other.resume())")
    assert tab.outcomes() == [True, True]
    tab.run("start(other, 1)")
    assert [*tab.outcomes(), tab.fetch()] == [200, 200]
    assert refreshes(tabs) == (1, 1)
    tab.run("await other.close()")


TWO_TAKE_OVER = """
one, two = [client._lifecycle._shared._peers._early for client in (api, other)]
taking, waiting = asyncio.ensure_future(one.take_over()), asyncio.ensure_future(two.take_over())
turn = await taking
for _ in range(20):  # it would have the lock by now
    await asyncio.sleep(0)
taken = [turn is not None, waiting.done()]
turn.end()
[*taken, await waiting is None, two.transport.answer is None]
"""


@pytest.mark.firefox
def test_two_clients_of_one_page_do_not_hold_one_lock_at_once(tabs: Tabs) -> None:
    (tab,) = tabs.signed_in(1, **EARLY)
    Start(tabs, tab).let_go()
    tabs.reopened(tab, **EARLY)
    tab.run(f"other = connect('/auth', **{EARLY!r})\nNone")
    assert tab.run(TWO_TAKE_OVER) == [True, False, True, True]
    tab.run("await other.close()")


def test_an_answer_that_was_not_taken_under_its_lock_is_not_taken_later(tabs: Tabs) -> None:
    """S3: Another tab may have signed in since."""
    (tab,) = tabs.signed_in(1, **EARLY)
    Start(tabs, tab).let_go()
    tabs.reopened(tab, **EARLY)
    tab.run("async with api._lifecycle._shared.lock.hold():\n    pass\nNone")
    assert tab.run("await api.resume()") is True
    assert refreshes(tabs) == (2, 2)


@pytest.mark.parametrize(("endpoint", "option"), [(", tokens='cookie'", ""), ("", ", name='mine'")])
def test_tokens_in_cookies_and_a_name_of_its_own_are_as_early(tabs: Tabs, endpoint: str, option: str) -> None:
    (tab,) = tabs.open(1)
    tab.disconnect()
    settings = f"endpoint=reissue.Endpoint('/auth'{endpoint}), resume_early=True{option}"
    connect = f"import reissue\napi = reissue.connect('/api/', {settings})\n"
    tab.run(f"{connect}await api.sign_in(username='ada', password='lovelace')\nawait api.close()")
    start = Start(tabs, tab)
    tabs.until(lambda: refreshes(tabs) == (1, 1))
    start.let_go()
    tab.blank_has_begun()
    assert tab.run(f"{connect}await api.resume()") is True
    assert refreshes(tabs) == (1, 1)
    tab.run("await api.close()")


def test_a_token_is_as_old_as_its_answer(tabs: Tabs) -> None:
    """T12: Python may have come twenty seconds later."""
    (tab,) = tabs.signed_in(1, **EARLY)
    start = Start(tabs, tab).reached()
    tabs.until(lambda: refreshes(tabs) == (1, 1))
    tabs.until(lambda: tab.mark not in tab.stored())
    tab.execute("const now = Date.now; Date.now = () => now() + 20_000;")
    start.let_go()
    assert resumed(tabs, tab) is True
    assert tab.run("api.expires_in") <= 40
    assert refreshes(tabs) == (1, 1)


def test_a_page_that_nobody_looks_at_asks_for_nothing(tabs: Tabs) -> None:
    """One that is prerendered, or restored in the background: its Python may take long to come."""
    (tab,) = tabs.signed_in(1, **EARLY)
    tab.page.add_init_script("Object.defineProperty(document, 'visibilityState', {value: 'hidden'})")
    start = Start(tabs, tab).reached()
    assert asked_early(tab) == 0
    start.let_go()
    assert resumed(tabs, tab) is True
    assert refreshes(tabs) == (1, 1)
    tab.disconnect()
    tab.close()


# What lies in storage


def test_the_note_holds_no_token(tabs: Tabs) -> None:
    """X7"""
    (tab,) = tabs.signed_in(1, **EARLY)
    stored = tab.stored()
    assert list(stored) == [note(tab)]
    assert tab.fetch() == 200
    assert tab.tokens
    secrets = [*tab.tokens, tabs.refresh_cookie()]
    assert not any(secret in stored[note(tab)] for secret in secrets if secret)
    tab.run("await api.sign_out()")
    assert tab.stored() == {}


def test_a_client_without_the_option_removes_the_note(tabs: Tabs) -> None:
    (tab,) = tabs.signed_in(1, **EARLY)
    tab.disconnect()
    assert list(tab.stored()) == [note(tab)]
    tab.connect()
    assert tab.stored() == {}


def test_a_note_is_used_once(tabs: Tabs) -> None:
    """So that what goes wrong with it does not go wrong again."""
    (tab,) = tabs.signed_in(1, **EARLY)
    start = Start(tabs, tab)
    tabs.until(lambda: refreshes(tabs) == (1, 1))
    start.reached()
    tabs.until(lambda: tab.stored() == {})
    start.held.clear()
    tab.reload()
    start.reached()
    assert asked_early(tab) == 0
    start.let_go()
    assert resumed(tabs, tab) is True
    assert refreshes(tabs) == (2, 2)


OTHERS = {
    "another path": lambda notes: {"/another": notes["/blank.html"]},
    "no JSON": lambda notes: "{",
    "no object": lambda notes: [1],
    "nothing": lambda notes: None,
    "no request": lambda notes: {"/blank.html": {"within": 15}},
    "a request that is none": lambda notes: {"/blank.html": {"request": "{}", "within": 15}},
    "no time": lambda notes: {"/blank.html": {**notes["/blank.html"], "within": 0}},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_a_note_that_is_not_for_this_page_does_nothing(tabs: Tabs, other: Any) -> None:
    """X8: Any script of the origin can write there."""
    (tab,) = tabs.signed_in(1, **EARLY)
    tab.disconnect()
    alter_note(tab, other)
    start = Start(tabs, tab).reached()
    assert asked_early(tab) == 0
    start.let_go()
    assert resumed(tabs, tab) is True
    assert refreshes(tabs) == (1, 1)
    assert list(json.loads(tab.stored()[note(tab)]))[-1] == "/blank.html"


def test_the_answer_to_another_request_than_pythons_is_not_taken(tabs: Tabs) -> None:
    """The app has changed since: the server may look at the fields."""
    (tab,) = tabs.signed_in(1, **EARLY)
    start = Start(tabs, tab)
    tabs.until(lambda: refreshes(tabs) == (1, 1))
    start.let_go()
    tabs.reopened(tab, **EARLY).disconnect()
    endpoint = f"reissue.Endpoint({'/auth'!r}, fields={{'app': 2}})"
    resume = f"api = reissue.connect('/api/', endpoint={endpoint}, resume_early=True)\nawait api.resume()"
    assert tab.run(resume) is True
    assert refreshes(tabs) == (2, 2)
    tab.connected = True


@pytest.mark.parametrize("answer", ["late", "here"])
def test_a_client_without_the_option_gets_the_lock_at_once(tabs: Tabs, answer: str) -> None:
    """T4: The option was on when the page was last here, and no client will ever take the answer."""
    (tab,) = tabs.signed_in(1, **EARLY)
    tab.page.add_init_script(KEEP_THE_MINUTE)
    if answer == "late":
        tabs.server.fault(REFRESH, "hold", after=True)
    start = Start(tabs, tab)
    tabs.until(lambda: refreshes(tabs) == (1, 1))
    start.let_go()
    tabs.reopened(tab, deadline=3600)
    tab.run("begin(api.resume())")
    if answer == "late":
        assert refreshes(tabs) == (1, 1)  # S2: the cookie of the early refresh lands first
        tabs.server.release()
    assert tab.outcomes() == [True]
    assert refreshes(tabs) == (2, 2)
    assert (tab.fetch(), tab.told()) == (200, ["started"])
    tab.disconnect()
    tab.close()


# Sign-outs, and other users


def test_after_a_sign_out_nothing_is_asked(tabs: Tabs) -> None:
    """T8: In whichever tab."""
    tab, other = tabs.signed_in(2, **EARLY)
    other.run("await api.sign_out()")
    tab.wait_until_told("ended signed_out")
    start = Start(tabs, tab).reached()
    assert asked_early(tab) == 0
    start.let_go()
    assert resumed(tabs, tab) is False


def test_a_sign_out_that_the_server_does_not_know_of_comes_first(tabs: Tabs) -> None:
    """S1: The note is there all the same, as a tab that renews at the same moment would write it."""
    (tab,) = tabs.signed_in(1, **EARLY)
    noted = tab.stored()[note(tab)]
    tabs.server.fault("/auth/logout", "status", status=503)
    tab.expect_console("status of 503")
    tab.run("begin(api.sign_out())")
    assert tab.outcomes() == ["RefreshUnavailable"]
    tab.evaluate(f"localStorage.setItem({json.dumps(note(tab))}, {json.dumps(noted)})")
    start = Start(tabs, tab).reached()
    assert asked_early(tab) == 0
    start.let_go()
    assert resumed(tabs, tab) is False
    assert (refreshes(tabs), tabs.server.counters()["logouts"], tabs.refresh_cookie()) == ((0, 0), 1, None)


@pytest.mark.firefox
def test_a_sign_out_while_python_is_on_its_way_is_not_undone(tabs: Tabs) -> None:
    """S1, S2: It waits for the cookie that the early refresh brings, and that cookie signs nobody in."""
    tab, other = tabs.signed_in(2, **EARLY)
    other.disconnect()
    tabs.server.fault(REFRESH, "hold", after=True)
    start = Start(tabs, tab).reached()
    tabs.server.wait_until_held()
    other.connect(**EARLY)
    other.run("begin(api.sign_out())")
    tabs.until(lambda: other.in_line() == 1)
    start.let_go()
    tabs.reopened(tab, **EARLY)
    tab.run("begin(api.resume())")
    tabs.server.release()
    assert [*tab.outcomes(), *other.outcomes()] == [False, None]
    assert (tab.fetch(), tab.told()) == ("SessionEnded", [])
    assert tabs.refresh_cookie() is None
    assert refreshes(tabs) == (1, 1)
    assert tab.stored() == {}


def test_a_sign_out_does_not_wait_for_the_python_of_another_page(tabs: Tabs) -> None:
    """S1, S2: The answer that waits for it is dropped, and signs nobody in."""
    tab, other = tabs.signed_in(2, **EARLY)
    tab.page.add_init_script(KEEP_THE_MINUTE)
    other.disconnect()
    start = Start(tabs, tab).reached()
    tabs.until(lambda: refreshes(tabs) == (1, 1))
    tabs.until(lambda: tab.mark not in tab.stored())
    other.connect(**EARLY)
    other.run("begin(api.sign_out())")
    assert other.outcomes() == [None]
    assert (tabs.refresh_cookie(), tabs.server.counters()["logouts"]) == (None, 1)
    start.let_go()
    tab.may_be_refused(1)
    assert resumed(tabs, tab) is False
    assert (tab.told(), refreshes(tabs)) == ([], (2, 1))
    tab.disconnect()
    tab.close()


def begun_while_the_answer_is_late(tabs: Tabs, begin: str, counter: str) -> Tab:
    """A page that was loaded again, whose Python has begun this: the server sees it once the early answer is here."""
    (tab,) = tabs.signed_in(1, **EARLY)
    tabs.server.fault(REFRESH, "hold", after=True)
    start = Start(tabs, tab).reached()
    tabs.server.wait_until_held()
    start.let_go()
    tabs.reopened(tab, landing=0, **EARLY)
    tab.run(begin)
    for _ in range(5):  # it would be there by now
        tab.run("(await api.fetch('/pyscript.toml', auth=False)).status")
    assert tabs.server.counters()[counter] == 0
    tabs.server.release()
    return tab


def test_a_sign_out_in_the_page_itself_waits_for_the_early_cookie(tabs: Tabs) -> None:
    """S2"""
    tab = begun_while_the_answer_is_late(tabs, "begin(api.resume())\nbegin(api.sign_out())", "logouts")
    assert tab.outcomes() == [False, None]
    assert (tabs.refresh_cookie(), tab.state, refreshes(tabs)) == (None, "SIGNED_OUT", (1, 1))


def test_another_users_sign_in_comes_after_the_late_answer(tabs: Tabs) -> None:
    """S3: Or the cookie of the one would replace that of the other."""
    tab = begun_while_the_answer_is_late(tabs, "begin(api.sign_in(username='grace', password='hopper'))", "logins")
    assert tab.outcomes() == [None]
    tab.run("await api.renew()")
    assert (tab.user, tab.fetch(), refreshes(tabs)) == ("grace", 200, (2, 2))
    assert tab.told("ended") == []


# When something goes wrong


KEEP_THE_MINUTE = """
const later = globalThis.setTimeout;
globalThis.setTimeout = (call, delay, ...rest) => {
    if (delay !== 60_000) return later(call, delay, ...rest);
    globalThis.minuteIsOver = call;
};
"""


@pytest.mark.parametrize("held", ["request", pytest.param("answer", marks=pytest.mark.firefox), "lost request"])
def test_a_page_that_is_left_in_the_middle_signs_nobody_out(tabs: Tabs, held: str) -> None:
    """T7: The next page does not ask early, since a cookie may still land."""
    (tab,) = tabs.signed_in(1, **EARLY)
    before, noted = tabs.refresh_cookie(), tab.stored()[note(tab)]
    tabs.server.fault(REFRESH, "hold", after=held == "answer")
    start = Start(tabs, tab).reached()
    tabs.server.wait_until_held()
    assert tab.stored()[tab.mark] == "on"
    tab.evaluate(f"localStorage.setItem({json.dumps(note(tab))}, {json.dumps(noted)})")  # as a tab may that is new
    start.held.clear()
    tab.reload()
    start.reached()
    assert (asked_early(tab), tab.mark in tab.stored()) == (0, True)
    start.let_go()
    tabs.reopened(tab, landing=600, **EARLY)
    tab.run("begin(api.resume())")
    tabs.until(lambda: "exclusive" in tab.locks())
    tabs.server.release(abandon=held == "lost request")
    if held != "lost request":
        tabs.until(lambda: tabs.refresh_cookie() != before)
    tabs.end_the_landing(tab)
    assert tab.outcomes() == [True]
    assert (tab.fetch(), tab.told("ended")) == (200, [])
    assert refreshes(tabs) == (2, 1 if held == "lost request" else 2)


FAIL_AS_THE_PAGE_IS_LEFT = """
const wire = fetch;
globalThis.fetch = (...given) => {
    const sent = wire(...given);
    if (given[0] !== location.origin + "/auth/refresh") return sent;
    const left = new Promise((_, fail) => addEventListener("pagehide", () => fail(new TypeError("Failed to fetch"))));
    return Promise.race([sent, left]);
};
"""


@pytest.mark.only_browser("chromium")
def test_a_page_that_hears_of_a_failure_as_it_is_left_leaves_its_mark(tabs: Tabs) -> None:
    """T7: Chromium may tell it so, although the request goes on. The next page presented the spent cookie at once."""
    (tab,) = tabs.signed_in(1, **EARLY)
    before = tabs.refresh_cookie()
    tab.page.add_init_script(FAIL_AS_THE_PAGE_IS_LEFT)
    tabs.server.fault(REFRESH, "hold", after=True)
    start = Start(tabs, tab).reached()
    tabs.server.wait_until_held()
    start.held.clear()
    tab.reload()
    start.reached()
    assert tab.mark in tab.stored()
    start.let_go()
    tabs.reopened(tab, landing=600, **EARLY)
    tab.run("begin(api.resume())")
    tabs.until(lambda: "exclusive" in tab.locks())
    tabs.server.release()
    tabs.until(lambda: tabs.refresh_cookie() != before)
    tabs.end_the_landing(tab)
    assert tab.outcomes() == [True]
    assert refreshes(tabs) == (2, 2)
    tab.close()


def test_a_page_that_is_left_once_the_answer_is_here_leaves_no_mark(tabs: Tabs) -> None:
    """T7: The cookie has landed, so the next page need not wait for it."""
    (tab,) = tabs.signed_in(1, **EARLY)
    start = Start(tabs, tab).reached()
    tabs.until(lambda: refreshes(tabs) == (1, 1))
    tabs.until(lambda: tab.mark not in tab.stored())
    start.held.clear()
    tab.reload()
    start.reached().let_go()
    tabs.reopened(tab, landing=3600, **EARLY)
    assert tab.run("await api.resume()") is True
    assert refreshes(tabs) == (2, 2)


@pytest.mark.parametrize("answer", [pytest.param("late", marks=pytest.mark.firefox), "here"])
def test_a_page_whose_python_never_comes_gives_the_lock_back(tabs: Tabs, answer: str) -> None:
    """T4, T7: When the time of one call is over. If the answer is late, the cookie may still land."""
    tab, other = tabs.signed_in(2, **EARLY)
    other.disconnect()
    tab.page.add_init_script(KEEP_THE_MINUTE)
    if answer == "late":
        tabs.server.fault(REFRESH, "hold")
    Start(tabs, tab).reached()
    tabs.until(lambda: refreshes(tabs) == (1, answer == "here"))
    if answer == "late":
        tabs.server.wait_until_held()
    else:
        tabs.until(lambda: tab.mark not in tab.stored())
    assert "exclusive" in tab.locks()
    tab.evaluate("minuteIsOver()")
    tabs.until(lambda: "exclusive" not in other.locks())
    assert (tab.mark in other.stored()) is (answer == "late")
    tab.close()
    tabs.server.release(abandon=True)
    other.connect(landing=3600 if answer == "here" else 0, **EARLY)
    assert other.run("await api.resume()") is True
    assert other.fetch() == 200


REFUSED = "() => Promise.reject(new DOMException('no', 'SecurityError'))"
BREAK_FETCH_ONCE = """
let broken;
const whole = fetch;
globalThis.fetch = (...given) => {
    const call = given[0] === location.origin + "/auth/refresh" ? broken : null;
    if (call) broken = null;
    return (call ?? whole)(...given);
};
"""
HINDRANCES = {
    "no list of locks": f"LockManager.prototype.query = {REFUSED};",
    "no locks": f"LockManager.prototype.request = {REFUSED};",
    "full storage": "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };",
    "fetch gives nothing": "broken = () => {};",
    "fetch throws": "broken = () => { throw Error('no'); };",
}


@pytest.mark.parametrize("hindrance", HINDRANCES)
def test_whatever_the_page_lacks_no_error_comes_of_it_and_nobody_is_signed_out(tabs: Tabs, hindrance: str) -> None:
    """T6, X6: The console is looked at as well."""
    (tab,) = tabs.signed_in(1, **EARLY)
    tab.page.add_init_script(BREAK_FETCH_ONCE + HINDRANCES[hindrance])
    Start(tabs, tab).reached().let_go()
    tabs.reopened(tab, **EARLY)
    tab.run("begin(api.resume())")
    assert tab.outcomes() == ["RefreshUnavailable" if hindrance == "fetch throws" else True]
    assert tab.run("await api.resume()") is True
    assert (tab.fetch(), refreshes(tabs), tab.told("ended")) == (200, (1, 1), [])
    tab.disconnect()
    tab.check()
    tab.close()


@pytest.mark.parametrize("status", [401, 400, 403])
def test_an_early_refusal_is_not_believed(tabs: Tabs, status: int) -> None:
    """T7: Python asks once more before anybody is signed out."""
    (tab,) = tabs.signed_in(1, **EARLY)
    tabs.server.fault(REFRESH, "status", status=status, body={"error": "invalid_grant"})
    tab.expect_console(f"status of {status}")
    Start(tabs, tab).let_go()
    assert resumed(tabs, tab) is True
    assert (tab.fetch(), tab.told("ended"), refreshes(tabs)) == (200, [], (2, 1))


@pytest.mark.parametrize("kind", [pytest.param("drop", marks=pytest.mark.firefox), "lost"])
def test_an_early_refresh_without_an_answer_is_not_repeated_at_once(tabs: Tabs, kind: str) -> None:
    """F1, F6: It may have rotated the token; and the user is not signed out."""
    (tab,) = tabs.signed_in(1, **EARLY)
    tabs.server.fault(REFRESH, kind)
    tab.expect_console("ERR_(EMPTY|INVALID_HTTP)_RESPONSE|ERR_CONNECTION", times=0, at_most=2)
    Start(tabs, tab).let_go()
    tabs.reopened(tab, **EARLY)
    tab.run("begin(api.resume())")
    assert tab.outcomes() == ["RefreshUnavailable"]
    assert (tab.told("ended"), refreshes(tabs)[0]) == ([], 1)
    if kind == "drop":
        assert tab.run("await api.resume()") is True
        assert (tab.fetch(), refreshes(tabs)) == (200, (2, 1))


def test_a_session_that_is_over_is_refused_twice_at_most(tabs: Tabs) -> None:
    (tab,) = tabs.signed_in(1, **EARLY)
    tabs.server.control("/dev/end")
    tab.may_be_refused(3)
    Start(tabs, tab).let_go()
    assert resumed(tabs, tab) is False
    assert refreshes(tabs) == (2, 0)
    tab.reload()
    assert resumed(tabs, tab) is False
    assert refreshes(tabs) == (3, 0)


def test_a_server_that_asks_to_wait_is_asked_no_second_time(tabs: Tabs) -> None:
    """F2"""
    (tab,) = tabs.signed_in(1, **EARLY)
    tabs.server.fault(REFRESH, "status", status=503, retry_after="60")
    tab.expect_console("status of 503")
    Start(tabs, tab).let_go()
    tabs.reopened(tab, **EARLY)
    tab.run("begin(api.resume())\nbegin(api.fetch('/api/echo'))")
    assert tab.outcomes() == ["RefreshUnavailable"] * 2
    assert refreshes(tabs) == (1, 0)
    tab.run("skew += 61\nNone")
    assert tab.run("await api.resume()") is True
    assert refreshes(tabs) == (2, 1)


# Settings


WRONG = {
    "a function": ("async_refresh", "", "TypeError"),
    "tabs=False": ("reissue.Endpoint('/auth')", "tabs=False", "ValueError"),
    "store=": ("reissue.Endpoint('/auth')", "store='local'", "ValueError"),
    "dpop=True": ("reissue.Endpoint('/auth')", "dpop=True", "ValueError"),
    "cookie=False": ("reissue.Endpoint('/auth', cookie=False)", "", "ValueError"),
    "oauth2": ("reissue.Endpoint.oauth2('https://issuer.test', client_id='me')", "", "ValueError"),
}


@pytest.mark.parametrize(("endpoint", "option", "kind"), WRONG.values(), ids=WRONG.keys())
def test_settings_that_can_not_work_are_refused(tabs: Tabs, endpoint: str, option: str, kind: str) -> None:
    (tab,) = tabs.open(1)
    error = tab.run(f"""
import reissue
async def async_refresh(credential):
    ...
try:
    reissue.connect("/api/", endpoint={endpoint}, resume_early=True, {option})
except (TypeError, ValueError) as error:
    said = [type(error).__name__, str(error)]
said
""")
    assert error[0] == kind
    assert error[1].startswith("resume_early=True ")


IN_A_WORKER = """
import js, reissue
api = reissue.connect(f"{js.location.origin}/api/", endpoint=reissue.Endpoint("/auth"), resume_early=True)
await api.sign_in(username="ada", password="lovelace")
await api.close()
api = reissue.connect(f"{js.location.origin}/api/", endpoint=reissue.Endpoint("/auth"), resume_early=True)
[await api.resume(), (await api.fetch("/api/me")).status]
"""


def test_in_a_worker_which_has_no_such_storage_the_option_has_no_effect(visit: Visit) -> None:
    visit.open_blank("worker.html", policy=MODULE)
    assert visit.run(IN_A_WORKER) == [True, 200]
    assert visit.evaluate("localStorage.length") == 0
    counters = visit.server.counters()
    assert (counters["refreshes_asked"], counters["refreshes_granted"]) == (1, 1)
