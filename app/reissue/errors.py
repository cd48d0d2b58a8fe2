"""What can go wrong, sorted by what the caller should do next.

ReissueError
├── SessionEnded          sign in again                                   .reason .status .url
├── SessionChanged        another sign-in took place meanwhile; the request was not sent in the new session
├── RefreshUnavailable    try later; the session is kept                  .retry_after .status .url .body
├── GrantRefused          the endpoint refused, and will refuse again     .error .description .status .url .body .advice
├── PopupBlocked          sign in again in the handler of a click
├── SignOutRefused        signed out; the endpoint refused to be told     .url .status
├── StepUpRequired        sign in again in a stronger or a fresher way        .acr_values .max_age
├── MalformedToken        what the endpoint sent can't be used as a token
├── WouldBlock            this synchronous request can't wait here; the message says what to do instead
├── HttpStatusError       `raise_for_status()`: the API answered 4xx or 5xx    .response .status .url
├── NetworkError          no answer came (also an OSError)
├── EventStreamError      the answer is no event stream, or can't be read as one     .status .content_type .retry_after
└── RequestAborted        the caller's own signal stopped the request

A message says what happened, where (the URL without its query, and the status), and what to do. It never holds a token.
A `timeout=` that passes raises the built-in `TimeoutError`, and cancelling a task raises `asyncio.CancelledError`, as
everywhere in asyncio.
"""

from typing import Any, Final, Literal

EndReason = Literal["signed_out", "refused", "replaced", "closed"]

_END_MESSAGES: Final[dict[str, str]] = {
    "signed_out": "no user is signed in: sign in, or send with auth=False",
    "refused": "the server ended this session: sign in again",
    "replaced": "another sign-in took this session's place",
    "closed": "this client was closed: make another one",
}


class ReissueError(Exception):
    """The root of every error that this library raises on its own account."""


class SessionEnded(ReissueError):
    """There is no session to send this request in: sign in again.

    `reason` is `"signed_out"` (no user has signed in, or the user has signed out), `"refused"` (the session can't be
    renewed) or `"closed"` (`close()` was called). After a refusal in this tab, the message says why, `status` and `url`
    are those of the endpoint's answer (None if it was not asked), and the GrantRefused is chained as the cause.
    """

    def __init__(self, reason: EndReason = "signed_out", *, refusal: "GrantRefused | None" = None) -> None:
        message = _END_MESSAGES[reason]
        super().__init__(message if refusal is None else f"the session is over: {refusal}. Sign in again")
        self.reason: EndReason = reason
        self.status = refusal.status if refusal is not None else None
        self.url = refusal.url if refusal is not None else None


class SessionChanged(ReissueError):
    """Another sign-in took place meanwhile: by another user, or by the same user again in this tab.

    The request was not sent in the new session. It may have been sent in the old session, and rejected there.
    """

    def __init__(self) -> None:
        super().__init__(
            "another sign-in took this session's place; the request was not sent in the new session: send it again if "
            "it is meant for that user"
        )


class _AnsweredError(ReissueError):
    """An error that the endpoint's answer is about. `__slots__` keeps the body out of `vars()` and of pickles."""

    __slots__ = ("_body",)

    def __init__(self, message: str, *, status: int | None, url: str | None, body: Any) -> None:
        super().__init__(message)
        self.status = status
        self.url = url
        self._body = body

    @property
    def body(self) -> Any:
        """The answer's JSON body, parsed; None if it is no JSON. A server may quote secrets in it: don't log it."""
        return self._body


class RefreshUnavailable(_AnsweredError):
    """The endpoint could not be asked, or did not answer properly. The session is kept: try later.

    `retry_after` is the number of seconds that the server asked to wait (RFC 9110 section 10.2.3), or None. `status` is
    the HTTP status, or None if no answer came; `url` is where the answer came from, without its query, or None if that
    is unknown; `body` is its parsed JSON. The cause is chained.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        url: str | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message, status=status, url=url, body=body)
        self.retry_after = retry_after

    def again(self, *, retry_after: float | None) -> "RefreshUnavailable":
        """The same failure for another caller, with the seconds that are left to wait."""
        return RefreshUnavailable(str(self), retry_after=retry_after, status=self.status, url=self.url, body=self.body)


class GrantRefused(_AnsweredError):
    """The endpoint itself refused the grant for good: a wrong password, an expired refresh token, a spent code.

    `reissue.oauth2.refusals` has the rule by which an answer is a refusal; for refreshes `Endpoint(refused=…)`
    overrules it.

    `error` is the error code that the server names, OAuth's (RFC 6749 section 5.2) or its own in snake case, and
    "invalid_grant" if it names none; `description` is the server's own text or None. `status` is the HTTP status, `url`
    is where the answer came from, without its query, and `body` is its parsed JSON; each may be None. `advice` is what
    the app's author may have to change, in words, or None: a cookie that the browser can't have sent, say.
    The message omits the description: a server may quote the refused token or password in it.
    """

    def __init__(
        self,
        error: str,
        description: str | None = None,
        *,
        status: int | None = None,
        url: str | None = None,
        body: Any = None,
        advice: str | None = None,
    ) -> None:
        message = error if status is None else f"{url or 'the endpoint'} answered {status}: {error}"
        super().__init__(f"{message}. {advice}" if advice else message, status=status, url=url, body=body)
        self.error = error
        self.description = description
        self.advice = advice

    def again(self, *, advice: str | None = None) -> "GrantRefused":
        """The same refusal, to raise once more; with this advice, if it has none of its own."""
        advice = self.advice or advice
        return GrantRefused(
            self.error, self.description, status=self.status, url=self.url, body=self.body, advice=advice
        )


class PopupBlocked(ReissueError):
    """The browser did not open the window for the sign-in. Call `sign_in()` in the handler of a click.

    Browsers open windows only for a user who has just clicked or pressed a key: within a second or so, and some not
    after another `await`. Or the user forbids windows of this site.
    """

    def __init__(self) -> None:
        super().__init__(
            "the browser did not open the window to sign in: call sign_in() in the handler of a click, before anything "
            "else is awaited; and the user may have to allow windows of this site"
        )


class SignOutRefused(ReissueError):
    """The session has ended in every tab, but the endpoint refused the sign-out, and is not told again.

    Its tokens, or its cookie, may work until they expire: the next `resume()` may find the user still signed in. A 404
    or a 405 means that the URL is wrong, a 401 or a 403 that the endpoint wants something that was not sent. `url` is
    the endpoint's, without its query, and `status` is the HTTP status.
    """

    def __init__(self, url: str, status: int) -> None:
        super().__init__(
            f"signed out in this tab, but {url} answered {status}: the server may not have ended the session, and is "
            "not told again. Check the endpoint's settings"
        )
        self.url = url
        self.status = status


class StepUpRequired(ReissueError):
    """The API accepts this request only after a stronger or a fresher sign-in (RFC 9470). The session is kept.

    `acr_values` are the ways of signing in that would do, the preferred one first; `max_age` is how many seconds ago
    the sign-in may have been at most, or None. The failure of a step-up that was tried is chained as the cause.
    """

    def __init__(self, acr_values: tuple[str, ...] = (), max_age: int | None = None) -> None:
        super().__init__("the API wants a stronger or a fresher sign-in: sign in that way, and send the request again")
        self.acr_values = acr_values
        self.max_age = max_age


class MalformedToken(ReissueError):
    """What was given as a token can't be one. The message names the fault and never quotes the token."""

    __slots__ = ("_rotated",)  # in no `vars()` and in no pickle

    def __init__(self, message: str, *, rotated: str | None = None) -> None:
        super().__init__(message)
        self._rotated = rotated


class WouldBlock(ReissueError):
    """A synchronous request would have to wait, and this browser can't suspend Python. It was not sent.

    Or, after a 401, it was not sent again: `await api.renew()` and make it once more.
    """


def take_rotated(error: BaseException) -> str | None:
    """The refresh token in an answer that is otherwise unusable, for the session to keep; the error forgets it."""
    if not isinstance(error, MalformedToken):
        return None
    rotated, error._rotated = error._rotated, None
    return rotated


class HttpStatusError(ReissueError):
    """The API answered 4xx or 5xx, and the app has asked for an error: `response.raise_for_status()`.

    `response` is the response, whose body can still be read. `status` is its status, and `url` is where it came from,
    without its query, or None if that is unknown. In a page it is also a `pyodide.http.HttpStatusError`.
    """

    def __init__(self, response: Any) -> None:
        super().__init__(f"the server answered {response.status}")
        self.status: int = response.status
        self.url: str | None = None
        self.response = response


class NetworkError(ReissueError, OSError):
    """No answer came: offline, connection refused or reset, or an answer that CORS withholds from the page.

    Raised by the browser's transport; `fetch` and Pyodide call all of these 'AbortError' or 'Failed to fetch'.
    """


class EventStreamError(ReissueError):
    """What came is no event stream (HTML standard, section 9.2.2), or one of its events is too long.

    `status` is the answer's, and `content_type` its Content-Type; both are None for an event that is too long.
    `retry_after` is the number of seconds that the server asked to wait, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        content_type: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.content_type = content_type
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """May another connection succeed? After 429 and 5xx."""
        return self.status is not None and (self.status == 429 or self.status >= 500)


class RequestAborted(ReissueError):
    """The caller's own `signal=` stopped the request: while it waited, or on the wire."""

    def __init__(self) -> None:
        super().__init__("the caller's signal aborted this request")
