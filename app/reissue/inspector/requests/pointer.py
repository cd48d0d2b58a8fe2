"""Mouse, pen and finger on the timeline: drag to move, pinch or Ctrl and wheel to zoom, click to choose."""

from collections.abc import Callable
from typing import Any

from ..dom import Scope
from .life import Life
from .timeline import Timeline

CLICK = 4  # pixels: a pointer that moves further drags
WHEEL = 0.002  # of a zoom, for each pixel that a wheel is turned


class Pointer:
    """Listens to the canvas. `moved` is called after a drag or a zoom: the picture may have stopped following."""

    def __init__(
        self,
        timeline: Timeline,
        *,
        hovered: Callable[[float, float], object],
        left: Callable[[], object],
        picked: Callable[[Life | None], object],
        moved: Callable[[], object],
    ) -> None:
        self._timeline = timeline
        self._hovered, self._left, self._picked, self._moved = hovered, left, picked, moved
        self._down: dict[int, float] = {}  # pointers on the canvas, and where they are
        self._travelled = 0.0
        self._scope = Scope()
        canvas = timeline.area.canvas.element
        for event, heard in (
            ("pointerdown", self._pressed),
            ("pointermove", self._went),
            ("pointerup", self._released),
            ("pointercancel", self._lost),
            ("pointerleave", lambda _: left()),
        ):
            self._scope.listen(canvas, event, heard)
        self._scope.listen(canvas, "wheel", self._turned, passive=False)

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()

    def _pressed(self, event: Any) -> None:
        if event.button == 0:
            if not self._down:
                self._travelled = 0.0
            self._down[event.pointerId] = event.offsetX
            self._timeline.area.canvas.element.setPointerCapture(event.pointerId)

    def _went(self, event: Any) -> None:
        x = event.offsetX
        before = self._down.get(event.pointerId)
        if before is None:
            self._hovered(x, event.offsetY)
            return
        self._travelled += abs(x - before)
        if self._travelled <= CLICK and len(self._down) == 1:
            return
        self._left()
        others = [other for pointer, other in self._down.items() if pointer != event.pointerId]
        if others:
            middle, apart, now = (others[0] + x) / 2, abs(others[0] - before), abs(others[0] - x)
            if apart > CLICK and now > CLICK:
                self._timeline.viewport.zoom(apart / now, middle)
        else:
            self._timeline.viewport.move(before - x)
        self._down[event.pointerId] = x
        self._moved()

    def _released(self, event: Any) -> None:
        if self._down.pop(event.pointerId, None) is not None and self._travelled <= CLICK:
            life = self._timeline.life_at(event.offsetX, event.offsetY)
            if life is not None:
                self._picked(life)

    def _lost(self, event: Any) -> None:
        self._down.pop(event.pointerId, None)

    def _turned(self, event: Any) -> None:
        """Zoom or move. A wheel without a key scrolls the page or the lanes, so it is left to the browser."""
        if event.ctrlKey or event.metaKey:
            self._timeline.viewport.zoom(2 ** (event.deltaY * WHEEL * 2), event.offsetX)
        elif event.shiftKey or abs(event.deltaX) > abs(event.deltaY):
            self._timeline.viewport.move(event.deltaX or event.deltaY)
        else:
            return
        event.preventDefault()
        self._moved()
