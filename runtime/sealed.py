"""Folders named by what they were made from.

A sealed folder's name ends in the digest of its inputs. It is made under another name and renamed when it is
complete, so a folder that exists is whole, one that is up to date is recognised by its name alone, and what
the page loads from it may be cached for ever.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

DAY = 24 * 60 * 60  # seconds
UNFINISHED = ".making-"


def digest_of(inputs: Iterable[Path | str]) -> str:
    """Return 12 hex digits that stand for strings, files, and all files below folders."""
    digest = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            _add(digest, "", item.encode())
            continue
        for file in files_below(item):
            _add(digest, file.relative_to(item).as_posix(), file.read_bytes())
    return digest.hexdigest()[:12]


def files_below(path: Path) -> Iterator[Path]:
    """Yield `path` itself if it is a file, else the files below it in order, without Python's caches."""
    if path.is_file():
        yield path
        return
    for file in sorted(path.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file


def sealed(parent: Path, name: str, inputs: Iterable[Path | str], make: Callable[[Path], None]) -> Path:
    """Return `parent/name-digest`, and let `make` fill it if it doesn't exist."""
    folder = parent / f"{name}-{digest_of(inputs)}"
    if folder.is_dir():
        return folder
    with unfinished_folder(parent) as unfinished:
        make(unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another build was faster, and made the same
                raise
    return folder


@contextmanager
def unfinished_folder(parent: Path) -> Iterator[Path]:
    """Hand out an empty folder inside `parent`, and take it away unless it was renamed."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(file: Path, content: str | bytes) -> None:
    """Put `content` into `file` at once, or leave the file alone if it is there already."""
    content = content.encode() if isinstance(content, str) else content
    if file.is_file() and file.read_bytes() == content:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{UNFINISHED}{os.getpid()}-{file.name}")
    unfinished.write_bytes(content)
    unfinished.replace(file)


def mirror(source: Path, target: Path) -> None:
    """Let the folder `target` hold the files of `source` and no others, each written at once."""
    files = {file.relative_to(source) for file in files_below(source)}
    for file in sorted(files):  # a page comes before its compressed neighbours: serve.py sends no older ones
        write(target / file, (source / file).read_bytes())
    for file in list(files_below(target)):
        if file.relative_to(target) not in files:
            file.unlink()


def forget(parent: Path, keep: Iterable[Path]) -> None:
    """Remove the folders in `parent` that earlier builds left, one day after they were made.

    A younger one may be in use: by a page that is loading, another build, or the next run with another flag.
    """
    kept = set(keep)
    for folder in parent.iterdir():
        if folder.is_dir() and folder not in kept and time.time() - folder.stat().st_mtime > DAY:
            shutil.rmtree(folder, ignore_errors=True)


def _add(digest: "hashlib._Hash", name: str, content: bytes) -> None:
    digest.update(f"{name}\0{len(content)}\0".encode())
    digest.update(content)
