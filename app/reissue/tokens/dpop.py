"""Proofs that the sender has the key to which a token is bound (DPoP, RFC 9449): how they are written, and with which
nonce.

A proof is a small JWT for one attempt of one request. The object that holds the key and signs with it is a parameter:
in a page it is the browser, which lets no script read the key (`browser/page_key.py`).

Theory of operation:

1. Each attempt has a proof of its own (X3): a server accepts no proof twice.
2. A server may want a nonce of its own in each proof (sections 8 and 9). The last nonce that an origin has sent with
   any answer is used. The API's nonces and the endpoint's are kept apart, even if they share an origin.
3. An answer that asks for a nonce does not reject the token. The request is sent once more with exactly that nonce,
   since one that another answer has brought since may be older; and nothing is refreshed. `attempts` does so for the
   API's requests, `oauth2/dpop_calls` for the calls to the endpoint.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..http.messages import Request
from ..http.outcomes import field_of
from ..http.urls import ParseUrl
from .credentials import Credential


class Proofs(Protocol):
    """Makes proofs with one key, which the session's tokens are bound to."""

    async def proof(self, method: str, url: str, *, access_token: str | None = None, nonce: str | None = None) -> str:
        """A new proof for one attempt. `url` is absolute, without query and fragment."""
        ...


class Key(Protocol):
    """An ES256 key: elliptic curve P-256, SHA-256."""

    async def public(self) -> Mapping[str, str]:
        """The public key as a JWK with `kty`, `crv`, `x` and `y` (RFC 7518 section 6.2)."""
        ...

    async def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes (RFC 7518 section 3.4)."""
        ...


class SignedProofs:
    """`Proofs` of a key. `clock` returns wall-clock seconds."""

    def __init__(self, key: Key, *, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock

    async def proof(self, method: str, url: str, *, access_token: str | None = None, nonce: str | None = None) -> str:
        """A new proof (RFC 9449 section 4.2)."""
        # Imported here, since a page without DPoP does not need them.
        import hashlib

        from .jws import to_base64url

        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": dict(await self._key.public())}
        jti = to_base64url(os.urandom(16))
        claims: dict[str, Any] = {"jti": jti, "htm": method, "htu": url, "iat": int(self._clock())}
        if access_token is not None:
            claims["ath"] = to_base64url(hashlib.sha256(access_token.encode("ascii")).digest())
        if nonce is not None:
            claims["nonce"] = nonce
        message = ".".join(to_base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{message}.{to_base64url(await self._key.sign(message.encode('ascii')))}"


class Prover:
    """Makes proofs for the requests to the API, or to the endpoint, and remembers the nonces of each origin."""

    def __init__(self, proofs: Proofs, parse: ParseUrl) -> None:
        self._proofs = proofs
        self._parse = parse
        self._nonces: dict[str, str] = {}  # by origin

    async def proof(
        self, request: Request, credential: Credential | None = None, *, nonce: str | None = None
    ) -> tuple[str, str | None]:
        """A new proof for this request with this credential, and the nonce in it: `nonce`, or the origin's last one.

        The request's URL is absolute.
        """
        url = self._parse(request.url)
        nonce = nonce or self._nonces.get(url.origin)
        token = credential.access_token if credential else None
        proof = await self._proofs.proof(request.method, url.origin + url.path, access_token=token, nonce=nonce)
        return proof, nonce

    def learn(self, request: Request, answer: Any) -> str | None:
        """Remember the nonce in this answer for the origin's next request, and return it; None if there is none."""
        nonce = field_of(answer, "DPoP-Nonce") or None
        if nonce is not None:
            self._nonces[self._parse(request.url).origin] = nonce
        return nonce
