"""A sign-in whose answer was lost may have set a cookie: the next token is taken for another user's."""

import asyncio

import pytest
from reissue import Endpoint, GrantRefused, MalformedToken, RefreshUnavailable, Request, Response, SessionChanged
from reissue.testing import Gate

from tests.reissue.conftest import API, World, outcome


class LosesSignIns:
    """A server with opaque tokens, where a sign-in is lost after it has set the cookie: a refresh is another user's."""

    def __init__(self, loss: Gate | BaseException | Response) -> None:
        self.loss = loss
        self.tokens: list[str | None] = []

    async def __call__(self, request: Request) -> Response:
        if request.url.endswith("login"):
            if isinstance(self.loss, Response):
                return self.loss
            if isinstance(self.loss, BaseException):
                raise self.loss
            await self.loss.passed()
        if request.url.endswith("refresh"):
            return Response(200, {}, b'{"access_token": "opaque-2"}')
        self.tokens.append(request.headers.get("Authorization"))
        return Response(200 if self.tokens[-1] == "Bearer opaque-2" else 401)


@pytest.mark.parametrize(
    "loss", [OSError("reset"), TimeoutError(), Response(200, {}, b"<html>")], ids=["reset", "timeout", "cut short"]
)
async def test_after_a_lost_sign_in_no_request_goes_out_as_who_may_have_signed_in(
    world: World, loss: BaseException | Response
) -> None:
    """S3: opaque tokens don't name their user, so a new one is taken for another's."""
    server = LosesSignIns(loss)
    world.api = world.make(transport=server, endpoint=Endpoint("https://api.test/auth"))
    await world.signed_in("opaque-1", refresh_token=None)
    assert isinstance(await outcome(world.api.sign_in(username="grace")), OSError | MalformedToken)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionChanged)
    assert server.tokens == ["Bearer opaque-1"]
    assert (await world.api.fetch(API + "notes")).status == 200, "and the new session goes on"


async def test_after_a_sign_in_that_was_given_up_the_new_token_is_taken_for_another_users(world: World) -> None:
    """S3"""
    server = LosesSignIns(gate := Gate())
    world.api = world.make(transport=server, endpoint=Endpoint("https://api.test/auth"))
    await world.signed_in("opaque-1", refresh_token=None)
    sign_in = asyncio.create_task(world.api.sign_in(username="grace"))
    await gate.reached()
    sign_in.cancel()
    await asyncio.gather(sign_in, return_exceptions=True)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionChanged)
    assert server.tokens == ["Bearer opaque-1"]


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_a_sign_in_that_was_answered_with_no_leaves_the_session_alone(world: World, status: int) -> None:
    """F1: no cookie came, so nothing is in doubt."""
    server = LosesSignIns(Response(status))
    world.api = world.make(transport=server, endpoint=Endpoint("https://api.test/auth"))
    await world.signed_in("opaque-1", refresh_token=None)
    assert isinstance(await outcome(world.api.sign_in(username="grace")), GrantRefused | RefreshUnavailable)
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_a_lost_sign_in_is_no_matter_where_the_page_holds_the_refresh_token(world: World) -> None:
    """S3, the other side: the refresh token says whose session it is."""
    server = LosesSignIns(OSError("reset"))
    world.api = world.make(transport=server, endpoint=Endpoint("https://api.test/auth"))
    await world.signed_in("opaque-1")
    assert isinstance(await outcome(world.api.sign_in(username="grace")), OSError)
    assert (await world.api.fetch(API + "notes")).status == 200
