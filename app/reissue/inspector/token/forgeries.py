"""Tokens to look at: what an attacker would try, and one whose secret is known.

A server that checks takes none of the forged ones.
"""

import time
from collections.abc import Mapping
from typing import Any

from ...tokens.jws import ParsedToken, compact, parse_token
from .jwt_view import with_a_byte_broken

SECRET = "a-string-secret-at-least-256-bits-long"


def broken(parsed: ParsedToken) -> str:
    """The same token with one letter changed."""
    return with_a_byte_broken(parsed)


def unsigned(payload: Mapping[str, Any]) -> str:
    """The same claims, and 'no signature needed' (RFC 7519 section 6)."""
    return compact({"alg": "none", "typ": "JWT"}, payload)


def signed(payload: Mapping[str, Any], secret: str) -> str:
    """The same claims, signed with a text as the shared secret: also with a public key, which everybody has."""
    import jwt

    header = {"alg": "HS256", "typ": "JWT"}
    algorithm: Any = jwt.get_algorithm_by_name("HS256")
    return compact(
        header, payload, algorithm.sign(parse_token(compact(header, payload)).signing_input, secret.encode())
    )


def sample() -> dict[str, Any]:
    """Claims of every kind, good for five minutes."""
    now = int(time.time())
    return {
        **{"iss": "https://id.example", "sub": "ada", "aud": "notes", "exp": now + 300, "nbf": now, "iat": now},
        **{"jti": "9f1c", "name": "Ada Lovelace", "scope": "notes:read notes:write", "auth_time": now - 60},
        **{"https://notes.example/plan": "pro"},
    }
