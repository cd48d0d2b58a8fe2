"""The mock issuer: it mints, rotates, revokes and verifies tokens, and knows no HTTP."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jwt

from devserver.keys import SigningKey

ISSUER, AUDIENCE = "reissue-dev-server", "reissue-demo-api"
PASSWORDS = {"ada": "lovelace", "grace": "hopper"}
NAMES = {"ada": "Ada Lovelace", "grace": "Grace Hopper"}
# Seconds. Claims are whole seconds, rounded down: without a leeway (RFC 7519 section 4.1.4) a token would be
# refused up to a second before the `expires_in` that was promised.
LEEWAY = 1
Claims = dict[str, Any]


class OAuthError(Exception):
    """A refusal with its code from the OAuth registry. Its description never holds a token."""

    error = "invalid_request"

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class InvalidGrant(OAuthError):
    """Wrong password, or a refresh token that is unknown, expired or revoked (RFC 6749 section 5.2)."""

    error = "invalid_grant"


class RefreshTokenReused(InvalidGrant):
    """A rotated refresh token was presented again; its family is revoked (RFC 9700 section 4.14.2)."""


class InvalidToken(OAuthError):
    """An access token that is expired, revoked, malformed or not ours (RFC 6750 section 3.1)."""

    error = "invalid_token"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in or a refresh yields. Lifetimes in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_expires_in: int


@dataclass(frozen=True, slots=True)
class RefreshRecord:
    """What the server keeps of a refresh token: not the token, only the hash that finds this."""

    family: str
    expires_at: float
    rotated_at: float | None = None


@dataclass(slots=True)
class Family:
    """One sign-in: every token minted from it carries its id as the claim `sid`."""

    id: str
    user: str
    revoked: bool = False
    live: dict[str, int] = field(default_factory=dict)  # jti → exp of each access token that was not revoked
    next_lifetime: int | None = None  # seconds, of the next access token only
    newest: str = ""  # the digest of the refresh token that was granted last
    stolen: str = field(default="", repr=False)  # the refresh token that the thief of `Issuer.steal` holds


class Issuer:
    """Mints, rotates, revokes and verifies tokens. Times are seconds since the epoch, by `clock`.

    A refresh token works once. Presenting a rotated one again means that two parties hold it, so its whole
    family is revoked, and the family's access tokens with it. Within `grace` seconds of the rotation it
    counts as the retry of a lost answer instead: it yields another successor, and the first one stays valid.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        key: SigningKey,
        access_lifetime: int = 60,
        refresh_lifetime: int = 86_400,
        grace: float = 0,
    ) -> None:
        self.clock = clock
        self.key = key
        self.access_lifetime = access_lifetime
        self.refresh_lifetime = refresh_lifetime
        self.grace = grace
        self._families: dict[str, Family] = {}
        self._records: dict[str, RefreshRecord] = {}  # by sha256 of the refresh token

    def sign_in(self, username: str, password: str) -> Grant:
        """Starts a family. Raises `InvalidGrant`, the same for an unknown user and for a wrong password."""
        expected = PASSWORDS.get(username, "")
        # Always compared, and in constant time: timing tells neither which names exist nor a prefix.
        if not hmac.compare_digest(password.encode(), expected.encode()) or not expected:
            raise InvalidGrant("wrong user name or password")
        family = Family(id=secrets.token_urlsafe(9), user=username)
        self._families[family.id] = family
        return self._grant(family)

    def refresh(self, refresh_token: str) -> Grant:
        """Rotates. Raises `InvalidGrant`, and `RefreshTokenReused` once for each family that it revokes."""
        digest = _digest(refresh_token)
        record = self._records.get(digest)
        if record is None:
            raise InvalidGrant("the refresh token is unknown")
        family = self._families[record.family]
        if family.revoked:
            raise InvalidGrant("the session was revoked")
        now = self.clock()
        if now >= record.expires_at:
            raise InvalidGrant("the refresh token is expired")
        if record.rotated_at is None:
            self._records[digest] = replace(record, rotated_at=now)
        elif now - record.rotated_at >= self.grace:
            self._end(family)
            raise RefreshTokenReused("the refresh token was used before; the session is revoked")
        return self._grant(family)

    def sign_out(self, refresh_token: str) -> None:
        """Ends this token's family. An unknown token is signed out already (RFC 7009 section 2.2)."""
        if record := self._records.get(_digest(refresh_token)):
            self._end(self._families[record.family])

    def verify(self, access_token: str) -> Claims:
        """The claims of a valid access token; raises `InvalidToken` for any other."""
        try:
            # The algorithm is the server's own, never the header's: RFC 8725 section 3.1.
            claims: Claims = jwt.decode(
                access_token,
                self.key.public,
                algorithms=[self.key.algorithm],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={
                    "require": ["iss", "sub", "aud", "iat", "nbf", "exp", "jti", "sid"],
                    # PyJWT reads the machine's clock; ours is passed in, and checked below.
                    **{"verify_exp": False, "verify_nbf": False, "verify_iat": False},
                },
            )
            expires_at, not_before, sid = float(claims["exp"]), float(claims["nbf"]), str(claims["sid"])
        except (jwt.PyJWTError, ValueError, TypeError):
            # PyJWT's messages may quote the token.
            raise InvalidToken("the access token is malformed or not ours") from None
        now = self.clock()
        if now >= expires_at + LEEWAY:
            raise InvalidToken("the access token is expired")
        if now < not_before:
            raise InvalidToken("the access token is not valid yet")
        family = self._families.get(sid)
        if family is None or claims["jti"] not in family.live:
            raise InvalidToken("the access token was revoked")
        return claims

    def revoke_access(self, sid: str | None = None) -> None:
        """Rejects every access token minted so far, of one family or of all. Refresh tokens still work."""
        for family in self._chosen(sid):
            family.live.clear()

    def revoke_refresh(self, sid: str | None = None) -> None:
        """Refuses every refresh from now on, of one family or of all. Access tokens still work."""
        for family in self._chosen(sid):
            family.revoked = True

    def shorten_next(self, sid: str, lifetime: int) -> None:
        """Gives the next access token of one family, and only that, a lifetime of its own, in seconds."""
        for family in self._chosen(sid):
            family.next_lifetime = lifetime

    def steal(self, sid: str) -> Grant:
        """A refresh by a thief who has copied this family's refresh token; later thefts use what the first one brought.

        The owner does not know, so the next refresh by one of the two presents a token that has been rotated.
        Raises `InvalidGrant` as any refresh does, and if there is no such family.
        """
        if sid not in self._families:
            raise InvalidGrant("the session is unknown")
        family = self._families[sid]
        if family.stolen:
            grant = self.refresh(family.stolen)
        elif family.revoked:
            raise InvalidGrant("the session was revoked")
        else:
            record = self._records[family.newest]
            self._records[family.newest] = replace(record, rotated_at=self.clock())
            grant = self._grant(family)
        family.stolen = grant.refresh_token
        return grant

    def session_of(self, refresh_token: str) -> str | None:
        """The id of the family that a refresh token belongs to, whether it still works or not."""
        record = self._records.get(_digest(refresh_token))
        return record.family if record else None

    def session_named_in(self, access_token: str) -> str | None:
        """The id of the family that an access token names, *unverified*: for counting, not for deciding."""
        try:
            sid = jwt.decode(access_token, options={"verify_signature": False}).get("sid")
        except (jwt.PyJWTError, ValueError):
            return None
        return sid if isinstance(sid, str) and sid in self._families else None

    def _chosen(self, sid: str | None) -> list[Family]:
        if sid is None:
            return list(self._families.values())
        return [self._families[sid]] if sid in self._families else []

    def _end(self, family: Family) -> None:
        family.revoked = True
        family.live.clear()

    def _grant(self, family: Family) -> Grant:
        now = self.clock()
        refresh_token = secrets.token_urlsafe(32)
        family.newest = _digest(refresh_token)
        self._records[family.newest] = RefreshRecord(family.id, now + self.refresh_lifetime)
        lifetime, family.next_lifetime = family.next_lifetime or self.access_lifetime, None
        return Grant(self._mint(family, now, lifetime), refresh_token, lifetime, self.refresh_lifetime)

    def _mint(self, family: Family, now: float, lifetime: int) -> str:
        jti = secrets.token_urlsafe(9)
        issued_at = math.floor(now)
        expires_at = issued_at + lifetime
        family.live = {old: exp for old, exp in family.live.items() if exp + LEEWAY > now} | {jti: expires_at}
        claims = {
            "iss": ISSUER,
            "sub": family.user,
            "aud": AUDIENCE,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": expires_at,
            "jti": jti,
            "name": NAMES[family.user],
            "sid": family.id,
            "plan": "demo",  # a private claim (RFC 7519 section 4.3), for the page to show
        }
        return jwt.encode(claims, self.key.private, algorithm=self.key.algorithm, headers={"kid": self.key.kid})


def _digest(token: str) -> str:
    # A plain hash is enough for 256 random bits; a slow one is for passwords.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
