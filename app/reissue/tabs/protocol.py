"""What tabs send each other, and store for later pages: the messages, their versions, and how they are written as text.

What is read is not trusted: any script of the origin can write to a channel or a store.
"""

import json
from dataclasses import replace
from typing import Any, Final, NamedTuple

from ..errors import EndReason, MalformedToken
from ..http.json_text import is_number, parse_json
from ..http.values import Value
from ..tokens.credentials import Credential

ALL: Final = 2**53
"""More than any session's number of versions: it stands for all of them."""

AHEAD: Final = 86_400_000
"""Milliseconds by which a session may begin in the future: a clock may have been wrong by hours, and then put right."""

_OLDEST: Final = 1_600_000_000_000
"""A time (ms) in 2020, before the first version of this library: no clock that is right shows an earlier time."""

_LONGEST_BEGAN: Final = 15  # digits: no clock shows a time after the year 33658
_MOST_OVER: Final = 1000
_VERSION: Final = "edition"  # the name in messages and stores: tabs of an earlier build may be open

_OVER: Final = "over."  # begins the sign of a tab that holds nothing

BY_SIGN_IN: Final = "s"
"""First letter in the name of a session that a sign-in began. Other names are hexadecimal."""


class Version(Value):
    """Which credential of which session: when the session began (ms), its random name, and a number that counts from 1.

    Every version of a later session is newer than those of an earlier session.
    """

    began: int
    session: str
    number: int

    @property
    def by_sign_in(self) -> bool:
        """Did a sign-in begin the session while its tab held the lock, so that the cookie is the session's own?"""
        return self.session.startswith(BY_SIGN_IN)

    @property
    def age(self) -> tuple[int, str]:
        """What sessions are ordered by: the time at which they began, and then their names."""
        return self.began, self.session

    def __str__(self) -> str:
        return f"{self.began}.{self.session}.{self.number}"

    def is_newer_than(self, other: "Version") -> bool:
        """Is this version the newer: in the same session by its number, in different ones by when the session began?"""
        return self.number > other.number if self.session == other.session else self.age > other.age

    def began_after(self, other: "Version") -> bool:
        """Does this version belong to another, later session?"""
        return self.session != other.session and self.age > other.age

    def __lt__(self, other: "Version") -> bool:
        return other.is_newer_than(self)

    def dated(self, now: float) -> "Version":
        """This version; or, if its session began far in the future of `now` (seconds), one that counts as very old.

        The clock was ahead when the session began, and was put right since; or a hostile script wants the session to be
        newer than all others. The session may go on, but every other is newer, except for those that also began far in
        the future: these keep their order, to the millisecond for as long as any clock is likely to be ahead.
        """
        return self if self.began <= now * 1000 + AHEAD else replace(self, began=_before_all_others(self.began))

    @classmethod
    def parse(cls, text: object, *, now: float) -> "Version | None":
        """The version that `text` names, `dated` by `now` (seconds); None if it names none."""
        if not isinstance(text, str) or len(text) > 100 or not text.isascii():
            return None
        began, _, rest = text.partition(".")
        session, _, number = rest.partition(".")
        if not (began.isdecimal() and session.isalnum() and number.isdecimal()):
            return None
        if len(began) > _LONGEST_BEGAN or not 0 < int(number) < ALL:
            return None
        return cls(int(began), session, int(number)).dated(now)


class Granted(NamedTuple):
    """The newest credential that the sender has, and its version."""

    version: Version
    credential: Credential


class Late(NamedTuple):
    """What was granted for a session after a sign-out: for the tab that signed out, which tells the endpoint of it."""

    granted: Granted


class Ended(NamedTuple):
    """A session is over: up to and including `version` if it was refused, all its versions after a sign-out.

    A sign-out in a tab that knows of no session (`version` is None) ends every session. `passed_on`: the sender has not
    signed out itself. It has heard of that from another tab, perhaps long after.
    """

    version: Version | None
    reason: EndReason
    passed_on: bool = False


class Asked(Value):
    """The sender asks for the newest credential."""


class Left(Value):
    """The sender has released the lock without changing anything."""


def _before_all_others(began: int) -> int:
    """A time (ms) before `_OLDEST`. Of two times it keeps the order: exactly until May 2052, and after that to 10 s."""
    millennium = 1_000_000_000_000
    if began < _OLDEST + millennium:
        return max(began - _OLDEST, 1)
    return millennium + began // 10_000


class Over:
    """Which versions of which sessions are over, by their highest number: of the last thousand sessions that this tab
    held, and of as many that other tabs reported.

    So no number of reports makes this tab forget a session that it held.
    """

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._reported: dict[str, int] = {}

    def note(self, version: Version, *, altogether: bool, held: bool) -> None:
        """This session is over, `altogether` or up to this version. `held`: this tab held the session."""
        noted = self._held if held or version.session in self._held else self._reported
        number = ALL if altogether else version.number
        noted[version.session] = max(number, noted.pop(version.session, 0))
        if len(noted) > _MOST_OVER:
            del noted[next(iter(noted))]  # the session that was noted longest ago

    def up_to(self, session: str) -> int:
        """The highest number of this session that is over; 0 if none is known to be."""
        return max(self._held.get(session, 0), self._reported.get(session, 0))


Message = Granted | Late | Ended | Asked | Left

LATEST = 1e12
"""Seconds of wall-clock time. A message with a later time of receipt, or none, was not written by this library."""


def written(message: Message) -> str:
    """A message as text."""
    match message:
        case Granted(version, credential) | Late(Granted(version, credential)):
            fields: dict[str, Any] = {
                "type": "late" if isinstance(message, Late) else "granted",
                _VERSION: str(version),
                "access_token": credential.access_token,
                "refresh_token": credential.refresh_token,
                "expires_in": credential.expires_in,
                "token_type": credential.token_type,
                "received_at": credential.received_at,
                "id_token": credential.id_token,
            }
        case Ended(version_or_none, reason, passed_on):
            fields = {"type": "ended", _VERSION: version_or_none and str(version_or_none), "reason": reason}
            fields |= {"passed_on": True} if passed_on else {}
        case Asked():
            fields = {"type": "asked"}
        case _:
            fields = {"type": "left"}
    return json.dumps(fields)


def read(text: object, *, now: float) -> Message | None:
    """The message that a text holds, `now` being the time in seconds; None if it holds none. Never raises."""
    try:
        fields = parse_json(text, deepest=1)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    version = Version.parse(fields.get(_VERSION), now=now)
    match fields.get("type"):
        case "asked":
            return Asked()
        case "left":
            return Left()
        case "ended" if fields.get("reason") == "signed_out" and (version or fields.get(_VERSION) is None):
            return Ended(version, "signed_out", passed_on=fields.get("passed_on") is True)
        case "ended" if fields.get("reason") == "refused" and version:
            return Ended(version, "refused")
        case "granted" if version:
            credential = _credential(fields)
            return Granted(version, credential) if credential else None
        case "late" if version:
            credential = _credential(fields)
            return Late(Granted(version, credential)) if credential else None
    return None


def over_sign(last: Version | None) -> str | None:
    """What a tab advertises that holds nothing: the version that it has held last."""
    return f"{_OVER}{last}" if last is not None else None


def read_over(sign: str, *, now: float) -> Version | None:
    """The version that another tab has held last, by what it advertises; None if that is something else."""
    return Version.parse(sign.removeprefix(_OVER), now=now) if sign.startswith(_OVER) else None


def _credential(fields: dict[str, Any]) -> Credential | None:
    received_at = fields.get("received_at")
    if not is_number(received_at) or not abs(received_at) < LATEST:
        return None
    try:
        return Credential(
            access_token=fields.get("access_token"),  # type: ignore[arg-type]
            refresh_token=fields.get("refresh_token"),
            expires_in=fields.get("expires_in"),
            token_type=fields.get("token_type", "Bearer"),  # earlier releases of this library wrote none
            received_at=received_at,
            id_token=fields.get("id_token"),
        )
    except MalformedToken:
        return None
