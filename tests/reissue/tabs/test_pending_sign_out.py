"""A sign-out that the server may not have heard of: nobody is signed in again by its cookie."""

import asyncio
import gc
from collections.abc import AsyncIterator
from types import NoneType

import pytest
import pytest_asyncio
from reissue import (
    Credential,
    GrantRefused,
    RefreshUnavailable,
    SessionChanged,
    SessionEnded,
    SessionEvent,
    SessionPhase,
    SignOutEvent,
    SignOutPhase,
    SignOutRefused,
    State,
)
from reissue.tabs.pending_sign_out import Mark, PendingSignOut
from reissue.testing import Gate, settle

from tests.reissue.browser import Browser
from tests.reissue.conftest import clean_console, outcome
from tests.reissue.origin import Shelf, SlowShelf, StuckShelf


@pytest_asyncio.fixture
async def console() -> AsyncIterator[None]:
    """A console that stays clean even of an error in a task that has been collected since (X6)."""
    async with clean_console():
        yield
        await settle()
        gc.collect()


async def test_a_sign_out_offline_is_not_undone_by_a_reload() -> None:
    """S1: The page that is opened next tells the server first, and signs nobody in by its cookie."""
    browser = Browser()
    api = await browser.reload(await browser.signed_out_offline())
    browser.line.offline = False
    assert await api.resume() is False
    assert browser.line.asked == ["auth/logout"]
    assert browser.line.server.cookie is None
    assert browser.pending_sign_out.text is None
    assert await api.resume() is False, "and now by the server's own word"
    assert browser.line.asked == ["auth/logout", "auth/refresh"]
    await browser.close()


async def test_as_long_as_the_server_can_not_be_told_every_resume_finds_nobody_and_tries_again() -> None:
    browser = Browser()
    api = await browser.reload(await browser.signed_out_offline())
    for _ in range(3):
        assert await api.resume() is False
    assert isinstance(await outcome(api.fetch(f"{browser.line.server.url}api/notes")), SessionEnded)
    browser.line.offline = False
    assert await browser.open().resume() is False, "in another page as well"
    assert browser.line.asked == ["auth/logout"] * 4
    assert browser.line.server.cookie is None
    await browser.close()


@pytest.mark.parametrize("in_body", [False, True], ids=["by cookie", "in bodies"])
async def test_the_server_is_told_when_the_network_is_back(in_body: bool, console: None) -> None:
    """F15, S2: by the page that is still open, without a call of the app's."""
    browser = Browser(in_body=in_body)
    api = await browser.signed_out_offline()
    browser.line.asked.clear()
    api._lifecycle.wake()
    await settle()
    assert browser.pending_sign_out.text is not None, "it was not: the mark stays, and the console is clean"
    browser.line.offline = False
    events: list[SignOutPhase] = []
    api.on(lambda event: events.append(event.phase) if isinstance(event, SignOutEvent) else None)
    api._lifecycle.wake()
    api._lifecycle.wake()
    await settle()
    assert browser.line.asked == ["auth/logout"] * 2
    assert events == [SignOutPhase.CONFIRMED]
    assert browser.pending_sign_out.text is None
    assert browser.line.server.cookie is None
    api._lifecycle.wake()
    await settle()
    assert len(browser.line.asked) == 2
    await browser.close()


async def test_a_sign_out_that_is_on_its_way_is_not_told_twice_when_the_network_is_back() -> None:
    """F15"""
    browser = Browser()
    api = await browser.signed_in()
    browser.line.gate = Gate()
    signing_out = asyncio.create_task(outcome(api.sign_out()))
    await browser.line.gate.reached()
    api._lifecycle.wake()
    browser.line.sign_out_status = 503
    browser.line.gate.open()
    assert isinstance(await signing_out, RefreshUnavailable)
    await settle()
    assert browser.line.asked.count("auth/logout") == 1
    await browser.close()


async def test_of_all_tabs_that_hear_of_the_network_one_tells() -> None:
    """F15, T1"""
    browser = Browser()
    api = await browser.signed_out_offline()
    tabs = [api, browser.open(), browser.open()]
    browser.line.offline = False
    browser.line.asked.clear()
    for tab in tabs:
        tab._lifecycle.wake()
    await settle()
    assert browser.line.asked == ["auth/logout"]
    await browser.close()


async def test_the_networks_return_ends_no_session_that_has_begun_since() -> None:
    """F17, S5: neither in this tab nor in another, nor one that begins while it waits for the lock."""
    browser = Browser()
    api = await browser.signed_out_offline()
    browser.line.offline = False
    browser.line.asked.clear()
    browser.line.server.clock.advance(1)
    signing_in = asyncio.create_task(browser.open().sign_in(username="ada", password="lovelace"))
    browser.line.sign_in_gate = Gate()
    await browser.line.sign_in_gate.reached()
    api._lifecycle.wake()
    await settle()
    browser.line.sign_in_gate.open()
    await signing_in
    await settle()
    assert browser.line.asked == ["auth/logout", "auth/login"], "as every sign-in tells first"
    api._lifecycle.wake()
    await settle()
    assert browser.line.asked == ["auth/logout", "auth/login"]
    assert api.state is State.SIGNED_IN
    await browser.close()


async def test_a_closed_client_tells_nothing() -> None:
    browser = Browser()
    api = await browser.signed_out_offline()
    browser.line.offline = False
    browser.line.asked.clear()
    await api.close()
    api._lifecycle.wake()
    await settle()
    assert browser.line.asked == []
    await browser.close()


async def test_who_signs_in_elsewhere_in_the_millisecond_of_a_sign_out_is_signed_in_everywhere() -> None:
    """S5, T2: clocks are coarse, a tenth of a second in some browsers. Found by simulation."""
    browser = Browser(users={"ada": "lovelace", "grace": "hopper"})
    here, there = await browser.signed_in(), browser.open()
    assert await there.resume()
    signing_in: list[asyncio.Task[None]] = []

    def welcome(event: object) -> None:
        if isinstance(event, SessionEvent) and event.phase is SessionPhase.ENDED and not signing_in:
            signing_in.append(asyncio.create_task(there.sign_in(username="grace", password="hopper")))

    there.on(welcome)
    browser.line.server.clock.advance(60)
    await here.sign_out()
    await asyncio.gather(*signing_in)
    await settle()
    assert here.claims.get("sub") == there.claims["sub"] == "grace"
    await browser.close()


async def test_a_server_that_will_not_be_told_is_told_by_the_next_resume() -> None:
    browser = Browser()
    api = await browser.reload(await browser.signed_out_offline())
    browser.line.offline = False
    tokens = api._lifecycle.sessions.calls.tokens
    sign_out = tokens.sign_out

    async def refuses(credential: Credential | None) -> bool:
        raise GrantRefused("server_error")

    tokens.sign_out = refuses  # type: ignore[method-assign]
    assert await api.resume() is False
    assert browser.pending_sign_out.text is not None
    tokens.sign_out = sign_out  # type: ignore[method-assign]
    assert await api.resume() is False
    assert browser.pending_sign_out.text is None
    await browser.close()


async def test_the_mark_holds_no_secret() -> None:
    """Only the time of the sign-out."""
    browser = Browser()
    api = await browser.signed_in()
    browser.line.server.clock.advance(60)
    browser.line.offline = True
    await outcome(api.sign_out())
    assert browser.pending_sign_out.text == str(int(browser.line.server.clock.now * 1000))
    await browser.close()


@pytest.mark.parametrize("by", ["sign_in", "adopt"])
async def test_who_signs_in_is_resumed_again(by: str) -> None:
    """What a sign-in brings takes the place of the cookie that the server did not end."""
    browser = Browser()
    api = await browser.signed_out_offline()
    browser.line.offline = False
    if by == "sign_in":
        await api.sign_in(username="ada", password="lovelace")
    else:
        await api.adopt("token", expires_in=300)
    assert browser.pending_sign_out.text is None
    assert await (await browser.reload(api)).resume()
    assert browser.line.asked == ["auth/refresh"]
    await browser.close()


async def test_a_sign_in_tells_the_server_first_also_if_it_fails_then() -> None:
    """S5: The cookie that a wrong password does not replace is ended all the same."""
    browser = Browser()
    api = await browser.signed_out_offline()
    browser.line.offline = False
    assert await outcome(api.sign_in(username="ada", password="wrong")) is not None
    assert browser.line.asked[-2:] == ["auth/logout", "auth/login"]
    assert (browser.pending_sign_out.text, browser.line.server.cookie) == (None, None)
    await browser.close()


async def test_a_sign_in_that_is_stopped_before_its_turn_tells_the_server_of_nothing() -> None:
    """F15: its client is closed by then."""
    browser = Browser()
    await browser.signed_out_offline()
    api = browser.open()
    browser.line.offline = False
    browser.line.asked.clear()
    async with browser.pages.page().lock():
        signing_in = asyncio.create_task(outcome(api.sign_in(username="ada", password="lovelace")))
        await settle()
        closing = asyncio.create_task(api.close())
        await settle()
    assert isinstance(await signing_in, SessionEnded)
    await closing
    assert browser.line.asked == []
    await browser.close()


async def test_a_sign_in_that_fails_leaves_the_mark() -> None:
    browser = Browser()
    api = await browser.signed_out_offline()
    assert await outcome(api.sign_in(username="ada", password="lovelace")) is not None
    browser.line.offline = False
    assert await (await browser.reload(api)).resume() is False
    assert browser.line.asked == ["auth/logout"]
    await browser.close()


async def test_a_page_that_is_left_before_the_server_has_answered_leaves_the_mark() -> None:
    browser = Browser()
    api = await browser.signed_in()
    browser.line.gate = Gate()
    signing_out = asyncio.create_task(api.sign_out())
    await browser.line.gate.reached()
    assert browser.pending_sign_out.text is not None
    browser.line.gate.open()
    await signing_out
    assert browser.pending_sign_out.text is None
    await browser.close()


async def test_a_sign_out_with_a_time_limit_is_seen_through() -> None:
    """S2: It waits for the refresh on its way, and is sent after it, though its caller has gone."""
    browser = Browser()
    api = await browser.signed_in()
    browser.line.server.gate = Gate()
    renewing = asyncio.create_task(outcome(api.renew()))
    await browser.line.server.gate.reached()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await api.sign_out()
    assert api.state is State.SIGNED_OUT
    browser.line.server.gate.open()
    assert isinstance(await renewing, SessionEnded)
    assert await api.resume() is False
    assert browser.line.asked == ["auth/login", "auth/refresh", "auth/logout"]
    assert browser.line.server.cookie is None
    await browser.close()


@pytest.mark.usefixtures("console")
async def test_a_sign_out_that_is_cancelled_at_once_is_sent_and_its_failure_is_no_ones_but_leaves_the_mark() -> None:
    browser = Browser()
    api = await browser.signed_in()
    browser.line.offline = True
    signing_out = asyncio.create_task(api.sign_out())
    await asyncio.sleep(0)
    signing_out.cancel()
    await api.close()
    assert signing_out.cancelled()
    assert browser.line.asked == ["auth/login", "auth/logout"]
    assert browser.pending_sign_out.text is not None
    assert not api._lifecycle._sign_outs._telling  # type: ignore[union-attr]
    await browser.close()


@pytest.mark.usefixtures("console")
async def test_a_sign_out_whose_own_call_is_cancelled_leaves_the_mark() -> None:
    browser = Browser()
    api = await browser.signed_in()

    async def sign_out(credential: Credential | None) -> bool:
        raise asyncio.CancelledError

    api._lifecycle.sessions.calls.tokens.sign_out = sign_out  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await api.sign_out()
    assert browser.pending_sign_out.text is not None
    await browser.close()


async def test_a_page_that_has_not_heard_of_the_sign_out_hands_its_session_to_nobody() -> None:
    """T8, T2"""
    browser = Browser()
    deaf = await browser.signed_in()
    other = browser.open()
    assert await other.resume()
    browser.pages.channel_works = False
    browser.line.offline = True
    await outcome(other.sign_out())
    browser.pages.channel_works = True
    later = browser.open()
    assert deaf.state is State.SIGNED_IN
    assert await later.resume() is False
    assert other.state is later.state is State.SIGNED_OUT
    await browser.close()


async def test_a_sign_in_elsewhere_is_taken_over_though_the_mark_is_read_late() -> None:
    """Nothing says in which order a page sees what lies in a store, and what it is told."""
    browser = Browser()
    api = await browser.signed_out_offline()
    browser.line.offline = False
    mark = browser.pending_sign_out.text
    later = browser.open(pending_sign_out=(stale := Shelf()))
    stale.text = mark
    browser.line.server.clock.advance(-60)  # set back meanwhile
    await api.sign_in(username="ada", password="lovelace")
    assert await later.resume()
    assert browser.line.asked[-1] == "auth/login"
    await browser.close()


@pytest.mark.parametrize("heard", [True, False], ids=["the first was heard", "the first was not heard"])
async def test_a_second_sign_out_counts_though_the_clock_was_put_back_since_the_first(heard: bool) -> None:
    """S1, S5: the server refuses the first and can't be told of the second. Found by simulation."""
    browser = Browser()
    api = await browser.signed_in()
    if heard:
        other = browser.open()
    browser.line.sign_out_status = 403
    assert isinstance(await outcome(api.sign_out()), SignOutRefused)
    if not heard:
        other = browser.open()
    browser.line.server.clock.advance(-60)
    browser.line.sign_out_status = 503
    assert isinstance(await outcome(other.sign_out()), RefreshUnavailable)
    assert await api.resume() is False
    assert api.state is other.state is State.SIGNED_OUT
    await browser.close()


async def test_a_page_that_waits_to_tell_finds_that_another_has_told() -> None:
    browser = Browser()
    await browser.signed_out_offline()
    browser.line.offline = False
    browser.line.gate = Gate()
    browser.line.asked.clear()
    resuming = [asyncio.create_task(browser.open().resume()) for _ in range(3)]
    await browser.line.gate.reached()
    await settle()
    browser.line.gate.open()
    assert await asyncio.gather(*resuming) == [False] * 3
    assert browser.line.asked == ["auth/logout"]
    await browser.close()


@pytest.mark.parametrize("in_one_tab", [True, False], ids=["in one tab", "in two tabs"])
async def test_the_server_knows_of_every_sign_out_that_was_made_before_it_was_told(in_one_tab: bool) -> None:
    """F17: else the mark of the second ends the session of a user who signs in elsewhere. Found by simulation."""
    browser = Browser()
    api, other = await browser.signed_in(), browser.open()
    browser.line.gate = Gate()
    sign_outs = [asyncio.create_task(tab.sign_out()) for tab in (api, api if in_one_tab else other)]
    await browser.line.gate.reached()
    browser.line.offline = True  # for the second
    browser.line.gate.open()
    assert [type(await outcome(sign_out)) for sign_out in sign_outs] == [NoneType, OSError]
    assert browser.line.asked[-2:] == ["auth/logout"] * 2
    assert browser.pending_sign_out.text is None
    await browser.close()


@pytest.mark.parametrize("steps", range(1, 8))
async def test_a_sign_out_is_covered_by_a_call_that_is_sent_after_it_however_few_steps_of_the_loop(steps: int) -> None:
    """F17: the endpoint was told of both, though the second's own call fails. Found by simulation."""
    browser = Browser()
    api = await browser.signed_in()
    browser.line.gate = Gate()
    sent_before = False

    async def sign_out_later() -> None:
        nonlocal sent_before
        sent_before = "auth/logout" in browser.line.asked
        await api.sign_out()

    first = asyncio.create_task(api.sign_out())
    for _ in range(steps):
        await asyncio.sleep(0)
    second = asyncio.create_task(sign_out_later())
    await browser.line.gate.reached()
    browser.line.offline = True  # for the second
    browser.line.gate.open()
    assert [type(await outcome(sign_out)) for sign_out in (first, second)] == [NoneType, OSError]
    assert (browser.pending_sign_out.text is None) != sent_before
    await browser.close()


@pytest.mark.parametrize("tokens", [(None, "r-2"), ("r-1", None)], ids=["cookie first", "token first"])
async def test_a_sign_out_by_a_refresh_token_and_one_by_the_cookie_do_not_stand_for_each_other(
    tokens: tuple[str | None, str | None],
) -> None:
    """F17: each ends a session of its own at the endpoint."""
    browser = Browser()
    sign_outs: list[asyncio.Task[None]] = []
    async with browser.pages.page().lock():
        for number, refresh_token in enumerate(tokens):
            tab = browser.open()
            await tab.adopt(f"token-{number}", refresh_token=refresh_token)
            sign_outs.append(asyncio.create_task(tab.sign_out()))
            await settle()
        browser.line.gate = Gate()
    await browser.line.gate.reached()
    browser.line.offline = True  # for the second
    browser.line.gate.open()
    assert [type(await outcome(sign_out)) for sign_out in sign_outs] == [NoneType, OSError]
    assert browser.pending_sign_out.text is not None
    await browser.close()


async def test_the_server_still_has_to_be_told_of_a_sign_out_that_was_made_while_it_was_told_of_another() -> None:
    """S5: a user may have signed in between."""
    browser = Browser()
    api, other = await browser.signed_in(), browser.open()
    browser.line.gate = Gate()
    first = asyncio.create_task(api.sign_out())
    await browser.line.gate.reached()
    second = asyncio.create_task(other.sign_out())
    await settle()
    browser.line.offline = True  # for the second
    browser.line.gate.open()
    assert [type(await outcome(sign_out)) for sign_out in (first, second)] == [NoneType, OSError]
    assert browser.pending_sign_out.text is not None
    await browser.close()


async def test_a_sign_out_that_a_page_did_not_hear_of_while_it_asked_stops_its_resume() -> None:
    browser = Browser()
    api = await browser.reload(await browser.signed_in())
    browser.line.server.gate = Gate()
    resuming = asyncio.create_task(api.resume())
    await browser.line.server.gate.reached()
    browser.pending_sign_out.text = str(int(browser.line.server.clock.now * 1000))  # by a page whose word was lost
    browser.line.server.gate.open()
    assert await resuming is False
    assert api.state is State.SIGNED_OUT
    await browser.close()


async def test_a_refresh_that_meets_the_cookie_of_who_signed_out_signs_nobody_in() -> None:
    """S1, S3. Found by the simulator: a late answer had put ada's cookie in the place of grace's."""
    browser = Browser(users={"ada": "lovelace", "grace": "hopper"})
    adas = await browser.signed_in()
    cookie = browser.line.server.cookie
    await adas.close()
    graces, other = browser.open(), browser.open()
    await graces.sign_in(username="grace", password="hopper")
    await settle()
    browser.line.server.cookie = cookie
    # ada's, in a page that is about to tell:
    browser.pending_sign_out.text = str(int(browser.line.server.clock.now * 1000))
    refusal = await outcome(graces.renew())
    assert isinstance(refusal, GrantRefused), "its own cookie is lost; its token still works (F9)"
    assert refusal.error == "invalid_grant"
    assert graces.claims["sub"] == other.claims["sub"] == "grace"
    browser.line.server.clock.advance(400)
    error = await outcome(other.renew())
    assert isinstance(error, SessionEnded)
    assert error.reason == "refused"
    await settle()
    assert graces.state is other.state is State.SIGNED_OUT
    assert await graces.resume() is False
    assert browser.line.asked[-2:] == ["auth/refresh", "auth/logout"]
    assert browser.pending_sign_out.text is None
    await browser.close()


async def test_a_mark_of_the_pages_own_goes_when_somebody_signs_in_elsewhere() -> None:
    """S3: or the next user's cookie would be taken for that of who has signed out, hours later."""
    browser = Browser(users={"ada": "lovelace", "grace": "hopper"})
    browser.pending_sign_out.full = True
    api = await browser.signed_out_offline()
    browser.pending_sign_out.full = browser.line.offline = False
    browser.line.server.clock.advance(5)
    other = browser.open()
    await other.sign_in(username="grace", password="hopper")
    await settle()
    assert api.claims["sub"] == "grace"
    browser.pages.channel_works = False
    await browser.open(peers=None).sign_in(username="ada", password="lovelace")
    browser.pages.channel_works = True
    assert isinstance(await outcome(api.renew()), SessionChanged)
    assert api.claims["sub"] == "ada"
    await browser.close()


async def test_the_page_that_signed_out_presents_its_refresh_token_when_it_tells_again() -> None:
    browser = Browser(in_body=True)
    api = await browser.signed_out_offline()
    browser.line.offline = False
    told = browser.line.bodies[-1]
    assert told is not None
    assert b"refresh_token" in told
    assert await api.resume() is False
    assert browser.line.bodies[-1] == told
    assert await api.resume() is False
    assert b"refresh_token" not in (browser.line.bodies[-1] or b""), "it is forgotten then"
    await browser.close()


async def test_a_second_sign_out_presents_the_refresh_token_of_the_first_that_was_not_told() -> None:
    browser = Browser(in_body=True)
    api = await browser.signed_out_offline()
    browser.line.offline = False
    await api.sign_out()
    assert browser.line.bodies[-1] == browser.line.bodies[-2]
    assert browser.pending_sign_out.text is None
    await browser.close()


def test_a_store_that_once_could_not_be_read_is_done_without() -> None:
    """What is written there now may be read never, or by and by."""
    store = Shelf()
    untold = PendingSignOut(store, clock=lambda: 0.0)
    store.forbidden = True
    assert untold.until == 0
    store.forbidden = False
    untold.store(Mark(7))
    assert (untold.until, store.text) == (7, None)


def test_a_sign_out_is_remembered_by_a_page_whose_store_fails_afterwards() -> None:
    """S1: else the cookie would sign the user in again."""
    store = Shelf()
    untold = PendingSignOut(store, clock=lambda: 0.0)
    untold.store(Mark(7))
    store.forbidden = True
    assert untold.until == 7


def test_a_mark_that_another_page_has_removed_does_not_come_back_when_the_store_fails() -> None:
    """S3, F17: the server knows; told again, it would end the session of the next user."""
    store = Shelf()
    untold = PendingSignOut(store, clock=lambda: 0.0)
    untold.store(Mark(7))
    store.text = None
    assert untold.until == 0
    store.forbidden = True
    assert untold.until == 0


@pytest.mark.parametrize("fails", [False, True])
async def test_a_mark_in_a_store_that_answers_later_is_found_by_the_next_worker(fails: bool) -> None:
    """S1, S2: a worker has no localStorage, and keeps the mark in IndexedDB."""
    browser = Browser()
    first = browser.open(pending_sign_out=SlowShelf(browser.pending_sign_out))
    await first.sign_in(username="ada", password="lovelace")
    browser.line.offline = True
    await outcome(first.sign_out())
    browser.pending_sign_out.forbidden = fails
    later = first if fails else browser.open(pending_sign_out=SlowShelf(browser.pending_sign_out))
    browser.line.offline = False
    browser.line.asked.clear()
    assert await later.resume() is False
    assert browser.line.asked == ["auth/logout"]
    await browser.close()


async def test_a_mark_that_comes_too_late_stays_for_a_later_worker_until_a_user_signs_in() -> None:
    """S1, T6"""
    shelf = Shelf()
    shelf.text = "7"
    untold = PendingSignOut(StuckShelf(shelf), clock=lambda: 0.0)
    await untold.load()
    untold.store(Mark(5))
    assert [untold.until, shelf.text] == [5, "7"]
    untold.remove()
    assert [untold.until, shelf.text] == [0, None]


async def test_a_mark_that_can_neither_be_read_nor_removed_stops_nobody() -> None:
    """F17, T6"""

    class Broken(StuckShelf):
        def write(self, text: str | None) -> None:
            raise OSError("the disk is gone")

    untold = PendingSignOut(Broken(Shelf()), clock=lambda: 0.0)
    await untold.load()
    untold.store(Mark(5))
    untold.remove()
    assert untold.mark is None


async def test_a_sign_in_in_the_next_worker_tells_the_server_of_the_sign_out_first() -> None:
    """S5"""
    browser = Browser()
    first = browser.open(pending_sign_out=SlowShelf(browser.pending_sign_out))
    await first.sign_in(username="ada", password="lovelace")
    browser.line.offline = True
    await outcome(first.sign_out())
    browser.line.offline = False
    browser.line.asked.clear()
    later = browser.open(pending_sign_out=SlowShelf(browser.pending_sign_out))
    await later.sign_in(username="ada", password="lovelace")
    assert browser.line.asked == ["auth/logout", "auth/login"]
    assert browser.pending_sign_out.text is None
    await browser.close()


def test_an_earlier_mark_does_not_stay_in_a_store_that_is_full() -> None:
    """It would outlive the sign-out that it is of: nothing is written there any more."""
    store = Shelf()
    untold = PendingSignOut(store, clock=lambda: 0.0)
    untold.store(Mark(5))
    store.full = True
    untold.store(Mark(7))
    assert (untold.until, store.text) == (7, None)


@pytest.mark.parametrize("trouble", ["full", "forbidden"])
async def test_without_a_store_the_mark_is_the_pages_own(trouble: str) -> None:
    browser = Browser()
    api = await browser.signed_in()
    setattr(browser.pending_sign_out, trouble, True)
    browser.line.offline = True
    await outcome(api.sign_out())
    browser.line.offline = False
    browser.line.asked.clear()
    assert await api.resume() is False
    assert browser.line.asked == ["auth/logout"]
    await browser.close()


async def test_a_store_that_is_forbidden_from_the_first_is_no_mark() -> None:
    browser = Browser()
    browser.pending_sign_out.forbidden = True
    api = await browser.reload(await browser.signed_in())
    assert await api.resume()
    await browser.close()


@pytest.mark.parametrize("text", ["", "on", "-1", "1.5", "²", "٣", "9" * 20, "null"])
async def test_what_is_no_mark_is_none(text: str) -> None:
    browser = Browser()
    api = await browser.reload(await browser.signed_in())
    browser.pending_sign_out.text = text
    assert await api.resume()
    await browser.close()


async def test_outside_a_browser_the_mark_lasts_as_long_as_the_client() -> None:
    browser = Browser()
    api = await browser.signed_out_offline(pending_sign_out=None, peers=None)
    browser.line.offline = False
    assert await api.resume() is False
    assert browser.line.server.cookie is None
    await browser.close()


@pytest.mark.parametrize("since", [None, "another signs in", "the clock is put back"])
async def test_a_tab_that_the_browser_had_discarded_is_signed_out_as_well(since: str | None) -> None:
    """T8: it has the session in a store of its own, which no other tab can empty."""
    browser = Browser(in_body=True, users={"ada": "lovelace", "grace": "hopper"})
    own = Shelf(own=True)
    api = await browser.signed_in(store=Shelf(own=True))
    discarded = browser.open(store=own)
    assert await discarded.resume() is True
    await discarded.close()
    browser.line.server.clock.advance(60)
    await api.sign_out()
    assert own.text is not None
    if since == "the clock is put back":
        browser.line.server.clock.advance(-30)
    if since is not None:
        await api.sign_in(username="grace", password="hopper")
        await api.close()
    assert await browser.open(store=own).resume() is False
    assert own.text is None
    await browser.close()


@pytest.mark.parametrize("seconds", [3600, 200_000])
async def test_a_session_that_begins_after_a_sign_out_is_kept_though_the_clock_was_put_back(seconds: int) -> None:
    """F17"""
    browser = Browser(in_body=True)
    api = await browser.signed_in(store=Shelf(own=True))
    await api.sign_out()
    browser.line.server.clock.advance(-seconds)
    own = Shelf(own=True)
    later = await browser.signed_in(store=own)
    await later.close()
    browser.line.server.clock.advance(2 * seconds)
    assert await browser.open(store=own).resume() is True
    await browser.close()


def test_a_mark_that_is_told_ends_the_sessions_before_it_and_is_told_no_more() -> None:
    now, shelf = 1_000.0, Shelf()
    told = PendingSignOut(shelf, clock=lambda: now, keeps_told=True)
    told.store(Mark(900_000, in_body=True))
    told.remove()
    shelf.full = True
    told.remove()  # as each refresh does: it writes nothing
    shelf.full = False
    assert (shelf.text, told.mark, told.until) == ("900000 told", None, 900_000)
    now = 1e9
    assert told.until == 900_000, "however long ago"
    told.begins(899_000)  # by a page that has not heard of the sign-out yet
    now = 900.0
    told.begins(899_000)
    now = 899.9
    told.begins(900_001)
    assert told.until == 900_000
    told.begins(900_000)
    assert shelf.text is None


def test_a_mark_of_the_far_future_counts_once_the_clock_is_right_again() -> None:
    """S1: this clock is wrong, or the other was."""
    now, shelf = 1_700_000_000.0, Shelf()
    untold = PendingSignOut(shelf, clock=lambda: now)
    untold.store(Mark(int(now + 100_000) * 1000))
    assert untold.mark is None
    now += 50_000
    assert untold.mark == Mark(1_700_100_000_000)
    now += 200_000
    assert (untold.mark, shelf.text) == (None, None), "it is removed when it is too old"
