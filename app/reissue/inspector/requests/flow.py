"""Requests side by side: which lane each is in, and how many are at each stage at any time.

Both grow with every event and cost little to ask, however many requests there are: a lane is searched by bisection, and
a level keeps its own integral, so that an average over any stretch of time is two look-ups. A picture of ten thousand
requests so costs no more than one of a hundred.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import pairwise

from .life import Life, Stage

STACK = (Stage.WIRE, Stage.REPLAY, Stage.REFUSED, Stage.STEP_UP, Stage.REFRESH, Stage.ADMISSION, Stage.RESUME)
"""The stages of which levels are kept, in the order in which they are piled up. CALLED takes no time."""

_MOST_STEPS = 50_000  # of one level


class Level:
    """How many requests there are at one stage, over time."""

    __slots__ = ("_areas", "_counts", "_times")

    def __init__(self) -> None:
        self._times: list[float] = []
        self._counts: list[int] = []
        self._areas: list[float] = []  # the integral of the counts, up to each time

    def step(self, at: float, change: int) -> None:
        """From `at` on there are `change` more."""
        if not self._times:
            self._times.append(at)
            self._counts.append(change)
            self._areas.append(0.0)
            return
        before, count = self._times[-1], self._counts[-1]
        if at == before:
            self._counts[-1] = count + change
            return
        self._times.append(at)
        self._counts.append(count + change)
        self._areas.append(self._areas[-1] + count * (at - before))
        if len(self._times) > _MOST_STEPS:
            self._cut(_MOST_STEPS // 2)

    def forget(self, before: float) -> None:
        """Forget the steps before that time."""
        self._cut(bisect_right(self._times, before) - 1)

    def _cut(self, steps: int) -> None:
        if steps > 0:
            del self._times[:steps], self._counts[:steps], self._areas[:steps]

    @property
    def now(self) -> int:
        """The latest count."""
        return self._counts[-1] if self._counts else 0

    def at(self, time: float) -> int:
        """The count at that time."""
        place = bisect_right(self._times, time)
        return self._counts[place - 1] if place else 0

    def averages(self, edges: Sequence[float]) -> list[float]:
        """The average count between each of these times and the next. The times ascend."""
        times, counts, areas = self._times, self._counts, self._areas
        if not times or edges[-1] <= times[0]:
            return [0.0] * (len(edges) - 1)
        averages, place, before, area_before = [], 0, edges[0], 0.0
        for index, edge in enumerate(edges):
            place = bisect_right(times, edge, place)
            area = areas[place - 1] + counts[place - 1] * (edge - times[place - 1]) if place else 0.0
            if index:
                averages.append((area - area_before) / (edge - before) if edge > before else 0.0)
            before, area_before = edge, area
        return averages


class Lane:
    """Requests one after the other."""

    __slots__ = ("lives", "starts")

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.lives: list[Life] = []

    def add(self, life: Life, at: float) -> None:
        """Add the next request."""
        self.starts.append(at)
        self.lives.append(life)

    def between(self, left: float, right: float) -> range:
        """The places of the requests that were running at some time between `left` and `right`."""
        first = max(0, bisect_right(self.starts, left) - 1)
        if first < len(self.lives):
            ended_at = self.lives[first].ended_at
            if ended_at is not None and ended_at < left:
                first += 1
        return range(first, bisect_left(self.starts, right, first))

    def nearest(self, time: float) -> Life | None:
        """The last request that was called before `time`; if there is none, the first after it."""
        place = bisect_right(self.starts, time)
        return self.lives[max(0, place - 1)] if self.lives else None

    def forget(self, numbers: set[int]) -> None:
        """Forget these requests."""
        kept = [life for life in self.lives if life.number not in numbers]
        if len(kept) < len(self.lives):
            self.lives = kept
            self.starts = [life.at for life in kept]


class Flow:
    """Lanes and levels of some requests, whose changes are reported in the order of time."""

    def __init__(self) -> None:
        self.lanes: list[Lane] = []
        self.levels = {stage: Level() for stage in STACK}
        self.all = Level()
        self.problems: list[float] = []  # the times at which a request failed, or got a status of 400 or more
        self.lane_of: dict[int, int] = {}
        self._free: list[int] = []

    @classmethod
    def of(cls, lives: Iterable[Life]) -> "Flow":
        """The flow of these requests alone."""
        flow = cls()
        for at, _, life, place in sorted(_moments(lives), key=lambda moment: moment[:2]):
            if place == 0:
                flow.enter(life, at)
            if place is None:
                flow.leave(life, at)
            else:
                before = life.steps[place - 1][1] if place else None
                flow.change(before, life.steps[place][1], at)
        return flow

    def enter(self, life: Life, at: float) -> None:
        """Put a new request into the lowest free lane."""
        if self._free:
            number = heappop(self._free)
        else:
            number = len(self.lanes)
            self.lanes.append(Lane())
        self.lanes[number].add(life, at)
        self.lane_of[life.number] = number
        self.all.step(at, 1)

    def change(self, before: Stage | None, after: Stage | None, at: float) -> None:
        """Move a request from one stage to another."""
        if before in self.levels:
            self.levels[before].step(at, -1)
        if after in self.levels:
            self.levels[after].step(at, 1)

    def leave(self, life: Life, at: float) -> None:
        """Take a request that has ended out of its lane."""
        self.change(life.stage, None, at)
        self.all.step(at, -1)
        heappush(self._free, self.lane_of[life.number])
        if life.ended_badly:
            self.problems.append(at)

    def forget(self, numbers: set[int]) -> None:
        """Forget these requests, which have ended."""
        for lane in self.lanes:
            lane.forget(numbers)
        for number in numbers:
            del self.lane_of[number]
        oldest = min((lane.starts[0] for lane in self.lanes if lane.starts), default=0.0)
        for level in (self.all, *self.levels.values()):
            level.forget(oldest)
        del self.problems[: bisect_left(self.problems, oldest)]

    def extent(self, left: float, right: float) -> tuple[int, int]:
        """How many lanes are needed to show that time, and how many requests are in them."""
        needed = seen = 0
        for number, lane in enumerate(self.lanes):
            if here := len(lane.between(left, right)):
                needed, seen = number + 1, seen + here
        return needed, seen

    def troubled(self, edges: Sequence[float]) -> list[bool]:
        """For each of these times: did a request end badly between it and the next?"""
        places = [bisect_left(self.problems, edge) for edge in edges]
        return [after > before for before, after in pairwise(places)]

    def at(self, time: float, lane: int) -> Life | None:
        """The request that is in this lane at that time."""
        if not 0 <= lane < len(self.lanes):
            return None
        lives = self.lanes[lane]
        place = bisect_right(lives.starts, time) - 1
        if place < 0:
            return None
        life = lives.lives[place]
        return life if life.ended_at is None or time <= life.ended_at else None


def _moments(lives: Iterable[Life]) -> Iterator[tuple[float, int, Life, int | None]]:
    """Each beginning, change and end: its time, its rank at equal times, the request, and which step it is."""
    for life in lives:
        for place, (at, _) in enumerate(life.steps):
            yield at, 1 if place else 2, life, place
        if life.ended_at is not None:
            # A stage that took no time must not end before it began.
            yield life.ended_at, 0 if life.ended_at > life.at else 3, life, None
