"""What the interceptor is simulated against: a server that rotates refresh tokens and punishes reuse, a browser with
one cookie jar, an unreliable wire between them, and a log of what arrived.

A call that is on the wire goes on without its caller: an abort tells nobody, and the server handles what was sent. What
comes back then, lands in the cookie jar all the same (S2), if the fault says so: however late where tokens name their
user, and at the latest with the abort where they don't, since nobody could tell then.

What a page has sent goes on without the page as well (`keepalive`), and its cookie lands unless the wire loses it.

Everything is on virtual time, and every choice comes from the program that is run.
"""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from tests.reissue.virtual_time import PAGE
from tests.simulation.proofs import LACKS_NONCE, Nonces, Proof
from tests.simulation.strangers import PROXIES, REFUSALS, SIGN_OUTS, SPOILED, UNTYPED, Said, says

USERS = ("ada", "grace")
API = "https://api.test/v1/"
OTHER_API = "https://api.test/files/"
AUTH = "https://api.test/auth/"
ACCESS_LIFE = 20.0
DEADLINE = 15.0  # seconds, for one call to the endpoint
LANDING = 3.0  # seconds that the next page leaves the answer to one that is gone

API_FAULTS = ("none", "unreachable", "lost", "503", "403", "401", "expired")
AUTH_FAULTS = ("none", "unreachable", "lost", "landed", "503", "429", "403", "html", "truncated", "refused", "400")
STRANGE_FAULTS = ("refused", *PROXIES, *SPOILED, *UNTYPED)


@dataclass
class Family:
    """The refresh tokens of one sign-in."""

    user: str
    current: str = ""
    spent: set[str] = field(default_factory=set)
    alive: bool = True
    strong: bool = False  # the user has signed in so
    asked_after: int = -1  # the last sign-out that its page knew of as it asked; -1: none, perhaps
    after: int = -1  # the same, once it is signed in by this
    page: object = None  # that page


@dataclass(frozen=True)
class Grant:
    """What the server knows of an access token."""

    family: Family
    expires: float
    audience: str = API


STEP_UP = {"WWW-Authenticate": 'Bearer error="insufficient_user_authentication", acr_values="strong"'}
NONCE = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}
REFUSED = {"WWW-Authenticate": 'DPoP error="invalid_token"'}


@dataclass(frozen=True)
class Fault:
    """What the wire and the server do to the next call of one kind; `delay` is there and back, in seconds."""

    delay: float = 0.01
    kind: str = "none"


class Server:
    """`opaque` tokens name nobody; the others are JWTs that name their `sub`, half of them their life as well.

    With `in_body`, refresh tokens go to the page itself and not into a cookie; now and then one stays as it was.
    `bound` tokens want proofs: what a 401 asks for is "exposed" to the page or "hidden" from it. `dialect` is how it
    refuses, and `deaf` how it refuses every sign-out. `names` is the claim that names the user, and `subject` how: by
    another word to each API ("pairwise", or "pairwise, bare" where no token tells for which API it is), or by words
    that change, `1` to `"1"` ("typed") and `ADA` to `ada` ("spelled").
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        opaque: bool,
        in_body: bool,
        bound: str = "",
        dialect: str = "",
        deaf: str = "",
        names: str = "",
        subject: str = "",
    ) -> None:
        self.now = now
        self.bound = bound
        self.dialect, self.deaf, self.names, self.subject = dialect, deaf, names, subject
        self.nonces = {url: Nonces(url.split("/")[-2]) for url in (AUTH, API, OTHER_API)}
        self.opaque = opaque
        self.in_body = in_body
        self.families: list[Family] = []
        self.access: dict[str, Grant] = {}
        self.presented: list[str] = []
        self.reused: list[str] = []
        self.refused: set[str] = set()  # access tokens
        self.minted = 0

    @property
    def vague(self) -> bool:
        """May two tokens of one user leave it open whether they are of one user?"""
        return self.opaque or self.subject == "spelled"

    def grant(self, family: Family, audience: str = API) -> dict[str, Any]:
        self.minted += 1
        family.current = f"refresh-{self.minted}"
        token = f"opaque-{self.minted}"
        answer: dict[str, Any] = {"expires_in": ACCESS_LIFE}
        bound = {"token_type": "DPoP"} if self.bound else {}
        if not self.opaque:
            claims: dict[str, Any] = {self.names or "sub": self.named(family.user, audience), "jti": self.minted}
            if self.subject == "pairwise":
                claims["aud"] = audience
            if self.minted % 2:
                claims["iat"], claims["exp"], answer = self.now(), self.now() + ACCESS_LIFE, {}
            token = f"eyJhbGciOiJIUzI1NiJ9.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"
        self.access[token] = Grant(family, self.now() + ACCESS_LIFE, audience)
        if self.in_body:
            answer["refresh_token"] = family.current
        return {"access_token": token, **answer, **bound}

    def named(self, user: str, audience: str) -> str | int:
        """What the next token calls the user."""
        match self.subject:
            case "pairwise" | "pairwise, bare":
                return f"{user} of {audience}"
            case "typed":
                number = USERS.index(user) + 1
                return number if self.minted % 3 else str(number)
            case "spelled":
                return user if self.minted % 3 else user.upper()
        return user

    def sign_in(self, user: str, *, strong: bool = False, after: int = -1) -> tuple[Family, dict[str, Any]]:
        family = Family(user, strong=strong, asked_after=after)
        self.families.append(family)
        return family, self.grant(family)

    def refresh(self, token: str | None, audience: str = API) -> tuple[int, Family | None, dict[str, Any]]:
        """The family is None if it refuses: with 204 if there is no token, with 401 otherwise, before any dialect."""
        if token is None:
            return 204, None, {}  # nobody is signed in
        self.presented.append(token)
        family = self.family_of(token)
        if family is None or not family.alive or token in family.spent:
            if family is not None and token in family.spent:
                family.alive = False  # the whole family goes
                self.reused.append(token)
            return 401, None, {"error": "invalid_grant"}
        if not self.in_body or self.minted % 3:
            family.spent.add(family.current)
            return 200, family, self.grant(family, audience)
        current, answer = family.current, self.grant(family, audience)
        family.current = current
        del answer["refresh_token"]  # the old one goes on (RFC 6749 section 6)
        return 200, family, answer

    def sign_out(self, token: str | None) -> None:
        family = self.family_of(token)
        if family is not None:
            family.alive = False

    def family_of(self, token: str | None) -> Family | None:
        return next((f for f in self.families if token is not None and (token == f.current or token in f.spent)), None)

    def revoke(self) -> None:
        """Every access token stops working; the refresh tokens stay good."""
        now = self.now()
        self.access = {token: replace(grant, expires=now) for token, grant in self.access.items()}

    def api(self, token: str | None, audience: str, *, strong: bool = False, proof: Proof | None = None) -> Any:
        """Status, header fields and body."""
        if proof is not None and not self.nonces[audience].take(proof.nonce):
            return 401, self.shown(audience, NONCE), LACKS_NONCE
        grant = self.access.get(token or "")
        if grant is not None and grant.family.alive and self.now() < grant.expires and grant.audience == audience:
            if strong and not grant.family.strong:
                return 401, self.shown(audience, STEP_UP), b""
            return 200, self.shown(audience), b""
        if token is None:
            return 200, self.shown(audience), b""  # what is public
        return self.refuse(token, audience)

    def refuse(self, token: str, audience: str) -> Any:
        self.refused.add(token)
        return 401, self.shown(audience, REFUSED if self.bound else {}), b""

    def shown(self, url: str, challenge: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
        """The header fields that a page may read."""
        return {**(challenge if self.bound != "hidden" else {}), **(self.nonces[url].field if self.bound else {})}

    def change_nonces(self, which: str, number: int) -> None:
        for url, nonces in self.nonces.items():
            if which in ("", url.split("/")[-2]):
                nonces.change(number)


class Browser:
    """The network and the cookie jar, which all tabs share."""

    def __init__(self, server: Server, response: Callable[..., Any]) -> None:
        self.server = server
        self.response = response
        self.cookie: str | None = None
        self.api_faults: list[Fault] = []
        self.auth_faults: list[Fault] = []
        self.lost: set[str] = set()  # refresh tokens whose successor was lost, or came to a caller that was gone
        self.context = Context()  # of what no page can freeze
        self.on_wire: list[Exchange] = []
        self.mixed = False  # the cookie is another user's, and with opaque tokens no page could know
        self.late: list[Family | None] = []  # whose cookie comes when nobody waits for it any more
        self.proofs: dict[str, Proof] = {}  # that nobody has seen yet
        self.proofs_made = 0
        self.slow_proofs: list[float] = []  # seconds that the next take
        self.sends_sign_out: Callable[[], None] = lambda: None
        self.hears_sign_out: Callable[[Exchange], None] = lambda _: None
        self.hears_sign_in: Callable[[Exchange], None] = lambda _: None

    async def call_api(
        self, token: str | None, audience: str = API, *, strong: bool = False, proof: Proof | None = None
    ) -> Any:
        fault = self.api_faults.pop(0) if self.api_faults else Fault()
        if fault.kind == "unreachable":
            raise OSError("unreachable")
        await asyncio.sleep(fault.delay / 2)
        answer = self.server.api(token, audience, strong=strong, proof=proof)
        if fault.kind == "401" and token is not None:
            answer = self.server.refuse(token, audience)
        await asyncio.sleep(fault.delay / 2)
        if fault.kind == "lost":
            raise OSError("connection reset")
        if fault.kind == "expired":
            return self.response(200, {}, b"expired")
        if fault.kind in ("503", "403"):
            return self.response(int(fault.kind))
        return self.response(*answer)

    async def call_auth(
        self, call: str, fields: dict[str, Any], proof: Proof | None = None, *, in_turn: bool = True
    ) -> "tuple[Any, Exchange]":
        """`login`, `refresh` or `logout`. The answer is waited for; the call itself runs on without its caller."""
        if call == "logout":
            self.sends_sign_out()
        fault = self.auth_faults.pop(0) if self.auth_faults else Fault()
        if fault.kind == "unreachable":
            await asyncio.sleep(fault.delay / 2)
            raise OSError("unreachable")
        held = fields.get("refresh_token") if self.server.in_body else self.cookie
        loop = asyncio.get_running_loop()
        page, sent = PAGE.get(), loop.time()
        exchange = Exchange(call, fields, held, fault, loop.create_future(), page, sent, proof, in_turn=in_turn)
        self.on_wire.append(exchange)
        loop.call_later(fault.delay / 2, self.handle, exchange, context=self.context)
        try:
            return await exchange.answer, exchange
        except BaseException:  # an abort too
            if call == "refresh" and held is not None:
                self.lost.add(held)
            if self.server.opaque and exchange.lands:
                self.set_cookie(exchange)
            raise

    def handle(self, exchange: "Exchange") -> None:
        family, said = None, self.said_before(exchange)
        if said is None:
            said, family = self.judged(exchange)
        status, headers, text = said
        kind = exchange.fault.kind
        if kind not in ("503", "403", "429", *PROXIES):
            headers = headers | self.server.shown(AUTH)
        if family is not None and kind in ("html", "truncated"):
            text = b"<html>" if kind == "html" else text[: len(text) // 2]
            if self.server.in_body and exchange.held is not None:
                self.lost.add(exchange.held)
        exchange.spoiled = family is not None and (kind in SPOILED or (kind in UNTYPED and bool(self.server.bound)))
        exchange.cookie = family.current if family is not None else None
        signed_out = exchange.call == "logout" and status == 204
        exchange.sets_cookie = not self.server.in_body and (family is not None or signed_out)
        response = self.response(status, headers, text)
        asyncio.get_running_loop().call_later(exchange.fault.delay / 2, self.deliver, exchange, response)

    def said_before(self, exchange: "Exchange") -> Said | None:
        """What is answered before the server has done anything."""
        kind, call = exchange.fault.kind, exchange.call
        match kind:
            case "503" | "403":
                return says(int(kind), {})
            case "429":
                return 429, {"Retry-After": "3"}, b"{}"
            case "400":
                exchange.refuses = True
                return says(400, {"error": "invalid_grant"})
            case "refused":
                exchange.refuses = True
                return REFUSALS[self.server.dialect]
            case _ if kind in PROXIES:
                return PROXIES[kind]
            case _ if exchange.proof is not None and not self.server.nonces[AUTH].take(exchange.proof.nonce):
                return says(400, json.loads(LACKS_NONCE))
            case _ if call == "logout" and self.server.deaf:
                self.hears_sign_out(exchange)
                exchange.settles = self.server.deaf != "500"
                return SIGN_OUTS[self.server.deaf]
        return None

    def judged(self, exchange: "Exchange") -> tuple[Said, Family | None]:
        """What the server says, and whose tokens it gives."""
        call, fields = exchange.call, exchange.fields
        if call == "logout":
            self.hears_sign_out(exchange)
            self.server.sign_out(exchange.held)
            exchange.settles = True
            return says(204, {}), None
        family: Family | None
        if call == "login":
            self.hears_sign_in(exchange)
            after = fields.get("after", -1) if exchange.in_turn else -1
            family, body = self.server.sign_in(fields["username"], strong="strong" in fields, after=after)
        else:
            status, family, body = self.server.refresh(exchange.held, fields.get("resource", API))
            exchange.refuses = family is None
            if exchange.refuses:
                return REFUSALS[self.server.dialect] if self.server.dialect else says(status, body), None
        kind = exchange.fault.kind
        if kind in UNTYPED:
            body["token_type"] = UNTYPED[kind]
        for name, value in SPOILED.get(kind, {}).items():
            body[name] = ("DPoP" if not self.server.bound else "Bearer") if value == "other" else value
            if body[name] is None:
                del body[name]
        return says(200, body), family

    def deliver(self, exchange: "Exchange", response: Any) -> None:
        self.on_wire.remove(exchange)
        kind, gone = exchange.fault.kind, exchange.answer.done()
        if (exchange.lands and not self.server.opaque) if gone else kind != "lost":
            self.set_cookie(exchange)
            if asyncio.get_running_loop().time() > exchange.sent + DEADLINE:  # its page may be gone, or frozen
                self.late.append(self.server.family_of(exchange.cookie))
        if gone:
            return
        if kind == "lost" and exchange.held is not None:
            self.lost.add(exchange.held)
        if kind in ("lost", "landed"):
            exchange.answer.set_exception(OSError("connection reset"))
        else:
            exchange.answer.set_result(response)

    def leave(self, page: object) -> None:
        """The page is gone, and with it what its answers bring: all of it, or a cookie that lands too late."""
        now = asyncio.get_running_loop().time()
        for exchange in self.on_wire:
            if exchange.page is page and exchange.call == "refresh" and exchange.held is not None:
                lands = exchange.sent + exchange.fault.delay
                if self.server.in_body or lands > now + LANDING * 0.9:
                    self.lost.add(exchange.held)

    def doubt(self) -> None:
        """A sign-in was lost, or overtaken: whose cookie is left, only tokens that name their user can tell."""
        self.mixed = self.mixed or (self.server.opaque and not self.server.in_body)

    def set_cookie(self, exchange: "Exchange") -> None:
        if exchange.sets_cookie:
            before, after = self.server.family_of(self.cookie), self.server.family_of(exchange.cookie)
            if exchange.call == "refresh" and before and after and before.user != after.user:
                self.doubt()
            self.cookie = exchange.cookie


@dataclass(eq=False)
class Exchange:
    """A call to the endpoint, from its sending to its answer."""

    call: str
    fields: dict[str, Any]
    held: str | None
    fault: Fault
    answer: "asyncio.Future[Any]"
    page: object = None
    sent: float = 0.0
    proof: Proof | None = None
    cookie: str | None = None
    sets_cookie: bool = False  # known once the server has handled it
    in_turn: bool = True
    refuses: bool = False  # the server says that the refresh token, or the user's own fields, will never do
    settles: bool = False  # the sign-out need not be told again
    spoiled: bool = False  # it has rotated the refresh token, and something else is wrong with the answer

    @property
    def lands(self) -> bool:
        """Does the cookie come, though nobody waits for the answer?"""
        return self.fault.kind == "landed"
