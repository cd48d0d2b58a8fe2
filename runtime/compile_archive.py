"""Turns a zip of Python sources, the standard library or a wheel, into a zip of byte code.

Runs inside Pyodide (see compile_archives.mjs), because byte code is valid only for the Python that made it.
"""

import base64
import hashlib
import importlib.util
import marshal
import zipfile
from types import CodeType

ABSENT = """raise ModuleNotFoundError(
    "{name} is left out of this page's standard library: build it without --stripped", name="{name}"
)
"""
# `reissue_rest` is of runtime/shim.mjs. The module that is meant takes this one's place.
LATER = """import importlib, reissue_rest, sys
try:
    reissue_rest.arrive("{name}")
except Exception as error:
    raise ImportError(str(error), name="{name}") from error
if reissue_rest.PATH not in sys.path:
    sys.path.insert(sys.path.index("{root}"), reissue_rest.PATH)
del sys.modules["{name}"]
importlib.import_module("{name}")
"""
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same input gives the same bytes


def compile_archive(
    source: str, target: str, *, root: str, optimize: int, left_out: str = "", later: str = "", rest: str = ""
) -> None:
    """Write to `target` every file of the zip `source`, each `.py` as a `.pyc` in its place.

    `root` is the folder that tracebacks name; `optimize` is that of `compile`: 2 leaves docstrings and asserts out.
    `left_out` names modules with commas between: instead of each stands one that says so when it is imported.
    `later` names others, which go into the zip `rest`: instead of each stands one that lets that arrive.
    """
    absent, late = (set(filter(None, names.split(","))) for names in (left_out, later))
    with zipfile.ZipFile(source) as sources:
        written: dict[str, bytes] = {}
        for name in sorted(sources.namelist()):
            if name.endswith("/") or top_level(name) in absent:
                continue
            content = sources.read(name)
            if name.endswith(".py"):
                # The line numbers stay; the path is the one that a traceback from the sources shows.
                code = compile(content, f"{root}/{name}", "exec", dont_inherit=True, optimize=optimize)
                name, content = f"{name}c", byte_code(code, content)
            if name.endswith(".dist-info/RECORD"):
                continue
            written[name] = content
        put_off = {name: content for name, content in written.items() if top_level(name) in late}
        stubs = dict.fromkeys(absent, ABSENT) | dict.fromkeys(map(top_level, put_off), LATER)
        written = {name: content for name, content in written.items() if name not in put_off}
        for name, template in sorted(stubs.items()):
            stub = template.format(name=name, root=root)
            written[f"{name}.pyc"] = byte_code(compile(stub, f"{root}/{name}.py", "exec"), stub.encode())
        for record in (name for name in sources.namelist() if name.endswith(".dist-info/RECORD")):
            written[record] = recorded(written, record)
    pack(target, written)
    if rest:
        pack(rest, put_off)


def top_level(name: str) -> str:
    """Return the module or package that a file of an archive belongs to."""
    return name.split("/")[0].split(".")[0]


def pack(target: str, files: dict[str, bytes]) -> None:
    """Write a zip. Not deflated: brotli on the way makes less of it than of a deflated archive."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)


def byte_code(code: CodeType, source: bytes) -> bytes:
    """Return a hash-based, unchecked `.pyc` (PEP 552): its source isn't there to be compared with."""
    unchecked_hash = 0b01
    header = importlib.util.MAGIC_NUMBER + unchecked_hash.to_bytes(4, "little")
    return header + importlib.util.source_hash(source) + marshal.dumps(code)


def recorded(files: dict[str, bytes], record: str) -> bytes:
    """Return a wheel's list of its own files (PEP 376), in which it stands itself without a hash."""
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    return "".join([*lines, f"{record},,\n"]).encode()
