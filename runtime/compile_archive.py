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
    "{name} is left out of this page's standard library: make site ARGS=--whole brings it", name="{name}"
)
"""
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same input gives the same bytes


def compile_archive(source: str, target: str, *, root: str, optimize: int, left_out: str = "") -> None:
    """Write to `target` every file of the zip `source`, each `.py` as a `.pyc` in its place.

    `root` is the folder that tracebacks name; `optimize` is that of `compile`: 2 leaves docstrings and asserts out.
    `left_out` names modules with commas between: instead of each stands one that says so when it is imported.
    """
    absent = set(filter(None, left_out.split(",")))
    with zipfile.ZipFile(source) as sources, zipfile.ZipFile(target, "w") as compiled:
        written: dict[str, bytes] = {}
        for name in sorted(sources.namelist()):
            if name.endswith("/") or name.split("/")[0].removesuffix(".py") in absent:
                continue
            content = sources.read(name)
            if name.endswith(".py"):
                # The line numbers stay; the path is the one that a traceback from the sources shows.
                code = compile(content, f"{root}/{name}", "exec", dont_inherit=True, optimize=optimize)
                name, content = f"{name}c", byte_code(code, content)
            if name.endswith(".dist-info/RECORD"):
                continue
            written[name] = content
        for name in sorted(absent):
            stub = ABSENT.format(name=name)
            written[f"{name}.pyc"] = byte_code(compile(stub, f"{root}/{name}.py", "exec"), stub.encode())
        for record in (name for name in sources.namelist() if name.endswith(".dist-info/RECORD")):
            written[record] = recorded(written, record)
        for name, content in written.items():
            # Not deflated: brotli on the way makes less of it than of a deflated archive.
            compiled.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_STORED)


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
