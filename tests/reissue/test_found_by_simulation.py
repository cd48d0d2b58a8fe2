"""Each bug that the simulator found, by its symptom."""

import asyncio
from types import SimpleNamespace

import pytest
from reissue import (
    Endpoint,
    GrantRefused,
    MalformedToken,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    Response,
    SessionChanged,
    SessionEnded,
    State,
)
from reissue.testing import Clock, Gate, settle

from tests.reissue.conftest import API, World, outcome
from tests.reissue.origin import COOKIE, TOKENS, Origin, Server
from tests.reissue.pages import Pages


@pytest.fixture(params=[COOKIE, TOKENS])
def origin(request: pytest.FixtureRequest) -> Origin:
    return Origin(Server(request.param), Clock(), Pages())


async def test_a_new_sessions_requests_do_not_pass_the_bound_that_the_old_ones_fill(world: World) -> None:
    """Q22: what is on the wire is on the wire, whoever was signed in when it was sent."""
    world.server.gate = Gate()
    world.api = world.make(in_flight=1)
    await world.signed_in("token-1")
    old = world.fetches(1)[0]
    await world.server.gate.reached()
    await world.api.sign_out()
    await world.api.adopt("token-2", expires_in=300)
    new = asyncio.create_task(world.api.fetch(API + "new"))
    await settle()
    assert len(world.server.requests) == 1
    world.server.gate.open()
    await asyncio.gather(old, return_exceptions=True)
    assert (await new).status == 200


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


async def test_requests_in_line_hear_at_once_that_the_server_has_ended_their_session(world: World) -> None:
    """S1, Q5: also while another is on the wire, which was sent as the first one's refusal was being judged."""
    slow, judged = Gate(), Gate()

    async def transport(request: Request) -> Response:
        if request.url.endswith("slow"):
            await slow.passed()
        return Response(401)

    async def judge(response: Response) -> bool:
        await judged.passed()
        return response.status == 401

    world.endpoint.failure = GrantRefused("invalid_grant")
    world.api = world.make(transport=transport, in_flight=1, should_renew=judge)
    await world.signed_in()
    refused, on_the_wire, in_line = (asyncio.create_task(world.api.fetch(API + path)) for path in ("a", "slow", "c"))
    await slow.reached()
    began = asyncio.get_running_loop().time()
    judged.open()
    assert isinstance(await outcome(refused), SessionEnded)
    assert isinstance(await outcome(in_line), SessionEnded)
    assert asyncio.get_running_loop().time() == began
    slow.open()
    await asyncio.gather(on_the_wire, return_exceptions=True)


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
    monkeypatch.setattr("reissue.backoff.os", SimpleNamespace(urandom=lambda n: b"\xff" * n))  # the longest pause
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
