"""There and back: signing in at an authorization server that the page is left for."""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from reissue import (
    Endpoint,
    GrantRefused,
    Interceptor,
    MalformedToken,
    RefreshUnavailable,
    ReissueError,
    Response,
    SessionEnded,
    SessionPhase,
    SignOutEvent,
    SignOutPhase,
    SignOutRefused,
    State,
)
from reissue.http.urls import parse_url
from reissue.session.sign_out import REVOKE_WITHIN
from reissue.storage import Memory
from reissue.testing import Clock, Gate, settle
from reissue.tokens.jws import compact

from tests.reissue.conftest import outcome
from tests.reissue.origin import Shelf
from tests.reissue.pages import Pages
from tests.reissue.provider import API, ISSUER, PAGE, FakePage, Provider, jwk, said

DEEP = f"{PAGE}?list=7#row-3"


class Tab:
    """A tab of a browser, whose page is left and comes back as another."""

    def __init__(self, provider: Provider, *, pages: Pages | None = None, **settings: Any) -> None:
        self.provider = provider
        self.clock = Clock(provider.now)
        self.pages = pages
        self.settings = {"client_id": "page", **settings}
        self.store = Shelf(own=True)
        self.page = FakePage(DEEP)
        self.api = self.opened(DEEP)

    def opened(self, href: str, **options: Any) -> Interceptor:
        """The page anew, at this URL."""
        self.page = FakePage(href, pending=self.page.pending, name=options.pop("name", "default"))
        peers = self.pages.page() if self.pages else None
        settings = {"audience": API, "clock": self.clock, "page": self.page, "peers": peers, **options}
        endpoint = Endpoint.oauth2(**{"issuer": None if "metadata" in self.settings else ISSUER, **self.settings})
        self.events: list[Any] = []
        self.api = Interceptor(self.provider, endpoint=endpoint, **settings)
        self.api.on(self.events.append)
        return self.api

    async def left(self, **fields: Any) -> None:
        """Sign in up to where the page is gone."""
        leaving = asyncio.create_task(self.api.sign_in(**fields))
        await settle()
        assert not leaving.done(), leaving
        leaving.cancel()
        await settle()

    async def back(self, **more: str) -> Interceptor:
        """There, signed in, and back in the page anew; `resume()` is still to come."""
        await self.left()
        return self.opened(self.provider.signed_in(self.page, **more))

    async def signed_in(self) -> Interceptor:
        api = await self.back()
        assert await api.resume() is True
        return api


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def tab(provider: Provider) -> Tab:
    return Tab(provider)


def refused(error: Any) -> str:
    assert isinstance(error, GrantRefused), error
    return error.error


async def kept_for_later(tab: Tab) -> Interceptor:
    """The page anew: its code was exchanged for tokens, and the keys for its ID token could not be fetched."""
    api = await tab.back()
    tab.provider.kid = "2"
    exchanging = tab.provider.gates["/token"] = Gate()
    resuming = asyncio.create_task(outcome(api.resume()))
    await exchanging.reached()
    tab.provider.broken = {"/jwks": Response(503)}
    exchanging.open()
    assert isinstance(await resuming, RefreshUnavailable)
    return api


def revoked(tab: Tab) -> list[str]:
    return [token for form in tab.provider.forms("/revoke") for token in form["token"]]


# The way


async def test_the_page_is_left_with_a_challenge_and_comes_back_to_where_the_user_was(tab: Tab) -> None:
    """The page is left with a code challenge, a state and a nonce, and the user is back at the link they were at."""
    await tab.left(login_hint="ada", max_age=60)
    asked = tab.page.asked
    assert tab.page.left_for[0].startswith(f"{ISSUER}/auth?")
    assert {name: asked[name] for name in ("response_type", "client_id", "redirect_uri", "scope")} == {
        "response_type": "code",
        "client_id": "page",
        "redirect_uri": PAGE,
        "scope": "openid offline_access",
    }
    assert (asked["code_challenge_method"], asked["login_hint"], asked["max_age"]) == ("S256", "ada", "60")
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    tab.provider.claims = {"auth_time": tab.provider.now}
    api = tab.opened(tab.provider.signed_in(tab.page))
    assert await api.resume() is True
    assert tab.page.href == DEEP
    (form,) = tab.provider.forms()
    assert (form["grant_type"], form["redirect_uri"], form["client_id"]) == (["authorization_code"], [PAGE], ["page"])
    assert len(form["code_verifier"][0]) == 43
    assert tab.page.pending.read() is None, "nothing stays behind"
    assert (await api.fetch(f"{API}notes")).status == 200
    assert api.identity["sub"] == "ada"
    request = next(r for r in tab.provider.requests if r.url.endswith("/token"))
    assert request.options["credentials"] == "omit"
    paths = [request.url.rpartition("/")[2] for request in tab.provider.requests]
    assert paths == [*["openid-configuration"] * 2, "jwks", "token", "notes"], "the code goes last"


async def test_a_sign_in_that_leaves_the_page_takes_no_turn(provider: Provider) -> None:
    """Leaving the page holds no turn: other pages go on refreshing meanwhile."""
    pages = Pages()
    tab = Tab(provider, pages=pages)
    await tab.left()
    assert pages.holders == []


async def test_requests_wait_while_the_code_is_exchanged(tab: Tab) -> None:
    """Requests made while the user arrives wait for the session, and go out in it."""
    api = await tab.back()
    resuming = asyncio.create_task(api.resume())
    await asyncio.sleep(0)
    assert api.state is State.RESUMING
    assert (await api.fetch(f"{API}notes")).status == 200
    assert await resuming is True


async def test_a_session_from_a_callback_is_every_tabs(provider: Provider) -> None:
    """A session that a callback began is shared with the other tabs, and replaces the one that they had."""
    tab = Tab(provider, pages=Pages())
    first = await tab.signed_in()
    again = await tab.back()
    assert await again.resume() is True
    await settle()
    assert (await first.fetch(f"{API}notes")).status == 200, "with the new token"
    assert first.identity["sub"] == "ada"
    await first.sign_out()
    await settle()
    assert again.state is State.SIGNED_OUT


async def test_a_storm_is_one_refresh_and_the_token_rotates(tab: Tab) -> None:
    api = await tab.signed_in()
    tab.clock.advance(300)
    responses = await asyncio.gather(*(api.fetch(f"{API}notes") for _ in range(8)))
    assert {response.status for response in responses} == {200}
    assert [form["grant_type"] for form in tab.provider.forms()] == [["authorization_code"], ["refresh_token"]]
    await api.renew()
    presented = [form.get("refresh_token") for form in tab.provider.forms()]
    assert presented == [None, ["refresh-1"], ["refresh-2"]]
    assert api.identity["sub"] == "ada", "the identity is that of the sign-in"


async def test_a_kept_session_is_there_after_a_reload_with_its_identity(tab: Tab) -> None:
    await tab.left()
    api = tab.opened(tab.provider.signed_in(tab.page), store=tab.store)
    assert await api.resume() is True
    api = tab.opened(PAGE, store=tab.store)
    assert await api.resume() is True
    assert api.identity["sub"] == "ada"
    assert len(tab.provider.forms()) == 1


async def test_without_a_refresh_token_nothing_is_asked(tab: Tab) -> None:
    tab.provider.answer = {"refresh_token": None}
    api = await tab.signed_in()
    assert refused(await outcome(api.renew())) == "invalid_grant"
    await api.sign_out()
    (form,) = tab.provider.forms("/revoke")
    assert (form["token"], form["token_type_hint"]) == (["access-1"], ["access_token"])
    assert len(tab.provider.forms()) == 1


# What is refused


async def test_an_answer_counts_once(tab: Tab) -> None:
    """A callback opened a second time is refused, cleaned away, and leaves the session that is on as it was."""
    api = await tab.signed_in()
    again = f"{PAGE}?{urlencode({'code': 'code-1', 'state': tab.page.asked['state'] if tab.page.left_for else 'x'})}"
    tab.page.href = again
    assert refused(await outcome(api.resume())) == "unexpected_answer"
    assert tab.page.href == PAGE
    assert await api.resume() is True
    assert (await api.fetch(f"{API}notes")).status == 200
    assert len(tab.provider.forms()) == 1


async def test_a_callback_replayed_in_a_page_anew_is_refused(tab: Tab) -> None:
    api = await tab.back()
    callback = tab.page.href
    assert await api.resume() is True
    api = tab.opened(callback)
    assert refused(await outcome(api.resume())) == "unexpected_answer"
    assert await api.resume() is False
    assert len(tab.provider.forms()) == 1


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"iss": "https://evil.test"}, "wrong_issuer"),
        ({"error": "access_denied", "error_description": "no"}, "access_denied"),
        ({"error": "access_denied", "iss": "https://evil.test"}, "wrong_issuer"),
        ({"error": "Bearer s3cr3t"}, "invalid_request"),
        ({"state": "another"}, "unexpected_answer"),
    ],
    ids=repr,
)
async def test_what_is_refused_sends_no_code(tab: Tab, more: dict[str, str], error: str) -> None:
    """An answer with an error, from another server (mix-up) or for another page is refused before anything is sent."""
    api = await tab.back(**more)
    assert refused(await outcome(api.resume())) == error
    assert "state" not in tab.page.href
    assert tab.provider.forms() == []
    assert await api.resume() is False


async def test_a_server_that_names_itself_must(tab: Tab) -> None:
    """Where the server says that its answers name it (RFC 9207), one that does not is refused."""
    await tab.left()
    api = tab.opened(tab.provider.signed_in(tab.page).replace(f"&{urlencode({'iss': ISSUER})}", ""))
    assert refused(await outcome(api.resume())) == "wrong_issuer"
    tab.provider.metadata = {"authorization_response_iss_parameter_supported": False}
    api = tab.opened(PAGE)
    await tab.left()
    api = tab.opened(tab.provider.signed_in(tab.page).replace(f"&{urlencode({'iss': ISSUER})}", ""))
    assert await api.resume() is True


async def test_the_server_that_was_asked_is_the_one_that_gets_the_code(tab: Tab) -> None:
    """An app that has changed its server meanwhile sends it no code of the old one's."""
    api = await tab.back()
    tab.page.pending.write((tab.page.pending.read() or "").replace(ISSUER, "https://old.test"))
    assert refused(await outcome(api.resume())) == "wrong_issuer"
    assert tab.provider.forms() == []


async def test_what_stands_twice_in_an_answer_does_not_count(tab: Tab) -> None:
    await tab.left()
    api = tab.opened(tab.provider.signed_in(tab.page) + "&code=mine")
    assert refused(await outcome(api.resume())) == "unexpected_answer"
    assert tab.page.href == DEEP
    api = tab.opened(PAGE)
    await tab.left()
    api = tab.opened(tab.provider.signed_in(tab.page) + "&state=mine")
    assert refused(await outcome(api.resume())) == "unexpected_answer"
    assert tab.page.href == PAGE
    assert tab.provider.forms() == []


async def test_a_sign_in_that_took_longer_than_a_day_is_not_waited_for(tab: Tab) -> None:
    api = await tab.back()
    tab.clock.advance(86_400)
    assert refused(await outcome(api.resume())) == "unexpected_answer"


async def test_another_clients_answer_is_left_to_it(tab: Tab) -> None:
    """Two clients in one page, each with its own server, do not take each other's callback."""
    api = await tab.back()
    callback = tab.page.href
    other = tab.opened(callback, name="other")
    assert await other.resume() is False
    assert tab.page.href == callback
    assert tab.provider.forms() == []
    api = tab.opened(callback)
    assert await api.resume() is True


async def test_another_page_of_the_app_does_not_take_the_callback(provider: Provider) -> None:
    """Only at its redirect_uri is a URL taken for a callback."""
    tab = Tab(provider, redirect_uri="https://app.test/callback?kept=1")
    api = await tab.back()
    callback = tab.page.href
    api = tab.opened(f"{PAGE}?code=a&state=b")
    assert await api.resume() is False
    assert tab.page.href == f"{PAGE}?code=a&state=b", "it is the app's own"
    api = tab.opened(callback)
    assert await api.resume() is True
    assert provider.forms()[0]["redirect_uri"] == ["https://app.test/callback?kept=1"]


@pytest.mark.parametrize("link", ["https://evil.test/", "javascript:alert(1)", ""])
async def test_a_deep_link_to_another_origin_is_not_followed(tab: Tab, link: str) -> None:
    """What a script wrote into the store leads nowhere."""
    await tab.left()
    kept = tab.page.pending.read()
    assert kept is not None
    tab.page.pending.write(kept.replace(DEEP, link))
    api = tab.opened(tab.provider.signed_in(tab.page))
    assert await api.resume() is True
    assert tab.page.href == PAGE


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"iss": "https://evil.test"},
        {"aud": "another"},
        {"exp": 1},
    ],
    ids=repr,
)
async def test_an_id_token_that_is_not_believed_begins_no_session(tab: Tab, claims: dict[str, Any]) -> None:
    """No session begins with an ID token of another sign-in, issuer or client, or one that has expired."""
    tab.provider.claims = claims
    api = await tab.back()
    assert refused(await outcome(api.resume())) == "invalid_id_token"
    assert api.state is State.SIGNED_OUT
    assert await api.resume() is False


async def test_a_sign_in_longer_ago_than_was_asked_for_is_refused(tab: Tab) -> None:
    """`sign_in(max_age=…)` is held: the ID token must say that the user signed in since."""
    for auth_time in (None, tab.provider.now - 10_000):
        tab.provider.claims = {"auth_time": auth_time}
        tab.opened(PAGE)
        await tab.left(max_age=60)
        api = tab.opened(tab.provider.signed_in(tab.page))
        assert refused(await outcome(api.resume())) == "invalid_id_token"


async def test_an_id_token_signed_by_another_is_not_believed(tab: Tab) -> None:
    tab.provider.answer = {"id_token": None}
    api = await tab.back()
    assert refused(await outcome(api.resume())) == "invalid_id_token"
    tab.provider.answer = {"id_token": compact({"alg": "none"}, {"sub": "ada"})}
    api = await tab.back()
    assert refused(await outcome(api.resume())) == "invalid_id_token"


async def test_a_key_that_is_new_is_fetched_once(tab: Tab) -> None:
    """A key that the known set lacks may be new: the set is asked for afresh, once."""
    await tab.left()
    api = tab.opened(tab.provider.signed_in(tab.page))
    tab.provider.kid = "2"
    assert refused(await outcome(api.resume())) == "invalid_id_token"
    sets = [r for r in tab.provider.requests if r.url == f"{ISSUER}/jwks"]
    assert [r.options["cache"] for r in sets] == ["default", "reload"]


async def test_es256_is_verified_as_well(tab: Tab) -> None:
    tab.provider.algorithm, tab.provider.keys = "ES256", [jwk("RS256"), jwk("ES256")]
    assert (await tab.signed_in()).identity["sub"] == "ada"


# When something breaks


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
@pytest.mark.parametrize("failure", [OSError("offline"), Response(503)], ids=["offline", "503"])
async def test_what_could_not_be_exchanged_is_tried_again(tab: Tab, path: str, failure: OSError | Response) -> None:
    """Offline on the way back: resume() raises RefreshUnavailable, and the next one, or a request, goes on."""
    api = await tab.back()
    tab.provider.broken = {path: failure}
    assert isinstance(await outcome(api.resume()), RefreshUnavailable)
    assert tab.page.href == DEEP, "cleaned all the same"
    assert api.state is State.SIGNED_OUT
    assert (await api.fetch(f"{API}notes")).status == 200
    assert await api.resume() is True


async def test_a_code_whose_answer_was_lost_is_refused_the_next_time(tab: Tab) -> None:
    """A code that the server has seen in vain can't be exchanged again: the user signs in again."""
    api = await tab.back()
    tab.provider.challenges.clear()
    tab.provider.broken = {"/token": OSError("lost")}
    assert isinstance(await outcome(api.resume()), RefreshUnavailable)
    assert refused(await outcome(api.resume())) == "invalid_grant"
    assert await api.resume() is False


async def test_a_refusal_that_a_request_met_is_told_by_the_next_resume(tab: Tab) -> None:
    api = await tab.back()
    tab.provider.challenges.clear()
    tab.provider.broken = {"/token": OSError("lost")}
    assert isinstance(await outcome(api.resume()), RefreshUnavailable)
    assert isinstance(await outcome(api.fetch(f"{API}notes")), SessionEnded)
    assert refused(await outcome(api.resume())) == "invalid_grant"


async def test_new_keys_that_do_not_come_cost_no_code(tab: Tab) -> None:
    """The tokens that a code has brought are kept until the ID token could be verified."""
    api = await kept_for_later(tab)
    tab.provider.keys.append(jwk("RS256", "2"))
    assert await api.resume() is True
    assert len(tab.provider.forms()) == 1


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (said({"error": "invalid_grant", "error_description": "old"}, 400), GrantRefused, "old"),
        (said({"error": "strange", "error_description": 7}, 400), GrantRefused, None),
        (Response(400), GrantRefused, None),
        (said({"error": "invalid_client"}, 401), GrantRefused, None),
        (said({"token_type": "Bearer"}), MalformedToken, None),
    ],
    ids=["invalid_grant", "strange", "empty 400", "401", "no token"],
)
async def test_a_code_that_is_spent_is_not_sent_again(
    tab: Tab, answer: Response, error: type[Exception], words: str | None
) -> None:
    api = await tab.back()
    tab.provider.broken = {"/token": answer}
    raised = await outcome(api.resume())
    assert isinstance(raised, error)
    assert getattr(raised, "description", None) == words
    assert await api.resume() is False
    assert len(tab.provider.forms()) == 1


SPENT = {
    "403 invalid_code (glewlwyd)": said({"error": "invalid_code"}, 403),
    "403 invalid_grant": said({"error": "invalid_grant"}, 403),
    "409 code_used": said({"error_code": "code_used"}, 409),
    "401": Response(401),
    "400 empty": Response(400),
    "400 JSON": said({"message": "no"}, 400),
    "410 empty": Response(410),
    "422 JSON": said({"detail": []}, 422),
    "200 bad_verification_code (GitHub)": said({"error": "bad_verification_code"}),
}


@pytest.mark.parametrize("answer", SPENT.values(), ids=SPENT)
@pytest.mark.parametrize("settings", [{}, {"refused": {418}}], ids=["", "with refused={418}"])
async def test_a_refused_code_is_spent_whatever_the_status(
    provider: Provider, answer: Response, settings: dict[str, Any]
) -> None:
    """F14: A refused authorization code is spent, whatever the status: `resume()` does not fail again and again.

    Seen in: babelouest/glewlwyd (run, 2.7.5)
    """
    tab = Tab(provider, **settings)
    api = await tab.back()
    provider.broken = {"/token": answer}
    assert isinstance(await outcome(api.resume()), GrantRefused)
    for _ in range(2):
        assert await api.resume() is False
    assert len(provider.forms()) == 1
    assert await (await tab.back()).resume() is True, "and the next sign-in is as any other"


KEPT = {
    "400 HTML": Response(400, {"Content-Type": "text/html"}, b"<html>proxy"),
    "403 HTML": Response(403, {"Content-Type": "text/html"}, b"<html>proxy"),
    "403 Forbidden (a gateway)": said({"message": "Forbidden"}, 403),
    "403 empty": Response(403),
    "400 temporarily_unavailable": said({"error": "temporarily_unavailable"}, 400),
    "404 JSON": said({"error": "not_found"}, 404),
    "429 JSON": said({"error": "too_many_requests"}, 429),
    "503 invalid_grant": said({"error": "invalid_grant"}, 503),
}


@pytest.mark.parametrize("answer", KEPT.values(), ids=KEPT)
async def test_a_code_that_only_a_proxy_has_answered_is_kept_for_the_next_resume(tab: Tab, answer: Response) -> None:
    """F14: nobody who matters has seen it."""
    api = await tab.back()
    tab.provider.broken = {"/token": answer}
    assert isinstance(await outcome(api.resume()), RefreshUnavailable)
    assert await api.resume() is True
    assert len(tab.provider.forms()) == 2


async def test_an_authorization_servers_refusals_may_be_set(provider: Provider) -> None:
    """F14, F13: statuses refuse a code besides those of the rule; a function overrules both ways."""
    tab = Tab(provider, refused={403})
    api = await tab.back()
    provider.broken = {"/token": Response(403, {}, b"<html>")}
    assert isinstance(await outcome(api.resume()), GrantRefused)
    api = await tab.back()
    assert await api.resume() is True
    provider.broken = {"/token": said({"error": "invalid_grant"}, 400)}
    assert isinstance(await outcome(api.renew()), RefreshUnavailable), "not among the statuses"
    tab = Tab(provider, refused=lambda status, headers, body: status == 503)
    api = await tab.back()
    provider.broken = {"/token": said({"error": "invalid_grant"}, 400)}
    assert isinstance(await outcome(api.resume()), RefreshUnavailable)
    provider.broken = {"/token": Response(503)}
    assert isinstance(await outcome(api.resume()), GrantRefused)
    assert await api.resume() is False


async def test_a_sign_out_forgets_the_answer(tab: Tab) -> None:
    """A sign-out while the user arrives is the last word."""
    api = await tab.back()
    tab.provider.broken = {"/token": OSError("offline")}
    assert isinstance(await outcome(api.resume()), RefreshUnavailable)
    await api.sign_out()
    assert await api.resume() is False
    assert len(tab.provider.forms()) == 1


async def test_who_comes_back_by_the_back_button_hears_it(tab: Tab) -> None:
    """A page that the browser brings back as it was ends its sign-in: nothing came of it."""
    tab.page.brought_back = True
    assert refused(await outcome(tab.api.sign_in())) == "access_denied"


async def test_a_page_that_is_not_left_times_out(tab: Tab) -> None:
    assert isinstance(await outcome(tab.api.sign_in()), TimeoutError)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"issuer": "https://evil.test"}, "another issuer"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"token_endpoint": "http://id.test/token"}, "https"),
        ({"jwks_uri": None}, "jwks_uri"),
    ],
    ids=repr,
)
async def test_metadata_that_can_not_be_used_keep_the_page(tab: Tab, metadata: dict[str, Any], words: str) -> None:
    tab.provider.metadata = metadata
    error = await outcome(tab.api.sign_in())
    assert isinstance(error, RefreshUnavailable)
    assert words in str(error)
    assert tab.page.left_for == []


async def test_metadata_are_looked_for_in_both_places(provider: Provider) -> None:
    """What the server says about itself is found where OpenID Connect puts it, or else where RFC 8414 does."""
    provider.broken = {"/.well-known/openid-configuration": Response(404)}
    tab = Tab(provider)
    await tab.left()
    assert [request.url.rpartition("/")[2] for request in provider.requests] == [
        "openid-configuration",
        "oauth-authorization-server",
    ]


async def test_a_store_that_is_forbidden_keeps_the_page(tab: Tab) -> None:
    shelf = Shelf()
    shelf.forbidden = True
    tab.page.pending = shelf
    assert isinstance(await outcome(tab.api.sign_in()), OSError)
    assert tab.page.left_for == []
    tab.page.href = f"{PAGE}?code=a&state=b"
    assert refused(await outcome(tab.api.resume())) == "unexpected_answer"


# Signing out


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


# Settings

METADATA = {"authorization_endpoint": "https://id.test/auth?tenant=7", "token_endpoint": "https://id.test/token"}


async def test_without_openid_there_is_no_id_token(provider: Provider) -> None:
    """Plain OAuth 2.0, its endpoints given by hand: neither nonce nor ID token, and no discovery."""
    own = {**METADATA, "revocation_endpoint": None}
    tab = Tab(provider, metadata=own, scope="notes", resource=["https://api.test/a", "https://api.test/b"])
    api = await tab.signed_in()
    assert api.identity == {}
    assert [request.url for request in provider.requests] == [f"{ISSUER}/token"]
    assert provider.forms()[0]["resource"] == ["https://api.test/a"]
    await api.renew()
    assert provider.forms()[1]["resource"] == ["https://api.test/a"]
    await api.sign_out()
    assert len(provider.requests) == 2


@pytest.mark.parametrize("named", [True, False])
async def test_metadata_given_by_hand_need_no_discovery(provider: Provider, named: bool) -> None:
    """OpenID Connect without discovery: the issuer is the first argument, or stands in the metadata."""
    described = provider.described()
    if not named:
        del described["issuer"]
    tab = Tab(provider, issuer=None if named else ISSUER, metadata=described)
    api = await tab.signed_in()
    assert api.identity["sub"] == "ada"
    assert not any("well-known" in request.url for request in provider.requests)


async def test_the_settings_are_sent(provider: Provider) -> None:
    tab = Tab(
        provider,
        metadata=METADATA,
        scope="notes",
        resource="https://api.test/a",
        parameters={"prompt": "consent", "audience": "a"},
        fields={"audience": "a"},
        headers={"X-Page": "1"},
    )
    await tab.left(prompt="login")
    assert tab.page.left_for[0].startswith("https://id.test/auth?tenant=7&response_type=code")
    asked = tab.page.asked
    assert (asked["prompt"], asked["audience"], asked["resource"]) == ("login", "a", "https://api.test/a")
    assert "nonce" not in asked
    assert await tab.opened(provider.signed_in(tab.page)).resume() is True
    assert provider.forms()[0]["audience"] == ["a"]
    assert provider.requests[0].headers["X-Page"] == "1"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": 7}, "client_id"),
        ({"issuer": None}, "issuer"),
        ({"issuer": None, "metadata": {"authorization_endpoint": "https://id.test/"}}, "token_endpoint"),
        ({"scope": ["openid"]}, "scope"),
        ({"redirect_uri": "/callback#here"}, "redirect_uri"),
        ({"redirect_uri": 7}, "redirect_uri"),
        ({"post_logout_redirect_uri": "/bye"}, "end_session"),
        ({"parameters": {"state": "mine"}}, "parameters can't set state"),
        ({"parameters": {"prompt": ["a"]}}, "prompt"),
        ({"parameters": {"max_age": "soon"}}, "max_age"),
        ({"credentials": "yes"}, "credentials"),
        ({"encoding": "json"}, "encoding"),
        ({"names": {"token": "t"}}, "names"),
    ],
    ids=repr,
)
def test_settings_that_can_not_work_are_refused_by_name(settings: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        Endpoint.oauth2(**{"issuer": ISSUER, "client_id": "page", **settings})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"issuer": "http://id.test"}, "the issuer must be an https URL"),
        ({"issuer": "nowhere"}, "the issuer is no URL"),
        ({"issuer": None, "metadata": {**METADATA, "issuer": ISSUER}}, "jwks_uri"),
        ({"metadata": {"jwks_uri": None}}, "jwks_uri"),
        ({"metadata": {"issuer": "https://other.test"}}, "another issuer"),
        ({"metadata": {"revocation_endpoint": "http://id.test/"}}, "revocation_endpoint must be an https URL"),
        ({"redirect_uri": "https://other.test/"}, "redirect_uri must be a page of this origin"),
        ({"issuer": None, "metadata": {**METADATA, "token_endpoint": "http://id.test/"}, "scope": "a"}, "https"),
        ({"issuer": None, "metadata": {**METADATA, "token_endpoint": "https://a.test/#b"}, "scope": "a"}, "fragment"),
    ],
    ids=repr,
)
def test_urls_that_can_not_be_used_are_refused_by_name(settings: dict[str, Any], words: str) -> None:
    endpoint = Endpoint.oauth2(**{"issuer": ISSUER, "client_id": "page", **settings})
    with pytest.raises(ValueError, match=words):
        Interceptor(Provider(), audience=API, endpoint=endpoint, page=FakePage())


@pytest.mark.parametrize(
    "fields", [{"state": "mine"}, {"prompt": None}, {"prompt": True}, {"max_age": "soon"}], ids=repr
)
async def test_fields_that_can_not_be_sent_are_refused(tab: Tab, fields: dict[str, Any]) -> None:
    assert isinstance(await outcome(tab.api.sign_in(**fields)), (TypeError, ValueError))
    assert tab.page.left_for == []


async def test_a_worker_can_not_sign_in_and_says_where(provider: Provider) -> None:
    """Where there is no page to leave, sign_in() says so; what the page is granted is used there, and renewed."""
    worker = Interceptor(provider, audience=API, endpoint=Endpoint.oauth2(ISSUER, client_id="page", end_session=True))
    error = await outcome(worker.sign_in())
    assert isinstance(error, ReissueError)
    assert "page" in str(error)
    assert await worker.resume() is False
    provider.granted = 1
    await worker.adopt("access-1", refresh_token="refresh-1", expires_in=300)
    await worker.renew()
    assert (await worker.fetch(f"{API}notes")).status == 200
    await worker.sign_out()


async def test_fields_can_not_be_exchanged_for_tokens(provider: Provider) -> None:
    endpoint = Endpoint.oauth2(ISSUER, client_id="page")
    source = endpoint._bind(provider, parse_url, clock=Clock(), page=FakePage())
    assert isinstance(await outcome(source.sign_in({"username": "ada"})), TypeError)
    assert provider.requests == []


async def test_two_apps_at_one_server_are_two_sessions() -> None:
    first, second = (Endpoint.oauth2(ISSUER, client_id=name) for name in ("a", "b"))
    assert first.refresh_url != second.refresh_url
    assert first.refresh_url == f"{ISSUER}?client_id=a"


async def test_no_secret_is_told(tab: Tab) -> None:
    """No code, verifier, state or token stands in an event, an error or a repr, nor in the URL after resume()."""
    api = await tab.back()
    kept = json.loads(tab.page.pending.read() or "")
    ((state, pending),) = kept.items()
    secrets = [state, pending["verifier"], pending["nonce"], "code-1", "access-1", "refresh-1"]
    tab.provider.broken = {"/token": said({"error": "code-1", "error_description": "code-1"}, 400)}
    error = await outcome(api.resume())
    seen = [repr(tab.events), repr(error), str(error), tab.page.href]
    api = await tab.signed_in()
    seen += [repr(tab.events), tab.page.href, repr(api), repr(tab.provider.requests)]
    assert [secret for secret in secrets if any(secret in text for text in seen)] == []


def test_the_page_is_memory_in_tests() -> None:
    assert isinstance(FakePage().pending, Memory)


async def test_a_client_of_another_api_asks_for_that_one_alone() -> None:
    """RFC 8707 section 2.2: and its refresh token is the session's next."""
    provider = Provider()
    tab = Tab(provider, metadata=METADATA, scope="notes", resource=["https://api.test/a", "https://api.test/b"])
    api = await tab.signed_in()
    files = api.for_resource("https://api.test/b", resource="https://api.test/b", scope="read")
    await outcome(files.fetch("https://api.test/b/1"))
    await api.renew()
    exchanged, renewed = provider.forms()[1:]
    assert (exchanged["resource"], exchanged["scope"]) == (["https://api.test/b"], ["read"])
    assert (exchanged["refresh_token"], exchanged["grant_type"]) == (["refresh-1"], ["refresh_token"])
    assert (renewed["resource"], renewed["refresh_token"]) == (["https://api.test/a"], ["refresh-2"])


# What the server says about itself, and what the app says


FULL = {
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
}


def discoveries(provider: Provider) -> int:
    return sum("well-known" in request.url for request in provider.requests)


async def test_metadata_given_with_an_issuer_win_over_what_is_discovered_and_leave_the_rest(provider: Provider) -> None:
    """F16: `metadata=` merges over discovery, and a sign-out that nobody could be told of is an event and a warning.

    Seen in: ours
    """
    provider.metadata = {"revocation_endpoint": None, "token_endpoint": "https://elsewhere.test/token"}
    own = {"revocation_endpoint": f"{ISSUER}/revoke", "token_endpoint": f"{ISSUER}/token"}
    tab = Tab(provider, issuer=ISSUER, metadata=own)
    api = await tab.signed_in()
    assert api.identity["sub"] == "ada"
    await api.sign_out()
    assert len(provider.forms("/revoke")) == 1
    assert SignOutPhase.CONFIRMED in [event.phase for event in tab.events]


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


async def test_what_the_app_has_not_named_is_discovered_when_it_is_needed_and_not_before(provider: Provider) -> None:
    """F16: An app that names all that a sign-in needs makes no request for more until it signs out."""
    tab = Tab(provider, issuer=ISSUER, metadata=FULL)
    api = await tab.signed_in()
    await api.renew()
    assert discoveries(provider) == 0
    await api.sign_out()
    assert len(provider.forms("/revoke")) == 1
    assert discoveries(provider) == 1
    await api.adopt("access-1", refresh_token="refresh-1", expires_in=300)
    await api.sign_out()
    assert (len(provider.forms("/revoke")), discoveries(provider)) == (2, 1)


@pytest.mark.parametrize("own", [f"{ISSUER}/revoke", None])
async def test_an_app_that_names_a_revocation_endpoint_or_none_has_nothing_discovered(
    provider: Provider, own: str | None
) -> None:
    """F16"""
    tab = Tab(provider, issuer=ISSUER, metadata={**FULL, "revocation_endpoint": own})
    api = await tab.signed_in()
    await api.sign_out()
    assert (len(provider.forms("/revoke")), discoveries(provider)) == (bool(own), 0)


@pytest.mark.parametrize(
    "described",
    [Response(404), Response(403), said({"issuer": "https://evil.test"}), said({}), Response(200, {}, b"<html>")],
    ids=["404", "403", "another's", "nothing", "HTML"],
)
async def test_a_server_that_does_not_describe_itself_is_used_as_the_app_has_it(
    provider: Provider, described: Response
) -> None:
    """F16: discovery that fails breaks nothing that the app's own metadata suffice for."""
    places = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
    provider.broken = dict.fromkeys(places, described)
    tab = Tab(provider, issuer=ISSUER, metadata=FULL)
    api = await tab.signed_in()
    with pytest.warns(UserWarning, match="revocation_endpoint"):
        await api.sign_out()
    asked = discoveries(provider)
    await api.adopt("access-1", refresh_token="refresh-1", expires_in=300)
    await api.sign_out()
    assert discoveries(provider) == asked, "once"
    assert [event.phase for event in tab.events if isinstance(event, SignOutEvent)] == [SignOutPhase.NOT_TOLD] * 2


@pytest.mark.parametrize("trouble", [OSError("offline"), Response(503), Response(429)], ids=["offline", "503", "429"])
async def test_where_to_revoke_is_asked_again_if_it_can_not_be_asked_now(
    provider: Provider, trouble: OSError | Response
) -> None:
    """F16, F15"""
    provider.broken = {"/.well-known/openid-configuration": trouble}
    tab = Tab(provider, issuer=ISSUER, metadata=FULL)
    api = await tab.signed_in()
    assert isinstance(await outcome(api.sign_out()), (OSError, RefreshUnavailable))
    assert await api.resume() is False
    assert provider.forms("/revoke")[0]["token"] == ["refresh-1"]


async def test_where_to_sign_out_at_the_provider_is_discovered_too(provider: Provider) -> None:
    """F16"""
    tab = Tab(provider, issuer=ISSUER, metadata=FULL, end_session=True)
    api = await tab.signed_in()
    tab.page.brought_back = True
    await api.sign_out()
    assert tab.page.left_for[-1].startswith(f"{ISSUER}/logout?")


async def test_what_is_discovered_must_be_the_issuers_own_whatever_the_app_names(provider: Provider) -> None:
    """F16: RFC 8414 section 3.3: the app's own `issuer` does not speak for the document."""
    provider.metadata = {"issuer": "https://evil.test"}
    tab = Tab(provider, issuer=ISSUER, metadata={"token_endpoint": f"{ISSUER}/token"})
    error = await outcome(tab.api.sign_in())
    assert isinstance(error, RefreshUnavailable)
    assert "another issuer" in str(error)
    assert tab.page.left_for == []


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
