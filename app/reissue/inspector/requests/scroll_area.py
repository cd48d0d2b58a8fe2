"""The element that scrolls over the lanes, with the canvas that stays in sight."""

from typing import Any

import js

from .axis import HEIGHT
from .canvas import Canvas
from .lanes import Layout


class ScrollArea:
    """A canvas in `root`, and as much to scroll as the lanes are high."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.canvas = Canvas(root)
        self.height = 1  # of the canvas, in pixels
        self._spacer = js.document.createElement("div")
        self._lanes_height = 0
        root.append(self.canvas.element, self._spacer)

    @property
    def room(self) -> int:
        """The pixels below the axis, where lanes are visible."""
        return self.height - HEIGHT

    @property
    def scrolled(self) -> int:
        """How many pixels of lanes lie above those that are visible."""
        return max(0, min(int(self.root.scrollTop), self._lanes_height - self.room))

    def make_room(self, lanes_height: int) -> None:
        """Scroll over so many pixels of lanes."""
        if lanes_height != self._lanes_height:
            self._lanes_height = lanes_height
            self._spacer.style.height = f"{max(0, lanes_height + HEIGHT + 6 - self.height)}px"

    def lane_at(self, y: float, layout: Layout) -> int | None:
        """The number of the lane at this pixel of the canvas; None above the lanes, or where there are none."""
        if not layout.lane or y < HEIGHT:
            return None
        return int(y - HEIGHT + self.root.scrollTop) // layout.lane

    def reveal(self, lane: int, layout: Layout) -> None:
        """Scroll to a lane that is out of sight."""
        if not layout.lane:
            return
        top, room = lane * layout.lane, self.room - layout.lane
        if not self.root.scrollTop <= top <= self.root.scrollTop + room:
            self.root.scrollTop = max(0, top - room // 2)

    def resize(self) -> int:
        """Make the canvas as large as the element now is. Returns its width in pixels; 0 if nothing of it is there."""
        width, height = int(self.root.clientWidth), int(self.root.clientHeight)
        if width < 1 or height < 1:
            return 0
        self.canvas.resize(width, height)
        self.height, self._lanes_height = height, -1
        return width
