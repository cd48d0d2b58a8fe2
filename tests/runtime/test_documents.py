"""The documents as pages: what a link leads to is there."""

from __future__ import annotations

import json
import re
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest

from runtime.documents.pages import DOCS, address_on_site, markdown, rendered
from runtime.documents.runnable import RUN, with_buttons
from runtime.documents.search import Section, sections
from runtime.npm_packages import install
from tests.live_server import ROOT

LANGUAGES = ("en", "ko")
IN_A_TEXT = re.compile(r"\[[^\]]+\]\(([^)]+)\)")
OF_THE_ARTICLE = (
    *("JWT", "header", "payload", "signature", "claims", "registered", "public", "private"),
    *("access token", "refresh token", "interceptor", "queue", "replayed"),
)


@pytest.fixture(scope="module")
def pages() -> Path:
    """As the build made them."""
    return rendered(ROOT / ".runtime" / "docs", install(ROOT / ".runtime"))


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def missing(links: list[str], folder: Path) -> list[str]:
    """Those of these relative links whose file is not there, or has no such heading."""
    found = []
    for link in links:
        path, _, fragment = unquote(unescape(link)).partition("#")
        file = folder / path
        if not file.is_file() or (fragment and f'id="{fragment}"' not in text_of(file)):
            found.append(link)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_that_the_demo_explains_leads_to_a_section_that_is_there(pages: Path, language: str) -> None:
    strings: dict[str, str] = json.loads((ROOT / "app" / "strings" / f"{language}.json").read_text(encoding="utf-8"))
    links = [link for text in strings.values() for link in IN_A_TEXT.findall(text)]
    assert len(links) > 20
    assert {link.split("/")[0] for link in links} == {"docs"}
    assert missing([link.removeprefix("docs/") for link in links], pages) == []


def test_the_demo_explains_every_word_of_its_subject() -> None:
    strings = (ROOT / "app" / "strings" / "en.json").read_text(encoding="utf-8")
    assert [word for word in OF_THE_ARTICLE if f"[{word}](docs/how-a-token" not in strings] == []


def test_every_link_and_every_picture_of_the_documents_is_there(pages: Path) -> None:
    for page in sorted(pages.glob("*.html")):
        links = re.findall(r'(?:href|src)="([^"]*)"', text_of(page))
        own = [link for link in links if not re.match(r"[a-z]+:|\.\./\?lang=", link)]
        assert missing([page.name + link if link.startswith("#") else link for link in own], pages) == [], page.name


def test_a_korean_page_says_of_a_link_that_what_it_leads_to_is_english(pages: Path) -> None:
    """Unless that is in Korean as well: then it leads there. What lists the languages says so itself."""
    strings: dict[str, str] = json.loads((ROOT / "app" / "strings" / "ko.json").read_text(encoding="utf-8"))
    links = [found for text in strings.values() for found in re.findall(r"\[([^\]]+)\]\(docs/([^)#]+)", text)]
    for page in pages.glob("*.ko.html"):
        found = re.findall(r'<a href="([\w.-]+\.html)[^"]*"[^>]*>(.*?)</a>', text_of(page))
        links += [(words, address) for address, words in found if words != "English"]
    assert len(links) > 20
    for words, address in links:
        korean = address.endswith(".ko.html")
        assert korean or not (pages / address.replace(".html", ".ko.html")).is_file(), (words, address)
        assert words.endswith("(영어)") is not korean, (words, address)


def test_every_document_is_a_page_with_a_title_in_its_language(pages: Path) -> None:
    assert {page.stem for page in pages.glob("*.html")} == {file.stem for file in DOCS.glob("*.md")} | {"source"}
    korean = text_of(pages / "how-a-token-is-reissued.ko.html")
    assert '<html lang="ko">' in korean
    assert "<title>토큰은 어떻게 재발행되는가 · reissue</title>" in korean
    assert '<span class="k">' in korean  # code has its colours


def test_a_section_reaches_from_its_heading_to_the_next() -> None:
    content = '<h1 id="a">A &amp; b</h1>\n<p>One <code>x</code>,</p>\n<p>two.</p>\n'
    assert sections("a.ko", "ko", content + '<h2 id="c-d">C <em>d</em></h2><ul><li>e</li><li>f</li></ul>') == [
        Section("a.ko.html#a", "ko", "A & b", "A & b", "One x, two."),
        Section("a.ko.html#c-d", "ko", "A & b", "C d", "e f"),
    ]


def test_the_index_has_every_section_of_every_document(pages: Path) -> None:
    (index,) = pages.glob("search_index-*.json")
    ids = set(json.loads(text_of(index))["index"]["documentIds"].values())
    headings = {
        f"{page.name}#{unescape(anchor)}"
        for page in pages.glob("*.html")
        for anchor in re.findall(r'<h[1-4] id="([^"]+)"', text_of(page))
    }
    assert ids == headings


PAGE = "```html\n<body>\n<p id='a'>&amp;</p>\n<script src='b.js'></script>\n</body>\n```\n"
NO_PAGE = "```html\n<p>\n```\n"
CODE = "```python run\n1\n```\n"


def test_code_that_is_marked_gets_a_button_and_the_elements_that_it_is_for() -> None:
    content = with_buttons(markdown().render(f"{PAGE}{CODE}{CODE}```python\n3\n```\n{NO_PAGE}{CODE}"))
    first, *others = content.split(RUN)[1:]
    assert """<div class="elements" hidden><p id='a'>&amp;</p></div>""" in first
    assert ['<div class="elements" hidden></div>' in other for other in others] == [True, True]
    assert (content.count("<button"), content.count("<script")) == (3, 0)


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("https://a.example/b.md", "https://a.example/b.md"),
        ("tabs.md#a-lock", "tabs.html#a-lock"),
        ("#here", "#here"),
        ("pictures/jwt.svg", "pictures/jwt.svg"),
        ("../app/reissue/tabs/news.py", "source/reissue/tabs/news.py.txt"),
        ("../app/reissue/tabs/", "source.html"),
        ("../README.md", None),
        ("../tests/test_readme.py", None),
    ],
)
def test_a_link_leads_to_a_page_of_the_site_or_becomes_text(link: str, address: str | None) -> None:
    assert address_on_site(link) == address
