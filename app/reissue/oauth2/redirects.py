"""Leaving the page to sign in or out elsewhere: what the session needs of the endpoint, and that of the page."""

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ..storage import Store

if TYPE_CHECKING:  # most pages are not left, and need not load these
    from ..tokens.jws import ParsedToken
    from ..tokens.signatures import Key, Verdict


class Redirects(Protocol):
    """The part of an endpoint where users sign in at another address, and are sent back."""

    async def leave_to_sign_in(self, fields: Mapping[str, Any]) -> None:
        """Leave the page. Never returns: raises GrantRefused if the user comes back without an answer."""
        ...

    def answer(self) -> Any | None:
        """What the server sent the user back with, for `sign_in`; None if there is nothing.

        An answer that failed for now is kept for the next call.
        """
        ...

    def forget(self) -> None:
        """Drop the answer."""
        ...

    def unused(self) -> Any | None:
        """The tokens that came of the dropped answer, if no session can have them; given once."""
        ...

    async def leave_to_sign_out(self, credential: Any) -> None:
        """Leave the page to end the user's session at the server, if the endpoint has that setting."""
        ...


class Page(Protocol):
    """The page in the browser's tab, as far as a redirect needs it. `name` tells this client from others in the tab.

    `pending` is this tab's own store, which all its clients share.
    """

    name: str
    pending: Store

    @property
    def href(self) -> str:
        """The page's URL."""
        ...

    def show(self, href: str) -> None:
        """Replace the URL in the address bar and the history by another of this origin, without loading anything."""
        ...

    async def leave(self, url: str) -> None:
        """Go to this URL. Returns if the browser restores this page as it was (back/forward cache)."""
        ...

    def sha256(self, data: bytes) -> Awaitable[bytes]:
        """The SHA-256 digest of some bytes. Raises ReissueError if the page has no cryptography."""
        ...

    def verify(self, parsed: "ParsedToken", key: "Key") -> "Awaitable[Verdict]":
        """Was this token signed with the private half of this key?"""
        ...
