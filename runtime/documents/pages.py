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
from runtime.documents import PAGE, runnable, search
from runtime.npm_packages import locked_version
from runtime.publish.addresses import write_hashed
from runtime.sealed import files_below, sealed
from runtime.steps import ROOT, say

DOCS = ROOT / "docs"
LIBRARY = ROOT / "app" / "reissue"
TEMPLATE = PAGE / "page.html"
STYLES = (ROOT / "app" / "page.css", PAGE / "style.css")
ICON = ROOT / "app" / "icon.svg"
PICTURES = (".png", ".svg", ".webp")
SOURCES = "source"  # the folder of the library's text, and the page that lists it

ENGLISH = {
    "language": "en",
    "documents": "Documents",
    "other_language": "Language",
    "search": "Search the documents",
    "search_count": "Found: {n}",
    "search_none": "Nothing found. Fewer words, or another spelling, find more.",
    "search_failed": "The index did not arrive. Type on to try again.",
}
KOREAN = {
    "language": "ko",
    "documents": "문서",
    "other_language": "언어",
    "search": "문서 검색",
    "search_count": "{n}개 찾음",
    "search_none": "찾은 것이 없습니다. 낱말을 줄이거나 바꿔 보세요.",
    "search_failed": "색인을 받지 못했습니다. 계속 입력하면 다시 시도합니다.",
}
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
        "guide": "가이드(영어)",
        "inspector": "인스펙터(영어)",
        "README": "모든 문서(영어)",
        SOURCES: "소스(영어)",
    },
}


def rendered(parent: Path, modules: Path) -> Path:
    """Return the folder with the documents as pages. `modules` is the folder `node_modules` that has MiniSearch."""

    def make(folder: Path) -> None:
        say("rendering the documents")
        for file in files_below(DOCS):
            if file.suffix in PICTURES:
                target = folder / file.relative_to(DOCS)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)
        reader = markdown()
        contents = {file.stem: reader.render(file.read_text(encoding="utf-8")) for file in sorted(DOCS.glob("*.md"))}
        found = [
            section
            for name, content in contents.items()
            for section in search.sections(name, words_of(name)["language"], content)
        ]
        parts = {
            "style": write_hashed(folder, "style.css", "\n".join(file.read_text(encoding="utf-8") for file in STYLES)),
            "icon": write_hashed(folder, "icon.svg", ICON.read_text(encoding="utf-8")),
            "search_script": search.write_search(folder, found, modules),
        }
        runner = runnable.write_runner(folder)
        for name, content in {**contents, SOURCES: write_sources(folder)}.items():
            write_page(folder, name, content, runner=runner, **parts)
        compress_folder(folder)

    made_of: list[Path | str] = [DOCS, LIBRARY, *STYLES, ICON, Path(__file__).parent, locked_version("minisearch")]
    return sealed(parent, "docs", made_of, make)


def markdown() -> MarkdownIt:
    """The reader of our documents: CommonMark with tables, GitHub's anchors, and colours in code."""
    reader = MarkdownIt("commonmark", {"highlight": coloured}).enable("table")
    reader.use(anchors_plugin, min_level=1, max_level=4)
    reader.core.ruler.push("links", lambda state: follow_links(state.tokens))
    reader.core.ruler.push("runnable", lambda state: runnable.mark(state.tokens))
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


def words_of(name: str) -> dict[str, str]:
    """The words of a page in the language that its name ends in, or in English."""
    return KOREAN if name.endswith(".ko") else ENGLISH


def write_page(folder: Path, name: str, content: str, *, runner: str, **parts: str) -> None:
    """Write a page. `parts` are the names of the files that every page has, `runner` is for pages with code to run."""
    words = words_of(name)
    found = re.search(r"<h1[^>]*>(.*?)</h1>", content)
    content = runnable.with_buttons(content)
    page = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        {**words, **parts},
        title=re.sub(r"<[^>]+>", "", found[1]) if found else name,
        links="".join(link(other, text, is_here=other == name) for other, text in MENU[words["language"]].items()),
        languages=languages(name.removesuffix(".ko"), is_korean=words is KOREAN),
        content=scrollable(content),
        runner=runner if runnable.RUN in content else "",
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
