"""What each colour and sign of the picture means."""

from collections.abc import Mapping
from typing import Any

from ..dom import element, matches
from .flow import STACK


def legend(words: Mapping[str, str]) -> Any:
    """The list of colours and signs; open where there is room."""
    names = [(stage.value, words[f"requests.stage.{stage.value}"]) for stage in reversed(STACK)]
    names += [(name, words[f"requests.outcome.{name}"]) for name in ("failed", "cancelled")]
    names += [("band", words["requests.legend.band"]), ("mark", words["requests.legend.mark"])]
    items = [element("li", element("i", class_=f"swatch {name}"), text) for name, text in names]
    return element(
        "details",
        element("summary", words["requests.legend"]),
        element("ul", *items, class_="legend"),
        open="" if matches("(min-width: 40rem)") else None,
    )
