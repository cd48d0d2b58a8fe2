"""Turns a zip of Python sources, the standard library or a wheel, into a zip of byte code.

Runs inside Pyodide (see compile_archives.mjs), because byte code is valid only for the Python that made it.
"""

import ast
import importlib.util
import marshal
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from types import CodeType

STAND_IN = "__import__('_later_modules').bring(globals())\n"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same input gives the same bytes


def compile_archive(
    source: str,
    target: str,
    *,
    root: str,
    optimize: int,
    first: str = "",
    first_modules: str = "",
    later: str = "",
    later_modules: str = "",
    later_target: str = "",
) -> None:
    """Write to `target` every file of the zip `source`, each `.py` as a `.pyc` in its place, without docstrings.

    `root` is the folder that tracebacks name; `optimize` is that of `compile`: 2 leaves asserts out as well.
    `first` names a package, and after a comma a module of it: what these two import comes in one file, and the source
    `first_modules` stands in the place of the package's `__init__`. See first_modules.py. Its functions lose their
    annotations, too: no code of ours reads them, while others' may.
    `later` are patterns of modules with commas between: these go into the archive `later_target`, and the source
    `later_modules` brings them from there. See later_modules.py.
    """
    with zipfile.ZipFile(source) as sources, zipfile.ZipFile(target, "w") as compiled:
        written: dict[str, bytes] = {}
        trees: dict[str, ast.Module] = {}
        for name in sorted(sources.namelist()):
            if name.endswith("/"):
                continue
            content = sources.read(name)
            if name.endswith(".py"):
                # The line numbers stay; the path is the one that a traceback from the sources shows.
                tree = trees[name] = stripped(content, annotations=not first)
                code = compile(tree, f"{root}/{name}", "exec", dont_inherit=True, optimize=optimize)
                name, content = f"{name}c", byte_code(code, content)
            if name.endswith(".dist-info/RECORD"):
                continue
            written[name] = content
        if first:
            together(written, trees, first.split(","), first_modules.encode(), root)
        if later:
            moved = apart(written, later.split(","), later_modules.encode(), root)
            with zipfile.ZipFile(later_target, "w") as archive:
                write(archive, moved)
        for record in (name for name in sources.namelist() if name.endswith(".dist-info/RECORD")):
            written[record] = recorded(written, record)
        write(compiled, written)


def write(archive: zipfile.ZipFile, files: Mapping[str, bytes]) -> None:
    """Write these files, not deflated: brotli on the way makes less of them than of a deflated archive."""
    for name, content in files.items():
        archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_STORED)


def stripped(source: bytes, *, annotations: bool = False) -> ast.Module:
    """Return the syntax tree of a module without its docstring and those of its functions.

    Those of classes stay: for a dataclass without one, Python makes up a text at each start, which takes longer.
    Unless they stay, `annotations` of functions go, too: for each such function Python compiles another, to make them.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not annotations:
            node.returns = None
        if isinstance(node, ast.arg) and not annotations:
            node.annotation = None
        if (
            isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body[:1] = [] if len(node.body) > 1 else [ast.copy_location(ast.Pass(), node.body[0])]
    return tree


def byte_code(code: CodeType, source: bytes) -> bytes:
    """Return a hash-based, unchecked `.pyc` (PEP 552): its source isn't there to be compared with."""
    unchecked_hash = 0b01
    header = importlib.util.MAGIC_NUMBER + unchecked_hash.to_bytes(4, "little")
    return header + importlib.util.source_hash(source) + marshal.dumps(code)


def together(
    written: dict[str, bytes], trees: dict[str, ast.Module], first: list[str], first_modules: bytes, root: str
) -> None:
    """Put the modules that the first ones import, and these, into one file."""
    files = {module_name(file): file for file in trees}
    wanted, found = list(first), dict[str, CodeType]()
    while wanted:
        name = wanted.pop()
        if name in found or name not in files:
            continue
        found[name] = marshal.loads(written.pop(f"{files[name]}c")[16:])
        is_package = files[name].endswith("/__init__.py")
        wanted += [
            name.rpartition(".")[0],
            *imported(trees[files[name]], name if is_package else name.rpartition(".")[0]),
        ]
    package = first[0]
    written[f"{package}/first.marshal"] = marshal.dumps(dict(sorted(found.items())))
    # Its docstring would be the package's.
    code = compile(stripped(first_modules), f"{root}/{package}/first_modules.py", "exec", dont_inherit=True)
    written[f"{package}/__init__.pyc"] = byte_code(code, first_modules)


def apart(written: dict[str, bytes], patterns: list[str], later_modules: bytes, root: str) -> dict[str, bytes]:
    """Take the modules of these patterns, with all that is in packages of theirs, out of `written`, and return them.

    Instead of each stands one that brings it, unless its package does.
    """

    def is_later(module: str) -> bool:
        return any(fnmatchcase(module, pattern) for pattern in patterns) or (
            "." in module and is_later(module.rpartition(".")[0])
        )

    moved = {file: content for file, content in written.items() if is_later(module_name(file))}
    code = compile(STAND_IN, f"{root}/later", "exec", dont_inherit=True)
    for file in moved:
        del written[file]
        if file.endswith(".pyc") and not is_later(module_name(file).rpartition(".")[0]):
            written[file] = byte_code(code, STAND_IN.encode())  # a package's is one, for whoever only looks
    code = compile(stripped(later_modules), f"{root}/_later_modules.py", "exec", dont_inherit=True)
    written["_later_modules.pyc"] = byte_code(code, later_modules)
    return moved


def module_name(file: str) -> str:
    """Return the dotted name of the module that a `.py` or `.pyc` file holds."""
    return file.removesuffix("c").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the names that a module of this package imports from its relatives when it runs, functions aside."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            parent = ".".join(package.split(".")[: 1 - node.level or None])
            module = f"{parent}.{node.module}" if node.module else parent
            yield from (module, *(f"{module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Try) or (isinstance(node, ast.If) and not is_for_types(node.test)):
            yield from imported(node, package)


def is_for_types(test: ast.expr) -> bool:
    """Is this `TYPE_CHECKING`?"""
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def recorded(files: Iterable[str], record: str) -> bytes:
    """Return a wheel's list of its own files (PEP 376), without hashes, which don't compress."""
    return "".join(f"{name},,\n" for name in [*files, record]).encode()
