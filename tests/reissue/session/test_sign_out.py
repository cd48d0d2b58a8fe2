"""What a sign-out is worth: told is what the endpoint confirms, and what it never will be told comes to an end."""

import asyncio
import json
from typing import Any

import jwt
import pytest
from reissue import (
    Credential,
    Endpoint,
    EndpointEvent,
    Interceptor,
    RefreshUnavailable,
    Request,
    Response,
    Route,
    SessionEnded,
    SignOutEvent,
    SignOutPhase,
    SignOutRefused,
    State,
)
from reissue.tabs.pending_sign_out import LIFE, Mark
from reissue.testing import Gate, settle

from tests.reissue.browser import Browser
from tests.reissue.conftest import API, World, outcome
from tests.reissue.origin import Shelf
from tests.reissue.session.test_sign_out_first import of_two_users

FINAL = [400, 401, 402, 403, 404, 405, 410, 415, 422, 451]
LATER = [408, 421, 425, 429, 500, 502, 503, 504]


def told(events: list[Any]) -> list[tuple[SignOutPhase, int | None]]:
    return [(event.phase, event.status) for event in events if isinstance(event, SignOutEvent)]


def heard(api: Interceptor) -> list[Any]:
    events: list[Any] = []
    api.on(events.append)
    return events


@pytest.mark.parametrize("in_body", [False, True], ids=["by cookie", "in bodies"])
@pytest.mark.parametrize("status", FINAL)
async def test_a_final_refusal_of_a_sign_out_is_told_to_the_app_and_ends_the_trying(status: int, in_body: bool) -> None:
    """F15: Told is what the endpoint confirms: a final 4xx raises from `sign_out()`, and nobody tells it again.

    Seen in: ours
    """
    browser = Browser(in_body=in_body)
    api = await browser.signed_in()
    events = heard(api)
    browser.line.sign_out_status = status
    error = await outcome(api.sign_out())
    assert isinstance(error, SignOutRefused)
    assert (error.url, error.status) == (f"{browser.line.server.url}auth/logout", status)
    assert error.url in str(error)
    assert str(status) in str(error)
    assert told(events) == [(SignOutPhase.REFUSED, status)]
    assert api.state is State.SIGNED_OUT
    assert browser.pending_sign_out.text is None
    browser.line.asked.clear()
    assert await api.resume() is (not in_body), "the server knows the session still, and so does its cookie"
    assert browser.line.asked == ["auth/refresh"]
    await browser.close()


@pytest.mark.parametrize("status", LATER)
async def test_a_sign_out_that_may_be_told_later_leaves_its_mark(status: int) -> None:
    """F15"""
    browser = Browser()
    api = await browser.signed_in()
    events = heard(api)
    browser.line.sign_out_status = status
    error = await outcome(api.sign_out())
    assert isinstance(error, RefreshUnavailable)
    assert error.status == status
    assert f"{browser.line.server.url}auth/logout" in str(error)
    assert told(events) == [(SignOutPhase.UNAVAILABLE, status)]
    assert browser.pending_sign_out.text is not None
    browser.line.sign_out_status = None
    assert await api.resume() is False
    assert told(events)[1:] == [(SignOutPhase.CONFIRMED, None)]
    left: list[str | None] = [browser.pending_sign_out.text, browser.line.server.cookie]
    assert left == [None, None]
    await browser.close()


async def test_a_sign_out_offline_leaves_its_mark_and_says_so() -> None:
    """F15"""
    browser = Browser()
    api = await browser.signed_in()
    events = heard(api)
    browser.line.offline = True
    assert isinstance(await outcome(api.sign_out()), OSError)
    assert told(events) == [(SignOutPhase.UNAVAILABLE, None)]
    assert browser.pending_sign_out.text is not None
    await browser.close()


@pytest.mark.parametrize("in_body", [False, True], ids=["by cookie", "in bodies"])
@pytest.mark.parametrize(
    ("status", "phase", "leaves_mark"),
    [
        (204, SignOutPhase.CONFIRMED, False),
        (401, SignOutPhase.REFUSED, False),
        (503, SignOutPhase.UNAVAILABLE, True),
    ],
)
async def test_a_listener_that_leaves_the_page_at_a_sign_outs_event_leaves_a_mark_only_if_it_is_told_again(
    status: int, phase: SignOutPhase, leaves_mark: bool, in_body: bool
) -> None:
    """F15: the next page would tell the server once more, and find no session."""
    browser = Browser(in_body=in_body)
    api = await browser.signed_in()
    left: list[tuple[SignOutPhase, bool]] = []

    def leave(event: Any) -> None:
        if isinstance(event, SignOutEvent):
            left.append((event.phase, browser.pending_sign_out.text is not None))

    api.on(leave)
    browser.line.sign_out_status = status
    await outcome(api.sign_out())
    assert left == [(phase, leaves_mark)]
    await browser.close()


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_any_success_confirms_a_sign_out(status: int) -> None:
    """F15"""
    browser = Browser()
    api = await browser.signed_in()
    events = heard(api)
    browser.line.sign_out_status = status
    await api.sign_out()
    assert told(events) == [(SignOutPhase.CONFIRMED, None)]
    assert browser.pending_sign_out.text is None
    await browser.close()


async def test_the_error_names_the_url_without_its_query_and_no_secret(world: World) -> None:
    """F15, X7"""

    async def transport(request: Request) -> Response:
        return Response(401)

    endpoint = Endpoint(API + "auth", sign_out="logout?key=s3cr3t")
    world.api = world.make(transport=transport, endpoint=endpoint)
    await world.signed_in(refresh_token="s3cr3t")
    error = await outcome(world.api.sign_out())
    assert error.url == f"{API}auth/logout"
    assert "s3cr3t" not in f"{error!r} {error} {told(world.events)}"


@pytest.mark.parametrize("refresh_token", ["refresh-1", None])
async def test_a_sign_out_that_nobody_can_be_told_of_is_an_event(world: World, refresh_token: str | None) -> None:
    """F16: where the app has said that the endpoint takes none, or it would know the session by nothing."""
    for endpoint in (Endpoint(API, sign_out=None), Endpoint.simplejwt(API, blacklist=False), world.endpoint):
        world.events.clear()
        world.api = world.make(endpoint=endpoint)
        await world.signed_in(refresh_token=refresh_token)
        await world.api.sign_out()
        await world.api.sign_out()
        assert told(world.events) == [(SignOutPhase.NOT_TOLD, None)], "once: nobody was signed in the second time"
        assert await world.api._lifecycle.sessions.calls.tokens.sign_out(None) is False
    assert not world.server.requests


async def test_a_sign_out_refused_for_good_ends_nobody_elses_session() -> None:
    """F17: A mark has an end: no later session of anybody is ended by a sign-out that was refused for good.

    Seen in: supabase/supabase-js#1616, #1170; supabase/auth-js#520
    """
    browser = of_two_users()
    api = await browser.signed_in()
    browser.line.sign_out_status = 403
    await outcome(api.sign_out())
    graces = browser.open(pending_sign_out=None, peers=None)  # by other means than this client
    await graces.sign_in(username="grace", password="hopper")
    browser.line.asked.clear()
    assert await browser.open().resume()
    assert browser.line.asked == ["auth/refresh"]
    await browser.close()


@pytest.mark.parametrize("status", [403, 404])
async def test_a_mark_ends_with_the_first_final_refusal(status: int) -> None:
    """F17: by whatever page tells again."""
    browser = Browser()
    api = await browser.reload(await browser.signed_out_offline())
    browser.line.offline = False
    events = heard(api)
    browser.line.sign_out_status = status
    assert await api.resume() is False
    assert told(events) == [(SignOutPhase.REFUSED, status)]
    assert browser.pending_sign_out.text is None
    browser.line.asked.clear()
    assert await api.resume()
    assert browser.line.asked == ["auth/refresh"]
    await browser.close()


async def test_a_mark_ends_after_a_day() -> None:
    """F17: or a server that never confirms would end whoever has signed in since by other means, for ever."""
    browser = Browser()
    api = await browser.signed_in()
    browser.line.sign_out_status = 500
    await outcome(api.sign_out())
    api = await browser.reload(api)
    browser.line.server.clock.advance(LIFE)
    assert await api.resume() is False
    assert browser.line.asked == ["auth/logout"]
    browser.line.server.clock.advance(1)
    browser.line.asked.clear()
    assert await api.resume()
    assert browser.line.asked == ["auth/refresh"]
    assert browser.pending_sign_out.text is None
    await browser.close()


@pytest.mark.parametrize("ahead", [LIFE + 1, 1e9, 1e15 - 2e9])
async def test_a_mark_of_the_far_future_is_none(ahead: float) -> None:
    """F17: any script of the origin can write one, and a clock can have been set back since."""
    browser = Browser()
    api = await browser.reload(await browser.signed_in())
    browser.pending_sign_out.text = str(int((browser.line.server.clock() + ahead) * 1000))
    assert await api.resume()
    assert browser.line.asked == ["auth/refresh"]
    await browser.close()


async def test_a_mark_of_the_near_future_is_one() -> None:
    """F17, S1: a clock that is set back does not undo a sign-out."""
    browser = Browser()
    api = await browser.signed_out_offline()
    browser.line.server.clock.advance(-LIFE)
    browser.line.offline = False
    assert await (await browser.reload(api)).resume() is False
    assert browser.line.asked == ["auth/logout"]
    await browser.close()


@pytest.mark.parametrize("reloaded", [True, False])
@pytest.mark.parametrize("by", [1.0, 30.0])
async def test_a_clock_that_was_set_back_by_days_since_the_sign_in_does_not_undo_a_sign_out(
    by: float, reloaded: bool
) -> None:
    """F17, S1"""
    browser = Browser()
    api = await browser.signed_in()
    browser.line.server.clock.advance(-by * LIFE)
    browser.line.offline = True
    assert isinstance(await outcome(api.sign_out()), OSError)
    browser.line.offline = False
    if reloaded:
        api = await browser.reload(api)
    browser.line.asked.clear()
    assert await api.resume() is False
    assert browser.line.asked == ["auth/logout"]
    await api.sign_in(username="ada", password="lovelace")
    assert await (await browser.reload(api)).resume()
    await browser.close()


async def test_a_mark_does_not_meet_a_session_that_began_later_though_it_can_not_be_had() -> None:
    """F17: the page that holds it is frozen, and the cookie is its."""
    browser = of_two_users()
    api = await browser.signed_out_offline()
    browser.line.offline = False
    mark = browser.pending_sign_out.text
    browser.line.server.clock.advance(1)
    other = browser.open()
    await other.sign_in(username="grace", password="hopper")
    browser.pending_sign_out.text = mark  # as a page sees it that reads the store late
    other._lifecycle.sessions.shared._peers.frozen = True  # type: ignore[attr-defined]
    await api.close()
    later = browser.open()
    browser.line.asked.clear()
    assert await later.resume()
    assert browser.line.asked == ["auth/refresh"]
    assert later.claims["sub"] == "grace"
    await browser.close()


async def test_a_refresh_that_finds_the_cookie_of_a_later_sign_in_is_not_stopped_by_the_mark() -> None:
    """F17, S3: the mark is of a session before that."""
    browser = of_two_users()
    api = await browser.signed_in()
    browser.line.server.clock.advance(1)
    other = browser.open(pending_sign_out=None)
    browser.pages.channel_works = False
    browser.pending_sign_out.text = str(int(browser.line.server.clock() * 1000))  # somebody has signed out
    browser.line.server.clock.advance(1)
    await other.sign_in(username="grace", password="hopper")
    other._lifecycle.sessions.shared._peers.frozen = True  # type: ignore[attr-defined]
    await outcome(api.renew())
    assert api.claims["sub"] == "grace"
    await browser.close()


async def test_a_session_known_by_a_token_is_not_signed_out_by_whoevers_cookie_is_there() -> None:
    """F17: a later page has nothing to tell by; it takes up nobody, and tells nothing."""
    browser = Browser(in_body=True)
    api = await browser.signed_out_offline()
    browser.line.offline = False
    later = browser.open()
    browser.line.asked.clear()
    assert await later.resume() is False
    assert browser.line.asked == []
    assert browser.pending_sign_out.text is not None
    assert await api.resume() is False, "the page that has the token tells"
    assert browser.line.asked == ["auth/logout"]
    assert b"refresh_token" in (browser.line.bodies[-1] or b"")
    assert browser.pending_sign_out.text is None
    await browser.close()


async def test_another_pages_token_is_none_to_tell_by() -> None:
    """F17: of a page that signed out before by a cookie, and could not tell."""
    browser = Browser()
    api = await browser.signed_out_offline()
    browser.pending_sign_out.text = str(Mark(int(browser.line.server.clock() * 1000), in_body=True))
    browser.line.offline = False
    browser.line.asked.clear()
    assert await api.resume() is False
    assert browser.line.asked == []
    await browser.close()


@pytest.mark.parametrize("text", ["7", "0", "1.5 in body", "in body", " in body", "12 in bod", "1 in body "])
async def test_what_no_sign_out_has_left_is_no_mark(text: str) -> None:
    """F17"""
    browser = Browser()
    api = await browser.reload(await browser.signed_in())
    browser.pending_sign_out.text = text
    assert await api.resume()
    assert browser.line.asked == ["auth/refresh"]
    await browser.close()


def test_a_mark_is_read_as_it_was_written() -> None:
    for mark in (Mark(1), Mark(1, in_body=True)):
        assert Mark.parse(str(mark)) == mark
    assert str(Mark(1)) == "1"


async def test_a_client_that_is_closed_while_its_sign_out_is_refused_leaves_nothing() -> None:
    """F15, X6"""
    browser = Browser()
    api = await browser.signed_in()
    browser.line.gate = Gate()
    browser.line.sign_out_status = 401
    signing_out = asyncio.create_task(api.sign_out())
    await browser.line.gate.reached()
    signing_out.cancel()
    closing = asyncio.create_task(api.close())
    await settle()
    assert not closing.done()
    browser.line.gate.open()
    await closing
    assert browser.pending_sign_out.text is None
    await browser.close()


async def test_a_client_whose_close_was_cancelled_during_a_sign_out_advertises_nothing_after_it() -> None:
    """X6: no later client in the page is to read what a closed one has held."""
    browser = Browser()
    api = await browser.signed_in()
    peers = browser.pages.open[0]
    browser.line.gate = Gate()
    signing_out = asyncio.create_task(outcome(api.sign_out()))
    await browser.line.gate.reached()
    closing = asyncio.create_task(api.close())
    await settle()
    closing.cancel()
    await settle()
    browser.line.gate.open()
    await signing_out
    assert peers.shown is None
    await browser.close()


async def signing_out_unseen(browser: Browser, api: Interceptor) -> "tuple[Gate, asyncio.Future[Any]]":
    """A sign-out behind a refresh that waits at the gate. No other page can see it: neither its mark, nor its sign."""
    gate = browser.line.server.gate = Gate()
    renewing = asyncio.create_task(outcome(api.renew()))
    await gate.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    browser.pending_sign_out.text = None
    browser.pages.open[0].advertise(None)
    browser.line.server.clock.advance(1)
    return gate, asyncio.gather(signing_out, renewing)


async def test_a_sign_out_that_a_sign_in_has_overtaken_is_told_to_nobody_and_is_an_event() -> None:
    """S5: in a page that knew of the sign-out neither by mark nor by sign: the cookie is that sign-in's."""
    browser = of_two_users()
    api = await browser.signed_in()
    events = heard(api)
    gate, signing_out = await signing_out_unseen(browser, api)
    signing_in = asyncio.create_task(browser.open().sign_in(username="grace", password="hopper"))
    await settle()
    gate.open()
    await asyncio.gather(signing_out, signing_in)
    assert told(events) == [(SignOutPhase.OVERTAKEN, None)]
    assert browser.line.asked == ["auth/login", "auth/refresh", "auth/login"]
    assert not [event for event in events if isinstance(event, EndpointEvent) and event.call == "sign_out"]
    await browser.close()


@pytest.mark.parametrize("by", ["adopt", "resume"])
async def test_a_session_that_began_without_a_sign_in_does_not_keep_a_sign_out_from_being_told(by: str) -> None:
    """F15, S1: while the page that signs out waits for a refresh, which brings the old cookie again."""
    browser = of_two_users()
    api = await browser.signed_in()
    events = heard(api)
    gate, signing_out = await signing_out_unseen(browser, api)
    later = browser.open(pending_sign_out=None)
    call = later.adopt("graces", expires_in=300) if by == "adopt" else later.resume()
    beginning = asyncio.create_task(call)
    await settle()
    gate.open()
    await asyncio.gather(signing_out, beginning)
    assert told(events) == [(SignOutPhase.CONFIRMED, None)]
    assert browser.line.server.cookie is None
    await browser.close()


@pytest.mark.parametrize("answer", [None, 403], ids=["confirmed", "refused"])
async def test_what_is_heard_of_an_earlier_sign_out_leaves_the_mark_of_a_later_one(answer: int | None) -> None:
    browser = of_two_users()
    api = await browser.signed_in()
    browser.line.gate, browser.line.sign_out_status = Gate(), answer
    telling = asyncio.create_task(outcome(api.sign_out()))
    await browser.line.gate.reached()
    await api.adopt("graces", refresh_token="refresh-graces", expires_in=300)
    events = heard(api)
    later = asyncio.create_task(outcome(api.sign_out()))
    await settle()
    browser.line.offline = True
    browser.line.gate.open()
    browser.line.gate = browser.line.sign_out_status = None
    await telling
    assert isinstance(await later, OSError)
    assert told(events)[-1] == (SignOutPhase.UNAVAILABLE, None)
    assert Mark.parse(browser.pending_sign_out.text), "it can't be told yet"
    browser.line.offline = False
    assert await api.resume() is False
    assert browser.line.bodies[-1] == b'{"refresh_token": "refresh-graces"}', "it is told by the next resume"
    assert browser.line.asked[-1] == "auth/logout"
    assert browser.pending_sign_out.text is None
    await browser.close()


async def overtaken_sign_in(browser: Browser, by: str) -> tuple[list[Any], str]:
    """What the tab hears while its sign-in is overtaken, and the refresh token that comes of it all the same."""
    other, api = browser.open(), browser.open()
    browser.line.sign_in_gate = Gate()
    signing_in = asyncio.create_task(api.sign_in(username="ada", password="lovelace"))
    await browser.line.sign_in_gate.reached()
    events = heard(api)
    overtaking: list[asyncio.Task[None]] = []
    if "cancel" in by:
        signing_in.cancel()
        await settle()
    if "sign_out" in by:
        signs_out = other if "another tab" in by else api
        overtaking.append(asyncio.create_task(signs_out.sign_out()))
    if "close" in by:
        overtaking.append(asyncio.create_task(api.close()))
    await settle()
    browser.line.sign_in_gate.open()
    await asyncio.wait([signing_in, *overtaking])
    assert signing_in.cancelled() if "cancel" in by else isinstance(signing_in.exception(), SessionEnded)
    await api.close()
    (refresh_token,) = browser.line.granted
    return events, refresh_token


@pytest.mark.parametrize("by", ["sign_out", "sign_out in another tab", "cancel, then sign_out", "sign_out, then close"])
async def test_the_tokens_of_a_sign_in_that_a_sign_out_overtook_are_revoked(by: str) -> None:
    """S1, S5: no tab holds them, so no later sign-out could: they would be accepted for as long as they live.

    They are revoked before the next call to the endpoint, so that nothing ends a sign-in that comes after it. Found in
    review; and by simulation, where the client was closed after the sign-out.
    """
    browser = Browser(in_body=True)
    events, refresh_token = await overtaken_sign_in(browser, by)
    assert not await browser.line.accepts(refresh_token)
    assert (SignOutPhase.CONFIRMED, None) in told(events)
    assert browser.line.asked == ["auth/login", "auth/logout", "auth/logout"], "the tokens, and the sign-out itself"
    await browser.close()


@pytest.mark.parametrize("steps", range(25))
async def test_the_tokens_of_an_overtaken_sign_in_are_revoked_whenever_its_caller_is_cancelled(steps: int) -> None:
    """S1: also in the middle of revoking them. Found by simulation."""
    browser = Browser(in_body=True)
    api = browser.open()
    browser.line.sign_in_gate = Gate()
    signing_in = asyncio.create_task(outcome(api.sign_in(username="ada", password="lovelace")))
    await browser.line.sign_in_gate.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    browser.line.sign_in_gate.open()
    for _ in range(steps):
        await asyncio.sleep(0)
    signing_in.cancel()
    await asyncio.wait([signing_in, signing_out])
    await browser.close()
    (refresh_token,) = browser.line.granted
    assert not await browser.line.accepts(refresh_token)


@pytest.mark.parametrize("by", ["close", "cancel"])
async def test_tokens_that_were_given_up_without_a_sign_out_are_not_revoked(by: str) -> None:
    """F11: a server may end more than they stand for: every session of the user, or the one that they were added to.

    Found in review.
    """
    browser = Browser(in_body=True)
    events, refresh_token = await overtaken_sign_in(browser, by)
    assert await browser.line.accepts(refresh_token)
    assert told(events) == []
    await browser.close()


async def test_tokens_that_a_session_holds_are_not_revoked() -> None:
    """F11: a server may grant the same refresh token again, to the user or to the device. Found in review."""
    browser = Browser(in_body=True)
    api = await browser.signed_in()
    asked = browser.line.asked.copy()
    held = presented_by(api)
    await api._lifecycle._sign_outs.revoke(held)  # type: ignore[union-attr]
    await api._lifecycle._sign_outs.revoke(OSError("reset"))  # type: ignore[union-attr]
    assert browser.line.asked == asked
    await browser.close()


def presented_by(api: Interceptor) -> Credential:
    session = api._lifecycle.alive
    assert session is not None
    return session.holding.with_latest_refresh_token


async def test_tokens_that_another_tabs_session_holds_are_not_revoked_though_its_message_is_lost() -> None:
    """F11: the store has them."""
    browser, shelf = Browser(in_body=True), Shelf()
    api = browser.open(store=shelf)
    browser.pages.channel_works = False
    other = await browser.signed_in(store=shelf)
    asked = browser.line.asked.copy()
    assert api._lifecycle.alive is None
    await api._lifecycle._sign_outs.revoke(presented_by(other))  # type: ignore[union-attr]
    assert browser.line.asked == asked
    await browser.close()


async def test_tokens_that_could_not_be_revoked_are_an_event() -> None:
    """F15: once is enough: no page holds them any more."""
    browser = Browser(in_body=True)
    api = browser.open()
    events = heard(api)
    browser.line.sign_in_gate = Gate()
    signing_in = asyncio.create_task(outcome(api.sign_in(username="ada", password="lovelace")))
    await browser.line.sign_in_gate.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    browser.line.sign_out_status = 503
    browser.line.sign_in_gate.open()
    assert isinstance(await signing_in, SessionEnded)
    await outcome(signing_out)
    await settle()
    assert told(events) == [(SignOutPhase.UNAVAILABLE, 503)] * 2, "of the sign-out, and of the tokens"
    await browser.close()


async def test_a_sign_in_by_cookie_that_was_overtaken_is_ended_by_the_sign_out_that_comes_after_it() -> None:
    """S1, S5"""
    browser = Browser()
    api = browser.open()
    browser.line.sign_in_gate = Gate()
    signing_in = asyncio.create_task(outcome(api.sign_in(username="ada", password="lovelace")))
    await browser.line.sign_in_gate.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    browser.line.sign_in_gate.open()
    assert isinstance(await signing_in, SessionEnded)
    await signing_out
    assert browser.line.asked == ["auth/login", "auth/logout"]
    assert await api.resume() is False
    await browser.close()


async def test_a_revocation_that_hangs_is_given_up_soon_and_is_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """T5: other tabs wait for the lock meanwhile. Found in review."""
    monkeypatch.setattr("reissue.session.sign_out.REVOKE_WITHIN", 0)
    browser = Browser(in_body=True)
    api = browser.open()
    events = heard(api)
    browser.line.sign_in_gate, browser.line.gate = Gate(), Gate()
    signing_in = asyncio.create_task(outcome(api.sign_in(username="ada", password="lovelace")))
    await browser.line.sign_in_gate.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    browser.line.sign_in_gate.open()
    assert isinstance(await signing_in, SessionEnded)
    assert told(events) == [(SignOutPhase.UNAVAILABLE, None)]
    browser.line.gate.open()
    await signing_out
    await browser.close()


async def test_a_revocation_by_an_app_whose_headers_fail_is_an_event_and_disturbs_no_sign_in() -> None:
    browser = Browser(in_body=True)
    api = browser.open()
    events = heard(api)

    async def broken(_: object) -> bool:
        raise KeyError("csrf")

    browser.line.sign_in_gate = Gate()
    signing_in = asyncio.create_task(outcome(api.sign_in(username="ada", password="lovelace")))
    await browser.line.sign_in_gate.reached()
    api._lifecycle.sessions.calls.tokens.sign_out = broken  # type: ignore[method-assign, assignment]
    signing_out = asyncio.create_task(outcome(api.sign_out()))
    await settle()
    browser.line.sign_in_gate.open()
    assert isinstance(await signing_in, SessionEnded)
    assert told(events) == [(SignOutPhase.UNAVAILABLE, None)]
    assert isinstance(await signing_out, KeyError)
    await browser.close()


@pytest.mark.parametrize(("confirmed_by", "phase"), [((), SignOutPhase.REFUSED), ((401,), SignOutPhase.CONFIRMED)])
async def test_a_route_may_name_the_statuses_that_confirm_a_sign_out(
    world: World, confirmed_by: tuple[int, ...], phase: SignOutPhase
) -> None:
    """F15: django-allauth answers 401, since nobody is signed in any more."""

    async def transport(request: Request) -> Response:
        return Response(401)

    endpoint = Endpoint(f"{API}auth", sign_out=Route("session", method="DELETE", confirmed_by=confirmed_by))
    world.api = world.make(transport=transport, endpoint=endpoint)
    await world.signed_in()
    error = await outcome(world.api.sign_out())
    assert isinstance(error, SignOutRefused) is (not confirmed_by)
    assert [event.phase for event in world.events if isinstance(event, SignOutEvent)] == [phase]


class ByAccessToken:
    """A server that knows a session at its sign-out by the access token, and accepts the newest alone."""

    def __init__(self) -> None:
        self.newest = 1
        self.on = True
        self.refreshes = Response(200)
        self.refuses = 401  # an access token that is not the newest
        self.sent: list[tuple[str, str | None]] = []

    async def __call__(self, request: Request) -> Response:
        await asyncio.sleep(0)
        self.sent.append((request.url.rpartition("/")[2], request.headers.get("Authorization")))
        if request.url.endswith("/refresh"):
            if self.refreshes.status != 200:
                return self.refreshes
            self.newest += 1
            return Response(200, {}, json.dumps({"access_token": f"token-{self.newest}"}).encode())
        if request.headers.get("Authorization") != f"Bearer token-{self.newest}" or not self.on:
            return Response(self.refuses)
        self.on = False
        return Response(204)


BY_ACCESS_TOKEN = Endpoint(
    f"{API}auth", cookie=False, sign_out=Route("logout", headers={"Authorization": "Bearer {access_token}"})
)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_sign_out_by_an_access_token_that_has_expired_is_told_by_a_new_one(world: World, status: int) -> None:
    """F17: Supabase answers 401 otherwise, and its session goes on."""
    server = ByAccessToken()
    server.refuses = status
    world.api = world.make(transport=server, endpoint=BY_ACCESS_TOKEN)
    await world.api.adopt("expired", refresh_token="r")
    await world.api.sign_out()
    assert server.sent == [("logout", "Bearer expired"), ("refresh", None), ("logout", "Bearer token-2")]
    assert (server.on, told(world.events)) == (False, [(SignOutPhase.CONFIRMED, None)])
    assert [event.at for event in world.events if isinstance(event, SignOutEvent)] == [world.clock()]
    assert world.api.state is State.SIGNED_OUT


async def test_a_late_answer_for_another_user_does_not_replace_what_a_sign_out_presents(world: World) -> None:
    """S1, S3"""
    gate, bodies = Gate(), list[Any]()
    ada, grace = (
        jwt.encode({"sub": user}, "a key that is long enough for HS256", algorithm="HS256") for user in ("ada", "grace")
    )

    async def server(request: Request) -> Response:
        if request.url.endswith("/refresh"):
            await gate.passed()
            return Response(200, {}, json.dumps({"access_token": grace}).encode())
        bodies.append(json.loads(request.body))
        return Response(204)

    world.api = world.make(transport=server, endpoint=Endpoint(f"{API}auth", cookie=False))
    await world.api.adopt(ada, refresh_token="of ada")
    renewing = asyncio.create_task(outcome(world.api.renew()))
    await gate.reached()
    signing_out = asyncio.create_task(world.api.sign_out())
    assert isinstance(await renewing, SessionEnded)
    gate.open()
    await signing_out
    assert bodies == [{"refresh_token": "of ada"}]


async def test_a_sign_out_that_knows_no_access_token_is_told_by_that_of_the_cookie(world: World) -> None:
    """F17: in a page that was loaded anew."""
    server = ByAccessToken()
    route = Route("logout", headers={"Authorization": "Bearer {access_token}"})
    world.api = world.make(transport=server, endpoint=Endpoint(f"{API}auth", sign_out=route))
    await world.api.sign_out()
    assert [path for path, _ in server.sent] == ["logout", "refresh", "logout"]
    assert (server.on, server.sent[-1]) == (False, ("logout", "Bearer token-2"))


async def test_a_sign_out_that_gets_lost_after_a_refresh_is_told_again_by_what_that_brought() -> None:
    """F17, F19: the first refresh token is spent, and no other would ever end the session."""
    server, lost = ByAccessToken(), [OSError("offline"), OSError("offline")]
    names: list[Any] = []

    async def transport(request: Request) -> Response:
        if request.url.endswith("/refresh"):
            names.append(json.loads(request.body)["refresh_token"])
            answer = await server(request)
            fresh = json.loads(answer.body) | {"refresh_token": f"r-{server.newest}"}
            return Response(200, {}, json.dumps(fresh).encode())
        if lost and server.newest > 1:
            raise lost.pop()
        return await server(request)

    api = Interceptor(transport, audience=API, endpoint=BY_ACCESS_TOKEN)
    await api.adopt("expired", refresh_token="r-1")
    assert isinstance(await outcome(api.sign_out()), OSError)
    assert await api.resume() is False
    assert (server.on, names) == (True, ["r-1"])
    server.newest += 1  # it has expired as well by now
    assert await api.resume() is False
    assert (server.on, names) == (False, ["r-1", "r-2"])
    await api.close()


@pytest.mark.parametrize(("granted", "told_of"), [(None, "r"), ("r2", "r2")], ids=["kept", "rotated"])
async def test_a_sign_out_by_both_tokens_that_is_told_by_new_ones_names_the_refresh_token_that_counts(
    world: World, granted: str | None, told_of: str
) -> None:
    """F17: a refresh that does not rotate it leaves the old one in force, and the sign-out has to end that."""
    bodies: list[Any] = []

    async def server(request: Request) -> Response:
        if request.url.endswith("/refresh"):
            fresh = {"access_token": "new"} if granted is None else {"access_token": "new", "refresh_token": granted}
            return Response(200, {}, json.dumps(fresh).encode())
        bodies.append(json.loads(request.body))
        return Response(204 if bodies[-1]["access"] == "new" else 401)

    both = Route("logout", fields={"access": "{access_token}", "refresh": "{refresh_token}"})
    world.api = world.make(transport=server, endpoint=Endpoint(f"{API}auth", cookie=False, sign_out=both))
    await world.api.adopt("expired", refresh_token="r")
    await world.api.sign_out()
    assert bodies == [{"access": "expired", "refresh": "r"}, {"access": "new", "refresh": told_of}]


async def test_a_sign_out_that_may_be_told_later_says_when_and_where(world: World) -> None:
    """F2"""

    async def server(request: Request) -> Response:
        return Response(503, {"Retry-After": "7"})

    world.api = world.make(transport=server, endpoint=Endpoint(f"{API}auth"))
    await world.signed_in()
    error = await outcome(world.api.sign_out())
    assert isinstance(error, RefreshUnavailable)
    assert (error.status, error.retry_after, error.url) == (503, 7, f"{API}auth/logout")


@pytest.mark.parametrize(
    ("settings", "status", "refreshes", "sent"),
    [
        ({"refresh_token": None}, 401, 200, 1),  # nothing to refresh with
        ({"refresh_token": "r"}, 404, 200, 1),  # not for want of a newer token
        ({"refresh_token": "r"}, 401, 401, 2),  # the session is over
        ({"refresh_token": "r"}, 401, 200, 3),  # refused with a new token as well
    ],
)
async def test_a_sign_out_that_a_new_access_token_does_not_help_is_refused(
    world: World, settings: Any, status: int, refreshes: int, sent: int
) -> None:
    server = ByAccessToken()
    server.on, server.refuses, server.refreshes = False, status, Response(refreshes)
    world.api = world.make(transport=server, endpoint=BY_ACCESS_TOKEN)
    await world.api.adopt("expired", **settings)
    assert isinstance(await outcome(world.api.sign_out()), SignOutRefused)
    assert len(server.sent) == sent


async def test_a_sign_out_by_an_expired_access_token_is_told_later_if_the_refresh_fails(world: World) -> None:
    server = ByAccessToken()
    server.refreshes = Response(503)
    world.api = world.make(transport=server, endpoint=BY_ACCESS_TOKEN)
    await world.api.adopt("expired", refresh_token="r")
    assert isinstance(await outcome(world.api.sign_out()), RefreshUnavailable)
    server.refreshes = Response(200)
    assert await world.api.resume() is False
    assert server.on is False
