"""What the inspector shows of a client's session, with the access token itself.

Tokens leave a client here, in requests (`tokens.header_fields`), and for other tabs and the store (`tabs.protocol`).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session at one moment.

    `token` is empty if it is in a cookie. `life` and `remaining` are seconds, None if unknown. `place` is where the
    tokens are kept: "localStorage", "sessionStorage", "indexedDB", "cookie", or "memory", which ends with the page.
    """

    token: str = field(repr=False)
    life: float | None
    remaining: float | None
    refresh_token_in_page: bool
    place: str
