"""Whether a token's signature holds, and the fields for what it is verified with: a secret, or the URL of a key set."""

from collections.abc import Mapping

from ...interceptor import Interceptor
from ...tokens.jws import Kind, ParsedToken
from ...tokens.signatures import HMAC, KEY_TYPES, Key, Verdict
from ..dom import Scope, element
from .display_text import shown
from .keys import Keys


class Verification:
    """Shows the verdict on a token. A key set is fetched with the first token that needs one."""

    def __init__(self, api: Interceptor, words: Mapping[str, str]) -> None:
        self._words = words
        self._scope = Scope()
        self._keys = Keys(api)
        self._parsed = ParsedToken(Kind.EMPTY)
        self._is_typed = False
        self._verdict = element("div", class_="token-verdict", aria_live="polite")
        self._secret = element("input", type="password", id="token-secret", autocomplete="off", spellcheck="false")
        self._url = element("input", type="text", id="token-url", value=self._keys.url, spellcheck="false")
        self._reveal = self._scope.button(words["token.secret.show"], self._toggle_secret, aria_pressed="false")
        self._shared = element(
            "p",
            element("label", words["token.secret"], for_="token-secret"),
            self._secret,
            self._reveal,
            element("span", words["token.secret.hint"], class_="quiet"),
            class_="token-field",
        )
        self._public = element(
            "p",
            element("label", words["token.jwks"], for_="token-url"),
            self._url,
            self._scope.button(words["token.jwks.fetch"], lambda: self._scope.start(self._fetch())),
            class_="token-field",
        )
        self.root = element(
            "section",
            element("h4", words["token.verify"]),
            self._verdict,
            element("div", self._shared, self._public, class_="token-means"),
            class_="token-section",
        )
        self._scope.listen(self._secret, "input", lambda _: self._type_secret())

    def show(self, parsed: ParsedToken) -> None:
        """Verify this token, and show the field that it needs."""
        self._parsed = parsed
        self._shared.hidden = parsed.algorithm not in HMAC
        self._public.hidden = parsed.algorithm not in KEY_TYPES
        is_first = parsed.algorithm in KEY_TYPES and not self._keys.fetched
        self._scope.start(self._fetch() if is_first else self._verify())

    def use_secret(self, secret: str, *, typed: bool = False) -> None:
        """Put this into the field of the secret; `typed` says that the user has typed it."""
        self._keys.secret = self._secret.value = secret
        self._is_typed = typed

    async def public_key_as_text(self) -> str:
        """A public key, as an attacker would use it in place of a secret."""
        return await self._keys.public_key_as_text()

    def close(self) -> None:
        """Stop verifying."""
        self._scope.close()

    def _toggle_secret(self) -> None:
        is_covered = self._secret.type == "password"
        self._secret.type = "text" if is_covered else "password"
        self._reveal.setAttribute("aria-pressed", "true" if is_covered else "false")

    def _type_secret(self) -> None:
        self._keys.secret, self._is_typed = str(self._secret.value), True
        self._scope.start(self._verify())

    async def _fetch(self) -> None:
        self._keys.url = str(self._url.value).strip() or self._keys.url
        await self._keys.fetch()
        await self._verify()

    async def _verify(self) -> None:
        parsed = self._parsed
        verdict, key = await self._keys.verify(parsed)
        if parsed is self._parsed:
            self._show_verdict(verdict, key)

    def _show_verdict(self, verdict: Verdict, key: Key | None) -> None:
        words = self._words
        kind = "good" if verdict.good else "bad" if verdict.bad else "open"
        why = f"token.why.{verdict.value}" if verdict.good or verdict.bad else "token.why.not_checked"
        lines = [element("strong", words[f"token.verdict.{verdict.value}"]), element("span", words[why])]
        if verdict.good or verdict is Verdict.FAILS:
            means = words["token.checked.secret" if self._is_typed else "token.checked.given"]
            if key is not None:
                name = key.kid or words["token.key.none"]
                means = words["token.checked.jwks"].format(kid=shown(name, 80), url=self._keys.fetched)
            lines.append(element("span", words["token.checked"].format(means=means), class_="token-small"))
        if verdict.good:
            lines.append(element("span", words["token.unchecked"], class_="token-small"))
        if self._keys.trouble and verdict is Verdict.NO_KEYS:
            trouble = words["token.jwks.trouble"].format(url=self._keys.fetched, trouble=self._keys.trouble)
            lines.append(element("span", trouble, class_="token-small"))
        self._verdict.className = f"token-verdict token-{kind}"
        self._verdict.replaceChildren(*lines)
