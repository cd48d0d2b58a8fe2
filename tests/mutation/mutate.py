"""Runs mutmut in the working directory with a few operators more, and writes every mutant's verdict to verdicts.json.

mutmut never takes a statement away, nor turns a plain condition around, nor loses a result: that is added here. The
wording of messages is not mutated: it is for people, and a test of it would be a copy.

The tests run in virtual time, so none of them waits, and seconds of CPU say that a mutant loops for ever. What waits
for ever takes none: it is ended by the clock on the wall, and counts as a survivor, since a busy machine can do that,
too. So a busy machine kills no mutant.
"""

import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from pathlib import Path

import libcst as cst
import pytest
from _pytest.config import _prepareconfig
from mutmut.__main__ import cli
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.mutators import mutation_operators, operator_arg_removal, operator_string
from mutmut.runners import harness
from mutmut.state import state
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import change_cwd
from mutmut.utils.format_utils import orig_function_and_class_names_from_key
from mutmut.workers import isolation
from mutmut.workers.isolation import run_in_fork

SUSPICIOUS = 35
"""The exit code by which mutmut knows a mutant whose tests could not be run."""
UNFINISHED = 34
"""The exit code of a mutant whose tests have not ended in time: "skipped" to mutmut, so it is not killed."""


def cpu_limit(seconds: float) -> int:
    """The seconds of CPU for tests whose calls took so many: fixtures come on top, and a slow hour of the machine."""
    return 20 + int(4 * seconds)


def end_after(seconds: int) -> None:
    """End this process once it has taken so long, by a clock that can't be set."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(UNFINISHED))
    signal.alarm(seconds)


def negated(node: cst.If | cst.While) -> Iterator[cst.CSTNode]:
    """`if x` → `if not x`, where mutmut has no operator to turn around."""
    if isinstance(node.test, cst.Name | cst.Attribute | cst.Call | cst.Await | cst.NamedExpr):
        test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))


def left_out(node: cst.Expr | cst.Raise | cst.Del) -> Iterator[cst.CSTNode]:
    """`x()`, `await x()`, `raise x`, `del x` → `pass`."""
    if not isinstance(node, cst.Expr) or isinstance(node.value, cst.Call | cst.Await):
        yield cst.Pass()


def returning_nothing(node: cst.Return) -> Iterator[cst.CSTNode]:
    """`return x` → `return None`."""
    if node.value is not None and not (isinstance(node.value, cst.Name) and node.value.value == "None"):
        yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))


def is_prose(node: cst.CSTNode) -> bool:
    """Is this what people read?"""
    return isinstance(node, cst.SimpleString | cst.FormattedString | cst.ConcatenatedString) and " " in (
        cst.Module([]).code_for_node(node)
    )


def without_argument(node: cst.Call) -> Iterator[cst.CSTNode]:
    """`f(x)` → `f(None)` or `f()`, unless `x` is prose."""
    prose = [argument.value for argument in node.args if is_prose(argument.value)]
    for call in operator_arg_removal(node):
        if all(any(value is argument.value for argument in call.args) for value in prose):
            yield call


def other_word(node: cst.BaseString) -> Iterator[cst.CSTNode]:
    """Another string, unless it is prose. One will do."""
    if not is_prose(node):
        yield from islice(operator_string(node), 1)


mutation_operators[:] = [
    *(pair for pair in mutation_operators if pair[1] not in (operator_string, operator_arg_removal)),
    (cst.BaseString, other_word),
    (cst.Call, without_argument),
    (cst.If, negated),
    (cst.While, negated),
    (cst.Expr, left_out),
    (cst.Raise, left_out),
    (cst.Del, left_out),
    (cst.Return, returning_nothing),
]


class Tests:
    """The tests of the core, collected once: a process that is forked after that runs any of them at once."""

    def __init__(self) -> None:
        self._items: dict[str, pytest.Item] = {}
        self._failed = False

    def collect(self) -> None:
        """Do what pytest does before it runs a test. Exits unless every test passes while nothing is mutated."""
        with change_cwd("mutants"):
            config = _prepareconfig(
                ["--rootdir=.", "--tb=native", "-q", "-s", "-p", "no:cacheprovider", "tests/reissue"], [self]
            )
            config._do_configure()
            session = pytest.Session.from_config(config)
            config.hook.pytest_sessionstart(session=session)
            config.hook.pytest_collection(session=session)
        self._items = {item.nodeid: item for item in session.items}
        # As mutmut runs them: the fast ones first. They must not fail for their order.
        if run_in_fork(self.run, sorted(self._items, key=lambda name: state().duration_by_test[name])):
            sys.exit("a test fails though nothing is mutated")

    def run(self, names: list[str]) -> int:
        """Run these up to the first that fails, in a forked process. 1 if one does."""
        if not self._items.keys() >= set(names):
            return SUSPICIOUS
        items = [self._items[name] for name in names]
        with change_cwd("mutants"):
            for item, following in zip_longest(items, items[1:]):
                try:
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                except KeyboardInterrupt:  # one that a test has raised, and that the mutant let through
                    return 1
                if self._failed:
                    return 1
        return 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """pytest tells how a test went."""
        self._failed = self._failed or report.failed


TESTS = Tests()
start = isolation.ForkRunner.submit


def start_with_limited_cpu(
    runner: isolation.ForkRunner, mutant: str, tests: list[str], cpu_time_limit: int, estimated_time: float
) -> None:
    """Start the tests of a mutant."""
    start(runner, mutant, tests, cpu_limit(estimated_time), estimated_time)


def start_up(runner: isolation.ForkRunner) -> None:
    """Get ready for the first mutant."""
    TESTS.collect()
    gc.freeze()


isolation.ForkRunner.startup = start_up
isolation.ForkRunner.submit = start_with_limited_cpu
isolation.register_timeout = lambda **_: None  # it takes what has not ended by the wall's clock for killed

run_by_pytest = harness.PytestRunner.run_tests


def run_tests(runner: harness.PytestRunner, *, mutant_name: str | None, tests: Iterable[str]) -> int:
    """Run the tests of a mutant, in a process of its own. Whatever stops them but a failure is not a kill."""
    if mutant_name is None:
        status: int = run_by_pytest(runner, mutant_name=mutant_name, tests=tests)
        return status
    names = list(tests)
    end_after(60 + 3 * cpu_limit(sum(state().duration_by_test[name] for name in names)))
    try:
        return TESTS.run(names)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        return SUSPICIOUS


harness.PytestRunner.run_tests = run_tests


def code_of(line: str) -> str:
    """What is left of a line in a diff without its sign and its comment."""
    return line[1:].partition("  # ")[0].strip()


def verdicts(module: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Verdict, module, function, and the lines before and after, of every mutant of a module."""
    data = SourceFileMutationData(path=Path("src/reissue", f"{module}.py"))
    data.load()
    for name, exit_code in data.exit_code_by_key.items():
        function, owner = orig_function_and_class_names_from_key(name)
        changes = get_diff_for_mutant(name).splitlines()[2:]  # after the names of the files
        before = " ".join(code_of(line) for line in changes if line.startswith("-"))
        after = " ".join(code_of(line) for line in changes if line.startswith("+"))
        yield status_by_exit_code[exit_code], module, f"{owner}.{function}" if owner else function, before, after


if __name__ == "__main__":
    cli(["run"], standalone_mode=False)
    found = [verdict for module in sys.argv[1:] for verdict in verdicts(module)]
    Path("verdicts.json").write_text(json.dumps(found), encoding="utf-8")
