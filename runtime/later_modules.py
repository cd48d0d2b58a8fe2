"""Brings the second part of the page's standard library when Python imports the first module of it.

What hardly any page imports lies in an archive of its own, which no page requests before. In its place the first
archive has a stand-in for each module, which calls `bring`. `compile_archive` adds this file, too, as `_later_modules`.
The archive is not on `sys.path`: an app's own `profile.py` has to come before the library's, as ever.
"""

from pathlib import Path
from typing import Any
from zipimport import ZipImportError, zipimporter

ARCHIVE = "/lib/later_modules.zip"


def bring(module: dict[str, Any]) -> None:
    """Make a stand-in, whose globals are given, the module itself.

    It stays the same object, whoever made it: an import, a reload, `runpy`. Raises ImportError if the archive doesn't
    arrive.
    """
    spec = module["__spec__"]
    if not Path(ARCHIVE).exists():
        _fetch(spec.name)
    loader = zipimporter("/".join([ARCHIVE, *spec.name.split(".")[:-1]]))
    found: Any = loader.find_spec(spec.name)
    for name in ("loader", "origin", "submodule_search_locations"):
        setattr(spec, name, getattr(found, name))
    module.update(__loader__=loader, __file__=spec.origin)
    if spec.submodule_search_locations is not None:
        module["__path__"] = spec.submodule_search_locations
    exec(loader.get_code(spec.name), module)


def _fetch(name: str) -> None:
    from later_modules import fetched, url  # type: ignore[import-not-found]  # see shim.mjs

    for past_caches in (False, True):
        reason = fetched(past_caches)
        if isinstance(reason, str):
            break
        Path(ARCHIVE).write_bytes(reason.to_bytes())
        try:
            zipimporter(ARCHIVE)
            return
        except ZipImportError:  # a start page that a server gives for any URL, say; the browser may have kept it
            Path(ARCHIVE).unlink()
            reason = f"another file came from {url}"
    text = f"{name} is in the second part of Python's standard library, which did not arrive ({reason}): try again"
    if name.startswith("encodings."):
        raise LookupError(text)  # of an ImportError Python makes "unknown encoding"
    raise ImportError(text, name=name)
