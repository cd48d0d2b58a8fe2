"""The faults that a test can order: what goes wrong, on which path, how many times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, on which path, how many times. A path with a slash at its end means all below it.

    With `sid` it happens only to requests with the bearer token or the cookie of that session.

    delay, hold   the request waits `seconds`, or until `POST /dev/release`; with `after`, the answer does.
                  Released with `abandon`, it ends as `drop` or `lost` does
    drop          the connection is closed, after `seconds`; nothing was done
    lost          the request was done (a refresh token is rotated), then the connection is closed
    status        answers `status` with `body` as JSON, `retry_after` as Retry-After, and `challenge` as
                  WWW-Authenticate; nothing was done
    html, empty   answers `status` with a page of HTML, or with no body; nothing was done
    endless       answers `status` with a body of 4 MB that does not end; nothing was done
    truncate      the request was done; half of the answer's body, then the connection is closed
    """

    path: str
    kind: str
    times: int = 1
    seconds: float = 0
    after: bool = False
    status: int = 200
    retry_after: str | None = None
    challenge: str | None = None
    body: bytes = b""
    sid: str | None = None

    def hits(self, path: str, sid: str | None) -> bool:
        """Whether a request of this session for this path meets the fault."""
        if self.sid not in (None, sid):
            return False
        return path == self.path or (self.path.endswith("/") and path.startswith(self.path))


FAULT_KINDS = ("delay", "hold", "drop", "lost", "status", "html", "empty", "endless", "truncate")
BODILESS = (204, 205, 304)  # RFC 9110 section 6.4.1
