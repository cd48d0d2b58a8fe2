"""Signing out at an authorization server: tokens are revoked, and the page may be left."""

import asyncio
from typing import Any

import jwt
import pytest
from reissue import (
    RefreshUnavailable,
    Response,
    SessionEnded,
    SessionPhase,
    SignOutEvent,
    SignOutPhase,
    SignOutRefused,
    State,
)
from reissue.session.sign_out import REVOKE_WITHIN
from reissue.testing import Gate, settle

from tests.reissue.conftest import outcome
from tests.reissue.pages import Pages
from tests.reissue.provider import ISSUER, PAGE, Provider, jwk, said
from tests.reissue.redirects import Tab, kept_for_later, refused


def revoked(tab: Tab) -> list[str]:
    return [token for form in tab.provider.forms("/revoke") for token in form["token"]]


async def test_a_sign_out_revokes_the_refresh_token(tab: Tab) -> None:
    """A sign-out revokes the refresh token at the server (RFC 7009)."""
    api = await tab.signed_in()
    await api.renew()
    await api.sign_out()
    (form,) = tab.provider.forms("/revoke")
    assert form == {"token": ["refresh-2"], "token_type_hint": ["refresh_token"], "client_id": ["page"]}
    await api.sign_out()
    assert len(tab.provider.forms("/revoke")) == 1, "nothing is left to revoke"


async def test_what_a_refresh_brings_after_the_sign_out_is_revoked_instead_of_what_it_spent(tab: Tab) -> None:
    """S1, S2: the late answer is dropped, but it is the server's to know that nobody has its tokens."""
    api = await tab.signed_in()
    wire = tab.provider.gates["/token"] = Gate()
    renewing = asyncio.create_task(outcome(api.renew()))
    await wire.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    wire.open()
    await signing_out
    assert isinstance(await renewing, SessionEnded)
    (form,) = tab.provider.forms("/revoke")
    assert form["token"] == ["refresh-2"]
    assert api.state is State.SIGNED_OUT


async def test_what_a_code_brings_after_a_sign_out_is_revoked(tab: Tab) -> None:
    """S1: no session begins with it, so no page could sign out of it. Found in review."""
    api = await tab.back()
    wire = tab.provider.gates["/token"] = Gate()
    resuming = asyncio.create_task(api.resume())
    await wire.reached()
    signing_out = asyncio.create_task(api.sign_out())
    await settle()
    wire.open()
    assert await resuming is False
    await signing_out
    await settle()
    (form,) = tab.provider.forms("/revoke")
    assert form["token"] == ["refresh-1"]


async def test_what_came_with_an_id_token_that_is_not_valid_is_revoked(tab: Tab) -> None:
    """S1: no session begins with it, so no sign-out would name it."""
    tab.provider.claims = {"nonce": "another"}
    api = await tab.back()
    assert refused(await outcome(api.resume())) == "invalid_id_token"
    assert revoked(tab) == ["refresh-1"]
    await api.sign_out()
    assert revoked(tab) == ["refresh-1"], "once"


@pytest.mark.parametrize(
    ("failure", "phase"),
    [
        (OSError("offline"), SignOutPhase.UNAVAILABLE),
        (Response(503), SignOutPhase.UNAVAILABLE),
        (Response(400), SignOutPhase.REFUSED),
    ],
    ids=["offline", "503", "400"],
)
async def test_what_could_not_be_revoked_is_an_event_and_disturbs_nothing(
    tab: Tab, failure: OSError | Response, phase: SignOutPhase
) -> None:
    tab.provider.claims = {"nonce": "another"}
    api = await tab.back()
    tab.provider.broken = {"/revoke": failure}
    assert refused(await outcome(api.resume())) == "invalid_id_token"
    assert [event.phase for event in tab.events if isinstance(event, SignOutEvent)] == [phase]
    assert await api.resume() is False
    assert revoked(tab) == ["refresh-1"]
    tab.provider.claims = {}
    assert (await tab.signed_in()).identity["sub"] == "ada"


async def test_a_revocation_that_hangs_takes_no_longer_than_its_own_limit(tab: Tab) -> None:
    """T5: the clock is the loop's own, which leaps."""
    tab.provider.claims = {"nonce": "another"}
    api = await tab.back()
    tab.provider.gates["/revoke"] = Gate()
    began = asyncio.get_running_loop().time()
    assert refused(await outcome(api.resume())) == "invalid_id_token"
    assert asyncio.get_running_loop().time() - began == pytest.approx(REVOKE_WITHIN)


async def test_a_sign_out_revokes_the_tokens_that_were_kept_until_their_id_token_can_be_validated(tab: Tab) -> None:
    """S1"""
    api = await kept_for_later(tab)
    assert revoked(tab) == [], "the next resume() may still begin a session with them"
    await api.sign_out()
    assert revoked(tab) == ["refresh-1"]
    assert await api.resume() is False


async def test_tokens_that_were_kept_for_later_are_revoked_once_their_id_token_turns_out_invalid(tab: Tab) -> None:
    api = await kept_for_later(tab)
    assert refused(await outcome(api.resume())) == "invalid_id_token", "the keys lack the one that it names"
    assert revoked(tab) == ["refresh-1"]


async def test_tokens_that_were_kept_for_later_are_revoked_by_their_sessions_sign_out_alone(tab: Tab) -> None:
    api = await kept_for_later(tab)
    tab.provider.keys.append(jwk("RS256", "2"))
    assert await api.resume() is True
    assert revoked(tab) == []
    await api.sign_out()
    assert revoked(tab) == ["refresh-1"]


@pytest.mark.parametrize("claims", [{}, {"nonce": "another"}], ids=["keys that do not come", "an invalid ID token"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in another tab"])
async def test_a_sign_out_while_a_code_is_exchanged_in_vain_revokes_its_tokens(
    provider: Provider, claims: dict[str, Any], elsewhere: bool
) -> None:
    """S1, S2: the exchange ends after the sign-out has begun, and no caller hears of it."""
    pages = Pages()
    tab, other = Tab(provider, pages=pages), Tab(provider, pages=pages)
    api = await tab.back()
    provider.kid, provider.claims = "2", claims
    exchanging = provider.gates["/token"] = Gate()
    resuming = asyncio.create_task(api.resume())
    await exchanging.reached()
    signing_out = asyncio.create_task((other.api if elsewhere else api).sign_out())
    await settle()
    provider.broken = {"/jwks": Response(503)}
    exchanging.open()
    await signing_out
    assert await resuming is False
    await settle()
    assert revoked(tab) == ["refresh-1"]


async def test_close_revokes_no_tokens_that_were_kept_for_later(tab: Tab) -> None:
    """F11"""
    api = await kept_for_later(tab)
    await api.close()
    assert revoked(tab) == []


async def test_a_sign_out_leaves_the_page_if_it_is_set_so(provider: Provider) -> None:
    """`end_session=True` leaves the page to sign out at the provider, once the tokens are revoked."""
    tab = Tab(provider, end_session=True, post_logout_redirect_uri=PAGE.replace("https", "HTTPS"))
    api = await tab.signed_in()
    tab.page.brought_back = True
    await api.sign_out()
    assert tab.page.left_for[0].startswith(f"{ISSUER}/logout?")
    assert jwt.decode(tab.page.asked["id_token_hint"], options={"verify_signature": False})["sub"] == "ada"
    assert (tab.page.asked["client_id"], tab.page.asked["post_logout_redirect_uri"]) == ("page", PAGE)
    assert len(provider.forms("/revoke")) == 1
    await api.sign_out()
    assert "id_token_hint" not in tab.page.asked
    tab.page.brought_back = False
    assert isinstance(await outcome(api.sign_out()), TimeoutError), "a page that is not left times out"


@pytest.mark.parametrize("failure", [OSError("no CORS"), Response(503)], ids=["unreachable", "503"])
async def test_a_revocation_that_fails_does_not_keep_the_page_from_the_providers_sign_out(
    provider: Provider, failure: OSError | Response
) -> None:
    tab = Tab(provider, end_session=True)
    api = await tab.signed_in()
    provider.broken = {"/revoke": failure}
    tab.page.brought_back = True
    assert isinstance(await outcome(api.sign_out()), (OSError, RefreshUnavailable))
    assert tab.page.left_for[0].startswith(f"{ISSUER}/logout?")


async def test_where_the_provider_sends_the_user_then_need_not_be_said(provider: Provider) -> None:
    tab = Tab(provider, end_session=True)
    api = await tab.signed_in()
    tab.page.brought_back = True
    await api.sign_out()
    assert tab.page.asked.keys() == {"client_id", "id_token_hint"}


async def test_a_server_without_a_logout_is_told_of(provider: Provider) -> None:
    provider.metadata = {"end_session_endpoint": None}
    tab = Tab(provider, end_session=True)
    api = await tab.signed_in()
    assert "end_session_endpoint" in str(await outcome(api.sign_out()))
    assert api.state is State.SIGNED_OUT


async def test_a_sign_out_that_revokes_nothing_is_an_event_each_time_and_a_warning_once(tab: Tab) -> None:
    """F16"""
    tab.provider.metadata = {"revocation_endpoint": None}
    api = await tab.signed_in()
    with pytest.warns(UserWarning, match=r"id\.test names no revocation_endpoint"):
        await api.sign_out()
    await api.adopt("access-1", refresh_token="refresh-1", expires_in=300)
    await api.sign_out()
    await api.sign_out()
    assert [event.phase for event in tab.events if isinstance(event, SignOutEvent)] == [SignOutPhase.NOT_TOLD] * 2
    assert tab.provider.forms("/revoke") == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_revocation_that_the_server_refuses_is_told_to_the_app(tab: Tab, status: int) -> None:
    """F15: RFC 7009 section 2.2.1: a 401 says that the client was not authenticated, and the tokens live on."""
    api = await tab.signed_in()
    tab.provider.broken = {"/revoke": said({"error": "invalid_client"}, status)}
    error = await outcome(api.sign_out())
    assert isinstance(error, SignOutRefused)
    assert (error.url, error.status) == (f"{ISSUER}/revoke", status)
    assert await api.resume() is False
    assert len(tab.provider.forms("/revoke")) == 1


async def test_a_page_is_not_left_to_sign_in_before_the_sign_out_is_told(tab: Tab) -> None:
    """S5: at the sign-out's own event; what is not sent when the page is left never will be."""
    api = await tab.signed_in()
    signing_in: list[asyncio.Task[Any]] = []

    def hear(event: Any) -> None:
        if event.phase is SessionPhase.ENDED:
            signing_in.append(asyncio.create_task(api.sign_in()))

    api.on(hear)
    revoking = Gate()
    tokens: Any = api._lifecycle.sessions.calls.tokens
    sign_out = tokens.sign_out

    async def slow(credential: Any) -> bool:
        await revoking.passed()
        return bool(await sign_out(credential))

    tokens.sign_out = slow
    signing_out = asyncio.create_task(api.sign_out())
    await revoking.reached()
    await settle()
    left = list(tab.page.left_for)
    assert left == []
    revoking.open()
    await signing_out
    await settle()
    assert len(tab.provider.forms("/revoke")) == 1
    assert tab.page.left_for[0].startswith(f"{ISSUER}/auth?")
    signing_in[0].cancel()
    await settle()


@pytest.mark.parametrize("by", ["sign_out", "close", "another tab"])
async def test_a_sign_out_overtakes_a_sign_in_that_has_not_left_the_page_yet(provider: Provider, by: str) -> None:
    """S1: the server may still know the user, and would send the page back signed in."""
    pages = Pages()
    tab, other = Tab(provider, pages=pages), Tab(provider, pages=pages)
    discovering = provider.gates["/.well-known/openid-configuration"] = Gate()
    leaving = asyncio.create_task(outcome(tab.api.sign_in()))
    await discovering.reached()
    await (other.api.sign_out() if by == "another tab" else getattr(tab.api, by)())
    await settle()
    discovering.open()
    assert isinstance(await leaving, SessionEnded)
    assert (tab.page.left_for, tab.page.pending.read()) == ([], None)
