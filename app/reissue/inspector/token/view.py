"""The tab of the token: what is in it, what is odd about it, and whether its signature holds.

It shows the session's token, and follows it as it is renewed, until the visitor brings another one. Nothing is shown
and no key is fetched before somebody looks. The session's signature is covered until it is asked for: with it, the text
of the token is as good as the session.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from itertools import islice
from typing import Any

import js

from ...events import Event, RefreshEvent, SessionEvent
from ...interceptor import Interceptor
from ...tokens.jws import Kind, ParsedToken, parse_token
from ...tokens.signatures import HMAC, KEY_TYPES, Key, Verdict
from ..dom import Scope, element
from . import forgeries
from .claims import EXPLAINED, MOST, Claim, Sort, claims_of
from .comparison import comparison
from .display_text import shown
from .findings import Finding, findings_of
from .keys import Keys
from .wording import date_of, from_now, length

Words = Mapping[str, str]


class TokenView:
    """Shows the client's token in `root`."""

    def __init__(self, root: Any, api: Interceptor, words: Words) -> None:
        self._root, self._api, self._words = root, api, words
        self._keys = Keys(api)
        self._pasted: str | None = None
        self._parsed = ParsedToken(Kind.EMPTY)
        self._uncovered = False
        self._stale = True  # is something else to be shown than is there?
        self._times: list[tuple[Any, float]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._scope = Scope()
        self._build()
        self._scope.at_end(api.on(self._heard))
        self._scope.observe(js.ResizeObserver.new(self._scope.proxy(lambda *_: self._look())), root)
        timer = js.setInterval(self._scope.proxy(self._tick), 1000)
        self._scope.at_end(lambda: js.clearInterval(timer))

    def close(self) -> None:
        """Take everything back; the root is the caller's."""
        for task in self._running:
            task.cancel()
        self._scope.close()
        self._root.replaceChildren()

    # What stays

    def _build(self) -> None:
        words = self._words
        self._title = element("h3")
        self._back = self._button("token.back", self._show_own)
        self._raw = element("p", class_="token-raw", dir="ltr", role="group", aria_label=words["token.raw"], tabindex=0)
        self._cover = self._button("token.uncover", self._toggle_cover)
        self._cover_hint = element("span", words["token.covered.hint"], class_="quiet")
        self._verdict = element("div", class_="token-verdict", aria_live="polite")
        self._means = element("div", class_="token-means")
        self._findings = element("ul", class_="token-findings")
        self._parts = element("div", class_="token-parts")
        self._secret = element("input", type="password", id="token-secret", autocomplete="off", spellcheck="false")
        self._url = element("input", type="text", id="token-url", value=self._keys.url, spellcheck="false")
        self._area = element(
            "textarea", id="token-paste", rows=3, spellcheck="false", autocapitalize="none", dir="ltr",
            aria_describedby="token-paste-hint",
        )  # fmt: skip
        self._shared = element(
            "p",
            element("label", words["token.secret"], for_="token-secret"),
            self._secret,
            self._button("token.secret.show", self._toggle_secret, aria_pressed="false"),
            element("span", words["token.secret.hint"], class_="quiet"),
            class_="token-field",
        )
        self._public = element(
            "p",
            element("label", words["token.jwks"], for_="token-url"),
            self._url,
            self._button("token.jwks.fetch", lambda: self._start(self._fetch())),
            class_="token-field",
        )
        self._means.append(self._shared, self._public)
        self._compare = element("div", class_="token-compare-box")
        self._whole = element(
            "div",
            element("div", self._raw, element("p", self._cover, self._cover_hint, class_="token-cover")),
            element(
                "section",
                element("h4", words["token.verify"]),
                self._verdict,
                self._means,
                class_="token-section",
            ),
            element("section", element("h4", words["token.finding"]), self._findings, class_="token-section"),
            self._parts,
        )
        self._root.append(
            element(
                "div",
                element("header", self._title, self._back, class_="token-title"),
                self._whole,
                self._tries(),
                self._compare,
                class_="token",
            )
        )
        self._scope.listen(self._secret, "input", lambda _: self._type_secret())
        self._scope.listen(self._area, "input", lambda _: self._show(str(self._area.value)))

    def _tries(self) -> Any:
        words = self._words
        self._payload_tries = [
            self._button("token.try.break", lambda: self._put(forgeries.broken(self._parsed))),
            self._button("token.try.none", lambda: self._put(forgeries.unsigned(self._payload()))),
            self._button("token.try.confusion", lambda: self._start(self._confuse())),
            self._button("token.try.own", lambda: self._start(self._bring_key())),
        ]
        sample = self._button("token.try.sample", self._show_sample)
        return element(
            "section",
            element("h4", words["token.try"]),
            element("p", *self._payload_tries, sample, class_="token-tries"),
            element("p", words["token.try.hint"], class_="quiet"),
            element("label", words["token.paste"], for_="token-paste"),
            self._area,
            element("p", words["token.paste.hint"], class_="quiet", id="token-paste-hint"),
            class_="token-section",
        )

    def _button(self, name: str, pressed: Callable[[], object], **attributes: Any) -> Any:
        button = element("button", self._words[name], type="button", **attributes)
        self._scope.listen(button, "click", lambda _: pressed())
        return button

    # Which token

    def _heard(self, event: Event) -> None:
        if isinstance(event, (RefreshEvent, SessionEvent)):
            self._stale = True
            if isinstance(event, SessionEvent):
                self._uncovered = False
            self._look()

    def _look(self) -> None:
        """Show what is due, if somebody looks."""
        if not self._stale or not self._root.offsetParent:
            return
        self._stale = False
        snapshot = self._api._snapshot()
        self._compare.replaceChildren(comparison(snapshot, self._words))
        text = self._pasted if self._pasted is not None else snapshot.token if snapshot else ""
        parsed = parse_token(text)
        if parsed != self._parsed or not self._title.textContent:
            self._parsed = parsed
            self._render()

    def _show(self, text: str) -> None:
        self._pasted = text or None
        self._uncovered = False
        self._stale = True
        self._look()

    def _put(self, text: str) -> None:
        self._area.value = text
        self._show(text)

    def _show_own(self) -> None:
        self._put("")
        self._area.focus()

    def _payload(self) -> Mapping[str, Any]:
        return self._parsed.payload or {}

    def _show_sample(self) -> None:
        self._keys.secret = self._secret.value = forgeries.SECRET
        self._put(forgeries.signed(forgeries.sample(), forgeries.SECRET))

    async def _confuse(self) -> None:
        key = await self._keys.public_key_as_text()
        self._keys.secret = self._secret.value = key
        self._put(forgeries.signed(self._payload(), key))

    async def _bring_key(self) -> None:
        from . import webcrypto

        self._put(await webcrypto.signed_with_a_key_of_its_own(self._payload()))

    # What is shown of it

    def _render(self) -> None:
        words, parsed, live = self._words, self._parsed, self._pasted is None
        self._times = []
        empty = parsed.kind is Kind.EMPTY
        self._title.textContent = words["token.none" if empty else "token.live" if live else "token.pasted"]
        self._back.hidden = live
        self._whole.hidden = empty
        for button in self._payload_tries:
            button.hidden = parsed.payload is None
        if empty:
            return
        self._render_raw()
        findings = findings_of(parsed, now=time.time())
        self._findings.replaceChildren(*map(self._finding, findings[:MOST]), *self._left_out(len(findings), "li"))
        if not findings:
            self._findings.replaceChildren(element("li", words["token.finding.none"], class_="quiet"))
        self._parts.replaceChildren(*self._sections())
        self._shared.hidden = parsed.algorithm not in HMAC
        self._public.hidden = parsed.algorithm not in KEY_TYPES
        if parsed.algorithm in KEY_TYPES and not self._keys.fetched:
            self._start(self._fetch())
        else:
            self._start(self._verify())

    def _render_raw(self) -> None:
        names = ("header", "payload", "signature")
        covered = self._pasted is None and not self._uncovered and len(self._parsed.parts) == 3
        spans = []
        for place, part in enumerate(self._parsed.parts):
            name = names[place] if len(self._parsed.parts) == 3 else "payload"
            hidden = covered and name == "signature"
            text = self._words["token.covered"] if hidden else part
            spans += ["."] if place else []
            spans.append(element("span", text, class_=f"token-{name}{' token-covered' if hidden else ''}"))
        self._raw.replaceChildren(*spans)
        of_session = self._pasted is None and len(self._parsed.parts) == 3
        self._cover.hidden = self._cover_hint.hidden = not of_session
        self._cover.textContent = self._words["token.uncover" if covered else "token.cover"]

    def _toggle_cover(self) -> None:
        self._uncovered = not self._uncovered
        self._render_raw()

    def _finding(self, finding: Finding) -> Any:
        kind = "grave" if finding.grave else "mild"
        return element(
            "li",
            element("strong", self._words[f"token.finding.{kind}"]),
            element("span", self._words[f"token.finding.{finding.kind.value}"].format(about=finding.about)),
            class_=f"token-{kind}",
        )

    def _sections(self) -> list[Any]:
        parsed, words = self._parsed, self._words
        if parsed.kind is Kind.OPAQUE:
            return [element("p", words["token.opaque"])]
        sections = []
        if parsed.kind is not Kind.SIGNED:
            sections.append(element("p", words[f"token.{parsed.kind.value}"]))
        sections.append(self._section("header", self._header_rows()))
        if parsed.kind is Kind.ENCRYPTED:
            return sections
        sections.append(self._section("payload", self._payload_rows()))
        hint = words["token.signature.hint"].format(count=len(parsed.signature or b""))
        sections.append(self._section("signature", [], hint=hint))
        return sections

    def _section(self, name: str, rows: list[Any], *, hint: str = "") -> Any:
        title = element(
            "h4",
            element("span", self._words[f"token.{name}"], class_=f"token-{name}"),
            element("span", hint or self._words[f"token.{name}.hint"], class_="quiet"),
        )
        return element("section", title, *rows, class_=f"token-section token-of-{name}")

    def _header_rows(self) -> list[Any]:
        if self._parsed.header is None:
            return [element("p", self._words["token.unread"], class_="quiet")]
        known = {"alg": "token.algorithm", "kid": "token.key", "typ": "token.type"}
        rows = []
        for name, value in islice(self._parsed.header.items(), MOST):
            about = element("span", self._words[known[name]], class_="quiet") if name in known else ""
            rows.append(self._row(name, shown(value, 400), about))
        return [element("dl", *rows, class_="token-claims"), *self._left_out(len(self._parsed.header), "p")]

    def _payload_rows(self) -> list[Any]:
        if self._parsed.payload is None:
            return [element("p", self._words["token.unread"], class_="quiet")]
        claims = claims_of(self._parsed.payload)
        if not claims:
            return [element("p", self._words["token.empty"], class_="quiet")]
        rows = []
        for sort in Sort:
            of_sort = [claim for claim in claims if claim.sort is sort]
            if of_sort:
                rows.append(element("h5", self._words[f"token.sort.{sort.value}"]))
                rows.append(element("dl", *map(self._claim, of_sort), class_="token-claims"))
        return [*rows, *self._left_out(len(self._parsed.payload), "p")]

    def _left_out(self, count: int, tag: str) -> list[Any]:
        """The line that says how many more there are; none if all are shown."""
        if count <= MOST:
            return []
        told = self._words["token.left_out"].format(shown=MOST, count=f"{count - MOST:,}")
        return [element(tag, told, class_="quiet token-left-out")]

    def _claim(self, claim: Claim) -> Any:
        name = claim.name if claim.name in EXPLAINED else "public" if claim.sort is Sort.PUBLIC else "private"
        about = element("span", self._words[f"token.claim.{name}"], class_="quiet")
        if claim.time is None:
            return self._row(claim.name, claim.value, about)
        when = element("span", class_="token-when")
        self._times.append((when, claim.time))
        when.textContent = from_now(claim.time - time.time(), self._words)
        date = element("span", date_of(claim.time), class_="token-date")
        return self._row(claim.name, claim.value, element("span", when, date), about)

    def _row(self, name: str, value: str, *about: Any) -> Any:
        # A name may be as hostile as a value.
        return element(
            "div",
            element("dt", shown(name, 80)[1:-1]),
            element("dd", element("code", value), *about),
            class_="token-row",
        )

    def _tick(self) -> None:
        if not self._root.offsetParent:
            return
        now = time.time()
        for place, moment in self._times:
            place.textContent = from_now(moment - now, self._words)
        if self._pasted is None and (left := self._compare.querySelector(".token-left")):
            snapshot = self._api._snapshot()
            if snapshot and snapshot.remaining is not None:
                left.textContent = length(snapshot.remaining, self._words)

    # Whether the signature holds

    def _toggle_secret(self) -> None:
        button = self._shared.querySelector("button")
        covered = self._secret.type == "password"
        self._secret.type = "text" if covered else "password"
        button.setAttribute("aria-pressed", "true" if covered else "false")

    def _type_secret(self) -> None:
        self._keys.secret = str(self._secret.value)
        self._start(self._verify())

    async def _fetch(self) -> None:
        self._keys.url = str(self._url.value).strip() or self._keys.url
        await self._keys.fetch()
        await self._verify()

    async def _verify(self) -> None:
        parsed = self._parsed
        verdict, key = await self._keys.verify(parsed)
        if parsed is self._parsed:
            self._tell(verdict, key)

    def _tell(self, verdict: Verdict, key: Key | None) -> None:
        words = self._words
        kind = "good" if verdict.good else "bad" if verdict.bad else "open"
        why = f"token.why.{verdict.value}" if verdict.good or verdict.bad else "token.why.not_checked"
        lines = [element("strong", words[f"token.verdict.{verdict.value}"]), element("span", words[why])]
        if verdict.good or verdict is Verdict.FAILS:
            means = words["token.checked.secret"]
            if key is not None:
                name = key.kid or words["token.key.none"]
                means = words["token.checked.jwks"].format(kid=shown(name, 80), url=self._keys.fetched)
            lines.append(element("span", words["token.checked"].format(means=means), class_="token-small"))
        if verdict.good:
            lines.append(element("span", words["token.unchecked"], class_="token-small"))
        if self._keys.trouble and verdict is Verdict.NO_KEYS:
            told = words["token.jwks.trouble"].format(url=self._keys.fetched, trouble=self._keys.trouble)
            lines.append(element("span", told, class_="token-small"))
        self._verdict.className = f"token-verdict token-{kind}"
        self._verdict.replaceChildren(*lines)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(partial(_done, self._running))


def _done(running: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    running.discard(task)
    if not task.cancelled():
        task.result()  # an error of ours is reported, not swallowed
