"""The key that access tokens are signed with, and its public part."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ALGORITHMS = ("HS256", "RS256", "ES256")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair, or for HS256 one secret."""

    algorithm: str
    private: Any = field(repr=False)
    public: Any = field(repr=False)
    kid: str = field(default_factory=lambda: secrets.token_urlsafe(8))

    @classmethod
    def generate(cls, algorithm: str) -> SigningKey:
        """A new key for one of `ALGORITHMS`."""
        if algorithm == "HS256":
            secret = secrets.token_bytes(32)  # as long as the hash: RFC 7518 section 3.2
            return cls(algorithm, secret, secret)
        private: Any
        if algorithm == "RS256":
            private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        elif algorithm == "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        else:
            raise ValueError(f"not one of {ALGORITHMS}: {algorithm}")
        return cls(algorithm, private, private.public_key())

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public key as a JWK set (RFC 7517 section 5). An HMAC key is a secret: empty for HS256."""
        if self.algorithm == "HS256":
            return {"keys": []}
        jwk = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.public, as_dict=True)
        return {"keys": [{**jwk, "kid": self.kid, "use": "sig", "alg": self.algorithm}]}
