"""The timeline: the picture of a selection, and which request of it is chosen.

What is drawn is decided in `axis` and `lanes`, in plain Python that is tested without a browser; `canvas` paints it.
Which stretch of time is drawn is `viewport`'s matter, and when it is drawn is that of `pacing`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import js

from ..dom import Scope
from . import axis
from .lanes import DENSE, Layout, View, choose, draw_density, draw_lanes
from .life import Life
from .pacing import FrameLoop
from .picture import Picture
from .scroll_area import ScrollArea
from .selection import Selection
from .trace import Trace
from .viewport import Viewport
from .window import Window


class Timeline:
    """Draws a selection into `stage`. `drawn` is called after each drawing."""

    def __init__(
        self, stage: Any, *, trace: Trace, selection: Selection, words: Mapping[str, str], drawn: Callable[[], None]
    ) -> None:
        self.area = ScrollArea(stage)
        self.frames = FrameLoop(stage, self._on_frame)
        self.viewport = Viewport(trace, changed=self.frames.request)
        self.view = View.AUTO
        self.chosen = 0
        self.layout: Layout = DENSE
        self._trace, self._selection, self._words, self._drawn = trace, selection, words, drawn
        self._scope = Scope()
        self._scope.at_end(self.frames.close)
        for query in ("(prefers-color-scheme: dark)", "(forced-colors: active)"):
            self._scope.listen(js.matchMedia(query), "change", lambda _: self._restyle())
        self._scope.listen(stage, "scroll", lambda _: self.invalidate())
        self._scope.observe(js.ResizeObserver.new(self._scope.proxy(lambda *_: self._resize())), stage)

    def close(self) -> None:
        """Stop drawing."""
        self._scope.close()

    def invalidate(self) -> None:
        """Draw anew, since something has changed."""
        self.frames.request()

    def fit(self) -> None:
        """Show all of the selection."""
        lives = self._selection.lives
        first = min((life.at for life in lives), default=self._trace.first or 0.0)
        self.viewport.show(first, self.viewport.now)

    def reveal(self, life: Life) -> None:
        """Choose a request, and scroll to it."""
        self.chosen = life.number
        self.viewport.reveal(life)
        lane = self._selection.flow.lane_of.get(life.number)
        if lane is not None:
            self.area.reveal(lane, self.layout)

    def life_at(self, x: float, y: float) -> Life | None:
        """The request at a point of the canvas."""
        lane = self.area.lane_at(y, self.layout)
        if lane is None:
            return None
        near = (self._selection.flow.at(self.viewport.window.time(x + aside), lane) for aside in (0, -4, 4))
        return next((life for life in near if life is not None), None)

    def _on_frame(self) -> bool:
        self._draw()
        self._drawn()
        return (self._trace.busy and self.viewport.follows) or not self._selection.settled

    def _draw(self) -> None:
        self.viewport.keep_up()
        window, now = self.viewport.window, self.viewport.now
        area, flow = self.area, self._selection.flow
        self.layout, lanes = choose(self.view, flow, window, area.room)
        area.make_room(self.layout.height(lanes))
        below = Picture()
        axis.draw_bands(below, self._trace, window, now, area.height)
        if self.layout.lane:
            draw_lanes(
                below, flow, window, now, self.layout, room=area.room, scrolled=area.scrolled, chosen=self.chosen
            )
        else:
            draw_density(below, flow, window, now, area.height)
            self._bracket(below, window, now)
        if self._trace.busy:
            below.box("now", window.x(now), 0, 1, area.height)
        top = Picture()
        axis.draw_axis(top, self._trace, window, now, self._words)
        area.canvas.paint(below, window.width, area.height)
        area.canvas.paint(top, window.width, axis.HEIGHT)

    def _bracket(self, below: Picture, window: Window, now: float) -> None:
        """Mark the time of the chosen request, where no lanes are drawn."""
        life = self._trace.requests.life(self.chosen)
        if life is not None:
            left, right = window.x(life.at), window.x(life.until(now))
            below.box("ink", left, axis.HEIGHT, max(2, right - left), 3)

    def _resize(self) -> None:
        width = self.area.resize()
        if not width:
            return
        self.viewport.resize(width)
        self._restyle()
        if self.frames.in_sight:
            self._draw()  # at once: a canvas that is resized is empty

    def _restyle(self) -> None:
        self.area.canvas.restyle()
        self.invalidate()
