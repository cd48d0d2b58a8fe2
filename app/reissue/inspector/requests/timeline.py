"""The timeline: the picture of a selection, and which request of it is chosen.

What is drawn is decided in `scene`, in plain Python that is tested without a browser; `canvas` paints it.
Which stretch of time is drawn is `viewport`'s matter, and when it is drawn is that of `pacing`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import js

from ..dom import Scope
from . import axis
from .lanes import DENSE, Layout, View, choose
from .life import Life
from .pacing import FrameLoop
from .scene import Scene
from .scroll_area import ScrollArea
from .selection import Selection
from .trace import Trace
from .viewport import Viewport


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
        self._lanes = 0
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

    def lanes_in_sight(self) -> tuple[int, int, int]:
        """The first and the last lane that are shown whole, counted from 1, and how many lanes there are."""
        lane = self.layout.lane
        if not lane:
            return 1, 0, 0
        scrolled = self.area.scrolled
        return -(-scrolled // lane) + 1, (scrolled + self.area.room) // lane, self._lanes

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
        self.layout, self._lanes = choose(self.view, flow, window, area.room)
        area.make_room(self.layout.height(self._lanes))
        scene = Scene(self._trace, flow, window, now, self.layout, self.chosen)
        area.canvas.paint(scene.below(area.height, scrolled=area.scrolled), window.width, area.height)
        area.canvas.paint(scene.axis(self._words), window.width, axis.HEIGHT)

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
