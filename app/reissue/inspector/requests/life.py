"""The life of one request, as stretches of time."""

from dataclasses import dataclass
from enum import Enum


class Stage(Enum):
    """What a request is doing during one stretch of its life."""

    CALLED = "called"  # takes no time, unless the request waits for something that no event names
    RESUME = "resume"
    ADMISSION = "admission"
    REFRESH = "refresh"
    WIRE = "wire"
    STEP_UP = "step_up"
    REFUSED = "refused"  # a 401, and the wait for the refresh after it
    REPLAY = "replay"


class Outcome(Enum):
    """How a request ended, if it has."""

    RUNNING = "running"
    DONE = "done"  # a status below 400
    REJECTED = "rejected"  # a status of 400 or more
    FAILED = "failed"
    CANCELLED = "cancelled"


class Kind(Enum):
    """Requests, by what they are doing or what became of them."""

    ALL = "all"
    WAITING = "waiting"
    WIRE = "wire"
    REPLAYED = "replayed"  # sent again after a 401; it may be DONE or a PROBLEM as well
    DONE = "done"
    PROBLEMS = "problems"  # a status of 400 or more, an error, or cancelled


class Stretch:
    """What takes time: it runs until `ended_at` is set."""

    __slots__ = ()
    ended_at: float | None

    def until(self, now: float) -> float:
        """When it ended; `now` while it runs."""
        return now if self.ended_at is None else self.ended_at


@dataclass(slots=True, eq=False)
class Life(Stretch):
    """One request. It grows until `ended_at` is set. `steps` are the stages with the time at which each began."""

    number: int
    method: str
    url: str
    replayable: bool
    steps: list[tuple[float, Stage]]
    ended_at: float | None = None
    outcome: Outcome = Outcome.RUNNING
    status: int | None = None
    error: str | None = None
    destination: str | None = None  # what asked for it, if that was no code

    @property
    def at(self) -> float:
        """When it was called."""
        return self.steps[0][0]

    @property
    def stage(self) -> Stage:
        """What it is doing, or did last."""
        return self.steps[-1][1]

    @property
    def was_refused(self) -> bool:
        """Was there a 401?"""
        return any(stage is Stage.REFUSED for _, stage in self.steps)

    @property
    def kinds(self) -> set[Kind]:
        """What it is to be counted among."""
        if self.ended_at is None:
            main = Kind.WIRE if self.stage in (Stage.WIRE, Stage.REPLAY) else Kind.WAITING
        else:
            main = Kind.DONE if self.outcome is Outcome.DONE else Kind.PROBLEMS
        is_replayed = any(stage is Stage.REPLAY for _, stage in self.steps)
        return {Kind.ALL, main, Kind.REPLAYED} if is_replayed else {Kind.ALL, main}

    @property
    def ended_badly(self) -> bool:
        """Did it fail, or get a status of 400 or more?"""
        return self.outcome in (Outcome.FAILED, Outcome.REJECTED)

    def spans(self, now: float) -> list[tuple[Stage, float, float]]:
        """Its stages with the beginning and the end of each; one that is running ends at `now`."""
        ends = [at for at, _ in self.steps[1:]]
        ends.append(self.until(now))
        return [(stage, at, end) for (at, stage), end in zip(self.steps, ends, strict=True)]

    def duration(self, now: float) -> float:
        """Seconds from the call to the end, or to `now`."""
        return self.until(now) - self.at
