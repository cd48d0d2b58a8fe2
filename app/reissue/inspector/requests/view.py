"""The tab of the requests: the timeline, the controls around it, and what stands for it without a picture."""

from collections.abc import Mapping
from typing import Any

from ..dom import Scope, element
from .details import Details
from .export_buttons import ExportButtons
from .legend import legend
from .life import Life
from .pacing import Throttle
from .pointer import Pointer
from .request_list import RequestList
from .selection import Selection
from .summary import Summary
from .timeline import Timeline
from .toolbar import Toolbar
from .tooltip import Tooltip
from .trace import Trace
from .wording import lanes_in_sight

SETTLED = 0.25  # seconds between two changes of the words around the picture


class RequestsView:
    """Shows a trace in `root`."""

    def __init__(self, root: Any, trace: Trace, words: Mapping[str, str]) -> None:
        self._trace, self._words = trace, words
        self._scope = Scope()
        self._selection = Selection(trace)
        self._throttle = Throttle(self._update, seconds=SETTLED)
        # The canvas is hidden from those who can't see it: the list is in its place.
        stage = element(
            "div",
            class_="stage",
            role="listbox",
            tabindex=0,
            aria_label=words["requests.list"],
            aria_describedby="hint",
        )
        self.timeline = Timeline(stage, trace=trace, selection=self._selection, words=words, drawn=self._drawn)
        self._toolbar = Toolbar(self.timeline, self._selection, words, filtered=self.changed)
        self._list = RequestList(self.timeline, self._selection, self._toolbar, words, choose=self._choose)
        self._summary = Summary(trace, self._selection, words, show_all=self._show_all)
        self._more = element("p", class_="more", aria_hidden="true", hidden="")
        frame = element("div", stage, self._summary.notice.root, self._more, class_="frame")
        self._tooltip = Tooltip(frame, self.timeline, self._selection, trace, words)
        self._details = Details(words, closed=lambda: self._choose(None))
        exports = ExportButtons(trace, words, told=self._summary.tell)
        pointer = Pointer(
            self.timeline,
            hovered=self._tooltip.show,
            left=self._tooltip.hide,
            picked=self._choose,
            moved=self._toolbar.show_follow,
        )
        root.append(
            self._toolbar.tally.root,
            frame,
            element("p", words["requests.list.hint"], id="hint", class_="aside"),
            self._summary.warning,
            self._toolbar.root,
            element("div", self._summary.totals, self._ends(exports), class_="controls"),
            self._details.root,
            legend(words),
            self._summary.status,
        )
        parts = (
            self._toolbar,
            self._list,
            self._summary,
            self._details,
            self._tooltip,
            exports,
            pointer,
            self.timeline,
            self._throttle,
        )
        for part in parts:
            self._scope.at_end(part.close)
        self.changed()

    def changed(self) -> None:
        """The trace or its filter has changed."""
        self.timeline.invalidate()
        self._throttle.request()

    def close(self) -> None:
        """Take everything back; the root is the caller's."""
        self._scope.close()

    def _ends(self, exports: ExportButtons) -> Any:
        """What can be done with the whole trace: save it, and clear it."""
        label = element("span", self._words["requests.export"], class_="quiet", id="export")
        clear = self._scope.button(self._words["requests.clear"], self._clear)
        return element("span", label, exports.root, clear, class_="group")

    def _clear(self) -> None:
        self._trace.clear()
        self._selection.filter = self._selection.filter
        self._choose(None)
        self.changed()

    def _show_all(self) -> None:
        self._toolbar.clear_filter()
        self.timeline.area.root.focus()

    def _choose(self, life: Life | None) -> None:
        if life is None:
            had_focus = self._details.has_focus
            self.timeline.chosen = 0
            self.timeline.invalidate()
            if had_focus:
                self.timeline.area.root.focus()
        else:
            self.timeline.reveal(life)
        self._toolbar.show_follow()
        self._show_chosen()

    def _show_chosen(self) -> None:
        life = self._trace.requests.life(self.timeline.chosen)
        self._details.show(life, self.timeline.viewport.now, self._trace.first or 0.0)
        self._list.show()

    def _drawn(self) -> None:
        """The picture is new: so may be what the tooltip is about, and which lanes are in sight."""
        self._tooltip.follow()
        text = lanes_in_sight(*self.timeline.lanes_in_sight(), self._words)
        if text != self._more.textContent:
            self._more.textContent = text
            self._more.hidden = not text

    def _update(self) -> None:
        """Bring the words around the picture up to date."""
        self._summary.update()
        self._toolbar.tally.show(self._trace.requests.counts)
        if self.timeline.chosen:
            self._show_chosen()
        if not self._selection.settled:
            self.changed()
