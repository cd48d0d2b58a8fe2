"""Writes `dist/release/`: all that a version consists of, to be published as it is.

`python -m runtime.release` (`make release`) writes the wheel, the source distribution, a zip of the folder that other
sites embed, the checksums of these, and `simple/`, an index of packages (the simple repository API, PEP 503) that any
file host can serve. The index has PyJWT, too, so that an installation needs no other. The same sources give the same
bytes.
"""

import hashlib
import html
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import click

from runtime import wheels
from runtime.build import RUNTIME, WHEELS, build
from runtime.compressed import compress_rest
from runtime.npm_packages import install
from runtime.publish.embed import write_embed
from runtime.sealed import files_below, unfinished_folder
from runtime.steps import ROOT, run

CHECKSUMS = "SHA256SUMS"
FIRST_OF_1980 = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say


def release(target: Path, *, runtime: Path = RUNTIME) -> list[str]:
    """Write the release into `target`, in place of the one before; the names of its files."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    parts = build(runtime)
    target.parent.mkdir(parents=True, exist_ok=True)
    with unfinished_folder(target.parent) as folder:
        run(
            sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", folder,
            failed="the distributions can't be built: is requirements.txt installed in this Python?",
        )  # fmt: skip
        with unfinished_folder(target.parent) as embedded:
            write_embed(embedded / "embed", parts)
            compress_rest(embedded / "embed")
            zipped(embedded / "embed", folder / f"reissue-embed-{version}.zip")
        write_checksums(folder)
        pyjwt = wheels.downloaded(runtime / WHEELS, install(runtime) / "pyodide").glob("pyjwt-*.whl")
        write_index(folder / "simple", [*folder.glob("*.whl"), *pyjwt])
        files = [file.relative_to(folder).as_posix() for file in files_below(folder)]
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
    return files


def zipped(folder: Path, archive: Path) -> None:
    """Make a zip of a folder's files, whose paths in it begin below the folder."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        for file in files_below(folder):
            info = zipfile.ZipInfo(file.relative_to(folder).as_posix(), FIRST_OF_1980)
            info.external_attr = 0o644 << 16  # readable, wherever it is unpacked
            info.compress_type = zipfile.ZIP_DEFLATED
            files.writestr(info, file.read_bytes())


def write_checksums(folder: Path) -> None:
    """Write what `sha256sum --check SHA256SUMS` reads."""
    lines = [f"{digest(file)}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def write_index(index: Path, archives: Iterable[Path]) -> None:
    """Write an index of these wheels, each beside the page of its project."""
    for wheel in archives:
        project = index / wheel.name.partition("-")[0].lower()
        project.mkdir(parents=True)
        shutil.copy(wheel, project)
        write_page(project, {wheel.name: f"{quote(wheel.name)}#sha256={digest(wheel)}"})
    write_page(index, {project.name: f"{project.name}/" for project in sorted(index.iterdir())})


def write_page(folder: Path, links: dict[str, str]) -> None:
    """Write a page of an index: names, and where they lead."""
    anchors = "".join(f'<a href="{html.escape(link)}">{html.escape(name)}</a>\n' for name, link in links.items())
    text = f'<!DOCTYPE html>\n<html lang="en">\n<title>{folder.name}</title>\n{anchors}</html>\n'
    (folder / "index.html").write_text(text, encoding="utf-8", newline="\n")


def digest(file: Path) -> str:
    """Return the file's SHA-256, in hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


@click.command(help="Write all that a version consists of into dist/release/.")
@click.option("--to", "target", default=ROOT / "dist" / "release", type=click.Path(path_type=Path), help="The folder.")
def main(target: Path) -> None:  # noqa: D103
    for name in release(target):
        click.echo(f"  {name}")


if __name__ == "__main__":
    main()
