"""There and back: signing in at an authorization server that the page is left for."""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

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
    State,
)
from reissue.http.urls import parse_url
from reissue.storage import Memory
from reissue.testing import Clock, settle
from reissue.tokens.jws import compact

from tests.reissue.conftest import outcome
from tests.reissue.origin import Shelf
from tests.reissue.pages import Pages
from tests.reissue.provider import API, ISSUER, PAGE, FakePage, Provider, jwk, said
from tests.reissue.redirects import DEEP, Tab, kept_for_later, refused

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
