"""The note beside the pointer. For the keyboard, the details below the timeline say the same."""

from collections.abc import Mapping
from typing import Any

from ..dom import element
from . import axis, wording
from .selection import Selection
from .timeline import Timeline
from .trace import Trace

OFF = 14  # pixels from the pointer


class Tooltip:
    """A note in `frame` about what is under the pointer, also as the picture moves."""

    def __init__(
        self, frame: Any, timeline: Timeline, selection: Selection, trace: Trace, words: Mapping[str, str]
    ) -> None:
        self._frame, self._timeline, self._selection, self._trace, self._words = (
            frame,
            timeline,
            selection,
            trace,
            words,
        )
        self._at: tuple[float, float] | None = None
        self._said: list[str] = []
        self._note = element("div", class_="tooltip", aria_hidden="true")
        self._note.hidden = True
        frame.append(self._note)

    def show(self, x: float, y: float) -> None:
        """Show the note for this point."""
        self._at = (x, y)
        self.follow()

    def hide(self) -> None:
        """Hide the note: the pointer has left."""
        self._at = None
        self._note.hidden = True

    def follow(self) -> None:
        """Bring the note up to date."""
        if self._at is None:
            return
        x, y = self._at
        lines = self._lines(x, y)
        self._note.hidden = not lines
        if not lines:
            return
        if lines != self._said:
            self._said = lines
            self._note.replaceChildren(*(element("span", line) for line in lines))
        width, height = self._frame.clientWidth, self._frame.clientHeight
        left = x + OFF if x + OFF + self._note.offsetWidth <= width else x - OFF - self._note.offsetWidth
        top = y + OFF if y + OFF + self._note.offsetHeight <= height else y - OFF - self._note.offsetHeight
        self._note.style.left, self._note.style.top = f"{max(0, left)}px", f"{max(-2 * OFF, top)}px"

    def close(self) -> None:
        """Stop following the pointer."""
        self._at = None

    def _lines(self, x: float, y: float) -> list[str]:
        timeline, words = self._timeline, self._words
        if y < axis.HEIGHT:
            return wording.of_the_axis(
                self._trace, timeline.viewport.window, timeline.viewport.now, int(x), int(y), words
            )
        life = timeline.life_at(x, y)
        if life is not None:
            return wording.lines(life, timeline.viewport.now, words)
        if timeline.layout.lane:
            return []
        return wording.counts(self._selection.flow, timeline.viewport.window.time(x), words)
