"""Another token than the session's: one that the user pastes or edits, or a forgery of the last one that was none."""

from collections.abc import Callable, Mapping
from typing import Any

from ...tokens.jws import Kind, ParsedToken
from ..dom import Scope, element
from . import forgeries
from .editor import Editor
from .verification import Verification


class AnotherToken:
    """The field to paste a token into, the fields to edit one, and buttons (`tries`) that forge one.

    `chosen` is called with its text. A forgery is made of `original`, never of another forgery.
    """

    def __init__(
        self, words: Mapping[str, str], *, verification: Verification, chosen: Callable[[str], object]
    ) -> None:
        self._verification = verification
        self._chosen = chosen
        self._scope = Scope()
        self._editor = Editor(words, verification=verification, chosen=self._make)
        self._scope.at_end(self._editor.close)
        self._original = ParsedToken(Kind.EMPTY)
        self._forged = ""
        self._area = element(
            "textarea", id="token-paste", rows=3, spellcheck="false", autocapitalize="none", dir="ltr",
            aria_describedby="token-paste-hint",
        )  # fmt: skip
        button, start = self._scope.button, self._scope.start
        self._forgeries = [
            button(words["token.try.break"], lambda: self._forge(forgeries.broken(self._original))),
            button(words["token.try.none"], lambda: self._forge(forgeries.unsigned(self._payload))),
            button(words["token.try.confusion"], lambda: start(self._confuse())),
            button(words["token.try.own"], lambda: start(self._bring_key())),
        ]
        sample = button(words["token.try.sample"], self._show_sample)
        self.tries = element(
            "div",
            element("p", *self._forgeries, class_="token-tries", role="group", aria_label=words["token.try"]),
            element("p", words["token.try.hint"], class_="quiet"),
        )
        self.root = element(
            "section",
            self._editor.root,
            element("h4", element("label", words["token.paste"], for_="token-paste")),
            self._area,
            element("p", words["token.paste.hint"], class_="quiet", id="token-paste-hint"),
            element("p", sample, class_="token-tries"),
            class_="token-section",
        )
        self._scope.listen(self._area, "input", lambda _: chosen(str(self._area.value)))

    def show(self, parsed: ParsedToken) -> None:
        """Offer the forgeries that can be made of this token, or of what it was forged from."""
        if parsed.token != self._forged:
            self._original, self._forged = parsed, ""
        self._editor.show(parsed)
        self.tries.hidden = self._original.payload is None

    def clear(self) -> None:
        """Empty the field, and put the focus there."""
        self._put("")
        self._area.focus()

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()

    @property
    def original(self) -> ParsedToken | None:
        """What the token that is shown was forged from; None if it is no forgery."""
        return self._original if self._forged else None

    @property
    def _payload(self) -> Mapping[str, Any]:
        return self._original.payload or {}

    def _put(self, text: str) -> None:
        self._area.value = text
        self._chosen(text)

    def _forge(self, token: str) -> None:
        self._forged = token
        self._make(token)

    def _make(self, token: str) -> None:
        """Show a token that was made here. It is not put into the field, where its signature could not be covered."""
        self._area.value = ""
        self._chosen(token)

    def _show_sample(self) -> None:
        self._verification.use_secret(forgeries.SECRET)
        self._put(forgeries.signed(forgeries.sample(), forgeries.SECRET))
        self._verification.root.scrollIntoView()

    async def _confuse(self) -> None:
        key = await self._verification.public_key_as_text()
        self._verification.use_secret(key)
        self._forge(forgeries.signed(self._payload, key))

    async def _bring_key(self) -> None:
        from . import webcrypto

        self._forge(await webcrypto.signed_with_a_key_of_its_own(self._payload))
