"""What another page, or this one, does in the middle of a refresh or a resume."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import jwt
import pytest
from reissue import Credential, RefreshPhase, RefreshUnavailable, SessionChanged, SessionEnded, State
from reissue.tabs.peers import NoPeers
from reissue.tabs.protocol import Version
from reissue.testing import Gate, settle

from tests.reissue.conftest import API, World, outcome


class Unhurried(NoPeers):
    """A page without others, in a browser that takes a moment for every answer."""

    def __init__(self) -> None:
        self.gate: Gate | None = None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        yield True
        await asyncio.sleep(0)

    lock = _turn

    async def advertised(self) -> list[str]:
        if self.gate is not None:
            await self.gate.passed()
        return []


async def test_a_credential_that_is_taken_over_and_refused_during_an_older_refresh_is_renewed_itself(
    world: World,
) -> None:
    """Q2, Q15: the older refresh's answer is dropped, and the refused credential is not sent again."""
    world.server.accepts = "token-3"
    world.endpoint.gate = Gate()
    await world.signed_in()
    session = world.api._lifecycle.sessions.latest
    assert session is not None
    older = asyncio.create_task(world.api.renew())
    await world.endpoint.gate.reached()
    session.take_over(Credential(access_token="from-another-page", expires_in=300).received(world.clock()))
    refused = world.fetches(1)[0]
    await settle()
    assert world.server.tokens == ["from-another-page"]
    world.endpoint.gate.open()
    assert (await refused).status == 200
    await older
    assert world.server.tokens == ["from-another-page", "token-3"]
    assert world.endpoint.calls == 2


async def test_another_users_token_in_a_browser_that_is_slow_to_give_its_lock_back_is_told_as_dropped_once(
    world: World,
) -> None:
    """S3"""
    ada, grace = (jwt.encode({"sub": user}, "k" * 40, "HS256") for user in ("ada", "grace"))
    world.endpoint.answer = lambda number: Credential(access_token=grace, expires_in=300)
    world.api = world.make(peers=Unhurried())
    await world.api.adopt(ada, expires_in=300)
    with pytest.raises(Exception, match="took this session's place"):
        await world.api.renew()
    await settle()
    told = [event.phase for event in world.events if event.phase in RefreshPhase]
    assert told == [RefreshPhase.STARTED, RefreshPhase.DROPPED]
    assert world.api.claims["sub"] == "grace"


async def test_who_signs_in_while_a_resume_looks_around_is_signed_in(world: World) -> None:
    """Q18"""
    peers = Unhurried()
    gate = peers.gate = Gate()
    world.api = world.make(peers=peers)
    resume = asyncio.create_task(world.api.resume())
    await gate.reached()
    peers.gate = None
    await world.api.adopt("token-2", expires_in=300)
    gate.open()
    assert await resume is True
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.endpoint.calls == 0


async def test_a_request_that_waits_for_a_resume_is_not_sent_as_who_signs_in_meanwhile(world: World) -> None:
    """S3"""
    peers = Unhurried()
    gate = peers.gate = Gate()
    world.api = world.make(peers=peers)
    resume = asyncio.create_task(world.api.resume())
    await gate.reached()
    waiting = world.fetches(1)[0]
    await settle()
    peers.gate = None
    await world.api.adopt("token-2", expires_in=300)
    gate.open()
    assert isinstance(await outcome(waiting), SessionChanged)
    assert await resume is True
    assert world.server.requests == []


async def test_an_end_that_another_page_tells_of_is_told_once(world: World) -> None:
    """F10: this page's session is over already, or there was none."""
    world.api._lifecycle.sessions.shared._client.on_ended("refused")
    await world.signed_in()
    world.api._lifecycle.sessions.shared._client.on_ended("refused")
    world.api._lifecycle.sessions.shared._client.on_ended("refused")
    assert world.api.state is State.SIGNED_OUT
    assert [event.phase.value for event in world.events] == ["started", "ended"]
    with pytest.raises(SessionEnded, match="the server ended"):
        await world.api.fetch(API + "notes")


class Boasting(NoPeers):
    """Another page shows something newer than this one has, and does not give it."""

    shown: list[str]

    async def advertised(self) -> list[str]:
        return self.shown


async def test_a_refresh_token_that_another_page_has_spent_is_not_presented(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T1, T5: whoever has its successor is frozen."""
    peers = Boasting()
    peers.shown = []
    world.api = world.make(peers=peers)
    await world.signed_in()
    mine = world.api._lifecycle.sessions.shared.versions.mine
    assert mine is not None
    peers.shown = [str(Version(mine.version.began, mine.version.session, mine.version.number + 1))]

    async def no_answer(within: float) -> bool:
        return False

    for _ in range(2):
        error = await outcome(world.api.renew())
        assert isinstance(error, RefreshUnavailable)
        assert "does not hand it over" in str(error)
        # Again without a timeout: Python 3.11's tracer loses sight of a coroutine that one was thrown into.
        monkeypatch.setattr(world.api._lifecycle.sessions.shared.news, "wait", no_answer)
    assert world.endpoint.calls == 0
    assert world.api.state is State.SIGNED_IN
