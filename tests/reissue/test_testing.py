"""The fake server that apps are tested with does what a strict one does."""

import asyncio
from typing import Any

import pytest
from reissue import (
    Endpoint,
    GrantRefused,
    Interceptor,
    RefreshUnavailable,
    Response,
    SessionEnded,
)
from reissue.testing import Clock, FakeServer, Gate, settle


async def signed_in(server: FakeServer, **options: Any) -> Interceptor:
    api = server.connect("/api/", endpoint=Endpoint("/auth"), **options)
    await api.sign_in(username="ada", password="lovelace")
    return api


async def statuses(api: Interceptor, count: int = 3) -> list[int]:
    responses = await asyncio.gather(*(api.fetch(f"/api/notes/{n}") for n in range(count)))
    return [response.status for response in responses]


@pytest.mark.parametrize("in_body", [False, True])
async def test_it_grants_to_its_users_only(in_body: bool) -> None:
    server = FakeServer(in_body=in_body)
    api = server.connect("/api/", endpoint=Endpoint("/auth"))
    for fields in ({"username": "ada", "password": "hopper"}, {"username": "eve"}, {"password": "lovelace"}):
        with pytest.raises(GrantRefused):
            await api.sign_in(**fields)
    await api.sign_in(username="ada", password="lovelace")
    assert api.claims["sub"] == "ada"
    assert api.expires_in == api.claims["exp"] - api.claims["iat"] == 300
    assert await statuses(api) == [200, 200, 200]
    assert (server.cookie is None) is in_body


@pytest.mark.parametrize("in_body", [False, True])
async def test_its_tokens_expire_by_its_clock_and_can_be_revoked(in_body: bool) -> None:
    server = FakeServer(in_body=in_body, lifetime=60)
    api = await signed_in(server)
    server.clock.advance(60)
    assert await statuses(api) == [200, 200, 200]
    assert (server.refreshes, len(server.requests)) == (1, 3)
    server.revoke()
    assert await statuses(api) == [200, 200, 200]
    assert (server.refreshes, len(server.requests), server.reuses) == (2, 9, 0)


async def test_a_page_that_knows_nothing_of_the_time_meets_a_401() -> None:
    server = FakeServer()
    api = await signed_in(server, clock=Clock())
    server.clock.advance(299.5)
    assert await statuses(api, 1) == [200]
    server.clock.advance(0.5)
    assert await statuses(api, 1) == [200]
    assert (server.refreshes, len(server.requests)) == (1, 3)


async def test_an_answer_may_depend_on_the_request() -> None:
    server = FakeServer(answer=lambda request: Response(200, {}, request.url.encode()))
    api = await signed_in(server)
    assert await (await api.fetch("/api/notes")).text() == "https://app.test/api/notes"
    assert (await api.fetch("/api/notes", auth=False)).status == 401


async def test_a_refresh_token_that_was_used_ends_its_session_and_no_other() -> None:
    server = FakeServer()
    other = await signed_in(server)
    api = await signed_in(server)
    stolen = server.cookie
    await api.renew()
    server.cookie = stolen
    with pytest.raises(GrantRefused):
        await api.renew()
    assert server.reuses == 1
    with pytest.raises(SessionEnded):
        await statuses(api, 1)
    assert await statuses(other, 1) == [200]
    assert server.reuses == 1


async def test_two_refreshes_at_once_present_the_same_cookie() -> None:
    """As in a browser, where the cookie goes along when a request is sent."""
    server = FakeServer()
    first, second = await signed_in(server), server.connect("/api/", endpoint=Endpoint("/auth"))
    renewing, resuming = asyncio.create_task(first.renew()), asyncio.create_task(second.resume())
    await asyncio.wait((renewing, resuming))
    assert (server.refreshes, server.reuses) == (2, 1)
    await renewing
    assert await resuming is False


async def test_an_unknown_refresh_token_and_none_at_all_are_told_apart() -> None:
    server = FakeServer()
    api = server.connect("/api/", endpoint=Endpoint("/auth"))
    assert await api.resume() is False
    server.cookie = "from before the server was started"
    assert await api.resume() is False
    assert (server.refreshes, server.reuses) == (2, 0)


async def test_its_endpoint_can_be_asked_by_hand() -> None:
    server = FakeServer()
    api = await signed_in(server)
    cookie = server.cookie
    assert (await api.fetch("/auth/logout", auth=False)).status == 401, "only a POST signs out"
    assert server.cookie == cookie
    assert (await api.fetch("/auth/logout", method="POST", auth=False)).status == 204
    assert (await api.fetch("/auth/refresh", method="POST", auth=False)).status == 204, "nobody is signed in"
    assert (server.cookie, server.refreshes) == (None, 1)


async def test_the_end_of_all_sessions_is_heard_at_the_next_request() -> None:
    server = FakeServer()
    api = await signed_in(server)
    server.end()
    with pytest.raises(SessionEnded) as told:
        await statuses(api, 1)
    assert told.value.reason == "refused"


async def test_a_sign_out_ends_the_session_at_the_server() -> None:
    server = FakeServer()
    api = await signed_in(server)
    cookie = server.cookie
    await api.sign_out()
    assert server.cookie is None
    server.cookie = cookie
    assert await api.resume() is False
    await api.sign_out()
    server.cookie = None
    await api.sign_out()


@pytest.mark.parametrize("trouble", [OSError("offline"), Response(503)])
async def test_trouble_is_what_a_refresh_meets(trouble: Any) -> None:
    server = FakeServer()
    api = await signed_in(server)
    cookie = server.cookie
    server.clock.advance(300)
    server.trouble = trouble
    with pytest.raises(RefreshUnavailable):
        await statuses(api, 1)
    assert server.cookie == cookie
    server.trouble = None
    assert await statuses(api, 1) == [200]


async def test_a_gate_holds_refreshes_and_nothing_else() -> None:
    server = FakeServer(gate=Gate())
    assert server.gate
    api = await signed_in(server)
    assert await statuses(api, 1) == [200]
    server.clock.advance(300)
    task = asyncio.create_task(statuses(api, 2))
    await settle()
    assert not task.done()
    assert len(server.requests) == 1
    server.gate.open()
    assert await task == [200, 200]
    assert server.refreshes == 1
