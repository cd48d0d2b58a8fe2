"""T1–T8 and Q16: many pages share one session. The pages, the lock and the channel are faked; see `pages`."""

import asyncio
import json
from typing import Any

import pytest
from reissue import (
    Credential,
    Endpoint,
    GrantRefused,
    Interceptor,
    RefreshEvent,
    RefreshPhase,
    RefreshUnavailable,
    Request,
    Response,
    SessionEnded,
    State,
)
from reissue.tabs.protocol import Version
from reissue.testing import Gate, settle

from tests.reissue.conftest import API, outcome
from tests.reissue.origin import COOKIE, TOKENS, Origin, Shelf, Tab

# One refresh for all


@pytest.mark.parametrize("cause", ["expired", "revoked"])
async def test_eight_tabs_at_the_end_of_a_token_make_one_refresh(origin: Origin, cause: str) -> None:
    """T1: However many tabs need a new token, one refreshes under a lock; the others read its result inside it.

    Seen in: supabase/auth-js#213, authts/oidc-client-ts#430
    """
    tabs = await origin.signed_in(8)
    if cause == "expired":
        origin.clock.advance(301)
    origin.server.access.clear()
    responses = await asyncio.gather(*(task for tab in tabs for task in tab.fetches(25)))
    assert [r.status for r in responses] == [200] * 200
    assert (origin.server.asked, origin.server.reused) == (1, 0)
    assert {tab.api.claims["jti"] for tab in tabs} == {"2"}
    assert all(tab.ends() == [] for tab in tabs)


async def test_two_clients_over_one_refresh_token_refresh_once(origin: Origin) -> None:
    """Q16: Two clients over one refresh token refresh once: single flight belongs to the session, not to the client.

    Seen in: Flyrell/axios-auth-refresh#286, #210; authlib/authlib#673
    """
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    responses = await asyncio.gather(*one.fetches(5), *other.fetches(5))
    assert {r.status for r in responses} == {200}
    assert (origin.server.asked, origin.server.reused) == (1, 0)


async def test_a_message_that_is_lost_is_asked_for_inside_the_lock(origin: Origin) -> None:
    """T1"""
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    origin.pages.channel_works = False
    await one.api.fetch(API)
    origin.pages.channel_works = True
    began = asyncio.get_running_loop().time()
    assert (await other.api.fetch(API)).status == 200
    assert asyncio.get_running_loop().time() - began < 0.5
    assert (origin.server.asked, origin.server.reused) == (1, 0)


async def test_what_was_asked_for_is_waited_for_whatever_else_is_heard_meanwhile(origin: Origin) -> None:
    """T1, T5"""
    one, other = await origin.signed_in(2)
    other.peers.frozen = True
    await one.api.renew()
    other.peers.inbox.clear()
    one.peers.frozen, other.peers.frozen = True, False
    renewing = asyncio.create_task(other.api.renew())
    await settle()
    other.peers.on_message('{"type": "left"}')
    await asyncio.sleep(1)
    one.peers.thaw()
    await renewing
    assert (origin.server.asked, other.api.claims) == (1, one.api.claims)


async def test_what_was_asked_for_is_waited_for_no_longer_once_it_has_been_refused(origin: Origin) -> None:
    """T3, T5"""
    (frozen,) = await origin.signed_in(1)
    frozen.peers.frozen = True
    later = origin.open()
    resuming = asyncio.create_task(later.api.resume())
    await settle()
    began = asyncio.get_running_loop().time()
    origin.server.current = None
    refused = {"type": "ended", "edition": frozen.peers.shown, "reason": "refused"}
    later.peers.on_message(json.dumps(refused))
    assert await resuming is False
    assert asyncio.get_running_loop().time() - began < 0.5


async def test_a_newer_token_that_can_not_be_had_puts_no_cookie_in_doubt(origin: Origin) -> None:
    """S3, the other side: it is the same session's."""
    if origin.server.mode == TOKENS:
        return
    origin.server.opaque = True
    one, other = await origin.signed_in(2)
    other.peers.frozen = True
    await one.api.renew()
    other.peers.inbox.clear()
    one.peers.frozen, other.peers.frozen = True, False
    origin.clock.advance(301)
    assert (await other.api.fetch(API)).status == 200
    assert other.ends() == []


async def test_a_tab_that_opens_later_asks_its_siblings_and_not_the_server(origin: Origin) -> None:
    (first,) = await origin.signed_in(1)
    later = origin.open()
    assert await later.api.resume() is True
    assert (await later.api.fetch(API)).status == 200
    assert later.api.claims == first.api.claims
    assert origin.server.asked == 0


async def test_a_request_that_waits_for_a_resume_goes_out_with_what_a_sibling_hands_over(origin: Origin) -> None:
    """Q18"""
    await origin.signed_in(1)
    later = origin.open()
    resuming = asyncio.create_task(later.api.resume())
    request = later.fetches(1)[0]
    assert await resuming is True
    assert (await request).status == 200
    assert origin.server.asked == 0


async def test_tabs_that_open_together_resume_with_one_refresh(origin: Origin) -> None:
    if origin.server.mode == TOKENS:
        return  # nothing outlives the pages
    origin.visited_before()
    tabs = [origin.open() for _ in range(8)]
    assert await asyncio.gather(*(tab.api.resume() for tab in tabs)) == [True] * 8
    assert (origin.server.asked, origin.server.reused) == (1, 0)


async def test_tabs_that_open_together_resume_with_one_refresh_though_the_word_of_it_was_lost(origin: Origin) -> None:
    """T1"""
    if origin.server.mode == TOKENS:
        return
    origin.visited_before()
    one, other = origin.open(), origin.open()
    origin.pages.channel_works = False
    one.api.on(lambda event: setattr(origin.pages, "channel_works", True))  # its session has begun
    assert all(await asyncio.gather(one.api.resume(), other.api.resume()))
    assert (origin.server.asked, origin.server.reused) == (1, 0)


async def test_tabs_that_open_together_resume_with_one_refresh_though_the_word_of_it_is_late(origin: Origin) -> None:
    """T1: whoever has the turn next sees what the one before was granted, and asks for it instead of the server."""
    if origin.server.mode == TOKENS:
        return
    origin.visited_before()
    one, other = origin.open(), origin.open()
    other.peers.frozen = True  # it gets no message, for now
    resuming = asyncio.gather(one.api.resume(), other.api.resume())
    await asyncio.sleep(1)
    assert one.api.state is State.SIGNED_IN
    assert origin.pages.holder is other.peers
    other.peers.thaw()
    assert all(await resuming)
    assert (origin.server.asked, origin.server.reused) == (1, 0)


async def test_a_tab_that_opens_while_another_has_the_turn_is_signed_in_at_once(origin: Origin) -> None:
    """T5: a token that works is handed over, so there is nothing to take turns for."""
    (first,) = await origin.signed_in(1)
    turn = first.peers.lock()
    await turn.__aenter__()
    began = asyncio.get_running_loop().time()
    assert await origin.open().api.resume() is True
    assert asyncio.get_running_loop().time() == began
    await turn.__aexit__(None, None, None)


async def test_a_tab_that_opens_during_a_refresh_waits_for_it(origin: Origin) -> None:
    (first,) = await origin.signed_in(1)
    gate, (call,) = await origin.refreshing(first)
    later = origin.open()
    resumed = asyncio.create_task(later.api.resume())
    await settle()
    gate.open()
    assert await resumed is True
    assert ((await call).status, origin.server.asked) == (200, 1)


async def after_a_failed_refresh(origin: Origin) -> list[Tab]:
    """Two tabs over an expired token: the first one's next refresh pauses."""
    tabs = await origin.signed_in(2)
    origin.clock.advance(301)
    origin.server.unreachable = True
    assert isinstance(await outcome(tabs[0].api.fetch(API)), RefreshUnavailable)
    origin.server.unreachable = False
    return tabs


@pytest.mark.usefixtures("longest_pauses")
async def test_what_another_page_was_granted_ends_the_pause_before_this_pages_own_attempt(origin: Origin) -> None:
    """T1, F8"""
    one, other = await after_a_failed_refresh(origin)
    began = asyncio.get_running_loop().time()
    waiting = one.fetches(1)[0]
    await settle()
    await other.api.renew()
    assert (await waiting).status == 200
    assert asyncio.get_running_loop().time() - began < 0.2
    taken = [e for e in one.events if e.phase is RefreshPhase.TAKEN_OVER]
    assert [e.expires_in for e in taken] == [300]


async def test_what_another_tab_was_granted_ends_the_servers_wish_to_be_asked_later(origin: Origin) -> None:
    """F2: its Retry-After was for a refresh of the token that is replaced by now."""
    one, other = await origin.signed_in(2)
    session = other.api._lifecycle.alive
    assert session is not None
    session.backoff.failed(retry_after=120)
    assert isinstance(await outcome(other.api.renew()), RefreshUnavailable)
    await one.api.renew()
    await settle()
    await other.api.renew()
    assert origin.server.asked == 2


@pytest.mark.usefixtures("longest_pauses")
async def test_a_refresh_that_pauses_is_not_made_once_another_page_has_made_it(origin: Origin) -> None:
    """T1, F8"""
    one, other = await after_a_failed_refresh(origin)
    pausing = one.fetches(1)[0]
    await settle()
    assert (await other.api.fetch(API)).status == 200
    assert (await pausing).status == 200
    assert origin.server.asked == 2, "one failed, and one was enough"


async def test_a_refresh_that_is_about_to_start_is_not_made_once_another_page_has_made_it(origin: Origin) -> None:
    """T1, rule 1 of `session`: the message comes between the request's decision and the refresh."""
    one, other = await origin.signed_in(2)
    one.peers.frozen = True
    origin.clock.advance(301)
    assert (await other.api.fetch(API)).status == 200
    waiting = one.fetches(1)[0]
    await asyncio.sleep(0)
    one.peers.thaw()
    assert (await waiting).status == 200
    assert origin.server.asked == 1


async def test_requests_that_wait_for_the_lock_go_on_once_another_page_has_made_the_refresh(origin: Origin) -> None:
    """T1: Eight tabs at the end of a token don't wait for each other's place in the line."""
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    began = asyncio.get_running_loop().time()
    async with origin.pages.page().lock():
        waiting = one.fetches(3)
        await settle()
        origin.pages.locks_work = False
        await other.api.renew()
        assert [response.status for response in await asyncio.gather(*waiting)] == [200] * 3
        origin.pages.locks_work = True
    assert asyncio.get_running_loop().time() - began < 1
    assert origin.pages.holder is None, "who waits for it no longer does not get it"
    assert origin.server.asked == 1
    phases = [event.phase for event in one.events if isinstance(event, RefreshEvent)]
    assert phases == [RefreshPhase.STARTED, RefreshPhase.TAKEN_OVER]


async def test_a_refresh_in_one_tab_goes_on_with_the_session_of_all_though_the_tokens_name_nobody(
    origin: Origin,
) -> None:
    """T1, S3: other tabs don't take it for another user's."""
    origin.server.opaque = True
    one, other = await origin.signed_in(2)
    await one.api.renew()
    await settle()
    assert (await other.api.fetch(API)).status == 200
    assert other.ends() == []
    assert [token for _, token in origin.server.requests] == ["opaque-2"]


async def test_a_timer_and_a_request_share_one_refresh(origin: Origin) -> None:
    """T2: Inside one tab there is one refresh at a time, whoever starts it.

    Seen in: authts/oidc-client-ts#1618
    """
    (tab,) = await origin.signed_in(1)
    origin.clock.advance(301)
    await asyncio.gather(tab.api.renew(), *tab.fetches(3), tab.api.renew())
    assert origin.server.asked == 1


async def test_an_ending_token_is_renewed_by_one_tab_and_no_request_waits(origin: Origin) -> None:
    """T1, STALE: near its end the token is still sent, and its successor comes to every tab."""
    tabs = await origin.signed_in(3)
    origin.clock.advance(280)
    responses = await asyncio.gather(*(task for tab in tabs for task in tab.fetches(3)))
    assert {r.status for r in responses} == {200}
    await asyncio.sleep(1)
    assert origin.server.asked == 1
    assert {tab.api.claims["jti"] for tab in tabs} == {"2"}
    phases = [[e.phase for e in tab.events if isinstance(e, RefreshEvent)][-1] for tab in tabs]
    assert sorted(phase.name for phase in phases) == ["SUCCEEDED", "TAKEN_OVER", "TAKEN_OVER"]


# Losers, and those who never answer


async def test_the_loser_of_a_race_looks_again_and_adopts_what_the_winner_has(origin: Origin) -> None:
    """T3: A tab whose refresh is refused looks again before it declares the end, and adopts what another has got.

    Seen in: Mentra-Community/MentraOS#3449
    """

    answers: list[Any] = []

    async def refresh(credential: Credential | None) -> Credential:
        answers.append(None)
        if len(answers) == 1:
            await asyncio.sleep(0.01)
            return origin.server.grant()
        await asyncio.sleep(0.02)
        raise GrantRefused("invalid_grant")

    origin.pages.locks_work = False
    one, other = await origin.signed_in(2, endpoint=refresh)
    origin.clock.advance(301)
    responses = await asyncio.gather(*one.fetches(2), *other.fetches(2))
    assert {r.status for r in responses} == {200}
    assert len(answers) == 2
    assert (one.ends(), other.ends()) == ([], [])


async def test_the_loser_of_a_race_asks_for_what_the_winner_has_if_no_word_of_it_came(origin: Origin) -> None:
    """T3: the message was lost, and there is no lock."""

    async def refresh(credential: Credential | None) -> Credential:
        origin.pages.channel_works = False
        await one.api.adopt(origin.server.grant().access_token, expires_in=300)
        origin.pages.channel_works = True
        raise GrantRefused("invalid_grant")

    origin.pages.locks_work = False
    one, other = await origin.signed_in(2, endpoint=refresh)
    origin.clock.advance(301)
    assert (await other.api.fetch(API)).status == 200
    assert other.ends() == []


async def test_the_loser_of_a_race_is_not_signed_out_while_the_winner_can_not_hand_over_what_it_has(
    origin: Origin,
) -> None:
    """T3, T5: the message was lost, and the winner is frozen. A cookie is the winner's as well, and is refused."""

    async def refresh(credential: Credential | None) -> Credential:
        origin.pages.channel_works = False
        winners = one.api._lifecycle.sessions.latest
        assert winners is not None
        granted = origin.server.grant().received(origin.clock())
        winners.holding.replace(granted)
        winners.shared.hand_over(granted, begins=False)
        origin.pages.channel_works, one.peers.frozen = True, True
        raise GrantRefused("invalid_grant")

    origin.pages.locks_work = False
    one, other = await origin.signed_in(2, endpoint=refresh)
    origin.clock.advance(301)
    error = await outcome(other.api.fetch(API))
    if origin.server.mode == COOKIE:
        assert isinstance(error, SessionEnded)
    else:
        assert isinstance(error, RefreshUnavailable)
        one.peers.thaw()
        await asyncio.sleep(10)  # virtual
        assert (await other.api.fetch(API)).status == 200
        assert other.ends() == []


async def test_the_lock_is_given_back_after_an_error_and_after_a_sign_out(origin: Origin) -> None:
    """T4: The lock is held for one call, whatever becomes of it; waiting is bounded, and it is never stolen.

    Seen in: auth0/auth0-spa-js#275, #553; supabase/supabase-js#1594, #2178
    """
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    origin.server.lost = 1
    if origin.server.mode == COOKIE:
        assert isinstance(await outcome(one.api.fetch(API)), RefreshUnavailable)
        assert origin.pages.holder is None
        assert (await other.api.fetch(API)).status == 200
    origin.server.gate = Gate()
    origin.clock.advance(301)
    waiting = one.fetches(1)[0]
    await origin.server.gate.reached()
    origin.server.gate.open()
    await one.api.sign_out()
    assert isinstance(await outcome(waiting), SessionEnded)
    assert origin.pages.holder is None


async def test_a_frozen_holder_costs_a_bounded_wait_and_no_session(origin: Origin) -> None:
    """T5: Whoever waits for a frozen holder waits a bounded time, looks again, and then fails as transient.

    Seen in: w3c/web-locks#4
    """
    holder, other = await origin.signed_in(2, deadline=10)
    origin.clock.advance(301)
    origin.server.gate = Gate()
    stuck = holder.peers.lock()
    await stuck.__aenter__()
    holder.peers.frozen = True
    loop = asyncio.get_running_loop()
    began = loop.time()
    error = await outcome(other.api.fetch(API))
    assert isinstance(error, RefreshUnavailable)
    assert loop.time() - began <= 10 + 5 + 2
    assert other.api.state is State.SIGNED_IN
    assert origin.server.asked == 0
    origin.server.gate.open()
    await stuck.__aexit__(None, None, None)
    origin.clock.advance(20)
    assert (await other.api.fetch(API)).status == 200
    assert origin.server.reused == 0


async def test_a_refresh_that_takes_as_long_as_it_may_is_waited_for_by_the_other_tabs(origin: Origin) -> None:
    """T1, T4"""
    one, other = await origin.signed_in(2, deadline=10)
    origin.clock.advance(301)
    origin.server.on_the_way = 9.9
    responses = await asyncio.gather(*one.fetches(1), *other.fetches(1))
    assert [response.status for response in responses] == [200, 200]
    assert origin.server.asked == 1


async def test_a_frozen_holder_does_not_keep_anybody_from_signing_in_and_out(origin: Origin) -> None:
    """T4, T5: after a bounded wait these go on without the turn."""
    asked: list[str] = []

    async def transport(request: Request) -> Response:
        asked.append(request.url)
        return Response(200, {}, b'{"access_token": "a", "expires_in": 300}')

    stuck = origin.pages.page().lock()
    await stuck.__aenter__()
    peers = origin.pages.page()
    api = Interceptor(transport, audience=API, endpoint=Endpoint(API + "auth"), peers=peers)
    await api.sign_in(username="ada")
    assert api.state is State.SIGNED_IN
    await api.sign_out()
    assert asked == [API + "auth/login", API + "auth/logout"]
    await api.close()
    assert peers not in origin.pages.open
    await stuck.__aexit__(None, None, None)


async def test_a_frozen_holder_keeps_a_resume_from_presenting_the_cookie(origin: Origin) -> None:
    """T5: what it would present may be what the holder has just spent."""
    tab = origin.open()
    async with origin.pages.page().lock():
        assert isinstance(await outcome(tab.api.resume()), RefreshUnavailable)
        assert origin.server.asked == 0
    origin.clock.advance(20)
    assert await tab.api.resume() is False
    assert origin.server.asked == 1


async def test_a_sign_in_past_a_frozen_holder_is_later_than_the_session_that_is_on(origin: Origin) -> None:
    """T8, though the clock was set back: by what the others show, if not by what they tell."""
    (other,) = await origin.signed_in(1)
    origin.clock.advance(-1000)
    origin.pages.channel_works = False

    async def transport(request: Request) -> Response:
        return Response(200, {}, b'{"access_token": "a", "expires_in": 300}')

    peers = origin.pages.page()
    settings: Any = {"endpoint": Endpoint(API + "auth"), "peers": peers, "clock": origin.clock}
    api = Interceptor(transport, audience=API, **settings)
    async with origin.pages.page().lock():
        await api.sign_in(username="ada")
    shown = [Version.parse(page.shown or "", now=origin.clock()) for page in (peers, other.peers)]
    assert shown[0] is not None
    assert shown[1] is not None
    assert shown[0].began > shown[1].began
    await api.close()


async def test_what_came_while_waiting_for_a_frozen_holder_is_taken(origin: Origin) -> None:
    """T5: it was granted a credential, told of it, and froze before it gave the lock back."""
    holder, other = await origin.signed_in(2)
    origin.clock.advance(301)
    stuck = holder.peers.lock()
    await stuck.__aenter__()
    waiting = other.fetches(1)[0]
    await settle()
    fresh = (await origin.server.refresh(holder.api._lifecycle.sessions.latest.credential)).received(origin.clock())  # type: ignore[union-attr]
    holder.api._lifecycle.sessions.shared.hand_over(fresh, begins=False)
    assert (await waiting).status == 200
    assert origin.server.asked == 1
    await stuck.__aexit__(None, None, None)


async def test_what_was_stored_while_waiting_for_a_frozen_holder_is_taken(origin: Origin) -> None:
    """T5: the word of it was lost."""
    shelf = Shelf()
    holder, other = await origin.signed_in(2, store=shelf)
    origin.clock.advance(301)
    turn = holder.peers.lock()
    await turn.__aenter__()
    waiting = other.fetches(1)[0]
    await settle()
    origin.pages.channel_works = False
    fresh = (await origin.server.refresh(holder.api._lifecycle.sessions.latest.credential)).received(origin.clock())  # type: ignore[union-attr]
    holder.api._lifecycle.sessions.shared.hand_over(fresh, begins=False)
    assert (await waiting).status == 200
    assert origin.server.asked == 1
    await turn.__aexit__(None, None, None)


async def test_a_newer_refresh_token_that_cannot_be_had_is_waited_for_and_the_old_one_not_presented(
    origin: Origin,
) -> None:
    """T1, T5: whoever has the newer one is frozen. With a cookie there is nothing to present but the newest."""
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    other.peers.frozen = True
    await one.api.fetch(API)
    origin.clock.advance(301)
    one.peers.frozen, other.peers.frozen = True, False
    other.peers.inbox.clear()
    answer = await outcome(other.api.fetch(API))
    assert origin.server.reused == 0
    if origin.server.mode == COOKIE:
        assert answer.status == 200
    else:
        assert isinstance(answer, RefreshUnavailable)
        one.peers.thaw()
        await asyncio.sleep(10)
        assert (await other.api.fetch(API)).status == 200
        assert origin.server.reused == 0
    assert other.ends() == []


async def test_a_tab_that_crashes_in_mid_refresh_costs_at_most_one_more(origin: Origin) -> None:
    """T7: here the server had not got to it yet."""
    one, other = await origin.signed_in(2)
    _, (lost,) = await origin.refreshing(one)
    waiting = other.fetches(3)
    await settle()
    one.crash()
    lost.cancel()
    origin.server.gate = None  # whoever comes now; the crashed tab's request never gets through
    assert {(await task).status for task in waiting} == {200}
    assert origin.server.asked == 2
    assert origin.server.reused == 0


@pytest.mark.parametrize("marked", [True, False])
async def test_a_cookie_that_a_crashed_tab_was_granted_lands_before_the_next_tab_asks(
    origin: Origin, marked: bool
) -> None:
    """T7: it would present the spent one. Without a mark, the silence of the one before tells."""
    if origin.server.mode == TOKENS:
        return
    origin.pages.marks_work = marked
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    origin.server.on_the_way = 0.5
    lost = one.fetches(1)[0]
    await asyncio.sleep(0.1)
    assert origin.server.minted == 2
    waiting = other.fetches(3)
    await settle()
    one.crash()
    lost.cancel()
    assert {(await task).status for task in waiting} == {200}
    assert (origin.server.asked, origin.server.reused) == (2, 0)


async def test_a_tab_that_asks_only_when_the_leader_is_gone_waits_for_its_cookie_too(origin: Origin) -> None:
    """T7: nobody stood in line, so nobody saw the leader go. The turn's own mark tells."""
    if origin.server.mode == TOKENS:
        return
    one, other = await origin.signed_in(2)
    origin.clock.advance(301)
    origin.server.on_the_way = 0.5
    lost = one.fetches(1)[0]
    await asyncio.sleep(0.1)
    assert origin.server.minted == 2
    one.crash()
    lost.cancel()
    assert (await other.api.fetch(API)).status == 200
    assert (origin.server.asked, origin.server.reused) == (2, 0)


async def test_a_word_of_an_earlier_turn_does_not_hide_that_the_last_one_was_cut_off(origin: Origin) -> None:
    """T7: the first tab fails and says so, the second crashes, and the third has waited for both."""
    if origin.server.mode == TOKENS:
        return
    failing, crashing, waiting = await origin.signed_in(3)
    origin.clock.advance(301)
    origin.server.unreachable, origin.server.on_the_way = True, 0.5
    failed, lost, answered = (tab.fetches(1)[0] for tab in (failing, crashing, waiting))
    assert isinstance(await outcome(failed), RefreshUnavailable)
    origin.server.unreachable = False
    await asyncio.sleep(0.1)
    assert origin.server.minted == 2
    crashing.crash()
    lost.cancel()
    assert (await answered).status == 200
    assert origin.server.reused == 0


async def test_a_failed_turn_holds_nobody_up(origin: Origin) -> None:
    """T7: only a turn that ends without a word does."""
    tabs = await origin.signed_in(4)
    origin.clock.advance(301)
    origin.server.unreachable = True
    loop = asyncio.get_running_loop()
    began = loop.time()
    errors = [await outcome(task) for task in [tab.fetches(1)[0] for tab in tabs]]
    assert {type(error) for error in errors} == {RefreshUnavailable}
    assert loop.time() - began < 0.5


async def test_a_turn_that_ended_the_session_holds_nobody_up(origin: Origin) -> None:
    """T4: whoever is next need not wait for anything to land."""
    (one,) = await origin.signed_in(1)
    origin.clock.advance(301)
    origin.server.current = None
    origin.server.gate = Gate()
    call = one.fetches(1)[0]
    await origin.server.gate.reached()
    resuming = asyncio.create_task(origin.open().api.resume())
    await settle()
    began = asyncio.get_running_loop().time()
    origin.server.gate.open()
    assert isinstance(await outcome(call), SessionEnded)
    assert await resuming is False
    assert asyncio.get_running_loop().time() - began < 0.5


@pytest.mark.parametrize(("reloaded", "asked"), [(False, 1), (True, 2)])
async def test_a_resume_asks_once_and_once_more_after_a_reload_in_mid_refresh(
    origin: Origin, reloaded: bool, asked: int
) -> None:
    """T7: nobody is signed in, so more would be for nothing."""
    tab = origin.open()
    tab.peers.previous_holder_vanished = reloaded
    assert await tab.api.resume() is False
    assert origin.server.asked == asked


async def test_a_page_that_was_reloaded_in_mid_refresh_waits_for_its_cookie_and_asks_once_more(origin: Origin) -> None:
    """T7: A page reloaded in mid-refresh takes the freed lock, looks again, and asks once more before it gives up.

    Seen in: LanternOps/breeze#950
    """
    if origin.server.mode == TOKENS:
        return
    (before,) = await origin.signed_in(1)
    before.crash()
    origin.server.spent.clear()
    origin.server.cookie = "refresh-0"  # spent, and not known to the server any more
    page = origin.pages.page()
    page.previous_holder_vanished = True
    origin.server.gate = Gate()
    resuming = asyncio.create_task(origin.open(peers=page).api.resume())
    await origin.server.gate.reached()
    origin.server.gate.open()
    origin.server.refusing = lambda: setattr(origin.server, "cookie", origin.server.current)
    assert await resuming is True
    assert origin.server.asked == 2


# Lost answers


async def test_a_lost_answer_is_asked_for_again_inside_the_stated_grace(origin: Origin) -> None:
    """F6: A refresh whose answer was lost is sent again inside a grace window that the user states; never by default.

    Seen in: zitadel/zitadel#9631, advplyr/audiobookshelf#5281
    """
    (tab,) = await origin.signed_in(1, retry_lost_refresh=10)
    origin.clock.advance(301)
    origin.server.lost, origin.server.graceful = 1, True
    assert (await tab.api.fetch(API)).status == 200
    assert origin.server.asked == 2


@pytest.mark.parametrize(("grace", "lost", "passes"), [(0, 1, 0), (10, 1, 11), (10, 2, 0)])
async def test_a_lost_answer_is_asked_for_again_once_at_most_and_only_inside_the_grace(
    origin: Origin, grace: float, lost: int, passes: float
) -> None:
    """F6: by default not at all, since it can trip reuse detection."""
    (tab,) = await origin.signed_in(1, retry_lost_refresh=grace, deadline=60)
    origin.clock.advance(301)
    origin.server.gate = Gate()
    origin.server.lost, origin.server.graceful = lost, True
    call = tab.fetches(1)[0]
    await origin.server.gate.reached()
    origin.clock.advance(passes)
    origin.server.gate.open()
    assert isinstance(await outcome(call), RefreshUnavailable)
    assert origin.server.asked == lost
    assert tab.api.state is State.SIGNED_IN


async def test_the_next_session_is_the_later_one_also_if_the_clock_was_set_back(origin: Origin) -> None:
    """S3, T12: it is not taken for one that another has overtaken, whose tokens may be another user's."""
    origin.server.opaque = True
    (tab,) = await origin.signed_in(1)
    tab.api._lifecycle.sessions.interrupt("signed_out")
    tab.api._lifecycle.sessions.shared.end("signed_out")
    origin.clock.advance(-3600)
    await origin.sign_in(tab)
    tab.events.clear()
    await tab.api.renew()
    assert tab.ends() == []


async def test_a_token_that_has_run_out_by_the_time_it_is_handed_over_is_not_sent(origin: Origin) -> None:
    """T9, rule 4 of `session`: the one who was granted it has used it, so it is not new."""
    one, other = await origin.signed_in(2)
    other.peers.frozen = True
    origin.clock.advance(301)
    assert (await one.api.fetch(API)).status == 200
    origin.clock.advance(301)
    other.peers.inbox.clear()
    other.peers.thaw()
    dead = one.api.claims
    assert (await other.api.fetch(API)).status == 200
    assert other.api.claims != dead
    assert (origin.server.asked, origin.server.reused) == (2, 0)
    assert len({token for _, token in origin.server.requests}) == 2, "the dead one was sent by nobody but `one`"


async def test_a_token_that_runs_out_just_after_it_was_handed_over_is_not_sent(origin: Origin) -> None:
    """T9, rule 4 of `session`: it still lives when it is taken over, and not when the turn has come to its end."""
    one, other = await origin.signed_in(2)
    other.peers.frozen = True
    origin.clock.advance(301)
    assert (await one.api.fetch(API)).status == 200
    origin.clock.advance(299)
    other.peers.inbox.clear()
    other.peers.thaw()
    other.api.on(lambda event: origin.clock.advance(2) if event.phase is RefreshPhase.TAKEN_OVER else None)
    assert (await other.api.fetch(API)).status == 200
    assert (origin.server.asked, origin.server.reused) == (2, 0)
    assert len({token for _, token in origin.server.requests}) == 2, "the dead one was sent by nobody but `one`"
