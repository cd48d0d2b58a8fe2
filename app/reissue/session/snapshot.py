"""What the inspector shows of a client's session: the one place where the access token itself leaves the client."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session at one moment.

    `life` and `remaining` are seconds, None if the token does not say. `place` is where the tokens are kept:
    "localStorage" or "sessionStorage", or "memory" if they don't outlive the page.
    """

    token: str = field(repr=False)
    life: float | None
    remaining: float | None
    refresh_token_in_page: bool
    place: str
