"""An authorization server in front of an API, and a page that is left for it and comes back: all in one process."""

import asyncio
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from reissue import GrantRefused, PopupBlocked, Request, Response
from reissue.storage import Memory, Store
from reissue.testing import Gate
from reissue.tokens.jws import ParsedToken
from reissue.tokens.signatures import Key, Verdict

ISSUER = "https://id.test"
PAGE = "https://app.test/notes"
API = "https://api.test/v1/"


@cache
def private_key(algorithm: str) -> Any:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def jwk(algorithm: str, kid: str = "1") -> dict[str, Any]:
    made: Any = jwt.get_algorithm_by_name(algorithm)
    public = made.to_jwk(private_key(algorithm).public_key(), as_dict=True)
    return {"kty": public["kty"], **public, "kid": kid, "alg": algorithm, "use": "sig"}


async def verify(parsed: ParsedToken, key: Key) -> Verdict:
    """By the same keys as a browser's, with `cryptography`."""
    algorithm: Any = jwt.get_algorithm_by_name(parsed.algorithm)
    public = algorithm.from_jwk(dict(key.jwk))
    holds = algorithm.verify(parsed.signing_input, public, parsed.signature or b"")
    return Verdict.HOLDS if holds else Verdict.FAILS


class FakePopup:
    """A window that shows a URL until a test says what the server sent it back with, or closes it."""

    def __init__(self) -> None:
        self.url, self.state, self.closed = "", "", False
        self.shown = asyncio.Event()
        self.returned: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(self, url: str, state: str) -> str:
        self.url, self.state = url, state
        self.shown.set()
        return await self.returned

    @property
    def asked(self) -> dict[str, str]:
        """The parameters that it was opened with."""
        return dict(parse_qsl(self.url.partition("?")[2]))

    def close(self) -> None:
        self.closed = True
        if not self.returned.done():
            self.returned.set_exception(GrantRefused("popup_closed"))
            self.returned.exception()  # nobody may wait for it


@dataclass
class FakePage:
    """A page in a tab. Whoever leaves it waits, as in a browser, until the page is gone."""

    href: str = PAGE
    name: str = "default"
    pending: Store = field(default_factory=Memory)
    left_for: list[str] = field(default_factory=list)
    brought_back: bool = False
    can_be_left: bool = True
    popups: list["FakePopup"] = field(default_factory=list)
    blocks_popups: bool = False
    handed_over: list[tuple[str, str]] = field(default_factory=list)

    def open_popup(self) -> "FakePopup":
        if self.blocks_popups:
            raise PopupBlocked
        self.popups.append(FakePopup())
        return self.popups[-1]

    def hand_over(self, query: str, state: str) -> None:
        self.handed_over.append((query, state))

    def show(self, href: str) -> None:
        self.href = href

    async def leave(self, url: str) -> None:
        self.left_for.append(url)
        if not self.brought_back:
            await asyncio.Event().wait()

    async def sha256(self, data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    async def verify(self, parsed: ParsedToken, key: Key) -> Verdict:
        return await verify(parsed, key)

    @property
    def asked(self) -> dict[str, str]:
        """The parameters that the page was left with last."""
        return dict(parse_qsl(self.left_for[-1].partition("?")[2]))


@dataclass
class Provider:
    """Grants `access-1` and `refresh-1`, then `-2`, …; what it says is changed by the tests."""

    now: float = 1_700_000_000.0
    algorithm: str = "RS256"
    kid: str = "1"
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk("RS256")])
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    broken: dict[str, Response | OSError] = field(default_factory=dict)  # by path; comes instead, once
    gates: dict[str, Gate] = field(default_factory=dict)  # by path; its answers wait there
    requests: list[Request] = field(default_factory=list)
    challenges: dict[str, dict[str, str]] = field(default_factory=dict)
    granted: int = 0

    def signed_in(self, page: FakePage | FakePopup, **more: str) -> str:
        """The user signs in where the page was left for; the URL that leads back."""
        asked = page.asked
        code = f"code-{len(self.challenges) + 1}"
        self.challenges[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": ISSUER, **more}
        uri = asked["redirect_uri"]
        return f"{uri}{'&' if '?' in uri else '?'}{urlencode(answer)}"

    def forms(self, path: str = "/token") -> list[dict[str, list[str]]]:
        return [parse_qs(request.body) for request in self.requests if request.url == ISSUER + path]

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        await asyncio.sleep(0)
        if request.url.startswith(API):
            token = request.headers.get("Authorization")
            return Response(200 if token == f"Bearer access-{self.granted}" else 401)
        path = request.url.removeprefix(ISSUER)
        response = self.answer_to(path, request)
        if (gate := self.gates.get(path)) is not None:
            await gate.passed()
        return response

    def answer_to(self, path: str, request: Request) -> Response:
        if (broken := self.broken.pop(path, None)) is not None:
            if isinstance(broken, OSError):
                raise broken
            return broken
        match path:
            case "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server":
                return said(self.described())
            case "/jwks":
                return said({"keys": self.keys})
            case "/token":
                return self.grant(dict(parse_qsl(request.body)))
            case "/revoke":
                return Response(200)
        return Response(404)

    def described(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "revocation_endpoint": f"{ISSUER}/revoke",
            "end_session_endpoint": f"{ISSUER}/logout",
            "jwks_uri": f"{ISSUER}/jwks",
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def grant(self, form: Mapping[str, str]) -> Response:
        fields: dict[str, Any] = {}
        if form["grant_type"] == "authorization_code":
            asked = self.challenges.pop(form["code"], None)
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if asked is None or urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
                return said({"error": "invalid_grant"}, 400)
            fields = {"id_token": self.id_token(asked.get("nonce"))}
        elif form["refresh_token"] != f"refresh-{self.granted}":
            return said({"error": "invalid_grant"}, 400)
        self.granted += 1
        tokens = {"access_token": f"access-{self.granted}", "refresh_token": f"refresh-{self.granted}"}
        return said({**tokens, "token_type": "Bearer", "expires_in": 300, **fields, **self.answer})

    def id_token(self, nonce: str | None) -> str:
        claims = {"iss": ISSUER, "aud": "page", "sub": "ada", "iat": int(self.now), "exp": int(self.now) + 300}
        claims = {**claims, "nonce": nonce, **self.claims}
        return jwt.encode(claims, private_key(self.algorithm), self.algorithm, headers={"kid": self.kid})


def said(value: Any, status: int = 200) -> Response:
    return Response(status, {"Content-Type": "application/json"}, json.dumps(value).encode())
