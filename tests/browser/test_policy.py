"""What the policy of a page keeps out."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.inserted import MARKUP, expect_refusals, let_through
from tests.browser.kept import Opening, opened
from tests.browser.visit import Visit


@pytest.mark.firefox
def test_inserted_markup_does_not_become_python(visit: Visit) -> None:
    """X13: A text that a page inserts as markup doesn't run as Python, though no script-src has a say in that.

    Seen in: PyScript's own observer (measured)
    """
    expect_refusals(visit)
    visit.signed_in()
    for markup in MARKUP:
        assert let_through(visit, markup) == [], markup
    expect(visit["#account-title"]).to_be_visible()
    assert visit.evaluate("document.body.id") == ""


@opened(Opening(policy={"require-trusted-types-for": None}))
@pytest.mark.parametrize("markup", [pytest.param(MARKUP[0], marks=pytest.mark.firefox), MARKUP[1]])
def test_without_trusted_types_inserted_markup_becomes_python(kept: Visit, markup: str) -> None:
    """X13: which is why they are asked for; `script-src` is as strict as ever."""
    kept.expect_console("Deprecated: use", times=0)
    kept.run(f"import js; js.document.body.insertAdjacentHTML('beforeend', {markup!r}); None")
    expect(kept["body#became-python"]).to_be_attached()
    kept.evaluate("document.body.removeAttribute('id')")
