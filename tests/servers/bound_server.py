"""An authorization server and an API whose tokens are bound to keys (DPoP), and that may want a stronger sign-in.

Knows no HTTP library: a request comes as plain values, and an answer goes as such. Refresh tokens rotate, are bound to
the key that they were given to, and a spent one ends its session. A refresh may name a `resource` (RFC 8707): then the
access token is for that one.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt

from tests.servers.proof_checker import ProofChecker, ProofRefused

SECRET = "only-for-tests-and-long-enough-for-hs256"
PASSWORDS = {"ada": "lovelace", "grace": "hopper"}
CODE = "271828"  # that a user's other device shows


@dataclass
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass
class Grant:
    """What one sign-in led to. `key` is the thumbprint that it is bound to; None: to none."""

    user: str
    key: str | None
    acr: str


class BoundServer:
    """`/auth/login`, `/auth/refresh`, `/auth/logout`, and everything else is an API.

    A path with `/vault` wants a sign-in with `acr` "gold", which may be asked for, or come of a code in place of the
    password. `life` is an access token's, in seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, life: float = 300, bound: bool = True) -> None:
        self._clock = clock
        self.life = life
        self.bound = bound
        self.endpoint_proofs = ProofChecker(clock=clock)
        self.api_proofs = ProofChecker(clock=clock)
        self.grants: dict[str, Grant] = {}  # by refresh token
        self.spent: set[str] = set()
        self.revoked: set[str] = set()
        self.minted: set[str] = set()
        self.asked: list[tuple[str, int, str]] = []  # path, status and error of every request
        self.fields: list[dict[str, str]] = []  # of every request for tokens whose proof was in order
        self.resources: set[str] = set()  # that it gives tokens for, besides its own API
        self.names: Callable[[str, str | None], dict[str, Any]] = lambda user, resource: {"sub": user}

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """`url` is absolute; names of headers are in lower case."""
        parts = urlsplit(url)
        plain = f"{parts.scheme}://{parts.netloc}{parts.path}"
        if "/auth/" in parts.path:
            answer = self._endpoint(method, plain, parts.path.partition("/auth/")[2], headers, body)
            nonce = self.endpoint_proofs.nonce
        else:
            answer = self._api(method, plain, parts.path, headers)
            nonce = self.api_proofs.nonce
        if self.bound and nonce is not None:
            answer.headers["DPoP-Nonce"] = nonce
        error = str(answer.fields.get("error", ""))
        self.asked.append((parts.path, answer.status, error))
        return answer

    def _endpoint(self, method: str, url: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        fields: dict[str, str] = dict(parse_qsl(body.decode())) if form else json.loads(body or b"{}")
        held = fields.get("refresh_token", "")
        if path == "logout":
            self.grants.pop(held, None)
            return Answer(204)
        key = None
        if self.bound:
            try:
                key = self.endpoint_proofs.check(headers.get("dpop"), method, url)
            except ProofRefused as refused:
                return Answer(400, fields={"error": refused.code, "error_description": str(refused)})
        self.fields.append(fields)
        if path == "login":
            user, by_code = fields.get("username", ""), fields.get("otp") == CODE
            if user not in PASSWORDS or not (by_code or fields.get("password") == PASSWORDS[user]):
                return Answer(400, fields={"error": "invalid_grant"})
            return self._granted(Grant(user, key, "gold" if by_code else fields.get("acr", "silver")), None)
        resource = fields.get("resource")
        if resource is not None and resource not in self.resources:
            return Answer(400, fields={"error": "invalid_target"})
        grant = self.grants.pop(held, None)
        if held in self.spent:
            self.grants.clear()
        if grant is None or grant.key != key:
            return Answer(400, fields={"error": "invalid_grant"})
        self.spent.add(held)
        return self._granted(grant, resource)

    def _granted(self, grant: Grant, resource: str | None) -> Answer:
        refresh_token = secrets.token_urlsafe(8)
        self.grants[refresh_token] = grant
        self.minted.add(name := secrets.token_urlsafe(8))
        claims = {
            **self.names(grant.user, resource),
            "acr": grant.acr,
            "exp": self._clock() + self.life,
            "iat": self._clock(),
            "jti": name,
            **({"cnf": {"jkt": grant.key}} if grant.key else {}),
            **({"aud": resource} if resource else {}),
        }
        fields = {
            "access_token": jwt.encode(claims, SECRET, algorithm="HS256"),
            "token_type": "DPoP" if grant.key else "Bearer",
            "expires_in": self.life,
            "refresh_token": refresh_token,
        }
        return Answer(200, fields=fields)

    def _api(self, method: str, url: str, path: str, headers: Mapping[str, str]) -> Answer:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = None
        if self.bound:
            try:
                key = self.api_proofs.check(headers.get("dpop"), method, url, token=token)
            except ProofRefused as refused:
                return self._refused(refused.code)
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        try:
            claims = jwt.decode(token, SECRET, algorithms=["HS256"], options=options)
        except jwt.InvalidTokenError:
            return self._refused("invalid_token")
        audience = claims.get("aud")
        meant = any(url.startswith(r) for r in self.resources) if audience is None else not url.startswith(audience)
        right = scheme == ("DPoP" if self.bound else "Bearer") and claims.get("cnf", {}).get("jkt") == key
        if meant or not right or claims["exp"] <= self._clock() or claims["jti"] in self.revoked:
            return self._refused("invalid_token")
        if "/vault" in path and claims["acr"] != "gold":
            return self._refused("insufficient_user_authentication", ', acr_values="gold"')
        return Answer(200, fields={"user": claims["sub"]})

    def _refused(self, error: str, more: str = "") -> Answer:
        scheme = "DPoP" if self.bound else "Bearer"
        return Answer(401, {"WWW-Authenticate": f'{scheme} error="{error}"{more}'}, {"error": error})

    def revoke(self) -> None:
        """The access tokens that there are are refused from now on."""
        self.revoked |= self.minted

    def outcomes(self, path: str) -> list[tuple[int, str]]:
        """Status and error of each request to this path, in their order."""
        return [(status, error) for asked, status, error in self.asked if asked == path]
