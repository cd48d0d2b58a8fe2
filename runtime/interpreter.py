"""Pyodide's own files: the interpreter, and its standard library as byte code."""

import shutil
from pathlib import Path

from runtime.byte_code import COMPILER, compile_archives
from runtime.compressed import compress_folder
from runtime.npm_packages import copy_script, locked_version
from runtime.sealed import sealed
from runtime.steps import say

OPTIMIZE = 2  # without docstrings and asserts: half a megabyte less to send (bench/README.md)
# What hardly any page imports, and what is built into the interpreter: these modules come later, in an archive of their
# own. What reissue imports, and the clients that it works with, has to stay: it is needed when the network is gone.
LATER = (
    # servers, processes, terminals, mail boxes, debuggers, and Python's own spare for what is there in C
    "__hello__", "__phello__", "_pydatetime", "_pydecimal", "_pyio", "_pyrepl", "antigravity",
    "argparse", "asyncio.__main__", "asyncio.proactor_events", "asyncio.tools", "asyncio.windows_*", "bdb", "cProfile",
    "cmd", "compileall", "concurrent.futures.interpreter", "concurrent.futures.process", "concurrent.interpreters",
    "curses", "dbm", "doctest", "filecmp", "fileinput", "ftplib", "getopt", "getpass", "http.server", "imaplib",
    "json.tool", "logging.config", "logging.handlers", "mailbox", "modulefinder", "multiprocessing",
    "nturl2path", "optparse", "pathlib.__main__", "pdb", "pickletools", "plistlib", "poplib", "profile",
    "pstats", "pty", "py_compile", "pyclbr", "pydoc", "pydoc_data", "sched", "shelve", "smtplib", "socketserver",
    "sre_*", "symtable", "sysconfig.__main__", "tabnanny", "this", "timeit", "trace", "tty", "unittest",
    "urllib.robotparser", "webbrowser", "wsgiref", "xmlrpc", "zipapp", "zipfile.__main__",
    # for data of some pages
    "_ast_unparse", "colorsys", "configparser", "ctypes", "email._header_value_parser", "email.headerregistry",
    "email.mime", "email.policy", "fractions", "sqlite3", "statistics", "tomllib", "wave", "xml",
    # old encodings, but those that are small (of East Asia: their tables are built in), frequent, zipfile's (cp437)
    # or pyodide_http's (iso8859_15)
    "encodings.cp[025-8]*", "encodings.cp1[!2]*", "encodings.cp125[!2]", "encodings.cp424", "encodings.hp_roman8",
    "encodings.iso8859_[2-9]", "encodings.iso8859_1[0-46]",
    "encodings.koi8_*", "encodings.kz1048", "encodings.mac_*", "encodings.palmos", "encodings.ptcp154",
    "encodings.tis_620",
    # built in ("frozen")
    "_collections_abc", "_sitebuiltins", "abc", "codecs", "genericpath", "importlib._bootstrap",
    "importlib._bootstrap_external", "importlib.machinery", "importlib.util", "io", "ntpath", "os", "posixpath",
    "runpy", "site", "stat", "zipimport",
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
    Unless it is to be `whole`, it comes in two parts: the second is sent when a page imports a module of it.
    """
    version = locked_version("pyodide")
    later = "" if whole else ",".join(LATER)

    def make(folder: Path) -> None:
        say("compiling and compressing Python's standard library, once")
        sources = pyodide / "python_stdlib.zip"
        compiled = {sources: folder / sources.name}
        compile_archives(
            compiled, pyodide=pyodide, stdlib=sources, root="/lib/python314.zip", optimize=OPTIMIZE, later=later
        )
        compress_folder(folder)

    return sealed(site, f"stdlib-{version}", [version, later, *COMPILER, HERE], make)
