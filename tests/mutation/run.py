"""Mutation testing of the core: `make mutation`, or `make mutation ARGS="session/session tabs/protocol"` for two.

mutmut changes the code in one small place at a time, and the tests in tests/reissue must notice. What they don't notice
stands in survivors.toml, each with the reason why it may live. This fails if a mutant survives without a reason, or if
a reason stands there for a mutant that does not survive.

mutmut wants its sources in `src`, and leaves decorated functions alone. So it works on a copy in `.mutation`, where
decorators are applied after the function.
"""

import ast
import json
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".mutation" / "work"
LOG = WORK.with_name("mutmut.log")
SURVIVORS = Path(__file__).with_name("survivors.toml")
MODULES = (
    "sending/attempts",
    "concurrency/admission",
    "concurrency/blocking",
    "concurrency/ordered_lock",
    "concurrency/loop_watch",
    "concurrency/prompt_futures",
    "concurrency/singleflight",
    "concurrency/timers",
    "http/challenges",
    "http/json_text",
    "http/outcomes",
    "http/retry_after",
    "sending/decisions",
    "interceptor",
    "oauth2/refusals",
    "oauth2/token_requests",
    "oauth2/token_response",
    "oauth2/token_source",
    "sending/sender",
    "session/backoff",
    "session/derived",
    "session/endpoint_calls",
    "session/resource_token",
    "session/grant",
    "session/holding",
    "session/lifecycle",
    "session/other_tabs",
    "session/refresh",
    "session/resume",
    "session/session",
    "session/sign_in",
    "session/sign_out",
    "session/step_up",
    "session/succession",
    "tabs/channel_lock",
    "tabs/endpoint_lock",
    "tabs/key_bound",
    "tabs/known_versions",
    "tabs/news",
    "tabs/pending_sign_out",
    "tabs/protocol",
    "tabs/session_store",
    "tabs/shared_session",
    "tabs/sign_out_marks",
    "tokens/credentials",
    "tokens/users",
)
FAKES = ("tests/servers/bound_server.py", "tests/servers/proof_checker.py")
"""What the core's tests take from others."""
DEAD = ("killed", "timeout")  # a mutant that loops for ever is noticed as well


class Mutant(NamedTuple):
    """What was changed: named by the code, so that it is the same in the next run."""

    module: str
    function: str
    before: str
    after: str


HASTY = """
from hypothesis import Phase

settings.register_profile(
    "hasty",
    settings.get_profile("untimed"),
    phases=[Phase.explicit, Phase.generate],
    max_examples=25,
    derandomize=True,
    database=None,
)
settings.load_profile("hasty")
"""
"""For the copy's conftest. A counterexample kills, however large; and every run tries the same ones."""


# The copy


def lay_out(modules: list[str]) -> None:
    """Make the copy that mutmut works on."""
    shutil.rmtree(WORK, ignore_errors=True)
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "app" / "reissue", WORK / "src" / "reissue", ignore=skipped)
    # The inspector's tests are about a picture of the core, and those of the patterns read the files in `app`.
    skipped = shutil.ignore_patterns("__pycache__", "inspector", "test_patterns.py")
    shutil.copytree(ROOT / "tests" / "reissue", WORK / "tests" / "reissue", ignore=skipped)
    for fake in FAKES:
        (WORK / fake).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / fake, WORK / fake)
    with (WORK / "tests" / "reissue" / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(HASTY)
    for module in modules:
        file = WORK / "src" / "reissue" / f"{module}.py"
        file.write_text(undecorated(file.read_text(encoding="utf-8")), encoding="utf-8")
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    settings = settings.replace('pythonpath = ["app", "."]', 'pythonpath = ["src", "."]')
    sources = ", ".join(f'"src/reissue/{module}.py"' for module in modules)
    settings += (
        "\n[tool.mutmut]\n"
        f"source_paths = [{sources}]\n"
        'pytest_add_cli_args_test_selection = ["tests/reissue"]\n'
        'also_copy = ["src/reissue", "tests"]\n'
    )
    (WORK / "pyproject.toml").write_text(settings, encoding="utf-8")


def undecorated(source: str) -> str:
    """`@decorator def f` → `def f`, and `f = decorator(f)` after it."""
    lines = source.splitlines()
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for function in sorted(functions, key=lambda function: function.lineno, reverse=True):
        for decorator in function.decorator_list:
            name = ast.unparse(decorator)
            if name not in ("classmethod", "staticmethod"):  # mutmut knows these two
                assert function.end_lineno is not None
                lines.insert(
                    function.end_lineno, f"{' ' * function.col_offset}{function.name} = {name}({function.name})"
                )
                del lines[decorator.lineno - 1]
    return "\n".join(lines) + "\n"


# What came of it


def verdicts(modules: list[str]) -> Iterator[tuple[str, Mutant]]:
    """Every mutant, and what became of it in mutmut's words: killed, survived, timeout, …"""
    command = [sys.executable, str(Path(__file__).with_name("mutate.py")), *modules]
    with LOG.open("w", encoding="utf-8") as log:
        done = subprocess.run(command, cwd=WORK, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.exit(LOG.read_text(encoding="utf-8")[-4000:])
    for verdict, *mutant in json.loads((WORK / "verdicts.json").read_text(encoding="utf-8")):
        if verdict == "suspicious":
            sys.exit(f"the tests of a mutant could not be run: {Mutant(*mutant)}; see {LOG}")
        yield verdict, Mutant(*mutant)


def excused(modules: list[str]) -> Counter[Mutant]:
    """The mutants that survivors.toml gives a reason for."""
    entries = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["survivor"]
    assert all(entry["why"].strip() for entry in entries), "a survivor without a reason"
    mutants = Counter[Mutant]()
    for entry in entries:
        mutants[Mutant(*(entry[part] for part in Mutant._fields))] += entry.get("times", 1)
    return Counter({mutant: times for mutant, times in mutants.items() if mutant.module in modules})


def shown(title: str, mutants: Counter[Mutant]) -> None:
    """Print them as they would stand in survivors.toml."""
    if mutants:
        print(f"\n# {title}")
    for mutant, times in mutants.items():
        print("\n[[survivor]]")
        for part, text in mutant._asdict().items():
            print(f"{part} = '{text}'" if "'" not in text else f"{part} = '''{text}'''")
        if times > 1:
            print(f"times = {times}")


def main() -> int:
    """Run mutmut over the modules named on the command line, or all; 1 if a survivor and a reason don't match."""
    modules = sys.argv[1:] or list(MODULES)
    if unknown := set(modules) - set(MODULES):
        print(f"not among the mutated modules: {', '.join(sorted(unknown))}")
        return 1
    lay_out(modules)
    began = time.monotonic()
    survivors, counts = Counter[Mutant](), Counter[tuple[str, str]]()
    for verdict, mutant in verdicts(modules):
        counts[mutant.module, verdict if verdict in DEAD else "survived"] += 1
        if verdict not in DEAD:
            survivors[mutant] += 1
    print(f"{'module':26}{'killed':>9}{'timeout':>9}{'survived':>9}")
    for module in modules:
        print(f"{module:26}" + "".join(f"{counts[module, verdict]:9}" for verdict in (*DEAD, "survived")))
    print(f"{counts.total()} mutants in {time.monotonic() - began:.0f} s")
    reasons = excused(modules)
    shown("Survivors without a reason", survivors - reasons)
    shown("Reasons without a survivor", reasons - survivors)
    return 0 if survivors == reasons else 1


if __name__ == "__main__":
    sys.exit(main())
