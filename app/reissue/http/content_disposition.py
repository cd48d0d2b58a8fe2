"""The name of a file that is downloaded: what `Content-Disposition` says (RFC 6266), made safe for a disk."""

import re
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

_PARAMETER: Final = re.compile(r';\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')
_EXTENDED: Final = re.compile(r"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE)  # RFC 8187 section 3.2
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # names that Windows keeps
_LONGEST: Final = 200  # characters: file systems take 255 bytes, and browsers add a number

DEFAULT: Final = "download"


def filename_in(disposition: str | None) -> str | None:
    """The filename of a Content-Disposition field, as it is sent; None without one. Never raises.

    `filename*` is preferred to `filename` (RFC 6266 section 4.3).
    """
    found = {name.lower(): value for name, value in reversed(_PARAMETER.findall(f";{disposition or ''}"))}
    extended = _EXTENDED.fullmatch(found.get("filename*", ""))
    if extended is not None:
        return unquote_to_bytes(extended[2]).decode(extended[1], "replace") or None
    value = found.get("filename", "")
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value.removeprefix('"').removesuffix('"'))
    try:
        return value.encode("latin-1").decode() or None  # many servers send UTF-8 here, which fetch reads as Latin-1
    except UnicodeError:
        return value or None


def safe_filename(name: str) -> str:
    """`name` without what a disk or a user may mistake for something else: folders, control characters, devices."""
    name = _UNSAFE.sub("_", re.split(r"[/\\]", name)[-1]).strip(" .")
    if len(name) > _LONGEST:
        stem, dot, ending = name.rpartition(".")
        ending = f"{dot}{ending}" if stem and len(ending) <= 20 else ""
        name = name[: _LONGEST - len(ending)] + ending
    if not name:
        return DEFAULT
    return f"_{name}" if _DEVICE.fullmatch(name) else name


def filename_for(disposition: str | None, url: str) -> str:
    """The safe name for an answer with this Content-Disposition, from this URL."""
    path = re.split(r"[?#]", url, maxsplit=1)[0]
    last = path.rpartition("/")[2] if "://" not in path or path.count("/") > 2 else ""
    return safe_filename(filename_in(disposition) or unquote(last))
