"""Whose tokens are these? Two credentials, compared by the users that their tokens name.

Nothing here is verified: a page decides by it only what to send and what to hold back.

Theory of operation:

1. Only tokens of the same kind are compared. One user may have a different subject for each resource and for each
   client (pairwise subjects, OpenID Connect Core 1.0 section 8.1), so an access token is compared with one of the same
   issuer and the same audience, and an ID token with an ID token. Tokens that can't be compared may be one user's.
2. Users are compared by one claim that names them in both tokens, as text: `7` and `"7"` are one user. Names that
   differ only in upper and lower case may be one user's, before and after an upgrade of the server.
3. Access tokens decide if they can be compared, else ID tokens do. But an ID token that a credential has inherited from
   the previous one says nothing about the endpoint's answer.
"""

from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import Any, Final

from ..errors import MalformedToken
from ..http.json_text import is_number
from ..http.values import Value
from .claims import unverified_claims
from .credentials import Credential

CLAIMS: Final = ("sub", "user_id", "uid", "username", "email")
"""The claims by which servers name the user. The first that both tokens have counts."""


class UserMatch(Enum):
    """How the users of two tokens compare."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"  # the tokens can't be compared


class Users(Value):
    """Compares credentials by their users. `claim` is what this server calls the claim that names the user; None for
    the first of `CLAIMS` that two tokens have in common.

    Raises TypeError or ValueError for a `claim` that is no name.
    """

    claim: str | None = None

    def __post_init__(self) -> None:
        if self.claim is None:
            return
        if not isinstance(self.claim, str):
            raise TypeError(f"user_claim is the name of a claim, in text, not {type(self.claim).__name__}")
        if not self.claim.strip():
            raise ValueError("user_claim is the name of a claim, not an empty text")

    def compare(self, one: Credential, other: Credential) -> UserMatch:
        """Do two credentials belong to the same user, as far as their tokens say?"""
        match = self._compare(one.access_token, other.access_token, alike=True)
        if match is not UserMatch.UNKNOWN or one.id_token == other.id_token:
            return match
        return self._compare(one.id_token, other.id_token, alike=True)

    def seem_to_differ(self, one: Credential, other: Credential) -> bool:
        """Do the access tokens name different users, even if they are for different resources? That proves nothing."""
        return self._compare(one.access_token, other.access_token, alike=False) is UserMatch.OTHER

    def _compare(self, one: str | None, other: str | None, *, alike: bool) -> UserMatch:
        mine, theirs = _claims(one), _claims(other)
        if alike and _origin(mine) != _origin(theirs):
            return UserMatch.UNKNOWN
        for claim in CLAIMS if self.claim is None else (self.claim,):
            names = _name(mine.get(claim)), _name(theirs.get(claim))
            if "" not in names:
                return _compare_names(*names)
        return UserMatch.UNKNOWN


def _compare_names(one: str, other: str) -> UserMatch:
    if one == other:
        return UserMatch.SAME
    return UserMatch.UNKNOWN if one.casefold() == other.casefold() else UserMatch.OTHER


def _claims(token: str | None) -> Mapping[str, Any]:
    """A token's claims; empty without a token, and for an opaque one."""
    with suppress(MalformedToken):
        return unverified_claims(token) if token is not None else {}
    return {}


def _origin(claims: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    """The token's issuer and its audience, a resource or a client (RFC 7519 sections 4.1.1 and 4.1.3)."""
    issuer, audience = claims.get("iss"), claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    return issuer if isinstance(issuer, str) else "", frozenset(item for item in audiences if isinstance(item, str))


def _name(value: object) -> str:
    """The user's name as text; empty if the value is no name."""
    if not (isinstance(value, str) or is_number(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
