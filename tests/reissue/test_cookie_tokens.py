"""Tokens that live in cookies alone: nothing is attached, and all else is as with tokens in the page."""

import asyncio
import json
from typing import Any

import pytest
from reissue import (
    Credential,
    Endpoint,
    Interceptor,
    MalformedToken,
    RefreshUnavailable,
    Request,
    Response,
    Route,
    SessionChanged,
    SessionEnded,
    State,
)
from reissue.storage import Memory
from reissue.testing import Clock

from tests.reissue.conftest import API, World, outcome
from tests.reissue.pages import Pages


class CookieServer:
    """An API and its endpoint behind a browser's cookie jar."""

    def __init__(self) -> None:
        self.cookie = 0  # of the browser; 0: none
        self.accepted = 0
        self.refreshable = True
        self.sent: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        await asyncio.sleep(0)
        self.sent.append(request)
        if "/auth/" not in request.url:
            return Response(200 if self.cookie == self.accepted > 0 else 401)
        match request.url.rpartition("/")[2]:
            case "login":
                self.refreshable = True
            case "logout":
                self.cookie, self.refreshable = 0, False
                return Response(204)
        if not self.refreshable:
            return Response(401)
        self.accepted = self.cookie = self.accepted + 1
        return Response(204)

    def asked(self, end: str) -> int:
        return sum(request.url.endswith(end) for request in self.sent)


ENDPOINT = Endpoint(f"{API}auth", tokens="cookie", credentials="include")


def connect(world: World, **settings: Any) -> CookieServer:
    server = CookieServer()
    world.api = world.make(transport=server, endpoint=ENDPOINT, **settings)
    return server


async def test_a_401_refreshes_once_and_each_request_is_replayed_once_with_nothing_attached(world: World) -> None:
    """Q1, Q4"""
    server = connect(world)
    await world.api.sign_in(username="ada")
    server.accepted += 1
    assert [(await task).status for task in world.fetches(10)] == [200] * 10
    assert server.asked("/refresh") == 1
    for request in server.sent:
        assert "Authorization" not in request.headers
        assert request.options["credentials"] == "include", "it goes along with the API's requests, too"


async def test_a_second_401_is_a_response(world: World) -> None:
    """Q4"""
    server = connect(world)
    await world.api.sign_in(username="ada")
    server.cookie = -1

    async def refused(request: Request) -> Response:
        return Response(401) if "/auth/" not in request.url else await server(request)

    world.api = world.make(transport=refused, endpoint=ENDPOINT)
    assert await world.api.resume() is True
    assert (await world.api.fetch(API + "notes")).status == 401
    assert world.api.state is State.SIGNED_IN


async def test_its_claims_are_empty_and_its_life_is_known_if_the_server_says_it(world: World) -> None:
    server = connect(world)
    await world.api.sign_in(username="ada")
    assert (dict(world.api.claims), world.api.expires_in) == ({}, None)
    assert server.asked("/login") == 1


async def test_a_dead_cookie_ends_the_session_and_a_sign_out_is_told(world: World) -> None:
    server = connect(world)
    await world.api.sign_in(username="ada")
    server.accepted, server.refreshable = 9, False
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionEnded)
    await world.api.sign_in(username="ada")
    await world.api.sign_out()
    assert (server.asked("/logout"), server.cookie) == (1, 0)
    assert await world.api.resume() is False


async def test_a_page_that_needs_the_cookie_may_stand_in_for_a_refresh(world: World) -> None:
    server = CookieServer()
    server.cookie = server.accepted = 1
    requests: list[Request] = []

    async def transport(request: Request) -> Response:
        requests.append(request)
        return Response(200 if server.cookie else 401, {"Content-Type": "application/json"}, b'{"id": 7}')

    endpoint = Endpoint(API, tokens="cookie", refresh=Route("users/me", method="GET"))
    world.api = world.make(transport=transport, endpoint=endpoint)
    assert await world.api.resume() is True
    assert (requests[0].method, requests[0].url, requests[0].body) == ("GET", f"{API}users/me", None)
    server.cookie = 0
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionEnded)


async def test_tabs_share_the_session_and_its_one_refresh() -> None:
    """T1, T8"""
    server, clock, pages = CookieServer(), Clock(), Pages()
    tabs = [Interceptor(server, audience=API, endpoint=ENDPOINT, clock=clock, peers=pages.page()) for _ in range(3)]
    await tabs[0].sign_in(username="ada")
    assert [await tab.resume() for tab in tabs] == [True] * 3
    before = server.asked("/refresh")
    server.accepted += 1
    answers = await asyncio.gather(*(tab.fetch(API + "notes") for tab in tabs for _ in range(5)))
    assert [answer.status for answer in answers] == [200] * 15
    assert server.asked("/refresh") - before == 1
    await tabs[1].sign_out()
    assert [isinstance(await outcome(tab.fetch(API + "notes")), SessionEnded) for tab in tabs] == [True] * 3
    for tab in tabs:
        await tab.close()


async def test_a_client_with_other_tokens_takes_no_name_for_a_token(world: World) -> None:
    """X10"""
    connect(world)
    with pytest.raises(MalformedToken, match="cookies"):
        await world.api.adopt("a-token")
    api = world.make(endpoint=Endpoint(f"{API}auth"))
    assert not api._lifecycle.sessions.calls.tokens.accepts(Credential.in_cookies())


def test_what_does_not_go_with_cookies_is_told_when_it_is_made(world: World) -> None:
    connect(world)
    with pytest.raises(TypeError, match="cookie"):
        world.api.for_resource(API, scope="x")
    with pytest.raises(ValueError, match="store"):
        world.make(endpoint=ENDPOINT, store=Memory())

    class Proofs:
        pass

    with pytest.raises(ValueError, match="dpop"):
        world.make(endpoint=ENDPOINT, proofs=Proofs())


async def test_a_proxys_page_in_place_of_the_cookies_answer_is_transient(world: World) -> None:
    """F1, F4"""
    server = connect(world)
    await world.api.sign_in(username="ada")
    server.accepted += 1

    async def proxied(request: Request) -> Response:
        if "/auth/" in request.url:
            return Response(200, {"Content-Type": "text/html"}, b"<html>")
        return Response(401)

    world.api._lifecycle.sessions.calls.tokens._transport = proxied  # type: ignore[attr-defined]
    world.api._lifecycle.sessions.calls.tokens._grants = proxied  # type: ignore[attr-defined]
    assert isinstance(await outcome(world.api.fetch(API + "notes")), RefreshUnavailable)
    assert world.api.state is State.SIGNED_IN


@pytest.mark.parametrize(
    "loss", [OSError("reset"), TimeoutError(), Response(200, {"Content-Type": "text/html"}, b"<html>")], ids=str
)
async def test_after_a_lost_sign_in_no_request_takes_along_a_cookie_that_may_be_another_users(
    world: World, loss: Any
) -> None:
    """S3: with a token in the page the request would still be the first user's; the cookie is whose it is."""
    cookie = ["nobody"]
    as_user: list[str] = []

    async def transport(request: Request) -> Response:
        await asyncio.sleep(0)
        if request.url.endswith("/login"):
            before, cookie[0] = cookie[0], json.loads(request.body)["username"]
            if before == "nobody":
                return Response(204)
            if isinstance(loss, Exception):
                raise loss
            answer: Response = loss
            return answer
        if "/auth/" not in request.url:
            as_user.append(cookie[0])
        return Response(200)

    world.api = world.make(transport=transport, endpoint=ENDPOINT)
    await world.api.sign_in(username="ada")
    assert isinstance(await outcome(world.api.sign_in(username="bob")), OSError | MalformedToken)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionChanged)
    assert as_user == []
    await world.api.fetch(API + "notes")
    assert as_user == ["bob"], "in a session of its own"


@pytest.mark.parametrize(
    "body",
    [{"error": "Wrong password"}, {"success": False}, {"ok": False}, {"errors": [{"message": "no"}], "data": None}],
)
async def test_a_200_whose_json_says_that_it_failed_signs_no_user_in(world: World, body: dict[str, Any]) -> None:
    """F4: only an access token can't be missed there."""

    async def transport(request: Request) -> Response:
        return Response(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    world.api = world.make(transport=transport, endpoint=ENDPOINT)
    for call in (world.api.sign_in(username="ada"), world.api.resume()):
        error = await outcome(call)
        assert isinstance(error, RefreshUnavailable)
        assert (error.status, error.body) == (200, body)
    assert world.api.state is State.SIGNED_OUT


async def test_a_client_whose_tokens_are_in_the_page_adopts_no_cookie(world: World) -> None:
    """X10"""
    with pytest.raises(MalformedToken, match="tokens='cookie'"):
        await world.make(endpoint=Endpoint(f"{API}auth")).adopt("a-name", token_type="Cookie")
