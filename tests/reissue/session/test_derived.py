"""Several APIs in one session: an access token for each, and one refresh token (RFC 8707)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from reissue import (
    Endpoint,
    EndpointEvent,
    EndpointPhase,
    GrantRefused,
    Interceptor,
    NetworkError,
    RefreshUnavailable,
    ReissueError,
    Request,
    RequestEvent,
    Response,
    SessionChanged,
    SessionEnded,
    State,
    StepUp,
    StepUpRequired,
    WaitsFor,
    WouldBlock,
)
from reissue.http.messages import Transport
from reissue.http.urls import Url, parse_url
from reissue.session.session import Session
from reissue.tabs.protocol import Left, written
from reissue.testing import Gate, settle
from reissue.tokens.credentials import Credential

from tests.reissue.bound import API, ORIGIN, Bound, Busy
from tests.reissue.conftest import clean_console, outcome
from tests.reissue.pages import Pages

NOTES, FILES, MAPS = API + "notes", "https://files.test/", "https://maps.test/"


def presented_by(session: Session) -> Credential:
    """What this session would present next."""
    return session.holding.with_latest_refresh_token


class World(Bound):
    def __init__(self, *, cookie: bool = False, proofs: bool = False) -> None:
        options: dict[str, Any] = {} if proofs else {"proofs": None}
        super().__init__(cookie=cookie, **options)
        self.server.bound = proofs
        self.server.resources |= {FILES, MAPS}
        self.files = self.resource()

    def answers_with(self, answer: Response | None) -> None:
        """Let the endpoint answer so, or as it is."""
        source: Any = self.api._lifecycle.sessions.calls.tokens
        self.in_vain = 0

        async def answered(request: Request) -> Response:
            if answer is None:
                return await self.transport(request)
            self.in_vain += 1
            return answer

        source._grants = answered

    def steps_up(self) -> list[StepUp]:
        """Connect anew, with an app that signs in more strongly; what it was asked for."""
        asked: list[StepUp] = []

        async def step_up(wanted: StepUp) -> dict[str, str]:
            asked.append(wanted)
            return {"username": "ada", "password": "lovelace", "acr": "gold"}

        self.api = self.connect(step_up=step_up, **({} if self.server.bound else {"proofs": None}))
        self.files = self.resource()
        return asked

    def resource(self, of: Interceptor | None = None, resource: str = FILES, **options: Any) -> Interceptor:
        return (of or self.api).for_resource(resource, resource=resource, **options)

    def asked(self, path: str) -> int:
        return [asked for asked, _, _ in self.server.asked].count(path)

    def presented(self) -> list[str]:
        return [fields["refresh_token"] for fields in self.server.fields if "refresh_token" in fields]


@pytest_asyncio.fixture(params=["tokens", "cookie", "proofs"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    world = World(cookie=request.param == "cookie", proofs=request.param == "proofs")
    async with clean_console(world.made):
        yield world


@pytest_asyncio.fixture
async def tokens() -> AsyncIterator[World]:
    world = World()
    async with clean_console(world.made):
        yield world


def delayed(transport: Transport, seconds: float) -> Transport:
    async def send(request: Request) -> Any:
        await asyncio.sleep(seconds)
        return await transport(request)

    return send


def statuses(outcomes: list[Any]) -> list[object]:
    return [getattr(outcome, "status", type(outcome)) for outcome in outcomes]


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
        assert ended.value.reason == "refused"
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
    world.files._wake()
    assert (await world.files.fetch(FILES)).status == 200


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


async def test_a_step_up_for_another_api_is_taken_by_the_session(world: World) -> None:
    asked = world.steps_up()
    await world.signed_in()
    calls = [world.files.fetch(f"{FILES}vault/{n}") for n in range(5)]
    assert statuses(await asyncio.gather(*calls)) == [200] * 5
    assert (await world.files.fetch(f"{FILES}vault")).status == 200
    assert (len(asked), world.asked("/auth/refresh"), world.asked("/auth/login")) == (1, 2, 1)
    late = world.resource(resource=MAPS)
    assert (await late.fetch(f"{MAPS}vault")).status == 200
    assert len(asked) == 1
    without = World()
    await without.signed_in()
    assert isinstance(await outcome(without.files.fetch(f"{FILES}vault")), StepUpRequired)
    await without.api.close()


async def test_a_token_from_before_a_step_up_is_renewed_and_nobody_asked_again(tokens: World) -> None:
    asked = tokens.steps_up()
    files = tokens.files
    await tokens.signed_in()
    assert (await files.fetch(FILES)).status == 200
    assert (await tokens.api.fetch(f"{API}vault")).status == 200
    assert (await files.fetch(f"{FILES}vault")).status == 200
    assert len(asked) == 1


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
    with pytest.raises(TypeError, match="callable"):
        await api._lifecycle.sessions.calls.tokens.exchange(None)  # type: ignore[arg-type]


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
