"""Validates ID tokens (OpenID Connect Core 1.0, section 3.1.3.7).

An ID token that is not valid raises GrantRefused("invalid_id_token"), whose description says why and quotes nothing.
The functions that fetch keys and verify signatures are parameters.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import GrantRefused
from ..http.json_text import is_number
from ..tokens.jws import Kind, parse_token
from ..tokens.signatures import KEY_TYPES, Verdict, Verify, by_keys

LEEWAY: Final = 300.0
"""Seconds by which the page's clock may be wrong. The nonce ties the token to this sign-in even so."""

FetchKeys = Callable[[bool], Awaitable[object]]
"""The issuer's JWK set (RFC 7517 section 5); True fetches it anew."""

_UNKNOWN_KEY: Final = (Verdict.NO_SUCH_KEY, Verdict.NO_KEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an ID token must say. `max_age` (seconds), if requested, is how long ago the user may have signed in."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    max_age: float | None = None


async def validated(
    token: object, expected: Expected, *, fetch_keys: FetchKeys, verify: Verify, now: float
) -> Mapping[str, Any]:
    """The claims of a valid ID token. Raises GrantRefused, and the errors of `fetch_keys` and `verify`.

    If the known key set lacks the token's key, the key may be new: the set is then fetched anew, once. So it is if the
    token names no key, and its signature fails with every known key.
    """
    if not isinstance(token, str):
        raise _refused("the answer has none")
    parsed = parse_token(token)
    if parsed.kind is not Kind.SIGNED or parsed.token != token:
        raise _refused("it is no signed JSON Web Token")
    if parsed.twice:
        raise _refused("it has a member twice")
    if parsed.algorithm not in KEY_TYPES:  # `none` or HS256, for example: a page has no secret to verify with
        raise _refused("it is not signed with a public key's algorithm")
    assert parsed.header is not None, "it is SIGNED"
    assert parsed.payload is not None, "it is SIGNED"
    if "crit" in parsed.header:
        raise _refused("it has an unknown extension (RFC 7515 section 4.1.11)")
    check_claims(parsed.payload, expected, now=now)
    verdict, _ = await by_keys(parsed, await fetch_keys(False), verify)
    if verdict in _UNKNOWN_KEY or (verdict is Verdict.FAILS and parsed.header.get("kid") is None):
        verdict, _ = await by_keys(parsed, await fetch_keys(True), verify)
    if verdict is not Verdict.HOLDS:
        raise _refused(f"its signature was not verified: {verdict.value}")
    return parsed.payload


def check_claims(claims: Mapping[str, Any], expected: Expected, *, now: float) -> None:
    """Raise GrantRefused unless these claims are for this client, from this issuer, and of this sign-in."""
    if claims.get("iss") != expected.issuer:
        raise _refused("another issuer made it")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise _refused("it is for another client")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != expected.client_id:
        raise _refused("it was issued to another client")
    if claims.get("nonce") != expected.nonce:
        raise _refused("it belongs to another sign-in")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise _refused("it names no user")
    if not _number(claims, "exp") > now - LEEWAY:
        raise _refused("it has expired, or this machine's clock is wrong")
    if not _number(claims, "iat") < now + LEEWAY:
        raise _refused("it is from the future, or this machine's clock is wrong")
    if "nbf" in claims and not _number(claims, "nbf") < now + LEEWAY:
        raise _refused("it is not valid yet, or this machine's clock is wrong")
    if expected.max_age is not None and not _number(claims, "auth_time") >= now - expected.max_age - LEEWAY:
        raise _refused("the user signed in longer ago than was asked for")


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if not is_number(value):
        raise _refused(f"it has no {name}")
    return value


def _refused(reason: str) -> GrantRefused:
    return GrantRefused(
        "invalid_id_token",
        f"the ID token is not valid: {reason}",
        advice=f"The ID token is not valid: {reason}. Check client_id= and this machine's clock",
    )
