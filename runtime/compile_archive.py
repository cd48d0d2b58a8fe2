"""Turns a zip of Python sources, the standard library or a wheel, into a zip of byte code.

Runs inside Pyodide (see compile_archives.mjs), because byte code is valid only for the Python that made it.
"""

import ast
import importlib.util
import marshal
import zipfile
from collections.abc import Iterable, Iterator
from types import CodeType

ABSENT = """raise ModuleNotFoundError(
    "{name} is left out of this page's standard library: make site ARGS=--whole brings it", name="{name}"
)
"""
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same input gives the same bytes


def compile_archive(
    source: str, target: str, *, root: str, optimize: int, left_out: str = "", first: str = "", bringer: str = ""
) -> None:
    """Write to `target` every file of the zip `source`, each `.py` as a `.pyc` in its place, without docstrings.

    `root` is the folder that tracebacks name; `optimize` is that of `compile`: 2 leaves asserts out as well.
    `left_out` names modules with commas between: instead of each stands one that says so when it is imported.
    `first` names a package, and after a comma a module of it: what these two import comes in one file, and `bringer`
    is the source that stands in the place of the package's `__init__`. See first_modules.py.
    """
    absent = set(filter(None, left_out.split(",")))
    with zipfile.ZipFile(source) as sources, zipfile.ZipFile(target, "w") as compiled:
        written: dict[str, bytes] = {}
        trees: dict[str, ast.Module] = {}
        for name in sorted(sources.namelist()):
            if name.endswith("/") or name.split("/")[0].removesuffix(".py") in absent:
                continue
            content = sources.read(name)
            if name.endswith(".py"):
                # The line numbers stay; the path is the one that a traceback from the sources shows.
                tree = trees[name] = undocumented(content)
                code = compile(tree, f"{root}/{name}", "exec", dont_inherit=True, optimize=optimize)
                name, content = f"{name}c", byte_code(code, content)
            if name.endswith(".dist-info/RECORD"):
                continue
            written[name] = content
        for name in sorted(absent):
            stub = ABSENT.format(name=name)
            written[f"{name}.pyc"] = byte_code(compile(stub, f"{root}/{name}.py", "exec"), stub.encode())
        if first:
            together(written, trees, first.split(","), bringer.encode(), root)
        for record in (name for name in sources.namelist() if name.endswith(".dist-info/RECORD")):
            written[record] = recorded(written, record)
        for name, content in written.items():
            # Not deflated: brotli on the way makes less of it than of a deflated archive.
            compiled.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_STORED)


def undocumented(source: bytes) -> ast.Module:
    """Return the syntax tree of a module without the docstrings of the module and of its functions.

    Those of classes stay: for a dataclass without one, Python makes up a text at each start, which takes longer.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
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
    written: dict[str, bytes], trees: dict[str, ast.Module], first: list[str], bringer: bytes, root: str
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
    code = compile(undocumented(bringer), f"{root}/{package}/first_modules.py", "exec", dont_inherit=True)
    written[f"{package}/__init__.pyc"] = byte_code(code, bringer)


def module_name(file: str) -> str:
    """Return the dotted name of the module that a `.py` file holds."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the names that a module of this package imports from its relatives when it runs, functions aside."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            parent = ".".join(package.split(".")[: 1 - node.level or None])
            module = f"{parent}.{node.module}" if node.module else parent
            yield from (module, *(f"{module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.If | ast.Try) and ast.unparse(getattr(node, "test", node)) != "TYPE_CHECKING":
            yield from imported(node, package)


def recorded(files: Iterable[str], record: str) -> bytes:
    """Return a wheel's list of its own files (PEP 376), without hashes, which don't compress."""
    return "".join(f"{name},,\n" for name in [*files, record]).encode()
