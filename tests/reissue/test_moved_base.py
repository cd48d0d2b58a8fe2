"""Where the endpoint is: resolved once, whatever becomes of the page's base."""

import asyncio
import json
from typing import Any
from urllib.parse import urljoin

import pytest
from reissue import Endpoint, Interceptor, RefreshUnavailable, Request, Response
from reissue.http.urls import Url, parse_url
from reissue.testing import Clock, settle

from tests.reissue.conftest import outcome
from tests.reissue.provider import API, ISSUER, PAGE, FakePage, Provider


class Base:
    """A page whose base may be moved by a `<base href>`."""

    def __init__(self, href: str) -> None:
        self.href = href

    def parse(self, text: str) -> Url:
        return parse_url(urljoin(self.href, text))


async def test_an_endpoint_stays_where_it_was_when_the_page_connected() -> None:
    """X12: A relative endpoint is resolved once: a `<base>` that is inserted later gets neither password nor token.

    Seen in: this library, tried with an inserted `<base href>`
    """
    base, sent = Base("https://app.test/page/"), []

    async def server(request: Request) -> Response:
        sent.append(request.url)
        fields = {"access_token": "a", "refresh_token": "r", "expires_in": 300}
        return Response(200, {}, json.dumps(fields).encode())

    settings: dict[str, Any] = {"clock": Clock(), "parse_url": base.parse}
    api = Interceptor(server, audience="/api/", endpoint=Endpoint("../auth"), **settings)
    for href in ("https://evil.example/", "https://app.test/elsewhere/deep/"):
        base.href = href
        await api.sign_in(username="ada", password="lovelace")
        await api.renew()
        assert (await api.fetch("https://app.test/api/notes")).status == 200
        await api.sign_out()
    here = "https://app.test"
    asked = [f"{here}/auth/login", f"{here}/auth/refresh", f"{here}/api/notes", f"{here}/auth/logout"]
    assert sent == asked * 2


async def test_a_page_is_left_for_and_come_back_to_where_it_was_when_it_connected() -> None:
    """X12: the URLs of an authorization server, and those that it sends users back to."""
    provider = Provider()
    page = FakePage(PAGE)

    def opened(href: str) -> Interceptor:
        nonlocal page
        page = FakePage(href, pending=page.pending)
        base = Base(href)
        api = Interceptor(
            provider,
            audience=API,
            endpoint=Endpoint.oauth2(
                ISSUER, client_id="page", redirect_uri="back", end_session=True, post_logout_redirect_uri="bye"
            ),
            clock=Clock(provider.now),
            parse_url=base.parse,
            page=page,
        )
        base.href = "https://evil.example/"
        return api

    leaving = asyncio.create_task(opened(PAGE).sign_in())
    await settle()
    leaving.cancel()
    assert page.asked["redirect_uri"] == urljoin(PAGE, "back")
    api = opened(provider.signed_in(page))
    assert await api.resume() is True
    page.brought_back = True
    await api.sign_out()
    assert page.asked["post_logout_redirect_uri"] == urljoin(PAGE, "bye")
    assert {request.url.startswith(ISSUER) for request in provider.requests} == {True}


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint"])
async def test_a_relative_url_in_a_servers_metadata_is_refused(name: str) -> None:
    """X12, RFC 8414 section 2: it would be relative to the page, and move with its base."""
    provider, base = Provider(metadata={name: "/elsewhere"}), Base(PAGE)
    settings: dict[str, Any] = {"audience": API, "clock": Clock(provider.now), "parse_url": base.parse}
    api = Interceptor(provider, endpoint=Endpoint.oauth2(ISSUER, client_id="page"), page=FakePage(PAGE), **settings)
    unavailable = await outcome(api.sign_in())
    assert isinstance(unavailable, RefreshUnavailable)
    assert name in str(unavailable)
