"""A JSON Web Token, parsed: its header, its claims, and the bytes that its signature is over (RFC 7515 section 3.1).

Nothing here verifies anything (see `signatures`). Parsing raises nothing, however hostile the text is.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..http.json_text import object_in
from .claims import DEEPEST, LONGEST

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_BEARER = re.compile(r"(?:authorization:\s*+)?bearer\s++", re.IGNORECASE)


class Kind(Enum):
    """What kind of token a text is."""

    EMPTY = "empty"
    SIGNED = "signed"  # a JWT in the compact form of RFC 7515 section 3.1
    ENCRYPTED = "encrypted"  # five parts: RFC 7516; only its header can be read
    BROKEN = "broken"  # three parts, but not all can be read
    OPAQUE = "opaque"  # no JWT: only the server knows what it means


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """A text, read as a token. `parts` are the text between the dots; what could not be read is None."""

    kind: Kind
    parts: tuple[str, ...] = field(default=(), repr=False)
    header: Mapping[str, Any] | None = field(default=None, repr=False)
    payload: Mapping[str, Any] | None = field(default=None, repr=False)
    signature: bytes | None = field(default=None, repr=False)
    twice: tuple[str, ...] = ()  # members that stand in an object more than once

    @property
    def token(self) -> str:
        """The token itself."""
        return ".".join(self.parts)

    @property
    def algorithm(self) -> str:
        """The header's `alg`; empty if it has none, or one that is no text."""
        value = (self.header or {}).get("alg")
        return value if isinstance(value, str) else ""

    @property
    def signing_input(self) -> bytes:
        """What the signature is over (RFC 7515 section 5.1)."""
        return ".".join(self.parts[:2]).encode()


def parse_token(text: str) -> ParsedToken:
    """Read a text as a token. White space, quotes, and `Authorization: Bearer` around it are ignored."""
    text = "".join(_BEARER.sub("", text[: LONGEST * 2].strip().strip("\"'"), count=1).split())
    if not text:
        return ParsedToken(Kind.EMPTY)
    parts = tuple(text.split("."))
    if len(text) > LONGEST or len(parts) not in (3, 5) or not _BASE64URL.fullmatch(text.replace(".", "")):
        return ParsedToken(Kind.OPAQUE, (text[:LONGEST],))
    twice: list[str] = []
    header = _read(parts[0], twice)
    if len(parts) == 5:
        return ParsedToken(Kind.OPAQUE if header is None else Kind.ENCRYPTED, parts, header, twice=tuple(twice))
    payload, signature = _read(parts[1], twice), from_base64url(parts[2])
    if header is None and payload is None:
        return ParsedToken(Kind.OPAQUE, (text,))
    whole = header is not None and payload is not None and signature is not None
    return ParsedToken(Kind.SIGNED if whole else Kind.BROKEN, parts, header, payload, signature, tuple(twice))


def from_base64url(text: str) -> bytes | None:
    """The bytes of a text in base64url without padding (RFC 7515 section 2); None if it is not base64url."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        return None
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_base64url(data: bytes) -> str:
    """Some bytes in base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _read(part: str, twice: list[str]) -> Mapping[str, Any] | None:
    data = from_base64url(part)
    return None if data is None else object_in(data, deepest=DEEPEST, twice=twice)


def compact(header: Mapping[str, Any], payload: Mapping[str, Any], signature: bytes = b"") -> str:
    """A token in its compact form, made of any header, payload and signature."""
    parts = (json.dumps(part, separators=(",", ":"), ensure_ascii=True).encode() for part in (header, payload))
    return ".".join([*map(to_base64url, parts), to_base64url(signature)])
