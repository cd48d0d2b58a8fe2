"""What the endpoint refuses for another API, and what it does not answer."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from reissue import (
    GrantRefused,
    NetworkError,
    RefreshUnavailable,
    Request,
    Response,
    SessionEnded,
    StepUp,
)
from reissue.testing import Gate

from tests.reissue.bound import ORIGIN, Busy
from tests.reissue.conftest import outcome
from tests.reissue.session.derived.conftest import FILES, MAPS, NOTES, World


async def test_a_refusal_for_one_api_is_remembered_until_the_refresh_token_is_another(tokens: World) -> None:
    """F7"""
    api = await tokens.signed_in()
    await tokens.files.fetch(FILES)
    tokens.server.resources.remove(FILES)
    for asked in (2, 4):
        await api.renew()
        for _ in range(2):
            with pytest.raises(GrantRefused, match="invalid_target"):
                await tokens.files.renew()
        assert tokens.asked("/auth/refresh") == 1 + asked


async def test_a_refusal_of_the_refresh_token_is_told_for_another_api_without_a_pause(tokens: World) -> None:
    """F7: nobody is asked again. Nor does the next session pause."""
    api = await tokens.signed_in()
    tokens.server.grants.clear()
    now = asyncio.get_running_loop().time()
    for _ in range(9):
        with pytest.raises(SessionEnded):
            await tokens.files.fetch(FILES)
    assert tokens.asked("/auth/refresh") == 1
    await api.sign_in(username="ada", password="lovelace")
    assert (await tokens.files.fetch(FILES)).status == 200
    assert asyncio.get_running_loop().time() == now


REFUSED_IN_OTHER_WORDS = {
    "403 invalid_grant": Response(403, {}, b'{"error": "invalid_grant"}'),
    "400 empty": Response(400),
    "400 error_code": Response(400, {}, b'{"error_code": "refresh_token_not_found"}'),
    "400 error object": Response(400, {}, b'{"error": {"message": "TOKEN_EXPIRED"}}'),
    "422 msg": Response(422, {}, b'{"msg": "Signature verification failed"}'),
    "200 bad_refresh_token": Response(200, {}, b'{"error": "bad_refresh_token"}'),
}


@pytest.mark.parametrize("answer", REFUSED_IN_OTHER_WORDS.values(), ids=REFUSED_IN_OTHER_WORDS)
async def test_a_dead_refresh_token_ends_the_session_of_another_api_whatever_the_servers_words(
    tokens: World, answer: Response
) -> None:
    """F13, F7: nobody is asked again, and nobody pauses."""
    api = await tokens.signed_in()
    tokens.answers_with(answer)
    now = asyncio.get_running_loop().time()
    for _ in range(3):
        with pytest.raises(SessionEnded) as ended:
            await tokens.files.fetch(FILES)
        assert (ended.value.reason, ended.value.status) == ("refused", answer.status)
    tokens.clock.advance(301)
    with pytest.raises(SessionEnded):
        await api.fetch(NOTES)
    assert tokens.in_vain == 1
    assert asyncio.get_running_loop().time() == now


async def test_a_refresh_token_that_the_sessions_own_refresh_found_dead_is_dead_for_another_api(tokens: World) -> None:
    """F13: also by a word that would be about the resource if it had come for one."""
    api = await tokens.signed_in()
    tokens.answers_with(Response(403, {}, b'{"error": "interaction_required"}'))
    with pytest.raises(GrantRefused, match="interaction_required"):
        await api.renew()
    now = asyncio.get_running_loop().time()
    for _ in range(3):
        with pytest.raises(SessionEnded):
            await tokens.files.fetch(FILES)
    assert (tokens.in_vain, asyncio.get_running_loop().time()) == (1, now)


@pytest.mark.parametrize(
    "error",
    [
        "invalid_target",
        "invalid_scope",
        "consent_required",
        "access_denied",
        'invalid_grant", "suberror": "consent_required',
    ],
    ids=["invalid_target", "invalid_scope", "consent_required", "access_denied", "suberror (Entra)"],
)
@pytest.mark.parametrize("status", [200, 400, 403])
async def test_a_resource_that_is_refused_under_any_status_ends_no_session(
    tokens: World, error: str, status: int
) -> None:
    """F13, F9"""
    api = await tokens.signed_in()
    tokens.answers_with(Response(status, {}, b'{"error": "%s"}' % error.encode()))
    with pytest.raises(GrantRefused, match=error.rpartition('"')[2]):
        await tokens.files.fetch(FILES)
    tokens.answers_with(None)
    tokens.clock.advance(301)
    assert (await api.fetch(NOTES)).status == 200
    assert (await tokens.files.fetch(FILES)).status == 200


async def test_what_was_refused_stays_refused_when_the_refresh_token_is_rotated(tokens: World) -> None:
    """Q2: the session's own token is the same one, whatever refresh token stands beside it now."""
    api = await tokens.signed_in()
    await api.fetch(NOTES)
    late = tokens.gates["/api/notes"] = Gate()
    tokens.server.revoke()
    waiting = asyncio.create_task(api.fetch(NOTES))
    await late.reached()
    await tokens.files.fetch(FILES)
    late.open()
    assert (await waiting).status == 200
    assert tokens.asked("/auth/refresh") == 2


@pytest.mark.parametrize("grace", [0, 30])
async def test_an_exchange_whose_answer_was_lost_is_sent_again_within_the_grace_window(grace: int) -> None:
    """F6"""
    world = World()
    world.api = world.connect(proofs=None, retry_lost_refresh=grace)
    world.files = world.resource()
    await world.signed_in()
    transport = world.transport
    lost: list[Request] = []

    async def losing(request: Request) -> Response:
        before = dict(world.server.grants)
        response = await transport(request)
        if request.url.endswith("/refresh") and not lost:
            lost.append(request)
            world.server.grants |= before  # the server takes it once more
            world.server.spent -= set(before)
            raise NetworkError("reset")
        return response

    world.api._lifecycle.sessions.calls.tokens._grants = losing  # type: ignore[attr-defined]
    found = await outcome(world.files.fetch(FILES))
    assert isinstance(found, Response if grace else RefreshUnavailable)
    assert world.asked("/auth/refresh") == (2 if grace else 1)
    await world.api.close()


async def test_an_exchange_that_is_given_up_is_a_matter_of_time(tokens: World) -> None:
    """Q12"""
    api = await tokens.signed_in()
    grants, tries = api._lifecycle.sessions.calls.tokens._grants, []  # type: ignore[attr-defined]

    async def gives_up(request: Request) -> Response:
        tries.append(request)
        if len(tries) == 1:
            raise asyncio.CancelledError
        response: Response = await grants(request)
        return response

    api._lifecycle.sessions.calls.tokens._grants = gives_up  # type: ignore[attr-defined]
    assert isinstance(await outcome(tokens.files.fetch(FILES)), RefreshUnavailable)
    assert (await tokens.files.fetch(FILES)).status == 200


async def test_a_resource_that_the_server_does_not_know_is_told_and_the_session_goes_on(world: World) -> None:
    await world.signed_in()
    other = world.resource(resource="https://other.test/")
    for _ in range(2):
        with pytest.raises(GrantRefused, match="invalid_target"):
            await other.fetch("https://other.test/")
    assert (await world.api.fetch(NOTES)).status == 200
    await world.api.renew()
    assert (await world.files.fetch(FILES)).status == 200
    world.server.resources.remove(FILES)
    world.clock.advance(301)
    assert isinstance(await outcome(world.files.fetch(FILES)), SessionEnded)
    assert (await world.api.fetch(NOTES)).status == 200


async def test_a_dead_refresh_token_is_asked_about_once_and_ends_the_session_with_its_token(tokens: World) -> None:
    """F7, F9"""
    api = await tokens.signed_in()
    await tokens.files.fetch(FILES)
    tokens.server.grants.clear()
    tokens.server.asked.clear()
    tokens.clock.advance(200)
    other = tokens.resource(resource=MAPS)
    for _ in range(2):
        with pytest.raises(SessionEnded) as ended:
            await other.fetch(MAPS)
        assert ended.value.reason == "refused"
    assert (await api.fetch(NOTES)).status == 200, "its token is good for another 100 s"
    assert tokens.asked("/auth/refresh") == 1
    tokens.clock.advance(101)
    assert isinstance(await outcome(api.fetch(NOTES)), SessionEnded)
    assert tokens.asked("/auth/refresh") == 1
    assert isinstance(await outcome(tokens.files.fetch(FILES)), SessionEnded)


async def test_a_server_that_can_not_be_reached_is_a_matter_of_time(world: World) -> None:
    """F1"""
    await world.signed_in()
    transport, down = world.transport, True

    async def flaky(request: Request) -> Response:
        if down and request.url.endswith("/refresh"):
            raise NetworkError("offline")
        return await transport(request)

    source: Any = world.api._lifecycle.sessions.calls.tokens
    grants = source._grants
    source._grants = flaky
    assert isinstance(await outcome(world.files.fetch(FILES)), RefreshUnavailable)
    down, source._grants = False, grants
    world.files._lifecycle.wake()
    assert (await world.files.fetch(FILES)).status == 200


async def seconds(call: Awaitable[object]) -> float:
    """How long it takes, in the loop's virtual time."""
    began = asyncio.get_running_loop().time()
    await outcome(call)
    return asyncio.get_running_loop().time() - began


@pytest.mark.usefixtures("longest_pauses")
async def test_the_first_token_for_another_api_is_asked_for_after_a_pause_if_that_failed_before(tokens: World) -> None:
    """F8: the pause ends when the network is back, and after a success there is none."""
    await tokens.signed_in()
    tokens.answers_with(Response(503))
    pauses = [round(await seconds(tokens.files.fetch(FILES)), 3) for _ in range(4)]
    assert pauses == [0, *sorted(pauses[1:])]
    assert 0 < pauses[1] < pauses[3]
    tokens.files._lifecycle.wake()
    assert await seconds(tokens.files.fetch(FILES)) == 0
    tokens.answers_with(None)
    tokens.files._lifecycle.wake()
    assert (await tokens.files.fetch(FILES)).status == 200
    await tokens.api.sign_in(username="ada", password="lovelace")
    tokens.answers_with(Response(503))
    assert await seconds(tokens.files.fetch(FILES)) == 0
    assert round(await seconds(tokens.files.fetch(FILES)), 3) == pauses[1], "as after the first failure"


@pytest.mark.usefixtures("longest_pauses")
async def test_the_pause_before_the_next_token_for_another_api_ends_when_the_network_is_back(tokens: World) -> None:
    """F8"""
    await tokens.signed_in()
    assert (await tokens.files.fetch(FILES)).status == 200
    tokens.answers_with(Response(503))
    assert await seconds(tokens.files.renew()) == 0
    assert await seconds(tokens.files.renew()) > 0
    tokens.files._lifecycle.wake()
    assert await seconds(tokens.files.renew()) == 0


@pytest.mark.usefixtures("longest_pauses")
async def test_before_retry_after_has_passed_nobody_pauses_for_another_apis_first_token(tokens: World) -> None:
    """F2"""
    await tokens.signed_in()
    tokens.answers_with(Response(503, {"Retry-After": "30"}))
    for _ in range(3):
        assert await seconds(tokens.files.fetch(FILES)) == 0
    assert tokens.in_vain == 1
    error = await outcome(tokens.files.fetch(FILES))
    assert (type(error), error.retry_after) == (RefreshUnavailable, 30)


async def test_a_client_of_another_api_judges_refusals_by_its_own_predicate(tokens: World) -> None:
    """Q20"""
    judged: list[Response] = []

    def judge(response: Response) -> bool:
        judged.append(response)
        return len(judged) == 1

    files = tokens.resource(should_renew=judge)
    await tokens.signed_in()
    assert (await files.fetch(FILES)).status == 200
    assert files._sender.rules.should_renew
    assert tokens.asked("/auth/refresh") == 2, "for its first token, and for what was judged to be refused"


async def test_a_refusal_is_forgotten_with_the_refresh_token_that_was_refused() -> None:
    """F7: the user has stepped up since, and the session goes on by another refresh token."""

    async def handler(wanted: StepUp) -> dict[str, str]:
        return {"username": "ada", "password": "lovelace", "acr": "gold"}

    page = Busy(step_up=handler)
    api = await page.signed_in()
    files = api.for_resource(page.FILES, resource=page.FILES)
    assert (await files.fetch(page.FILES)).status == 200
    page.server.grants.clear()
    for _ in range(2):
        assert isinstance(await outcome(files.renew()), GrantRefused)
    assert page.refreshes() == 2
    assert (await api.fetch(f"{ORIGIN}/api/vault")).status == 200
    page.clock.advance(301)
    assert (await files.fetch(page.FILES)).status == 200
    assert page.refreshes() == 3
