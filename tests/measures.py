"""Measures the library's structure: `python -m tests.measures` prints a table of what docs/how-it-works.md promises.

The last rows count what one request over a rejected token runs through: a profile of the second of two such requests,
over a transport and an endpoint that answer at once. Comprehensions are not counted: before Python 3.12 each was a
function of its own, so the count would depend on the version.
"""

import ast
import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import reissue

LIBRARY = Path(reissue.__file__).parent
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
IN_THE_PAGE = ("browser", "adapters", "inspector")
PUBLIC_CONSTRUCTORS = {"Interceptor", "PageInterceptor", "Endpoint", "FakeServer", "FakeApi"}


@dataclass(frozen=True)
class Largest:
    """The largest of its kind, and its name."""

    size: int
    name: str


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(LIBRARY.rglob("*.py")):
        yield str(path.relative_to(LIBRARY)), ast.parse(path.read_text(encoding="utf-8"))


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield f"{name}: {node.name}", node


def flat_modules() -> int:
    """Files that lie beside the folders."""
    return len(list(LIBRARY.glob("*.py")))


def code_lines(tree: ast.Module, total: int) -> int:
    """The lines of a file but for those of its docstrings, and of other texts that stand alone."""
    texts = (
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )
    return total - sum(last - first + 1 for first, last in texts)


def lengths() -> dict[str, int]:
    """Lines of code of each file, tables of translated texts aside."""
    files = {name: tree for name, tree in trees() if "strings" not in name}
    return {
        name: code_lines(tree, len((LIBRARY / name).read_text(encoding="utf-8").splitlines()))
        for name, tree in files.items()
    }


def methods(node: ast.ClassDef) -> int:
    return sum(isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) for item in node.body)


def attributes(node: ast.ClassDef) -> int:
    """What the methods of a class set on `self`, and the fields of a dataclass."""
    fields = {
        item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }
    for item in ast.walk(node):
        targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
        for target in targets:
            for part in ast.walk(target) if isinstance(target, ast.AST) else ():
                if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "self":
                    fields.add(part.attr)
    return len(fields)


def parameters(node: ast.ClassDef) -> int:
    """How many parameters the constructor has, `self` aside."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return len(item.args.posonlyargs + item.args.args + item.args.kwonlyargs) - 1
    return 0


def untyped_options() -> list[str]:
    """Functions of the core, public ones aside, that pass options on without a type: `**options: Any`."""
    return [
        f"{name}: {node.name}"
        for name, tree in trees()
        if not name.startswith(IN_THE_PAGE)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("_")
        if node.args.kwarg and ast.unparse(node.args.kwarg.annotation or ast.Constant("Any")) == "Any"
    ]


def run_through() -> tuple[set[str], set[str]]:
    """The functions of the library, and the files, that one request over a rejected token runs through."""
    functions: set[str] = set()
    asyncio.run(_over_a_rejected_token(functions))
    return functions, {function.partition(":")[0] for function in functions}


async def _over_a_rejected_token(functions: set[str]) -> None:
    granted = 0

    async def refresh(_: object) -> reissue.Credential:
        nonlocal granted
        granted += 1
        return reissue.Credential(access_token=f"token-{granted}", refresh_token="refresh", expires_in=300)

    async def transport(request: reissue.Request) -> reissue.Response:
        accepted = request.headers["Authorization"] == f"Bearer token-{granted}"
        return reissue.Response(200 if accepted else 401)

    def profile(frame: FrameType, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        counts = path.is_relative_to(LIBRARY) and frame.f_code.co_name not in COMPREHENSIONS
        if event == "call" and counts:
            functions.add(f"{path.relative_to(LIBRARY)}:{frame.f_code.co_qualname}")

    api = reissue.Interceptor(transport, audience="https://api.test/", endpoint=refresh)
    await api.adopt("rejected", refresh_token="refresh", expires_in=300)
    await api.fetch("https://api.test/")
    granted += 1
    sys.setprofile(profile)
    response = await api.fetch("https://api.test/")
    sys.setprofile(None)
    assert (response.status, granted) == (200, 3)
    await api.close()


def largest(sizes: dict[str, int]) -> Largest:
    name = max(sizes, key=lambda name: sizes[name])
    return Largest(sizes[name], name)


def table() -> list[tuple[str, str]]:
    files = lengths()
    functions, modules = run_through()
    most_methods = largest({name: methods(node) for name, node in classes()})
    most_attributes = largest({name: attributes(node) for name, node in classes()})
    most_parameters = largest(
        {name: parameters(node) for name, node in classes() if node.name not in PUBLIC_CONSTRUCTORS}
    )
    long_files = [name for name, lines in files.items() if lines > 250]
    return [
        ("flat modules", str(flat_modules())),
        ("longest file, docstrings aside", f"{largest(files).size} lines, {largest(files).name}"),
        ("files over 250 lines, docstrings aside", f"{len(long_files)} ({', '.join(long_files)})"),
        ("most methods of a class", f"{most_methods.size}, {most_methods.name}"),
        ("most attributes of a class", f"{most_attributes.size}, {most_attributes.name}"),
        ("most parameters of a constructor that is not public", f"{most_parameters.size}, {most_parameters.name}"),
        ("functions of the core that pass on untyped options", ", ".join(untyped_options()) or "none"),
        ("functions that one request over a rejected token runs through", str(len(functions))),
        ("files that it runs through", str(len(modules))),
    ]


if __name__ == "__main__":
    for what, measure in table():
        print(f"{what:62} {measure}")
