"""What a JWT says about itself. Nothing here verifies a signature: the server does that.

Claims are for showing a name and for knowing a lifetime. A decision about access belongs to the server, which does not
rely on what a page has verified.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from math import inf, isfinite
from typing import Any, Final

from ..errors import MalformedToken
from ..http.json_text import is_number, object_in

LONGEST: Final = 100_000
"""Characters of a JWT that is read: more than any server accepts in a header. A longer one is sent, but not read."""

DEEPEST: Final = 50
"""How deep the arrays and objects in a JWT may be nested. A JWT with a deeper one is sent, but not read."""

# RFC 6749 appendices A.12 and A.17 allow printable ASCII. In a header field, where an access token stands but never a
# refresh token, a space would end the token (RFC 6750 section 2.1).
_TOKEN = re.compile(r"[\x21-\x7e]+")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}")
_REFRESH_TOKEN = re.compile(r"[\x20-\x7e]+")


def checked_refresh_token(token: object) -> str:
    """`token` itself, if it can be a refresh token. Raises MalformedToken, which never quotes it."""
    return checked_token(token, "refresh token", pattern=_REFRESH_TOKEN)


def checked_token(token: object, name: str = "access token", *, pattern: re.Pattern[str] = _TOKEN) -> str:
    """`token` itself, if it can stand in a header field. Raises MalformedToken, which never quotes it."""
    if not isinstance(token, str):
        raise MalformedToken(f"the {name} is text, not {type(token).__name__}")
    if not token:
        raise MalformedToken(f"the {name} is empty")
    if not pattern.fullmatch(token):
        raise MalformedToken(f"the {name} holds a character that no token may hold (RFC 6749, appendix A)")
    return token


def unverified_claims(token: str) -> Mapping[str, Any]:
    """The claims of a JWT, read and *not verified* (RFC 7519 section 4). Raises MalformedToken if it is no JWT.

    A token that is longer than `LONGEST` or nested deeper than `DEEPEST` counts as no JWT, and is not parsed.
    """
    parts = checked_token(token).split(".", 3) if len(token) <= LONGEST else []
    if len(parts) == 3:
        try:
            header, payload, _ = map(_decoded, parts)
        except ValueError:
            raise MalformedToken("not a JSON Web Token: an opaque token has no claims to read") from None
        claims = object_in(payload, deepest=DEEPEST)
        if claims is not None and object_in(header, deepest=DEEPEST) is not None:
            return claims
    raise MalformedToken(
        "not a JSON Web Token: an opaque token has no claims to read"
    )  # without a cause that would quote the token's parts


def _decoded(part: str) -> bytes:
    """The bytes of a part of a JWT. Raises ValueError if it is not base64url; padding, which some servers send, is."""
    if not _BASE64URL.fullmatch(part):  # the decoder would skip other characters (RFC 7515 section 2)
        raise ValueError("not base64url")
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def lifetime(claims: Mapping[str, Any], *, now: float) -> float | None:
    """The seconds that a token with these claims lives from `now`, its time of receipt; None if it does not say.

    Counted as `exp - iat`, since both come from the server's clock and the page's may be wrong (T12). `exp` alone can
    only be compared with the page's clock; if the token seems expired on arrival, the clock is assumed to be wrong.
    """
    expires, issued = numeric_date(claims.get("exp")), numeric_date(claims.get("iat"))
    if expires is None:
        return None
    life = expires - (now if issued is None else issued)
    return life if 0 < life < inf else None


def numeric_date(value: object) -> float | None:
    """A time in seconds since the epoch (RFC 7519 section 2: NumericDate), or None for anything else."""
    if not is_number(value):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None
