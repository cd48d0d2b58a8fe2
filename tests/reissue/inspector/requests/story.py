"""Events as a client would tell them, at times of a test's own."""

from typing import Any

from reissue import (
    AudienceEvent,
    AudiencePhase,
    CookieEvent,
    CookiePhase,
    EndpointEvent,
    EndpointPhase,
    RefreshEvent,
    RefreshPhase,
    RequestEvent,
    RequestPhase,
    SessionEvent,
    SessionPhase,
    SignOutEvent,
    SignOutPhase,
    StoreEvent,
    StorePhase,
    WaitsFor,
)
from reissue.inspector.requests.life import Life
from reissue.inspector.requests.trace import Trace

URL = "https://api.test/v1/notes"
STARTED, SENT, REFUSED, REPLAYED, DONE, FAILED, CANCELLED = (
    RequestPhase.STARTED,
    RequestPhase.SENT,
    RequestPhase.REFUSED,
    RequestPhase.REPLAYED,
    RequestPhase.DONE,
    RequestPhase.FAILED,
    RequestPhase.CANCELLED,
)


class Story:
    """Tells a trace what happens."""

    def __init__(self, trace: Trace | None = None) -> None:
        self.trace = trace or Trace()

    def request(
        self,
        number: int,
        at: float,
        phase: RequestPhase | WaitsFor,
        *,
        status: int | None = None,
        error: str | None = None,
        method: str = "GET",
        url: str = URL,
        replayable: bool = True,
    ) -> Life | None:
        """One step of a request; `phase` may be what it waits for. DONE is 200 unless `status` says otherwise."""
        waits = phase if isinstance(phase, WaitsFor) else None
        event = RequestEvent(
            at=at,
            request=number,
            phase=RequestPhase.WAITING if isinstance(phase, WaitsFor) else phase,
            method=method,
            url=url,
            status=200 if phase is DONE and status is None else status,
            error=error,
            waits_for=waits,
            replayable=replayable,
        )
        self.trace.hear(event, at)
        return self.trace.requests.life(number)

    def whole(self, number: int, began: float, ended: float, **fields: Any) -> Life | None:
        """A request that is sent at once, and answered."""
        self.request(number, began, STARTED, **{k: v for k, v in fields.items() if k in ("method", "url")})
        self.request(number, began, SENT)
        return self.request(number, ended, DONE, **fields)

    def refresh(self, at: float, phase: RefreshPhase, *, remaining: float | None = None, **fields: Any) -> None:
        self.trace.hear(RefreshEvent(at=at, session=1, phase=phase, **fields), at, remaining=remaining)

    def call(self, at: float, phase: EndpointPhase, call: Any = "refresh", **fields: Any) -> None:
        self.trace.hear(EndpointEvent(at=at, call=call, phase=phase, **fields), at)

    def session(self, at: float, phase: SessionPhase, *, remaining: float | None = None, **fields: Any) -> None:
        self.trace.hear(SessionEvent(at=at, session=1, phase=phase, **fields), at, remaining=remaining)

    def store(self, at: float, phase: StorePhase) -> None:
        self.trace.hear(StoreEvent(at=at, phase=phase), at)

    def without_token(self, at: float, url: str) -> None:
        event = AudienceEvent(
            at=at, phase=AudiencePhase.OTHER_PATH, method="GET", url=url, audience="https://api.test/v1/"
        )
        self.trace.hear(event, at)

    def without_cookie(self, at: float, url: str) -> None:
        self.trace.hear(CookieEvent(at=at, phase=CookiePhase.NOT_SENT, url=url, status=401), at)

    def sign_out(self, at: float, phase: SignOutPhase) -> None:
        self.trace.hear(SignOutEvent(at=at, phase=phase), at)

    def storm(self, count: int) -> None:
        """Requests 1 to `count` at 0 s, refused at 1 s, sent again at 2 s, answered at 3 s; the refresh in between."""
        for at, phase in ((0.0, STARTED), (0.0, SENT), (1.0, REFUSED)):
            for number in range(1, count + 1):
                self.request(number, at, phase)
        self.refresh(1.0, RefreshPhase.STARTED)
        self.call(1.25, EndpointPhase.ASKED)
        self.call(1.75, EndpointPhase.ANSWERED)
        self.refresh(2.0, RefreshPhase.SUCCEEDED, remaining=60, expires_in=60)
        for at, phase in ((2.0, REPLAYED), (3.0, DONE)):
            for number in range(1, count + 1):
                self.request(number, at, phase)
