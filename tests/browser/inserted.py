"""Markup that PyScript would run as Python, and the ways by which a text becomes markup of a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from tests.browser.visit import Visit

PYTHON: Final = "import js; js.document.body.id = 'became-python'"
MARKUP: Final = (
    f"<script type='py'>{PYTHON}</script>",
    f"<PY-Script>{PYTHON}</PY-Script>",
    f"<mpy-script>{PYTHON}</mpy-script>",
    f"<template><script type='py'>{PYTHON}</script></template>",
    "<button py-click='sign_out'>free</button>",
    "<img src='/app/icon.svg'/mpy-load\n=sign_out>",
)
WAYS: Final = (
    "document.body.append(Object.assign(document.createElement('p'), {innerHTML: markup}))",
    "document.body.lastElementChild.outerHTML = markup",
    "document.body.insertAdjacentHTML('beforeend', markup)",
    "document.body.append(document.createRange().createContextualFragment(markup))",
    "document.body.setHTMLUnsafe(markup)",
    "document.body.append(new DOMParser().parseFromString(markup, 'text/html').body)",
    "document.write(markup)",
)
PLAIN: Final = "<p id='plain'>a < b, script-like <b>mpy-thing</b></p>"


def let_through(visit: Visit, markup: str, ways: Sequence[str] = WAYS) -> list[str]:
    """Those of the ways by which this page takes a text for markup; the rest raise TypeError, and insert nothing."""
    tries = ", ".join(f"[{json.dumps(way)}, () => {{ {way} }}]" for way in ways)
    expression = f"""(() => {{
        const markup = {json.dumps(markup)}, taken = [];
        for (const [way, insert] of [{tries}])
            try {{
                insert();
                taken.push(way);
            }} catch (error) {{
                if (!(error instanceof TypeError)) throw error;
            }}
        return taken;
    }})()"""
    taken: list[str] = visit.evaluate(expression)
    return taken


def expect_refusals(visit: Visit) -> None:
    """What browsers say in the console of each."""
    visit.expect_console("requires 'TrustedHTML' assignment|assigning to an injection sink", times=1, at_most=99)
