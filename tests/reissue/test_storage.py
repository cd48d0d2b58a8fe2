"""T6 and T8: a store that outlives the page, and is full, forbidden, corrupted or shared."""

import asyncio

import pytest
from reissue import (
    State,
    StoreEvent,
    StorePhase,
)
from reissue.testing import Gate, settle

from tests.reissue.conftest import API, outcome
from tests.reissue.origin import TOKENS, Origin, Shelf, SlowShelf, StuckShelf


async def test_a_thawed_tab_puts_no_session_back_into_the_store_that_was_signed_out_meanwhile(origin: Origin) -> None:
    """T8. Found by the simulator: a tab that opened in that moment was signed in."""
    shelf = Shelf()
    one, other = await origin.signed_in(2, store=shelf)
    other.peers.frozen = True
    await one.api.renew()
    await one.api.sign_out()
    other.peers.frozen = False
    other.peers.on_message(other.peers.inbox.popleft())
    assert shelf.text is None
    other.peers.deliver()
    assert other.api.state is State.SIGNED_OUT


async def test_a_stored_session_outlives_the_last_page(origin: Origin) -> None:
    shelf = Shelf()
    (first,) = await origin.signed_in(1, store=shelf)
    await first.api.close()
    later = origin.open(store=shelf)
    assert await later.api.resume() is True
    assert (await later.api.fetch(API)).status == 200
    assert origin.server.asked == 0


async def test_a_session_in_a_store_that_answers_later_outlives_the_last_page(origin: Origin) -> None:
    """T6: in IndexedDB, which a worker has."""
    shelf = Shelf()
    (first,) = await origin.signed_in(1, store=SlowShelf(shelf))
    await first.api.renew()
    await first.api.close()
    later = origin.open(store=SlowShelf(shelf))
    assert await later.api.resume() is True
    assert (await later.api.fetch(API)).status == 200
    assert origin.server.asked == 1
    await later.api.sign_out()
    assert shelf.text is None


@pytest.mark.parametrize("by", ["renew", "adopt"])
async def test_who_asks_for_tokens_gets_them_when_the_store_has_them(origin: Origin, by: str) -> None:
    """T6: whoever leaves the page then resumes in the next one."""
    shelf = SlowShelf(Shelf())
    tab = origin.open(store=shelf)
    if by == "renew":
        await origin.sign_in(tab)
    shelf.writing = Gate()
    calling = asyncio.create_task(tab.api.renew() if by == "renew" else origin.sign_in(tab))
    await shelf.writing.reached()
    assert (await tab.api.fetch(API)).status == 200  # which need not wait for it
    assert not calling.done()
    shelf.writing.open()
    await calling


@pytest.mark.parametrize("landed", [False, True])
async def test_a_client_is_closed_when_the_store_has_what_its_refresh_has_brought(origin: Origin, landed: bool) -> None:
    """T1, T6: or the next page would present a refresh token that is spent."""
    store = SlowShelf(Shelf())
    (tab,) = await origin.signed_in(1, store=store)
    answering = origin.server.gate = Gate()
    refreshing = asyncio.create_task(outcome(tab.api.renew()))
    await answering.reached()
    store.writing = Gate()
    if landed:
        answering.open()
        await store.writing.reached()
    closing = asyncio.create_task(tab.api.close())
    await settle()
    answering.open()
    await store.writing.reached()
    await settle()
    assert not closing.done()
    store.writing.open()
    await closing
    await refreshing


async def test_a_sign_out_before_a_slow_store_is_read_removes_what_is_in_it(origin: Origin) -> None:
    """S1: or the next page would go on with the session that the user has signed out of."""
    shelf = Shelf()
    (first,) = await origin.signed_in(1, store=SlowShelf(shelf))
    await first.api.close()
    assert shelf.text is not None
    await origin.open(store=SlowShelf(shelf)).api.sign_out()
    assert shelf.text is None


async def test_a_sign_in_right_after_such_a_sign_out_stays_in_the_store(origin: Origin) -> None:
    """S5"""
    shelf = Shelf()
    (first,) = await origin.signed_in(1, store=SlowShelf(shelf))
    await first.api.close()
    store = SlowShelf(shelf)
    store.gate = Gate()
    later = origin.open(store=store)
    signing_out = asyncio.create_task(later.api.sign_out())
    await store.gate.reached()
    await origin.sign_in(later, "grace")
    store.gate.open()
    await signing_out
    last = origin.open(store=SlowShelf(shelf))
    assert await last.api.resume() is True
    assert last.api.claims["sub"] == "grace"


@pytest.mark.parametrize("origin", [TOKENS], indirect=True)
@pytest.mark.parametrize("resumed", [False, True])
async def test_a_sign_out_whose_page_is_left_before_its_slow_store_is_read_stays_one(
    origin: Origin, resumed: bool
) -> None:
    """S1: also once the mark is gone. The page had not read the store at all, or what another page has stored since."""
    shelf, mark = Shelf(), Shelf()
    store = SlowShelf(shelf)
    settings = {"pending_sign_out": mark}
    other = origin.open(store=SlowShelf(shelf), **settings)
    if resumed:
        one = origin.open(store=store, **settings)
        await origin.sign_in(one)
        await settle()
        await other.api.renew()
        await settle()
        await other.api.close()
    else:
        await origin.sign_in(other)
        await other.api.close()
        one = origin.open(store=store, **settings)
    gate = store.gate = Gate()
    signing_out = asyncio.create_task(one.api.sign_out())
    await gate.reached()
    one.crash()
    later = origin.open(store=SlowShelf(shelf), **settings)
    assert await later.api.resume() is False
    await later.api.close()
    origin.clock.advance(86_500 if resumed else 0)
    last = origin.open(store=SlowShelf(shelf), **settings)
    found = await last.api.resume()
    gate.open()
    await outcome(signing_out)
    assert found is False


@pytest.mark.parametrize("newer", [True, False])
@pytest.mark.parametrize("origin", [TOKENS], indirect=True)
async def test_a_store_that_answers_too_late_keeps_what_it_has_for_a_later_page(origin: Origin, newer: bool) -> None:
    """T6: until this page has something newer, or signs out."""
    shelf = Shelf()
    (first,) = await origin.signed_in(1, store=SlowShelf(shelf))
    await first.api.close()
    kept = shelf.text
    page = origin.open(store=StuckShelf(shelf))
    told: list[StorePhase] = []
    page.api.on(lambda event: told.append(event.phase) if isinstance(event, StoreEvent) else None)
    await page.api.resume()
    assert (shelf.text, told) == (kept, [StorePhase.UNAVAILABLE])
    await (origin.sign_in(page) if newer else page.api.sign_out())
    assert shelf.text is None


@pytest.mark.parametrize("origin", [TOKENS], indirect=True)
async def test_what_a_page_was_granted_before_it_was_gone_is_found_in_a_slow_store_as_well(origin: Origin) -> None:
    """T3, T6"""
    shelf = Shelf()
    one, other = (origin.open(store=SlowShelf(shelf)) for _ in range(2))
    await origin.sign_in(one)
    await settle()
    origin.pages.channel_works = False
    await other.api.renew()
    other.crash()
    await one.api.renew()
    assert (origin.server.asked, origin.server.reused, one.ends()) == (1, 0, [])


async def test_a_slow_store_that_fails_is_memory_and_says_so_once(origin: Origin) -> None:
    """T6"""
    shelf = Shelf()
    shelf.forbidden = True
    store = SlowShelf(shelf)
    page = origin.open(store=store)
    told: list[StorePhase] = []
    page.api.on(lambda event: told.append(event.phase) if isinstance(event, StoreEvent) else None)
    assert await page.api.resume() is False
    await origin.sign_in(page)
    await page.api.renew()
    assert (await page.api.fetch(API)).status == 200
    assert told == [StorePhase.UNAVAILABLE]
    assert store.loads == 1, "it is not asked again"


async def test_a_stored_session_that_has_expired_is_renewed_before_resume_says_yes(origin: Origin) -> None:
    shelf = Shelf()
    (first,) = await origin.signed_in(1, store=shelf)
    await first.api.close()
    origin.clock.advance(301)
    later = origin.open(store=shelf)
    assert await later.api.resume() is True
    assert origin.server.asked == 1
    await later.api.close()
    origin.clock.advance(301)
    origin.server.current = None
    last = origin.open(store=shelf)
    assert await last.api.resume() is False
    assert shelf.text is None


async def test_what_another_tab_was_granted_is_kept_in_this_tabs_store_too(origin: Origin) -> None:
    """T1: `sessionStorage` is each tab's own. After a reload the spent refresh token would be presented."""
    own = Shelf(own=True)
    one, other = origin.open(store=own), origin.open(store=Shelf(own=True))
    await origin.sign_in(one)
    await settle()
    await other.api.renew()
    await settle()
    await other.api.close()
    await one.api.close()
    origin.clock.advance(301)
    reloaded = origin.open(store=own)
    assert await reloaded.api.resume() is True
    assert origin.server.reused == 0


async def test_a_message_that_comes_late_puts_nothing_older_into_a_store_that_all_share(origin: Origin) -> None:
    shelf = Shelf()
    one, other, late = await origin.signed_in(3, store=shelf)
    late.peers.frozen = True
    await one.api.renew()
    (old,) = late.peers.inbox
    await other.api.renew()
    newest = shelf.text
    late.peers.on_message(old)
    assert shelf.text == newest


async def test_a_resume_that_another_tabs_sign_in_overtakes_says_yes(origin: Origin) -> None:
    """S3: somebody is signed in, if not the one whose session was stored."""
    shelf = Shelf()
    (first,) = await origin.signed_in(1, store=shelf)
    await first.api.close()
    origin.clock.advance(301)
    later, other = origin.open(store=shelf), origin.open()
    origin.server.gate = Gate()
    resuming = asyncio.create_task(later.api.resume())
    await origin.server.gate.reached()
    await origin.sign_in(other, "grace")
    await settle()
    origin.server.gate.open()
    assert await resuming is True
    assert later.api.claims["sub"] == "grace"


async def test_signing_out_empties_the_store_and_another_pages_newer_session_stays_in_it(origin: Origin) -> None:
    shelf = Shelf()
    one, other = await origin.signed_in(2, store=shelf)
    other.peers.frozen = True
    await one.api.sign_out()
    assert shelf.text is None
    await origin.sign_in(one, "grace")
    kept = shelf.text
    assert kept is not None
    other.peers.thaw()
    assert shelf.text == kept
    assert other.api.claims["sub"] == "grace"


@pytest.mark.parametrize("fault", ["full", "forbidden"])
async def test_a_store_that_is_full_or_forbidden_is_memory_and_says_so_once(origin: Origin, fault: str) -> None:
    """T6: A store that is full or forbidden is memory from then on, and an event says so once.

    Seen in: auth0/auth0-spa-js#455
    """
    shelf = Shelf()
    setattr(shelf, fault, True)
    tab = origin.open(store=shelf)
    began = origin.clock()
    await outcome(tab.api.resume())
    await origin.sign_in(tab)
    for _ in range(3):
        origin.clock.advance(301)
        assert (await tab.api.fetch(API)).status == 200
    warnings = [event for event in tab.events if isinstance(event, StoreEvent)]
    assert warnings == [StoreEvent(at=began, phase=StorePhase.UNAVAILABLE)]


async def test_a_store_that_fills_up_keeps_no_spent_token_and_none_after_a_sign_out(origin: Origin) -> None:
    """T6, T1: the next page would present the spent refresh token, and the server take it for a theft."""
    shelf = Shelf()
    (tab,) = await origin.signed_in(1, store=shelf)
    shelf.full = True
    await tab.api.renew()
    assert shelf.text is None
    await tab.api.close()
    origin.clock.advance(301)
    later = origin.open(store=shelf)
    await outcome(later.api.resume())
    assert origin.server.reused == 0


async def test_a_store_that_can_not_be_read_is_told_of_at_once(origin: Origin) -> None:
    """T6"""
    shelf = Shelf()
    shelf.forbidden = True
    tab = origin.open(store=shelf)
    assert await tab.api.resume() is False
    assert tab.events[0].phase is StorePhase.UNAVAILABLE


@pytest.mark.parametrize("text", ['{"type": "granted", "access_tok', '{"type": "asked"}'])
async def test_a_corrupted_store_is_thrown_away_and_nothing_is_lost(origin: Origin, text: str) -> None:
    """T6"""
    shelf = Shelf()
    shelf.text = text
    tab = origin.open(store=shelf)
    assert await tab.api.resume() is False
    await origin.sign_in(tab)
    assert (await tab.api.fetch(API)).status == 200
    assert [event.phase for event in tab.events if isinstance(event, StoreEvent)] == [StorePhase.CORRUPTED]


async def test_a_message_is_told_from_nested_text_whatever_signs_its_token_holds(origin: Origin) -> None:
    """What is nested is not even parsed: it would end Pyodide. A token may hold any printable sign."""
    one, other = origin.open(), origin.open()
    token = "".join(map(chr, range(0x21, 0x7F)))
    await one.api.adopt(token, refresh_token='}{[]\\"', expires_in=300)
    await settle()
    assert other.api._lifecycle.sessions.latest is not None
    assert other.api._lifecycle.sessions.latest.credential.access_token == token


async def test_no_secret_stands_in_what_python_prints_of_a_message(origin: Origin) -> None:
    """X7"""
    (tab,) = await origin.signed_in(1)
    mine = tab.api._lifecycle.sessions.shared.versions.mine
    assert mine is not None
    assert mine.credential.access_token not in repr(mine)
    assert "refresh-" not in repr(mine)
