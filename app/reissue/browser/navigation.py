"""This page, which the user leaves to sign in elsewhere, and comes back to."""

import asyncio
from typing import Any

import js

from ..storage import Store
from ..tokens.jws import ParsedToken
from ..tokens.signatures import Key, Verdict
from . import webcrypto
from .interop import listen
from .storage import PageStore


class LeftPage:
    """This page. `name` is the name of the client, and of all clients that share its session."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pending: Store = PageStore("sessionStorage", "authorization")

    @property
    def href(self) -> str:
        """The page's URL."""
        return str(js.location.href)

    def show(self, href: str) -> None:
        """Replace the URL in the address bar and in the history by this one."""
        js.history.replaceState(None, "", href)

    async def leave(self, url: str) -> None:
        """Go to this URL. Returns only if the browser restores this page as it was (back/forward cache)."""
        back = asyncio.Event()

        def brought_back(event: Any) -> None:
            if event.persisted:  # otherwise this is the page's first `pageshow`, which may come after Python's start
                back.set()

        stop_listening = listen(js.globalThis, "pageshow", brought_back)
        try:
            js.location.assign(url)
            await back.wait()
        finally:
            stop_listening()

    async def sha256(self, data: bytes) -> bytes:
        """The SHA-256 digest of some bytes, by Web Crypto."""
        return await webcrypto.sha256(data)

    async def verify(self, parsed: ParsedToken, key: Key) -> Verdict:
        """Was this token signed with the private half of this key?"""
        return await webcrypto.verified(parsed, key)
