"""The text of a token, in its parts. With its signature, the session's token is as good as the session."""

from collections.abc import Mapping

from ...tokens.jws import ParsedToken
from ..dom import Scope, element
from .display_text import compared

_PARTS = ("header", "payload", "signature")


class RawToken:
    """Shows a token's text. The signature of the session's own is covered until the user uncovers it.

    So it is where another token carries it: one that was edited, or has a broken byte, is easily mended.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words
        self._scope = Scope()
        self._parts: tuple[str, ...] = ()
        self._before: tuple[str, ...] = ()
        self._own_signatures: set[str] = set()
        self._is_covered = True
        self._text = element(
            "p", class_="token-raw", dir="ltr", role="group", aria_label=words["token.raw"], tabindex=0
        )
        self._cover = self._scope.button(words["token.uncover"], self._toggle)
        self._hint = element("span", words["token.covered.hint"], class_="quiet")
        self.root = element("div", self._text, element("p", self._cover, self._hint, class_="token-cover"))

    def show(self, parsed: ParsedToken, *, is_own: bool, original: ParsedToken | None = None) -> None:
        """Show this token; `is_own` says that it is the session's, `original` what it was forged from."""
        self._parts = parsed.parts
        if is_own:
            self._own_signatures.update(parsed.parts[2:])
        self._before = original.parts if original else ()
        self._render()

    def cover(self) -> None:
        """Cover the signature of what is shown next."""
        self._is_covered = True

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()

    def _toggle(self) -> None:
        self._is_covered = not self._is_covered
        self._render()

    def _render(self) -> None:
        names = _PARTS if len(self._parts) == len(_PARTS) else ("payload",) * len(self._parts)
        can_be_covered = names == _PARTS and bool(self._parts[2]) and self._parts[2] in self._own_signatures
        spans = []
        for place, (name, part) in enumerate(zip(names, self._parts, strict=True)):
            is_hidden = can_be_covered and self._is_covered and name == "signature"
            text = self._words["token.covered"] if is_hidden else part
            spans += ["."] if place else []
            before = self._before[place] if place < len(self._before) else text
            pieces = [element("mark", piece) if is_other else piece for piece, is_other in compared(text, before)]
            spans.append(element("span", *pieces, class_=f"token-{name}{' token-covered' if is_hidden else ''}"))
        self._text.replaceChildren(*spans)
        self._cover.hidden = self._hint.hidden = not can_be_covered
        self._cover.textContent = self._words["token.uncover" if self._is_covered else "token.cover"]
