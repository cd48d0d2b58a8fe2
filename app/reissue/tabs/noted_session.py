"""A session in memory, and a note without a token of how to refresh it by the browser's cookie.

The next page that opens at the same path may send that refresh before its Python runs (see browser/early_refresh.js).
The note is there while a tab holds a session that the cookie alone can refresh. Each tab that holds the session removes
the note when the session ends.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from ..http.json_text import parse_json
from ..storage import Memory, Store

MOST_PATHS: Final = 16
"""An app may show each of a thousand items at a path of its own."""


class NotedSession(Memory):
    """A `Memory` that leaves a note in `notes`, for the page's path.

    `request` is the refresh, as `early_refresh.text_of` writes it, and `within` the seconds that it may take.
    """

    def __init__(self, notes: Store, request: str, *, within: float, path: Callable[[], str]) -> None:
        super().__init__()
        self._notes = notes
        self._note = {"request": request, "within": within}
        self._path = path

    def write(self, text: str | None) -> None:
        """As `Memory.write`. The text is a session, as `protocol.written` writes it."""
        super().write(text)
        by_cookie = text is not None and json.loads(text)["refresh_token"] is None
        with suppress(OSError):  # storage is full or forbidden: then no refresh is early
            self._notes.write(json.dumps(self._with_note(self._notes.read())) if by_cookie else None)

    def _with_note(self, noted: str | None) -> dict[str, Any]:
        try:
            notes = dict(parse_json(noted))
        except (ValueError, TypeError):  # none yet, or none of this library's
            notes = {}
        notes.pop(self._path(), None)
        return dict([*notes.items(), (self._path(), self._note)][-MOST_PATHS:])
