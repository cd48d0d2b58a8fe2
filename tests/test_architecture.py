"""The architecture: what may import what. The layers are named here, once, from the bottom up."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1] / "app" / "reissue"

LAYERS = (
    ("errors",),
    ("http", "concurrency"),
    ("events", "storage", "tokens"),
    ("oauth2", "tabs"),
    ("endpoint", "session"),
    ("notebook",),
    ("sending",),
    ("streams",),
    ("interceptor",),
    ("testing", "browser"),
    ("adapters", "inspector"),
    ("entry",),
    ("__init__",),
)
"""Folders and files of the library. Each imports what stands above it in this list, and of its own line only itself."""

IN_THE_PAGE = ("browser", "adapters", "inspector")
"""What runs in a page only: nothing else imports `js` or `pyodide`."""


def part_of(path: Path) -> str:
    """The folder or file of `LAYERS` that this file belongs to."""
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


FILES = sorted(LIBRARY.rglob("*.py"))


@cache
def imported(path: Path) -> frozenset[str]:
    """The dotted names of the modules that a file imports when it runs, relative imports made absolute."""
    package = ["reissue", *path.relative_to(LIBRARY).parent.parts]
    return frozenset(names_in(ast.parse(path.read_text(encoding="utf-8")), package))


def names_in(tree: ast.AST, package: list[str]) -> Iterator[str]:
    """The same, below a node of the syntax tree."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (module, *(f"{module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.stmt | ast.ExceptHandler) and not is_for_types(node):
            yield from names_in(node, package)


def is_for_types(node: ast.AST) -> bool:
    """Is it `if TYPE_CHECKING:`?"""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_every_part_of_the_library_has_its_layer() -> None:
    assert {part_of(path) for path in FILES} == {part for layer in LAYERS for part in layer}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_each_file_imports_from_lower_layers_only(path: Path) -> None:
    levels = {part: level for level, layer in enumerate(LAYERS) for part in layer}
    mine = part_of(path)
    for name in imported(path):
        head, _, rest = name.partition(".")
        part = rest.partition(".")[0]
        if head != "reissue" or part in ("", mine):
            continue
        assert levels[part] < levels[mine], f"{mine} imports {name}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {".".join(["reissue", *path.relative_to(LIBRARY).with_suffix("").parts]): path for path in FILES}
    graph = {name: imported(path) & names.keys() for name, path in names.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("path", [path for path in FILES if part_of(path) not in IN_THE_PAGE], ids=str)
def test_the_core_runs_without_a_browser(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imported(path)} & {"js", "pyodide", "pyodide_js"}
