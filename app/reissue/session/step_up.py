"""Step-up (RFC 9470): the API wants a stronger or a fresher sign-in, and the app is asked for it once.

Theory of operation:

1. The token is valid, so nothing is refreshed, and requests that need no step-up go on meanwhile.
2. However many requests wait for the same step-up, the app's handler is called once. Its result holds for every request
   that was sent before: a request whose 401 comes late does not ask again.
3. One handler runs at a time: the user can't answer two dialogs at once.
4. If a request that the handler itself makes needs the step-up, it would wait for itself: it fails at once (Q3).
5. A request that was sent with an older credential than the session's is sent once more before the user is asked:
   another tab, or another kind of step-up, may have brought what is wanted (Q2).
6. The session goes on with the new credential, and the waiting requests are replayed with it. But another user's
   credential begins a session of its own (S3). A session that ends cancels its handlers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from ..concurrency.singleflight import SingleFlight
from ..errors import StepUpRequired
from ..http.challenges import StepUp
from ..tokens.credentials import Credential

StepUpHandler = Callable[[StepUp], Awaitable["Mapping[str, Any] | Credential | None"]]
"""The app's handler: returns fields for the endpoint's sign-in, or a credential, or None if the user declines."""

_asking: ContextVar[tuple["StepUps", ...]] = ContextVar("reissue_step_ups", default=())


class StepUps:
    """The step-ups of one session. `apply` lets the session go on with what the handler gave."""

    def __init__(
        self, handler: StepUpHandler, apply: Callable[["Mapping[str, Any] | Credential"], Awaitable[None]]
    ) -> None:
        self._handler = handler
        self._apply = apply
        self._flights: dict[StepUp, SingleFlight[None]] = {}
        self._decided: dict[StepUp, tuple[int, Exception | None]] = {}  # its `count`, and the failure if it failed
        self._one_at_a_time = asyncio.Lock()
        self._handler_runs = False
        self.count = 0

    async def pass_(self, wanted: StepUp, *, since: int) -> None:
        """Returns when this step-up has succeeded. `since` is what `count` was when the request was sent.

        Raises StepUpRequired if the user declined, or the step-up failed (the failure is the cause); and
        FlightCancelled if the session has ended.
        """
        number, failure = self._decided.get(wanted, (0, None))
        if number <= since:
            if self._handler_runs and self in _asking.get():
                raise StepUpRequired(wanted.acr_values, wanted.max_age)
            await self._flights.setdefault(wanted, SingleFlight()).join(partial(self._ask, wanted))
            _, failure = self._decided[wanted]
        if failure is not None:
            raise StepUpRequired(wanted.acr_values, wanted.max_age) from failure.__cause__

    def end(self) -> None:
        """The session has ended: cancel the handlers, since the user need not sign in for it any more."""
        for flight in self._flights.values():
            flight.cancel()

    def begin_anew(self) -> None:
        """The client now runs in another event loop (see `loop_watch`)."""
        self._flights, self._one_at_a_time, self._handler_runs = {}, asyncio.Lock(), False

    async def _ask(self, wanted: StepUp) -> None:
        failure: Exception | None = None
        try:
            async with self._one_at_a_time:
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

    async def _call_handler(self, wanted: StepUp) -> "Mapping[str, Any] | Credential | None":
        self._handler_runs = True
        _asking.set((*_asking.get(), self))
        try:
            return await self._handler(wanted)
        finally:
            self._handler_runs = False


class InheritedStepUps:
    """The step-ups of a derived session: the parent's session steps up, and then this session is renewed.

    `count` is the parent's `count` when this session's token was requested.
    """

    def __init__(self, step_ups: StepUps, renew: Callable[[], Awaitable[object]], *, count: int) -> None:
        self._step_ups = step_ups
        self._renew = renew
        self.count = count

    async def pass_(self, wanted: StepUp, *, since: int) -> None:
        """As `StepUps.pass_`; also raises the errors of a renewal."""
        await self._step_ups.pass_(wanted, since=since)
        if self.count < (taken := self._step_ups.count):  # if equal, another request has renewed it since
            await self._renew()
            self.count = taken

    def end(self) -> None:
        """Nothing to do: the parent's session goes on."""

    def begin_anew(self) -> None:
        """Nothing to do: nothing here belongs to an event loop."""
