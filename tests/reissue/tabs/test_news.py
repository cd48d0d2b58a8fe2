"""T1, T3, T8 and S1–S3: one page's messages reach the others once, late, out of order or never."""

import asyncio
import gc
import json

import pytest
from reissue import (
    Credential,
    Endpoint,
    GrantRefused,
    Interceptor,
    RefreshEvent,
    RefreshPhase,
    Request,
    Response,
    SessionChanged,
    SessionEnded,
    SessionEvent,
    SessionPhase,
    State,
)
from reissue.tabs.news import News
from reissue.tabs.peers import NoPeers
from reissue.tabs.pending_sign_out import Mark
from reissue.testing import Clock, Gate, settle

from tests.reissue.conftest import API, outcome
from tests.reissue.origin import COOKIE, TOKENS, Origin, Server, Shelf
from tests.reissue.pages import Pages


async def test_signing_out_in_one_tab_signs_out_all(origin: Origin) -> None:
    """T8: A sign-out is told to all tabs; they drop the token before their next send.

    Seen in: Greenstand/treetracker-wallet-app#867
    """
    tabs = await origin.signed_in(4)
    (held,) = {tab.peers.shown for tab in tabs}
    await tabs[2].api.sign_out()
    await settle()
    sent = len(origin.server.requests)
    for tab in tabs:
        assert isinstance(await outcome(tab.api.fetch(API)), SessionEnded)
        assert tab.ends() == ["signed_out"]
        assert tab.peers.shown == f"over.{held}", "no tab holds a version"
    assert len(origin.server.requests) == sent


async def test_a_sign_out_reaches_a_tab_whose_requests_wait_for_another_tabs_refresh(origin: Origin) -> None:
    """T8, S1: nobody is signed in again by the answer that is on its way."""
    one, two, three = await origin.signed_in(3)
    origin.clock.advance(301)
    origin.server.gate = Gate()
    waiting = one.fetches(2) + two.fetches(2)
    await origin.server.gate.reached()
    signing_out = asyncio.create_task(three.api.sign_out())
    await settle()
    origin.server.gate.open()
    await signing_out
    errors = [await outcome(task) for task in waiting]
    assert {type(error) for error in errors} == {SessionEnded}
    await settle()
    assert [tab.api.state for tab in (one, two, three)] == [State.SIGNED_OUT] * 3


async def test_the_next_tab_does_not_wait_for_the_message_of_one_whose_session_ended_during_its_refresh(
    origin: Origin,
) -> None:
    """T5: it has nothing to send."""
    untold = Shelf()
    one, two = await origin.signed_in(2, pending_sign_out=untold)
    gate, waiting = await origin.refreshing(two)
    signing_out = asyncio.create_task(one.api.sign_out())
    await settle()
    signing_out.cancel()
    one.crash()
    later = origin.open(pending_sign_out=untold)
    resuming = asyncio.create_task(later.api.resume())
    await settle()
    began = asyncio.get_running_loop().time()
    gate.open()
    assert await resuming is False
    assert isinstance(await outcome(waiting[0]), SessionEnded)
    assert asyncio.get_running_loop().time() == began


async def test_signing_in_in_one_tab_signs_in_all(origin: Origin) -> None:
    tabs = [origin.open() for _ in range(3)]
    assert isinstance(await outcome(tabs[2].api.fetch(API)), SessionEnded)
    await origin.sign_in(tabs[0])
    await settle()
    for tab in tabs:
        assert (await tab.api.fetch(API)).status == 200
        assert [e.phase for e in tab.events if isinstance(e, SessionEvent)] == [SessionPhase.STARTED]


async def test_another_user_in_one_tab_fails_the_others_queued_requests(origin: Origin) -> None:
    """S3, over tabs."""
    one, other = await origin.signed_in(2)
    gate, queued = await origin.refreshing(other, 3)
    await origin.sign_in(one, "grace")
    errors = [await outcome(task) for task in queued]
    assert {type(error) for error in errors} == {SessionChanged}
    gate.open()
    assert (await other.api.fetch(API)).status == 200
    assert (other.api.claims["sub"], other.ends()) == ("grace", ["replaced"])


async def test_a_tab_that_has_missed_all_does_not_go_on_by_the_cookie_of_whoever_signed_in_and_out_meanwhile(
    origin: Origin,
) -> None:
    """S3: the server has no sign-out, or refuses it, so the cookie lives on; and opaque tokens name nobody.

    Found by simulation.
    """
    if origin.server.mode == TOKENS:
        return
    origin.server.opaque = True
    one, other = await origin.signed_in(2)
    other.peers.frozen = True
    await one.api.sign_out()
    await origin.sign_in(one, "grace")
    await one.api.sign_out()
    other.peers.inbox.clear()
    other.peers.frozen = False
    assert isinstance(await outcome(other.api.renew()), SessionChanged)
    assert other.ends() == ["replaced"]


async def test_the_same_user_signing_in_again_in_another_tab_disturbs_nobody(origin: Origin) -> None:
    one, other = await origin.signed_in(2)
    gate, queued = await origin.refreshing(other, 3)
    await origin.sign_in(one)
    gate.open()
    assert {(await task).status for task in queued} == {200}
    assert other.ends() == []


async def test_who_is_adopted_after_the_clock_was_set_back_is_signed_in_in_every_tab(origin: Origin) -> None:
    """S3: sessions are ordered by when they began, and a page that comes from a sign-in elsewhere has heard of none."""
    (one,) = await origin.signed_in(1)
    origin.clock.advance(-60)
    two = origin.open()
    await origin.sign_in(two, "grace")
    await settle()
    assert one.api.claims["sub"] == "grace"
    await two.api.renew()
    assert two.api.claims["sub"] == "grace"


async def test_who_signs_in_after_the_clock_was_set_back_is_signed_in_in_every_tab(origin: Origin) -> None:
    """S3"""

    async def transport(request: Request) -> Response:
        return Response(200, {}, b'{"access_token": "of-grace", "expires_in": 300}')

    (one,) = await origin.signed_in(1)
    origin.clock.advance(-60)
    peers = origin.pages.page()
    two = Interceptor(transport, audience=API, endpoint=Endpoint(API + "auth"), clock=origin.clock, peers=peers)
    await two.sign_in(username="grace")
    await settle()
    assert one.ends() == ["replaced"]
    assert one.api._lifecycle.sessions.latest.credential.access_token == "of-grace"  # type: ignore[union-attr]
    await two.close()


async def test_a_session_is_named_by_the_time_at_which_it_began(origin: Origin) -> None:
    """S3: in milliseconds, so that pages of another version order sessions alike."""
    (tab,) = await origin.signed_in(1)
    assert json.loads(tab.peers.posted[-1])["edition"].startswith(f"{int(origin.clock() * 1000)}.")


async def test_a_sign_out_while_an_adopting_tab_looks_around_wins(origin: Origin) -> None:
    """S1"""
    tab = origin.open()
    adopting = asyncio.create_task(outcome(origin.sign_in(tab)))
    await asyncio.sleep(0)
    await tab.api.sign_out()
    assert isinstance(await adopting, SessionEnded)
    assert tab.api.state is State.SIGNED_OUT


async def test_a_refusal_ends_the_session_in_every_tab_once(origin: Origin) -> None:
    """F10, over tabs."""
    tabs = await origin.signed_in(3)
    origin.clock.advance(301)
    origin.server.current = None
    errors = [await outcome(task) for tab in tabs for task in tab.fetches(3)]
    assert {(type(e), e.reason) for e in errors} == {(SessionEnded, "refused")}
    await settle()
    assert [tab.ends() for tab in tabs] == [["refused"]] * 3
    assert origin.server.asked == 1


@pytest.mark.parametrize("what", ["refresh", "resume"])
async def test_the_error_of_a_call_whose_caller_is_gone_reaches_no_console(origin: Origin, what: str) -> None:
    """X6: the fixture looks."""
    tab = origin.open()
    if what == "refresh":
        await origin.sign_in(tab)
    origin.clock.advance(301)
    origin.server.gate, origin.server.unreachable = Gate(), True
    call = asyncio.create_task(outcome(tab.api.resume() if what == "resume" else tab.api.fetch(API)))
    await origin.server.gate.reached()
    closing = asyncio.create_task(tab.api.close())
    await call
    origin.server.gate.open()
    await closing
    gc.collect()


async def test_a_turn_whose_caller_is_gone_holds_nobody_up_longer_than_its_call(origin: Origin) -> None:
    """T7, S2"""
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    gate = origin.server.gate = Gate()
    origin.server.unreachable = True
    lost = one.fetches(1)[0]
    await gate.reached()
    waiting = other.fetches(1)[0]
    closing = asyncio.create_task(one.api.close())
    assert isinstance(await outcome(lost), SessionEnded)
    began = asyncio.get_running_loop().time()
    gate.open()
    await closing
    origin.server.gate, origin.server.unreachable = None, False
    assert (await waiting).status == 200
    assert asyncio.get_running_loop().time() - began < 0.5


async def test_who_does_not_wait_for_the_close_is_done_with_it(origin: Origin) -> None:
    """X6: what comes after that is nobody's."""
    (tab,) = await origin.signed_in(1)
    gate, (waiting,) = await origin.refreshing(tab)
    closing = asyncio.create_task(tab.api.close())
    assert isinstance(await outcome(waiting), SessionEnded)
    closing.cancel()
    await asyncio.wait([closing])
    posted = len(tab.peers.posted)
    gate.open()
    await asyncio.sleep(1)
    assert origin.server.minted == 2
    assert "granted" not in [json.loads(text)["type"] for text in tab.peers.posted[posted:]]


async def test_closing_a_client_is_nobody_elses_affair(origin: Origin) -> None:
    one, other = await origin.signed_in(2)
    await one.api.close()
    await settle()
    assert (await other.api.fetch(API)).status == 200
    assert other.ends() == []


async def test_closing_a_client_in_mid_refresh_loses_nobody_the_new_refresh_token(origin: Origin) -> None:
    """T1: aborted on the wire, it would be lost after the rotation, and the others would present the spent one."""
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    origin.server.on_the_way = 0.5
    waiting = one.fetches(1)[0]
    await asyncio.sleep(0.1)
    assert origin.server.minted == 2
    closing = asyncio.create_task(one.api.close())
    began = asyncio.get_running_loop().time()
    assert isinstance(await outcome(waiting), SessionEnded)
    assert asyncio.get_running_loop().time() == began
    await closing
    assert origin.pages.open == [other.peers]
    origin.server.on_the_way = 0
    assert (await other.api.fetch(API)).status == 200
    assert (origin.server.asked, origin.server.reused) == (1, 0)


async def test_what_a_closed_client_sees_through_goes_on_with_the_session_of_all(origin: Origin) -> None:
    """T1, F5: also if the tokens name nobody, and the server left the refresh token as it was."""
    presented: list[str | None] = []
    gate = Gate()

    async def refresh(credential: Credential | None) -> Credential:
        presented.append(credential.refresh_token if credential else None)
        await gate.passed()
        origin.server.access.add(token := f"opaque-{len(presented) + 1}")
        return Credential(access_token=token, expires_in=300)

    origin.server.opaque = True
    one, other = await origin.signed_in(2, endpoint=refresh)
    held = one.api._lifecycle.sessions.latest.credential.refresh_token  # type: ignore[union-attr]
    origin.clock.advance(301)
    waiting = one.fetches(1)[0]
    await gate.reached()
    closing = asyncio.create_task(one.api.close())
    await settle()
    gate.open()
    await closing
    assert isinstance(await outcome(waiting), SessionEnded)
    await settle()
    assert (await other.api.fetch(API)).status == 200
    assert (len(presented), other.ends()) == (1, [])
    await other.api.renew()
    assert presented == [held, held]


async def test_a_lost_answer_that_is_asked_for_again_is_seen_through_by_a_closed_client_too(origin: Origin) -> None:
    """T1, F6"""
    one, other = await origin.signed_in(2, retry_lost_refresh=10)
    origin.clock.advance(301)
    origin.server.lost, origin.server.graceful = 1, True
    waiting = one.fetches(1)[0]
    await asyncio.sleep(0.015)
    assert origin.server.asked == 2
    closing = asyncio.create_task(one.api.close())
    assert isinstance(await outcome(waiting), SessionEnded)
    await closing
    assert (await other.api.fetch(API)).status == 200
    assert (origin.server.asked, origin.server.reused) == (2, 0)


async def test_what_may_be_another_users_is_handed_to_nobody_by_a_closed_client(origin: Origin) -> None:
    """S3: grace signed in, in a page that is frozen now, and the answer to the cookie names nobody."""
    if origin.server.mode == TOKENS:
        return
    origin.server.opaque = True
    one, bystander, frozen = await origin.signed_in(3)
    origin.pages.channel_works = False
    await origin.sign_in(frozen, "grace")
    frozen.peers.frozen = origin.pages.channel_works = True
    gate, (waiting,) = await origin.refreshing(one)
    closing = asyncio.create_task(one.api.close())
    await settle()
    posted = len(one.peers.posted)
    gate.open()
    await closing
    assert isinstance(await outcome(waiting), SessionEnded)
    await settle()
    assert [json.loads(text)["type"] for text in one.peers.posted[posted:]] == ["left"]
    assert bystander.api._lifecycle.sessions.latest.credential.access_token == "opaque-1"  # type: ignore[union-attr]


async def test_closing_a_client_in_mid_resume_sees_the_cookie_through(origin: Origin) -> None:
    """T1"""
    origin.visited_before()
    origin.server.mode = COOKIE
    origin.server.gate = Gate()
    one = origin.open()
    resuming = asyncio.create_task(one.api.resume())
    await origin.server.gate.reached()
    closing = asyncio.create_task(one.api.close())
    await settle()
    origin.server.gate.open()
    await closing
    assert await resuming is False
    assert (one.api.state, origin.server.minted) == (State.SIGNED_OUT, 2)
    assert await origin.open().api.resume() is True


async def test_a_resume_that_a_sign_out_has_overtaken_holds_nobody_up_longer_than_its_call(origin: Origin) -> None:
    """T7, S1: the next tab knows that no message will come."""
    origin.visited_before()
    gate = origin.server.gate = Gate()
    one, other = origin.open(), origin.open()
    resuming = asyncio.create_task(one.api.resume())
    await gate.reached()
    signing_out = asyncio.create_task(outcome(one.api.sign_out()))
    assert await resuming is False
    waiting = asyncio.create_task(other.api.resume())
    await settle()
    began = asyncio.get_running_loop().time()
    gate.open()
    await signing_out
    assert await waiting is False
    assert asyncio.get_running_loop().time() - began < 0.5


@pytest.mark.parametrize("what", ["refresh", "resume"])
@pytest.mark.parametrize("late", [False, True])
async def test_a_sign_out_elsewhere_ends_what_a_closed_client_sees_through(
    origin: Origin, what: str, late: bool
) -> None:
    """S1, S2: nobody is signed in again by its answer."""
    origin.server.mode = COOKIE
    one, other = await origin.signed_in(2)
    if what == "resume":
        await one.api.close()
        other.peers.on_message('{"type": "ended", "edition": null, "reason": "signed_out"}')
        one = origin.open()
    origin.clock.advance(301)
    origin.server.gate = Gate()
    waiting = asyncio.create_task(outcome(one.api.resume() if what == "resume" else one.api.fetch(API)))
    await origin.server.gate.reached()
    closing = asyncio.create_task(one.api.close())
    await settle()
    if late:
        origin.server.gate.open()
    await other.api.sign_out()
    await closing
    await waiting
    await settle()
    assert [tab.api.state for tab in (one, other)] == [State.SIGNED_OUT] * 2
    assert origin.pages.holder is None


async def test_another_user_elsewhere_gets_nothing_of_what_a_closed_client_sees_through(origin: Origin) -> None:
    """S3"""
    one, other = await origin.signed_in(2)
    gate, (waiting,) = await origin.refreshing(one)
    closing = asyncio.create_task(one.api.close())
    await settle()
    await origin.sign_in(other, "grace")
    gate.open()
    await closing
    assert isinstance(await outcome(waiting), SessionEnded)
    await settle()
    assert other.api.claims["sub"] == "grace"


async def test_what_a_closed_client_sees_through_is_not_handed_over_as_another_users(origin: Origin) -> None:
    """S3: granted before that user signed in elsewhere, and on its way since."""
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    origin.server.on_the_way = 0.5
    waiting = one.fetches(1)[0]
    await asyncio.sleep(0.1)
    assert origin.server.minted == 2
    closing = asyncio.create_task(one.api.close())
    await settle()
    await origin.sign_in(other, "grace")
    await closing
    assert isinstance(await outcome(waiting), SessionEnded)
    await settle()
    assert other.api.claims["sub"] == "grace"


async def test_a_client_that_is_closed_within_its_own_endpoint_does_not_wait_for_itself(origin: Origin) -> None:
    """Q3"""

    async def closing(credential: Credential | None) -> Credential:
        await tab.api.close()
        raise GrantRefused("invalid_grant")

    tab = origin.open(endpoint=closing)
    await origin.sign_in(tab)
    origin.clock.advance(301)
    began = asyncio.get_running_loop().time()
    assert isinstance(await outcome(tab.api.fetch(API)), SessionEnded)
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_sign_in_that_waits_for_its_turn_when_the_client_is_closed_sends_no_password(origin: Origin) -> None:
    (tab,) = await origin.signed_in(1)
    gate, (waiting,) = await origin.refreshing(tab)
    signing_in = asyncio.create_task(tab.api.sign_in(username="ada"))
    closing = asyncio.create_task(tab.api.close())
    await settle()
    gate.open()
    error = await outcome(signing_in)
    assert (type(error), error.reason) == (SessionEnded, "closed")
    assert isinstance(await outcome(waiting), SessionEnded)
    await closing


async def test_another_users_token_that_a_closed_client_sees_through_is_nobody_elses(origin: Origin) -> None:
    """S3: the cookie was replaced."""
    one, other = await origin.signed_in(2)
    gate, (waiting,) = await origin.refreshing(one)
    closing = asyncio.create_task(one.api.close())
    await settle()
    origin.server.user = "grace"
    gate.open()
    await closing
    assert isinstance(await outcome(waiting), SessionEnded)
    await settle()
    assert (other.api.claims["sub"], other.ends()) == ("ada", [])


async def test_a_refresh_that_finds_another_user_in_the_store_asks_for_nothing(origin: Origin) -> None:
    """S3: pages that share a store and nothing else."""
    shelf = Shelf()
    one, other = (origin.open(store=shelf, peers=NoPeers()) for _ in range(2))
    await origin.sign_in(one)
    origin.clock.advance(1)
    await origin.sign_in(other, "grace")
    origin.clock.advance(301)
    waiting = one.fetches(2)
    assert {type(await outcome(task)) for task in waiting} == {SessionChanged}
    assert origin.server.asked == 0
    told = [event.phase for event in one.events if isinstance(event, RefreshEvent)]
    assert told == [RefreshPhase.STARTED, RefreshPhase.DROPPED]
    assert one.api.claims["sub"] == "grace"


@pytest.mark.parametrize("wait", ["in full", "cut short"])
async def test_a_later_session_that_can_not_be_had_puts_the_cookie_in_doubt(
    origin: Origin, wait: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3: whoever signed in later does not answer, and the new token names nobody."""
    if origin.server.mode == TOKENS:
        return
    if wait == "cut short":  # Python 3.11 traces no line after a timeout that was thrown into a coroutine

        async def nothing(_: News, within: float) -> bool:
            return False

        monkeypatch.setattr(News, "wait", nothing)
    one, other = await origin.signed_in(2)
    origin.pages.channel_works = False
    await origin.sign_in(one, "grace")
    origin.clock.advance(301)
    origin.server.opaque = True
    waiting = other.fetches(2)
    assert {type(await outcome(task)) for task in waiting} == {SessionChanged}


async def test_a_sign_out_that_a_tab_and_the_endpoint_have_not_heard_of_puts_the_cookie_in_doubt(
    origin: Origin,
) -> None:
    """S3, S5: another user signed in and out in another tab, and the cookie is theirs. Found by simulation."""
    if origin.server.mode == TOKENS:
        return
    pending_sign_out = Shelf()
    one, other = await origin.signed_in(2, pending_sign_out=pending_sign_out)
    origin.pages.channel_works = False
    origin.server.opaque = True
    await origin.sign_in(one, "grace")
    await one.api.sign_out()
    origin.clock.advance(1)
    pending_sign_out.text = str(Mark(int(origin.clock() * 1000)))  # the endpoint could not be told
    origin.clock.advance(301)
    waiting = other.fetches(2)
    assert {type(await outcome(task)) for task in waiting} == {SessionEnded}
    assert (other.ends(), origin.server.requests) == (["refused"], [])


@pytest.mark.parametrize("late", ["before the end", "an older session"])
async def test_a_message_that_is_late_brings_nothing_back(origin: Origin, late: str) -> None:
    """T8: messages of several tabs may arrive in any order."""
    one, other = await origin.signed_in(2)
    old = one.peers.posted[0]
    if late == "an older session":
        await origin.sign_in(one, "grace")
        await settle()
    await one.api.sign_out()
    await settle()
    for tab in (one, other):
        tab.peers.on_message(old)
        assert tab.api.state is State.SIGNED_OUT


async def test_a_sign_out_that_a_newer_sign_in_has_overtaken_ends_nothing(origin: Origin) -> None:
    one, other = await origin.signed_in(2)
    other.peers.frozen = True
    await one.api.sign_out()
    ended = one.peers.posted[-1]
    await origin.sign_in(one, "grace")
    other.peers.inbox.reverse()
    other.peers.thaw()
    other.peers.on_message(ended)
    assert other.api.state is State.SIGNED_IN
    assert other.api.claims["sub"] == "grace"


async def test_a_tab_that_missed_a_sign_in_hears_of_the_sign_out_all_the_same(origin: Origin) -> None:
    one, other = await origin.signed_in(2)
    origin.pages.channel_works = False
    await origin.sign_in(one)
    origin.pages.channel_works = True
    await one.api.sign_out()
    await settle()
    assert other.api.state is State.SIGNED_OUT


async def test_a_refusal_does_not_end_what_a_faster_tab_has_got(origin: Origin) -> None:
    """T3: the message of the loser comes last."""
    one, other = await origin.signed_in(2)
    version = json.loads(one.peers.posted[0])["edition"]
    await one.api.renew()
    await settle()
    other.peers.on_message(json.dumps({"type": "ended", "edition": version, "reason": "refused"}))
    assert other.api.state is State.SIGNED_IN
    assert (await other.api.fetch(API)).status == 200


async def test_a_page_that_holds_no_session_is_not_signed_in_by_what_comes_after_the_end(origin: Origin) -> None:
    """T8: the end of a session ends all that is on its way, whether this page knew of it or not."""
    (one,) = await origin.signed_in(1)
    other = origin.open()
    await one.api.sign_out()
    await settle()
    other.peers.on_message(one.peers.posted[0])
    assert other.api.state is State.SIGNED_OUT


async def test_what_a_faster_tab_has_got_is_taken_though_the_word_of_the_loser_came_first(origin: Origin) -> None:
    """T3: a refusal ends the versions up to the one refused, and none that comes later."""
    one, other = await origin.signed_in(2)
    other.peers.frozen = True
    await one.api.renew()
    refused = json.dumps({**json.loads(one.peers.posted[0]), "type": "ended", "reason": "refused"})
    other.peers.on_message(refused)
    assert other.ends() == ["refused"]
    other.peers.thaw()
    assert other.api.state is State.SIGNED_IN
    assert other.api.claims == one.api.claims


async def test_a_page_that_was_refused_takes_what_a_faster_tab_has_got(origin: Origin) -> None:
    """T3: its own word, too, ends no version that comes later."""
    (tab,) = await origin.signed_in(1)
    granted = json.loads(tab.peers.posted[0])
    origin.clock.advance(301)
    origin.server.current = None
    assert isinstance(await outcome(tab.api.fetch(API)), SessionEnded)
    later = granted["edition"].removesuffix(".1") + ".2"
    tab.peers.on_message(json.dumps({**granted, "edition": later, "received_at": origin.clock()}))
    assert tab.api.state is State.SIGNED_IN


@pytest.mark.parametrize("refused_as_well", [False, True])
async def test_what_is_on_its_way_at_a_sign_out_brings_nothing_back_though_it_is_newer(
    origin: Origin, refused_as_well: bool
) -> None:
    """T8: whoever signed out had not heard of it either."""
    one, other, third = await origin.signed_in(3)
    other.peers.frozen = third.peers.frozen = True
    await one.api.renew()
    (newer,) = third.peers.inbox
    other.peers.inbox.clear()
    third.peers.inbox.clear()
    other.peers.thaw()
    third.peers.thaw()
    await other.api.sign_out()
    await settle()
    if refused_as_well:
        version = json.loads(one.peers.posted[0])["edition"]
        third.peers.on_message(json.dumps({"type": "ended", "edition": version, "reason": "refused"}))
    third.peers.on_message(newer)
    assert third.api.state is State.SIGNED_OUT


async def test_signing_out_while_another_tab_resumes_leaves_nobody_signed_in(origin: Origin) -> None:
    """T8, S1"""
    if origin.server.mode == TOKENS:
        return
    origin.visited_before()
    one, other = origin.open(), origin.open()
    origin.server.gate = Gate()
    resuming = asyncio.create_task(other.api.resume())
    await origin.server.gate.reached()
    signing_out = asyncio.create_task(one.api.sign_out())
    await settle()
    origin.server.gate.open()
    await signing_out
    assert await resuming is False
    assert other.api.state is State.SIGNED_OUT


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", '{"type": "granted"}', "\x00", '{"type":"ended","reason":"signed_out","edition":"x"}',
        '{"type":"ended","reason":"closed","edition":null}', '{"type":"ended","reason":"refused","edition":null}',
        '{"type":"granted","edition":"9999999999999.a.1","access_token":"a b","received_at":1.0}',
        '{"type":"granted","edition":"9999999999999.a.1","access_token":"a","received_at":null}',
        '{"type":"granted","edition":"9.9.9.9","access_token":"a","received_at":1}',
        '{"type":"granted","edition":"9999999999999.a.1","access_token":"a","refresh_token":3,"received_at":1}',
        '{"type":' * 100_000, "[" * 100_000, '{"type": {"type": "asked"}}', '{"type": ["asked"]}',
    ],
)  # fmt: skip
async def test_what_another_script_writes_to_the_channel_is_ignored(origin: Origin, text: str) -> None:
    (tab,) = await origin.signed_in(1)
    before = tab.api.claims
    tab.peers.on_message(text)
    assert (tab.api.state, tab.api.claims) == (State.SIGNED_IN, before)


async def test_a_sign_out_by_a_page_that_knows_of_no_session_is_not_undone_by_a_message_that_is_late(
    origin: Origin,
) -> None:
    """T8, S1: the page that opens asks its siblings, and the user signs out before they answer."""
    (first,) = await origin.signed_in(1)
    late = first.peers.posted[0]
    later = origin.open()
    await later.api.sign_out()
    await settle()
    later.peers.on_message(late)
    assert [tab.api.state for tab in (first, later)] == [State.SIGNED_OUT] * 2


async def test_a_page_that_opens_as_the_user_signs_out_is_signed_out_too(origin: Origin) -> None:
    """T8, S1: the page that it asks has not heard of the sign-out, and the one that would tell the server is gone."""
    first, other = await origin.signed_in(2)
    other.peers.frozen = True
    await first.api.sign_out()
    first.peers.close()
    later = origin.open()
    resume = asyncio.create_task(later.api.resume())
    await settle()
    other.peers.inbox.reverse()
    other.peers.thaw()
    assert await resume is False
    assert [tab.api.state for tab in (other, later)] == [State.SIGNED_OUT] * 2


async def test_a_sign_out_that_is_passed_on_does_not_stop_the_next_sign_in(origin: Origin) -> None:
    """T8: the page where the user has signed out, and signs in again, knows of it already."""
    one, other = await origin.signed_in(2)
    other.peers.frozen = True
    await one.api.sign_out()
    signing_in = asyncio.create_task(origin.sign_in(one, "grace"))
    await asyncio.sleep(0)
    other.peers.thaw()
    one.peers.deliver()
    await signing_in
    await settle()
    assert [tab.api.state for tab in (one, other)] == [State.SIGNED_IN] * 2


async def test_the_cookie_of_a_later_session_that_cannot_be_had_is_not_taken_for_this_users() -> None:
    """S3: another user signed in, in a page that is frozen now. Opaque tokens don't name their user."""
    origin = Origin(Server(COOKIE, opaque=True), Clock(), Pages())
    one, other = await origin.signed_in(2)
    one.peers.frozen = True
    await origin.sign_in(other, "grace")
    one.peers.inbox.clear()
    one.peers.thaw()
    other.peers.frozen = True
    origin.clock.advance(301)
    sent = len(origin.server.requests)
    assert isinstance(await outcome(one.api.fetch(API)), SessionChanged)
    assert len(origin.server.requests) == sent
    assert (await one.api.fetch(API)).status == 200, "and the new session goes on"


async def test_a_message_that_comes_too_late_signs_nobody_in_after_a_sign_out_that_the_endpoint_knows_of() -> None:
    """T8: a frozen page gives an earlier session, and ends it in the next moment: a sign-in would end with it.

    Found by simulation.
    """
    origin = Origin(Server(COOKIE), Clock(), Pages())
    (first,) = await origin.signed_in(1)
    late = first.peers.posted[0]
    other = origin.open()
    origin.clock.advance(1)
    await origin.sign_in(other, "grace")
    await settle()
    await other.api.sign_out()
    other.peers.on_message(late)
    assert other.api.state is State.SIGNED_OUT


async def test_the_cookie_is_not_taken_for_the_user_of_whom_a_message_tells_too_late() -> None:
    """S3: another has signed in and out since, and the server was not told. Opaque tokens don't name their user."""
    origin = Origin(Server(COOKIE, opaque=True), Clock(), Pages())
    (first,) = await origin.signed_in(1)
    late = first.peers.posted[0]
    other = origin.open()
    await origin.sign_in(other, "grace")
    await settle()
    await other.api.sign_out()
    origin.clock.advance(-1)  # put back: a session that seems to have begun before the sign-out may be a later one
    other.peers.on_message(late)
    assert other.api.state is State.SIGNED_IN
    origin.clock.advance(301)
    sent = len(origin.server.requests)
    assert isinstance(await outcome(other.api.fetch(API)), SessionChanged)
    assert len(origin.server.requests) == sent
    assert (await other.api.fetch(API)).status == 200, "and the new session goes on"
