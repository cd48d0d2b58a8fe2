"""docs/embedding.md, taken apart: what the tests run is what a reader copies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from runtime.publish.sizes import Size, on_the_wire
from tests.browser.visit import Visit
from tests.documents import blocks, text_of

GUIDE = text_of("docs/embedding.md")
BLOCKS = [(block.language, block.code) for block in blocks(["docs/embedding.md"])]


def block(language: str, holding: str) -> str:
    """The one block of this language that holds these words."""
    (found,) = [text for kind, text in BLOCKS if kind == language and holding in text]
    return found


def loaded(visit: Visit, page: str, sizes: Mapping[str, Size]) -> dict[str, Size]:
    """The files of a site that this visit has asked its host for; fails if there are others. `page` is its address."""
    asked = {url.partition("?")[0] for url in (request.url for request in visit.requests) if on_host(url, page)}
    addresses = {url.removeprefix(page) or "index.html" for url in asked}
    assert addresses <= set(sizes)
    return {address: sizes[address] for address in addresses}


def on_host(url: str, page: str) -> bool:
    """Whether a URL has the page's origin, and is none of the API's."""
    return urlsplit(url).netloc == urlsplit(page).netloc and not urlsplit(url).path.startswith(("/api/", "/auth/"))


def assert_told(row: str, sizes: Mapping[str, Size]) -> None:
    """The guide's table says how many files these are, and how many megabytes: as they are, by gzip and by brotli.

    Within four per cent: a package more or less is told, and the library's own growth over a few weeks is not.
    """
    (cells,) = re.findall(rf"^\| {re.escape(row)} \|(.*)\|$", GUIDE, re.MULTILINE)
    told = [float(cell) for cell in cells.split("|")]
    measured = [len(sizes), *(on_the_wire(sizes, coding) / 1e6 for coding in ("bytes", "gz", "br"))]
    assert told == pytest.approx(measured, rel=0.04), f"{row}: {[round(n, 1) for n in measured]}"
