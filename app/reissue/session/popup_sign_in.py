"""Signs a user in in a popup, while the page stays as it is.

Theory of operation:

1. The window is opened before anything is awaited, since browsers allow that in the handler of a click only.
2. While the user signs in, no lock is held: the current session continues, and so do the other tabs.
3. A sign-out and `close()` overtake the sign-in (S1): they close the window. Several sign-ins may be under way; the one
   that ends last begins the session that stays.
4. If the token endpoint does not answer, the next `resume()` tries again with the same code, unless a later sign-in has
   begun a session by then.
"""

from collections.abc import Mapping
from typing import Any

from ..errors import GrantRefused, RefreshUnavailable
from ..oauth2.redirects import Popup, Redirects
from .sign_in import SignIns
from .succession import Succession


class PopupSignIns:
    """The popups of one client that are open."""

    def __init__(self, sessions: Succession, sign_ins: SignIns, redirects: Redirects) -> None:
        self._sessions = sessions
        self._sign_ins = sign_ins
        self._redirects = redirects
        self._open: set[Popup] = set()

    async def by(self, popup: Popup, fields: Mapping[str, Any]) -> None:
        """Begin a session with what the server sends this window back with. Closes the window, whatever happens."""
        sessions, seen = self._sessions, self._sessions.interruptions
        self._open.add(popup)
        try:
            answer = await self._redirects.answer_in_popup(popup, fields, within=sessions.settings.deadline)
        except GrantRefused:
            sessions.check_overtaken(seen)  # that closed the window
            raise
        finally:
            self._open.discard(popup)
            popup.close()
        sessions.check_overtaken(seen)
        try:
            await self._sign_ins.by(answer)
        except (OSError, RefreshUnavailable):
            if seen == sessions.interruptions:
                self._redirects.keep(answer)
            raise

    def close(self) -> None:
        """Close the windows: no session may begin by them."""
        for popup in tuple(self._open):
            popup.close()
