"""What the inspector shows of a client's session: the one place where the access token itself leaves the client."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session at one moment.

    `life` and `remaining` are seconds, None if the token does not say. `place` is where tokens outlive the page:
    "localStorage", "sessionStorage", or "memory" if they don't.
    """

    token: str = field(repr=False)
    life: float | None
    remaining: float | None
    refresh_token_in_page: bool
    place: str
