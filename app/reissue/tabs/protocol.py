"""A credential on its way from one page to another, or to a later page: which issue it is, and how it is written down.

What comes in is not trusted: any script of the origin can write to a channel or a store.
"""

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from ..errors import EndReason, MalformedToken
from ..http.json_text import parse_json
from ..tokens.credentials import Credential

ALL: Final = 2**53
"""No session comes to so many versions."""

AHEAD: Final = 86_400_000
"""Milliseconds by which a session may begin in the future: a clock that was wrong by hours is put right meanwhile."""

_LONGEST_BEGAN: Final = 15  # digits: what begins after the year 33658 was dated by no clock
_MOST_OVER: Final = 1000

BY_SIGN_IN: Final = "s"
"""How the name of a session begins that a sign-in has begun. Other names are hexadecimal."""


@dataclass(frozen=True, slots=True)
class Version:
    """Which issue of whose credential: a session, by the time it began (ms) and a random name, and a count from 1.

    A later session is newer than every issue of an earlier one.
    """

    began: int
    session: str
    number: int

    @property
    def by_sign_in(self) -> bool:
        """Did its page begin the session by a sign-in in its turn, so that the browser's cookie is its since then?"""
        return self.session.startswith(BY_SIGN_IN)

    @property
    def age(self) -> tuple[int, str]:
        """What orders sessions, whatever number their issues have."""
        return self.began, self.session

    def __str__(self) -> str:
        return f"{self.began}.{self.session}.{self.number}"

    def is_newer_than(self, other: "Version") -> bool:
        """Does it come later: in the same session by its number, or else by when its session began?"""
        return self.number > other.number if self.session == other.session else self.age > other.age

    def began_after(self, other: "Version") -> bool:
        """Is it of another session, a later one?"""
        return self.session != other.session and self.age > other.age

    def __lt__(self, other: "Version") -> bool:
        return other.is_newer_than(self)

    def dated(self, now: float) -> "Version":
        """The same; as one of an old session, if it began far in the future of `now` (seconds).

        The clock was ahead when it began, and was put right since; or somebody wants it to be newer than all others.
        The session may go on, and every other is newer, but for those of the future: these keep their order, to the
        second.
        """
        return self if self.began <= now * 1000 + AHEAD else replace(self, began=self.began // 1000)

    @classmethod
    def parse(cls, text: object, *, now: float) -> "Version | None":
        """The version that `text` names, `dated` by now (seconds); None if it names none."""
        if not isinstance(text, str) or len(text) > 100 or not text.isascii():
            return None
        began, _, rest = text.partition(".")
        session, _, number = rest.partition(".")
        if not (began.isdecimal() and session.isalnum() and number.isdecimal()):
            return None
        if len(began) > _LONGEST_BEGAN or not 0 < int(number) < ALL:
            return None
        return cls(int(began), session, int(number)).dated(now)


@dataclass(frozen=True, slots=True)
class Granted:
    """`credential` is the newest that its sender has."""

    version: Version
    credential: Credential


@dataclass(frozen=True, slots=True)
class Ended:
    """A session is over: up to and with `version` if it was refused, altogether if somebody signed out.

    Whoever signs out without knowing of a session (`version` is None) ends them all.
    """

    version: Version | None
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody wants to know the newest credential."""


@dataclass(frozen=True, slots=True)
class Left:
    """The sender's turn is over, and has changed nothing."""


class Over:
    """Up to which number sessions are over: the last thousand that this page held, and as many that others told of.

    What others tell makes it forget nothing that this page held.
    """

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._told: dict[str, int] = {}

    def note(self, version: Version, *, altogether: bool, held: bool) -> None:
        """This session is over, `altogether` or up to this version; `held` says that it was this page's."""
        noted = self._held if held or version.session in self._held else self._told
        number = ALL if altogether else version.number
        noted[version.session] = max(number, noted.pop(version.session, 0))
        if len(noted) > _MOST_OVER:
            del noted[next(iter(noted))]  # the one that was noted longest ago

    def up_to(self, session: str) -> int:
        """The number; 0 if the session is not known to be over."""
        return max(self._held.get(session, 0), self._told.get(session, 0))


Message = Granted | Ended | Asked | Left

LATEST = 1e12
"""Seconds of wall-clock time. What says that it was received later, or is no number, is none of ours."""


def written(message: Message) -> str:
    """A message as text."""
    match message:
        case Granted(version, credential):
            fields: dict[str, Any] = {
                "type": "granted",
                "version": str(version),
                "access_token": credential.access_token,
                "refresh_token": credential.refresh_token,
                "expires_in": credential.expires_in,
                "token_type": credential.token_type,
                "received_at": credential.received_at,
                "id_token": credential.id_token,
            }
        case Ended(version_or_none, reason):
            fields = {"type": "ended", "version": version_or_none and str(version_or_none), "reason": reason}
        case Asked():
            fields = {"type": "asked"}
        case _:
            fields = {"type": "left"}
    return json.dumps(fields)


def read(text: object, *, now: float) -> Message | None:
    """The message that a text holds, read now (seconds); None if it holds none. Never raises."""
    try:
        fields = parse_json(text, deepest=1)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    version = Version.parse(fields.get("version"), now=now)
    match fields.get("type"):
        case "asked":
            return Asked()
        case "left":
            return Left()
        case "ended" if fields.get("reason") == "signed_out" and (version or fields.get("version") is None):
            return Ended(version, "signed_out")
        case "ended" if fields.get("reason") == "refused" and version:
            return Ended(version, "refused")
        case "granted" if version:
            credential = _credential(fields)
            return Granted(version, credential) if credential else None
    return None


def _credential(fields: dict[str, Any]) -> Credential | None:
    received_at = fields.get("received_at")
    if not isinstance(received_at, float | int) or isinstance(received_at, bool) or not abs(received_at) < LATEST:
        return None
    try:
        return Credential(
            access_token=fields.get("access_token"),  # type: ignore[arg-type]
            refresh_token=fields.get("refresh_token"),
            expires_in=fields.get("expires_in"),
            token_type=fields.get("token_type", "Bearer"),  # what an earlier version wrote has none
            received_at=received_at,
            id_token=fields.get("id_token"),
        )
    except MalformedToken:
        return None
