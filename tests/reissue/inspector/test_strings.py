"""The words: the same in every language, none missing and none that nobody uses."""

import re
from pathlib import Path
from string import Formatter

import pytest
from reissue import EndpointPhase, RefreshPhase
from reissue.inspector.requests.flow import STACK
from reissue.inspector.requests.lanes import View
from reissue.inspector.requests.life import Kind, Outcome, Stage
from reissue.inspector.requests.records import MarkKind
from reissue.inspector.strings import LANGUAGES

INSPECTOR = Path(__file__).resolve().parents[3] / "app" / "reissue" / "inspector"
OWN = ("panel.", "requests.")


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys_in_the_same_order_with_the_same_holes(language: str) -> None:
    english, words = LANGUAGES["en"], LANGUAGES[language]
    assert list(words) == list(english)
    assert {key: holes(text) for key, text in words.items()} == {key: holes(text) for key, text in english.items()}
    assert all(text.strip() == text and text for text in words.values())


def test_every_korean_text_is_korean_but_for_names() -> None:
    latin = {key for key, text in LANGUAGES["ko"].items() if key.startswith(OWN) and not re.search("[가-힣]", text)}
    assert latin == {"requests.export.json", "requests.export.har"}


def test_every_word_that_is_made_of_a_name_is_there() -> None:
    words = LANGUAGES["en"]
    for part, kinds in (
        ("stage", Stage),
        ("outcome", Outcome),
        ("mark", MarkKind),
        ("kind", Kind),
        ("view", View),
        ("refresh", RefreshPhase),
    ):
        assert {f"requests.{part}.{kind.value}" for kind in kinds} <= set(words), part
    assert {f"requests.call.{name}" for name in ("sign_in", "refresh", "sign_out")} <= set(words)
    assert len(EndpointPhase) == 3
    assert set(STACK) == set(Stage) - {Stage.CALLED}


def test_no_word_is_left_over() -> None:
    files = [file for file in INSPECTOR.rglob("*.py") if file.parent.name != "strings"]
    sources = "\n".join(file.read_text(encoding="utf-8") for file in files)
    made = re.compile(r"requests\.(stage|outcome|mark|kind|view|refresh|call|details)\.|panel\.(tab|language)\.")
    plain = [key for key in LANGUAGES["en"] if key.startswith(OWN) and not made.match(key)]
    by_choice = {f"requests.{name}" for name in re.findall(r"_choice\(\s*\"([\w.]+)\"", sources)}
    assert [
        key for key in plain if f'"{key}"' not in sources and f"'{key}'" not in sources and key not in by_choice
    ] == []
