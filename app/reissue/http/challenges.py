"""What a `WWW-Authenticate` field asks for: challenges, read as RFC 9110 section 11.6.1 has them.

Pure. Whatever a server writes there, nothing is raised: what can't be read is left out. Across origins the field can be
read only if the server exposes it; then it adds detail to a 401. Without it, a 401 means that the token was rejected.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from .values import Value

_LONGEST: Final = 16_384
"""Characters that are read of a field. Servers write a few hundred."""

# Each pattern is possessive (`++`), so that no text makes it backtrack.
_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED: Final = r'"(?:[^"\\]++|\\.)*+"'
_ELEMENT = re.compile(rf'(?:[^",]++|{_QUOTED}?)++', re.DOTALL)  # of a list: a comma within quotes does not separate
_PARAMETER = re.compile(rf"({_TOKEN})[ \t]*+=[ \t]*+(?:({_TOKEN})|({_QUOTED}))", re.DOTALL)
_SCHEME = re.compile(rf"({_TOKEN})(?:[ \t]++(.*))?", re.DOTALL)
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


class Challenge(NamedTuple):
    """One challenge. `scheme` and the parameters' names are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = MappingProxyType({})

    @property
    def error(self) -> str | None:
        """The error code (RFC 6750 section 3), if there is one."""
        return self.parameters.get("error")


class StepUp(Value):
    """The API wants its user to have signed in in another way, or more recently (RFC 9470 section 3).

    `acr_values` are the ways that would do, the preferred one first; empty if the API names none. `max_age` is how many
    seconds ago the user may have signed in at most, or None.
    """

    acr_values: tuple[str, ...] = ()
    max_age: int | None = None


def read_challenges(value: str | None) -> list[Challenge]:
    """The challenges in the field's value, in their order; none without one. Never raises.

    Only the beginning of a very long field is read.
    """
    challenges: list[Challenge] = []
    parameters: dict[str, str] = {}
    for element in _ELEMENT.findall((value or "")[:_LONGEST]):
        text = element.strip(" \t")
        parameter = _PARAMETER.fullmatch(text)
        if parameter is None and (begun := _SCHEME.fullmatch(text)) is not None:
            parameters = {}
            challenges.append(Challenge(begun[1].lower(), MappingProxyType(parameters)))
            parameter = _PARAMETER.fullmatch(begun[2] or "")  # a token68 is not needed here
        if parameter is not None:
            name, plain, quoted = parameter.groups()
            parameters.setdefault(name.lower(), plain or re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL))
    return challenges


def step_up_in(challenges: Sequence[Challenge]) -> StepUp | None:
    """What sign-in the API wants, if one of its challenges says so."""
    for challenge in challenges:
        if challenge.error == "insufficient_user_authentication":
            age = challenge.parameters.get("max_age", "")
            return StepUp(
                tuple(challenge.parameters.get("acr_values", "").split()),
                int(age) if _SECONDS.fullmatch(age) else None,
            )
    return None


def asks_for_nonce(challenges: Sequence[Challenge]) -> bool:
    """Was the proof rejected because it lacks a nonce (RFC 9449 section 9)? Then the token is still valid."""
    return any(c.scheme == "dpop" and c.error == "use_dpop_nonce" for c in challenges)
