"""The search over all documents, in both languages: one index of their sections, made by MiniSearch.

A page loads the library and the index when its search field is first used, and asks no server.
"""

import html
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from runtime.documents import PAGE
from runtime.nodejs import find_node
from runtime.npm_packages import without_source_map
from runtime.publish.addresses import write_hashed
from runtime.steps import run

SCRIPT = PAGE / "search.js"
MAKE_INDEX = PAGE / "search_index.mjs"
LIBRARY = "minisearch/dist/es/index.js"
HEADING = re.compile(r'<h([1-4]) id="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Section:
    """What stands below one heading of a document; `id` is its address, relative to the pages."""

    id: str
    language: str
    title: str
    heading: str
    text: str


def sections(name: str, language: str, content: str) -> list[Section]:
    """The sections of a document: `content` is its HTML, which begins with its title."""
    found: list[Section] = []
    _, *parts = HEADING.split(content)
    for _, anchor, heading, text in zip(*[iter(parts)] * 4, strict=True):
        title = found[0].title if found else plain(heading)
        found.append(Section(f"{name}.html#{html.unescape(anchor)}", language, title, plain(heading), plain(text)))
    return found


def plain(markup: str) -> str:
    """The text of a piece of HTML, on one line. What stands in two blocks are two words."""
    apart = re.sub(r"</?(?:p|li|tr|t[dh]|pre|br)\b[^>]*>", " ", markup)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", apart)).split())


def write_search(folder: Path, found: list[Section], modules: Path) -> str:
    """Write the search into the folder of the pages; return the name of its script. `modules` is `node_modules`."""
    with TemporaryDirectory() as temporary:
        given, made = Path(temporary) / "sections.json", Path(temporary) / "index.json"
        given.write_text(json.dumps([asdict(section) for section in found]), encoding="utf-8")
        run(find_node().node, MAKE_INDEX, modules / LIBRARY, given, made, failed="Node can't index the documents.")
        index = write_hashed(folder, "search_index.json", made.read_text(encoding="utf-8"))
    library = write_hashed(folder, "minisearch.js", without_source_map((modules / LIBRARY).read_text(encoding="utf-8")))
    script = Template(SCRIPT.read_text(encoding="utf-8"))
    return write_hashed(folder, "search.js", script.safe_substitute(library=library, index=index))
