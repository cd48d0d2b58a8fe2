"""What happened, for the app's listeners: frozen values that hold no secret.

Events carry a URL without its query, never a token, a header or a body. Listeners are called after the state that an
event reports is in place, so a listener may start any call to the client (S4).
"""

from collections.abc import Callable
from enum import Enum
from typing import Literal

from .errors import EndReason
from .http.values import Value


class RequestPhase(Enum):
    """Where a request is in its life."""

    STARTED = "started"  # called; no token looked up yet
    WAITING = "waiting"  # for what `waits_for` says
    SENT = "sent"  # on the wire with a token; emitted again if the request is repeated with a nonce (DPoP)
    REFUSED = "refused"  # 401: waits for the refresh
    REPLAYED = "replayed"  # on the wire again with the new token
    DONE = "done"  # answered; `status` says how
    FAILED = "failed"  # an error went to the caller; `error` names its type
    CANCELLED = "cancelled"  # the caller gave up


class WaitsFor(Enum):
    """What a request waits for before it is sent."""

    RESUME = "resume"  # it is unknown whether a user is still signed in
    ADMISSION = "admission"  # as many requests as allowed are on the wire
    REFRESH = "refresh"  # the token has expired, or was rejected
    STEP_UP = "step_up"  # a stronger or a fresher sign-in (RFC 9470)


class RefreshPhase(Enum):
    """Where a refresh is in its life."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"  # for good
    UNAVAILABLE = "unavailable"  # try later
    TAKEN_OVER = "taken_over"  # another tab was granted a credential, and handed it over
    STEPPED_UP = "stepped_up"  # the user has signed in again, for an API that wanted it
    DROPPED = "dropped"  # the session ended meanwhile; the answer, if any, was dropped


class EndpointPhase(Enum):
    """Where a call to the endpoint is in its life."""

    ASKED = "asked"  # the call is on its way
    ANSWERED = "answered"
    FAILED = "failed"  # refused, no answer, or an unusable one; `error` names its type


class SessionPhase(Enum):
    """The two ends of a session."""

    STARTED = "started"
    ENDED = "ended"


class RequestEvent(Value, kw_only=True):
    """A step in the life of one request to the audience. `at` is the clock's time in seconds.

    A request that waits for nothing emits no WAITING. REFUSED implies the wait for the refresh. `destination` is what
    asked for it, if that was no code (see `PageInterceptor.install_worker`): `image`, `video`, `style`, `document` and
    so on, as the Fetch standard names them, or `eventsource` or `beacon`.
    """

    at: float
    request: int
    phase: RequestPhase
    method: str
    url: str
    status: int | None = None
    error: str | None = None
    waits_for: WaitsFor | None = None
    replayable: bool = True
    destination: str | None = None


class RefreshEvent(Value, kw_only=True):
    """A step of a session's refresh. `expires_in` is the new token's life in seconds, if it is known."""

    at: float
    session: int
    phase: RefreshPhase
    expires_in: float | None = None
    retry_after: float | None = None
    error: str | None = None


EndpointCall = Literal["sign_in", "refresh", "exchange", "sign_out"]


class EndpointEvent(Value, kw_only=True):
    """A step of one call to the endpoint. A client makes one call at a time (see `endpoint_lock`).

    `refresh` is also what `resume()` calls. `exchange` asks for a token for another resource.
    """

    at: float
    call: EndpointCall
    phase: EndpointPhase
    error: str | None = None


class SessionEvent(Value, kw_only=True):
    """A session began, or ended; each is emitted once (F10)."""

    at: float
    session: int
    phase: SessionPhase
    reason: EndReason | None = None


class SignOutPhase(Enum):
    """What the endpoint knows of a sign-out."""

    CONFIRMED = "confirmed"  # it has ended the session
    REFUSED = "refused"  # by a final 4xx: it is not told again, and the tokens may work until they expire
    UNAVAILABLE = "unavailable"  # no answer, 429 or 5xx: told again when the network is back, or by the next `resume()`
    NOT_TOLD = "not_told"  # the endpoint has no sign-out, so the tokens work until they expire
    OVERTAKEN = "overtaken"  # a user signed in before it could be told, so the cookie is that user's


class SignOutEvent(Value, kw_only=True):
    """Whether the endpoint knows of a sign-out. The session had ended before, in every tab.

    `status` is the HTTP status of an answer that did not confirm it.
    """

    at: float
    phase: SignOutPhase
    status: int | None = None


class StorePhase(Enum):
    """Why the store that the app asked for can't be used as it is."""

    UNAVAILABLE = "unavailable"  # full or forbidden: the session is kept in memory from now on
    CORRUPTED = "corrupted"  # what it held was no usable credential, and was removed


class StoreEvent(Value, kw_only=True):
    """A warning: the session may not outlive this page (T6). Emitted once for each failure."""

    at: float
    phase: StorePhase


class AudiencePhase(Enum):
    """What keeps a request out of the audience whose URL looks like one of it."""

    OTHER_PATH = "path"  # it is on an origin of the audience
    OTHER_ORIGIN = "origin"  # its path is one of the audience


class AudienceEvent(Value, kw_only=True):
    """A warning: a request went out without a token, although its URL looks like one of the audience.

    Each phase is told once for each client, and in a page on the console as well.
    """

    at: float
    phase: AudiencePhase
    method: str
    url: str
    audience: str

    @property
    def message(self) -> str:
        """The warning in words, and what to do."""
        why = f"its {self.phase.value} is not that of the audience {self.audience}: correct one of them, or"
        return f"reissue: {self.method} {self.url} went out without a token, since {why} send it with auth=False"


class CookiePhase(Enum):
    """Why the endpoint can know of no session."""

    NOT_SENT = "not_sent"  # it is on another origin, and fetch sends cookies there with credentials="include" only


class CookieEvent(Value, kw_only=True):
    """A warning: `resume()` found no session, and the browser can have sent the endpoint no cookie that stands for one.

    Told once for each client, and in a page on the console as well. `url` is the endpoint's, and `status` is that of
    its answer.
    """

    at: float
    phase: CookiePhase
    url: str
    status: int

    @property
    def message(self) -> str:
        """The warning in words, and what to do."""
        return (
            f"reissue: {self.url} answered {self.status}, so nobody is signed in. The browser sent it no cookie, since "
            "it is on another origin than the page: Endpoint(…, credentials='include'), or cookie=False if the server "
            "sets no cookie"
        )


class MissedEvents(Value, kw_only=True):
    """Events that a stream has left out here, because its reader was too slow.

    `count` is their number; `at` is when the last of them happened. Listeners miss no event.
    """

    at: float
    count: int


Event = (
    RequestEvent | RefreshEvent | EndpointEvent | SessionEvent | SignOutEvent | StoreEvent | AudienceEvent | CookieEvent
)
Listener = Callable[[Event], object]
