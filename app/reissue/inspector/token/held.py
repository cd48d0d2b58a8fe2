"""What a client holds of its session: the one module here that reads the interceptor's own attributes.

The public surface gives claims and seconds, never a token. The inspector shows the token itself, so it has to look
inside; it is shipped with the interceptor, and its tests hold the two together.
"""

from dataclasses import dataclass, field

from ...interceptor import Interceptor


@dataclass(frozen=True, slots=True)
class Held:
    """`life` and `remaining` in seconds, None if the token does not say. `place` is where tokens outlive the page."""

    token: str = field(repr=False)
    life: float | None
    remaining: float | None
    refresh_token_in_page: bool
    place: str


def held_by(api: Interceptor) -> Held | None:
    """What the client holds now; None if nobody is signed in."""
    session = api._sessions._session
    if session is None or not session.alive:
        return None
    credential = session.credential
    return Held(
        credential.access_token,
        credential.expires_in,
        api.expires_in,
        credential.refresh_token is not None,
        getattr(api._sessions._sharing._store, "_area", "memory"),
    )
