"""Renders `docs/` for the demo, beside the sources that the documents link to.

A link to another document leads to its page, one to a module of the library to its text. What else a document
mentions of the checkout (tests, the benchmark) is no part of the site: such a link becomes plain text.
"""

import ast
import html
import re
import shutil
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from runtime.compressed import compress_folder
from runtime.publish.addresses import write_hashed
from runtime.sealed import files_below, sealed
from runtime.steps import ROOT, say

DOCS = ROOT / "docs"
LIBRARY = ROOT / "app" / "reissue"
TEMPLATE = ROOT / "runtime" / "document.html"
STYLES = (ROOT / "app" / "page.css", ROOT / "runtime" / "document.css")
ICON = ROOT / "app" / "icon.svg"
PICTURES = (".png", ".svg", ".webp")
SOURCES = "source"  # the folder of the library's text, and the page that lists it

KOREAN = {"language": "ko", "documents": "문서", "other_language": "언어"}
ENGLISH = {"language": "en", "documents": "Documents", "other_language": "Language"}
MENU = {
    "en": {
        "how-a-token-is-reissued": "How it works",
        "guide": "Guide",
        "inspector": "Inspector",
        "README": "All documents",
        SOURCES: "Source",
    },
    "ko": {
        "how-a-token-is-reissued.ko": "동작 원리",
        "guide": "가이드",
        "inspector": "인스펙터",
        "README": "모든 문서",
        SOURCES: "소스",
    },
}


def rendered(parent: Path) -> Path:
    """Return the folder with the documents as pages."""

    def make(folder: Path) -> None:
        say("rendering the documents")
        style = write_hashed(folder, "style.css", "\n".join(file.read_text(encoding="utf-8") for file in STYLES))
        icon = write_hashed(folder, "icon.svg", ICON.read_text(encoding="utf-8"))
        for file in files_below(DOCS):
            if file.suffix in PICTURES:
                target = folder / file.relative_to(DOCS)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)
        for file in sorted(DOCS.glob("*.md")):
            content = markdown().render(file.read_text(encoding="utf-8"))
            write_page(folder, file.stem, content, style=style, icon=icon)
        write_page(folder, SOURCES, write_sources(folder), style=style, icon=icon)
        compress_folder(folder)

    return sealed(parent, "docs", [DOCS, LIBRARY, TEMPLATE, *STYLES, ICON, Path(__file__)], make)


def markdown() -> MarkdownIt:
    """The reader of our documents: CommonMark with tables, GitHub's anchors, and colours in code."""
    reader = MarkdownIt("commonmark", {"highlight": coloured}).enable("table")
    reader.use(anchors_plugin, min_level=1, max_level=4)
    reader.core.ruler.push("links", lambda state: follow_links(state.tokens))
    return reader


def coloured(code: str, language: str, _: str) -> str:
    """The code as HTML in which Pygments has named each token. Empty, which leaves it plain, in an unknown language."""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


def follow_links(tokens: list[Token]) -> None:
    """Let links lead to pages of the site, and turn those that lead out of it into plain text."""
    for token in tokens:
        address: str | None = None
        for child in token.children or []:
            if child.type == "link_open":
                address = address_on_site(str(child.attrGet("href")))
                child.attrSet("href", address or "")
            if child.type in ("link_open", "link_close") and address is None:
                child.type, child.tag = "text", ""  # of no content; links are never nested


def address_on_site(link: str) -> str | None:
    """Where a link of a document leads, relative to the pages; None if that is no part of the site."""
    path, mark, fragment = link.partition("#")
    if re.match(r"[a-z]+:", path):
        return link
    if path.startswith("../app/reissue/"):
        module = path.removeprefix("../app/")
        return f"{SOURCES}/{module}.txt" if module.endswith(".py") else f"{SOURCES}.html"
    if path.startswith("../"):
        return None
    return f"{path.removesuffix('.md')}.html{mark}{fragment}" if path.endswith(".md") else link


def write_sources(folder: Path) -> str:
    """Copy the library's modules as text that any host sends as such; return the list of them as HTML."""
    rows = []
    for file in files_below(LIBRARY):
        if file.suffix != ".py":
            continue
        name = file.relative_to(LIBRARY.parent).as_posix()
        target = folder / SOURCES / f"{name}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
        about = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        rows.append(f'<li><a href="{SOURCES}/{name}.txt"><code>{name}</code></a><br>{html.escape(about)}</li>')
    return "\n".join(["<h1>The source</h1>", "<ul>", *rows, "</ul>"])


def write_page(folder: Path, name: str, content: str, *, style: str, icon: str) -> None:
    """Write a page in the language that its name ends in, or in English."""
    is_korean = name.endswith(".ko")
    words = KOREAN if is_korean else ENGLISH
    found = re.search(r"<h1[^>]*>(.*?)</h1>", content)
    title = re.sub(r"<[^>]+>", "", found[1]) if found else name
    page = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        words,
        title=title,
        style=style,
        icon=icon,
        links="".join(link(other, text, is_here=other == name) for other, text in MENU[words["language"]].items()),
        languages=languages(name.removesuffix(".ko"), is_korean=is_korean),
        content=scrollable(content),
    )
    (folder / f"{name}.html").write_text(page, encoding="utf-8", newline="\n")


def link(name: str, text: str, *, is_here: bool) -> str:
    """A link to another page."""
    here = ' aria-current="page"' if is_here else ""
    return f'<a href="{name}.html"{here}>{text}</a>'


def languages(name: str, *, is_korean: bool) -> str:
    """The links to a document in each language; nothing if it is in one only."""
    if not (DOCS / f"{name}.ko.md").is_file():
        return ""
    here, there = ' aria-current="true"', ""
    return (
        f'<a href="{name}.html" lang="en"{there if is_korean else here}>English</a>'
        f'<a href="{name}.ko.html" lang="ko"{here if is_korean else there}>한국어</a>'
    )


def scrollable(content: str) -> str:
    """What may be wider than the page can be scrolled by the keyboard, too (WCAG 2.1.1)."""
    return re.sub(r"<(pre|table)>", r'<\1 tabindex="0">', content)
