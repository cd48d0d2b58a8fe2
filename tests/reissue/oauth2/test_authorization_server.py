"""What an authorization server says about itself, and what the app says of it."""

from typing import Any

import pytest
from reissue import (
    Endpoint,
    Interceptor,
    RefreshUnavailable,
    Response,
    SignOutEvent,
    SignOutPhase,
)

from tests.reissue.conftest import outcome
from tests.reissue.provider import API, ISSUER, FakePage, Provider, said
from tests.reissue.redirects import Tab

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


async def test_two_apps_at_one_server_are_two_sessions() -> None:
    first, second = (Endpoint.oauth2(ISSUER, client_id=name) for name in ("a", "b"))
    assert first.refresh_url != second.refresh_url
    assert first.refresh_url == f"{ISSUER}?client_id=a"


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
