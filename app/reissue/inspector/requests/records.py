"""What a trace holds besides requests: refreshes, calls to the endpoint, tokens, and moments that are marked.

Times are seconds of the trace's clock.
"""

from dataclasses import dataclass
from enum import Enum

from ...events import EndpointPhase, RefreshPhase
from .life import Stretch


@dataclass(slots=True, eq=False)
class Refresh(Stretch):
    """One refresh; `phase` is STARTED while it runs."""

    session: int
    at: float
    ended_at: float | None = None
    phase: RefreshPhase = RefreshPhase.STARTED
    expires_in: float | None = None
    retry_after: float | None = None
    error: str | None = None


@dataclass(slots=True, eq=False)
class Call(Stretch):
    """One call to the endpoint; `phase` is ASKED while it is on the wire."""

    call: str
    at: float
    ended_at: float | None = None
    phase: EndpointPhase = EndpointPhase.ASKED
    error: str | None = None
    found_nobody: bool = False  # a resume to which the endpoint answered that nobody is signed in


@dataclass(slots=True, eq=False)
class Token(Stretch):
    """The life of one access token: when it expires, if it says so, and when another token replaced it."""

    at: float
    expires_at: float | None
    ended_at: float | None = None


class MarkKind(Enum):
    """What a mark stands for."""

    SESSION_STARTED = "session_started"
    SESSION_ENDED = "session_ended"
    TAKEN_OVER = "taken_over"  # another tab was granted a token, and handed it over
    STORE = "store"
    SIGN_OUT = "sign_out"  # the endpoint has not confirmed it
    WITHOUT_TOKEN = "without_token"  # a URL that looks like one of the audience, and is not
    WITHOUT_COOKIE = "without_cookie"  # the endpoint knows of no session, and fetch sends it no cookie


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment. `detail` is a reason, a phase or a URL, where there is one; `audience` what that URL is not in."""

    at: float
    kind: MarkKind
    detail: str = ""
    audience: str = ""
