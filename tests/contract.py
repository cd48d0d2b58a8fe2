"""docs/contract.md, made from the tests: what is promised, where it went wrong elsewhere, and the test that holds it.

The test that holds a sentence of the contract says so in its docstring:

    Q1: One refresh, and all are replayed.

    Seen in: owner/repository#307, #113

Other tests about a sentence begin with its id, or with several: `Q1, Q8: …`. `make contract` writes the file;
`tests/test_contract.py` fails when it differs from the tests.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "contract.md"

SECTIONS: Final = {
    "Q": ("Queue and replay", 29),
    "F": ("Telling failures apart", 19),
    "S": ("Whose session it is", 7),
    "T": ("Tabs and life cycle", 12),
    "X": ("Security and runtime", 15),
}
IDS: Final = tuple(f"{letter}{n}" for letter, (_, last) in SECTIONS.items() for n in range(1, last + 1))
NOT_HELD_YET: Final[frozenset[str]] = frozenset()

_LEADING_IDS = re.compile(r"([A-Z]\d+(?:, [A-Z]\d+)*)(?![\w-])")
_HOLDS = re.compile(r"([A-Z]\d+): (.+?)\n\s*Seen in: (.+?)(?:\n\n|\Z)", re.DOTALL)
_REFERENCE = re.compile(r"([\w.-]+/[\w.-]+)?#(\d+)")

INTRODUCTION = """\
# The contract

<!-- Made from the tests' docstrings by `make contract`. Don't edit: change the test. -->

Each line is a sentence that this library keeps, and the test that holds it; most are bugs that users of other
libraries met, at the places named. The first test of a line fails if its sentence stops being true; those after it hold
a part or a neighbouring case.
"""


@dataclass(frozen=True, slots=True)
class NamedTest:
    """A test and its docstring; `path` is relative to the repository."""

    path: str
    name: str
    docstring: str

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that the docstring begins with."""
        found = _LEADING_IDS.match(self.docstring)
        return tuple(found[1].split(", ")) if found else ()

    @property
    def link(self) -> str:
        """The name, read as a sentence, and the file."""
        return f"[{self.name.removeprefix('test_').replace('_', ' ')}](../{self.path})"


@dataclass(frozen=True, slots=True)
class Held:
    """A sentence, where its opposite was seen, and the test that holds it."""

    id: str
    sentence: str
    source: str
    test: NamedTest


def named_tests(source: str, path: str) -> Iterator[NamedTest]:
    """The tests of a module that have a docstring."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            docstring = ast.get_docstring(node)
            if docstring:
                yield NamedTest(path, node.name, docstring)


def all_tests() -> list[NamedTest]:
    """The tests of this repository, in the order of files and lines."""
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    return [test for path in paths for test in named_tests(path.read_text("utf-8"), path.relative_to(ROOT).as_posix())]


def read_contract(
    tests: Iterable[NamedTest], *, ids: Iterable[str] = IDS, not_held_yet: frozenset[str] = NOT_HELD_YET
) -> tuple[dict[str, Held], list[str]]:
    """What is held, by id; and what is wrong with it, in words."""
    held: dict[str, Held] = {}
    wrong: list[str] = []
    known = tuple(ids)
    for test in tests:
        wrong += [f"{test.name}: there is no {id} in the contract" for id in test.ids if id not in known]
        holds = _HOLDS.match(test.docstring)
        if holds is None:
            if "Seen in:" in test.docstring:
                wrong.append(f"{test.name}: a test with a source says 'Q1: <one sentence>.' first, for one id")
            continue
        id, sentence, source = (" ".join(part.split()) for part in holds.groups())
        if not sentence.endswith("."):
            wrong.append(f"{test.name}: its sentence has no end")
        if id in held:
            wrong.append(f"{id} is held twice: by {held[id].test.name} and {test.name}")
        held[id] = Held(id, sentence, source, test)
    wrong += [f"{id} is held by no test" for id in known if id not in held and id not in not_held_yet]
    wrong += [f"{id} is held by now: it leaves NOT_HELD_YET" for id in known if id in held and id in not_held_yet]
    return held, wrong


def document(held: Mapping[str, Held], tests: Iterable[NamedTest]) -> str:
    """The text of docs/contract.md."""
    tests = list(tests)
    lines = [INTRODUCTION]
    for letter, (title, _) in SECTIONS.items():
        rows = [held[id] for id in IDS if id[0] == letter and id in held]
        if not rows:
            continue
        lines += [f"## {title}", "", "| id | what is right | seen in | held by |", "|---|---|---|---|"]
        for row in rows:
            others = [test.link for test in tests if row.id in test.ids and test != row.test]
            links = "<br>".join([f"**{row.test.link}**", *others])
            cells = (row.id, row.sentence, _linked(row.source), links)
            lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
        lines.append("")
    if missing := [id for id in IDS if id not in held]:
        lines += [f"Not held by a test yet: {', '.join(missing)}.", ""]
    return "\n".join(lines)


def _linked(source: str) -> str:
    """`owner/name#1, #2` with a link for each; a number alone is of the repository before it."""
    repository = ""

    def link(reference: re.Match[str]) -> str:
        nonlocal repository
        repository = reference[1] or repository
        return f"[{reference[0]}](https://github.com/{repository}/issues/{reference[2]})"

    return _REFERENCE.sub(link, source)


def main() -> None:
    """Write docs/contract.md."""
    tests = all_tests()
    held, wrong = read_contract(tests)
    DOCUMENT.write_text(document(held, tests), "utf-8")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
