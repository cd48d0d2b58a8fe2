"""Is a signature valid? This module decides what needs no browser; `browser.webcrypto` verifies with public keys.

The algorithm must fit the key, whatever the token's header says (RFC 8725 section 3.1), and a key in the token itself
proves nothing. A verdict is about the signature only: whether to trust the issuer, and whether the token was revoked,
only the server knows.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from .jws import Kind, ParsedToken, from_base64url

HMAC: Final = ("HS256", "HS384", "HS512")
KEY_TYPES: Final = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
}
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_MEMBERS: Final = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}
_MOST_KEYS: Final = 10  # that are tried for one token: sets have two or three, and each try takes time
_PUBLIC_KEY = re.compile(r"-----BEGIN|^\s*\{.*\"kty\"|^ssh-|^ecdsa-", re.DOTALL)


class Verdict(Enum):
    """The result of a verification. `value` is the key of its text in the inspector."""

    HOLDS = "holds"
    FAILS = "fails"
    HOLDS_BY_ITS_OWN_KEY = "holds_by_its_own_key"  # anybody can sign with a key of their own, and put it in the header
    FAILS_BY_ITS_OWN_KEY = "fails_by_its_own_key"
    HOLDS_BY_A_PUBLIC_KEY = "holds_by_a_public_key"  # HMAC with a secret that everybody can read
    PUBLIC_KEY_AS_SECRET = "public_key_as_secret"
    UNSIGNED = "unsigned"
    NOT_A_JWT = "not_a_jwt"
    UNSUPPORTED = "unsupported"
    NO_SECRET = "no_secret"
    NO_KEYS = "no_keys"
    NO_SUCH_KEY = "no_such_key"
    WRONG_KEY_TYPE = "wrong_key_type"
    UNUSABLE_KEY = "unusable_key"
    NO_CRYPTO = "no_crypto"  # a page that did not come over HTTPS

    @property
    def good(self) -> bool:
        """Was the signature verified?"""
        return self is Verdict.HOLDS

    @property
    def bad(self) -> bool:
        """Was the signature found to be worthless? Neither good nor bad means that it was not verified."""
        return self in _BAD


_BAD = frozenset(
    {
        *(Verdict.FAILS, Verdict.HOLDS_BY_ITS_OWN_KEY, Verdict.FAILS_BY_ITS_OWN_KEY, Verdict.HOLDS_BY_A_PUBLIC_KEY),
        *(Verdict.UNSIGNED, Verdict.PUBLIC_KEY_AS_SECRET),
    }
)


@dataclass(frozen=True, slots=True)
class Key:
    """A public key to verify with. `jwk` has the public key's members only; `own`: the key comes from the token."""

    jwk: Mapping[str, str] = field(repr=False)
    kid: str = ""
    own: bool = False


def before_any_key(parsed: ParsedToken) -> Verdict | None:
    """The verdict that needs no key; None if a key is needed."""
    if parsed.kind is not Kind.SIGNED:
        return Verdict.NOT_A_JWT
    if parsed.algorithm.lower() == "none" or not parsed.signature:
        return Verdict.UNSIGNED
    if parsed.algorithm not in HMAC and parsed.algorithm not in KEY_TYPES:
        return Verdict.UNSUPPORTED
    return None


def by_secret(parsed: ParsedToken, secret: str) -> Verdict:
    """Verify HS256, HS384 or HS512 with a secret that both sides know."""
    if (verdict := before_any_key(parsed)) is not None:
        return verdict
    if parsed.algorithm not in HMAC:
        return Verdict.WRONG_KEY_TYPE
    if not secret:
        return Verdict.NO_SECRET
    holds = _hmac_holds(parsed, secret)
    if _PUBLIC_KEY.search(secret):
        return Verdict.HOLDS_BY_A_PUBLIC_KEY if holds else Verdict.PUBLIC_KEY_AS_SECRET
    return Verdict.HOLDS if holds else Verdict.FAILS


def _hmac_holds(parsed: ParsedToken, secret: str) -> bool:
    import jwt  # here, since a page that verifies nothing need not load it

    algorithm: Any = jwt.get_algorithm_by_name(parsed.algorithm)
    # Not through prepare_key: it refuses public keys, which `by_secret` has to recognise.
    key = secret.encode("utf-8", "surrogatepass")
    return bool(algorithm.verify(parsed.signing_input, key, parsed.signature or b""))


Verify = Callable[[ParsedToken, Key], Awaitable[Verdict]]
"""Was a token signed with the private half of this key?"""


async def by_keys(parsed: ParsedToken, jwks: object, verify: Verify) -> tuple[Verdict, Key | None]:
    """Verify with each key of a JWK set that fits, until one succeeds. Returns the verdict and the key it is about."""
    keys = choose_keys(parsed, jwks)
    if isinstance(keys, Verdict):
        return keys, None
    verdict, tried = Verdict.UNUSABLE_KEY, keys[0]
    for key in keys:
        found = await verify(parsed, key)
        if found not in (Verdict.FAILS, Verdict.UNUSABLE_KEY):
            return found, key
        if found is Verdict.FAILS:
            verdict, tried = found, key
    return verdict, tried


def choose_keys(parsed: ParsedToken, jwks: object) -> tuple[Key, ...] | Verdict:
    """The keys of a JWK set (RFC 7517 section 5) that this token may have been signed with, by its `kid` and algorithm.

    Several keys may have the same `kid`, and a token may name none: then `by_keys` tries one after the other.
    """
    if (verdict := before_any_key(parsed)) is not None:
        return verdict
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    keys = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
    if parsed.algorithm in HMAC:
        return Verdict.PUBLIC_KEY_AS_SECRET if keys else Verdict.WRONG_KEY_TYPE
    if not keys:
        return Verdict.NO_KEYS
    kid = (parsed.header or {}).get("kid")
    named = [key for key in keys if kid is None or key.get("kid") == kid]
    if not named:
        return Verdict.NO_SUCH_KEY
    fitting = [key for key in named if _fits(key, parsed.algorithm)]
    if not fitting:
        return Verdict.WRONG_KEY_TYPE
    keys = tuple(key for key in map(_key, fitting[:_MOST_KEYS]) if isinstance(key, Key))
    return keys or Verdict.UNUSABLE_KEY


def own_key(parsed: ParsedToken) -> Key | None:
    """The key in the token's own header (RFC 7515 section 4.1.3); None if there is none that can be used."""
    jwk = (parsed.header or {}).get("jwk")
    if before_any_key(parsed) is not None or not isinstance(jwk, dict) or not _fits(jwk, parsed.algorithm):
        return None
    key = _key(jwk, own=True)
    return key if isinstance(key, Key) else None


def _fits(jwk: Mapping[str, Any], algorithm: str) -> bool:
    """Does this key fit the algorithm, as far as its members say?"""
    if jwk.get("kty") != KEY_TYPES.get(algorithm) or jwk.get("use", "sig") != "sig":
        return False
    if algorithm in _CURVES and jwk.get("crv") != _CURVES[algorithm]:
        return False
    return bool(jwk.get("alg", algorithm) == algorithm)


def _key(jwk: Mapping[str, Any], *, own: bool = False) -> Key | Verdict:
    members = {name: jwk.get(name) for name in _MEMBERS[str(jwk["kty"])]}
    if not all(isinstance(value, str) for value in members.values()):
        return Verdict.UNUSABLE_KEY
    if not all(from_base64url(str(members[name])) for name in members if name not in ("kty", "crv")):
        return Verdict.UNUSABLE_KEY
    kid = jwk.get("kid")
    return Key({name: str(value) for name, value in members.items()}, kid if isinstance(kid, str) else "", own)
