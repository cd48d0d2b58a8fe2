"""Pyodide's own files: the interpreter, and its standard library as byte code."""

import shutil
from pathlib import Path

from runtime.byte_code import COMPILER, compile_archives
from runtime.compressed import compress_folder
from runtime.npm_packages import copy_script, locked_version
from runtime.sealed import sealed
from runtime.steps import say

OPTIMIZE = 2  # without docstrings and asserts: half a megabyte less to send (bench/README.md)
# Servers, processes, terminals, mail boxes, debuggers, and Python's own spare for what is there in C.
RARE = (
    "_pydatetime", "_pydecimal", "_pyio", "_pyrepl", "antigravity", "bdb", "cProfile", "compileall", "curses",
    "dbm", "doctest", "filecmp", "fileinput", "ftplib", "imaplib", "mailbox", "modulefinder", "multiprocessing",
    "netrc", "optparse", "pdb", "pickletools", "plistlib", "poplib", "profile", "pstats", "py_compile", "pyclbr",
    "pydoc", "pydoc_data", "sched", "shelve", "smtplib", "socketserver", "symtable", "tabnanny", "this", "trace",
    "unittest", "webbrowser", "wsgiref", "xmlrpc", "zipapp",
)  # fmt: skip
HERE = Path(__file__)


def interpreter(site: Path, pyodide: Path) -> Path:
    """Return the folder with the three files that are Python in the browser."""
    version = locked_version("pyodide")

    def make(folder: Path) -> None:
        say("compressing the interpreter, once: half a minute")
        copy_script(pyodide / "pyodide.mjs", folder / "pyodide.mjs")
        copy_script(pyodide / "pyodide.asm.mjs", folder / "pyodide.asm.mjs")
        shutil.copyfile(pyodide / "pyodide.asm.wasm", folder / "pyodide.asm.wasm")
        compress_folder(folder)

    return sealed(site, f"interpreter-{version}", [version, HERE], make)


def stock_stdlib(site: Path, pyodide: Path) -> Path:
    """Return the folder with the standard library as npm ships it: sources, compiled anew at every start."""
    version = locked_version("pyodide")

    def make(folder: Path) -> None:
        shutil.copy(pyodide / "python_stdlib.zip", folder)

    return sealed(site, f"stdlib-{version}", [version, "stock", HERE], make)


def compiled_stdlib(site: Path, pyodide: Path, *, whole: bool = False) -> Path:
    """Return the folder with the standard library as byte code, which halves the start of every page.

    The price: tracebacks through the standard library show no source lines, and `help()` of it has no text.
    Unless it is to be `whole`, it lacks what hardly any page imports, a quarter of the bytes. Such an import says so.
    """
    version = locked_version("pyodide")
    left_out = "" if whole else ",".join(RARE)

    def make(folder: Path) -> None:
        say("compiling and compressing Python's standard library, once")
        sources = pyodide / "python_stdlib.zip"
        compiled = {sources: folder / sources.name}
        compile_archives(
            compiled, pyodide=pyodide, stdlib=sources, root="/lib/python314.zip", optimize=OPTIMIZE, left_out=left_out
        )
        compress_folder(folder)

    return sealed(site, f"stdlib-{version}", [version, left_out, *COMPILER, HERE], make)
