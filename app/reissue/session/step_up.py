"""Step-up (RFC 9470): the API wants a stronger or a fresher sign-in, and the app is asked for it once.

Theory of operation:

1. The token is good, so nothing is refreshed, and requests that need no step-up go on meanwhile.
2. However many requests wait for the same step-up, the app's handler is called once. What came of it goes for every
   request that was sent before: one whose 401 comes late does not ask again.
3. One handler at a time: the user has one pair of eyes.
4. A request that the handler itself makes would wait for itself, so its step-up is an error at once (Q3).
5. A request that was sent with an older credential than the session's is sent once more before anybody is asked:
   another tab, or another kind of step-up, may have brought what is wanted (Q2).
6. The session goes on with the new credential, so what waits is replayed with it; but another user's begins a session
   of its own (S3), and a session that ends takes its handlers along.
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
"""The app's own answer: fields for the endpoint's sign-in, or a credential, or None if the user declines."""

_asking: ContextVar[tuple["StepUps", ...]] = ContextVar("reissue_step_ups", default=())


class StepUps:
    """The step-ups of one session. `take` lets the session go on with what the handler gave."""

    def __init__(
        self, handler: StepUpHandler, take: Callable[["Mapping[str, Any] | Credential"], Awaitable[None]]
    ) -> None:
        self._handler = handler
        self._take = take
        self._flights: dict[StepUp, SingleFlight[None]] = {}
        self._decided: dict[StepUp, tuple[int, Exception | None]] = {}  # as which one, and why not
        self._turns = asyncio.Lock()
        self._asks = False
        self.count = 0

    async def pass_(self, wanted: StepUp, *, since: int) -> None:
        """Returns when the session has taken this step. `since` is what `count` was when the request was sent.

        Raises StepUpRequired if the user declined, or it failed (that is its cause); and FlightCancelled if the session
        has ended.
        """
        number, failure = self._decided.get(wanted, (0, None))
        if number <= since:
            if self._asks and self in _asking.get():
                raise StepUpRequired(wanted.acr_values, wanted.max_age)
            await self._flights.setdefault(wanted, SingleFlight()).join(partial(self._ask, wanted))
            _, failure = self._decided[wanted]
        if failure is not None:
            raise StepUpRequired(wanted.acr_values, wanted.max_age) from failure.__cause__

    def end(self) -> None:
        """The session has ended: nobody need sign in for it any more."""
        for flight in self._flights.values():
            flight.cancel()

    def begin_anew(self) -> None:
        """The next event loop runs this client (see `loop_watch`)."""
        self._flights, self._turns, self._asks = {}, asyncio.Lock(), False

    async def _ask(self, wanted: StepUp) -> None:
        failure: Exception | None = None
        try:
            async with self._turns:
                answer = await self._asked(wanted)
                if answer is None:
                    failure = StepUpRequired()
                else:
                    await self._take(answer)
        except Exception as cause:  # whatever it was: the step was not taken, and the session is as it was
            failure = StepUpRequired()
            failure.__cause__ = cause
        self.count += 1
        self._decided[wanted] = self.count, failure

    async def _asked(self, wanted: StepUp) -> "Mapping[str, Any] | Credential | None":
        self._asks = True
        _asking.set((*_asking.get(), self))
        try:
            return await self._handler(wanted)
        finally:
            self._asks = False


class InheritedStepUps:
    """The step-ups of a session whose tokens come from another's: that one takes the step, and this one is renewed.

    `count` is how many of them its token knows of.
    """

    def __init__(self, of: StepUps, renew: Callable[[], Awaitable[object]]) -> None:
        self._of = of
        self._renew = renew
        self.count = of.count

    async def pass_(self, wanted: StepUp, *, since: int) -> None:
        """As `StepUps.pass_`; raises what a renewal raises, too."""
        await self._of.pass_(wanted, since=since)
        if self.count < (taken := self._of.count):  # else another request has had it renewed since
            await self._renew()
            self.count = taken

    def end(self) -> None:
        """Nothing to do: the other session goes on."""

    def begin_anew(self) -> None:
        """Nothing to do: nothing here belongs to an event loop."""
