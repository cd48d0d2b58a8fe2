"""docs/reference.md has every public name, as the docstrings say now."""

import re

import reissue

from tests.reference import DOCUMENT, reference


def test_the_document_is_what_the_docstrings_say() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == reference(), "run `make reference`"


def test_every_public_name_is_in_it_once_and_has_a_text() -> None:
    parts = re.split(r"^### (\w+)$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = list(zip(parts[1::2], parts[2::2], strict=True))
    for name in reissue.__all__:
        (text,) = [text for named, text in sections if named == name]
        assert re.sub(r"```.*?```", "", text, flags=re.DOTALL).strip(), name


def test_every_method_of_the_client_is_in_it() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in [*vars(reissue.Interceptor), "get", "stream", "install", "install_worker", "download"]:
        assert name.startswith("_") or f"\n#### Interceptor.{name}\n" in text, name
