"""What there is to see in a token: its parts, its claims by kind, its times, and what is odd about it.

Plain Python without a browser, a clock or a language of its own: `now` is handed in, and words are the view's. Nothing
here verifies anything (see `signatures`), and no text, however hostile, makes it raise.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from math import isfinite
from typing import Any, Final

from ...tokens.jws import Kind, ParsedToken, from_base64url, parse_token, to_base64url


class Sort(Enum):
    """Who says what a claim means (RFC 7519 section 4)."""

    REGISTERED = "registered"  # the RFC itself
    PUBLIC = "public"  # the registry of IANA
    PRIVATE = "private"  # whoever issued the token


REGISTERED: Final = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti")
PUBLIC: Final = frozenset(
    # https://www.iana.org/assignments/jwt: those that access tokens and ID tokens carry
    {
        *("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture"),
        *("website", "email", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number"),
        *("phone_number_verified", "address", "updated_at", "azp", "nonce", "auth_time", "at_hash", "c_hash", "acr"),
        *("amr", "sub_jwk", "cnf", "act", "scope", "client_id", "may_act", "sid", "events", "txn", "roles", "groups"),
        *("entitlements", "authorization_details", "sub_id", "verified_claims", "htm", "htu", "ath"),
    }
)
TIMES: Final = ("exp", "nbf", "iat", "auth_time", "updated_at")
EXPLAINED: Final = frozenset(
    {
        *REGISTERED,
        *("name", "email", "scope", "roles", "groups", "azp", "client_id", "nonce", "auth_time", "acr", "amr", "sid"),
        *("cnf", "act", "preferred_username", "updated_at"),
    }
)
"""The claims that the view has a sentence for."""

ALGORITHMS: Final[Mapping[str, int | None]] = {
    # RFC 7518 section 3.1, with the bytes of a signature; None where the key's size decides
    **{"HS256": 32, "HS384": 48, "HS512": 64, "RS256": None, "RS384": None, "RS512": None},
    **{"ES256": 64, "ES384": 96, "ES512": 132, "PS256": None, "PS384": None, "PS512": None, "EdDSA": 64},
}
MOST: Final = 100
"""The view shows so many claims, members of the header, and findings: the page would stand still over thousands."""

_SECRETIVE = re.compile(r"passw(or)?d|secret|api_?key|private_?key|credit_?card|card_?number|\bcvv\b|\bssn\b", re.I)
_INJECTION = re.compile(r"\.\.|[/\\'\";|$`<>\x00]")
_DAY = 86_400
_TRIED = 500_000  # signs, read again and again in search of one that can be changed
_MILLISECONDS = 1e11  # in seconds that would be the year 5138


class FindingKind(Enum):
    """Something about a token that deserves a look. `value` names the words for it."""

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
    """One finding, and the member that it is about."""

    kind: FindingKind
    about: str = ""

    @property
    def grave(self) -> bool:
        """Is it a sign of an attack or of a bug, rather than a matter of taste or of time?"""
        return self.kind in GRAVE


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim as it is shown: `value` is JSON on one line or several, without signs that can't be seen."""

    name: str
    value: str = field(repr=False)
    sort: Sort
    time: float | None = None  # seconds since the epoch, if it is one


# --- Claims -------------------------------------------------------------------------------------------------


def claims_of(payload: Mapping[str, Any], *, most: int = MOST) -> list[Claim]:
    """The first `most` claims: the registered ones in the RFC's order, then the public and private in the token's."""

    def place(name: str) -> tuple[int, int]:
        sort = sort_of(name)
        return list(Sort).index(sort), REGISTERED.index(name) if sort is Sort.REGISTERED else 0

    return [
        Claim(name, shown(payload[name]), sort_of(name), seconds(payload[name]) if name in TIMES else None)
        for name in sorted(payload, key=place)[:most]
    ]


def sort_of(name: str) -> Sort:
    """Who says what a claim of this name means. A name that is a URL is nobody else's, but no registry knows it."""
    if name in REGISTERED:
        return Sort.REGISTERED
    return Sort.PUBLIC if name in PUBLIC else Sort.PRIVATE


def shown(value: Any, longest: int = 2_000) -> str:
    """A value as JSON to look at: on several lines if it has members, and cut where it is very long."""
    indent = 2 if isinstance(value, (dict, list)) and value else None
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False, indent=indent).iterencode(value):
        text += piece
        if len(text) > longest:
            break  # the rest would not be seen, and indentation can make it many times as long as the token
    return visible(text, longest)


def visible(text: str, longest: int = 2_000) -> str:
    """A text in which every sign can be seen: a right-to-left override could make a token look like another."""
    cut = text[:longest] + ("…" if len(text) > longest else "")
    return "".join(sign if sign.isprintable() or sign == "\n" else f"\\u{ord(sign):04x}" for sign in cut)


# --- Times --------------------------------------------------------------------------------------------------


def seconds(value: object) -> float | None:
    """A NumericDate (RFC 7519 section 2); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


def date_of(time: float) -> str:
    """A time in UTC, as people write it; empty if no calendar has it."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return ""


UNITS: Final = (("y", 365 * _DAY), ("d", _DAY), ("h", 3600), ("min", 60), ("s", 1))


def lasting(length: float) -> list[tuple[int, str]]:
    """A length of time in its two largest units, of `UNITS`: 3700 s are [(1, "h"), (1, "min")]. Never empty."""
    left = round(min(abs(length), 1e15))
    parts: list[tuple[int, str]] = []
    for unit, size in UNITS:
        count, rest = divmod(left, size)
        if count or (parts and unit != "s"):
            parts.append((count, unit))
            left = rest
        if len(parts) == 2:
            break
    return [part for part in parts if part[0]] or [(left, "s")]


# --- What is odd --------------------------------------------------------------------------------------------


def findings_of(parsed: ParsedToken, *, now: float, leeway: float = 5) -> list[Finding]:
    """What deserves a look, the grave first. `leeway` (seconds) is how far two clocks may be apart."""
    found = [*(Finding(FindingKind.TWICE, name) for name in parsed.twice)]
    if parsed.header is not None:
        found += _of_header(parsed, parsed.header)
    if parsed.payload is not None:
        found += _of_payload(parsed.payload, now, leeway)
    return sorted(found, key=lambda finding: not finding.grave)


def _of_header(parsed: ParsedToken, header: Mapping[str, Any]) -> Iterator[Finding]:
    algorithm = parsed.algorithm
    unsigned = algorithm.lower() == "none"
    if unsigned:
        yield Finding(FindingKind.ALG_NONE, visible(algorithm, 20))
    elif not algorithm:
        yield Finding(FindingKind.ALG_MISSING)
    elif algorithm not in ALGORITHMS and parsed.kind is not Kind.ENCRYPTED:
        yield Finding(FindingKind.ALG_UNKNOWN, visible(algorithm, 40))
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
    if parsed.signature is None or unsigned:
        return
    length = ALGORITHMS.get(algorithm)
    if not parsed.signature:
        yield Finding(FindingKind.NO_SIGNATURE)
    elif length is not None and len(parsed.signature) != length:
        yield Finding(FindingKind.SIGNATURE_LENGTH, f"{len(parsed.signature)} ≠ {length}")
    elif not any(parsed.signature):
        # CVE-2022-21449: r = s = 0 was good for every message and every key.
        yield Finding(FindingKind.SIGNED_NOTHING)


def _of_payload(payload: Mapping[str, Any], now: float, leeway: float) -> Iterator[Finding]:
    times = {name: seconds(payload[name]) for name in TIMES if name in payload}
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
    if "aud" not in payload:
        yield Finding(FindingKind.NO_AUDIENCE)
    if "iss" not in payload:
        yield Finding(FindingKind.NO_ISSUER)
    for name in payload:
        if _SECRETIVE.search(name):
            yield Finding(FindingKind.SECRET_INSIDE, visible(name, 60))


# --- Tokens to try ------------------------------------------------------------------------------------------


def with_a_byte_broken(parsed: ParsedToken) -> str:
    """The same token with one letter of its payload changed such that it can still be read, where there is one."""
    header, payload, *rest = (*parsed.parts, "", "")[:3]
    text = (from_base64url(payload) or b"").decode("utf-8", "replace")
    letters = [place for place, sign in enumerate(text) if sign.isascii() and sign.isalnum()]
    for place in letters[: 20 + _TRIED // (len(text) + 1)]:
        other = text[:place] + _next(text[place]) + text[place + 1 :]
        broken = parse_token(f"{header}.{to_base64url(other.encode())}.{''.join(rest)}")
        if broken.payload is not None and broken.payload.keys() == (parsed.payload or {}).keys():
            return broken.token
    return f"{header}.{payload[:-1]}{'A' if payload[-1:] != 'A' else 'B'}.{''.join(rest)}"


def _next(sign: str) -> str:
    """Another sign of the same kind, so that a number stays one."""
    if sign.isdecimal():
        return "1" if sign != "1" else "2"
    return "x" if sign != "x" else "y"
