"""Addresses that change with their content, and references that follow."""

import re
from collections.abc import Mapping
from pathlib import Path

from runtime.sealed import digest_of
from runtime.steps import StepFailed

DIGEST = r"-[0-9a-f]{12}"
UNCHANGING = re.compile(rf"{DIGEST}/|{DIGEST}\.\w+$")


def is_immutable(address: str) -> bool:
    """Whether the name of the file, or of a folder above it, contains a digest: then it may be cached for ever."""
    return UNCHANGING.search(address) is not None


def write_hashed(folder: Path, name: str, text: str) -> str:
    """Write `text` into `folder` under `name` with a digest before its ending; return the new name."""
    stem, _, ending = name.partition(".")
    hashed = f"{stem}-{digest_of([text])}.{ending}"
    (folder / hashed).write_text(text, encoding="utf-8", newline="\n")
    return hashed


def hash_folder(folder: Path) -> Path:
    """Give a folder that is complete a name that ends in the digest of all that is in it."""
    return folder.rename(folder.with_name(f"{folder.name}-{digest_of([folder])}"))


def rewrite(file: Path, references: Mapping[str, str]) -> None:
    """Replace each text by another, or stop the build if one isn't found: the site would point to a missing file."""
    text = file.read_text(encoding="utf-8")
    for old, new in references.items():
        if old not in text:
            raise StepFailed(f"{file.name} doesn't say {old} any more: tell runtime/publish/ what it says now.")
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8", newline="\n")
