"""Brotli and gzip beside each file that gets smaller by them."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import brotli

PICTURES = (".png", ".webp")  # packed already
SMALLEST = 1024  # bytes: below, the headers weigh more than what is saved
WORTH_IT = 0.95
BROTLI_QUALITY = 11  # slow, but only once: what is compressed here never changes
BROTLI_WINDOW = 24  # log2 of bytes: the largest that browsers accept


def compress_folder(folder: Path) -> None:
    """Write `x.br` and `x.gz` beside every file `x` in `folder`, the largest file first, on all cores."""
    files = [
        file
        for file in folder.rglob("*")
        if file.is_file() and file.suffix not in PICTURES and file.stat().st_size >= SMALLEST
    ]
    files.sort(key=lambda file: file.stat().st_size, reverse=True)
    with ThreadPoolExecutor() as pool:  # both libraries release the GIL while they work
        list(pool.map(compress_file, files))


def compress_rest(folder: Path) -> None:
    """Do the same for what has no compressed neighbour yet; wheels are packed already."""
    for file in sorted(folder.rglob("*")):
        packed = file.suffix in (".br", ".gz", ".whl", *PICTURES) or _sibling(file, ".gz").exists()
        if file.is_file() and not packed and file.stat().st_size >= SMALLEST:
            compress_file(file)


def compress_file(file: Path) -> None:
    """Write `file.br` and `file.gz`, each if it is worth it."""
    content = file.read_bytes()
    zipped = gzip.compress(content, mtime=0)
    if len(zipped) > WORTH_IT * len(content):
        return  # packed already; brotli would find no more
    _sibling(file, ".gz").write_bytes(zipped)
    _sibling(file, ".br").write_bytes(brotli.compress(content, quality=BROTLI_QUALITY, lgwin=BROTLI_WINDOW))


def _sibling(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)
