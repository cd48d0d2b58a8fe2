"""Sends an app's requests: with the session's token to the audience, and unchanged elsewhere.

A request whose token is FRESH passes through plain coroutines only: this library makes no task and no future for it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from types import MappingProxyType
from typing import Any, NamedTuple

from ..concurrency.admission import Admission, Admissions, NoAdmission, Slot
from ..concurrency.blocking import StartEagerly
from ..concurrency.timers import time_limit
from ..errors import SessionEnded
from ..events import AudienceEvent, AudiencePhase, RequestEvent, RequestPhase, WaitsFor
from ..http.abort_signal import aborted_by
from ..http.messages import Request, Transport
from ..http.outcomes import Judgement, ShouldRenew
from ..http.urls import Audience, ParseUrl, Url
from ..notebook.recent import RecentRequest, recent_requests
from ..session.derived import DerivedLifecycle
from ..session.lifecycle import SessionLifecycle
from ..session.session import Session
from ..session.settings import SessionSettings
from ..tokens.credentials import Credential
from ..tokens.header_fields import HeaderFields
from .attempts import Attempts, Caller

_ENDS = (RequestPhase.DONE, RequestPhase.FAILED, RequestPhase.CANCELLED)  # no set: an Enum's hash is slow


class RequestRules(NamedTuple):
    """The settings of `Interceptor` that concern its requests, checked.

    `parse_url` reads a URL as the transport will. `should_renew` is the app's own test for a rejected token. `defaults`
    are fetch's settings for requests that have none of their own. `fields` says how requests carry the token.
    """

    audience: Audience
    parse_url: ParseUrl
    should_renew: ShouldRenew | None = None
    defaults: Mapping[str, Any] = MappingProxyType({})
    fields: HeaderFields = HeaderFields()


class Sender:
    """Sends over `transport`, in the sessions of `lifecycle`; `admissions` holds the slots of each origin."""

    def __init__(
        self,
        transport: Transport,
        lifecycle: SessionLifecycle | DerivedLifecycle,
        rules: RequestRules,
        settings: SessionSettings,
        admissions: Admissions,
    ) -> None:
        self.transport = transport
        self.rules = rules
        self._lifecycle = lifecycle
        self._clock = settings.clock
        self._listeners = settings.listeners
        self._admissions = admissions
        self.numbers = count(1)  # of the requests in their events
        self._told_outside: set[str] = set()
        self._recent = recent_requests()

    @property
    def recent(self) -> Sequence[RecentRequest]:
        """The last requests that have ended."""
        self._listeners.catch_up()
        return self._recent

    @property
    def roots(self) -> frozenset[str]:
        """Prefixes, each an origin and a path: every URL that this client covers begins with one of them."""
        return self.rules.audience.roots

    def admission_to(self, origin: str) -> Admission:
        """The slots of this origin."""
        return self._admissions.of(origin)

    def covers(self, url: Url) -> bool:
        """Is this URL, parsed by this client's `parse_url`, in the audience?"""
        return self.rules.audience.covers(url)

    async def fetch(self, request: Request, *, auth: bool, timeout: float | None) -> Any:  # noqa: ASYNC109
        """The response to a request of the app's own. `timeout` is in seconds."""
        signal = request.options.get("signal")
        if timeout is None and signal is None:
            return await self._fetch(request, auth)
        with aborted_by(signal):
            async with time_limit(timeout):
                return await self._fetch(request, auth)

    async def send_or_pass(self, request: Request, *, auth: bool = True) -> Any:
        """Send a request of code that knows nothing of sessions. Without a session or `auth`, it is sent unchanged.

        So is a request that this client's own endpoint makes. Raises the errors of `fetch`, but StepUpRequired only if
        the app has a handler for step-ups: without one, the caller gets the 401.
        """
        if not auth or not await self.has_session():
            return await self.transport(request)
        return await self._fetch(request, auth, reads_401=True)

    async def attempts_or_none(self, request: Request, *, start_eagerly: StartEagerly | None = None) -> Attempts | None:
        """As `attempts`, for code that knows nothing of sessions: None also where `send_or_pass` changes nothing."""
        if not await self.has_session():
            return None
        return self.attempts(request, start_eagerly=start_eagerly)

    async def has_session(self) -> bool:
        """Is a user signed in, now or once a resume has ended? False within the client's own endpoint.

        Raises RefreshUnavailable or SessionChanged.
        """
        lifecycle = self._lifecycle
        if lifecycle.called_by_endpoint:
            return False
        if lifecycle.alive is None:
            lifecycle.follow_loop()
            with suppress(SessionEnded):
                await lifecycle.current()  # a resume may be on its way
        return lifecycle.alive is not None

    def attempts(
        self, request: Request, *, start_eagerly: StartEagerly | None = None, bounded: bool = True
    ) -> Attempts | None:
        """As `Interceptor.attempts`."""
        url = self.audience_url(request)
        if url is None or self.rules.fields.are_in(request):
            return None
        self._lifecycle.check_usable()
        return self._attempts(
            request, url, Caller(reads_401=True, start_eagerly=start_eagerly), bounded=bounded and start_eagerly is None
        )

    async def go_on(
        self, request: Request, outcome: Any, *, sent_in: tuple[Session, Credential], number: int | None = None
    ) -> Any:
        """The response to a request to the audience that other code has sent: `outcome`, or that of a replay.

        `request` is as it was without the token. `number` is its number in the events that have been emitted of it.
        """
        url = self.rules.parse_url(request.url)
        with self._attempts(request, url, Caller(reads_401=True, sent_in=sent_in), number=number) as attempts:
            return await self._sent_until_done(attempts, await attempts.after(outcome), outcome)

    async def _fetch(self, request: Request, auth: bool, *, reads_401: bool = False) -> Any:
        url = self.audience_url(request) if auth else None
        if url is None:
            if auth and not reads_401:
                self.warn_outside(request)
            return await self.transport(request)
        self._lifecycle.check_usable()
        if self.rules.fields.are_in(request):
            raise ValueError(f"this request has a header {self.rules.fields.name} of its own: send it with auth=False")
        if request.options.get("mode") == "no-cors":  # each such request would cause a refresh by its 401
            raise ValueError("in mode 'no-cors' a browser sends no token: omit the mode, or send with auth=False")
        defaults = self.rules.defaults
        options = {**defaults, **request.options} if defaults else request.options
        request = Request(url.href, request.method, request.headers, request.body, options)
        with self._attempts(request, url, Caller(reads_401=reads_401)) as attempts:
            return await self._sent_until_done(attempts, await attempts.first())

    async def _sent_until_done(self, attempts: Attempts, attempt: Request | None, outcome: Any = None) -> Any:
        while attempt is not None:
            try:
                outcome = await self._send(attempt, attempts.on_head)
            except OSError as error:
                outcome = error
            attempt = await attempts.after(outcome)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    async def _send(self, attempt: Request, on_head: Callable[[int], object]) -> Any:
        """Send an attempt. A transport may call `on_head` with the status before it returns."""
        return await self.transport(attempt)

    def _attempts(
        self, request: Request, url: Url, caller: Caller, *, bounded: bool = True, number: int | None = None
    ) -> Attempts:
        rules = self.rules
        return Attempts(
            request,
            self._lifecycle,
            slot=Slot(self._admissions.of(url.origin) if bounded else NoAdmission()),
            judgement=Judgement(rules.should_renew, url.origin, rules.audience, rules.parse_url),
            fields=rules.fields,
            caller=caller,
            emit=partial(self.emit, next(self.numbers) if number is None else number, request),
        )

    def warn_outside(self, request: Request) -> None:
        """Tell once that a request goes out without a token whose URL looks like one of the audience."""
        rules = self.rules
        if len(self._told_outside) == 2 or rules.fields.are_in(request):
            return
        with suppress(ValueError):  # the transport rejects the URL
            url = rules.parse_url(request.url)
            differs = rules.audience.mistaken(url)
            if differs is not None and differs not in self._told_outside:
                self._told_outside.add(differs)
                self._listeners.warn(
                    AudienceEvent(
                        at=self._clock(),
                        phase=AudiencePhase(differs),
                        method=request.method,
                        url=Request(url.href).shown_url,
                        audience=str(rules.audience),
                    )
                )

    def audience_url(self, request: Request) -> Url | None:
        """The request's URL if it is in the audience, else None. So is an invalid URL, which the transport rejects."""
        try:
            url = self.rules.parse_url(request.url)
        except ValueError:
            return None
        return url if self.rules.audience.covers(url) else None

    def emit(
        self,
        number: int | None,
        request: Request,
        phase: RequestPhase,
        *,
        at: float | None = None,
        status: int | None = None,
        error: str | None = None,
        waits_for: WaitsFor | None = None,
    ) -> None:
        """Emit the event of a step of a request, taken now or `at` that time; without a number, only note its end."""
        if phase in _ENDS:
            ended = self._clock() if at is None else at
            self._recent.append(RecentRequest(ended, request.method, request.url, status, error))
        if number is None or not self._listeners:
            return
        event = RequestEvent(
            at=self._clock() if at is None else at,
            request=number,
            phase=phase,
            method=request.method,
            url=request.shown_url,
            status=status,
            error=error,
            waits_for=waits_for,
            replayable=request.replayable,
            destination=request.options.get("destination"),
        )
        self._listeners.emit(event)
