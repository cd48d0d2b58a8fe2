"""The timeline: the stretch of time that is shown, and when its picture is drawn.

What is drawn is decided in `axis` and `lanes`, in plain Python that is tested without a browser; `canvas` paints it.

It is drawn in an animation frame, only after a change, only while it is in sight, and never for more than a part of the
time: a picture that took long to draw is followed by a pause.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import js

from ..dom import Scope, matches
from . import axis
from .canvas import Canvas
from .lanes import DENSE, Layout, View, choose, draw_density, draw_lanes
from .life import Life
from .picture import Picture
from .selection import Selection
from .trace import Trace
from .window import Window

FULL_SPAN = 10.0  # seconds that are visible, until the user zooms
LEAST_SPAN = 0.2
PAD = 0.04  # of the span, to the right of the latest event
SHARE = 4  # the pause after a drawing is so many times as long as the drawing took
FRAME = 0.030
CALM_FRAME = 0.5
"""Least seconds between two drawings; the second for users who prefer reduced motion."""


class Timeline:
    """Draws a selection into a canvas. `drawn` is called after each drawing."""

    def __init__(
        self, stage: Any, *, trace: Trace, selection: Selection, words: Mapping[str, str], drawn: Callable[[], None]
    ) -> None:
        self.stage = stage
        self.canvas = Canvas(stage)
        self.spacer = js.document.createElement("div")
        stage.append(self.canvas.element, self.spacer)
        self.window = Window(0.0, FULL_SPAN, 1)
        self.follows = True
        self.view = View.AUTO
        self.chosen = 0
        self.layout: Layout = DENSE
        self.drawings = 0
        self.drawing_seconds = 0.0
        self._trace, self._selection, self._words, self._drawn = trace, selection, words, drawn
        self._touched = False  # has the user zoomed?
        self._height = 1
        self._lanes_height = 0
        self.in_sight = False
        self._frame: int | None = None
        self._not_before = 0.0
        self._scope = Scope()
        self._on_frame_proxy = self._scope.proxy(self._on_frame)
        self._scope.at_end(self._forget_frame)
        self.calm = matches("(prefers-reduced-motion: reduce)")
        for query in ("(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)", "(forced-colors: active)"):
            self._scope.listen(js.matchMedia(query), "change", lambda _: self._restyle())
        self._scope.listen(stage, "scroll", lambda _: self.invalidate())
        self._scope.observe(js.ResizeObserver.new(self._scope.proxy(lambda *_: self._resize())), stage)
        self._scope.observe(js.IntersectionObserver.new(self._scope.proxy(self._seen)), stage)

    def close(self) -> None:
        """Stop drawing."""
        self.in_sight = False
        self._scope.close()

    # What is in sight

    @property
    def now(self) -> float:
        """The time at which the picture ends: now, or the latest event if nothing is running."""
        return time.perf_counter() if self._trace.busy else self._trace.last

    def zoom(self, factor: float, x: float | None = None) -> None:
        """Show `factor` times as much time. The time at pixel `x` stays there; without `x`, the end or the middle."""
        if x is None:
            self._keep_up()
        around = self.window.time(x) if x is not None else self.window.right if self.follows else None
        self._touched = True
        self.window = self.window.zoomed(factor, around)
        self.invalidate()

    def move(self, pixels: float) -> None:
        """Show a time that is so many pixels later, and stop following."""
        self.follows = False
        self.window = self.window.moved(pixels * self.window.span / self.window.width)
        self.invalidate()

    def follow(self, on: bool) -> None:
        """Follow what happens, or stop following."""
        self.follows = on
        self.invalidate()

    def fit(self) -> None:
        """Show all of the selection."""
        lives = self._selection.lives
        first = min((life.at for life in lives), default=self._trace.first or 0.0)
        self.show(first, self.now)

    def show(self, left: float, right: float, *, margin: float = 0.05) -> None:
        """Show the time from `left` to `right`, and stop following."""
        self._touched, self.follows = True, False
        self.window = self.window.showing(left, right, margin=margin)
        self.invalidate()

    def reveal(self, life: Life) -> None:
        """Choose a request, and scroll to it."""
        self._keep_up()  # if the next drawing would show the request anyway, there is no reason to stop following
        self.chosen = life.number
        end = life.ended_at if life.ended_at is not None else self.now
        if end < self.window.left or life.at > self.window.right:
            self.follows = False
            self.window = self.window.moved((life.at + end) / 2 - (self.window.left + self.window.right) / 2)
        lane = self._selection.flow.lane_of.get(life.number)
        if lane is not None and self.layout.lane:
            top = lane * self.layout.lane
            room = self._height - axis.HEIGHT - self.layout.lane
            if not self.stage.scrollTop <= top <= self.stage.scrollTop + room:
                self.stage.scrollTop = max(0, top - room // 2)
        self.invalidate()

    def life_at(self, x: float, y: float) -> Life | None:
        """The request at a point of the canvas."""
        if not self.layout.lane or y < axis.HEIGHT:
            return None
        lane = int(y - axis.HEIGHT + self.stage.scrollTop) // self.layout.lane
        near = (self._selection.flow.at(self.window.time(x + aside), lane) for aside in (0, -4, 4))
        return next((life for life in near if life is not None), None)

    # Drawing

    def invalidate(self) -> None:
        """Draw in the next animation frame, since something has changed."""
        if self._frame is None and self.in_sight:
            self._frame = js.requestAnimationFrame(self._on_frame_proxy)

    def _on_frame(self, _: float) -> None:
        self._frame = None
        began = time.perf_counter()
        if began < self._not_before:
            self.invalidate()
            return
        self._draw()
        self._drawn()
        took = time.perf_counter() - began
        self.drawings += 1
        self.drawing_seconds += took
        self._not_before = began + max(CALM_FRAME if self.calm else FRAME, (1 + SHARE) * took)
        if (self._trace.busy and self.follows) or not self._selection.settled:
            self.invalidate()

    @property
    def settled(self) -> bool:
        """Is the picture up to date?"""
        return self.in_sight and self._frame is None

    def _keep_up(self) -> None:
        """If the timeline follows, move the window up to now: the last drawing may be old, and the next not due yet."""
        if not self.follows:
            return
        now = self.now
        if not self._touched:
            seen = (now - (now if self._trace.first is None else self._trace.first)) * (1 + 2 * PAD)
            self.window = Window(0.0, max(LEAST_SPAN, min(FULL_SPAN, seen)), self.window.width)
        self.window = self.window.ending(now + PAD * self.window.span)

    def _draw(self) -> None:
        self._keep_up()
        now = self.now
        window, height, flow = self.window, self._height, self._selection.flow
        room = height - axis.HEIGHT
        self.layout, lanes = choose(self.view, flow, window, room)
        self._make_room(self.layout.height(lanes))
        below = Picture()
        axis.draw_bands(below, self._trace, window, now, height)
        if self.layout.lane:
            scrolled = max(0, min(int(self.stage.scrollTop), self._lanes_height - room))
            draw_lanes(below, flow, window, now, self.layout, room=room, scrolled=scrolled, chosen=self.chosen)
        else:
            draw_density(below, flow, window, now, height)
            self._bracket(below, window, now)
        if self._trace.busy:
            below.box("now", window.x(now), 0, 1, height)
        top = Picture()
        axis.draw_axis(top, self._trace, window, now, self._words)
        self.canvas.paint(below, window.width, height)
        self.canvas.paint(top, window.width, axis.HEIGHT)

    def _bracket(self, below: Picture, window: Window, now: float) -> None:
        """Mark the time of the chosen request, where no lanes are drawn."""
        life = self._trace.requests.life(self.chosen)
        if life is not None:
            left = window.x(life.at)
            right = window.x(life.ended_at if life.ended_at is not None else now)
            below.box("ink", left, axis.HEIGHT, max(2, right - left), 3)

    def _make_room(self, lanes_height: int) -> None:
        """Make the stage scroll over so many pixels of lanes."""
        if lanes_height != self._lanes_height:
            self._lanes_height = lanes_height
            self.spacer.style.height = f"{max(0, lanes_height + axis.HEIGHT + 6 - self._height)}px"

    # The page around it

    def _resize(self) -> None:
        width, height = int(self.stage.clientWidth), int(self.stage.clientHeight)
        if width < 1 or height < 1:
            return
        self.canvas.resize(width, height)
        self._height, self._lanes_height = height, -1
        self.window = Window(self.window.left, self.window.right, width)
        self._restyle()
        if self.in_sight:
            self._draw()  # at once: a canvas that is resized is empty

    def _restyle(self) -> None:
        self.canvas.restyle()
        self.calm = matches("(prefers-reduced-motion: reduce)")
        self.invalidate()

    def _seen(self, entries: Any, _: Any) -> None:
        self.in_sight = bool(entries[len(entries) - 1].isIntersecting)
        if self.in_sight:
            self.invalidate()
        else:
            self._forget_frame()

    def _forget_frame(self) -> None:
        if self._frame is not None:
            js.cancelAnimationFrame(self._frame)
            self._frame = None
