"""The tab of the token: what is in it, what deserves a look, and whether its signature holds.

It shows the session's token, and follows it as it is renewed, until the user brings another one. Nothing is shown, and
no key is fetched, before the tab is visible.
"""

from collections.abc import Mapping
from typing import Any

import js

from ...events import Event, RefreshEvent, SessionEvent
from ...interceptor import Interceptor
from ...tokens.jws import Kind, ParsedToken, parse_token
from ..dom import Scope, element
from .another_token import AnotherToken
from .comparison import Comparison
from .inspection import Inspection


class TokenView:
    """Shows the client's token in `root`."""

    def __init__(self, root: Any, api: Interceptor, words: Mapping[str, str]) -> None:
        self._root, self._api, self._words = root, api, words
        self._pasted: str | None = None  # None while the session's token is shown
        self._shown = ParsedToken(Kind.EMPTY), False  # the token, and whether it is in a cookie
        self._is_stale = True  # another token may have to be shown
        self._scope = Scope()
        self._inspection = Inspection(api, words)
        self._another = AnotherToken(words, verification=self._inspection.verification, chosen=self._show)
        self._inspection.verification.root.firstElementChild.after(self._another.tries)  # beside the verdict
        self._comparison = Comparison(words)
        self._title = element("h3")
        self._back = self._scope.button(words["token.back"], self._another.clear)
        root.append(
            element(
                "div",
                element("header", self._title, self._back, class_="token-title"),
                self._inspection.root,
                self._another.root,
                self._comparison.root,
                class_="token",
            )
        )
        for part in (self._inspection, self._another):
            self._scope.at_end(part.close)
        self._scope.at_end(api.on(self._heard))
        self._scope.observe(js.ResizeObserver.new(self._scope.proxy(lambda *_: self._update())), root)
        timer = js.setInterval(self._scope.proxy(self._tick), 1000)
        self._scope.at_end(lambda: js.clearInterval(timer))

    def close(self) -> None:
        """Take everything back; the root is the caller's."""
        self._scope.close()
        self._root.replaceChildren()

    def _heard(self, event: Event) -> None:
        if isinstance(event, (RefreshEvent, SessionEvent)):
            self._is_stale = True
            if isinstance(event, SessionEvent):
                self._inspection.cover()
            self._update()

    def _show(self, text: str) -> None:
        """Show this token; for an empty text, the session's."""
        self._pasted = text or None
        self._inspection.cover()
        self._is_stale = True
        self._update()

    def _update(self) -> None:
        """Show what is due, if the tab is visible."""
        if not self._is_stale or not self._root.offsetParent:
            return
        self._is_stale = False
        snapshot = self._api._snapshot()
        self._comparison.show(snapshot)
        text = self._pasted if self._pasted is not None else snapshot.token if snapshot else ""
        found = parse_token(text), snapshot is not None and not snapshot.token
        if found != self._shown or not self._title.textContent:
            self._shown = found
            self._render()

    def _render(self) -> None:
        (parsed, in_cookie), is_own = self._shown, self._pasted is None
        missing = "token.cookie" if in_cookie else "token.none"
        title = missing if parsed.kind is Kind.EMPTY else "token.live" if is_own else "token.pasted"
        self._title.textContent = self._words[title]
        self._back.hidden = is_own
        self._another.show(parsed)
        self._inspection.show(parsed, is_own=is_own, original=self._another.original)

    def _tick(self) -> None:
        if not self._root.offsetParent:
            return
        self._inspection.tick()
        if self._pasted is None:
            self._comparison.tick(self._api._snapshot())
