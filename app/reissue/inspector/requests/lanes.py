"""Below the axis: each request in its lane, or, where there are too many, how many are at each stage.

What is drawn is bounded by the pixels, not by the requests: a lane skips what would fall on the same pixel, and lanes
that are out of sight are not looked at.
"""

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum
from math import ceil, floor, log10
from urllib.parse import urlsplit

from .axis import HEIGHT
from .flow import STACK, Flow
from .life import Life, Outcome, Stage
from .picture import Picture, Text
from .window import Window


class View(Enum):
    """What the user asks to see."""

    AUTO = "auto"
    LANES = "lanes"
    DENSITY = "density"


@dataclass(frozen=True, slots=True)
class Layout:
    """Heights in pixels: of a lane (0: there are none), of the bar in it, and of the gap above the bar (`top`)."""

    lane: int
    bar: int
    top: int

    def height(self, lanes: int) -> int:
        """The height of so many lanes, in pixels."""
        return self.lane * lanes


ROOMY = Layout(lane=26, bar=9, top=14)
CLOSE = Layout(lane=12, bar=8, top=2)
COMPACT = Layout(lane=7, bar=5, top=1)
DENSE = Layout(lane=0, bar=0, top=0)

_MOST_SEEN = 1_200  # requests that lanes can show so that one can tell them apart
_MOST_BARS = 3_000
_WAITING = (Stage.RESUME, Stage.ADMISSION, Stage.REFRESH, Stage.STEP_UP, Stage.REFUSED)


def choose(view: View, flow: Flow, window: Window, room: int, *, scrolls: bool = True) -> tuple[Layout, int]:
    """The layout for what is visible on so many pixels of height, and how many lanes it has.

    All lanes are visible at once where that is possible. If the picture `scrolls`, they may be twice as high.
    """
    if view is View.DENSITY:
        return DENSE, 0
    lanes, seen = flow.extent(window.left, window.right)
    if view is View.LANES:
        return ROOMY, lanes
    if seen > _MOST_SEEN:
        return DENSE, 0
    for most in (room, 2 * room) if scrolls else (room,):
        for layout in (ROOMY, CLOSE, COMPACT):
            if layout.height(lanes) <= most:
                return layout, lanes
    return DENSE, 0


def draw_lanes(
    picture: Picture, flow: Flow, window: Window, now: float, layout: Layout, *, room: int, scrolled: int, chosen: int
) -> None:
    """The lanes that `room` pixels show, scrolled by so many pixels; `chosen` is the number of a request."""
    picture.use("chosen", *(stage.value for stage in reversed(STACK)), "refusal", "failed", "cancelled")
    first = scrolled // layout.lane
    shown = range(first, min(len(flow.lanes), (scrolled + room) // layout.lane + 1))
    apart = max(1, len(shown) * window.width // _MOST_BARS)
    for number in shown:
        lane, y = flow.lanes[number], HEIGHT + number * layout.lane - scrolled
        place, end = (between := lane.between(window.left, window.right)).start, between.stop
        while place < end:
            life = lane.lives[place]
            right = _draw_life(picture, life, window, now, layout, y, chosen=life.number == chosen)
            place = max(place + 1, bisect_left(lane.starts, window.time(right + apart - 1), place + 1, end))
            if layout is ROOMY:
                left = max(3, window.x(life.at))
                until = window.x(lane.starts[place]) if place < len(lane.starts) else window.width
                picture.write(left, y + 11, label(life), until - left - 6, style=_ink(life), least=8)


def _draw_life(
    picture: Picture, life: Life, window: Window, now: float, layout: Layout, y: int, *, chosen: bool
) -> int:
    """Draw one request. Returns the pixel at which it ends."""
    left = window.x(life.at)
    right = max(left + 2, window.x(life.until(now)))
    top, height = y + layout.top, layout.bar
    if chosen:
        picture.box("chosen", left - 3, y if layout is ROOMY else top - 2, right - left + 6, layout.top + height + 3)
    if right - left <= 2:
        style = Stage.REPLAY.value if life.was_refused else Stage.WIRE.value
        picture.box(style, left, top, 2, height)
    else:
        thin = max(2, height // 3)
        for stage, began, ended in life.spans(now):
            x = window.x(began)
            width = window.x(ended) - x
            if stage in _WAITING:
                if width > 0:
                    picture.box(stage.value, x, top + (height - thin) // 2, width, thin)
                if stage is Stage.REFUSED:
                    picture.box("refusal", x - 1, top - 1, 2, height + 2)
            elif stage is not Stage.CALLED:
                picture.box(stage.value, x, top, max(1, width), height)
    if life.ended_badly:
        picture.arrow("failed", right - 1, top - 2, height + 4)
    elif life.outcome is Outcome.CANCELLED:
        picture.box("cancelled", right - 1, top - 2, 3, height + 4)
    return right


def _ink(life: Life) -> str:
    return "failed" if life.ended_badly else "ink"


def label(life: Life) -> str:
    """A request in a few words: how it ended, method and path."""
    end = f"{life.status} " if life.status is not None else f"{life.error} " if life.error else ""
    return f"{end}{life.method} {urlsplit(life.url).path or life.url}"


def draw_density(picture: Picture, flow: Flow, window: Window, now: float, height: int) -> None:
    """How many requests are at each stage, piled up."""
    pixels = 2 if window.width < 900 else 3
    edges = window.edges(pixels, now)
    columns = len(edges) - 1
    if columns < 1:
        return
    piles = {stage: flow.levels[stage].averages(edges) for stage in STACK}
    most = max(map(sum, zip(*piles.values(), strict=True)))
    if not most:
        return
    scale = round_up(most)
    bottom, tall = height - 6, height - HEIGHT - 26
    picture.use(*(stage.value for stage in STACK), "failed")
    xs = [min(window.width, column * pixels) for column in range(columns)]
    xs.append(max(xs[-1] + 1, window.x(edges[-1])))
    heights, below = [0.0] * columns, [bottom] * columns
    for stage, counts in piles.items():
        if not any(counts):
            continue
        heights = [pile + count for pile, count in zip(heights, counts, strict=True)]
        tops = [bottom - ceil(pile * tall / scale - 0.01) for pile in heights]
        picture.steps(stage.value, xs, tops, below)
        below = tops
    for column, bad in enumerate(flow.troubled(edges)):
        if bad:
            picture.box("failed", xs[column], bottom + 1, pixels, 5)
    for value in {scale, scale // 2} - {0}:
        y = bottom - round(value * tall / scale)
        picture.box("scale", 0, y, window.width, 1)
        picture.texts.append(Text(4, y - 4, f"{value:,}", "quiet"))


def round_up(most: float) -> int:
    """The next figure that is easy to read: 1, 2, 3, 4, 5, 6, 8, 10, 20, …"""
    most -= 1e-6  # a sum of averages is not exact
    if most <= 1:
        return 1
    power = 10 ** floor(log10(most))
    return int(next(base for base in (1, 2, 3, 4, 5, 6, 8, 10) if base * power >= most) * power)
