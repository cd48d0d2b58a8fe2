"""`sizes.json`: every file of the site, with its size in bytes as it is, by gzip and by brotli."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from runtime.publish.addresses import is_immutable

NAME = "sizes.json"
CODINGS = {"gz": ".gz", "br": ".br"}


class Size(TypedDict, total=False):
    """In bytes. A file without `gz` and `br` is sent as it is: it would hardly get smaller."""

    bytes: int
    gz: int
    br: int
    immutable: bool


def measure(folder: Path) -> dict[str, Size]:
    """The files of a site by their addresses, compressed neighbours with the file that they stand for."""
    files = {file.relative_to(folder).as_posix(): file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    sizes: dict[str, Size] = {}
    for address, size in sorted(files.items()):
        if address != NAME and not address.endswith(tuple(CODINGS.values())):
            entry = Size(bytes=size, immutable=is_immutable(address))
            if f"{address}.br" in files:
                entry |= Size(gz=files[f"{address}.gz"], br=files[f"{address}.br"])
            sizes[address] = entry
    return sizes


def write_sizes(folder: Path, sizes: dict[str, Size]) -> None:
    """Write the sizes into the site itself."""
    (folder / NAME).write_text(json.dumps({"files": sizes}, indent=1) + "\n", encoding="utf-8")


def read_sizes(folder: Path) -> dict[str, Size]:
    """What an earlier build wrote there; nothing if none did."""
    try:
        sizes: dict[str, Size] = json.loads((folder / NAME).read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        return {}
    return sizes


def on_the_wire(sizes: Mapping[str, Size], coding: str = "br") -> int:
    """Bytes of all files as they are sent to a browser that accepts this coding, without headers."""
    return sum(size.get(coding, size["bytes"]) for size in sizes.values())  # type: ignore[misc]
