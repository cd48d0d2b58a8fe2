"""The inspector's words, one file for each language. All have the same keys; `{…}` is filled in."""

from collections.abc import Mapping

from . import en, ko

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": en.WORDS, "ko": ko.WORDS}


def language_of(tag: str) -> str | None:
    """The language that a tag (BCP 47, `ko-KR` for example) asks for; None if there are no words in it."""
    primary = tag.replace("_", "-").partition("-")[0].lower()
    return primary if primary in LANGUAGES else None
