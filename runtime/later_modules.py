"""Brings the second part of the page's standard library when Python imports the first module of it.

What hardly any page imports lies in an archive of its own, which no page requests before. In its place the first
archive has a stand-in for each module, which calls `bring`. `compile_archive` adds this file, too, as `_later_modules`.
"""

import sys
from importlib import import_module, invalidate_caches
from pathlib import Path

ARCHIVE = "/lib/later_modules.zip"


def bring(name: str) -> None:
    """Put the module itself in the place of its stand-in. Raises ImportError if the archive doesn't arrive."""
    if ARCHIVE not in sys.path:
        Path(ARCHIVE).write_bytes(_fetched(name))
        sys.path.insert(0, ARCHIVE)  # before the stand-ins
    parent = name.rpartition(".")[0]
    if parent:
        path, place = sys.modules[parent].__path__, f"{ARCHIVE}/{parent.replace('.', '/')}"
        if place not in path:
            path.insert(0, place)
    invalidate_caches()
    del sys.modules[name]
    import_module(name)


def _fetched(name: str) -> bytes:
    from later_modules import fetched  # type: ignore[import-not-found]  # see shim.mjs

    answer = fetched()
    if not isinstance(answer, str):
        content: bytes = answer.to_bytes()
        return content
    text = f"{name} is in the second part of Python's standard library, which did not arrive ({answer}): try again"
    if name.startswith("encodings."):
        raise LookupError(text)  # of an ImportError Python makes "unknown encoding"
    raise ImportError(text, name=name)
