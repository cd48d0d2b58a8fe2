"""A token's header, payload and signature: every member with its value, and with a sentence about it."""

import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

from ...tokens.jws import Kind, ParsedToken
from ..dom import element
from .claims import EXPLAINED, MOST, Claim, Sort, claims_of
from .display_text import shown
from .wording import date_of, from_now

_HEADER_WORDS = {"alg": "token.algorithm", "kid": "token.key", "typ": "token.type"}


class Sections:
    """Shows the parts of a token, and how far away each of its times is."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words
        self._times: list[tuple[Any, float]] = []  # the element that says when, and the time (s)
        self.root = element("div", class_="token-parts")

    def show(self, parsed: ParsedToken) -> None:
        """Show the parts of this token that can be read."""
        self._times = []
        self.root.replaceChildren(*self._sections(parsed))

    def tick(self) -> None:
        """Say anew how far away each time is."""
        now = time.time()
        for place, moment in self._times:
            place.textContent = from_now(moment - now, self._words)

    def _sections(self, parsed: ParsedToken) -> list[Any]:
        words = self._words
        if parsed.kind is Kind.OPAQUE:
            return [element("p", words["token.opaque"])]
        sections = []
        if parsed.kind is not Kind.SIGNED:
            sections.append(element("p", words[f"token.{parsed.kind.value}"]))
        sections.append(self._section("header", self._header_rows(parsed.header)))
        if parsed.kind is Kind.ENCRYPTED:
            return sections
        sections.append(self._section("payload", self._payload_rows(parsed.payload)))
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

    def _header_rows(self, header: Mapping[str, Any] | None) -> list[Any]:
        if header is None:
            return [element("p", self._words["token.unread"], class_="quiet")]
        rows = []
        for name, value in islice(header.items(), MOST):
            about = element("span", self._words[_HEADER_WORDS[name]], class_="quiet") if name in _HEADER_WORDS else ""
            rows.append(_row(name, shown(value, 400), about))
        return [element("dl", *rows, class_="token-claims"), *left_out(len(header), "p", self._words)]

    def _payload_rows(self, payload: Mapping[str, Any] | None) -> list[Any]:
        if payload is None:
            return [element("p", self._words["token.unread"], class_="quiet")]
        claims = claims_of(payload)
        if not claims:
            return [element("p", self._words["token.empty"], class_="quiet")]
        rows = []
        for sort in Sort:
            of_sort = [claim for claim in claims if claim.sort is sort]
            if of_sort:
                rows.append(element("h5", self._words[f"token.sort.{sort.value}"]))
                rows.append(element("dl", *map(self._claim, of_sort), class_="token-claims"))
        return [*rows, *left_out(len(payload), "p", self._words)]

    def _claim(self, claim: Claim) -> Any:
        name = claim.name if claim.name in EXPLAINED else "public" if claim.sort is Sort.PUBLIC else "private"
        about = element("span", self._words[f"token.claim.{name}"], class_="quiet")
        if claim.time is None:
            return _row(claim.name, claim.value, about)
        when = element("span", class_="token-when")
        self._times.append((when, claim.time))
        when.textContent = from_now(claim.time - time.time(), self._words)
        date = element("span", date_of(claim.time), class_="token-date")
        return _row(claim.name, claim.value, element("span", when, date), about)


def left_out(count: int, tag: str, words: Mapping[str, str]) -> list[Any]:
    """The line that says how many of `count` are not shown; empty if all are."""
    if count <= MOST:
        return []
    text = words["token.left_out"].format(shown=MOST, count=f"{count - MOST:,}")
    return [element(tag, text, class_="quiet token-left-out")]


def _row(name: str, value: str, *about: Any) -> Any:
    # A name may be as hostile as a value.
    return element(
        "div",
        element("dt", shown(name, 80)[1:-1]),
        element("dd", element("code", value), *about),
        class_="token-row",
    )
