"""Writes `dist/`: the demo as a static site for any file host, and in `dist/embed/` what other sites need.

`python -m runtime.publish` (`make site`) needs the output of `runtime/build.py`, and makes it if it isn't there.
"""

from collections.abc import Sequence
from pathlib import Path

import click

from runtime.build import RUNTIME, build
from runtime.compressed import compress_rest
from runtime.publish.demo import site_headers, write_demo
from runtime.publish.embed import write_embed
from runtime.publish.headers import headers_file
from runtime.publish.replace import replace
from runtime.publish.sizes import Size, measure, on_the_wire, write_sizes
from runtime.sealed import unfinished_folder
from runtime.steps import ROOT


def publish(
    target: Path,
    *,
    api: str = "",
    base: str = "/",
    whole: bool = False,
    packages: Sequence[str] = (),
    distribution: str = "",
    runtime: Path = RUNTIME,
) -> dict[str, Size]:
    """Write the site into `target`, and return its files' sizes. The same sources give the same bytes."""
    parts = build(runtime, whole=whole, packages=packages, distribution=distribution)
    with unfinished_folder(target) as folder:
        write_embed(folder / "embed", parts)
        write_demo(folder, parts, api=api)
        addresses = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
        compress_rest(folder)
        (folder / "_headers").write_text(headers_file(base, site_headers(api), addresses), encoding="utf-8")
        sizes = measure(folder)
        write_sizes(folder, sizes)
        replace(target, folder)
    return sizes


@click.command(help="Write the demo as a static site, and what other sites need to embed the library.")
@click.option("--api", default="", metavar="URL", help="Where the API is; by default beside the page.")
@click.option("--base", default="/", metavar="PATH", help="Where the site will be, for the rules in _headers.")
@click.option("--whole", is_flag=True, help="With the standard library in one part, as `runtime/build.py --whole`.")
@click.option("--packages", default="", metavar="NAMES", help="Further packages for the page: 'numpy pandas'.")
@click.option("--pyodide", "distribution", default="", metavar="PLACE", help="Where Pyodide's own packages are.")
@click.option("--to", "target", default=ROOT / "dist", type=click.Path(path_type=Path), help="The folder.")
def main(api: str, base: str, whole: bool, packages: str, distribution: str, target: Path) -> None:  # noqa: D103
    sizes = publish(
        target,
        api=api,
        base=f"/{base.strip('/')}/".replace("//", "/"),
        whole=whole,
        packages=packages.split(),
        distribution=distribution,
    )
    plain, packed = (f"{size / 1e6:.1f} MB" for size in (on_the_wire(sizes, "bytes"), on_the_wire(sizes)))
    click.echo(f"{len(sizes)} files, {plain}, by brotli {packed}: python3 -m http.server --directory {target}")
    click.echo(
        f"The page asks for its API {'at ' + api if api else 'beside itself; make site API=URL says where else'}."
    )


if __name__ == "__main__":
    main()
