"""What can go wrong, told by what the caller should do next.

ReissueError
├── SessionEnded          sign in again                                   .reason
├── SessionChanged        another sign-in took place meanwhile; the request was not sent in the new session
├── RefreshUnavailable    try later; the session is kept                  .retry_after
├── GrantRefused          the endpoint said no, and will say no again     .error .description .status
├── SignOutRefused        signed out here; the endpoint will not be told  .url .status
├── StepUpRequired        sign in again in a stronger or a fresher way        .acr_values .max_age
├── MalformedToken        what the endpoint sent can't be used as a token
├── WouldBlock            this synchronous request can't wait here; the message says what to do instead
├── NetworkError          no answer came (also an OSError)
└── RequestAborted        the caller's own signal stopped the request

No message ever holds a token. A `timeout=` that passes raises the built-in `TimeoutError`, and cancelling a task raises
`asyncio.CancelledError`, as everywhere in asyncio.
"""

from typing import Final, Literal

EndReason = Literal["signed_out", "refused", "replaced", "closed"]

_END_MESSAGES: Final[dict[str, str]] = {
    "signed_out": "nobody is signed in: sign in, or send with auth=False",
    "refused": "the server ended this session: sign in again",
    "replaced": "another sign-in took this session's place",
    "closed": "this interceptor was closed",
}


class ReissueError(Exception):
    """The root of every error that this library raises on its own account."""


class SessionEnded(ReissueError):
    """There is no session to send this request in: sign in again.

    `reason` is `"signed_out"` (nobody signed in, or signed out), `"refused"` (the endpoint refused the refresh; the
    refusal is chained as the cause) or `"closed"`.
    """

    def __init__(self, reason: EndReason = "signed_out") -> None:
        super().__init__(_END_MESSAGES[reason])
        self.reason: EndReason = reason


class SessionChanged(ReissueError):
    """Another sign-in took place meanwhile, by somebody else or, in this page, by the same user again.

    The request was not sent in the new session. One that was on the wire may have been sent in the old, and refused.
    """

    def __init__(self) -> None:
        super().__init__("another sign-in took this session's place; the request was not sent in the new one")


class RefreshUnavailable(ReissueError):
    """The endpoint could not be asked, or did not answer properly. The session is kept: try later.

    `retry_after` is the number of seconds that the server asked to wait (RFC 9110 section 10.2.3), or None. `status` is
    the HTTP status, or None if no answer came. The cause is chained.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


class GrantRefused(ReissueError):
    """The endpoint itself refused the grant for good: a wrong password, a dead refresh token, a spent code.

    `reissue.oauth2.refusals` has the rule by which an answer is a refusal; for refreshes `Endpoint(refused=…)`
    overrules it.

    `error` is the error that the server names, as OAuth's codes (RFC 6749 section 5.2) or its own in snake case, and
    "invalid_grant" if it names none; `description` the server's own words or None, `status` the HTTP status or None.
    The message leaves out the description: a server may quote the refused token or password in it.
    """

    def __init__(self, error: str, description: str | None = None, *, status: int | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


class SignOutRefused(ReissueError):
    """The session has ended in every page, but the endpoint refused to be told, and nobody will try again.

    Its tokens, or its cookie, may work until they expire: the next `resume()` may find somebody signed in. A 404 or a
    405 says that the URL is wrong, a 401 or a 403 that the endpoint wants something that was not sent. `url` is the one
    that was asked, without its query, and `status` is the HTTP status.
    """

    def __init__(self, url: str, status: int) -> None:
        super().__init__(
            f"signed out in this page, but {url} answered {status}: the server may not have ended the session, and is "
            "not told again. Check the endpoint's settings"
        )
        self.url = url
        self.status = status


class StepUpRequired(ReissueError):
    """The API takes this request only after a stronger or a fresher sign-in (RFC 9470). The session is kept.

    `acr_values` are the ways of signing in that would do, the preferred one first; `max_age` is how many seconds ago
    that may have been at most, or None. What went wrong with a step-up that was tried is chained as the cause.
    """

    def __init__(self, acr_values: tuple[str, ...] = (), max_age: int | None = None) -> None:
        super().__init__("the API wants a stronger or a fresher sign-in for this request")
        self.acr_values = acr_values
        self.max_age = max_age


class MalformedToken(ReissueError):
    """What was given as a token can't be one. The message tells the fault and never the token."""

    __slots__ = ("_rotated",)  # in no `vars()` and in no pickle

    def __init__(self, message: str, *, rotated: str | None = None) -> None:
        super().__init__(message)
        self._rotated = rotated


class WouldBlock(ReissueError):
    """A synchronous request would have to wait, and this browser can't suspend Python. It was not sent.

    Or not sent again: after a 401, `await api.renew()` and make it once more.
    """


def take_rotated(error: BaseException) -> str | None:
    """The refresh token that came along with what can't be used, for the session to keep; the error forgets it."""
    if not isinstance(error, MalformedToken):
        return None
    rotated, error._rotated = error._rotated, None
    return rotated


class NetworkError(ReissueError, OSError):
    """No answer came: offline, connection refused or reset, or an answer that CORS withholds from the page.

    Raised by the browser's transport, where `fetch` and Pyodide call all of these 'AbortError' or 'Failed to fetch'.
    """


class RequestAborted(ReissueError):
    """The caller's own `signal=` stopped the request: while it waited, or on the wire."""

    def __init__(self) -> None:
        super().__init__("the caller's signal aborted this request")
