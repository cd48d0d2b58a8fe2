"""The whole picture of a stretch of time: lanes or density, with the axis above them."""

from collections.abc import Mapping
from dataclasses import dataclass

from . import axis
from .flow import Flow
from .lanes import Layout, draw_density, draw_lanes
from .picture import Picture
from .trace import Trace
from .window import Window


@dataclass(frozen=True, slots=True)
class Scene:
    """What is drawn: a stretch of time, up to `now`, of the requests in `flow`. `chosen` is the number of a request."""

    trace: Trace
    flow: Flow
    window: Window
    now: float
    layout: Layout
    chosen: int = 0

    def below(self, height: int, *, scrolled: int = 0) -> Picture:
        """What lies under the axis, in a picture of so many pixels of height, scrolled by so many pixels."""
        picture, window, now = Picture(), self.window, self.now
        axis.draw_bands(picture, self.trace, window, now, height)
        if self.layout.lane:
            room = height - axis.HEIGHT
            draw_lanes(picture, self.flow, window, now, self.layout, room=room, scrolled=scrolled, chosen=self.chosen)
        else:
            draw_density(picture, self.flow, window, now, height)
            self._bracket(picture)
        if self.trace.busy:
            picture.box("now", window.x(now), 0, 1, height)
        return picture

    def axis(self, words: Mapping[str, str]) -> Picture:
        """The axis, which lies over it in the first `axis.HEIGHT` pixels."""
        picture = Picture()
        axis.draw_axis(picture, self.trace, self.window, self.now, words)
        return picture

    def _bracket(self, picture: Picture) -> None:
        """Mark the time of the chosen request, where no lanes are drawn."""
        life = self.trace.requests.life(self.chosen)
        if life is not None:
            left, right = self.window.x(life.at), self.window.x(life.until(self.now))
            picture.box("ink", left, axis.HEIGHT, max(2, right - left), 3)
