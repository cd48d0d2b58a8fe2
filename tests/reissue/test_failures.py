"""HARD_CASES F1–F12, T9, T11, T12: telling failures apart, and what the clock says."""

import asyncio
from typing import Any

import jwt
import pytest
from reissue import (
    Credential,
    Endpoint,
    GrantRefused,
    MalformedToken,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    Response,
    SessionEnded,
    SessionPhase,
    State,
)
from reissue.testing import Gate, settle

from tests.reissue.conftest import API, World, outcome

KEY = "a key that is long enough for HS256, no more"


def over_http(world: World, answer: Response | Exception, **options: Any) -> None:
    """An interceptor whose endpoint is asked over HTTP and answers in one way."""

    async def transport(request: Request) -> Response:
        if "/auth/" not in request.url:
            return await world.server(request)
        world.endpoint.asked_with.append(None)
        if isinstance(answer, Exception):
            raise answer
        return answer

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"), **options)


@pytest.mark.parametrize(
    "answer",
    [
        OSError("unreachable"),
        Response(500),
        Response(503, {}, b"<html>down</html>"),
        Response(502, {"Content-Type": "application/json"}, b'{"error": "invalid_grant"}'),
        Response(429, {"Retry-After": "7"}),
        Response(403, {}, b"<html>proxy</html>"),
        Response(404),
        Response(400, {}, b"<html>bad gateway</html>"),
        Response(302),
        Response(200, {"Content-Type": "text/html"}, b"<html>captive portal</html>"),
        Response(200, {}, b"{}"),
        Response(200, {}, b'{"access_token": "to'),
        Response(200, {}, b'{"access_token": ""}'),
        Response(200, {}, b'{"access_token": 7}'),
        Response(200, {}, b'{"access_token": "two\\nlines"}'),
        Response(200, {}, b'{"access_token": "token-2", "token_type": "DPoP"}'),
        Response(400, {}, b'{"statusCode": 400, "error": "Bad Request", "message": "Too much"}'),
        Response(400, {}, b'{"error": "temporarily_unavailable"}'),
        Response(200, {}, b"[" * 100_000),
        Response(200, {}, b"\xff\xfe\x00"),
    ],
    ids=repr,
)
async def test_a_failure_that_is_no_refusal_never_ends_the_session(world: World, answer: Response | Exception) -> None:
    """F1, F2, F3, F4, F12"""
    over_http(world, answer)
    await world.signed_in()
    error = await outcome(world.api.fetch(API + "notes"))
    assert isinstance(error, RefreshUnavailable)
    assert error.__cause__ is not None or error.status is not None
    assert world.api.state is State.SIGNED_IN
    assert world.api._session is not None
    assert world.api._session.credential.access_token == "token-1"


async def test_a_network_failure_is_chained_as_the_cause(world: World) -> None:
    """F1"""
    failure = ConnectionRefusedError("no")
    over_http(world, failure)
    await world.signed_in()
    error = await outcome(world.api.fetch(API + "notes"))
    assert error.__cause__ is failure
    assert error.retry_after is None


async def test_no_new_attempt_is_made_before_retry_after_has_passed(world: World) -> None:
    """F2"""
    over_http(world, Response(429, {"Retry-After": "30"}))
    await world.signed_in()
    assert (await outcome(world.api.fetch(API + "notes"))).retry_after == 30
    world.clock.advance(29)
    error = await outcome(world.api.fetch(API + "notes"))
    assert (type(error), error.retry_after) == (RefreshUnavailable, 1)
    assert world.endpoint.calls == 1
    world.clock.advance(1)
    await outcome(world.api.fetch(API + "notes"))
    assert world.endpoint.calls == 2


async def test_a_clock_set_back_does_not_stretch_retry_after(world: World) -> None:
    """F2, T9"""
    over_http(world, Response(503, {"Retry-After": "30"}))
    await world.signed_in()
    await outcome(world.api.fetch(API + "notes"))
    world.clock.advance(-86_400)
    await outcome(world.api.fetch(API + "notes"))
    assert world.endpoint.calls == 2


@pytest.mark.parametrize(
    "answer",
    [
        Response(401),
        Response(401, {}, b'{"detail": "Token is blacklisted", "code": "token_not_valid"}'),
        Response(400, {}, b'{"error": "invalid_grant"}'),
        Response(204),
    ],
    ids=repr,
)
async def test_a_refusal_ends_the_session(world: World, answer: Response) -> None:
    """The other side of F1."""
    over_http(world, answer)
    await world.signed_in()
    error = await outcome(world.api.fetch(API + "notes"))
    assert isinstance(error, SessionEnded)
    assert error.reason == "refused"
    assert isinstance(error.__cause__, GrantRefused)
    assert world.api.state is State.SIGNED_OUT


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"access_token": null}', b'{"access_token": "a b"}', b"null"])
async def test_a_sign_in_answered_without_a_token_is_a_clear_error_and_stores_nothing(
    world: World, body: bytes
) -> None:
    """F4"""
    over_http(world, Response(200, {}, body))
    with pytest.raises(MalformedToken):
        await world.api.sign_in(username="ada", password="x")
    assert world.api.state is State.SIGNED_OUT
    assert world.events == []


async def test_a_refresh_token_that_the_answer_leaves_out_is_kept(world: World) -> None:
    """F5"""
    world.endpoint.answer = lambda n: Credential(access_token=f"token-{n}", expires_in=300)
    await world.signed_in()
    await world.api.renew()
    await world.api.renew()
    assert [c.refresh_token for c in world.endpoint.asked_with if c] == ["refresh-1", "refresh-1"]


async def test_fifty_calls_in_a_row_ask_a_refused_endpoint_once(world: World) -> None:
    """F7"""
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    for _ in range(50):
        assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionEnded)
    assert world.endpoint.calls == 1


async def test_calls_in_a_row_while_offline_are_paused_with_a_cap(world: World) -> None:
    """F8: a loop without a delay of its own can't hammer the endpoint."""
    world.endpoint.failure = OSError("offline")
    await world.signed_in()
    loop = asyncio.get_running_loop()
    started = loop.time()
    for _ in range(100):
        await outcome(world.api.fetch(API + "notes"))
    passed = loop.time() - started
    assert 99 * 0.5 < passed <= 100 * 8, "full jitter: 4 s on average once the cap of 8 s is reached"


async def test_news_of_the_network_ends_the_pause(world: World) -> None:
    """F8"""
    world.endpoint.failure = OSError("offline")
    await world.signed_in()
    for _ in range(20):
        await outcome(world.api.fetch(API + "notes"))
    world.endpoint.failure = None
    world.server.accepts = f"token-{world.endpoint.calls + 2}"
    call = asyncio.create_task(world.api.fetch(API + "notes"))
    await settle()
    before = asyncio.get_running_loop().time()
    world.api.wake()
    assert (await call).status == 200
    assert asyncio.get_running_loop().time() == before


async def test_a_stale_token_is_sent_at_once_and_renewed_behind(world: World) -> None:
    """Invariant 7."""
    world.server.accepts = "token-1"
    world.endpoint.gate = Gate()
    await world.signed_in()
    world.clock.advance(280)
    assert (await world.api.fetch(API + "notes")).status == 200
    await world.endpoint.gate.reached()
    assert world.api.state is State.REFRESHING
    world.endpoint.gate.open()
    await settle()
    assert world.api.expires_in == 300
    assert world.endpoint.calls == 1


async def test_a_proactive_refresh_that_is_refused_leaves_the_token_in_use_until_it_expires(world: World) -> None:
    """F9"""
    world.server.accepts = "token-1"
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    world.clock.advance(280)
    for _ in range(3):
        assert (await world.api.fetch(API + "notes")).status == 200
        await settle()
    assert world.api.state is State.SIGNED_IN
    world.clock.advance(21)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), SessionEnded)
    assert world.endpoint.calls == 1


async def test_renew_that_is_refused_says_so_and_keeps_a_working_token(world: World) -> None:
    """F9"""
    world.server.accepts = "token-1"
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    with pytest.raises(GrantRefused):
        await world.api.renew()
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_an_unavailable_endpoint_leaves_a_stale_token_in_use_and_an_expired_one_not(world: World) -> None:
    """Invariant 7."""
    world.server.accepts = "token-1"
    world.endpoint.failure = OSError("down")
    await world.signed_in()
    world.clock.advance(280)
    assert (await world.api.fetch(API + "notes")).status == 200
    await settle()
    assert (await world.api.fetch(API + "notes")).status == 200
    world.clock.advance(21)
    assert isinstance(await outcome(world.api.fetch(API + "notes")), RefreshUnavailable)
    assert world.server.tokens == ["token-1"] * 2


async def test_the_end_of_a_session_is_told_once(world: World) -> None:
    """F10"""
    world.endpoint.failure = GrantRefused("invalid_grant")
    await world.signed_in()
    await asyncio.gather(*world.fetches(20), return_exceptions=True)
    await asyncio.gather(*world.fetches(20), return_exceptions=True)
    assert [e.phase for e in world.events if e.phase in SessionPhase] == [SessionPhase.STARTED, SessionPhase.ENDED]


async def test_a_transient_failure_never_calls_the_servers_sign_out(world: World) -> None:
    """F11"""
    asked: list[str] = []

    async def transport(request: Request) -> Response:
        asked.append(request.url.removeprefix(API))
        return Response(401) if "notes" in request.url else Response(503)

    world.api = world.make(transport=transport, endpoint=Endpoint(API + "auth"))
    await world.signed_in()
    await outcome(world.api.fetch(API + "notes"))
    assert asked == ["notes", "auth/refresh"]


async def test_a_403_from_the_api_is_the_callers_response(world: World) -> None:
    """F12"""
    world.server.answer = lambda request: Response(403)
    await world.signed_in("token-2")
    assert (await world.api.fetch(API + "notes")).status == 403
    assert world.endpoint.calls == 0


async def test_an_endpoints_own_bug_is_transient_and_its_text_is_not_told(world: World) -> None:
    """X7: the text of a stranger's exception may hold anything."""
    world.endpoint.failure = KeyError("secret-token")
    await world.signed_in()
    error = await outcome(world.api.fetch(API + "notes"))
    assert isinstance(error, RefreshUnavailable)
    assert "secret" not in str(error)


async def test_an_endpoint_that_gives_no_credential_is_told_so(world: World) -> None:
    world.endpoint.answer = lambda n: "token"  # type: ignore[assignment, return-value]

    async def refresh(credential: Credential | None) -> Any:
        return "token"

    world.api = world.make(endpoint=refresh)
    await world.signed_in()
    error = await outcome(world.api.fetch(API + "notes"))
    assert isinstance(error.__cause__, TypeError)


async def test_a_computer_that_slept_finds_its_token_expired_and_renews_it(world: World) -> None:
    """T9: the wall clock is read on use; no timer is involved."""
    await world.signed_in()
    world.clock.advance(86_400)
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.server.tokens == ["token-2"]


async def test_a_leeway_longer_than_the_life_refreshes_once_a_life_and_no_more(world: World) -> None:
    """T11"""
    world.server.accepts = "token-1"
    await world.signed_in(expires_in=20)
    world.clock.advance(14)
    await world.api.fetch(API + "notes")
    assert world.endpoint.calls == 0
    world.clock.advance(2)
    await world.api.fetch(API + "notes")
    await settle()
    assert world.endpoint.calls == 1


@pytest.mark.parametrize("skew", [-86_400, 86_400])
async def test_life_is_counted_from_receipt_whatever_the_servers_clock_says(world: World, skew: float) -> None:
    """T12"""
    issued = int(world.clock() + skew)
    token = jwt.encode({"iat": issued, "exp": issued + 60}, KEY, "HS256")
    world.server.accepts = token
    await world.api.adopt(token)
    assert world.api.expires_in == 60
    world.clock.advance(40)
    assert (await world.api.fetch(API + "notes")).status == 200
    assert world.endpoint.calls == 0


async def test_a_token_that_is_dead_on_arrival_by_our_clock_is_used_until_a_401(world: World) -> None:
    """T12: with `exp` alone, it is our clock that we doubt."""
    token = jwt.encode({"exp": int(world.clock() - 5)}, KEY, "HS256")
    world.server.accepts = token
    await world.api.adopt(token)
    assert world.api.expires_in is None
    assert (await world.api.fetch(API + "notes")).status == 200


async def test_a_new_token_with_no_life_at_all_is_used_once(world: World) -> None:
    """T12"""
    world.endpoint.answer = lambda n: Credential(access_token="token-2", expires_in=0)
    await world.signed_in()
    assert {r.status for r in await asyncio.gather(*world.fetches(10))} == {200}
    assert world.endpoint.calls == 1


async def test_refresh_events_tell_what_became_of_it(world: World) -> None:
    over_http(world, Response(429, {"Retry-After": "5"}))
    await world.signed_in()
    await outcome(world.api.fetch(API + "notes"))
    told = [(e.phase, e.retry_after) for e in world.events if e.phase in RefreshPhase]  # type: ignore[union-attr]
    assert told == [(RefreshPhase.STARTED, None), (RefreshPhase.UNAVAILABLE, 5)]
