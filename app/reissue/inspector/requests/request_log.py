"""The requests that are remembered, each with its life, and the flow that they make.

So many are remembered. Beyond that the oldest that have ended are forgotten, so a page may run for days.
"""

from collections import Counter

from ...events import RequestEvent, RequestPhase, WaitsFor
from .flow import Flow
from .life import Kind, Life, Outcome, Stage

KEPT = 10_000
"""How many requests are remembered."""

_STAGES = {
    RequestPhase.STARTED: Stage.CALLED,
    RequestPhase.SENT: Stage.WIRE,
    RequestPhase.REFUSED: Stage.REFUSED,
    RequestPhase.REPLAYED: Stage.REPLAY,
}
_WAITS = {
    WaitsFor.RESUME: Stage.RESUME,
    WaitsFor.ADMISSION: Stage.ADMISSION,
    WaitsFor.REFRESH: Stage.REFRESH,
    WaitsFor.STEP_UP: Stage.STEP_UP,
}
_ENDS = {
    RequestPhase.DONE: Outcome.DONE,
    RequestPhase.FAILED: Outcome.FAILED,
    RequestPhase.CANCELLED: Outcome.CANCELLED,
}


class RequestLog:
    """Keeps `kept` requests. `flow` holds the same requests; `dropped` counts those that were forgotten."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._kept = kept
        self._lives: dict[int, Life] = {}
        self.flow = Flow()
        self.counts: Counter[Kind] = Counter()  # how many of those remembered are of each kind
        self.running = 0
        self.dropped = 0

    @property
    def lives(self) -> list[Life]:
        """The requests, in the order in which they were called."""
        return list(self._lives.values())

    @property
    def count(self) -> int:
        """How many requests are remembered."""
        return len(self._lives)

    @property
    def oldest(self) -> Life:
        """The request that was called first. There must be one."""
        return next(iter(self._lives.values()))

    def life(self, number: int) -> Life | None:
        """The request of this number, if it is remembered."""
        return self._lives.get(number)

    def hear(self, event: RequestEvent, at: float) -> bool:
        """Record an event. True if older requests were forgotten for it."""
        life = self._lives.get(event.request)
        end = _ENDS.get(event.phase)
        if life is None:
            # An end without a beginning: the request began before the trace.
            return end is None and self._begin(event, at)
        self.counts.subtract(life.kinds)
        if end is None:
            stage = _stage(event)
            self.flow.change(life.stage, stage, at)
            life.steps.append((at, stage))
            self.counts.update(life.kinds)
            return False
        life.ended_at, life.status, life.error = at, event.status, event.error
        rejected = end is Outcome.DONE and (event.status or 0) >= 400
        life.outcome = Outcome.REJECTED if rejected else end
        self.running -= 1
        self.counts.update(life.kinds)
        self.flow.leave(life, at)
        return False

    def clear(self) -> None:
        """Forget what has ended."""
        self._lives = {number: life for number, life in self._lives.items() if life.ended_at is None}
        self.flow = Flow.of(self._lives.values())
        self.counts = Counter(kind for life in self._lives.values() for kind in life.kinds)
        self.dropped = 0

    def _begin(self, event: RequestEvent, at: float) -> bool:
        life = Life(event.request, event.method, event.url, event.replayable, [(at, _stage(event))])
        life.destination = event.destination
        self._lives[event.request] = life
        self.running += 1
        self.counts.update(life.kinds)
        self.flow.enter(life, at)
        self.flow.change(None, life.stage, at)
        return len(self._lives) > self._kept and self._drop()

    def _drop(self) -> bool:
        """Forget the oldest requests that have ended; a tenth at a time, since that costs less than one by one."""
        excess = len(self._lives) - self._kept + self._kept // 10
        over = [life for life in self._lives.values() if life.ended_at is not None][:excess]
        for life in over:
            del self._lives[life.number]
            self.counts.subtract(life.kinds)
        self.dropped += len(over)
        if over:
            self.flow.forget({life.number for life in over})
        return bool(over)


def _stage(event: RequestEvent) -> Stage:
    return _STAGES[event.phase] if event.waits_for is None else _WAITS[event.waits_for]
