"""A tab whose page is left to sign in, and comes back as another page."""

import asyncio
from typing import Any

from reissue import (
    Endpoint,
    GrantRefused,
    Interceptor,
    RefreshUnavailable,
    Response,
)
from reissue.testing import Clock, Gate, settle

from tests.reissue.conftest import outcome
from tests.reissue.origin import Shelf
from tests.reissue.pages import Pages
from tests.reissue.provider import API, ISSUER, PAGE, FakePage, Provider

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


def refused(error: Any) -> str:
    assert isinstance(error, GrantRefused), error
    assert error.advice or error.error not in ("unexpected_answer", "wrong_issuer", "invalid_id_token")
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
