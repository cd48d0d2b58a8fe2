"""The fields to edit the token that is shown, and to sign it again with a secret."""

from collections.abc import Callable, Mapping

from ...tokens.jws import ParsedToken
from ..dom import Scope, element
from . import editing
from .verification import Verification

_PARTS = ("header", "payload")


class Editor:
    """Header and payload as JSON. `chosen` is called with each token that is made of them."""

    def __init__(
        self, words: Mapping[str, str], *, verification: Verification, chosen: Callable[[str], object]
    ) -> None:
        self._words, self._verification, self._chosen = words, verification, chosen
        self._scope = Scope()
        self._parsed: ParsedToken | None = None  # what the fields were filled from
        self._made = ""
        self._areas = {
            name: element(
                "textarea", id=f"token-edit-{name}", rows=4, spellcheck="false", autocapitalize="none", dir="ltr"
            )
            for name in _PARTS
        }
        self._secret = element("input", type="password", id="token-edit-secret", autocomplete="off", spellcheck="false")
        self._trouble = element("p", class_="token-trouble", role="status")
        fields = [
            element("div", element("label", words[f"token.edit.{name}"], for_=f"token-edit-{name}"), area)
            for name, area in self._areas.items()
        ]
        self.root = element(
            "details",
            element("summary", words["token.edit"]),
            element("p", words["token.edit.hint"], class_="quiet"),
            *fields,
            element(
                "p",
                element("label", words["token.edit.secret"], for_="token-edit-secret"),
                self._secret,
                self._scope.button(words["token.edit.sign"], self._sign),
                class_="token-field",
            ),
            self._trouble,
            class_="token-editor",
        )
        for area in self._areas.values():
            self._scope.listen(area, "input", lambda _: self._edit())

    def show(self, parsed: ParsedToken) -> None:
        """Fill the fields, unless this token was made of them."""
        self.root.hidden = parsed.header is None or parsed.payload is None
        if parsed.header is None or parsed.payload is None or parsed.token == self._made:
            return
        self._parsed = parsed
        self._areas["header"].value = editing.as_text(parsed.header)
        self._areas["payload"].value = editing.as_text(parsed.payload)
        self._trouble.textContent = ""

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()

    def _edit(self) -> None:
        """Show what the fields say, with the signature as it was."""
        parts = self._read()
        if parts and self._parsed:
            self._make(editing.with_parts(self._parsed, *parts))

    def _sign(self) -> None:
        secret = str(self._secret.value)
        if not secret:
            self._trouble.textContent = self._words["token.edit.no_secret"]
            self._secret.focus()
            return
        if parts := self._read():
            self._verification.use_secret(secret, typed=True)
            self._make(editing.signed(*parts, secret))

    def _read(self) -> tuple[dict[str, object], dict[str, object]] | None:
        """The header and the payload; None, and what is wrong is told, if one is no JSON object."""
        found = []
        for name, area in self._areas.items():
            try:
                found.append(editing.as_object(str(area.value)))
            except editing.NoObject as error:
                part = self._words[f"token.edit.{name}"]
                self._trouble.textContent = self._words["token.edit.trouble"].format(
                    part=part, line=error.line, column=error.column
                )
                return None
        self._trouble.textContent = ""
        return found[0], found[1]

    def _make(self, token: str) -> None:
        self._made = token
        self._chosen(token)
