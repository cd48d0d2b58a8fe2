"""The stretch of time in sight: how the user moves it, and how it follows what happens."""

import time
from collections.abc import Callable

from .life import Life
from .trace import Trace
from .window import Window

FULL_SPAN = 10.0  # seconds that are visible, until the user zooms
LEAST_SPAN = 0.2
PAD = 0.04  # of the span, to the right of the latest event


class Viewport:
    """The window onto a trace. `changed` is called when another time is to be drawn."""

    def __init__(
        self, trace: Trace, *, changed: Callable[[], object], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.window = Window(0.0, FULL_SPAN, 1)
        self.follows = True
        self._trace, self._changed, self._clock = trace, changed, clock
        self._is_zoomed = False  # by the user; until then the span is that of the last burst

    @property
    def now(self) -> float:
        """The time at which the picture ends: now, or the latest event if nothing is running."""
        return self._clock() if self._trace.busy else self._trace.last

    def zoom(self, factor: float, x: float | None = None) -> None:
        """Show `factor` times as much time. The time at pixel `x` stays there; without `x`, the end or the middle."""
        if x is None:
            self.keep_up()
        around = self.window.time(x) if x is not None else self.window.right if self.follows else None
        self._is_zoomed = True
        self.window = self.window.zoomed(factor, around)
        self._changed()

    def move(self, pixels: float) -> None:
        """Show a time that is so many pixels later, and stop following."""
        self.follows = False
        self.window = self.window.moved(pixels * self.window.span / self.window.width)
        self._changed()

    def follow(self, on: bool) -> None:
        """Follow what happens, or stop following."""
        self.follows = on
        self._changed()

    def show(self, left: float, right: float, *, margin: float = 0.05) -> None:
        """Show the time from `left` to `right`, and stop following."""
        self._is_zoomed, self.follows = True, False
        self.window = self.window.showing(left, right, margin=margin)
        self._changed()

    def reveal(self, life: Life) -> None:
        """Show the time of a request. Stop following, unless the next drawing would show the request anyway."""
        self.keep_up()
        end = life.until(self.now)
        if end < self.window.left or life.at > self.window.right:
            self.follows = False
            self.window = self.window.moved((life.at + end) / 2 - (self.window.left + self.window.right) / 2)
        self._changed()

    def resize(self, width: int) -> None:
        """Show the same time on so many pixels."""
        self.window = Window(self.window.left, self.window.right, width)

    def keep_up(self) -> None:
        """If it follows, move the window up to now: the last drawing may be old, and the next not due yet."""
        if not self.follows:
            return
        now = self.now
        if not self._is_zoomed:
            seen = 0.0 if self._trace.first is None else (now - self._trace.burst) * (1 + 2 * PAD)
            self.window = Window(0.0, max(LEAST_SPAN, min(FULL_SPAN, seen)), self.window.width)
        self.window = self.window.ending(now + PAD * self.window.span)
