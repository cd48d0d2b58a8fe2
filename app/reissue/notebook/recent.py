"""The last requests of a client, for a notebook that shows it."""

from collections import deque
from typing import Final, NamedTuple

KEPT: Final = 8
"""How many requests are remembered."""


class RecentRequest(NamedTuple):
    """A request that has ended, at the time `at` (seconds of the client's clock).

    `url` is as the caller gave it, and may hold secrets in its query. `status` is None if no answer reached the caller;
    then `error` names the error's type, or is None if the caller gave up.
    """

    at: float
    method: str
    url: str
    status: int | None
    error: str | None


def recent_requests() -> deque[RecentRequest]:
    """An empty list that keeps the last requests."""
    return deque(maxlen=KEPT)
