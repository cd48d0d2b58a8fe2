"""Medians, and how far the runs were apart: a measurement is never one number."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some runs, with the lowest and the highest, or the quartiles of many."""

    median: float
    low: float
    high: float

    def text(self, digits: int = 2, *, factor: float = 1, unit: str = "") -> str:
        """`1.23 (1.10–1.41)`, each value times `factor`."""
        median, low, high = (f"{value * factor:,.{digits}f}" for value in (self.median, self.low, self.high))
        return f"{median}{unit}" if low == high else f"{median}{unit} ({low}–{high})"


def spread(values: Iterable[float]) -> Spread:
    """The median, and the extremes."""
    runs = sorted(values)
    return Spread(statistics.median(runs), runs[0], runs[-1])


def quartiles(values: Iterable[float]) -> Spread:
    """The median and the quartiles, for many runs of something small in much noise."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """The ratios run by run. The runs were made in turns, so what slows the machine down slows down both of a pair."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Growth of the second value for each one of the first: the median over all pairs (Theil and Sen)."""
    return statistics.median(
        (after[1] - before[1]) / (after[0] - before[0])
        for index, before in enumerate(points)
        for after in points[index + 1 :]
    )
