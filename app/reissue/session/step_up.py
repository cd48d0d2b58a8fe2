"""Step-up (RFC 9470): the API wants a stronger or a fresher sign-in, and the app is asked for it once.

Theory of operation:

1. The token is valid, so nothing is refreshed, and requests that need no step-up go on meanwhile.
2. However many requests wait for the same step-up, the app's handler is called once. Its result holds for every request
   that was sent before: a request whose 401 comes late does not ask again.
3. One handler runs at a time: the user can't answer two dialogs at once.
4. If a request that the handler itself makes needs the step-up, it would wait for itself: it fails at once (Q3).
5. A request that was sent with an older credential than the session's is sent once more before the user is asked:
   another tab, or another kind of step-up, may have brought what is wanted (Q2). The message of that tab may be late,
   so the tabs are asked for a newer credential before the user is.
6. The session goes on with the new credential, and the waiting requests are replayed with it. But another user's
   credential begins a session of its own (S3). A session that ends cancels its handlers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol

from ..concurrency.singleflight import SingleFlight
from ..errors import StepUpRequired
from ..http.challenges import StepUp
from ..tokens.credentials import Credential

StepUpHandler = Callable[[StepUp], Awaitable["Mapping[str, Any] | Credential | None"]]
"""The app's handler: returns fields for the endpoint's sign-in, or a credential, or None if the user declines."""

_asking: ContextVar[tuple["StepUps", ...]] = ContextVar("reissue_step_ups", default=())


class SharedCredential(Protocol):
    """The session that steps up, whose credential another tab may renew."""

    @property
    def credential(self) -> Credential:
        """The current credential."""
        ...

    async def catch_up(self, seen: Credential) -> bool:
        """Adopt what another tab was granted for this session. True if the session has another credential than this."""
        ...


class StepUps:
    """The step-ups of one `session`. `apply` lets it go on with what the handler gave."""

    def __init__(
        self,
        handler: StepUpHandler,
        session: SharedCredential,
        apply: Callable[["Mapping[str, Any] | Credential"], Awaitable[None]],
    ) -> None:
        self.session = session
        self._handler = handler
        self._apply = apply
        self._flights: dict[StepUp, SingleFlight[bool]] = {}
        self._decided: dict[StepUp, tuple[int, Exception | None]] = {}  # its `count`, and the failure if it failed
        self._one_at_a_time = asyncio.Lock()
        self._handler_runs = False
        self.count = 0

    async def pass_(self, wanted: StepUp, *, since: int) -> bool:
        """True when this step-up has succeeded. `since` is what `count` was when the request was sent.

        False if another tab has brought a newer credential: the user was not asked, and that is to be tried first.
        Raises StepUpRequired if the user declined, or the step-up failed (the failure is the cause); and
        FlightCancelled if the session has ended.
        """
        number, failure = self._decided.get(wanted, (0, None))
        if number <= since:
            if self._handler_runs and self in _asking.get():
                raise StepUpRequired(wanted.acr_values, wanted.max_age)
            flight = self._flights.setdefault(wanted, SingleFlight())
            if not await flight.join(partial(self._ask, wanted, self.session.credential)):
                return False
            _, failure = self._decided[wanted]
        if failure is not None:
            raise StepUpRequired(wanted.acr_values, wanted.max_age) from failure.__cause__
        return True

    def end(self) -> None:
        """The session has ended: cancel the handlers, since the user need not sign in for it any more."""
        for flight in self._flights.values():
            flight.cancel()

    def begin_anew(self) -> None:
        """The client now runs in another event loop (see `loop_watch`)."""
        self._flights, self._one_at_a_time, self._handler_runs = {}, asyncio.Lock(), False

    async def _ask(self, wanted: StepUp, seen: Credential) -> bool:
        failure: Exception | None = None
        try:
            async with self._one_at_a_time:
                if await self.session.catch_up(seen):
                    return False
                answer = await self._call_handler(wanted)
                if answer is None:
                    failure = StepUpRequired()
                else:
                    await self._apply(answer)
        except Exception as cause:  # any failure, the handler's bug included, leaves the session as it was
            failure = StepUpRequired()
            failure.__cause__ = cause
        self.count += 1
        self._decided[wanted] = self.count, failure
        return True

    async def _call_handler(self, wanted: StepUp) -> "Mapping[str, Any] | Credential | None":
        self._handler_runs = True
        _asking.set((*_asking.get(), self))
        try:
            return await self._handler(wanted)
        finally:
            self._handler_runs = False


class InheritedStepUps:
    """The step-ups of a derived session: the parent's session steps up, and then this session is renewed.

    `count` is the parent's `count` when this session's token was requested, and `seen` the credential that the parent's
    session had then. If that has been renewed since, by a tab where the user has stepped up perhaps, this session is
    renewed before the user is asked.
    """

    def __init__(
        self, step_ups: StepUps, renew: Callable[[], Awaitable[object]], *, count: int, seen: Credential
    ) -> None:
        self._step_ups = step_ups
        self._renew = renew
        self._seen = seen
        self.count = count

    async def pass_(self, wanted: StepUp, *, since: int) -> bool:
        """As `StepUps.pass_`; also raises the errors of a renewal."""
        parent = self._step_ups.session
        passed = self._seen is parent.credential and await self._step_ups.pass_(wanted, since=since)
        taken, seen = self._step_ups.count, parent.credential
        if self.count < taken or not passed:  # if equal, another request has renewed it since
            await self._renew()
            self.count, self._seen = taken, seen
        return passed

    def end(self) -> None:
        """Nothing to do: the parent's session goes on."""

    def begin_anew(self) -> None:
        """Nothing to do: nothing here belongs to an event loop."""
