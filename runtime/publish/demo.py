"""The demo as a site that has embedded the library: its page, and one folder with all that is its own."""

import html
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import click

from devserver.headers import security_headers
from devserver.settings import Settings
from runtime.build import Parts
from runtime.publish import embed
from runtime.publish.addresses import hash_folder, rewrite, write_hashed
from runtime.publish.sizes import CODINGS
from runtime.steps import ROOT
from runtime.wheels import DEMO_WHEEL

LIBRARY = f"embed/{embed.NAME}"  # relative to the page
CHARSET = '<meta charset="utf-8">'


def write_demo(folder: Path, parts: Parts, *, api: str) -> None:
    """Put the demo beside `embed/`; `api` is the API's URL, or empty if it is beside the page."""
    shim = write_hashed(folder, "shim.mjs", parts.shim(f"./{LIBRARY}/py/"))
    app = folder / "app"
    shutil.copytree(ROOT / "app", app, ignore=shutil.ignore_patterns("reissue", "demo", "__pycache__"))
    shutil.copytree(parts.demo, app, dirs_exist_ok=True)  # the folder demo/, as one wheel
    shutil.copyfile(ROOT / "pyscript.toml", app / "pyscript.toml")
    rewrite(app / "pyscript.toml", {'"py/shim.mjs"': f'"{shim}"', f'"./py/{DEMO_WHEEL}"': f'"./{DEMO_WHEEL}"'})
    rewrite(
        app / "boot.js",
        {
            '"../pyscript/core.js"': f'"../{LIBRARY}/pyscript/{parts.core.name}/core.js"',
            '"../pyscript/"': f'"../{LIBRARY}/pyscript/"',
            '"../py/shim.mjs"': f'"../{shim}"',
            f'"../py/{DEMO_WHEEL}"': f'"./{DEMO_WHEEL}"',
            '"../py/"': f'"../{LIBRARY}/py/"',
        },
    )
    app = hash_folder(app)
    write_documents(folder / "docs", parts, shim=shim)
    shutil.copyfile(ROOT / "index.html", folder / "index.html")
    rewrite(
        folder / "index.html",
        {
            '"app/': f'"{app.name}/',
            'config="pyscript.toml"': f'config="{app.name}/pyscript.toml"',
            'name="reissue-api" content=""': f'name="reissue-api" content="{html.escape(api)}"',
            CHARSET: f'{CHARSET}\n  <meta http-equiv="Content-Security-Policy" content="{policy(api)}">',
        },
    )


def write_documents(docs: Path, parts: Parts, *, shim: str) -> None:
    """The documents; those with code to run find PyScript and the interpreter where they are here."""
    shutil.copytree(parts.documents, docs)
    for page in docs.glob("*.html"):
        if 'type="py"' in page.read_text(encoding="utf-8"):
            rewrite(
                page,
                {
                    '"../pyscript/core.js"': f'"../{LIBRARY}/pyscript/{parts.core.name}/core.js"',
                    '"../py/shim.mjs"': f'"../{shim}"',
                },
            )
            for coding in CODINGS.values():
                page.with_name(page.name + coding).unlink()  # of the text before


def policy(api: str) -> str:
    """The policy for the page's own `<meta>`, since not every host lets its users set headers."""
    directives = site_headers(api)["Content-Security-Policy"].split("; ")
    # Browsers ignore this directive in a page, and say so in the console.
    return "; ".join(directive for directive in directives if not directive.startswith("frame-ancestors"))


def site_headers(api: str) -> dict[str, str]:
    """What serve.py sends with the page, for a page whose API is there."""
    return security_headers(Settings(allow_origin=(origin(api),) if api else ()))


def origin(url: str) -> str:
    """The origin of an absolute URL; a click.BadParameter for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or set(url) & set(" ;,'\"<>"):
        raise click.BadParameter(f"{url!r} is no URL such as https://api.example/")
    return f"{parts.scheme}://{parts.netloc}"
