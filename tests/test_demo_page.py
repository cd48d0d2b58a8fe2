"""The demo's words: the page itself is English, and every language has a word for all that it says."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "index.html").read_text(encoding="utf-8")
STRINGS = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((ROOT / "app" / "strings").glob("*.json"))
}
ENGLISH: dict[str, str] = STRINGS["en"]
PLACES = re.compile(r"\{\w+\}")
LINK = re.compile(r'<a href="([^"]+)">([^<]+)</a>')


@pytest.mark.parametrize("language", STRINGS)
def test_every_language_has_the_same_words(language: str) -> None:
    words = STRINGS[language]
    assert list(words) == list(ENGLISH)
    for key, text in words.items():
        assert text.strip(), key
        assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(ENGLISH[key])), key


def test_what_stands_in_the_page_is_what_the_english_words_say() -> None:
    page = LINK.sub(r"[\2](\1)", PAGE)
    texts = re.findall(r'data-text="([\w.]+)"[^>]*>([^<]*)<', page)
    assert len(texts) > 50
    for key, text in texts:
        assert html.unescape(text) == ENGLISH[key], key


def test_no_words_are_left_over() -> None:
    app = ROOT / "app"
    files = [app / "boot.js", app / "main.py", *(app / "demo").glob("*.py")]
    source = PAGE + "".join(file.read_text(encoding="utf-8") for file in files)
    made = re.compile(
        r"startup\.stage\.|count\.|entrance\.|\.running$|\.advice$|startup\.|story\.\w+\."
    )  # put together of parts
    unused = [key for key in ENGLISH if f'"{key}"' not in source and not made.search(key)]
    assert unused == []
