"""The stretch of time that is visible, and which pixel each time is at."""

from dataclasses import dataclass
from math import ceil, floor, log10

SHORTEST = 0.002
LONGEST = 24 * 60 * 60.0
"""Seconds that can be in sight."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `left` to `right` (seconds), on `width` pixels."""

    left: float
    right: float
    width: int

    @property
    def span(self) -> float:
        """Seconds in sight."""
        return self.right - self.left

    def x(self, time: float) -> int:
        """The pixel of a time; out of sight it lies just beyond the edge, however far away it is."""
        return round(max(-9.0, min(self.width + 9.0, (time - self.left) * self.width / self.span)))

    def time(self, x: float) -> float:
        """The time of a pixel."""
        return self.left + x * self.span / self.width

    def zoomed(self, factor: float, around: float | None = None) -> "Window":
        """A window of `factor` times as much time. The time `around` (or the middle) stays at its pixel."""
        middle = (self.left + self.right) / 2 if around is None else around
        span = max(SHORTEST, min(LONGEST, self.span * factor))
        left = middle - (middle - self.left) * span / self.span
        return Window(left, left + span, self.width)

    def moved(self, seconds: float) -> "Window":
        """The window that begins so many seconds later."""
        return Window(self.left + seconds, self.right + seconds, self.width)

    def ending(self, right: float) -> "Window":
        """The window of the same length that ends at that time."""
        return Window(right - self.span, right, self.width)

    def showing(self, left: float, right: float, *, margin: float = 0.05) -> "Window":
        """The window from `left` to `right`, with a margin at each side (a fraction of that time)."""
        span = max(SHORTEST, min(LONGEST, (right - left) * (1 + 2 * margin)))
        middle = (left + right) / 2
        return Window(middle - span / 2, middle + span / 2, self.width)

    def edges(self, pixels: int, until: float) -> list[float]:
        """The times at every so many pixels, up to `until`."""
        step = pixels * self.span / self.width
        count = min(ceil(self.width / pixels), ceil((until - self.left) / step))
        return [min(until, self.left + step * place) for place in range(max(0, count) + 1)]

    def ticks(self, origin: float, *, apart: int = 90) -> list[tuple[float, str]]:
        """Round times after `origin`, at least so many pixels apart, and how each is written."""
        least = apart * self.span / self.width
        power = floor(log10(least))
        size = next(base for base in (1, 2, 5, 10) if base * 10.0**power >= least * 0.999)
        step = size * 10.0**power
        places = max(0, -power if size < 10 else -power - 1)
        numbers = range(max(0, ceil((self.left - origin) / step)), floor((self.right - origin) / step) + 1)
        return [(origin + number * step, f"{number * step:,.{places}f} s") for number in numbers]
