"""The refresh token that clients for several APIs share, in several tabs."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from reissue import (
    GrantRefused,
    RefreshUnavailable,
    Request,
    Response,
    SessionEnded,
    State,
)
from reissue.testing import Gate, settle

from tests.reissue.conftest import outcome
from tests.reissue.pages import Pages
from tests.reissue.session.derived.conftest import FILES, NOTES, World, presented_by, statuses


async def test_a_rotated_refresh_token_goes_to_the_other_tabs_and_disturbs_no_token(world: World) -> None:
    """T1"""
    pages = Pages()
    proofs = {} if world.server.bound else {"proofs": None}
    one, other = (world.connect(peers=pages.page(), **proofs) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    claims = other.claims
    told: list[Any] = []
    other.on(told.append)
    assert (await world.resource(one).fetch(FILES)).status == 200
    await settle()
    assert (told, other.claims) == ([], claims)
    assert (await world.resource(other).fetch(FILES)).status == 200
    await other.renew()
    await settle()
    await one.renew()
    presented = world.presented()
    assert len(set(presented)) == len(presented)
    await one.sign_out()
    await settle()
    assert other.state is State.SIGNED_OUT


@pytest.mark.parametrize("closed", ["client", "session"])
async def test_what_an_exchange_brings_after_its_client_was_closed_is_kept(tokens: World, closed: str) -> None:
    """T1: the refresh token that it presented is spent."""
    pages = Pages()
    one, other = (tokens.connect(peers=pages.page(), proofs=None) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    files = tokens.resource(one)
    wire = tokens.gates["/auth/refresh"] = Gate()
    waiting = asyncio.create_task(outcome(files.fetch(FILES)))
    await wire.reached()
    closing = asyncio.create_task((files if closed == "client" else one).close())
    await settle()
    assert isinstance(await waiting, SessionEnded)
    wire.open()
    await closing
    await settle()
    await other.renew()
    assert len(set(tokens.presented())) == len(tokens.presented()) == 2
    if closed == "client":
        await one.renew()
        await settle()
        await other.renew()
        assert tokens.server.grants
    assert isinstance(await outcome(files.fetch(FILES)), SessionEnded)


async def test_a_refresh_token_that_another_tab_was_faster_to_use_is_not_the_end(tokens: World) -> None:
    """T3"""
    pages = Pages()
    one, other = (tokens.connect(peers=pages.page(), proofs=None) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    files = tokens.resource(one)
    session, faster = one._lifecycle.alive, other._lifecycle.alive
    assert session is not None
    assert faster is not None
    source: Any = one._lifecycle.sessions.calls.tokens
    grants = source._grants

    async def overtaken(request: Request) -> Response:
        source._grants = grants
        fresh = await other._lifecycle.sessions.calls.tokens.refresh(
            presented_by(faster)
        )  # as a page does that the lock has forgotten
        response: Response = await grants(request)
        session.take_over(fresh.received(tokens.clock()))
        return response

    source._grants = overtaken
    tokens.server.spent = type("Forgiving", (set,), {"__contains__": lambda self, token: False})()
    assert (await files.fetch(FILES)).status == 200
    assert [error for path, _, error in tokens.server.asked if path == "/auth/refresh"] == ["", "invalid_grant", ""]


async def test_the_other_tabs_are_looked_at_before_anybody_hears_of_a_refused_exchange(tokens: World) -> None:
    """T3: what it was refused for ends no session that another tab has renewed."""
    pages = Pages()
    one, other = (tokens.connect(peers=pages.page(), proofs=None) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    faster = other._lifecycle.alive
    assert faster is not None
    source: Any = one._lifecycle.sessions.calls.tokens
    grants = source._grants
    found: list[Any] = []

    async def ask_all_the_time() -> None:
        for _ in range(50):
            found.append(asyncio.create_task(outcome(one.fetch(NOTES))))
            await asyncio.sleep(0)

    async def overtaken(request: Request) -> Response:
        source._grants = grants
        pages.channel_works = False  # one message is lost
        fresh = await other._lifecycle.sessions.calls.tokens.refresh(presented_by(faster))
        other._lifecycle.sessions.shared.hand_over(
            fresh.received(tokens.clock(), previous=presented_by(faster)), begins=False
        )
        pages.channel_works = True
        response: Response = await grants(request)
        found.append(asyncio.create_task(ask_all_the_time()))
        return response

    source._grants = overtaken
    tokens.server.spent = type("Forgiving", (set,), {"__contains__": lambda self, token: False})()
    tokens.clock.advance(301)
    assert (await tokens.resource(one).fetch(FILES)).status == 200
    await found[0]
    assert statuses(await asyncio.gather(*found[1:])) == [200] * 50


async def test_a_refused_exchange_ends_nothing_while_the_tab_that_was_faster_is_frozen(tokens: World) -> None:
    """T3, T5"""
    pages = Pages()
    one, other = (tokens.connect(peers=pages.page(), proofs=None) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    faster = other._lifecycle.alive
    assert faster is not None
    source: Any = one._lifecycle.sessions.calls.tokens
    grants = source._grants

    async def overtaken(request: Request) -> Response:
        source._grants = grants
        pages.channel_works = False
        fresh = await other._lifecycle.sessions.calls.tokens.refresh(presented_by(faster))
        faster.holding.replace(fresh.received(tokens.clock(), previous=presented_by(faster)))
        faster.shared.hand_over(faster.credential, begins=False)
        pages.channel_works, pages.open[1].frozen = True, True
        response: Response = await grants(request)
        return response

    source._grants = overtaken
    tokens.server.spent = type("Forgiving", (set,), {"__contains__": lambda self, token: False})()
    files = tokens.resource(one)
    assert isinstance(await outcome(files.fetch(FILES)), RefreshUnavailable)
    assert one._lifecycle.alive is not None
    assert one._lifecycle.alive.holding.refusal is None
    pages.open[1].thaw()
    await settle()
    assert (await files.fetch(FILES)).status == 200


@pytest.mark.parametrize("what", ["exchange", "refresh", "refresh that another page has made"])
async def test_without_its_turn_a_page_presents_no_refresh_token_whatever_came_meanwhile(
    tokens: World, what: str
) -> None:
    """T3, T5. Found by the simulator: an access token that came from another page stood for the turn that did not."""
    pages = Pages()
    one, other = (tokens.connect(peers=pages.page(), proofs=None) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    shared = other._lifecycle.alive
    assert shared is not None
    async with pages.page().lock():  # of a page that is frozen
        call = tokens.resource(one).fetch(FILES) if what == "exchange" else one.renew()
        waiting = asyncio.create_task(outcome(call))
        await settle()
        fresh = (await other._lifecycle.sessions.calls.tokens.refresh(presented_by(shared))).received(
            tokens.clock(), previous=presented_by(shared)
        )
        if what == "refresh":  # all that came with a token for another API
            fresh = replace(presented_by(shared), refresh_token=fresh.refresh_token)
        other._lifecycle.sessions.shared.hand_over(fresh, begins=False)
        error = await waiting  # virtual time: 20 s
    if what == "refresh that another page has made":
        assert error is None
    else:
        assert isinstance(error, RefreshUnavailable)
        assert "does not release it" in str(error)
    assert tokens.asked("/auth/refresh") == 1, "by the other page"


async def test_a_refresh_token_that_another_tab_was_given_makes_up_for_one_that_was_refused(tokens: World) -> None:
    """T3, F9"""
    pages = Pages()
    one, other = (tokens.connect(peers=pages.page(), proofs=None) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    source: Any = one._lifecycle.sessions.calls.tokens
    grants = source._grants

    async def refuses(request: Request) -> Response:
        return Response(400, {}, b'{"error": "invalid_grant"}')

    source._grants = refuses
    for _ in range(2):
        with pytest.raises(GrantRefused):
            await one.renew()
    source._grants = grants
    await tokens.resource(other).fetch(FILES)
    await settle()
    await one.renew()
    assert (await one.fetch(NOTES)).status == 200


async def test_the_next_refresh_token_of_a_page_that_is_frozen_is_waited_for(tokens: World) -> None:
    """T5"""
    pages = Pages()
    one, frozen = (tokens.connect(peers=pages.page(), proofs=None) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    hears: Any = one._lifecycle.sessions.shared._peers
    hears.frozen = True
    await frozen.renew()
    hears.inbox.clear()
    holds: Any = frozen._lifecycle.sessions.shared._peers
    hears.frozen, holds.frozen = False, True
    assert isinstance(await outcome(tokens.resource(one).fetch(FILES)), RefreshUnavailable)
    assert tokens.asked("/auth/refresh") == 1
