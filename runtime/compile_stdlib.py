"""Turns a zip of Python sources into a zip of byte code.

Runs inside Pyodide (see compile_stdlib.mjs), because byte code is valid only for the Python that made it.
"""

import importlib.util
import marshal
import zipfile
from types import CodeType

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same input gives the same bytes


def compile_archive(source: str, target: str) -> None:
    """Write to `target` every file of the zip `source`, each `.py` as a `.pyc` in its place."""
    with zipfile.ZipFile(source) as sources, zipfile.ZipFile(target, "w") as compiled:
        for name in sorted(sources.namelist()):
            if name.endswith("/"):
                continue
            content = sources.read(name)
            if name.endswith(".py"):
                # The line numbers stay; the path is the one that a traceback from the stock archive shows.
                code = compile(content, f"/lib/python314.zip/{name}", "exec", dont_inherit=True, optimize=0)
                name, content = f"{name}c", byte_code(code, content)
            # Not deflated: brotli on the way makes 2.9 MB of it, and of a deflated archive 4.4 MB.
            compiled.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_STORED)


def byte_code(code: CodeType, source: bytes) -> bytes:
    """Return a hash-based, unchecked `.pyc` (PEP 552): its source isn't there to be compared with."""
    unchecked_hash = 0b01
    header = importlib.util.MAGIC_NUMBER + unchecked_hash.to_bytes(4, "little")
    return header + importlib.util.source_hash(source) + marshal.dumps(code)
