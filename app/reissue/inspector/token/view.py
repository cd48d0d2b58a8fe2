"""The tab of the token: what is in it, what deserves a look, and whether its signature holds.

It shows the session's token, and follows it as it is renewed, until the user brings another one. Nothing is shown, and
no key is fetched, before the tab is visible.
"""

import time
from collections.abc import Mapping
from typing import Any

import js

from ...events import Event, RefreshEvent, SessionEvent
from ...interceptor import Interceptor
from ...tokens.jws import Kind, ParsedToken, parse_token
from ..dom import Scope, element
from .another_token import AnotherToken
from .claims import MOST
from .comparison import comparison
from .findings import Finding, findings_of
from .raw_token import RawToken
from .sections import Sections, left_out
from .verification import Verification
from .wording import length


class TokenView:
    """Shows the client's token in `root`."""

    def __init__(self, root: Any, api: Interceptor, words: Mapping[str, str]) -> None:
        self._root, self._api, self._words = root, api, words
        self._pasted: str | None = None  # None while the session's token is shown
        self._parsed = ParsedToken(Kind.EMPTY)
        self._is_stale = True  # another token may have to be shown
        self._scope = Scope()
        self._verification = Verification(api, words)
        self._raw = RawToken(words)
        self._sections = Sections(words)
        self._another = AnotherToken(words, verification=self._verification, chosen=self._show)
        self._build()
        for part in (self._verification, self._raw, self._another):
            self._scope.at_end(part.close)
        self._scope.at_end(api.on(self._heard))
        self._scope.observe(js.ResizeObserver.new(self._scope.proxy(lambda *_: self._update())), root)
        timer = js.setInterval(self._scope.proxy(self._tick), 1000)
        self._scope.at_end(lambda: js.clearInterval(timer))

    def close(self) -> None:
        """Take everything back; the root is the caller's."""
        self._scope.close()
        self._root.replaceChildren()

    def _build(self) -> None:
        words = self._words
        self._title = element("h3")
        self._back = self._scope.button(words["token.back"], self._another.clear)
        self._findings = element("ul", class_="token-findings")
        self._compare = element("div", class_="token-compare-box")
        self._whole = element(
            "div",
            self._raw.root,
            self._verification.root,
            element("section", element("h4", words["token.finding"]), self._findings, class_="token-section"),
            self._sections.root,
        )
        self._root.append(
            element(
                "div",
                element("header", self._title, self._back, class_="token-title"),
                self._whole,
                self._another.root,
                self._compare,
                class_="token",
            )
        )

    def _heard(self, event: Event) -> None:
        if isinstance(event, (RefreshEvent, SessionEvent)):
            self._is_stale = True
            if isinstance(event, SessionEvent):
                self._raw.cover()
            self._update()

    def _show(self, text: str) -> None:
        """Show this token; for an empty text, the session's."""
        self._pasted = text or None
        self._raw.cover()
        self._is_stale = True
        self._update()

    def _update(self) -> None:
        """Show what is due, if the tab is visible."""
        if not self._is_stale or not self._root.offsetParent:
            return
        self._is_stale = False
        snapshot = self._api._snapshot()
        self._compare.replaceChildren(comparison(snapshot, self._words))
        text = self._pasted if self._pasted is not None else snapshot.token if snapshot else ""
        parsed = parse_token(text)
        if parsed != self._parsed or not self._title.textContent:
            self._parsed = parsed
            self._render()

    def _render(self) -> None:
        words, parsed, is_own = self._words, self._parsed, self._pasted is None
        is_empty = parsed.kind is Kind.EMPTY
        self._title.textContent = words["token.none" if is_empty else "token.live" if is_own else "token.pasted"]
        self._back.hidden = is_own
        self._whole.hidden = is_empty
        self._another.show(parsed)
        if is_empty:
            return
        self._raw.show(parsed, is_own=is_own)
        self._show_findings()
        self._sections.show(parsed)
        self._verification.show(parsed)

    def _show_findings(self) -> None:
        findings = findings_of(self._parsed, now=time.time())
        items = [*map(self._finding, findings[:MOST]), *left_out(len(findings), "li", self._words)]
        self._findings.replaceChildren(*(items or [element("li", self._words["token.finding.none"], class_="quiet")]))

    def _finding(self, finding: Finding) -> Any:
        kind = "grave" if finding.grave else "mild"
        return element(
            "li",
            element("strong", self._words[f"token.finding.{kind}"]),
            element("span", self._words[f"token.finding.{finding.kind.value}"].format(about=finding.about)),
            class_=f"token-{kind}",
        )

    def _tick(self) -> None:
        if not self._root.offsetParent:
            return
        self._sections.tick()
        if self._pasted is None and (left := self._compare.querySelector(".token-left")):
            snapshot = self._api._snapshot()
            if snapshot and snapshot.remaining is not None:
                left.textContent = length(snapshot.remaining, self._words)
