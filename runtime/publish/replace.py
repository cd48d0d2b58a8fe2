"""Puts a new build of the site in the old one's place."""

from pathlib import Path

from runtime.publish.sizes import CODINGS, NAME, read_sizes


def replace(site: Path, fresh: Path) -> None:
    """Move all of `fresh` into `site`, and remove the files that only the build before had written.

    Files that no build wrote are left alone. The page is moved last: until then the old page is there, with its files.
    """
    before = list(read_sizes(site))
    files = sorted(file.relative_to(fresh) for file in fresh.rglob("*") if file.is_file())
    for file in sorted(files, key=lambda file: file.name in ("index.html", NAME)):
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (fresh / file).replace(site / file)
    kept = {file.as_posix() for file in files}
    for address in before:
        for suffix in ("", *CODINGS.values()):
            if address + suffix not in kept:
                remove(site, site / (address + suffix))


def remove(site: Path, file: Path) -> None:
    """Remove a file below `site`, and the folders that are empty without it."""
    if not file.resolve().is_relative_to(site.resolve()):
        raise ValueError(f"{file} isn't in {site}")
    file.unlink(missing_ok=True)
    for folder in file.parents:
        if folder == site or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()
