"""All that is shown of one token: its text, whether its signature holds, what deserves a look, and its parts."""

import time
from collections.abc import Mapping
from typing import Any

from ...interceptor import Interceptor
from ...tokens.jws import Kind, ParsedToken
from ..dom import Scope, element
from .claims import MOST
from .findings import Finding, findings_of
from .raw_token import RawToken
from .sections import Sections, left_out
from .verification import Verification


class Inspection:
    """Shows a token in `root`, which is hidden while there is none."""

    def __init__(self, api: Interceptor, words: Mapping[str, str]) -> None:
        self._words = words
        self._scope = Scope()
        self.verification = Verification(api, words)
        self._raw = RawToken(words)
        self._sections = Sections(words)
        self._findings = element("ul", class_="token-findings")
        self.root = element(
            "div",
            self._raw.root,
            self.verification.root,
            element("section", element("h4", words["token.finding"]), self._findings, class_="token-section"),
            self._sections.root,
        )
        for part in (self.verification, self._raw):
            self._scope.at_end(part.close)

    def show(self, parsed: ParsedToken, *, is_own: bool, original: ParsedToken | None = None) -> None:
        """Show this token; `is_own` says that it is the session's, `original` what it was forged from."""
        is_empty = parsed.kind is Kind.EMPTY
        self.root.hidden = is_empty
        if is_empty:
            return
        self._raw.show(parsed, is_own=is_own, original=original)
        self._show_findings(parsed)
        self._sections.show(parsed)
        self.verification.show(parsed)

    def cover(self) -> None:
        """Cover the signature of what is shown next."""
        self._raw.cover()

    def tick(self) -> None:
        """Say anew how far away each time is."""
        self._sections.tick()

    def close(self) -> None:
        """Stop verifying and listening."""
        self._scope.close()

    def _show_findings(self, parsed: ParsedToken) -> None:
        findings = findings_of(parsed, now=time.time())
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
