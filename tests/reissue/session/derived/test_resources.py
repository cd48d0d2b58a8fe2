"""Several APIs in one session: an access token for each, and one refresh token (RFC 8707)."""

import asyncio
from typing import Any
from urllib.parse import urljoin

import pytest
from reissue import (
    Endpoint,
    EndpointEvent,
    EndpointPhase,
    ReissueError,
    Request,
    RequestEvent,
    SessionEnded,
    State,
    StepUp,
    StepUpRequired,
    WaitsFor,
    WouldBlock,
)
from reissue.http.urls import Url, parse_url
from reissue.tabs.protocol import Left, written
from reissue.testing import Gate, settle

from tests.reissue.bound import API, ORIGIN, Bound, Busy
from tests.reissue.conftest import outcome
from tests.reissue.pages import Pages
from tests.reissue.session.derived.conftest import FILES, MAPS, NOTES, World, delayed, presented_by, statuses


async def test_each_api_has_its_access_token_and_all_one_refresh_token(world: World) -> None:
    """T1: asked for when it is needed, once for all that wait for it; a refresh token is presented once."""
    await world.signed_in()
    maps = world.resource(resource=MAPS, scope="read")
    calls = [api.fetch(url) for api, url in ((world.api, NOTES), (world.files, FILES), (maps, MAPS)) for _ in range(9)]
    assert statuses(await asyncio.gather(*calls)) == [200] * 27
    assert world.asked("/auth/refresh") == 2
    fields = world.server.fields[-2:]
    assert [(f["resource"], f.get("scope")) for f in fields] == [(FILES, None), (MAPS, "read")]
    await world.api.renew()
    assert "resource" not in world.server.fields[-1]
    assert (await world.files.fetch(FILES)).status == 200, "the session's refresh leaves it its own"
    world.clock.advance(301)
    assert statuses(await asyncio.gather(*(api.fetch(u) for api, u in ((world.files, FILES), (world.api, NOTES))))) == [
        200,
        200,
    ]
    presented = world.presented()
    assert len(set(presented)) == len(presented)
    assert world.server.grants, "nothing was presented twice"


async def test_a_refused_token_of_one_api_is_renewed_for_that_one(world: World) -> None:
    """Q2"""
    await world.signed_in()
    await world.files.fetch(FILES)
    await world.api.fetch(NOTES)
    world.server.revoke()
    world.server.asked.clear()
    assert (await world.files.fetch(FILES)).status == 200
    assert world.asked("/auth/refresh") == 1
    assert (await world.api.fetch(NOTES)).status == 200
    assert world.asked("/auth/refresh") == 2


async def test_a_client_of_another_api_says_when_its_own_token_is_refreshed(tokens: World) -> None:
    await tokens.signed_in()
    await tokens.files.fetch(FILES)
    wire = tokens.gates["/auth/refresh"] = Gate()
    renewing = asyncio.create_task(tokens.files.renew())
    await wire.reached()
    assert (tokens.files.state, tokens.api.state) == (State.REFRESHING, State.SIGNED_IN)
    wire.open()
    await renewing
    assert tokens.files.state is State.SIGNED_IN


async def test_a_request_for_another_api_says_that_it_waits_for_its_first_token(tokens: World) -> None:
    await tokens.signed_in()
    told: list[Any] = []
    tokens.files.on(told.append)
    for _ in range(2):
        await tokens.files.fetch(FILES)
    waits_for = [event.waits_for for event in told if isinstance(event, RequestEvent)]
    assert waits_for == [None, WaitsFor.RESUME, None, None] + [None] * 3


async def test_after_the_end_a_request_for_another_api_waits_for_no_call_to_the_endpoint(tokens: World) -> None:
    api = await tokens.signed_in()
    tokens.server.grants.clear()
    tokens.clock.advance(301)
    assert isinstance(await outcome(api.fetch(NOTES)), SessionEnded)
    wire = tokens.gates["/auth/login"] = Gate()
    signing_in = asyncio.create_task(api.sign_in(username="ada", password="lovelace"))
    await wire.reached()
    assert isinstance(await outcome(tokens.files.fetch(FILES)), SessionEnded)
    assert not signing_in.done()
    wire.open()
    await signing_in
    assert (await tokens.files.fetch(FILES)).status == 200


async def test_a_refresh_that_waits_for_an_exchange_presents_what_that_has_brought(tokens: World) -> None:
    """T1"""
    api = await tokens.signed_in()
    await asyncio.gather(tokens.files.fetch(FILES), api.renew(), tokens.resource(resource=MAPS).fetch(MAPS))
    presented = tokens.presented()
    assert len(set(presented)) == len(presented) == 3


async def test_a_client_of_another_api_begins_and_ends_with_the_session(world: World) -> None:
    """S1"""
    assert (world.files.state, await world.files.resume()) == (State.SIGNED_OUT, False)
    assert isinstance(await outcome(world.files.fetch(FILES)), SessionEnded)
    await world.signed_in()
    assert world.files.state is State.SIGNED_IN
    assert await world.files.resume() is True
    await world.files.fetch(FILES)
    assert world.files.claims["aud"] == FILES
    ends: list[Any] = []
    world.files.on(lambda event: ends.append(getattr(event, "reason", None)))
    await world.api.sign_out()
    assert "signed_out" in ends
    assert world.files.state.name == "SIGNED_OUT"
    sent = len(world.sent)
    assert isinstance(await outcome(world.files.fetch(FILES)), SessionEnded)
    assert len(world.sent) == sent
    await world.signed_in()
    assert (await world.files.fetch(FILES)).status == 200


async def test_a_sign_out_stops_what_waits_for_another_apis_token(world: World) -> None:
    """S1, S2"""
    await world.signed_in()
    wire = world.gates["/auth/refresh"] = Gate()
    waiting = [asyncio.create_task(outcome(world.files.fetch(FILES))) for _ in range(3)]
    await wire.reached()
    signing_out = asyncio.create_task(world.api.sign_out())
    assert {type(error) for error in await asyncio.gather(*waiting)} == {SessionEnded}
    wire.open()
    await signing_out
    await settle()
    assert world.asked("/api/notes") == 0
    assert world.api.state is State.SIGNED_OUT
    assert not any("Authorization" in request.headers for request in world.sent)


async def test_what_comes_after_a_sign_out_is_dropped(tokens: World) -> None:
    """S1"""
    api = await tokens.signed_in()
    session = api._lifecycle.alive
    assert session is not None
    held = presented_by(session)
    await api.sign_out()
    assert held.refresh_token is not None
    session.refresh.grant.keep(held, held.refresh_token)
    assert (presented_by(session), api.state) == (held, State.SIGNED_OUT)


async def test_a_session_that_ended_in_the_line_for_the_turn_exchanges_nothing(tokens: World) -> None:
    """S1"""
    pages = Pages()
    api = tokens.connect(peers=pages.page(), proofs=None)
    await api.sign_in(username="ada", password="lovelace")
    files = tokens.resource(api)
    async with pages.page().lock():
        waiting = asyncio.create_task(outcome(files.fetch(FILES)))
        await settle()
        api._lifecycle.sessions.interrupt("signed_out")
        assert isinstance(await waiting, SessionEnded)
    await settle()
    assert tokens.asked("/auth/refresh") == 0


async def test_a_step_up_for_another_api_is_taken_by_the_session(world: World) -> None:
    asked = world.steps_up()
    await world.signed_in()
    calls = [world.files.fetch(f"{FILES}vault/{n}") for n in range(5)]
    assert statuses(await asyncio.gather(*calls)) == [200] * 5
    assert (await world.files.fetch(f"{FILES}vault")).status == 200
    assert (asked, world.asked("/auth/refresh"), world.asked("/auth/login")) == ([StepUp(("gold",), None)], 2, 1)
    late = world.resource(resource=MAPS)
    assert (await late.fetch(f"{MAPS}vault")).status == 200
    assert len(asked) == 1
    without = World()
    await without.signed_in()
    assert isinstance(await outcome(without.files.fetch(f"{FILES}vault")), StepUpRequired)
    await without.api.close()


async def test_a_step_up_for_another_api_that_is_not_enough_is_asked_for_once(tokens: World) -> None:
    """Q4"""
    asked = tokens.steps_up(acr="bronze")
    files = tokens.files
    await tokens.signed_in()
    assert isinstance(await outcome(files.fetch(f"{FILES}vault")), StepUpRequired)
    assert len(asked) == 1


async def test_the_user_is_asked_anew_for_an_api_whose_first_token_came_after_a_step_up_that_was_not_enough(
    tokens: World,
) -> None:
    """Q2: its token knows of that step-up, so this is another answer of the API's."""
    asked = tokens.steps_up(acr="bronze")
    await tokens.signed_in()
    assert isinstance(await outcome(tokens.files.fetch(f"{FILES}vault")), StepUpRequired)
    assert isinstance(await outcome(tokens.resource(resource=MAPS).fetch(f"{MAPS}vault")), StepUpRequired)
    assert len(asked) == 2


async def test_a_token_from_before_a_step_up_is_renewed_and_nobody_asked_again(tokens: World) -> None:
    asked = tokens.steps_up()
    files = tokens.files
    await tokens.signed_in()
    assert (await files.fetch(FILES)).status == 200
    assert (await tokens.api.fetch(f"{API}vault")).status == 200
    assert (await files.fetch(f"{FILES}vault")).status == 200
    assert len(asked) == 1


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("stronger", [True, False])
async def test_the_user_is_not_asked_again_for_another_api_after_a_step_up_in_another_tab(
    tokens: World, stronger: bool, heard: bool
) -> None:
    """Q2: its token is renewed first, once for all requests, and that may do."""
    asked = tokens.steps_up()
    pages = Pages()
    one, other = (tokens.connect(step_up=tokens.step_up, peers=pages.page(), proofs=None) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    files = tokens.resource(other)
    assert (await files.fetch(FILES)).status == 200
    await settle()
    pages.channel_works = heard
    if stronger:
        assert (await one.fetch(f"{API}vault")).status == 200
    else:
        await one.renew()
    await settle()
    pages.channel_works = True
    tokens.server.asked.clear()
    slow = tokens.gates["/auth/refresh"] = Gate()
    early = asyncio.create_task(files.fetch(f"{FILES}vault/early"))
    await slow.reached()
    waiting = [asyncio.create_task(files.fetch(f"{FILES}vault/{n}")) for n in range(8)]  # with the same token
    await settle()
    slow.open()
    assert statuses(await asyncio.gather(early, *waiting)) == [200] * 9
    assert (len(asked), tokens.asked("/auth/refresh")) == (1, 1 if stronger else 2)


async def test_late_requests_share_the_renewal_after_a_step_up(tokens: World) -> None:
    """Q2"""
    asked = tokens.steps_up()
    files = tokens.files
    await tokens.signed_in()
    first, late = (files.attempts(Request(f"{FILES}vault")) for _ in range(2))
    stream = files.attempts(Request(f"{FILES}vault", "POST", body=iter([b"part"])))
    assert first is not None
    assert late is not None
    assert stream is not None
    with first, late, stream:
        answers = [await tokens.transport(await attempts.first()) for attempts in (first, late)]
        sent = await stream.first()
        answer = await tokens.transport(Request(sent.url, sent.method, sent.headers))
        for attempts, answer in zip((first, late), answers, strict=True):
            again = await attempts.after(answer)
            assert again is not None
            assert (await tokens.transport(again)).status == 200
        assert await stream.after(answer) is None
    assert (len(asked), tokens.asked("/auth/refresh")) == (1, 2)


async def test_such_a_client_signs_nobody_in_or_out(world: World) -> None:
    for call in (world.files.sign_in(username="ada"), world.files.adopt("token"), world.files.sign_out()):
        with pytest.raises(ReissueError, match="parent"):
            await call


async def test_what_can_not_work_is_told_when_it_is_made(world: World) -> None:
    for wrong in ({}, {"resource": ""}, {"scope": 7}):
        with pytest.raises(ValueError, match="resource"):
            world.api.for_resource(FILES, **wrong)
    with pytest.raises(TypeError, match="made by for_resource"):
        world.files.for_resource(MAPS, resource=MAPS)

    async def refresh(credential: object) -> Any:
        raise AssertionError

    api = world.connect(endpoint=refresh, proofs=None)
    with pytest.raises(TypeError, match="function"):
        api.for_resource(MAPS, resource=MAPS)
    with pytest.raises(TypeError, match="another resource"):
        await api._lifecycle.sessions.calls.tokens.exchange(None)  # type: ignore[arg-type]


async def test_a_client_of_another_api_renews_its_token_as_early_as_its_parent(tokens: World) -> None:
    """T11"""
    api = tokens.connect(proofs=None, leeway=70)
    await api.sign_in(username="ada", password="lovelace")
    files = tokens.resource(api)
    await files.fetch(FILES)
    tokens.clock.advance(231)
    assert (await files.fetch(FILES)).status == 200
    await settle()
    assert tokens.asked("/auth/refresh") == 2, "the second was sent while the token was good for 69 s more"


async def test_a_client_of_another_api_reads_urls_as_its_page_does(tokens: World) -> None:
    """X1"""

    def in_a_page(text: str) -> Url:
        return parse_url(urljoin("https://files.test/page", text))

    files = tokens.connect(proofs=None, parse_url=in_a_page).for_resource("/", resource=FILES)
    assert files._sender.roots == {FILES}


async def test_whoever_is_in_line_for_another_api_awaits_what_the_page_makes(tokens: World) -> None:
    made: list[asyncio.Future[Any]] = []

    def make_future() -> "asyncio.Future[Any]":
        made.append(asyncio.get_running_loop().create_future())
        return made[-1]

    api = tokens.connect(proofs=None, in_flight=1, make_future=make_future)
    await api.sign_in(username="ada", password="lovelace")
    files = tokens.resource(api)
    assert statuses(await asyncio.gather(*(files.fetch(FILES) for _ in range(3)))) == [200] * 3
    assert len(made) == 2


async def test_closing_the_session_closes_its_clients(world: World) -> None:
    await world.signed_in()
    await world.files.fetch(FILES)
    events = world.files.events()
    await world.api.close()
    assert [type(event).__name__ async for event in events][-1:] == ["SessionEvent"]
    assert isinstance(await outcome(world.files.fetch(FILES)), SessionEnded)
    with pytest.raises(SessionEnded, match="closed"):
        world.files.attempts(Request(FILES))
    world.api._lifecycle.sessions.session_ended()


async def test_a_client_that_is_closed_alone_leaves_the_session_on(world: World) -> None:
    await world.signed_in()
    await world.files.fetch(FILES)
    await world.files.close()
    assert isinstance(await outcome(world.files.fetch(FILES)), SessionEnded)
    assert isinstance(await outcome(world.files.resume()), SessionEnded)
    assert (await world.files._sender.send_or_pass(Request(FILES))).status == 401
    assert "Authorization" not in world.sent[-1].headers
    assert (await world.api.fetch(NOTES)).status == 200


async def test_a_client_that_can_not_wait_is_told_what_to_do(tokens: World) -> None:
    await tokens.signed_in()
    await tokens.files.fetch(FILES)
    tokens.clock.advance(301)
    attempts = tokens.files.attempts(Request(FILES), start_eagerly=asyncio.create_task)
    assert attempts is not None
    with attempts, pytest.raises(WouldBlock, match="renew"):
        await attempts.first()
    await tokens.files.renew()
    assert (await tokens.files.fetch(FILES)).status == 200


async def test_the_session_tells_of_an_exchange_and_its_refresh_waits_for_it(tokens: World) -> None:
    api = await tokens.signed_in()
    await tokens.files.fetch(FILES)
    calls = [(event.call, event.phase) for event in tokens.events if isinstance(event, EndpointEvent)]
    assert calls[2:] == [("exchange", EndpointPhase.ASKED), ("exchange", EndpointPhase.ANSWERED)]
    assert api.state is State.SIGNED_IN


async def test_a_call_from_within_the_endpoint_does_not_wait_for_itself(tokens: World) -> None:
    """Q3"""
    asked = []

    def headers() -> dict[str, str]:
        asked.append(tokens.files._lifecycle.called_by_endpoint)
        with pytest.raises(ReissueError, match="within its own endpoint"):
            tokens.files.attempts(Request(FILES))
        return {}

    tokens.api = tokens.connect(endpoint=Endpoint(f"{ORIGIN}/auth", cookie=False, headers=headers), proofs=None)
    tokens.files = tokens.resource()
    await tokens.signed_in()
    await tokens.api.renew()
    assert asked == [True, True], "at the sign-in and at the refresh"


async def test_a_task_of_the_endpoint_neither_renews_nor_waits_for_a_client_that_it_closes(tokens: World) -> None:
    """Q3"""
    wire, calls = Gate(), list[asyncio.Task[Any]]()

    def headers() -> dict[str, str]:
        if wire.waiting or calls:
            return {}
        files = tokens.files
        calls.extend(asyncio.create_task(outcome(call())) for call in (files.renew, files.close))
        return {}

    tokens.api = tokens.connect(endpoint=Endpoint(f"{ORIGIN}/auth", cookie=False, headers=headers), proofs=None)
    tokens.files = tokens.resource()
    calls.append(asyncio.create_task(asyncio.sleep(0)))
    await tokens.signed_in()
    await tokens.files.fetch(FILES)
    calls.clear()
    tokens.gates["/auth/refresh"] = wire
    renewing = asyncio.create_task(outcome(tokens.files.renew()))
    await wire.reached()
    await settle()
    renewed, closed = calls
    assert "within its own endpoint" in str(renewed.result())
    assert closed.done(), "at once"
    wire.open()
    assert isinstance(await renewing, SessionEnded)


async def test_several_clients_with_endpoints_of_their_own_do_not_disturb_each_other() -> None:
    """S3: not in their sessions, nor in their turns, nonces and ends."""
    one, other = Bound(), Bound(audience="https://other.test/api/", endpoint=Endpoint("https://other.test/auth"))
    other.api = other.connect(audience=FILES, endpoint=Endpoint("https://files.test/auth", cookie=False))
    await asyncio.gather(one.signed_in(), other.signed_in("grace", "hopper"))
    calls = [(api.fetch(url)) for api, url in ((one.api, NOTES), (other.api, FILES)) for _ in range(5)]
    assert statuses(await asyncio.gather(*calls)) == [200] * 10
    gate = Gate()
    one.key.gate = gate
    renewing = asyncio.create_task(one.api.renew())
    await gate.reached()
    await other.api.renew()
    await other.api.sign_out()
    gate.open()
    await renewing
    assert (one.api.claims["sub"], one.api.state, other.api.state) == ("ada", State.SIGNED_IN, State.SIGNED_OUT)
    for api in (*one.made, *other.made):
        await api.close()


async def test_a_token_for_another_api_may_wait_for_a_turn_and_take_its_time(tokens: World) -> None:
    """Q13: each call has the deadline for itself, and the client that waits for both has that of both."""
    api = await tokens.signed_in()
    source: Any = api._lifecycle.sessions.calls.tokens
    source._grants = delayed(source._grants, 14)
    outcomes = await asyncio.gather(api.renew(), tokens.files.fetch(FILES))
    assert outcomes[1].status == 200
    assert asyncio.get_running_loop().time() >= 28


async def test_a_token_for_another_api_may_take_three_calls_with_a_wait_for_the_lock_before_each() -> None:
    """Q13, S6: its user has another name there, so the session's own token is refreshed, and it is requested again."""
    world, pages = World(cookie=True), Pages()
    world.server.names = lambda user, resource: {"sub": f"{user} at {resource}"}
    api, other_tab = world.connect(proofs=None, peers=pages.page(), deadline=1), pages.page()
    await api.sign_in(username="ada", password="lovelace")
    source: Any = api._lifecycle.sessions.calls.tokens
    source._grants = delayed(source._grants, 0.9)

    async def hold_the_lock_three_times() -> None:
        for _ in range(3):
            async with other_tab.lock():
                await asyncio.sleep(5.2)  # a tab waits for as long as a call may take, and five seconds more
                other_tab.post(written(Left()))

    began = asyncio.get_running_loop().time()
    holding = asyncio.create_task(hold_the_lock_three_times())
    await settle()
    assert (await world.resource(api).fetch(FILES)).status == 200
    assert asyncio.get_running_loop().time() - began == pytest.approx(3 * (5.2 + 0.9))
    await holding
    for client in world.made:
        await client.close()


async def test_no_token_for_another_api_is_asked_for_once_the_session_is_over() -> None:
    """S1: the user signs out in the step before the call would be sent."""
    page = Busy()
    api = await page.signed_in()
    files = api.for_resource(page.FILES, resource=page.FILES)
    leaving: list[asyncio.Task[None]] = []

    def leave(event: object) -> None:
        if isinstance(event, EndpointEvent) and not leaving:
            leaving.append(asyncio.create_task(api.sign_out()))

    files.on(leave)
    assert isinstance(await outcome(files.fetch(page.FILES)), SessionEnded)
    await leaving[0]
    assert page.refreshes() == 0


async def test_a_close_that_is_cancelled_ends_the_streams_of_clients_for_other_apis_too() -> None:
    """X6: nobody waits for their events for ever."""
    page = Busy()
    api = await page.signed_in()
    files = api.for_resource(page.FILES, resource=page.FILES)
    stream = files.events()
    page.gate = Gate()
    waiting = asyncio.create_task(outcome(files.fetch(page.FILES)))
    await page.gate.reached()
    closing = asyncio.create_task(api.close())
    await settle()
    closing.cancel()
    await asyncio.wait((closing,))
    page.gate.open()
    assert isinstance(await waiting, SessionEnded)
    async for _ in stream:
        pass
