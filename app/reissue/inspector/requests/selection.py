"""Which requests are shown: all, or those that a filter takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from .flow import Flow
from .life import Kind, Life
from .trace import Trace


@dataclass(frozen=True, slots=True)
class Filter:
    """Takes a request of this kind whose number, method, URL, status and error hold every word of the text."""

    text: str = ""
    kind: Kind = Kind.ALL

    @property
    def takes_all(self) -> bool:
        """Does every request match?"""
        return self.kind is Kind.ALL and not self.text.strip()

    def takes(self, life: Life) -> bool:
        """Does this request match?"""
        if self.kind not in life.kinds:
            return False
        words = self.text.lower().split()
        if not words:
            return True
        shown = f"#{life.number} {life.method} {life.url} {life.status or ''} {life.error or ''}".lower()
        return all(word in shown for word in words)


class Selection:
    """The requests of a trace that a filter takes, and their flow.

    With a filter the flow is made anew after changes; never so often that it takes more than a tenth of the time.
    """

    def __init__(self, trace: Trace, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._trace = trace
        self._clock = clock
        self._filter = Filter()
        self._flow: Flow | None = None
        self._lives: list[Life] = []
        self._version = -1
        self._not_before = 0.0

    @property
    def filter(self) -> Filter:
        """The filter."""
        return self._filter

    @filter.setter
    def filter(self, new: Filter) -> None:
        self._filter = new
        self._flow = None

    @property
    def lives(self) -> list[Life]:
        """The requests, in the order in which they were called."""
        return self._trace.requests.lives if self._filter.takes_all else self._filtered()[0]

    @property
    def flow(self) -> Flow:
        """The flow of these requests."""
        return self._trace.requests.flow if self._filter.takes_all else self._filtered()[1]

    @property
    def settled(self) -> bool:
        """Does the flow hold all that the trace holds?"""
        return self._filter.takes_all or self._version == self._trace.version

    def _filtered(self) -> tuple[list[Life], Flow]:
        if self._flow is None or (not self.settled and self._clock() >= self._not_before):
            began = self._clock()
            self._lives = [life for life in self._trace.requests.lives if self._filter.takes(life)]
            self._flow = Flow.of(self._lives)
            self._version = self._trace.version
            ended = self._clock()
            self._not_before = ended + max(0.25, 10 * (ended - began))
        return self._lives, self._flow
