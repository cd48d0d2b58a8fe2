"""Signing in in a popup: the page stays as it is, and the session begins in it."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest
from reissue import Endpoint, PopupBlocked, RefreshUnavailable, ReissueError, Response, SessionEnded
from reissue.testing import Gate, settle

from tests.reissue.conftest import outcome
from tests.reissue.pages import Pages
from tests.reissue.provider import API, ISSUER, FakePopup, Provider
from tests.reissue.redirects import DEEP, Tab, refused

REDIRECT = "https://app.test/reissue-popup.html"


@pytest.fixture
def tab(provider: Provider) -> Tab:
    return Tab(provider, popup=True, redirect_uri=REDIRECT)


async def opened(tab: Tab, **fields: Any) -> "tuple[asyncio.Task[Any], FakePopup]":
    """A sign-in whose window shows the provider."""
    signing_in = asyncio.create_task(outcome(tab.api.sign_in(**fields)))
    await asyncio.sleep(0)
    popup = tab.page.popups[-1]
    await popup.shown.wait()
    return signing_in, popup


def come_back(tab: Tab, popup: FakePopup, **more: str) -> None:
    popup.returned.set_result(f"?{tab.provider.signed_in(popup, **more).partition('?')[2]}")


async def test_the_page_stays_and_the_session_begins_in_it(tab: Tab) -> None:
    signing_in, popup = await opened(tab, login_hint="ada")
    asked = popup.asked
    assert (asked["redirect_uri"], asked["code_challenge_method"], asked["login_hint"]) == (REDIRECT, "S256", "ada")
    assert asked["state"] == popup.state
    assert not popup.closed
    come_back(tab, popup)
    assert await signing_in is None
    assert popup.closed
    assert (await tab.api.fetch(f"{API}notes")).status == 200
    assert tab.api.identity["sub"] == "ada"
    assert (tab.page.left_for, tab.page.href) == ([], DEEP)
    assert tab.page.pending.read() is None, "nothing was stored"


async def test_the_window_opens_before_anything_is_awaited(tab: Tab) -> None:
    """A browser opens a window in the handler of a click only."""
    signing_in = tab.api.sign_in()
    signing_in.send(None)  # runs it up to its first wait, as a task would
    signing_in.close()
    assert len(tab.page.popups) == 1
    assert [request.url for request in tab.provider.requests] == [f"{ISSUER}/.well-known/openid-configuration"]


async def test_a_blocked_window_is_a_clear_error(tab: Tab) -> None:
    tab.page.blocks_popups = True
    with pytest.raises(PopupBlocked, match="in the handler of a click"):
        await tab.api.sign_in()
    assert tab.provider.requests == []


async def test_a_window_that_the_user_closes_ends_the_sign_in(tab: Tab) -> None:
    signing_in, popup = await opened(tab)
    popup.close()
    assert refused(await signing_in) == "popup_closed"
    assert tab.provider.forms() == []
    signing_in, popup = await opened(tab)  # the next one works
    come_back(tab, popup)
    assert await signing_in is None


async def test_a_cancelled_sign_in_closes_its_window(tab: Tab) -> None:
    signing_in, popup = await opened(tab)
    signing_in.cancel()
    await settle()
    assert popup.closed


@pytest.mark.parametrize("end", ["sign_out", "close", "another tab"])
async def test_a_sign_out_closes_the_window_and_begins_no_session(provider: Provider, end: str) -> None:
    """S1: the user need not go on in vain."""
    tab, other = (Tab(provider, pages=pages, popup=True, redirect_uri=REDIRECT) for pages in [Pages()] * 2)
    signing_in, popup = await opened(tab)
    if end == "another tab":
        await other.api.sign_out()
        await settle()
        assert popup.closed
    else:
        await getattr(tab.api, end)()
    error = await signing_in
    assert isinstance(error, SessionEnded)
    assert popup.closed
    assert tab.provider.forms() == []


async def test_a_sign_out_that_comes_with_the_answer_begins_no_session_either(tab: Tab) -> None:
    signing_in, popup = await opened(tab)
    come_back(tab, popup)
    await tab.api.sign_out()
    assert isinstance(await signing_in, SessionEnded)
    assert tab.provider.forms() == []


async def test_two_at_once_each_get_their_own_answer(tab: Tab) -> None:
    first, one = await opened(tab)
    second, other = await opened(tab)
    assert one.state != other.state
    come_back(tab, other)
    assert await second is None
    assert not one.closed
    come_back(tab, one)
    assert await first is None
    assert (await tab.api.fetch(f"{API}notes")).status == 200


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"code": "theirs", "state": "popup.another"}, "unexpected_answer"),
        ({"code": "theirs"}, "unexpected_answer"),
        ({"error": "access_denied", "error_description": "no"}, "access_denied"),
        ({"code": "theirs", "iss": "https://evil.test"}, "wrong_issuer"),
    ],
)
async def test_an_answer_that_is_not_meant_for_this_sign_in_is_refused(
    tab: Tab, answer: dict[str, str], error: str
) -> None:
    signing_in, popup = await opened(tab)
    mine = {"state": popup.state} if len(answer) > 1 and "state" not in answer else {}
    popup.returned.set_result(urlencode({"iss": ISSUER, **mine, **answer}))
    assert refused(await signing_in) == error
    assert tab.provider.forms() == []


async def test_a_code_whose_server_does_not_answer_is_kept_for_the_next_resume(tab: Tab) -> None:
    signing_in, popup = await opened(tab)
    tab.provider.broken = {"/token": Response(503)}
    come_back(tab, popup)
    assert isinstance(await signing_in, RefreshUnavailable)
    tab.clock.advance(60)
    assert await tab.api.resume() is True
    assert len(tab.provider.forms()) == 2


@pytest.mark.parametrize("by", ["sign_in", "adopt"])
async def test_after_a_later_sign_in_it_is_not_kept(tab: Tab, by: str) -> None:
    """S3: or the next resume would replace the later user's session, or fail by a code that is spent."""
    signing_in, popup = await opened(tab)
    tab.provider.broken = {"/token": Response(503)}
    come_back(tab, popup)
    assert isinstance(await signing_in, RefreshUnavailable)
    if by == "adopt":
        await tab.api.adopt("access-0")
    else:
        signing_in, popup = await opened(tab)
        come_back(tab, popup)
        assert await signing_in is None
    codes = len(tab.provider.forms())
    tab.clock.advance(60)
    assert await tab.api.resume() is True
    assert len(tab.provider.forms()) == codes


async def test_tokens_that_were_kept_with_it_are_revoked_after_a_later_sign_in(tab: Tab) -> None:
    """S1: once the endpoint hears of a sign-out. No session names them."""
    signing_in, popup = await opened(tab)
    tab.provider.kid = "2"
    exchanging = tab.provider.gates["/token"] = Gate()
    come_back(tab, popup)
    await exchanging.reached()
    tab.provider.broken = {"/jwks": Response(503)}
    exchanging.open()
    assert isinstance(await signing_in, RefreshUnavailable)
    tab.provider.kid = "1"
    signing_in, popup = await opened(tab)
    come_back(tab, popup)
    assert await signing_in is None
    await tab.api.sign_out()
    assert sorted(form["token"][0] for form in tab.provider.forms("/revoke")) == ["refresh-1", "refresh-2"]


async def test_after_a_sign_out_it_is_not_kept(tab: Tab) -> None:
    signing_in, popup = await opened(tab)
    gate = tab.provider.gates["/token"] = Gate()
    tab.provider.broken = {"/token": Response(503)}
    come_back(tab, popup)
    await gate.reached()
    signing_out = asyncio.create_task(outcome(tab.api.sign_out()))
    await settle()
    gate.open()
    assert await signing_in is not None
    await signing_out
    assert await tab.api.resume() is False


async def test_tokens_whose_id_token_is_not_valid_are_revoked(tab: Tab) -> None:
    signing_in, popup = await opened(tab)
    tab.provider.claims = {"aud": "another"}
    come_back(tab, popup)
    assert refused(await signing_in) == "invalid_id_token"
    (revoked,) = tab.provider.forms("/revoke")
    assert revoked["token"] == ["refresh-1"]


async def test_metadata_that_can_not_be_fetched_close_the_window(tab: Tab) -> None:
    tab.provider.broken = {"/.well-known/openid-configuration": OSError("down")}
    error = await outcome(tab.api.sign_in())
    assert isinstance(error, OSError | ReissueError)
    assert tab.page.popups[0].closed


async def test_a_page_with_python_that_the_popup_is_sent_back_to_hands_the_answer_over(tab: Tab) -> None:
    """Also if it has a client of its own: the answer is for the page that waits, and no code is exchanged here."""
    signing_in, popup = await opened(tab)
    there = Tab(tab.provider, popup=True, redirect_uri="https://app.test/notes")
    api = there.opened(f"https://app.test/notes?list=7&{urlencode({'code': 'c', 'state': popup.state, 'iss': ISSUER})}")
    assert await api.resume() is False
    assert there.page.handed_over == [(urlencode({"code": "c", "state": popup.state, "iss": ISSUER}), popup.state)]
    assert there.page.href == "https://app.test/notes?list=7", "the code stands in no history"
    assert tab.provider.forms() == []
    popup.close()
    await signing_in


async def test_a_worker_opens_no_window_and_leaves_no_page(tab: Tab) -> None:
    tab.page.can_be_left = False
    tab.page.blocks_popups = True
    with pytest.raises(PopupBlocked):
        await tab.api.sign_in()
    leaving = Tab(tab.provider, end_session=True)
    leaving.page.can_be_left = False
    with pytest.raises(ReissueError, match="a worker has no page to leave"):
        await leaving.api.sign_in()
    await leaving.api.sign_out()
    assert leaving.page.left_for == []


async def test_without_a_page_a_popup_that_is_given_can_not_be_used_either(tab: Tab) -> None:
    api = tab.opened(DEEP, page=None)
    popup = FakePopup()
    with pytest.raises(ReissueError, match="a worker has no page to leave"):
        await api._lifecycle.sign_in({}, popup=popup)
    assert popup.closed


def test_popup_is_yes_or_no() -> None:
    with pytest.raises(TypeError, match="popup is True or False, not str"):
        Endpoint.oauth2(ISSUER, client_id="page", popup="yes")  # type: ignore[arg-type]
    endpoint = Endpoint.oauth2(ISSUER, client_id="page", popup=True)
    assert endpoint.popup
    assert endpoint._server is not None
    assert endpoint._server.redirect_uri == "/reissue-popup.html"
    assert not Endpoint.oauth2(ISSUER, client_id="page").popup
    assert not Endpoint("/auth").popup
