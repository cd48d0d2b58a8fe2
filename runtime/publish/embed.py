"""What users copy into their own sites: the folder `reissue/`, and a page and a configuration that use it.

In `reissue/` only `start.js` and `shim.mjs` keep their names, so that pages name the same files after an update. So
do `reissue-worker.js` (docs/elements.md) and `reissue-popup.html` with its script, which lie beside the page.
The files in the folders below may be cached for ever.
"""

import shutil
from pathlib import Path

from runtime.build import Parts
from runtime.publish.addresses import rewrite

TEMPLATES = Path(__file__).with_name("embed")
NAME = "reissue"
BESIDE = ("reissue-worker.js", "reissue-popup.html", "reissue-popup.js")


def write_embed(folder: Path, parts: Parts) -> None:
    """Fill `folder`, which doesn't exist yet."""
    shutil.copytree(TEMPLATES, folder)
    library = folder / NAME
    for part in (parts.core, *parts.py):
        shutil.copytree(part, library / part.relative_to(parts.site))
    for file in BESIDE:  # not below: a service worker's scope is its folder, and a redirect URI rarely changes
        shutil.copy(parts.library / file, folder)
    (library / "shim.mjs").write_text(parts.shim("./py/"), encoding="utf-8", newline="\n")
    rewrite(library / "start.js", {'"./pyscript/core.js"': f'"./pyscript/{parts.core.name}/core.js"'})
