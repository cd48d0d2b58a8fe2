"""How much work a regular expression makes: a matcher that goes the way of `re`, and counts each look at a character.

It backtracks as `re` does, by the parse tree that `re` itself makes; so growth can be measured without a clock.
"""

import ast
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final

Items = Sequence[tuple[Any, Any]]

_METHODS: Final = {"compile", "sub", "subn", "split", "match", "fullmatch", "search", "findall", "finditer"}
_CHARACTERS: Final = [*map(chr, range(9, 127)), "é", "٥"]
_CATEGORIES: Final = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_WORD: r"\w",
}


MANY: Final = 10_000
"""Steps: more than any text of a hundred characters should take."""


@dataclass(frozen=True)
class Pattern:
    """One pattern of the sources. `anchored`: it is tried at one place only, not at each of the text."""

    module: str
    text: str
    flags: int
    anchored: bool


def patterns_of(module: Path, name: str) -> list[Pattern]:
    """Every pattern that stands in a module, found without importing it."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    known: dict[str, Any] = {"re": re}
    names: dict[int, str] = {}
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if isinstance(target, ast.Name):
                names[id(statement.value)] = target.id
                if isinstance(statement.value, (ast.Constant, ast.JoinedStr)):
                    known[target.id] = _evaluated(statement.value, known)
    used: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used.setdefault(node.value.id, set()).add(node.attr)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"re.{method}" for method in _METHODS}:
            method = ast.unparse(node.func).removeprefix("re.")
            methods = used.get(names.get(id(node), ""), _METHODS) if method == "compile" else {method}
            last = [*node.args[1:], *(keyword.value for keyword in node.keywords)][-1:]
            flags = _evaluated(last[0], known) if last and ast.unparse(last[0]).startswith("re.") else 0
            anchored = not methods - {"match", "fullmatch"}
            found.append(Pattern(name, _evaluated(node.args[0], known), int(flags), anchored))
    return found


def _evaluated(node: ast.expr, known: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(node), "pattern", "eval"), {}, known)


@dataclass
class Matcher:
    """Matches as `re.fullmatch` or, unless `anchored`, as `re.findall` does; `steps` counts looks at a character."""

    pattern: Pattern
    steps: int = 0
    items: Any = field(init=False)  # as `re` parses it
    _known: dict[tuple[Any, int, str], bool] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.items = _parser.parse(self.pattern.text, self.pattern.flags)

    def work(self, text: str) -> int:
        """The steps that this text takes. Stops counting at `MANY`."""
        self.steps = 0
        with suppress(OverflowError):
            self._look_through(text)
        return self.steps

    def _look_through(self, text: str) -> None:
        at = 0
        while at <= len(text):
            ends = self.ends(self.items.data, text, at)
            if self.pattern.anchored:
                any(end == len(text) for end in ends)
                break
            at = max(next(ends, at), at + 1)

    def ends(self, items: Items, text: str, at: int, first: int = 0) -> Iterator[int]:
        """Where these items, from the `first` on, may end if they begin here, in the order of trying."""
        for place in range(first, len(items)):
            code, argument = items[place]
            if code not in _SINGLE:
                for end in self._ends_of(code, argument, text, at):
                    yield from self.ends(items, text, end, place + 1)
                return
            self.steps += 1
            if self.steps > MANY:
                raise OverflowError
            if at == len(text) or not self.fits(code, argument, text[at]):
                return
            at += 1
        yield at

    def _ends_of(self, code: Any, argument: Any, text: str, at: int) -> Iterator[int]:
        if code is op.SUBPATTERN:
            yield from self.ends(argument[3].data, text, at)
        elif code is op.ATOMIC_GROUP:
            yield from [*_first(self.ends(argument.data, text, at))]
        elif code is op.BRANCH:
            for branch in argument[1]:
                yield from self.ends(branch.data, text, at)
        elif code is op.AT:
            if (argument is op.AT_BEGINNING and at == 0) or argument is op.AT_BOUNDARY:
                yield at
        elif code is op.POSSESSIVE_REPEAT:
            yield from self._possessive(argument, text, at)
        else:
            assert code in (op.MAX_REPEAT, op.MIN_REPEAT), code
            yield from self._repeated(argument, text, at, greedy=code is op.MAX_REPEAT)

    def _possessive(self, argument: Any, text: str, at: int) -> Iterator[int]:
        least, most, body = argument
        times = 0
        while times < most:
            end = next(self.ends(body.data, text, at), None)
            if end is None or end == at:
                break
            at, times = end, times + 1
        if times >= least:
            yield at

    def _repeated(self, argument: Any, text: str, at: int, *, greedy: bool) -> Iterator[int]:
        least, most, body = argument
        stack = [(at, iter(self.ends(body.data, text, at)))]
        if not greedy and least == 0:
            yield at
        while stack:
            start, ends = stack[-1]
            end = next(ends, None) if len(stack) <= most else None
            if end is not None and end > start:
                if not greedy and len(stack) >= least:
                    yield end
                stack.append((end, iter(self.ends(body.data, text, end))))
                continue
            stack.pop()
            if greedy and len(stack) >= least:
                yield start

    def fits(self, code: Any, argument: Any, character: str) -> bool:
        """Does one item take this character?"""
        asked = code, id(argument), character  # an argument lives as long as `items`
        known = self._known.get(asked)
        if known is None:
            either = {character.lower(), character.upper()} if self.pattern.flags & re.IGNORECASE else {character}
            known = any(_fits(code, argument, one, self.pattern.flags) for one in either)
            self._known[asked] = known
        return known

    def singles(self, items: Any) -> Iterator[tuple[Any, Any]]:
        """The items that take one character each."""
        for item in items:
            if isinstance(item, tuple) and len(item) == 2 and item[0] in _SINGLE:
                yield item
            elif isinstance(item, (tuple, list, _parser.SubPattern)):
                yield from self.singles(item)

    def _one_that_fits(self, code: Any, argument: Any) -> str:
        return next(character for character in _CHARACTERS if self.fits(code, argument, character))

    def texts(self, length: int, *, most: int = 100) -> list[str]:
        """Texts of about this length that may be hard: what the pattern knows, repeated, after and before all sorts."""
        items = list(self.singles(self.items))
        kinds: dict[tuple[bool, ...], str] = {}
        for character in _CHARACTERS:
            kinds.setdefault(tuple(self.fits(code, argument, character) for code, argument in items), character)
        alphabet = list(kinds.values())
        sentence = "".join(self._one_that_fits(*item) for item in items)
        prefixes = ["", *alphabet, *(sentence[:end] for end in range(2, min(len(sentence), 24) + 1))]
        pumps = [
            *alphabet,
            *map("".join, product(alphabet, repeat=2)),
            *(sentence[:end] for end in range(3, min(len(sentence), 8) + 1)),
        ]
        suffixes = ["", *alphabet]
        count = len(prefixes) * len(pumps) * len(suffixes)
        numbers = random.Random(0).sample(range(count), most) if count > most else range(count)
        chosen = []
        for number in numbers:  # there are millions for some patterns: only those that are chosen are made
            rest, suffix = divmod(number, len(suffixes))
            prefix, pump = divmod(rest, len(pumps))
            chosen.append((prefixes[prefix], pumps[pump], suffixes[suffix]))
        return [prefix + pump * (length // len(pump)) + suffix for prefix, pump, suffix in chosen]


_SINGLE: Final = frozenset([op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY])


def _first(ends: Iterator[int]) -> Iterator[int]:
    for end in ends:
        yield end
        return


def _fits(code: Any, argument: Any, character: str, flags: int) -> bool:
    if code is op.LITERAL:
        return bool(ord(character) == argument)
    if code is op.NOT_LITERAL:
        return bool(ord(character) != argument)
    if code is op.ANY:
        return character != "\n" or bool(flags & re.DOTALL)
    assert code is op.IN, code
    negated = argument[0][0] is op.NEGATE
    return bool(negated) != any(_member(kind, value, character, flags) for kind, value in argument[negated:])


def _member(kind: Any, value: Any, character: str, flags: int) -> bool:
    if kind is op.LITERAL:
        return bool(ord(character) == value)
    if kind is op.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    assert kind is op.CATEGORY, kind
    return re.fullmatch(_CATEGORIES[value], character, flags & re.ASCII) is not None
