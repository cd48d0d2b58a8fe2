"""The panel that shows what happens: reissue's own inspector."""

from typing import TYPE_CHECKING

import reissue
from js import document

from demo.client import api

if TYPE_CHECKING:
    from reissue.inspector.panel import Inspector


inspector: "Inspector | None" = None


def open_panel() -> None:
    """Called when boot.js has chosen the page's language."""
    global inspector
    inspector = reissue.inspect(api, "#panel", language=document.documentElement.lang)


def open_tab(name: str) -> None:
    """Show this tab of the panel: `requests` or `token`."""
    if inspector:
        inspector.open(name)
