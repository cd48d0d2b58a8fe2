"""Calls that are made from within the endpoint: none waits for itself."""

import asyncio
from typing import Any

import pytest
from reissue import (
    Credential,
    Endpoint,
    Interceptor,
    RefreshUnavailable,
    ReissueError,
    Request,
    Response,
    SessionEnded,
)
from reissue.testing import Gate, settle

from tests.reissue.conftest import API, World, outcome


async def test_the_endpoint_is_called_on_the_bare_transport_and_by_way_of_the_client_is_an_error_and_no_hang(
    world: World,
) -> None:
    """Q3: The endpoint is always called on the bare transport; a call from it
    into the client is an error, never a hang.

    Seen in: Flyrell/axios-auth-refresh#120, jetbridge/axios-jwt#4 (hangs: measured)
    """
    asked: list[Request] = []

    async def transport(request: Request) -> Response:
        if "/auth/" not in request.url:
            return await world.server(request)
        asked.append(request)
        return Response(200, {}, b'{"access_token": "token-2"}')

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"), in_flight=1)
    await world.signed_in()
    assert {r.status for r in await asyncio.gather(*world.fetches(3))} == {200}
    assert [(request.url, "Authorization" in request.headers) for request in asked] == [(API + "auth/refresh", False)]

    async def refresh(credential: Credential | None) -> Credential:
        await world.api.fetch(API + "auth/refresh")
        raise AssertionError("not reached")

    world.api = world.make(endpoint=refresh)
    await world.signed_in()
    began = asyncio.get_running_loop().time()
    error = await outcome(world.api.fetch(API + "notes"))
    assert isinstance(error, RefreshUnavailable)
    assert isinstance(error.__cause__, ReissueError)
    assert "from within its own endpoint" in str(error.__cause__)
    assert asyncio.get_running_loop().time() == began


@pytest.mark.parametrize("call", ["renew", "resume", "sign_in", "sign_out", "adopt", "attempts"])
async def test_no_call_from_within_the_endpoint_waits_for_itself(world: World, call: str) -> None:
    """Q3"""

    async def refresh(credential: Credential | None) -> Credential:
        arguments: dict[str, Any] = {"adopt": ("token-3",), "attempts": (Request(API),)}
        await getattr(world.api, call)(*arguments.get(call, ()))
        raise AssertionError("not reached")

    world.api = world.make(endpoint=refresh)
    await world.signed_in()
    began = asyncio.get_running_loop().time()
    error = await outcome(world.api.fetch(API + "notes"))
    assert "from within its own endpoint" in str(error.__cause__)
    assert asyncio.get_running_loop().time() == began


async def test_a_client_that_its_own_endpoint_closes_takes_nothing_more(world: World) -> None:
    """Q3, X6: it does not wait for itself either."""

    async def refresh(credential: Credential | None) -> Credential:
        await world.api.close()
        closed.append(asyncio.get_running_loop().time())
        return Credential(access_token="token-2", refresh_token="refresh-2")

    world.api = world.make(endpoint=refresh)
    await world.signed_in()
    began, closed = asyncio.get_running_loop().time(), list[float]()
    assert isinstance(await outcome(world.api.renew()), SessionEnded)
    await settle()
    assert closed == [began]


async def test_another_client_may_be_used_within_an_endpoint_and_a_circle_of_two_is_an_error(world: World) -> None:
    """Q3"""
    inner = world.make(endpoint=world.endpoint)
    await inner.adopt("token-2")

    async def refresh(credential: Credential | None) -> Credential:
        assert (await inner.fetch(API + "config")).status == 200
        return Credential(access_token="token-2", expires_in=300)

    outer = world.make(endpoint=refresh)
    await outer.adopt("token-1")
    assert (await outer.fetch(API + "notes")).status == 200

    clients: list[Interceptor] = []

    def through(number: int) -> Any:
        async def endpoint(credential: Credential | None) -> Credential:
            await clients[number].fetch(API + "token")
            raise AssertionError("not reached")

        return endpoint

    clients += [world.make(endpoint=through(1)), world.make(endpoint=through(0))]
    for client in clients:
        await client.adopt("token-1")
    began = asyncio.get_running_loop().time()
    assert isinstance(await outcome(clients[0].fetch(API)), RefreshUnavailable)
    assert asyncio.get_running_loop().time() == began, "an error, and no wait for a deadline"


async def test_an_endpoint_may_use_the_client_without_a_token(world: World) -> None:
    """Q3: `auth=False` is the bare transport."""

    async def refresh(credential: Credential | None) -> Credential:
        assert (await world.api.fetch(API + "auth/refresh", auth=False)).status == 401
        return Credential(access_token="token-2", expires_in=300)

    world.api = world.make(endpoint=refresh)
    await world.signed_in()
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_a_listener_or_task_of_the_endpoint_may_call_once_the_endpoint_is_done(world: World) -> None:
    """Q3, S4: the mark ends with the call, also for tasks that inherited it."""
    later: list[asyncio.Task[Any]] = []
    done = Gate()

    async def after() -> Any:
        await done.passed()
        return await world.api.fetch(API + "later")

    async def refresh(credential: Credential | None) -> Credential:
        later.append(asyncio.create_task(after()))
        return Credential(access_token="token-2", expires_in=300)

    world.api = world.make(endpoint=refresh)
    await world.signed_in()
    await world.api.fetch(API + "notes")
    done.open()
    assert (await later[0]).status == 200
