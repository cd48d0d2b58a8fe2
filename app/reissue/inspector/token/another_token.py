"""Another token than the session's: one that the user pastes, or a forgery of the one that is shown."""

from collections.abc import Callable, Mapping
from typing import Any

from ...tokens.jws import Kind, ParsedToken
from ..dom import Scope, element
from . import forgeries
from .verification import Verification


class AnotherToken:
    """The field to paste a token into, and buttons that put a forgery there. `chosen` is called with its text."""

    def __init__(
        self, words: Mapping[str, str], *, verification: Verification, chosen: Callable[[str], object]
    ) -> None:
        self._verification = verification
        self._chosen = chosen
        self._scope = Scope()
        self._parsed = ParsedToken(Kind.EMPTY)
        self._area = element(
            "textarea", id="token-paste", rows=3, spellcheck="false", autocapitalize="none", dir="ltr",
            aria_describedby="token-paste-hint",
        )  # fmt: skip
        button, start = self._scope.button, self._scope.start
        self._forgeries = [
            button(words["token.try.break"], lambda: self._put(forgeries.broken(self._parsed))),
            button(words["token.try.none"], lambda: self._put(forgeries.unsigned(self._payload))),
            button(words["token.try.confusion"], lambda: start(self._confuse())),
            button(words["token.try.own"], lambda: start(self._bring_key())),
        ]
        sample = button(words["token.try.sample"], self._show_sample)
        self.root = element(
            "section",
            element("h4", words["token.try"]),
            element("p", *self._forgeries, sample, class_="token-tries"),
            element("p", words["token.try.hint"], class_="quiet"),
            element("label", words["token.paste"], for_="token-paste"),
            self._area,
            element("p", words["token.paste.hint"], class_="quiet", id="token-paste-hint"),
            class_="token-section",
        )
        self._scope.listen(self._area, "input", lambda _: chosen(str(self._area.value)))

    def show(self, parsed: ParsedToken) -> None:
        """Offer the forgeries that can be made of this token."""
        self._parsed = parsed
        for button in self._forgeries:
            button.hidden = parsed.payload is None

    def clear(self) -> None:
        """Empty the field, and put the focus there."""
        self._put("")
        self._area.focus()

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()

    @property
    def _payload(self) -> Mapping[str, Any]:
        return self._parsed.payload or {}

    def _put(self, text: str) -> None:
        self._area.value = text
        self._chosen(text)

    def _show_sample(self) -> None:
        self._verification.use_secret(forgeries.SECRET)
        self._put(forgeries.signed(forgeries.sample(), forgeries.SECRET))

    async def _confuse(self) -> None:
        key = await self._verification.public_key_as_text()
        self._verification.use_secret(key)
        self._put(forgeries.signed(self._payload, key))

    async def _bring_key(self) -> None:
        from . import webcrypto

        self._put(await webcrypto.signed_with_a_key_of_its_own(self._payload))
