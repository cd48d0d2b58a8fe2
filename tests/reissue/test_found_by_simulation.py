"""Each bug that the simulator found, by its symptom."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from reissue import (
    Endpoint,
    EndpointEvent,
    GrantRefused,
    MalformedToken,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    Response,
    SessionChanged,
    SessionEnded,
    State,
    StepUp,
)
from reissue.testing import Clock, Gate, settle

from tests.reissue.bound import API as BOUND_API
from tests.reissue.bound import ORIGIN, Bound
from tests.reissue.conftest import API, World, outcome
from tests.reissue.origin import COOKIE, TOKENS, Origin, Server
from tests.reissue.pages import Pages

NOTES = BOUND_API + "notes"


@pytest.fixture(params=[COOKIE, TOKENS])
def origin(request: pytest.FixtureRequest) -> Origin:
    return Origin(Server(request.param), Clock(), Pages())


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


async def test_a_token_that_has_run_out_by_the_time_it_is_handed_over_is_not_sent(origin: Origin) -> None:
    """T9, rule 4 of `session`: the one who was granted it has used it, so it is not new."""
    one, other = await origin.signed_in(2)
    other.neighbours.frozen = True
    origin.clock.advance(301)
    assert (await one.api.fetch(API)).status == 200
    origin.clock.advance(301)
    other.neighbours.inbox.clear()
    other.neighbours.thaw()
    dead = one.api.claims
    assert (await other.api.fetch(API)).status == 200
    assert other.api.claims != dead
    assert (origin.server.asked, origin.server.reused) == (2, 0)
    assert len({token for _, token in origin.server.requests}) == 2, "the dead one was sent by nobody but `one`"


async def test_a_token_that_runs_out_just_after_it_was_handed_over_is_not_sent(origin: Origin) -> None:
    """T9, rule 4 of `session`: it still lives when it is taken over, and not when the turn has come to its end."""
    one, other = await origin.signed_in(2)
    other.neighbours.frozen = True
    origin.clock.advance(301)
    assert (await one.api.fetch(API)).status == 200
    origin.clock.advance(299)
    other.neighbours.inbox.clear()
    other.neighbours.thaw()
    other.api.on(lambda event: origin.clock.advance(2) if event.phase is RefreshPhase.TAKEN_OVER else None)
    assert (await other.api.fetch(API)).status == 200
    assert (origin.server.asked, origin.server.reused) == (2, 0)
    assert len({token for _, token in origin.server.requests}) == 2, "the dead one was sent by nobody but `one`"


async def test_a_refresh_that_pauses_is_not_made_once_another_page_has_made_it(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T1, F8"""
    monkeypatch.setattr(
        "reissue.session.backoff.os", SimpleNamespace(urandom=lambda n: b"\xff" * n)
    )  # the longest pause
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    origin.server.unreachable = True
    assert isinstance(await outcome(one.api.fetch(API)), RefreshUnavailable)
    origin.server.unreachable = False
    pausing = one.fetches(1)[0]
    await settle()
    assert (await other.api.fetch(API)).status == 200
    assert (await pausing).status == 200
    assert origin.server.asked == 2, "one failed, and one was enough"


async def test_a_sign_out_by_a_page_that_knows_of_no_session_is_not_undone_by_a_message_that_is_late(
    origin: Origin,
) -> None:
    """T8, S1: the page that opens asks its siblings, and the user signs out before they answer."""
    (first,) = await origin.signed_in(1)
    late = first.neighbours.posted[0]
    later = origin.open()
    await later.api.sign_out()
    await settle()
    later.neighbours.heard(late)
    assert [tab.api.state for tab in (first, later)] == [State.SIGNED_OUT] * 2


async def test_a_page_that_opens_as_the_user_signs_out_is_signed_out_too(origin: Origin) -> None:
    """T8, S1: the page that it asks has not heard of the sign-out, and the one that would tell the server is gone."""
    first, other = await origin.signed_in(2)
    other.neighbours.frozen = True
    await first.api.sign_out()
    first.neighbours.close()
    later = origin.open()
    resume = asyncio.create_task(later.api.resume())
    await settle()
    other.neighbours.inbox.reverse()
    other.neighbours.thaw()
    assert await resume is False
    assert [tab.api.state for tab in (other, later)] == [State.SIGNED_OUT] * 2


async def test_a_sign_out_that_is_passed_on_does_not_stop_the_next_sign_in(origin: Origin) -> None:
    """T8: the page where the user has signed out, and signs in again, knows of it already."""
    one, other = await origin.signed_in(2)
    other.neighbours.frozen = True
    await one.api.sign_out()
    signing_in = asyncio.create_task(origin.sign_in(one, "grace"))
    await asyncio.sleep(0)
    other.neighbours.thaw()
    one.neighbours.deliver()
    await signing_in
    await settle()
    assert [tab.api.state for tab in (one, other)] == [State.SIGNED_IN] * 2


async def test_a_refresh_that_is_about_to_start_is_not_made_once_another_page_has_made_it(origin: Origin) -> None:
    """T1, rule 1 of `session`: the message comes between the request's decision and the refresh."""
    one, other = await origin.signed_in(2)
    one.neighbours.frozen = True
    origin.clock.advance(301)
    assert (await other.api.fetch(API)).status == 200
    waiting = one.fetches(1)[0]
    await asyncio.sleep(0)
    one.neighbours.thaw()
    assert (await waiting).status == 200
    assert origin.server.asked == 1


async def test_the_cookie_of_a_later_session_that_cannot_be_had_is_not_taken_for_this_users() -> None:
    """S3: another user signed in, in a page that is frozen now. Opaque tokens don't name their user."""
    origin = Origin(Server(COOKIE, opaque=True), Clock(), Pages())
    one, other = await origin.signed_in(2)
    one.neighbours.frozen = True
    await origin.sign_in(other, "grace")
    one.neighbours.inbox.clear()
    one.neighbours.thaw()
    other.neighbours.frozen = True
    origin.clock.advance(301)
    sent = len(origin.server.requests)
    assert isinstance(await outcome(one.api.fetch(API)), SessionChanged)
    assert len(origin.server.requests) == sent
    assert (await one.api.fetch(API)).status == 200, "and the new session goes on"


async def test_the_cookie_is_not_taken_for_the_user_of_whom_a_message_tells_too_late() -> None:
    """S3: another has signed in and out since, and the server was not told. Opaque tokens don't name their user."""
    origin = Origin(Server(COOKIE, opaque=True), Clock(), Pages())
    (first,) = await origin.signed_in(1)
    late = first.neighbours.posted[0]
    other = origin.open()
    await origin.sign_in(other, "grace")
    await settle()
    await other.api.sign_out()
    other.neighbours.heard(late)
    assert other.api.state is State.SIGNED_IN
    origin.clock.advance(301)
    sent = len(origin.server.requests)
    assert isinstance(await outcome(other.api.fetch(API)), SessionChanged)
    assert len(origin.server.requests) == sent
    assert (await other.api.fetch(API)).status == 200, "and the new session goes on"


class Busy(Bound):
    """Bearer tokens, from an endpoint that may be busy, or slow."""

    def __init__(self, **options: Any) -> None:
        super().__init__(proofs=None, **options)
        self.server.bound = False
        self.server.resources |= {self.FILES, self.MAPS}
        self.busy = False
        self.retry_after: str | None = "30"
        self.gate: Gate | None = None

    FILES, MAPS = "https://files.test/", "https://maps.test/"

    async def transport(self, request: Request) -> Response:
        if self.busy and request.url.endswith("/auth/refresh"):
            self.server.asked.append(("/auth/refresh", 429, ""))
            return Response(429, {} if self.retry_after is None else {"Retry-After": self.retry_after})
        answer = await super().transport(request)
        if self.gate is not None:
            await self.gate.passed()
        return answer

    def refreshes(self) -> int:
        return [path for path, _, _ in self.server.asked].count("/auth/refresh")


async def test_nobody_is_asked_to_sign_in_for_a_session_that_is_over() -> None:
    """S1: the request was on the wire as the user signed out, and its answer asks for a stronger sign-in."""
    asked: list[StepUp] = []

    async def handler(wanted: StepUp) -> None:
        asked.append(wanted)

    page = Busy(step_up=handler)
    api = await page.signed_in()
    page.gate = gate = Gate()
    waiting = asyncio.create_task(outcome(api.fetch(f"{ORIGIN}/api/vault")))
    await gate.reached()
    page.gate = None
    await api.sign_out()
    gate.open()
    assert isinstance(await waiting, SessionEnded)
    assert asked == []


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


@pytest.mark.parametrize("asked_by", ["its own client", "that of another api"])
async def test_a_retry_after_holds_for_every_client_of_the_endpoint(asked_by: str) -> None:
    """F2: it is the endpoint that asks to wait, whatever it was asked for."""
    page = Busy()
    api = await page.signed_in()
    files, maps = (api.for_resource(url, resource=url) for url in (page.FILES, page.MAPS))
    page.busy = True
    told = await outcome(api.renew() if asked_by == "its own client" else files.fetch(page.FILES))
    assert isinstance(told, RefreshUnavailable)
    page.busy = False
    page.clock.advance(10)
    for call in (api.renew(), files.fetch(page.FILES), maps.fetch(page.MAPS)):
        told = await outcome(call)
        assert isinstance(told, RefreshUnavailable)
        assert told.retry_after == 20
    assert page.refreshes() == 1
    page.clock.advance(20)
    assert (await files.fetch(page.FILES)).status == 200
    await api.renew()
    assert (await maps.fetch(page.MAPS)).status == 200


async def test_an_outage_without_a_retry_after_is_that_of_the_client_that_asked() -> None:
    """F2: the next refresh does not pause for it."""
    page = Busy()
    api = await page.signed_in()
    page.busy, page.retry_after = True, None
    assert isinstance(
        await outcome(api.for_resource(page.FILES, resource=page.FILES).fetch(page.FILES)), RefreshUnavailable
    )
    page.busy = False
    began = asyncio.get_running_loop().time()
    await api.renew()
    assert asyncio.get_running_loop().time() == began


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


async def test_a_refresh_that_waits_for_its_turn_hears_of_a_retry_after() -> None:
    """F2: it was told to the client of another API, whose turn it was."""
    page = Busy()
    api = await page.signed_in()
    files = api.for_resource(page.FILES, resource=page.FILES)
    page.busy = True
    outcomes = await asyncio.gather(outcome(files.fetch(page.FILES)), outcome(api.renew()))
    assert [type(told) for told in outcomes] == [RefreshUnavailable] * 2
    assert [told.retry_after for told in outcomes] == [30, 30]
    assert page.refreshes() == 1


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


async def test_a_token_that_ran_out_while_its_proof_was_signed_is_not_sent() -> None:
    """T9, X3: it would meet a 401 and be sent again, for nothing."""
    bound = Bound()
    bound.server.life = 10
    api = await bound.signed_in()
    await api.fetch(NOTES)
    bound.server.asked.clear()
    bound.key.gate = Gate()
    fetching = asyncio.create_task(api.fetch(NOTES))
    await bound.key.gate.reached()
    bound.clock.advance(11)
    bound.key.gate.open()
    assert (await fetching).status == 200
    assert bound.server.outcomes("/auth/refresh") == bound.server.outcomes("/api/notes") == [(200, "")]
    await api.close()


async def test_a_token_that_lives_shorter_than_a_proof_is_signed_is_sent_once() -> None:
    """T12, X3: nothing goes round for ever."""
    bound = Bound()
    bound.server.endpoint_proofs.nonce = bound.server.api_proofs.nonce = None
    api = await bound.signed_in()
    sign = bound.key.sign

    async def slowly(message: bytes) -> bytes:
        bound.clock.advance(20)
        return await sign(message)

    bound.server.life = 10
    bound.key.sign = slowly  # type: ignore[method-assign]
    bound.clock.advance(300)
    assert (await api.fetch(NOTES)).status == 401
    assert bound.server.outcomes("/api/notes") == [(401, "invalid_token")] * 2
    assert len(bound.server.outcomes("/auth/refresh")) == 2
    await api.close()


class Slow(Bound):
    """Answers to the paths that `gates` names stay on the wire until their gate opens. They are as old as they are."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gates: dict[str, Gate] = {}

    async def transport(self, request: Request) -> Response:
        answer = await super().transport(request)
        if gate := self.gates.get(request.url.removeprefix(BOUND_API)):
            await gate.passed()
        return answer


async def test_a_request_is_repeated_with_the_nonce_that_it_was_asked_for_and_no_older_one() -> None:
    """X3, RFC 9449 section 9: an answer that was long on its way brings a nonce that is good no more."""
    bound = Slow(in_flight=2)
    api = await bound.signed_in()
    await api.fetch(NOTES)
    bound.gates = {name: Gate() for name in ("slow", "asked", "next")}
    slow = asyncio.create_task(api.fetch(BOUND_API + "slow"))
    await bound.gates["slow"].reached()
    bound.server.api_proofs.rotate()
    asked = asyncio.create_task(api.fetch(BOUND_API + "asked"))
    await bound.gates["asked"].reached()
    following = asyncio.create_task(api.fetch(BOUND_API + "next"))
    await settle()
    bound.gates["asked"].open()
    await bound.gates["next"].reached()
    bound.gates["slow"].open()
    assert [(await slow).status, (await asked).status] == [200, 200]
    bound.gates["next"].open()
    assert (await following).status == 200
    assert bound.server.outcomes("/api/asked") == [(401, "use_dpop_nonce"), (200, "")]
    await api.close()


async def test_a_refused_token_is_not_sent_again_for_a_nonce_that_another_answer_brought() -> None:
    """X3: where WWW-Authenticate can't be read, only an answer that brings a new nonce itself may ask for it."""
    bound = Slow()
    bound.withheld = {"WWW-Authenticate"}
    bound.server.api_proofs.nonce = None
    api = await bound.signed_in()
    bound.gates["refused"] = Gate()
    bound.server.revoke()
    refused = asyncio.create_task(api.fetch(BOUND_API + "refused"))
    await bound.gates["refused"].reached()
    bound.server.revoked.clear()
    bound.server.api_proofs.rotate()
    assert (await api.fetch(NOTES)).status == 200
    bound.server.revoke()
    bound.gates["refused"].open()
    assert (await refused).status == 200
    assert bound.server.outcomes("/api/refused") == [(401, "invalid_token"), (200, "")]
    await api.close()
