"""Tokens to look at: what an attacker would try, and one whose secret is known.

A server that checks takes none of the forged ones.
"""

import time
from collections.abc import Mapping
from typing import Any

from ...tokens.jws import ParsedToken, compact, from_base64url, parse_token, to_base64url
from . import editing

SECRET = "a-string-secret-at-least-256-bits-long"
_TRIED = 500_000  # characters, parsed again and again in search of a letter that can be changed


def broken(parsed: ParsedToken) -> str:
    """The same token with one letter of its payload changed. It can still be read, unless no letter allows that."""
    header, payload, *rest = (*parsed.parts, "", "")[:3]
    text = (from_base64url(payload) or b"").decode("utf-8", "replace")
    letters = [place for place, sign in enumerate(text) if sign.isascii() and sign.isalnum()]
    for place in letters[: 20 + _TRIED // (len(text) + 1)]:
        other = text[:place] + _next(text[place]) + text[place + 1 :]
        changed = parse_token(f"{header}.{to_base64url(other.encode())}.{''.join(rest)}")
        if changed.payload is not None and changed.payload.keys() == (parsed.payload or {}).keys():
            return changed.token
    return f"{header}.{payload[:-1]}{'A' if payload[-1:] != 'A' else 'B'}.{''.join(rest)}"


def unsigned(payload: Mapping[str, Any]) -> str:
    """The same claims, and 'no signature needed' (RFC 7519 section 6)."""
    return compact({"alg": "none", "typ": "JWT"}, payload)


def signed(payload: Mapping[str, Any], secret: str) -> str:
    """The same claims, signed with a text as the shared secret: also with a public key, which everybody has."""
    return editing.signed({"alg": "HS256", "typ": "JWT"}, payload, secret)


def sample() -> dict[str, Any]:
    """Claims of every kind, good for five minutes."""
    now = int(time.time())
    return {
        **{"iss": "https://id.example", "sub": "ada", "aud": "notes", "exp": now + 300, "nbf": now, "iat": now},
        **{"jti": "9f1c", "name": "Ada Lovelace", "scope": "notes:read notes:write", "auth_time": now - 60},
        **{"https://notes.example/plan": "pro"},
    }


def _next(sign: str) -> str:
    """Another sign of the same kind, so that a number stays one."""
    if sign.isdecimal():
        return "1" if sign != "1" else "2"
    return "x" if sign != "x" else "y"
