"""A credential: an access token with its life, and the refresh token where the page holds one.

A value. It knows how fresh it is at a given moment, and nothing of what follows from that.
"""

from contextlib import suppress
from dataclasses import field, replace
from enum import Enum
from math import inf, isfinite
from os import urandom
from typing import Literal, get_args

from ..errors import MalformedToken
from ..http.json_text import is_number
from ..http.values import Value
from .claims import checked_refresh_token, checked_token, lifetime, unverified_claims

TokenType = Literal["Bearer", "DPoP", "Cookie"]
"""How an access token is sent: alone (RFC 6749 section 7.1), with a proof that the sender has its key (RFC 9449), or by
the browser, which keeps it in a cookie that the page can't read."""


class Freshness(Enum):
    """How far through its life a credential is (after google-auth's TokenState)."""

    FRESH = "fresh"  # send it
    STALE = "stale"  # send it, and renew it meanwhile
    EXPIRED = "expired"  # renew it first


class Credential(Value, kw_only=True):
    """What an endpoint answers with.

    `expires_in` is the life in seconds from receipt (RFC 6749 section 5.1). If it is None, the token's own `exp - iat`
    counts; without that, the token is used until a 401. `token_type` is "Bearer", "DPoP" or, from `in_cookies()`,
    "Cookie". `received_at` is the time of receipt in seconds, set by the session. `id_token` is OpenID Connect's, from
    the sign-in that began the session.
    Raises MalformedToken for a token that can't be sent or a life that is no positive number.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_in: float | None = None
    token_type: TokenType = "Bearer"
    received_at: float | None = None
    id_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            checked_token(self.access_token)
            if self.refresh_token is not None:
                checked_refresh_token(self.refresh_token)
            if self.id_token is not None:
                checked_token(self.id_token, "ID token")
            if self.expires_in is not None and not _is_life(self.expires_in):
                raise MalformedToken("expires_in is a finite number of seconds, and not negative")
            if self.token_type not in get_args(TokenType):
                raise MalformedToken(f"token_type is one of {', '.join(map(repr, get_args(TokenType)))}")
        except MalformedToken as error:  # the refresh token may be the next of a session: it has to be kept (F19)
            raise MalformedToken(str(error), rotated=presentable(self.refresh_token)) from None

    @classmethod
    def in_cookies(cls, *, expires_in: float | None = None) -> "Credential":
        """A grant whose tokens the browser keeps in cookies. `access_token` names the grant, and is never sent."""
        return cls(access_token=f"cookie-{urandom(12).hex()}", expires_in=expires_in, token_type="Cookie")

    def received(self, now: float, *, previous: "Credential | None" = None) -> "Credential":
        """This credential as received at `now`: with its life, and with the old refresh token if it has no new one.

        RFC 6749 section 6: a server need not send a new refresh token; then the old one stays valid (F5).
        """
        life = self.expires_in
        if life is None:
            with suppress(MalformedToken):  # an opaque token does not say how long it lives
                life = lifetime(unverified_claims(self.access_token), now=now)
        kept = self.refresh_token or (previous.refresh_token if previous else None)
        id_token = self.id_token or (previous.id_token if previous else None)
        return replace(self, expires_in=life, received_at=now, refresh_token=kept, id_token=id_token)

    @property
    def bound(self) -> bool:
        """Is the token bound to a key, so that it must be sent with a proof (RFC 9449)?"""
        return self.token_type == "DPoP"

    @property
    def in_cookie(self) -> bool:
        """Does the browser keep the tokens in cookies, so that none is sent by this library?"""
        return self.token_type == "Cookie"

    def is_same_but_for_refresh_token(self, other: "Credential") -> bool:
        """Is this the same access token from the same grant, with another refresh token?"""
        mine, theirs = (self.access_token, self.received_at), (other.access_token, other.received_at)
        return mine == theirs and self.refresh_token != other.refresh_token

    def remaining(self, now: float) -> float | None:
        """Seconds of life left at `now`, never below 0; None if unknown."""
        if self.expires_in is None or self.received_at is None:
            return None
        return max(0.0, self.received_at + self.expires_in - now)

    def freshness(self, now: float, *, leeway: float) -> Freshness:
        """How fresh it is at `now`. The leeway is at most a quarter of the life, or a short-lived token would never be
        FRESH.
        """
        remaining = self.remaining(now)
        if remaining is None or self.expires_in is None:
            return Freshness.FRESH
        if remaining <= 0:
            return Freshness.EXPIRED
        return Freshness.STALE if remaining <= min(leeway, self.expires_in / 4) else Freshness.FRESH


def fresh_for(credential: Credential, now: float, *, leeway: float) -> float:
    """Seconds from `now` until it is no longer FRESH, at most 0 if it is not; infinity if its life is unknown."""
    remaining = credential.remaining(now)
    if remaining is None or credential.expires_in is None:
        return inf
    return remaining - min(leeway, credential.expires_in / 4)


def presentable(refresh_token: object) -> str | None:
    """The refresh token if it is a valid one, or None for anything else."""
    with suppress(MalformedToken):
        return checked_refresh_token(refresh_token)
    return None


def _is_life(value: object) -> bool:
    try:
        return is_number(value) and isfinite(value) and value >= 0
    except OverflowError:
        return False
