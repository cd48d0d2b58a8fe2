"""What deserves a look in a token: signs of an attack, mistakes of its issuer, and times that don't fit.

Nothing here verifies a signature (see `signatures`), and no token makes it raise. The clock's time is handed in.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from ...tokens.claims import numeric_date
from ...tokens.jws import Kind, ParsedToken
from .claims import TIMES
from .display_text import shown, visible

ALGORITHMS: Final[Mapping[str, int | None]] = {
    # RFC 7518 section 3.1, with the bytes of a signature; None where the key's size decides
    **{"HS256": 32, "HS384": 48, "HS512": 64, "RS256": None, "RS384": None, "RS512": None},
    **{"ES256": 64, "ES384": 96, "ES512": 132, "PS256": None, "PS384": None, "PS512": None, "EdDSA": 64},
}

_SECRETIVE = re.compile(r"passw(or)?d|secret|api_?key|private_?key|credit_?card|card_?number|\bcvv\b|\bssn\b", re.I)
_INJECTION = re.compile(r"\.\.|[/\\'\";|$`<>\x00]")
_DAY = 86_400  # seconds
_MILLISECONDS = 1e11  # in seconds that would be the year 5138


class FindingKind(Enum):
    """A kind of finding. `value` names the words for it."""

    ALG_NONE = "alg_none"
    ALG_MISSING = "alg_missing"
    ALG_UNKNOWN = "alg_unknown"
    KEY_INSIDE = "key_inside"  # jwk, x5c
    KEY_URL = "key_url"  # jku, x5u
    KID_INJECTION = "kid_injection"
    CRITICAL = "critical"
    NO_SIGNATURE = "no_signature"
    SIGNATURE_LENGTH = "signature_length"
    SIGNED_NOTHING = "signed_nothing"
    TWICE = "twice"
    NO_EXPIRY = "no_expiry"
    LONG_LIFE = "long_life"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    FROM_THE_FUTURE = "from_the_future"
    NO_TIME = "no_time"
    MILLISECONDS = "milliseconds"
    NO_AUDIENCE = "no_audience"
    NO_ISSUER = "no_issuer"
    SECRET_INSIDE = "secret_inside"


GRAVE: Final = frozenset(
    {
        FindingKind.ALG_NONE,
        FindingKind.ALG_MISSING,
        FindingKind.KEY_INSIDE,
        FindingKind.KEY_URL,
        FindingKind.KID_INJECTION,
        FindingKind.NO_SIGNATURE,
        FindingKind.SIGNATURE_LENGTH,
        FindingKind.TWICE,
        FindingKind.MILLISECONDS,
        FindingKind.NO_TIME,
        FindingKind.SECRET_INSIDE,
        FindingKind.SIGNED_NOTHING,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, and the member of the token that it is about."""

    kind: FindingKind
    about: str = ""

    @property
    def grave(self) -> bool:
        """Is it a sign of an attack or of a bug, rather than a matter of taste or of time?"""
        return self.kind in GRAVE


def findings_of(parsed: ParsedToken, *, now: float, leeway: float = 5) -> list[Finding]:
    """The findings about a token, grave ones first. `leeway` (seconds) is how far two clocks may be apart."""
    found = [*(Finding(FindingKind.TWICE, name) for name in parsed.twice)]
    if parsed.header is not None:
        found += [*_of_algorithm(parsed), *_of_keys(parsed.header), *_of_signature(parsed)]
    if parsed.payload is not None:
        found += [*_of_times(parsed.payload, now, leeway), *_of_payload(parsed.payload)]
    return sorted(found, key=lambda finding: not finding.grave)


def _of_algorithm(parsed: ParsedToken) -> Iterator[Finding]:
    algorithm = parsed.algorithm
    if algorithm.lower() == "none":
        yield Finding(FindingKind.ALG_NONE, visible(algorithm, 20))
    elif not algorithm:
        yield Finding(FindingKind.ALG_MISSING)
    elif algorithm not in ALGORITHMS and parsed.kind is not Kind.ENCRYPTED:
        yield Finding(FindingKind.ALG_UNKNOWN, visible(algorithm, 40))


def _of_keys(header: Mapping[str, Any]) -> Iterator[Finding]:
    """What a header says of the key, and of what a reader must understand."""
    for name in ("jwk", "x5c"):
        if name in header:
            yield Finding(FindingKind.KEY_INSIDE, name)
    for name in ("jku", "x5u"):
        if name in header:
            yield Finding(FindingKind.KEY_URL, name)
    if isinstance(kid := header.get("kid"), str) and _INJECTION.search(kid):
        yield Finding(FindingKind.KID_INJECTION, visible(kid, 80))
    if "crit" in header:
        yield Finding(FindingKind.CRITICAL, shown(header["crit"], 80))


def _of_signature(parsed: ParsedToken) -> Iterator[Finding]:
    if parsed.signature is None or parsed.algorithm.lower() == "none":
        return
    length = ALGORITHMS.get(parsed.algorithm)
    if not parsed.signature:
        yield Finding(FindingKind.NO_SIGNATURE)
    elif length is not None and len(parsed.signature) != length:
        yield Finding(FindingKind.SIGNATURE_LENGTH, f"{len(parsed.signature)} ≠ {length}")
    elif not any(parsed.signature):
        # CVE-2022-21449: r = s = 0 was accepted for every message and every key.
        yield Finding(FindingKind.SIGNED_NOTHING)


def _of_times(payload: Mapping[str, Any], now: float, leeway: float) -> Iterator[Finding]:
    times = {name: numeric_date(payload[name]) for name in TIMES if name in payload}
    for name, time in times.items():
        if time is None:
            yield Finding(FindingKind.NO_TIME, name)
        elif abs(time) > _MILLISECONDS:
            yield Finding(FindingKind.MILLISECONDS, name)
    expires, issued, begins = times.get("exp"), times.get("iat"), times.get("nbf")
    if "exp" not in payload:
        yield Finding(FindingKind.NO_EXPIRY)
    if expires is not None and expires <= now:
        yield Finding(FindingKind.EXPIRED, "exp")
    if expires is not None and expires - (now if issued is None else issued) > _DAY:
        yield Finding(FindingKind.LONG_LIFE, "exp")
    if begins is not None and begins > now + leeway:
        yield Finding(FindingKind.NOT_YET, "nbf")
    if issued is not None and issued > now + leeway:
        yield Finding(FindingKind.FROM_THE_FUTURE, "iat")


def _of_payload(payload: Mapping[str, Any]) -> Iterator[Finding]:
    if "aud" not in payload:
        yield Finding(FindingKind.NO_AUDIENCE)
    if "iss" not in payload:
        yield Finding(FindingKind.NO_ISSUER)
    for name in payload:
        if _SECRETIVE.search(name):
            yield Finding(FindingKind.SECRET_INSIDE, visible(name, 60))
