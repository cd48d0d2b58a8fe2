"""Tokens bound to a key (DPoP, RFC 9449), as the simulated browser and its servers have them.

A proof is a name for what it says, since signatures are none of the core's business; making one takes a turn of the
event loop at least. The key is the browser's, the same for every page and for good (`browser/page_key.py`).

A server wants a nonce or none, and changes its mind at any moment. With each answer of its own it gives the newest
(section 8.2); an answer that was long on its way brings an old one. A page of another origin may be kept from reading
what a 401 asks for (`hidden`); the new nonce is then all that it sees.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.tab import Tab

LACKS_NONCE = b'{"error": "use_dpop_nonce"}'  # what an answer says that asks for one


@dataclass(frozen=True)
class Proof:
    """What a proof says (section 4.2)."""

    method: str
    url: str
    access_token: str | None
    nonce: str | None


class Nonces:
    """The nonces of one server."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.good: list[str] = []  # the newest stands last; none: no nonce is wanted
        self.given = 0
        self.once = False  # each is good for one request

    def change(self, number: int) -> None:
        """Want another nonce. Up to two of those until now stay good, or each is good once, or none is wanted."""
        keep = number % 5
        self.once = keep == 4
        self.good = [] if keep == 3 else [*(self.good[-keep:] if keep in (1, 2) else []), self._new()]

    def take(self, nonce: str | None) -> bool:
        """Is a proof with this nonce in order?"""
        in_order = not self.good or nonce in self.good
        if in_order and self.once:
            self.good = [self._new()]
        return in_order

    @property
    def field(self) -> dict[str, str]:
        """What each answer carries."""
        return {"DPoP-Nonce": self.good[-1]} if self.good else {}

    def _new(self) -> str:
        self.given += 1
        return f"nonce-{self.name}-{self.given}"


class PageProofs:
    """`Proofs`, as a page has them."""

    def __init__(self, tab: "Tab") -> None:
        self.tab = tab

    async def proof(self, method: str, url: str, *, access_token: str | None = None, nonce: str | None = None) -> str:
        browser = self.tab.browser
        self.tab.check_nonce(url, nonce)
        try:
            await asyncio.sleep(browser.slow_proofs.pop(0) if browser.slow_proofs else 0)
        finally:
            self.tab.waited_for_proof(url)
        browser.proofs_made += 1
        name = f"proof-{browser.proofs_made}"
        browser.proofs[name] = Proof(method, url, access_token, nonce)
        return name
