"""A credential on its way from one page to another, or to a later page: which issue it is, and how it is written down.

What comes in is not trusted: any script of the origin can write to a channel or a store.
"""

import json
from dataclasses import dataclass
from typing import Any

from .credentials import Credential
from .errors import EndReason, MalformedToken
from .nesting import is_nested_deeper


@dataclass(frozen=True, slots=True, order=True)
class Edition:
    """Which issue of whose credential: a session, by the time it began (ms) and a random name, and a count from 1.

    Ordered: a later session is newer than every issue of an earlier one.
    """

    began: int
    session: str
    number: int

    @property
    def age(self) -> tuple[int, str]:
        """What orders sessions, whatever number their issues have."""
        return self.began, self.session

    def __str__(self) -> str:
        return f"{self.began}.{self.session}.{self.number}"

    @classmethod
    def parse(cls, text: object) -> "Edition | None":
        """The edition that `text` names, or None if it names none."""
        if not isinstance(text, str) or len(text) > 100 or not text.isascii():
            return None
        began, _, rest = text.partition(".")
        session, _, number = rest.partition(".")
        if not (began.isdecimal() and session.isalnum() and number.isdecimal()):
            return None
        return cls(int(began), session, int(number))


@dataclass(frozen=True, slots=True)
class Granted:
    """`credential` is the newest that its sender has."""

    edition: Edition
    credential: Credential


@dataclass(frozen=True, slots=True)
class Ended:
    """A session is over: up to and with `edition` if it was refused, altogether if somebody signed out.

    Whoever signs out without knowing of a session (`edition` is None) ends them all.
    """

    edition: Edition | None
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody wants to know the newest credential."""


@dataclass(frozen=True, slots=True)
class Left:
    """The sender's turn is over, and has changed nothing."""


Message = Granted | Ended | Asked | Left

LATEST = 1e12
"""Seconds of wall-clock time. What says that it was received later, or is no number, is none of ours."""


def written(message: Message) -> str:
    """A message as text."""
    match message:
        case Granted(edition, credential):
            fields: dict[str, Any] = {
                "type": "granted",
                "edition": str(edition),
                "access_token": credential.access_token,
                "refresh_token": credential.refresh_token,
                "expires_in": credential.expires_in,
                "token_type": credential.token_type,
                "received_at": credential.received_at,
                "id_token": credential.id_token,
            }
        case Ended(edition_or_none, reason):
            fields = {"type": "ended", "edition": edition_or_none and str(edition_or_none), "reason": reason}
        case Asked():
            fields = {"type": "asked"}
        case _:
            fields = {"type": "left"}
    return json.dumps(fields)


def read(text: str) -> Message | None:
    """The message that a text holds; None if it holds none. Never raises."""
    if not isinstance(text, str) or is_nested_deeper(text, 1):
        return None
    try:
        fields = json.loads(text)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    edition = Edition.parse(fields.get("edition"))
    match fields.get("type"):
        case "asked":
            return Asked()
        case "left":
            return Left()
        case "ended" if fields.get("reason") == "signed_out" and (edition or fields.get("edition") is None):
            return Ended(edition, "signed_out")
        case "ended" if fields.get("reason") == "refused" and edition:
            return Ended(edition, "refused")
        case "granted" if edition:
            credential = _credential(fields)
            return Granted(edition, credential) if credential else None
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
