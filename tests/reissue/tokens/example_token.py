"""A token as a server makes it, and the time at which it was made."""

from typing import Any

import jwt

NOW = 1_800_000_000
SECRET = "a-string-secret-at-least-256-bits-long"
CLAIMS = {"iss": "https://id.test", "aud": "api", "sub": "ada", "iat": NOW, "nbf": NOW, "exp": NOW + 300}
MANY = {f"no{n:04}": n for n in range(5_000)}


def token(claims: dict[str, Any] = CLAIMS, **header: Any) -> str:
    return jwt.encode(claims, SECRET, "HS256", headers=header)
