"""Signing in or out elsewhere, in this window or a popup: what sessions need of the endpoint, and that of the page."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..storage import Store

if TYPE_CHECKING:  # most pages are not left, and need not load these
    from ..tokens.jws import ParsedToken
    from ..tokens.signatures import Key, Verdict


POPUP: Final = "popup."
"""How the `state` of a sign-in in a popup begins: a page that finds it in its own URL is that popup."""


class Popup(Protocol):
    """A window in which the user signs in, while the page stays as it is."""

    async def answer(self, url: str, state: str) -> str:
        """Show this URL. Returns the query of the URL that the server sends the user back to with this `state`.

        Raises GrantRefused if the user closes the window before that, or `close` does.
        """
        ...

    def close(self) -> None:
        """Close the window."""
        ...


class Redirects(Protocol):
    """The part of an endpoint where users sign in at another address, and are sent back.

    `by_popup`: to a window of its own, by the app's settings.
    """

    by_popup: bool

    async def leave_to_sign_in(self, fields: Mapping[str, Any], check: Callable[[], None]) -> None:
        """Leave the page, unless `check`, called just before, raises an error. Never returns: raises GrantRefused if
        the user comes back without an answer.
        """
        ...

    def open_popup(self) -> Popup | None:
        """Open a window for the sign-in; None if the page is to be left instead. Raises PopupBlocked."""
        ...

    async def answer_in_popup(self, popup: Popup, fields: Mapping[str, Any], *, within: float) -> Any:
        """What the server sent the user back with, for `sign_in`. `within` (seconds) bounds the server's own answers.

        Raises GrantRefused if the window was closed.
        """
        ...

    def answer(self) -> Any | None:
        """What the server sent the user back with, for `sign_in`; None if there is nothing.

        An answer that failed for now is kept for the next call.
        """
        ...

    def keep(self, answer: Any) -> None:
        """This answer, of a popup, failed for now: give it at the next call of `answer`."""
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

    `pending` is this tab's own store, which all its clients share. `can_be_left` is False in a worker.
    """

    name: str
    pending: Store
    can_be_left: bool

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

    def open_popup(self) -> Popup:
        """Open a window for a sign-in. Raises PopupBlocked, and ReissueError in a worker."""
        ...

    def hand_over(self, query: str, state: str) -> None:
        """This page is a popup: give the page that waits for this `state` the answer, and close."""
        ...

    def sha256(self, data: bytes) -> Awaitable[bytes]:
        """The SHA-256 digest of some bytes. Raises ReissueError if the page has no cryptography."""
        ...

    def verify(self, parsed: "ParsedToken", key: "Key") -> "Awaitable[Verdict]":
        """Was this token signed with the private half of this key?"""
        ...
