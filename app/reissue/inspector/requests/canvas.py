"""The canvas that a picture is painted on, by hand.

A chart library would be JavaScript that has to be served next to the wheel and let in by the page's policy, and those
at hand draw series of numbers, not requests with a wait, a 401 and a replay in each. A picture is one path for each
colour, so a frame takes some dozens of calls to the browser, however many requests there are.
"""

from typing import Any

import js

from .flow import STACK
from .picture import Picture

STYLES = (
    *(stage.value for stage in STACK),
    *("refusal", "failed", "cancelled", "chosen", "grid", "scale", "band", "band_bad"),
    *("token", "token_over", "mark", "call", "call_bad", "ink", "quiet", "on_token", "now"),
)
"""Each is a colour in the style sheet: `--ri-admission` and so on."""

FONT = '11px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'


class Canvas:
    """A canvas as large as `stage`, in the colours of its style sheet."""

    def __init__(self, stage: Any) -> None:
        self._stage = stage
        self._colours: dict[str, str] = {}
        self.element = js.document.createElement("canvas")
        self.element.setAttribute("aria-hidden", "true")
        self._context = self.element.getContext("2d")

    def resize(self, width: int, height: int) -> None:
        """Be so many pixels of the page large, and empty."""
        ratio = js.devicePixelRatio or 1
        self.element.width, self.element.height = round(width * ratio), round(height * ratio)
        self.element.style.width, self.element.style.height = f"{width}px", f"{height}px"
        self._context.setTransform(ratio, 0, 0, ratio, 0, 0)
        self._context.font = FONT

    def restyle(self) -> None:
        """Take the colours from the style sheet, which may have changed with the user's settings."""
        style = js.getComputedStyle(self._stage)
        self._colours = {name: str(style.getPropertyValue(f"--ri-{name.replace('_', '-')}")).strip() for name in STYLES}

    def paint(self, picture: Picture, width: int, height: int) -> None:
        """Paint this picture in place of what is within `width` and `height`, from the top left."""
        context, fill, write = self._context, self._context.fill, self._context.fillText
        context.clearRect(0, 0, width, height)
        for style, parts in picture.shapes.items():
            if parts:
                context.fillStyle = self._colours[style]
                fill(js.Path2D.new("".join(parts)))
        style = ""
        for text in picture.texts:
            if text.style != style:
                style = text.style
                context.fillStyle = self._colours[style]
            write(text.text, text.x, text.y)
