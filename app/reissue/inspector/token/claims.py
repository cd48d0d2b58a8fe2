"""A token's claims as they are listed: by who defines them, in order, and each with its time if it is one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from ...tokens.claims import numeric_date
from .display_text import shown


class Sort(Enum):
    """Who defines a claim (RFC 7519 section 4)."""

    REGISTERED = "registered"  # the RFC itself
    PUBLIC = "public"  # the registry of IANA
    PRIVATE = "private"  # the issuer of the token


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
"""Claims that have a sentence of explanation."""

MOST: Final = 100
"""How many claims, members of the header and findings are shown at most: thousands would block the page."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim as it is shown: `value` is JSON on one line or several, without signs that can't be seen."""

    name: str
    value: str = field(repr=False)
    sort: Sort
    time: float | None = None  # seconds since the epoch, if it is one


def claims_of(payload: Mapping[str, Any], *, most: int = MOST) -> list[Claim]:
    """The first `most` claims: the registered ones in the RFC's order, then the public and private in the token's."""

    def place(name: str) -> tuple[int, int]:
        sort = sort_of(name)
        return list(Sort).index(sort), REGISTERED.index(name) if sort is Sort.REGISTERED else 0

    return [
        Claim(name, shown(payload[name]), sort_of(name), numeric_date(payload[name]) if name in TIMES else None)
        for name in sorted(payload, key=place)[:most]
    ]


def sort_of(name: str) -> Sort:
    """Who defines a claim of this name. A name that is a URL belongs to its owner, but stands in no registry."""
    if name in REGISTERED:
        return Sort.REGISTERED
    return Sort.PUBLIC if name in PUBLIC else Sort.PRIVATE
