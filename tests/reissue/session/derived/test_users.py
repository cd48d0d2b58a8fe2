"""Whose session it is that a token for another API belongs to."""

import asyncio
from typing import Any

import pytest
from reissue import (
    EndpointEvent,
    RefreshEvent,
    RefreshPhase,
    Request,
    RequestEvent,
    Response,
    SessionChanged,
    State,
)
from reissue.testing import Gate, settle

from tests.reissue.conftest import outcome
from tests.reissue.pages import Pages
from tests.reissue.session.derived.conftest import FILES, World, statuses


async def test_another_users_session_is_not_the_other_apis(world: World) -> None:
    """S3"""
    await world.signed_in()
    await world.files.fetch(FILES)
    attempts = world.files.attempts(Request(FILES))
    assert attempts is not None
    with attempts:
        await attempts.first()
        await world.signed_in("grace", "hopper")
        with pytest.raises(SessionChanged):
            await attempts.after(Response(401))
    assert (await world.files.fetch(FILES)).status == 200
    assert world.files.claims["sub"] == "grace"


async def test_the_next_users_request_does_not_share_the_end_of_what_the_last_one_waited_for(tokens: World) -> None:
    """S3: it comes in the very step in which the session is replaced."""
    api = await tokens.signed_in()
    wire = Gate()
    transport = tokens.transport

    async def slow(request: Request) -> Response:
        if request.url.endswith("/refresh") and not wire.waiting:
            await wire.passed()
        return await transport(request)

    api._lifecycle.sessions.calls.tokens._grants = slow  # type: ignore[attr-defined]
    waiting = asyncio.create_task(outcome(tokens.files.fetch(FILES)))
    await wire.reached()
    other = tokens.connect(proofs=None)
    await other.sign_in(username="grace", password="hopper")
    session = other._lifecycle.alive
    assert session is not None
    wire.open()
    await api.adopt(session.credential.access_token, refresh_token=session.credential.refresh_token, expires_in=300)
    assert (await tokens.files.fetch(FILES)).status == 200
    assert isinstance(await waiting, SessionChanged)
    assert tokens.files.claims["sub"] == "grace"


async def test_an_exchange_by_another_users_cookie_gives_no_token(world: World) -> None:
    """S3"""
    if world.cookie is None:
        return
    await world.signed_in()
    other = world.connect(proofs=None)
    await other.sign_in(username="grace", password="hopper")
    assert isinstance(await outcome(world.files.fetch(FILES)), SessionChanged)
    await settle()
    assert world.api.claims["sub"] == "grace", "the session found out as well"
    assert not [r for r in world.sent if r.url == FILES]


async def test_a_renewal_by_another_users_cookie_is_no_outage(world: World) -> None:
    """S3: whoever has a token already hears of it in the same words."""
    if world.cookie is None:
        return
    await world.signed_in()
    await world.files.fetch(FILES)
    other = world.connect(proofs=None)
    await other.sign_in(username="grace", password="hopper")
    events: list[Any] = []
    world.files.on(events.append)
    world.clock.advance(400)
    assert isinstance(await outcome(world.files.fetch(FILES)), SessionChanged)
    told = [event.phase.value for event in events if not isinstance(event, (RequestEvent, EndpointEvent))]
    assert told == ["started", "ended", "dropped"]
    await settle()
    assert world.api.claims["sub"] == "grace"
    assert (await world.files.fetch(FILES)).status == 200
    assert world.files.claims["sub"] == "grace"


async def test_a_token_that_works_is_sent_on_while_nobody_knows_whose_the_cookie_is(world: World) -> None:
    """F9: the session that it lives by may turn out to go on."""
    if world.cookie is None:
        return
    api = await world.signed_in()
    await world.files.fetch(FILES)
    other = world.connect(proofs=None)
    await other.sign_in(username="grace", password="hopper")
    session = api._lifecycle.alive
    assert session is not None

    async def down(*_: object, **__: object) -> Any:
        raise OSError("down")

    session.refresh._calls.refresh = down  # type: ignore[method-assign]
    world.clock.advance(280)  # it is stale now
    assert statuses([await world.files.fetch(FILES) for _ in range(3)]) == [200] * 3
    await settle()
    assert world.files.state is State.SIGNED_IN
    assert world.files.claims["sub"] == "ada"


async def test_a_later_session_that_is_not_to_be_had_puts_the_cookie_in_doubt(world: World) -> None:
    """S3"""
    if world.cookie is None:
        return
    pages = Pages()
    one, other = (world.connect(peers=pages.page(), proofs=None) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    hears: Any = one._lifecycle.sessions.shared._peers
    hears.frozen = True
    await other.sign_in(username="grace", password="hopper")
    hears.inbox.clear()
    holds: Any = other._lifecycle.sessions.shared._peers
    hears.frozen, holds.frozen = False, True
    assert isinstance(await outcome(world.resource(one).fetch(FILES)), SessionChanged)


async def test_a_cookie_that_stays_in_doubt_is_told_as_another_users() -> None:
    """S3: and not as an outage, which would be tried again."""
    world = World(cookie=True)
    world.server.names = lambda user, resource: {"sub": f"{user} at {resource}"}
    api = await world.signed_in()
    session = api._lifecycle.alive
    assert session is not None
    world.meanwhile = lambda request: session.holding.doubt_cookie() if request.url.endswith("/refresh") else None
    assert isinstance(await outcome(world.files.fetch(FILES)), SessionChanged)
    for client in world.made:
        await client.close()


async def test_nothing_is_renewed_after_a_step_up_for_a_session_that_is_over(tokens: World) -> None:
    """S1: another user signs in just as the step-up has succeeded. Found by simulation."""
    other = tokens.connect(proofs=None)
    await other.sign_in(username="grace", password="hopper")
    assert other._lifecycle.alive is not None
    graces = other._lifecycle.alive.credential
    tokens.steps_up()
    await tokens.signed_in()
    adopting: list[asyncio.Task[None]] = []

    def replace_session(event: object) -> None:
        if isinstance(event, RefreshEvent) and event.phase is RefreshPhase.STEPPED_UP:
            adopted = tokens.api.adopt(graces.access_token, refresh_token=graces.refresh_token, expires_in=300)
            adopting.append(asyncio.create_task(adopted))

    tokens.api.on(replace_session)
    assert isinstance(await outcome(tokens.files.fetch(f"{FILES}vault")), SessionChanged)
    await adopting[0]
    assert tokens.asked("/auth/refresh") == 1, "for the first token, before the step-up"
