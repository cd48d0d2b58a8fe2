"""This page, which the user leaves to sign in elsewhere, and comes back to."""

import asyncio
from typing import Any, Final

import js

from ..errors import ReissueError
from ..oauth2.redirects import Popup
from ..storage import Memory, Store
from ..tokens.jws import ParsedToken
from ..tokens.signatures import Key, Verdict
from . import webcrypto
from .interop import listen
from .popup import PagePopup, hand_over
from .storage import PageStore
from .urls import parse_page_url

NO_WINDOW: Final = (
    "a worker can't open a window to sign in: show reissue.sign_in_widget(api) in a notebook, or sign in in a page of "
    "this origin, whose session the worker shares"
)


class _Browser:
    """What pages and workers have in common."""

    async def sha256(self, data: bytes) -> bytes:
        """The SHA-256 digest of some bytes, by Web Crypto."""
        return await webcrypto.sha256(data)

    async def verify(self, parsed: ParsedToken, key: Key) -> Verdict:
        """Was this token signed with the private half of this key?"""
        return await webcrypto.verified(parsed, key)


class LeftPage(_Browser):
    """This page. `name` is the name of the client, and of all clients that share its session."""

    can_be_left = True

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

    def open_popup(self) -> Popup:
        """Open a window for a sign-in."""
        return PagePopup()

    def hand_over(self, query: str, state: str) -> None:
        """This page is a popup: give the page that waits the answer, and close."""
        hand_over(query, state)


class WorkerPage(_Browser):
    """A worker, in place of a page: it can't be left, and opens no window, but a page can do that for it."""

    can_be_left = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.pending: Store = Memory()

    @property
    def href(self) -> str:
        """The base of the worker's URLs."""
        return parse_page_url("").href

    def show(self, href: str) -> None:
        """Do nothing: no one sees a worker's URL."""

    async def leave(self, url: str) -> None:
        """Raise ReissueError: the user is in a page."""
        raise ReissueError(NO_WINDOW)

    def open_popup(self) -> Popup:
        """Raise ReissueError: a page must do it."""
        raise ReissueError(NO_WINDOW)

    def hand_over(self, query: str, state: str) -> None:
        """Do nothing: no answer comes to a worker's URL."""
