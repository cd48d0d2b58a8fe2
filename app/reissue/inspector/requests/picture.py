"""A picture as data: shapes by style, and texts. The code that paints it need not know what it shows.

All shapes of one style are one path, in the syntax of SVG (SVG 2, section 9.3). A canvas takes it as it is
(`Path2D(path)`), so a picture takes as many calls to the browser as there are styles, however much it shows: a call
from Python costs microseconds, and thousands of rectangles would be a frame's time.
"""

from dataclasses import dataclass, field

CHARACTER = 6.7
WIDE_CHARACTER = 11.5
"""Pixels, in the canvas's font of 11 px: Latin in a fixed pitch, and Hangul."""


@dataclass(frozen=True, slots=True)
class Text:
    """Some words, from x to the right, on the baseline y."""

    x: int
    y: int
    text: str
    style: str = "ink"


@dataclass(slots=True)
class Picture:
    """Shapes in the order in which the styles were first used, then the texts."""

    shapes: dict[str, list[str]] = field(default_factory=dict)
    texts: list[Text] = field(default_factory=list)

    def use(self, *styles: str) -> None:
        """Fix the order of the styles: the first is painted first, below the others."""
        for style in styles:
            self.shapes.setdefault(style, [])

    def box(self, style: str, x: int, y: int, width: int, height: int) -> None:
        """A rectangle."""
        self.shapes.setdefault(style, []).append(f"M{x} {y}h{width}v{height}h{-width}z")

    def diamond(self, style: str, x: int, y: int, radius: int) -> None:
        """A diamond around a point."""
        r = radius
        self.shapes.setdefault(style, []).append(f"M{x - r} {y}l{r} {-r}l{r} {r}l{-r} {r}z")

    def arrow(self, style: str, x: int, y: int, height: int) -> None:
        """A triangle that points to the left, up to x."""
        half = height // 2
        self.shapes.setdefault(style, []).append(f"M{x} {y + half}l{half} {-half}v{2 * half}z")

    def steps(self, style: str, xs: list[int], tops: list[int], bottoms: list[int]) -> None:
        """The area between two lines of steps: from xs[n] to xs[n + 1] they are at tops[n] and bottoms[n]."""
        parts, height = [f"M{xs[0]} {bottoms[0]}"], bottoms[0]
        for x, top in zip(xs, tops, strict=False):
            if top != height:
                parts.append(f"H{x}V{top}")
                height = top
        parts.append(f"H{xs[-1]}")
        for x, bottom in zip(reversed(xs), reversed(bottoms), strict=False):
            if bottom != height:
                parts.append(f"H{x}V{bottom}")
                height = bottom
        parts.append("z")
        self.shapes.setdefault(style, []).append("".join(parts))

    def write(self, x: int, y: int, text: str, room: float, *, style: str = "ink", least: int = 4) -> bool:
        """Write as much of a text as there is room for (pixels), if that is at least so many characters."""
        fitted = fit(text, room)
        if len(fitted) < min(least, len(text)):
            return False
        self.texts.append(Text(x, y, fitted, style))
        return True


def width_of(text: str) -> float:
    """Pixels that a text takes, roughly."""
    return sum(WIDE_CHARACTER if ord(character) >= 0x2E80 else CHARACTER for character in text)


def fit(text: str, room: float) -> str:
    """The text, or its beginning and an ellipsis, or nothing, as there is room for (pixels)."""
    if width_of(text) <= room:
        return text
    shorter = text[: min(len(text) - 1, max(0, int(room / CHARACTER)))]
    while shorter and width_of(f"{shorter}…") > room:
        shorter = shorter[:-1]
    return f"{shorter}…" if shorter else ""
