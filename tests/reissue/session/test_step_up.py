"""Step-up (RFC 9470): the API wants a stronger or a fresher sign-in, and the app is asked for it once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from reissue import (
    Credential,
    GrantRefused,
    Interceptor,
    NetworkError,
    RefreshEvent,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    RequestEvent,
    RequestPhase,
    Response,
    SessionChanged,
    SessionEnded,
    StepUp,
    StepUpRequired,
    WaitsFor,
)
from reissue.testing import Gate, settle

from tests.reissue.bound import API, Bound, Busy
from tests.reissue.conftest import clean_console, outcome
from tests.reissue.pages import Pages

NOTES, VAULT = API + "notes", API + "vault"
GOLD = StepUp(("gold",), None)
ADA = {"username": "ada", "password": "lovelace", "acr": "gold"}
WANTS = (401, "insufficient_user_authentication")


class Handler:
    """The app's own: gives `answer`, or raises it."""

    def __init__(self) -> None:
        self.asked: list[StepUp] = []
        self.answer: Any = ADA
        self.gate: Gate | None = None

    async def __call__(self, wanted: StepUp) -> "Mapping[str, Any] | Credential | None":
        self.asked.append(wanted)
        if self.gate is not None:
            await self.gate.passed()
        if isinstance(self.answer, BaseException):
            raise self.answer
        answer: Mapping[str, Any] | Credential | None = self.answer
        return answer


class World(Bound):
    """Bearer tokens, unless told otherwise."""

    def __init__(self, *, proofs: bool = False) -> None:
        self.handler = Handler()
        options: dict[str, Any] = {} if proofs else {"proofs": None}
        super().__init__(**options)
        self.server.bound = proofs

    def connect(self, **options: Any) -> Interceptor:
        return super().connect(**{"step_up": self.handler, **options})

    def without_handler(self) -> Interceptor:
        return self.connect(step_up=None, proofs=None)

    async def stepped_up(self) -> Credential:
        """What a stronger sign-in gives to whoever asks for it by his own means."""
        other = self.without_handler()
        await other.sign_in(**ADA)
        session = other._lifecycle.alive
        assert session is not None
        return Credential(access_token=session.credential.access_token, refresh_token=session.credential.refresh_token)


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with clean_console(world.made):
        yield world


def fetches(api: Interceptor, count: int, url: str = VAULT) -> "list[asyncio.Task[Any]]":
    return [asyncio.create_task(outcome(api.fetch(f"{url}/{n}"))) for n in range(count)]


def paths(world: World, prefix: str) -> int:
    return len([path for path, _, _ in world.server.asked if path.startswith(prefix)])


@pytest.mark.parametrize("proofs", [False, True])
async def test_the_app_is_asked_once_and_every_request_that_was_held_is_replayed(proofs: bool) -> None:
    world = World(proofs=proofs)
    api = await world.signed_in()
    await api.fetch(NOTES)
    world.handler.gate = Gate()
    waiting = fetches(api, 20)
    await world.handler.gate.reached()
    assert (await api.fetch(NOTES)).status == 200, "what needs no step-up goes on meanwhile"
    world.handler.gate.open()
    assert [response.status for response in await asyncio.gather(*waiting)] == [200] * 20
    assert world.handler.asked == [GOLD]
    assert (paths(world, "/auth/login"), paths(world, "/auth/refresh")) == (1, 0)
    assert paths(world, "/api/vault") == 40
    assert api.claims["acr"] == "gold"
    told = [event for event in world.events if isinstance(event, RequestEvent) and event.request == 3]
    assert [event.phase for event in told] == [
        RequestPhase.STARTED,
        RequestPhase.SENT,
        RequestPhase.REFUSED,
        RequestPhase.WAITING,
        RequestPhase.REPLAYED,
        RequestPhase.DONE,
    ]
    assert told[3].waits_for is WaitsFor.STEP_UP
    assert [e.phase for e in world.events if isinstance(e, RefreshEvent)] == [RefreshPhase.STEPPED_UP]
    await api.close()


async def test_the_session_goes_on_and_is_renewed_with_what_the_step_up_brought(world: World) -> None:
    api = await world.signed_in()
    assert (await api.fetch(VAULT)).status == 200
    world.clock.advance(301)
    assert (await api.fetch(VAULT)).status == 200
    assert world.handler.asked == [GOLD]
    assert paths(world, "/auth/refresh") == 1
    assert not [event for event in world.events if getattr(event, "reason", None) is not None]


async def test_a_late_401_is_replayed_and_asks_for_nothing_again(world: World) -> None:
    """Q2"""
    api = await world.signed_in()
    late = world.gates["/api/vault/late"] = Gate()
    waiting = asyncio.create_task(api.fetch(VAULT + "/late"))
    await late.reached()
    assert (await api.fetch(VAULT)).status == 200
    late.open()
    assert (await waiting).status == 200
    assert world.handler.asked == [GOLD]
    world.handler.answer = None
    world.server.grants.clear()
    await world.signed_in()
    late = world.gates["/api/vault/late"] = Gate()
    waiting = asyncio.create_task(outcome(api.fetch(VAULT + "/late")))
    await late.reached()
    assert isinstance(await outcome(api.fetch(VAULT)), StepUpRequired)
    late.open()
    assert isinstance(await waiting, StepUpRequired)
    assert len(world.handler.asked) == 2, "the user's no was for all that was sent before"
    assert isinstance(await outcome(api.fetch(VAULT)), StepUpRequired)
    assert len(world.handler.asked) == 3


@pytest.mark.parametrize("stronger", [True, False])
async def test_a_request_from_before_what_another_tab_was_granted_is_sent_with_that_first(
    world: World, stronger: bool
) -> None:
    """Q2, T1: the user has answered in the other tab, perhaps; once it is seen that he has not, he is asked."""
    pages = Pages()
    one, other = (world.connect(proofs=None, peers=pages.page()) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    late = Gate()
    world.gates |= {f"/api/vault/{n}": late for n in range(3)}
    waiting = fetches(other, 3)
    await late.reached()
    await settle()
    if stronger:
        assert (await one.fetch(VAULT)).status == 200
    else:
        await one.renew()
    await settle()
    late.open()
    assert [response.status for response in await asyncio.gather(*waiting)] == [200] * 3
    assert len(world.handler.asked) == 1


@pytest.mark.parametrize("stronger", [True, False])
async def test_the_tabs_are_asked_before_the_user_is(world: World, stronger: bool) -> None:
    """Q2, T1: the message of the tab where the user has answered is late or lost. Found by simulation."""
    pages = Pages()
    one, other = (world.connect(proofs=None, peers=pages.page()) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    late = Gate()
    world.gates |= {f"/api/vault/{n}": late for n in range(3)}
    waiting = fetches(other, 3)
    await late.reached()
    pages.channel_works = False
    if stronger:
        assert (await one.fetch(VAULT)).status == 200
    else:
        await one.renew()
    await settle()
    pages.channel_works = True
    late.open()
    assert [response.status for response in await asyncio.gather(*waiting)] == [200] * 3
    assert len(world.handler.asked) == 1


async def test_a_request_goes_after_a_newer_token_once_and_then_the_user_is_asked(world: World) -> None:
    """Q4: however often the session is renewed meanwhile."""
    api = await world.signed_in()
    transport = world.transport
    answered = 0

    async def renewing(request: Request) -> Response:
        nonlocal answered
        response = await transport(request)
        answered += 1
        if answered <= 2:
            await api.renew()
        return response

    api._sender.transport = renewing
    assert (await api.fetch(VAULT)).status == 200
    assert world.server.outcomes("/api/vault") == [WANTS, WANTS, (200, "")]
    assert world.handler.asked == [GOLD]


@pytest.mark.parametrize("newer", [False, True])
async def test_a_nonce_that_is_wanted_again_with_the_next_token_is_given_again(newer: bool) -> None:
    """X3: the next is what the step-up brought, or what is there by then."""
    world = World(proofs=True)
    api = await world.signed_in()
    transport, wants_nonce = world.transport, (401, "use_dpop_nonce")

    async def renewing(request: Request) -> Response:
        response = await transport(request)
        if newer and world.server.outcomes("/api/vault") == [wants_nonce, WANTS]:
            await api.renew()
            world.server.api_proofs.rotate()
        return response

    def rotate(request: Request) -> None:
        if request.url.endswith("/login"):
            world.server.api_proofs.rotate()

    api._sender.transport = renewing
    world.meanwhile = rotate
    assert (await api.fetch(VAULT)).status == 200
    asked = [wants_nonce, WANTS]
    assert world.server.outcomes("/api/vault") == [*asked, *(asked if newer else []), wants_nonce, (200, "")]
    await api.close()


async def test_a_replay_after_a_step_up_waits_for_a_slot_and_goes_before_those_that_were_never_sent(
    world: World,
) -> None:
    """Invariant 11."""
    world.api = world.connect(proofs=None, in_flight=1)
    api = await world.signed_in()
    wire = world.gates["/api/notes/0"] = Gate()
    world.handler.gate = Gate()
    vault = asyncio.create_task(api.fetch(VAULT))
    await world.handler.gate.reached()
    notes = fetches(api, 3, NOTES)
    await wire.reached()
    world.handler.gate.open()
    await settle()
    assert world.server.outcomes("/api/vault") == [WANTS]
    wire.open()
    assert [response.status for response in await asyncio.gather(vault, *notes)] == [200] * 4
    sent = [path.rpartition("/")[2] for path, _, _ in world.server.asked if path.startswith("/api/")]
    assert sent == ["vault", "0", "vault", "1", "2"]


async def test_without_a_handler_the_challenge_is_an_error_and_the_session_is_kept(world: World) -> None:
    api = world.without_handler()
    await api.sign_in(username="ada", password="lovelace")
    with pytest.raises(StepUpRequired) as required:
        await api.fetch(VAULT)
    assert (required.value.acr_values, required.value.max_age) == (("gold",), None)
    assert (await api.fetch(NOTES)).status == 200
    assert paths(world, "/auth/refresh") == 0


async def test_without_a_handler_whoever_knows_nothing_of_it_gets_the_401_as_it_is(world: World) -> None:
    api = world.without_handler()
    await api.sign_in(username="ada", password="lovelace")
    response = await api._sender.send_or_pass(Request(VAULT))
    assert (response.status, "insufficient" in response.headers["WWW-Authenticate"]) == (401, True)
    attempts = api.attempts(Request(VAULT))
    assert attempts is not None
    with attempts:
        await attempts.first()
        assert await attempts.after(response) is None
    assert paths(world, "/auth/refresh") == 0
    world.api = world.connect(proofs=None)
    await world.signed_in()
    assert (await world.api._sender.send_or_pass(Request(VAULT))).status == 200, "with one it is replayed for everybody"


@pytest.mark.parametrize(
    "answer",
    [None, {**ADA, "password": "hopper"}, NetworkError("offline"), "gold", ValueError("a bug")],
    ids=repr,
)
async def test_what_does_not_come_to_a_step_up_is_told_to_all_and_the_session_is_kept(
    world: World, answer: object
) -> None:
    """Q5"""
    api = await world.signed_in()
    world.handler.answer = answer
    errors = await asyncio.gather(*fetches(api, 3))
    assert [type(error) for error in errors] == [StepUpRequired] * 3
    assert len(set(map(id, errors))) == 3, "each has its own: a traceback grows with everybody who raises it"
    assert len(world.handler.asked) == 1
    assert paths(world, "/api/vault") == 3, "nothing is replayed"
    cause = errors[0].__cause__
    assert not isinstance(cause, TypeError) or "not str" in str(cause)
    expected = {dict: GrantRefused, str: TypeError, type(None): type(None)}.get(type(answer), type(answer))
    assert isinstance(cause, expected)
    assert errors[0].acr_values == ("gold",)
    assert (await api.fetch(NOTES)).status == 200
    world.handler.answer = ADA
    assert (await api.fetch(VAULT)).status == 200


async def test_a_step_up_that_is_not_enough_is_an_error(world: World) -> None:
    """Q4"""
    api = await world.signed_in()
    world.handler.answer = {**ADA, "acr": "bronze"}
    with pytest.raises(StepUpRequired):
        await api.fetch(VAULT)
    assert world.server.outcomes("/api/vault") == [WANTS, WANTS]
    assert len(world.handler.asked) == 1
    assert (await api.fetch(NOTES)).status == 200


async def test_an_expired_token_is_renewed_before_and_after_a_step_up(world: World) -> None:
    api = await world.signed_in()
    await api.fetch(NOTES)
    world.server.revoke()
    world.server.asked.clear()
    assert (await api.fetch(VAULT)).status == 200
    assert world.server.outcomes("/api/vault") == [(401, "invalid_token"), WANTS, (200, "")]
    assert (paths(world, "/auth/refresh"), paths(world, "/auth/login")) == (1, 1)


async def test_a_credential_of_the_apps_own_will_do_as_well(world: World) -> None:
    api = await world.signed_in()
    world.handler.answer = await world.stepped_up()
    assert (await api.fetch(VAULT)).status == 200
    assert paths(world, "/auth/login") == 1, "the app's own"


async def test_a_refresh_on_its_way_loses_nothing_to_a_credential_of_the_apps_own(world: World) -> None:
    """T2: the credential brings no refresh token, and the one that there was is being spent."""
    api = await world.signed_in()
    stronger = await world.stepped_up()
    world.handler.answer = Credential(access_token=stronger.access_token)
    wire = world.gates["/auth/refresh"] = Gate()
    renewing = asyncio.create_task(api.renew())
    await wire.reached()
    waiting = asyncio.create_task(api.fetch(VAULT))
    await settle()
    wire.open()
    assert (await waiting).status == 200
    await renewing
    world.server.revoke()
    assert (await api.fetch(NOTES)).status == 200, "by the refresh token that came last"
    assert world.server.grants, "nothing was presented twice"


@pytest.mark.parametrize("own", [True, False])
async def test_another_users_step_up_begins_a_session_of_its_own_and_nothing_is_sent_in_it(
    world: World, own: bool
) -> None:
    """S3"""
    api = await world.signed_in()
    world.handler.answer = {"username": "grace", "password": "hopper", "acr": "gold"}
    if own:
        other = world.without_handler()
        await other.sign_in(**world.handler.answer)
        session = other._lifecycle.alive
        assert session is not None
        world.handler.answer = session.credential
    assert [type(error) for error in await asyncio.gather(*fetches(api, 3))] == [SessionChanged] * 3
    assert api.claims["sub"] == "grace"
    assert (await api.fetch(NOTES)).status == 200
    assert {status for status, _ in world.server.outcomes("/api/vault")} <= {401}


async def test_a_sign_out_ends_the_wait_and_the_question(world: World) -> None:
    """S1"""
    api = await world.signed_in()
    world.handler.gate = Gate()
    waiting = fetches(api, 3)
    await world.handler.gate.reached()
    await api.sign_out()
    assert [error.reason for error in await asyncio.gather(*waiting)] == ["signed_out"] * 3
    await settle()
    assert world.handler.gate.waiting == 0, "the handler was cancelled"
    assert paths(world, "/auth/login") == 0


async def test_a_sign_out_during_the_sign_in_of_a_step_up_wins(world: World) -> None:
    """S1, S2"""
    api = await world.signed_in()
    wire = world.gates["/auth/login"] = Gate()
    waiting = fetches(api, 3)
    await wire.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    assert {type(error) for error in await asyncio.gather(*waiting)} == {SessionEnded}
    wire.open()
    await signing_out
    assert api.state.value == "signed_out"
    assert await world.api.resume() is False
    asked = [path for path, _, _ in world.server.asked if path.startswith("/auth")]
    assert asked == ["/auth/login", "/auth/logout", "/auth/logout"], "the session's tokens, and those of the step-up"


async def test_a_session_that_ended_in_the_line_for_the_turn_asks_for_nothing(world: World) -> None:
    """S1"""
    pages = Pages()
    world.api = world.connect(proofs=None, peers=pages.page())
    api = await world.signed_in()
    other = pages.page()
    async with other.lock():
        waiting = asyncio.create_task(outcome(api.fetch(VAULT)))
        await settle()
        session = api._lifecycle.alive
        assert session is not None
        step_ups, session.step_ups = session.step_ups, None  # as if it could not be cancelled any more
        api._lifecycle.sessions.interrupt("signed_out")
    await settle()
    session.step_ups = step_ups
    assert isinstance(await waiting, StepUpRequired)
    assert paths(world, "/auth/login") == 0


async def test_a_session_that_ended_during_the_sign_in_of_a_step_up_gives_way_to_none(world: World) -> None:
    """S1, S3: not even if it can not be cancelled any more."""
    api = await world.signed_in()
    world.handler.answer = {"username": "grace", "password": "hopper", "acr": "gold"}
    wire = world.gates["/auth/login"] = Gate()
    waiting = asyncio.create_task(outcome(api.fetch(VAULT)))
    await wire.reached()
    session = api._lifecycle.alive
    assert session is not None
    step_ups, session.step_ups = session.step_ups, None
    api._lifecycle.sessions.interrupt("signed_out")
    session.step_ups = step_ups
    wire.open()
    assert isinstance(await waiting, StepUpRequired)
    assert api.state.value == "signed_out"
    assert RefreshPhase.STEPPED_UP not in [event.phase for event in world.events]


async def test_the_handlers_own_requests_do_not_wait_for_themselves(world: World) -> None:
    """Q3"""
    errors = []

    async def asks(wanted: StepUp) -> Mapping[str, Any]:
        assert (await world.api.fetch(NOTES)).status == 200
        errors.append(await outcome(world.api.fetch(VAULT)))
        return ADA

    world.api = world.connect(proofs=None, step_up=asks)
    api = await world.signed_in()
    assert (await api.fetch(VAULT)).status == 200
    assert [type(error) for error in errors] == [StepUpRequired]


async def test_what_the_handler_has_started_may_want_a_step_up_once_it_has_answered(world: World) -> None:
    later = Gate()
    started: list[asyncio.Task[Any]] = []

    async def fetch_later() -> Any:
        await later.passed()
        return await outcome(world.api.fetch(VAULT + "/again"))

    async def asks(wanted: StepUp) -> Mapping[str, Any]:
        started.append(asyncio.create_task(fetch_later()))
        return ADA

    world.api = world.connect(proofs=None, step_up=asks)
    api = await world.signed_in()
    assert (await api.fetch(VAULT)).status == 200
    transport, not_enough = world.transport, f"Bearer {world.token}"

    async def wants(request: Request) -> Response:
        if request.headers["Authorization"] == not_enough:
            return Response(401, {"WWW-Authenticate": 'Bearer error="insufficient_user_authentication", max_age="5"'})
        return await transport(request)

    api._sender.transport = wants
    later.open()
    assert (await started[0]).status == 200
    assert len(started) == 2


async def test_a_request_that_comes_while_the_user_is_asked_waits_for_the_answer(world: World) -> None:
    api = await world.signed_in()
    world.handler.gate = Gate()
    first = fetches(api, 1)
    await world.handler.gate.reached()
    second = fetches(api, 1)
    await settle()
    world.handler.gate.open()
    assert [response.status for response in await asyncio.gather(*first, *second)] == [200, 200]
    assert world.handler.asked == [GOLD]


async def test_whoever_does_not_get_what_is_wanted_is_told_what_that_is(world: World) -> None:
    errors = []

    async def declines(wanted: StepUp) -> None:
        errors.append(await outcome(world.api.fetch(VAULT)))

    async def wants(request: Request) -> Response:
        challenge = 'Bearer error="insufficient_user_authentication", acr_values="gold", max_age="5"'
        return Response(401, {"WWW-Authenticate": challenge})

    world.api = world.connect(proofs=None, step_up=declines)
    api = await world.signed_in()
    api._sender.transport = wants
    errors.append(await outcome(api.fetch(VAULT)))
    assert [(error.acr_values, error.max_age) for error in errors] == [(("gold",), 5)] * 2


async def test_the_users_no_to_a_later_step_up_is_for_all_that_was_sent_before_as_well(world: World) -> None:
    """Q2"""
    api = await world.signed_in()
    late = Gate()
    assert (await api.fetch(VAULT)).status == 200

    async def wants(request: Request) -> Response:
        if request.url.endswith("/late"):
            await late.passed()
        return Response(401, {"WWW-Authenticate": 'Bearer error="insufficient_user_authentication", max_age="5"'})

    api._sender.transport = wants
    world.handler.answer = None
    waiting = asyncio.create_task(outcome(api.fetch(VAULT + "/late")))
    await late.reached()
    assert isinstance(await outcome(api.fetch(VAULT)), StepUpRequired)
    late.open()
    assert isinstance(await waiting, StepUpRequired)
    assert world.handler.asked == [GOLD, StepUp((), 5)]


@pytest.mark.parametrize("needed", [1, 2])
async def test_two_kinds_of_step_up_are_asked_for_one_after_the_other(world: World, needed: int) -> None:
    """Q2: and only if the first has not brought what the second asks for."""
    running, most = 0, 0

    async def asks(wanted: StepUp) -> Mapping[str, Any]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await settle()
        running -= 1
        return ADA

    def api_of(request: Request) -> Response:
        age = "5" if "aged" in request.url else "9"
        weak = request.headers["Authorization"] in old or (age == "9" and paths(world, "/auth/login") < needed)
        wants = {"WWW-Authenticate": f'Bearer error="insufficient_user_authentication", max_age="{age}"'}
        return Response(401, wants) if weak else Response(200)

    world.api = world.connect(proofs=None, step_up=asks)
    api = await world.signed_in()
    await api.fetch(NOTES)
    old = {f"Bearer {world.token}"}
    transport = world.transport

    async def two_kinds(request: Request) -> Response:
        return api_of(request) if "/api/" in request.url else await transport(request)

    api._sender.transport = two_kinds
    responses = await asyncio.gather(api.fetch(API + "aged"), api.fetch(API + "older"))
    assert [response.status for response in responses] == [200, 200]
    assert most == 1
    assert paths(world, "/auth/login") == needed


async def test_a_body_that_can_be_read_once_gets_its_401_back_after_the_step_up(world: World) -> None:
    """Q8"""
    api = await world.signed_in()
    async with world.sent_once(api, VAULT) as (attempts, answer):
        assert await attempts.after(answer) is None
    assert len(world.handler.asked) == 1
    last = world.events[-1]
    assert isinstance(last, RequestEvent)
    assert (last.phase, last.status) == (RequestPhase.DONE, 401)
    assert (await api.fetch(VAULT)).status == 200
    assert len(world.handler.asked) == 1


async def test_a_body_that_can_be_read_once_hears_of_a_sign_out_in_the_place_of_its_401(world: World) -> None:
    """S1"""
    api = await world.signed_in()
    world.handler.gate = Gate()
    async with world.sent_once(api, VAULT) as (attempts, answer):
        waiting = asyncio.create_task(outcome(attempts.after(answer)))
        await world.handler.gate.reached()
        await api.sign_out()
        assert isinstance(await waiting, SessionEnded)


async def test_a_403_that_speaks_of_a_step_up_is_a_response_like_any_other(world: World) -> None:
    """RFC 9470 section 3: it is a 401 that asks for one."""
    api = await world.signed_in()
    attempts = api.attempts(Request(VAULT))
    assert attempts is not None
    with attempts:
        await attempts.first()
        challenge = {"WWW-Authenticate": 'Bearer error="insufficient_user_authentication", acr_values="gold"'}
        assert await attempts.after(Response(403, challenge)) is None
    assert world.handler.asked == []


async def test_a_client_that_can_not_wait_is_told_what_is_wanted(world: World) -> None:
    api = await world.signed_in()
    attempts = api.attempts(Request(VAULT), start_eagerly=asyncio.create_task)
    assert attempts is not None
    with attempts:
        first = await attempts.first()
        answer = await world.transport(Request(first.url, first.method, first.headers))
        with pytest.raises(StepUpRequired):
            await attempts.after(answer)
    assert world.handler.asked == []


async def test_the_other_tabs_go_on_with_what_a_step_up_brought(world: World) -> None:
    """T1"""
    pages = Pages()
    one, other = (world.connect(proofs=None, peers=pages.page()) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    assert (await one.fetch(VAULT)).status == 200
    await settle()
    assert (await other.fetch(VAULT)).status == 200
    assert len(world.handler.asked) == 1
    assert paths(world, "/auth/refresh") == 0
    world.clock.advance(301)
    responses = await asyncio.gather(one.fetch(VAULT), other.fetch(VAULT))
    assert [response.status for response in responses] == [200, 200]
    assert paths(world, "/auth/refresh") == 1


@pytest.mark.parametrize("meanwhile", ["another page steps up", "a refresh"])
async def test_a_late_401_is_replayed_before_the_user_is_asked_again(world: World, meanwhile: str) -> None:
    """Q2: the session has another credential by now, which may do."""
    pages = Pages()
    one, other = (world.connect(proofs=None, peers=pages.page()) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    late = world.gates["/api/vault/late"] = Gate()
    waiting = asyncio.create_task(other.fetch(VAULT + "/late"))
    await late.reached()
    world.server.asked.clear()
    if meanwhile == "a refresh":
        await one.renew()
    else:
        assert (await one.fetch(VAULT)).status == 200
        assert world.handler.asked == [GOLD]
    await settle()
    world.server.asked.clear()
    late.open()
    assert (await waiting).status == 200
    assert world.handler.asked == [GOLD], "once in all"
    assert paths(world, "/api/vault") == (2 if meanwhile == "a refresh" else 1)
    replays = [e for e in world.events if isinstance(e, RequestEvent) and e.phase is RequestPhase.REPLAYED]
    assert len(replays) == 2, "the other page's replay too, or one before the step-up and one after"


async def test_a_body_that_can_be_read_once_asks_though_there_is_a_newer_credential(world: World) -> None:
    """Q8: it gets its 401 back, after the step-up."""
    api = await world.signed_in()
    async with world.sent_once(api, VAULT) as (attempts, answer):
        await api.renew()
        assert await attempts.after(answer) is None
    assert len(world.handler.asked) == 1


async def test_a_step_up_waits_for_no_page_that_does_not_end_its_turn(world: World) -> None:
    """T5: it presents no refresh token."""
    pages = Pages()
    api = world.connect(proofs=None, peers=pages.page())
    await api.sign_in(username="ada", password="lovelace")
    async with pages.page().lock():
        assert (await api.fetch(VAULT)).status == 200


async def test_a_step_up_keeps_no_refresh_token_that_another_page_may_be_spending(world: World) -> None:
    """T5"""
    pages = Pages()
    api = world.connect(proofs=None, peers=pages.page())
    await api.sign_in(username="ada", password="lovelace")
    world.handler.answer = Credential(access_token=(await world.stepped_up()).access_token)
    async with pages.page().lock():
        assert isinstance((await outcome(api.fetch(VAULT))).__cause__, RefreshUnavailable)
    assert (await api.fetch(VAULT)).status == 200


async def test_a_step_up_by_the_apps_own_means_is_newer_than_what_another_page_has(world: World) -> None:
    """T3: this page has not heard of it yet, and sees it."""
    pages = Pages()
    one, other = (world.connect(proofs=None, peers=pages.page()) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    strong = await world.stepped_up()
    world.handler.answer = strong
    deaf = pages.open[0]
    deaf.frozen = True
    await other.renew()
    assert (await one.fetch(VAULT)).status == 200
    deaf.thaw()
    await settle()
    for api in (one, other):
        session = api._lifecycle.alive
        assert session is not None
        assert session.credential.access_token == strong.access_token


@pytest.mark.parametrize("frozen", [False, True])
async def test_a_step_up_without_a_refresh_token_of_its_own_keeps_the_newest(world: World, frozen: bool) -> None:
    """T1: another page has spent the one that this page holds, and its message is late, or never comes."""
    pages = Pages()
    one, other = (world.connect(proofs=None, peers=pages.page()) for _ in range(2))
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    world.handler.answer = Credential(access_token=(await world.stepped_up()).access_token)
    world.handler.gate = Gate()
    waiting = asyncio.create_task(outcome(one.fetch(VAULT)))
    await world.handler.gate.reached()
    pages.channel_works = False
    await other.renew()
    await settle()
    pages.channel_works = True
    pages.open[1].frozen = frozen
    world.handler.gate.open()
    answered = await waiting
    assert isinstance(answered.__cause__, RefreshUnavailable) if frozen else answered.status == 200
    pages.open[1].thaw()
    await settle()
    await one.renew()
    await settle()
    await other.renew()
    presented = [fields["refresh_token"] for fields in world.server.fields if "refresh_token" in fields]
    assert len(set(presented)) == len(presented) == 3


async def test_a_step_up_ends_the_servers_wish_to_be_asked_later(world: World) -> None:
    """F2: its Retry-After was for a refresh of the token that the step-up replaces."""
    api = await world.signed_in()
    session = api._lifecycle.alive
    assert session is not None
    session.backoff.failed(retry_after=120)
    assert isinstance(await outcome(api.renew()), RefreshUnavailable)
    assert (await api.fetch(VAULT)).status == 200
    await api.renew()


async def test_what_the_app_got_for_a_session_that_has_ended_signs_nobody_in(world: World) -> None:
    """S1"""
    api = await world.signed_in()
    world.handler.answer = await world.stepped_up()
    world.handler.gate = Gate()
    waiting = asyncio.create_task(outcome(api.fetch(VAULT)))
    await world.handler.gate.reached()
    session = api._lifecycle.alive
    assert session is not None
    step_ups, session.step_ups = session.step_ups, None  # as if it could not be cancelled any more
    api._lifecycle.sessions.interrupt("signed_out")
    session.step_ups = step_ups
    world.handler.gate.open()
    assert isinstance(await waiting, StepUpRequired)
    assert RefreshPhase.STEPPED_UP not in [event.phase for event in world.events]


async def test_a_client_that_reads_a_401_itself_and_has_no_handler_gets_it(world: World) -> None:
    api = world.without_handler()
    await api.sign_in(username="ada", password="lovelace")
    attempts = api.attempts(Request(VAULT))
    assert attempts is not None
    with attempts:
        first = await attempts.first()
        assert await attempts.after(await world.transport(first)) is None
    done = world.events[-1]
    assert isinstance(done, RequestEvent)
    assert (done.phase, done.status) == (RequestPhase.DONE, 401)


async def test_a_step_up_that_nobody_takes_is_told_with_all_that_was_wanted(world: World) -> None:
    api = world.without_handler()
    await api.sign_in(username="ada", password="lovelace")
    challenge = 'Bearer error="insufficient_user_authentication", acr_values="gold", max_age="5"'

    async def transport(request: Request) -> Response:
        return Response(401, {"WWW-Authenticate": challenge})

    api._sender.transport = transport
    with pytest.raises(StepUpRequired) as required:
        await api.fetch(NOTES)
    assert (required.value.acr_values, required.value.max_age) == (("gold",), 5)
    (refused,) = [e for e in world.events if isinstance(e, RequestEvent) and e.phase is RequestPhase.REFUSED]
    assert refused.status == 401


def test_a_handler_is_something_to_call() -> None:
    with pytest.raises(TypeError, match="step_up"):
        Bound(step_up="gold")


@pytest.mark.parametrize("steps", range(8))
async def test_who_comes_to_the_line_when_the_session_has_just_ended_does_not_wait_in_it(
    world: World, steps: int
) -> None:
    """Q22, S1. Found by the simulator: the session ended between the step-up and the replay, and the line was full."""
    wire, handler = Gate(), Gate()
    closing: list[asyncio.Task[None]] = []
    transport = world.transport

    async def slow(request: Request) -> Response:
        if request.url == NOTES:
            await wire.passed()
        return await transport(request)

    async def close() -> None:
        for _ in range(steps):
            await asyncio.sleep(0)
        await api.close()

    world.transport, world.handler.gate = slow, handler  # type: ignore[method-assign]
    api = world.connect(in_flight=1, proofs=None)
    await api.sign_in(username="ada", password="lovelace")
    api.on(lambda e: closing.append(asyncio.create_task(close())) if e.phase is RefreshPhase.STEPPED_UP else None)
    (stepping,) = fetches(api, 1)
    await handler.reached()
    notes = asyncio.create_task(api.fetch(NOTES))
    await wire.reached()
    handler.open()
    await settle()
    assert stepping.done()
    assert isinstance(stepping.result(), SessionEnded)
    wire.open()
    assert (await notes).status == 200
    await asyncio.gather(*closing)


async def test_nobody_is_asked_to_sign_in_for_a_session_that_is_over() -> None:
    """S1: the request was on the wire as the user signed out, and its answer asks for a stronger sign-in."""
    asked: list[StepUp] = []

    async def handler(wanted: StepUp) -> None:
        asked.append(wanted)

    page = Busy(step_up=handler)
    api = await page.signed_in()
    page.gate = gate = Gate()
    waiting = asyncio.create_task(outcome(api.fetch(VAULT)))
    await gate.reached()
    page.gate = None
    await api.sign_out()
    gate.open()
    assert isinstance(await waiting, SessionEnded)
    assert asked == []
