"""A sign-in that begins once somebody signs out: the endpoint sees the sign-out first, in this page and every other."""

import asyncio
from typing import Any

import pytest
from reissue import Event, Interceptor, Response, SessionChanged, SessionEnded, SessionPhase, State, StepUp
from reissue.tabs.channel_lock import ChannelLockPeers
from reissue.testing import Gate, settle

from tests.reissue.browser import Browser
from tests.reissue.conftest import outcome
from tests.reissue.origin import Shelf


def signs_in_at_the_end(api: Interceptor, user: str = "grace") -> "list[asyncio.Task[Any]]":
    """A listener that signs in as soon as it hears that somebody has signed out; what it started."""
    started: list[asyncio.Task[Any]] = []
    passwords = {"ada": "lovelace", "grace": "hopper"}

    def hear(event: Event) -> None:
        if event.phase is SessionPhase.ENDED and not started:
            call = outcome(api.sign_in(username=user, password=passwords[user]))
            started.append(asyncio.create_task(call))

    api.on(hear)
    return started


def of_two_users(**options: Any) -> Browser:
    return Browser(users={"ada": "lovelace", "grace": "hopper"}, **options)


@pytest.mark.parametrize("in_body", [False, True], ids=["by cookie", "in bodies"])
@pytest.mark.parametrize("tabs", [True, False], ids=["tabs", "alone"])
async def test_a_sign_in_that_begins_at_the_sign_outs_event_comes_after_that_sign_out(
    tabs: bool, in_body: bool
) -> None:
    """S5: The endpoint sees a sign-out before the sign-in that begins at the sign-out's event, in whatever page.

    Seen in: firebase/FirebaseUI-iOS#206
    """
    browser = of_two_users(in_body=in_body)
    api = await browser.signed_in(**({} if tabs else {"peers": None}))
    signing_in = signs_in_at_the_end(api)
    await api.sign_out()
    assert await signing_in[0] is None
    assert browser.line.asked == ["auth/login", "auth/logout", "auth/login"]
    assert api.claims["sub"] == "grace"
    await api.renew()
    assert browser.pending_sign_out.text is None
    await browser.close()


async def test_a_sign_out_and_a_sign_in_at_once_are_seen_in_this_order() -> None:
    """S5"""
    browser = of_two_users()
    api = await browser.signed_in()
    await asyncio.gather(api.sign_out(), api.sign_in(username="grace", password="hopper"))
    assert browser.line.asked == ["auth/login", "auth/logout", "auth/login"]
    await api.renew()
    assert api.claims["sub"] == "grace"
    await browser.close()


async def test_a_sign_out_of_nobody_is_seen_before_the_sign_in_that_comes_with_it() -> None:
    """S5"""
    browser = of_two_users()
    api = browser.open()
    await asyncio.gather(api.sign_out(), api.sign_in(username="grace", password="hopper"))
    assert browser.line.asked == ["auth/logout", "auth/login"]
    await api.renew()
    await browser.close()


async def test_several_sign_outs_at_once_are_all_seen_before_the_sign_in() -> None:
    """S5"""
    browser = of_two_users()
    api = await browser.signed_in()
    signing_in = signs_in_at_the_end(api)
    await asyncio.gather(api.sign_out(), api.sign_out())
    await signing_in[0]
    assert browser.line.asked == ["auth/login", "auth/logout", "auth/logout", "auth/login"]
    await browser.close()


async def test_a_sign_in_that_is_overtaken_while_the_server_hears_of_an_earlier_sign_out_is_not_sent() -> None:
    """S1, S5"""
    browser = Browser()
    api = await browser.signed_out_offline()
    browser.line.offline = False
    browser.line.asked.clear()
    gate = browser.line.gate = Gate()
    signing_in = asyncio.create_task(outcome(api.sign_in(username="ada", password="lovelace")))
    await gate.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    gate.open()
    assert isinstance(await signing_in, SessionEnded)
    await signing_out
    assert "auth/login" not in browser.line.asked
    await browser.close()


async def test_a_sign_in_behind_a_sign_out_waits_for_the_refresh_that_it_waits_for() -> None:
    """S5, S2: and for what was called before it, in this order."""
    browser = of_two_users()
    api = await browser.signed_in()
    browser.line.server.gate = Gate()
    renewing = asyncio.create_task(outcome(api.renew()))
    await browser.line.server.gate.reached()
    early = asyncio.create_task(outcome(api.sign_in(username="ada", password="lovelace")))
    await settle()
    signing_in = signs_in_at_the_end(api)
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    browser.line.server.gate.open()
    await signing_out
    assert await signing_in[0] is None
    assert [type(await task) for task in (renewing, early)] == [SessionEnded, SessionEnded]
    assert browser.line.asked == ["auth/login", "auth/refresh", "auth/logout", "auth/login"], (
        "none for who was overtaken"
    )
    assert api.claims["sub"] == "grace"
    await browser.close()


async def test_a_sign_out_that_is_cancelled_at_its_event_is_seen_before_the_sign_in() -> None:
    """S5"""
    browser = of_two_users()
    api = await browser.signed_in()
    signing_in = signs_in_at_the_end(api)
    signing_out = asyncio.create_task(api.sign_out())
    await asyncio.sleep(0)
    signing_out.cancel()
    assert await signing_in[0] is None
    assert browser.line.asked == ["auth/login", "auth/logout", "auth/login"]
    assert api.state is State.SIGNED_IN
    await browser.close()


async def test_a_client_that_is_closed_behind_its_sign_out_lets_the_server_hear_of_it() -> None:
    """S5"""
    browser = of_two_users()
    api = await browser.signed_in()
    signing_in = signs_in_at_the_end(api)
    signing_out = asyncio.create_task(api.sign_out())
    await settle(1)
    await api.close()
    await signing_out
    assert browser.line.asked == ["auth/login", "auth/logout"]
    error = await signing_in[0]
    assert isinstance(error, SessionEnded)
    assert error.reason == "closed"
    await browser.close()


@pytest.mark.parametrize("busy", [False, True], ids=["", "a refresh on its way"])
@pytest.mark.parametrize("in_body", [False, True], ids=["by cookie", "in bodies"])
async def test_a_sign_in_in_another_page_that_begins_at_the_sign_outs_event_comes_after_it(
    in_body: bool, busy: bool
) -> None:
    """S5: whichever of the two pages gets its turn first."""
    browser = of_two_users(in_body=in_body)
    one = await browser.signed_in()
    other = browser.open()
    assert await other.resume()
    signing_in = signs_in_at_the_end(other)
    gate = Gate()
    if busy:
        browser.line.server.gate = gate
        renewing = asyncio.create_task(outcome(one.renew()))
        await gate.reached()
    signing_out = asyncio.create_task(one.sign_out())
    await settle()
    gate.open()
    await signing_out
    assert not busy or isinstance(await renewing, SessionEnded)
    assert await signing_in[0] is None
    await settle()
    asked = [call for call in browser.line.asked[1:] if call != "auth/refresh"]
    if not in_body:
        assert asked == ["auth/logout", "auth/login"]
    assert other.claims["sub"] == "grace"
    await other.renew()
    await one.renew()
    assert one.claims["sub"] == "grace"
    assert browser.pending_sign_out.text is None
    await browser.close()


class Hidden(Shelf):
    """A store that no other page reads, and that the app clears at each sign-out: a worker has none at all."""

    def write(self, text: str | None) -> None:
        super().write(None)


@pytest.mark.parametrize("kind", ["a worker", "a page whose app clears the store"])
@pytest.mark.parametrize("channel", [True, False], ids=["by locks", "by courtesy"])
async def test_another_page_learns_of_a_sign_out_that_is_not_told_yet_where_no_mark_can_be_read(
    channel: bool, kind: str
) -> None:
    """S5: by what the page that signs out shows to the others."""
    browser = of_two_users()
    loop = asyncio.get_running_loop()

    def page() -> Interceptor:
        peers: Any = browser.pages.page()
        if not channel:
            peers = ChannelLockPeers(peers, clock=loop.time)
        return browser.open(peers=peers, pending_sign_out=None if kind == "a worker" else Hidden())

    one, other = page(), page()
    await one.sign_in(username="ada", password="lovelace")
    await settle()
    signing_in = signs_in_at_the_end(other)
    browser.line.server.gate = Gate()
    renewing = asyncio.create_task(outcome(one.renew()))
    await browser.line.server.gate.reached()
    signing_out = asyncio.create_task(one.sign_out())
    await settle()
    browser.line.server.gate.open()
    await asyncio.gather(renewing, signing_out)
    assert await signing_in[0] is None
    assert browser.line.asked == ["auth/login", "auth/refresh", "auth/logout", "auth/login"]
    await settle()
    await other.renew()
    assert one.claims["sub"] == other.claims["sub"] == "grace"
    await browser.close()


async def test_a_sign_out_whose_turn_comes_after_somebody_elses_sign_in_does_not_end_that() -> None:
    """S5: where neither mark nor sign said that it was to come: the cookie is another session's by then."""
    browser = of_two_users()
    api = await browser.signed_in(pending_sign_out=Hidden())
    other = browser.open()
    assert await other.resume()
    browser.line.server.gate = Gate()
    renewing = asyncio.create_task(outcome(api.renew()))
    await browser.line.server.gate.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle(1)
    browser.pages.open[0].advertise(None)
    signing_in = asyncio.create_task(other.sign_in(username="grace", password="hopper"))
    await settle()
    browser.line.server.gate.open()
    await asyncio.gather(renewing, signing_out, signing_in)
    assert browser.line.asked == ["auth/login", "auth/refresh", "auth/login"]
    await settle()
    await other.renew()
    assert api.claims["sub"] == other.claims["sub"] == "grace"
    await browser.close()


async def test_tokens_that_the_page_holds_are_revoked_whoever_has_signed_in_since() -> None:
    """S5: a sign-out that presents a token of its own ends no other session."""
    browser = of_two_users(in_body=True)
    api = await browser.signed_in()
    browser.line.server.gate = Gate()
    renewing = asyncio.create_task(outcome(api.renew()))
    await browser.line.server.gate.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    signing_in = asyncio.create_task(browser.open().sign_in(username="grace", password="hopper"))
    await settle()
    browser.line.server.gate.open()
    await asyncio.gather(renewing, signing_out, signing_in)
    assert browser.line.asked[1:] == ["auth/refresh", "auth/login", "auth/logout"]
    await settle()
    assert api.claims["sub"] == "grace"
    await api.renew()
    await browser.close()


@pytest.mark.parametrize("mark", ["x", "", "9" * 30, "-1", "1.5", "7", "1700000000000 told"])
async def test_a_sign_that_no_page_of_ours_can_have_shown_is_no_sign_out(mark: str) -> None:
    """S5: any script of the origin can hold a lock of any name."""
    browser = of_two_users()
    stranger = browser.pages.page()
    stranger.advertise(f"signed-out.mallory.{mark}")
    api = await browser.signed_in()
    assert browser.line.asked == ["auth/login"]
    assert await (await browser.reload(api)).resume()
    await browser.close()


async def test_a_page_that_stays_in_the_middle_of_its_sign_out_is_told_for_once() -> None:
    """S5, F17: by the next; after that its sign counts no more, and the next sign-in is resumed."""
    browser = of_two_users()
    await browser.signed_in()
    stuck = browser.pages.page()
    stuck.advertise(f"signed-out.stuck.{int(browser.line.server.clock() * 1000)}")
    later = browser.open()
    browser.line.server.clock.advance(1)
    browser.pages.channel_works = False
    browser.line.asked.clear()
    assert await later.resume() is False
    assert await later.resume() is False
    assert browser.line.asked == ["auth/logout", "auth/refresh"]
    await browser.close()


async def test_the_sign_of_a_page_that_was_frozen_long_ago_ends_no_session() -> None:
    """S5, F17: of whoever signed in since, and whose pages are closed."""
    browser = of_two_users()
    api = await browser.signed_in()
    browser.pages.page().advertise(f"signed-out.frozen.{int(browser.line.server.clock() * 1000)}")
    browser.line.server.clock.advance(61)
    api = await browser.reload(api)
    assert await api.resume()
    assert browser.line.asked == ["auth/refresh"]
    await browser.close()


async def test_what_a_page_hears_of_a_sign_out_long_after_it_stops_no_sign_in() -> None:
    """S5: the page that hears it passes it on, and the page of the sign-in had not opened when the user signed out."""
    browser = Browser()
    api = await browser.signed_in()
    frozen = browser.open()
    assert await frozen.resume() is True
    browser.pages.open[1].frozen = True
    await api.sign_out()
    await api.close()
    later = browser.open()
    answering = browser.line.sign_in_gate = Gate()
    signing_in = asyncio.create_task(later.sign_in(username="ada", password="lovelace"))
    await answering.reached()
    browser.pages.open[0].thaw()
    await settle()
    assert frozen.state is State.SIGNED_OUT
    answering.open()
    await signing_in
    await settle()
    assert frozen.state is later.state is State.SIGNED_IN
    await browser.close()


async def test_a_telling_that_is_cancelled_lets_nothing_pass_before_its_call_has_ended() -> None:
    """S5, S2: as a loop does that shuts down."""
    browser = of_two_users()
    api = await browser.signed_in()
    browser.line.gate = Gate()
    signing_out = asyncio.create_task(outcome(api.sign_out()))
    await browser.line.gate.reached()
    (telling,) = api._lifecycle._sign_outs._telling  # type: ignore[union-attr]
    telling.cancel()
    signing_in = asyncio.create_task(api.sign_in(username="grace", password="hopper"))
    await settle()
    assert browser.line.asked == ["auth/login", "auth/logout"]
    browser.line.gate.open()
    await signing_in
    signing_out.cancel()
    await asyncio.wait((signing_out,))
    assert browser.line.asked[:2] == ["auth/login", "auth/logout"]
    assert browser.line.asked[-1] == "auth/login"
    await api.renew()
    await browser.close()


async def test_a_telling_that_is_cancelled_before_it_begins_keeps_nobody_in_line() -> None:
    """S5"""
    browser = of_two_users()
    api = await browser.signed_in()
    signing_out = asyncio.create_task(outcome(api.sign_out()))
    await asyncio.sleep(0)
    (telling,) = api._lifecycle._sign_outs._telling  # type: ignore[union-attr]
    telling.cancel()
    await asyncio.wait((signing_out,))
    await api.sign_in(username="grace", password="hopper")
    assert browser.line.asked == ["auth/login", "auth/logout", "auth/login"], "the mark has it told"
    await browser.close()


async def test_another_users_step_up_is_not_ended_by_a_sign_out_that_comes_too_late() -> None:
    """S3, S5: the cookie is that of the step-up's sign-in by then."""

    async def handler(wanted: StepUp) -> dict[str, str]:
        return {"username": "grace", "password": "hopper"}

    browser = of_two_users()
    api = await browser.signed_in(step_up=handler)
    other = browser.open()
    assert await other.resume()
    weak = Response(401, {"WWW-Authenticate": 'Bearer error="insufficient_user_authentication"'})
    browser.line.server.answer = lambda request: weak
    gate = browser.line.sign_in_gate = Gate()
    browser.pages.open[0].frozen = True  # it hears of the sign-out too late
    waiting = asyncio.create_task(outcome(api.fetch(f"{browser.line.server.url}api/vault")))
    await gate.reached()
    browser.line.server.clock.advance(1)
    signing_out = asyncio.create_task(other.sign_out())
    await settle()
    browser.line.server.clock.advance(1)
    gate.open()
    await signing_out
    assert isinstance(await waiting, SessionChanged)
    browser.pages.open[0].thaw()
    await settle()
    await api.renew()
    assert (api.claims["sub"], "auth/logout" in browser.line.asked) == ("grace", False)
    await browser.close()
