"""A server's strict look at a proof (DPoP): every check of RFC 9449 section 4.3."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt


class ProofRefused(Exception):
    """`code` is `invalid_dpop_proof` or `use_dpop_nonce`."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class ProofChecker:
    """Takes each proof once, with the nonce that is current. `age` is how many seconds old it may be."""

    def __init__(self, *, clock: Callable[[], float] = time.time, age: float = 60) -> None:
        self._clock = clock
        self._age = age
        self._seen: set[str] = set()
        self.nonce: str | None = None
        self.taken: list[dict[str, Any]] = []  # the claims of all that were in order
        self.rotate()

    def rotate(self) -> None:
        """From now on another nonce is wanted."""
        self.nonce = secrets.token_urlsafe(8)

    def check(self, proof: str | None, method: str, url: str, *, token: str | None = None) -> str:
        """The thumbprint (RFC 7638) of the key that made the proof. Raises ProofRefused."""
        if not proof:
            raise ProofRefused("invalid_dpop_proof", "there is no proof")
        try:
            header = jwt.get_unverified_header(proof)
            jwk = header["jwk"]
            if header["typ"] != "dpop+jwt" or header["alg"] != "ES256" or set(jwk) != {"kty", "crv", "x", "y"}:
                raise ProofRefused("invalid_dpop_proof", f"not the header of a proof: {header}")
            claims = jwt.decode(
                proof, jwt.PyJWK(jwk, algorithm="ES256"), algorithms=["ES256"], options={"verify_iat": False}
            )
        except (jwt.InvalidTokenError, jwt.PyJWKError, KeyError) as error:
            raise ProofRefused("invalid_dpop_proof", f"not a proof: {error}") from error
        expected = {"htm": method, "htu": url}
        if token is not None:
            expected["ath"] = encoded(hashlib.sha256(token.encode()).digest())
        if {name: claims.get(name) for name in ("htm", "htu", "ath")} != {"ath": None, **expected}:
            raise ProofRefused("invalid_dpop_proof", f"a proof for something else: {claims}, not {expected}")
        if self.nonce is not None and claims.get("nonce") != self.nonce:
            raise ProofRefused("use_dpop_nonce", "the nonce is missing, or not the current one")
        if not abs(self._clock() - claims["iat"]) <= self._age:
            raise ProofRefused("invalid_dpop_proof", "too old, or of the future")
        if not claims["jti"] or claims["jti"] in self._seen:
            raise ProofRefused("invalid_dpop_proof", "used before")
        self._seen.add(claims["jti"])
        self.taken.append(claims)
        canonical = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        return encoded(hashlib.sha256(canonical.encode()).digest())
