"""Leaving the page to sign in, or out, elsewhere: what the session asks of the endpoint, and that of the page."""

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ..storage import Store

if TYPE_CHECKING:  # most pages are not left, and need not load these
    from ..tokens.jws import ParsedToken
    from ..tokens.signatures import Key, Verdict


class Redirects(Protocol):
    """The part of an endpoint where users sign in at another address, and are sent back."""

    async def leave_to_sign_in(self, fields: Mapping[str, Any]) -> None:
        """Leave the page. Returns only by raising: GrantRefused if the user came back without an answer."""
        ...

    def answer(self) -> Any | None:
        """What the user was sent back with, to be given to `sign_in`; None if there is nothing.

        One that could not be made use of yet is kept for the next time.
        """
        ...

    def forget(self) -> None:
        """Nobody wants the answer any more."""
        ...

    async def leave_to_sign_out(self, credential: Any) -> None:
        """Leave the page, if the endpoint is set so, to end the user's session at the server."""
        ...


class Page(Protocol):
    """The page in the browser's tab, as far as a redirect needs it. `name` tells this client from others in the tab.

    `pending` is this tab's own store, for all its clients.
    """

    name: str
    pending: Store

    @property
    def href(self) -> str:
        """The page's URL."""
        ...

    def show(self, href: str) -> None:
        """Put another URL of this origin in the address bar's and the history's place, without loading anything."""
        ...

    async def leave(self, url: str) -> None:
        """Go to this URL. Returns if the user comes back to this very page (the back-forward cache)."""
        ...

    def sha256(self, data: bytes) -> Awaitable[bytes]:
        """The digest of some bytes. Raises ReissueError if the page can't."""
        ...

    def verify(self, parsed: "ParsedToken", key: "Key") -> "Awaitable[Verdict]":
        """Was this token signed with the private half of this key?"""
        ...
