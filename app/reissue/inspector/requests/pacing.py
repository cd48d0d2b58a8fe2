"""When the view is brought up to date: its picture in animation frames, the words around it at most so often."""

import time
from collections.abc import Callable
from typing import Any

import js

from ..dom import Scope, matches

SHARE = 4  # the pause after a drawing is so many times as long as the drawing took
FRAME = 0.030
CALM_FRAME = 0.5
"""Least seconds between two drawings; the second for users who prefer reduced motion."""

REDUCED_MOTION = "(prefers-reduced-motion: reduce)"


class FrameLoop:
    """Calls `draw` in an animation frame, only after a request, and only while `element` is in sight.

    It never draws for more than a part of the time: a picture that took long to draw is followed by a pause. `draw`
    says whether the next frame must be drawn, too.
    """

    def __init__(self, element: Any, draw: Callable[[], bool]) -> None:
        self._draw = draw
        self.in_sight = False
        self.calm = matches(REDUCED_MOTION)
        self.drawings = 0
        self.drawing_seconds = 0.0
        self._frame: int | None = None
        self._not_before = 0.0
        self._scope = Scope()
        self._on_frame_proxy = self._scope.proxy(self._on_frame)
        self._scope.at_end(self._cancel)
        self._scope.listen(js.matchMedia(REDUCED_MOTION), "change", lambda _: self._take_preference())
        self._scope.observe(js.IntersectionObserver.new(self._scope.proxy(self._on_intersection)), element)

    @property
    def settled(self) -> bool:
        """Is the picture up to date?"""
        return self.in_sight and self._frame is None

    def request(self) -> None:
        """Draw in the next animation frame, since something has changed."""
        if self._frame is None and self.in_sight:
            self._frame = js.requestAnimationFrame(self._on_frame_proxy)

    def close(self) -> None:
        """Stop drawing."""
        self.in_sight = False
        self._scope.close()

    def _on_frame(self, _: float) -> None:
        self._frame = None
        began = time.perf_counter()
        if began < self._not_before:
            self.request()
            return
        goes_on = self._draw()
        took = time.perf_counter() - began
        self.drawings += 1
        self.drawing_seconds += took
        self._not_before = began + max(CALM_FRAME if self.calm else FRAME, (1 + SHARE) * took)
        if goes_on:
            self.request()

    def _take_preference(self) -> None:
        self.calm = matches(REDUCED_MOTION)
        self.request()

    def _on_intersection(self, entries: Any, _: Any) -> None:
        self.in_sight = bool(entries[len(entries) - 1].isIntersecting)
        if self.in_sight:
            self.request()
        else:
            self._cancel()

    def _cancel(self) -> None:
        if self._frame is not None:
            js.cancelAnimationFrame(self._frame)
            self._frame = None


class Throttle:
    """Calls `update` soon after a request, and at most once in so many seconds. It needs no picture in sight."""

    def __init__(self, update: Callable[[], object], *, seconds: float) -> None:
        self._update, self._seconds = update, seconds
        self._not_before = 0.0
        self._timer: int | None = None
        self._scope = Scope()
        self._on_timer_proxy = self._scope.proxy(self._on_timer)
        self._scope.at_end(self._cancel)

    def request(self) -> None:
        """Update soon, since something has changed."""
        if self._timer is None:
            wait = max(0, round((self._not_before - time.perf_counter()) * 1000))
            self._timer = js.setTimeout(self._on_timer_proxy, wait)

    def close(self) -> None:
        """Stop updating."""
        self._scope.close()

    def _on_timer(self) -> None:
        self._timer = None
        self._not_before = time.perf_counter() + self._seconds
        self._update()

    def _cancel(self) -> None:
        if self._timer is not None:
            js.clearTimeout(self._timer)
            self._timer = None
