"""One line of the table: the goal, the result, and whether the goal is met."""

from dataclasses import dataclass

from bench.spreads import Spread


@dataclass(frozen=True, slots=True)
class Goal:
    """`met` is None for a figure that has no goal. `name` is short, `found` is Markdown."""

    name: str
    goal: str
    found: str
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """In one word."""
        return {True: "met", False: "**not met**", None: ""}[self.met]


def at_most(name: str, bound: float, found: Spread, of: str) -> Goal:
    """A ratio whose median is to be `bound` at most."""
    return Goal(name, f"≤ {bound:g} × {of}", f"{found.text()} ×", found.median <= bound)


def table(goals: list[Goal]) -> str:
    """Markdown."""
    rows = ["| measure | goal | found | |", "|---|---|---|---|"]
    rows += [f"| {goal.name} | {goal.goal} | {goal.found} | {goal.verdict} |" for goal in goals]
    return "\n".join(rows)


def columns(names: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [" | ".join(names), "|".join(["---", *["--:"] * (len(names) - 1)]), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" if "--" not in line else f"|{line}|" for line in lines)
