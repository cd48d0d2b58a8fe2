"""A session that is bound to a key is shared among pages that have the same key, and no others."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from reissue import Interceptor, SessionEnded, State, StoreEvent, StorePhase
from reissue.storage import Memory
from reissue.tabs.key_bound import KeyBoundPeers, KeyBoundStore
from reissue.testing import Gate, settle
from reissue.tokens.dpop import SignedProofs

from tests.reissue.bound import API, Bound, SoftKey
from tests.reissue.conftest import clean_console, outcome
from tests.reissue.origin import Shelf, SlowShelf
from tests.reissue.pages import FakePeers, Pages


class Browser(Bound):
    """One that keeps a key, or not; what it finds out is held by a gate."""

    def __init__(self, *, keeps: bool) -> None:
        self.pages = Pages()
        self.shelf = Shelf()
        self.keeps = keeps
        super().__init__()

    def page(self, *, gate: Gate | None = None, stores: bool = True) -> Interceptor:
        known: bool | None = None

        async def kept() -> bool:
            nonlocal known
            if gate is not None:
                await gate.passed()
            known = self.keeps
            return known

        key = self.key if self.keeps else SoftKey()
        store = KeyBoundStore(self.shelf if stores else Memory(), lambda: known)
        peers = KeyBoundPeers(self.pages.page(), kept)
        return self.connect(proofs=SignedProofs(key, clock=self.clock), peers=peers, store=store)


@pytest_asyncio.fixture(params=[True, False], ids=["kept", "not kept"])
async def profile(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    profile = Browser(keeps=request.param)
    async with clean_console(profile.made):
        yield profile


def test_a_store_of_bound_tokens_says_where_it_keeps_them() -> None:
    """Whoever reads them before Python starts looks there."""

    class InSessionStorage(Memory):
        area = "session"

    assert [KeyBoundStore(store, lambda: True).area for store in (InSessionStorage(), Memory())] == [
        "session",
        "memory",
    ]


async def test_pages_with_the_same_key_share_a_session_and_others_do_not(profile: Browser) -> None:
    """T1, X3: what is bound to another key is of no use here, and the session of the page that has it goes on."""
    one, other = profile.page(stores=False), profile.page(stores=False)
    await asyncio.gather(outcome(other.resume()), one.sign_in(username="ada", password="lovelace"))
    await settle()
    if profile.keeps:
        assert (await other.fetch(API)).status == 200
    else:
        assert isinstance(await outcome(other.fetch(API)), SessionEnded)
    profile.clock.advance(301)
    responses = await asyncio.gather(*(outcome(api.fetch(API)) for api in (one, other)))
    assert [getattr(response, "status", None) for response in responses] == [200, 200 if profile.keeps else None]
    assert [path for path, _, _ in profile.server.asked].count("/auth/refresh") == 1
    await one.sign_out()
    await settle()
    assert other.state.value == "signed_out"


async def test_a_store_is_of_use_to_pages_that_have_the_key(profile: Browser) -> None:
    """T6: said once."""
    told: list[Any] = []
    one = profile.page()
    one.on(told.append)
    await one.sign_in(username="ada", password="lovelace")
    await one.renew()
    assert (profile.shelf.text is not None) is profile.keeps
    warnings = [event.phase for event in told if isinstance(event, StoreEvent)]
    assert warnings == ([] if profile.keeps else [StorePhase.UNAVAILABLE])
    await one.close()
    later = profile.page()
    assert await later.resume() is profile.keeps


async def test_what_was_bound_to_a_key_that_is_gone_is_forgotten(profile: Browser) -> None:
    profile.keeps = True
    one = profile.page()
    await one.sign_in(username="ada", password="lovelace")
    await one.close()
    profile.keeps = False
    later = profile.page()
    assert await later.resume() is False
    assert profile.shelf.text is None
    assert profile.server.asked[-1][0] != "/auth/refresh"


async def test_nothing_is_believed_before_it_is_known_whether_the_key_is_kept(profile: Browser) -> None:
    one = profile.page()
    await one.sign_in(username="ada", password="lovelace")
    gate = Gate()
    later = profile.page(gate=gate)
    resuming = asyncio.create_task(later.resume())
    await gate.reached()
    await one.renew()
    await settle()
    assert later.state.value == "resuming"
    gate.open()
    assert await resuming is profile.keeps


async def test_a_sign_out_before_it_is_known_whether_the_key_is_kept_reaches_the_other_tabs(profile: Browser) -> None:
    """T8: all that have the same key."""
    one = profile.page()
    await one.sign_in(username="ada", password="lovelace")
    gate = Gate()
    later = profile.page(gate=gate)
    signing_out = asyncio.create_task(later.sign_out())
    await gate.reached()
    gate.open()
    await signing_out
    await settle()
    assert one.state is (State.SIGNED_OUT if profile.keeps else State.SIGNED_IN)


async def test_a_message_that_comes_too_early_is_heard_in_the_look_that_follows() -> None:
    pages = Pages()
    heard: list[str] = []

    async def kept() -> bool:
        return True

    peers = KeyBoundPeers(pages.page(), kept)
    peers.listen(heard.append)
    other = pages.page()
    other.post("early")
    peers.post("early")
    peers.advertise("early")
    await settle()
    assert (heard, other.inbox) == ([], type(other.inbox)())
    assert await peers.advertised() == []
    other.post("late")
    await settle()
    assert heard == ["late"]
    other.advertise("of the other")
    peers.advertise("late")
    inner = peers._peers
    assert isinstance(inner, FakePeers)
    assert inner.shown == "late"
    assert sorted(await peers.advertised()) == ["late", "of the other"]
    inner.previous_holder_vanished = True
    assert peers.previous_holder_vanished
    peers.close()
    assert pages.open == [other]


async def test_a_page_that_has_its_key_for_itself_sees_nobody_and_waits_for_nobody() -> None:
    """T7: what another page has left in a hurry is nothing to it."""
    pages = Pages()

    async def kept() -> bool:
        return False

    peers = KeyBoundPeers(pages.page(), kept)
    other = pages.page()
    other.advertise("of the other")
    assert await peers.advertised() == []
    async with other.lock(), peers.lock() as waited:
        assert not waited


async def test_a_slow_store_of_such_a_session_is_read_as_any_other() -> None:
    """T6"""
    shelf = Shelf()
    shelf.text = "kept"
    store = KeyBoundStore(SlowShelf(shelf), lambda: True)
    await store.load()
    assert store.read() == "kept"
    slow = SlowShelf(shelf)
    slow.writing = Gate()
    storing = asyncio.create_task(KeyBoundStore(slow, lambda: True).stored())
    await slow.writing.reached()
    slow.writing.open()
    await storing
    of_memory = KeyBoundStore(Memory(), lambda: True)
    await of_memory.load()
    await of_memory.stored()


def test_what_no_later_page_could_use_is_not_written() -> None:
    """T6"""
    shelf = Shelf(own=True)
    store = KeyBoundStore(shelf, lambda: False)
    assert store.own
    with pytest.raises(OSError, match="no key"):
        store.write("secret")
    assert shelf.text is None
