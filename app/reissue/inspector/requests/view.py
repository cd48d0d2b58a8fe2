"""The tab of the requests: the timeline, the controls around it, and what stands for it without a picture."""

import time
from collections.abc import Mapping
from typing import Any

import js

from ..dom import Scope, element
from .details import Details
from .empty_notice import EmptyNotice
from .export_buttons import ExportButtons
from .legend import legend
from .life import Life
from .pointer import Pointer
from .request_list import RequestList
from .selection import Selection
from .timeline import Timeline
from .toolbar import Toolbar
from .tooltip import Tooltip
from .trace import Trace
from .wording import news, totals

SETTLED = 0.25  # seconds between two changes of the words around the picture


class RequestsView:
    """Shows a trace in `root`."""

    def __init__(self, root: Any, trace: Trace, words: Mapping[str, str]) -> None:
        self._trace, self._words = trace, words
        self._scope = Scope()
        self._selection = Selection(trace)
        self._words_at = 0.0
        self._timer: int | None = None
        self._told_version = -1
        self._news = news(trace, words)
        self._status = element("p", class_="aside", role="status")
        self._totals = element("p", class_="totals")
        # The canvas is hidden from those who can't see it: the list is in its place.
        self._stage = element(
            "div",
            class_="stage",
            role="listbox",
            tabindex=0,
            aria_label=words["requests.list"],
            aria_describedby="hint",
        )
        self.timeline = Timeline(self._stage, trace=trace, selection=self._selection, words=words, drawn=self._drawn)
        self._toolbar = Toolbar(self.timeline, self._selection, words, filtered=self.changed)
        self._list = RequestList(self.timeline, self._selection, self._toolbar, words, choose=self._choose)
        self._notice = EmptyNotice(words, show_all=self._show_all)
        frame = element("div", self._stage, self._notice.root, class_="frame")
        self._tooltip = Tooltip(frame, self.timeline, self._selection, trace, words)
        self._details = Details(words, closed=lambda: self._choose(None))
        exports = ExportButtons(trace, words, told=self._tell)
        pointer = Pointer(
            self.timeline,
            hovered=self._tooltip.show,
            left=self._tooltip.hide,
            picked=self._choose,
            moved=self._toolbar.show_follow,
        )
        root.append(
            self._toolbar.root,
            frame,
            element("p", words["requests.list.hint"], id="hint", class_="aside"),
            element("div", self._totals, self._ends(exports), class_="controls"),
            self._details.root,
            legend(words),
            self._status,
        )
        parts = (self._toolbar, self._list, self._notice, self._details, self._tooltip, exports, pointer, self.timeline)
        for part in parts:
            self._scope.at_end(part.close)
        self._scope.at_end(self._forget_timer)
        self._tell_all_proxy = self._scope.proxy(self._tell_all)
        self.changed()

    def changed(self) -> None:
        """The trace or its filter has changed."""
        self.timeline.invalidate()
        if self._timer is None:  # the words need no picture: they are told out of sight, too
            wait = max(0, round((self._words_at - time.perf_counter()) * 1000))
            self._timer = js.setTimeout(self._tell_all_proxy, wait)

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
        self._stage.focus()

    def _choose(self, life: Life | None) -> None:
        if life is None:
            had_focus = self._details.has_focus
            self.timeline.chosen = 0
            self.timeline.invalidate()
            if had_focus:
                self._stage.focus()
        else:
            self.timeline.reveal(life)
        self._toolbar.show_follow()
        self._show_chosen()

    def _show_chosen(self) -> None:
        life = self._trace.requests.life(self.timeline.chosen)
        self._details.show(life, self.timeline.now, self._trace.first or 0.0)
        self._list.show()

    def _drawn(self) -> None:
        """The picture is new: so may be what the tooltip is about."""
        self._tooltip.follow()

    def _tell_all(self) -> None:
        """Bring the words around the picture up to date."""
        self._timer = None
        self._words_at = time.perf_counter() + SETTLED
        matching = self._trace.requests.count if self._selection.filter.takes_all else len(self._selection.lives)
        self._totals.textContent = totals(self._trace, matching, self._words)
        self._notice.show(matching=matching, count=self._trace.requests.count)
        if self.timeline.chosen:
            self._show_chosen()
        latest = news(self._trace, self._words)
        if latest != self._news:
            self._news = latest
            self._tell(latest)
        if not self._selection.settled or self._trace.version != self._told_version:
            self._told_version = self._trace.version
            if not self._selection.settled:
                self.changed()

    def _tell(self, text: str) -> None:
        self._status.textContent = text

    def _forget_timer(self) -> None:
        if self._timer is not None:
            js.clearTimeout(self._timer)
            self._timer = None
