"""Writes the results for people to read: the tables between the markers of the documents, and the plot."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import goals
from bench.goals import Goal
from bench.parts import gate, memory, overhead, startup, storm, tabs

ROOT = Path(__file__).resolve().parents[1]
FIGURE = ROOT / "docs" / "bench.svg"
DOCUMENTS = tuple(ROOT / name for name in ("README.md", "README.ko.md", "docs/performance.md", "bench/README.md"))
IN_SHORT = (  # what the READMEs show, whether it is met or not: a storm, a request, a start
    ("storm of 100, revoked token: time", "axios"),
    ("fresh token: over `pyfetch` alone, loopback", ""),
    ("start, cold", "stock set-up"),
)
ENOUGH, QUIET = 5, 1.5  # rounds; load average
GOALS: dict[str, Callable[[dict[str, Any]], list[Goal]]] = {
    "storm": storm.goals,
    "many": storm.goals_many,
    "overhead": overhead.goals,
    "gate": gate.goals,
    "startup": startup.goals,
    "memory": memory.goals,
    "tabs": tabs.goals,
}
TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "storm": storm.tables,
    "gate": gate.tables,
    "startup": startup.tables,
    "memory": memory.tables,
    "tabs": tabs.tables,
}


def goals_of(part: str, raw: dict[str, Any]) -> list[Goal]:
    """The goals of one part, with their results."""
    return GOALS[part](raw)


def all_goals(results: dict[str, Any]) -> list[Goal]:
    """The goals of all parts that were measured."""
    return [goal for part in GOALS if part in results["parts"] for goal in goals_of(part, results["parts"][part])]


def summary(results: dict[str, Any]) -> str:
    """All goals in one table."""
    return goals.table(all_goals(results))


def in_short(results: dict[str, Any]) -> str:
    """Three goals in a table, and how many of all are met."""
    found = all_goals(results)
    shown = [
        next(goal for goal in found if goal.name == name and words in goal.goal)
        for name, words in IN_SHORT
        if any(goal.name == name for goal in found)
    ]
    judged = [goal for goal in found if goal.met is not None]
    met = sum(goal.met is True for goal in judged)
    unmet = [f"{goal.name} ({goal.goal})" for goal in judged if not goal.met]
    rest = f" Not met: {'; '.join(unmet)}." if unmet else ""
    return f"{goals.table(shown)}\n\n{met} of {len(judged)} goals are met.{rest}"


def setting(results: dict[str, Any]) -> str:
    """The machine and the versions, in a sentence."""
    machine = results["machine"]
    return (
        f"{machine['cores']} cores ({machine['processor']}), Chromium {machine['chromium']}, Pyodide "
        f"{machine['pyodide']}, PyScript {machine['@pyscript/core']}; axios {machine['axios']}, axios-auth-refresh "
        f"{machine['axios-auth-refresh']}, @badgateway/oauth2-client {machine['@badgateway/oauth2-client']}. "
        f"The server by itself answers {machine['server']['per_second']:,} requests a second over "
        f"{machine['server']['connections']} connections."
    )


def sections(results: dict[str, Any]) -> dict[str, str]:
    """The texts between the markers, by their names."""
    parts = results["parts"]
    tables = {part: table(parts[part]) for part, table in TABLES.items() if part in parts}
    return {
        "goals": f"{summary(results)}\n\n{reliance(results)}",
        "short": in_short(results),
        "setting": setting(results),
        **tables,
    }


def reliance(results: dict[str, Any]) -> str:
    """How far the table may be relied on: how many rounds, and how busy the machine was before each part."""
    parts = results["parts"]
    rounds = [max(run["round"] for run in parts[name]["runs"]) + 1 for name in ("storm",) if name in parts]
    rounds += [max(load["round"] for load in parts["startup"]["loads"]) + 1] if "startup" in parts else []
    load = parts.get("storm", {}).get("load_before")  # of the first part: before later ones, the load is our own
    text = f"{min(rounds)} rounds" if rounds else "No rounds"
    if load is not None:
        text += f"; before the first the machine's load was {load:.1f}"
    few, busy = not rounds or min(rounds) < ENOUGH, load is not None and load > QUIET
    return f"{text}. **Provisional: too few rounds, or too busy a machine.**" if few or busy else f"{text}."


def filled(text: str, found: dict[str, str]) -> str:
    """The document, with the results between `<!-- bench: name -->` and `<!-- /bench -->`."""

    def place(match: re.Match[str]) -> str:
        content = found.get(match["name"])
        return match[0] if content is None else f"{match['open']}\n{content}\n{match['close']}"

    return re.sub(
        r"(?P<open><!-- bench: (?P<name>\w+) -->)\n.*?(?P<close><!-- /bench -->)", place, text, flags=re.DOTALL
    )


def write(results: dict[str, Any]) -> None:
    """Fill the documents, and draw the plot."""
    found = sections(results)
    for document in DOCUMENTS:
        document.write_text(filled(document.read_text(encoding="utf-8"), found), encoding="utf-8")
    from bench.figure import draw  # here: matplotlib is installed for `make bench` only

    draw(results["parts"], FIGURE)
