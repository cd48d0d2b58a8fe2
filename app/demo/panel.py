"""The card 'What happens': reissue's own inspector."""

from typing import TYPE_CHECKING

import reissue
from js import document

from demo.client import api

if TYPE_CHECKING:
    from reissue.inspector.panel import Inspector


def open_panel() -> "Inspector":
    """Called when boot.js has chosen the page's language."""
    return reissue.inspect(api, "#panel", language=document.documentElement.lang)
