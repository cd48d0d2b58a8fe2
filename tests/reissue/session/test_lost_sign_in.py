"""A sign-in whose answer was lost may have set a cookie: the next token is taken for another user's."""

import asyncio

import pytest
from reissue import Endpoint, GrantRefused, MalformedToken, RefreshUnavailable, Response, SessionChanged
from reissue.testing import Gate

from tests.reissue.auth_server import AuthServer
from tests.reissue.conftest import API, World, outcome


@pytest.fixture
def server(world: World) -> AuthServer:
    """Its tokens are opaque: they don't name their user."""
    server = AuthServer(lambda: "opaque-2")
    world.api = world.make(transport=server, endpoint=Endpoint(API + "auth"))
    return server


@pytest.mark.parametrize(
    "loss", [OSError("reset"), TimeoutError(), Response(200, {}, b"<html>")], ids=["reset", "timeout", "cut short"]
)
async def test_after_a_lost_sign_in_no_request_goes_out_as_who_may_have_signed_in(
    world: World, server: AuthServer, loss: Exception | Response
) -> None:
    """S3: opaque tokens don't name their user, so a new one is taken for another's."""
    server.instead["login"] = loss
    await world.signed_in("opaque-1", refresh_token=None)
    assert isinstance(await outcome(world.api.sign_in(username="grace")), OSError | MalformedToken)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionChanged)
    assert (len(server.refused), server.accepted) == (1, [])
    assert (await world.api.fetch(API + "notes")).status == 200, "and the new session goes on"


async def test_after_a_sign_in_that_was_given_up_the_new_token_is_taken_for_another_users(
    world: World, server: AuthServer
) -> None:
    """S3"""
    server.gates["login"] = gate = Gate()
    await world.signed_in("opaque-1", refresh_token=None)
    sign_in = asyncio.create_task(world.api.sign_in(username="grace"))
    await gate.reached()
    sign_in.cancel()
    await asyncio.gather(sign_in, return_exceptions=True)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionChanged)
    assert (len(server.refused), server.accepted) == (1, [])


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_a_sign_in_that_was_answered_with_no_leaves_the_session_alone(
    world: World, server: AuthServer, status: int
) -> None:
    """F1: no cookie came, so nothing is in doubt."""
    server.instead["login"] = Response(status)
    await world.signed_in("opaque-1", refresh_token=None)
    assert isinstance(await outcome(world.api.sign_in(username="grace")), GrantRefused | RefreshUnavailable)
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_a_lost_sign_in_is_no_matter_where_the_page_holds_the_refresh_token(
    world: World, server: AuthServer
) -> None:
    """S3, the other side: the refresh token says whose session it is."""
    server.instead["login"] = OSError("reset")
    await world.signed_in("opaque-1")
    assert isinstance(await outcome(world.api.sign_in(username="grace")), OSError)
    assert (await world.api.fetch(API + "notes")).status == 200
