"""Many pages where the browser has no locks: the turns of `channel_lock`."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from reissue.errors import RefreshUnavailable, SessionEnded
from reissue.tabs.channel_lock import ChannelLockPeers
from reissue.testing import Clock, settle

from tests.reissue.conftest import API, clean_console, outcome
from tests.reissue.origin import COOKIE, TOKENS, Origin, Server, Tab
from tests.reissue.pages import FakePeers, Pages


class Street:
    """Tabs that have a channel and nothing else."""

    def __init__(self, mode: str) -> None:
        self.origin = Origin(Server(mode), Clock(), Pages())

    def open(self, **options: Any) -> tuple[Tab, FakePeers]:
        channel = self.origin.pages.page()
        loop = asyncio.get_running_loop()
        peers = ChannelLockPeers(channel, clock=loop.time)
        return self.origin.open(peers=peers, **options), channel

    async def signed_in(self, count: int, **options: Any) -> list[tuple[Tab, FakePeers]]:
        opened = [self.open(**options) for _ in range(count)]
        await self.origin.sign_in(opened[0][0])
        await settle()
        return opened


@pytest_asyncio.fixture(params=[COOKIE, TOKENS])
async def street(request: pytest.FixtureRequest) -> AsyncIterator[Street]:
    async with clean_console():
        yield Street(request.param)


async def test_without_locks_eight_tabs_make_one_refresh(street: Street) -> None:
    """T1"""
    opened = await street.signed_in(8)
    street.origin.clock.advance(301)
    responses = await asyncio.gather(*(task for tab, _ in opened for task in tab.fetches(5)))
    assert [r.status for r in responses] == [200] * 40
    server = street.origin.server
    assert (server.asked, server.reused) == (1, 0)


async def test_without_locks_the_earlier_claim_goes_first_wherever_the_moment_of_the_other_begins(
    street: Street,
) -> None:
    """T1: the second wants the turn when the first has almost got it."""
    (one, _), (other, _) = await street.signed_in(2)
    street.origin.clock.advance(301)
    first = one.fetches(1)[0]
    await asyncio.sleep(0.149)
    second = other.fetches(1)[0]
    assert {(await first).status, (await second).status} == {200}
    server = street.origin.server
    assert (server.asked, server.reused) == (1, 0)


async def test_without_locks_a_slow_holder_is_waited_for(street: Street) -> None:
    """T1, T4"""
    (one, _), (other, _) = await street.signed_in(2)
    gate, (first,) = await street.origin.refreshing(one)
    second = other.fetches(1)[0]
    await asyncio.sleep(5)
    gate.open()
    assert {(await first).status, (await second).status} == {200}
    assert street.origin.server.asked == 1


async def test_without_locks_a_holder_that_is_gone_is_not_waited_for_long(street: Street) -> None:
    """T5, T7"""
    (one, channel), (other, _) = await street.signed_in(2)
    _, (lost,) = await street.origin.refreshing(one)
    second = other.fetches(1)[0]
    await asyncio.sleep(0.5)
    channel.close()
    lost.cancel()
    street.origin.server.gate = None
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await second).status == 200
    assert loop.time() - began < 5


async def test_without_locks_a_tab_that_waits_claims_the_turn_once_for_each_turn_that_ends() -> None:
    pages, loop = Pages(), asyncio.get_running_loop()
    channels = [pages.page() for _ in range(3)]
    holder, waiting, other = (ChannelLockPeers(channel, clock=loop.time) for channel in channels)
    for peers in (holder, waiting, other):
        peers.listen(lambda text: None)
    async with holder.lock():
        turn = waiting.lock()
        taking = asyncio.create_task(turn.__aenter__())
        await settle()
        channels[2].post(json.dumps({"courtesy": "free", "of": None}))
        for _ in range(100):  # no time passes
            await asyncio.sleep(0)
        assert sum('"claim"' in text for text in channels[1].posted) == 2
    assert await taking is True
    await turn.__aexit__(None, None, None)


async def test_without_locks_a_holder_that_does_not_end_costs_a_bounded_wait(street: Street) -> None:
    """T4, T5"""
    (holder, _), (other, _) = await street.signed_in(2, deadline=5)
    street.origin.clock.advance(301)
    turn = holder.peers.lock()
    await turn.__aenter__()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert isinstance(await outcome(other.api.fetch(API)), RefreshUnavailable)
    assert loop.time() - began < 5 + 5 + 3
    assert other.ends() == []
    await turn.__aexit__(None, None, None)


async def test_without_locks_a_later_tab_asks_its_siblings_and_a_sign_out_reaches_all(street: Street) -> None:
    """T8"""
    ((first, _),) = await street.signed_in(1)
    later, _ = street.open()
    assert await later.api.resume() is True
    assert street.origin.server.asked == 0
    await first.api.sign_out()
    await settle()
    assert isinstance(await outcome(later.api.fetch(API)), SessionEnded)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"courtesy": 3}', '{"courtesy": "claim", "of": ["x", 1]}'])
async def test_without_locks_what_another_script_writes_disturbs_nobody(street: Street, text: str) -> None:
    ((tab, channel),) = await street.signed_in(1)
    channel.on_message(text)
    street.origin.clock.advance(301)
    assert (await tab.api.fetch(API)).status == 200


async def test_without_locks_a_page_that_is_alone_has_its_turn_at_once_and_is_not_heard_once_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """T4"""
    pages = Pages()
    channel = pages.page()
    peers = ChannelLockPeers(channel, clock=asyncio.get_running_loop().time)
    async with peers.lock() as taken:
        assert taken is False

    async def mine() -> bool:
        return True

    # The same without a timeout: Python 3.11's tracer loses sight of a coroutine that one was thrown into.
    monkeypatch.setattr(peers, "_is_mine", mine)
    async with peers.lock() as taken:
        assert taken is False
    peers.close()
    assert channel not in pages.open


async def test_without_locks_the_next_gets_the_turn_when_it_is_given_back_and_knows_that_another_had_it() -> None:
    """T1, T4"""
    pages, loop = Pages(), asyncio.get_running_loop()
    one, other = (ChannelLockPeers(pages.page(), clock=loop.time) for _ in range(2))
    for peers in (one, other):
        peers.listen(lambda text: None)

    async def take_turn() -> bool:
        async with other.lock() as taken:
            return taken

    async with one.lock():
        waiting = asyncio.create_task(take_turn())
        await asyncio.sleep(0.3)  # virtual
        assert not waiting.done()
        freed = loop.time()
    assert await waiting is True
    assert loop.time() - freed == pytest.approx(0.15)


async def test_without_locks_a_clock_that_is_put_back_gives_the_turn_to_nobody_else(street: Street) -> None:
    """T1, T4: the refresh token would be presented twice. By the clock, the second claim is the earlier one."""
    clock, pages = Clock(), street.origin.pages
    tabs = [street.origin.open(peers=ChannelLockPeers(pages.page(), clock=clock)) for _ in range(2)]
    await street.origin.sign_in(tabs[0])
    await settle()
    gate, (first,) = await street.origin.refreshing(tabs[0])
    clock.advance(-60)
    second = tabs[1].fetches(1)[0]
    await asyncio.sleep(0.5)  # virtual
    gate.open()
    assert [(await first).status, (await second).status] == [200, 200]
    server = street.origin.server
    assert (server.asked, server.reused) == (1, 0)


async def test_without_locks_one_of_two_gets_the_turn_though_the_clock_was_put_back_between_their_claims() -> None:
    """T1, T4"""
    pages, clock = Pages(), Clock()
    one, other = (ChannelLockPeers(pages.page(), clock=clock) for _ in range(2))
    for peers in (one, other):
        peers.listen(lambda text: None)
    steps: list[str] = []

    async def take_turn(peers: ChannelLockPeers) -> None:
        async with peers.lock():
            steps.append("in")
            await asyncio.sleep(2)  # virtual
            steps.append("out")

    claiming = asyncio.create_task(take_turn(one))
    await settle()
    clock.advance(-60)
    await asyncio.gather(claiming, take_turn(other))
    assert steps == ["in", "out"] * 2


async def test_without_locks_a_page_says_what_it_shows_and_nothing_if_it_shows_nothing() -> None:
    """T1"""
    pages, loop = Pages(), asyncio.get_running_loop()
    asking, showing, silent = (ChannelLockPeers(pages.page(), clock=loop.time) for _ in range(3))
    heard: list[str] = []
    for peers in (asking, showing, silent):
        peers.listen(heard.append)
    showing.advertise("a sign")
    assert await asking.advertised() == ["a sign"]
    assert await showing.advertised() == []
    showing.advertise(None)
    assert await asking.advertised() == []
    assert heard == [], "what is said for courtesy is for nobody else"


@pytest.mark.parametrize("text", ["no JSON", "{}", "7", '{"courtesy": "unknown"}'])
async def test_without_locks_what_is_not_said_for_courtesy_is_passed_on(text: str) -> None:
    pages, loop = Pages(), asyncio.get_running_loop()
    channel = pages.page()
    heard: list[str] = []
    ChannelLockPeers(channel, clock=loop.time).listen(heard.append)
    channel.on_message(text)
    assert heard == [text]


async def test_signs_that_nobody_asked_for_fill_no_memory() -> None:
    """X9: a channel may be flooded."""
    channel = Pages().page()
    peers = ChannelLockPeers(channel, clock=Clock())
    heard: list[str] = []
    peers.listen(heard.append)
    for n in range(3000):
        channel.on_message(json.dumps({"courtesy": "sign", "of": f"1.s{n}.1"}))
    assert len(peers._signs) == 1000
    long = json.dumps({"courtesy": "sign", "of": "1" * 500})
    channel.on_message(long)
    assert heard == [long]
