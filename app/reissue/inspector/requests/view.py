"""The tab of the requests: the timeline, the controls around it, and what stands for it without a picture.

The canvas is hidden from who can't see it. What a keyboard and a screen reader have in its place is a list of requests
with one chosen: the list has the focus, and of its options only the chosen one and its neighbours are in the document,
numbered among all.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import js

from ..dom import Scope, element, matches
from .axis import HEIGHT
from .details import Details
from .exports import Exports
from .flow import STACK
from .lanes import View
from .life import Life
from .pointer import Pointer
from .selection import Filter, Kind, Selection
from .timeline import Timeline
from .tooltip import Tooltip
from .trace import Trace
from .wording import news, sentence, totals

ZOOM = 1.6
PAGE = 10  # requests
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
        self._status = element("p", class_="aside", role="status")
        self._news = news(trace, words)
        self._stage = element(
            "div",
            class_="stage",
            role="listbox",
            tabindex=0,
            aria_label=words["requests.list"],
            aria_describedby="hint",
        )
        self.timeline = Timeline(self._stage, trace=trace, selection=self._selection, words=words, drawn=self._drawn)
        self._options = element("div", class_="aside", role="presentation")
        self._stage.append(self._options)
        self._empty = element("div", class_="empty")
        self._emptiness: tuple[bool, int] | None = None
        frame = element("div", self._stage, self._empty, class_="frame")
        self._tooltip = Tooltip(frame, self.timeline, self._selection, trace, words)
        self._totals = element("p", class_="totals")
        self._details = Details(words, closed=lambda: self._choose(None))
        self._follow = self._button("follow", lambda: self._set_follow(not self.timeline.follows), aria_pressed="true")
        self._search = element(
            "input", type="search", placeholder=words["requests.filter.hint"], aria_label=words["requests.filter"]
        )
        self._kind = self._choice("kind", Kind)
        self._view = self._choice("view", View)
        root.append(
            element(
                "div",
                element("span", self._search, self._kind, class_="group grows"),
                element(
                    "span",
                    self._view,
                    self._button("zoom_out", lambda: self._zoom(ZOOM), label="−"),
                    self._button("zoom_in", lambda: self._zoom(1 / ZOOM), label="+"),
                    self._button("fit", self._fit),
                    self._follow,
                    class_="group",
                ),
                class_="controls",
            ),
            frame,
            element("p", words["requests.list.hint"], id="hint", class_="aside"),
            element("div", self._totals, self._ends(), class_="controls"),
            self._details.root,
            self._legend(),
            self._status,
        )
        self._scope.listen(self._search, "input", lambda _: self._filter())
        self._scope.listen(self._kind, "change", lambda _: self._filter())
        self._scope.listen(self._view, "change", lambda _: self._set_view())
        self._scope.listen(self._stage, "keydown", self._key)
        self._scope.listen(self._empty, "click", self._clear_filter)
        self._pointer = Pointer(
            self.timeline,
            hovered=self._tooltip.show,
            left=self._tooltip.hide,
            picked=self._choose,
            moved=self._show_follow,
        )
        for part in (self._details, self._tooltip, self._pointer, self.timeline):
            self._scope.at_end(part.close)
        self._scope.at_end(self._forget_timer)
        self.changed()

    def changed(self) -> None:
        """The trace has grown."""
        self.timeline.invalidate()
        if self._timer is None:  # the words need no picture: they are told out of sight, too
            self._timer = js.setTimeout(
                self._tell_proxy(), max(0, round((self._words_at - time.perf_counter()) * 1000))
            )

    def close(self) -> None:
        """Take everything back; the root is the caller's."""
        self._scope.close()

    # The controls

    def _button(self, name: str, pressed: Callable[[], object], *, label: str | None = None, **attributes: Any) -> Any:
        words = self._words[f"requests.{name}"]
        named = {"aria_label": words, "title": words, "class_": "sign"} if label else {}
        button = element("button", label or words, type="button", **named, **attributes)
        self._scope.listen(button, "click", lambda _: pressed())
        return button

    def _choice(self, name: str, kinds: Any) -> Any:
        options = [element("option", self._words[f"requests.{name}.{each.value}"], value=each.value) for each in kinds]
        return element("select", *options, aria_label=self._words[f"requests.{name}"])

    def _ends(self) -> Any:
        exports = Exports(self._trace, self._words, told=self._tell)
        hint = self._words["requests.export.measures.hint"]
        return element(
            "span",
            element("span", self._words["requests.export"], class_="quiet", id="export"),
            element(
                "span",
                self._button("export.json", exports.json),
                self._button("export.har", exports.har),
                self._button("export.measures", exports.measures, title=hint),
                class_="group",
                role="group",
                aria_labelledby="export",
            ),
            self._button("clear", self._clear),
            class_="group",
        )

    def _legend(self) -> Any:
        names = [(stage.value, self._words[f"requests.stage.{stage.value}"]) for stage in reversed(STACK)]
        names += [(name, self._words[f"requests.outcome.{name}"]) for name in ("failed", "cancelled")]
        names += [("band", self._words["requests.legend.band"]), ("mark", self._words["requests.legend.mark"])]
        items = [element("li", element("i", class_=f"swatch {name}"), text) for name, text in names]
        return element(
            "details",
            element("summary", self._words["requests.legend"]),
            element("ul", *items, class_="legend"),
            open="" if matches("(min-width: 40rem)") else None,
        )

    def _zoom(self, factor: float) -> None:
        self.timeline.zoom(factor)

    def _fit(self) -> None:
        self.timeline.fit()
        self._show_follow()

    def _set_follow(self, on: bool) -> None:
        self.timeline.follow(on)
        self._show_follow()

    def _show_follow(self) -> None:
        self._follow.setAttribute("aria-pressed", "true" if self.timeline.follows else "false")

    def _set_view(self) -> None:
        self.timeline.view = View(self._view.value)
        self.timeline.invalidate()

    def _filter(self) -> None:
        self._selection.filter = Filter(str(self._search.value), Kind(self._kind.value))
        self.changed()

    def _clear_filter(self, event: Any) -> None:
        if event.target.tagName == "BUTTON":
            self._search.value, self._kind.value = "", Kind.ALL.value
            self._filter()
            self._stage.focus()

    def _clear(self) -> None:
        self._trace.clear()
        self._selection.filter = self._selection.filter
        self._choose(None)
        self.changed()

    # The list

    def _key(self, event: Any) -> None:
        if event.ctrlKey or event.metaKey or event.altKey:
            return
        lives = self._selection.lives
        numbers = [life.number for life in lives]
        place = numbers.index(self.timeline.chosen) if self.timeline.chosen in numbers else -1
        last = len(lives) - 1
        start = last if place < 0 else place
        moves = {
            "ArrowLeft": last if place < 0 else place - 1,
            "ArrowRight": last if place < 0 else place + 1,
            "Home": 0,
            "End": last,
            "PageUp": start - PAGE,
            "PageDown": start + PAGE,
        }
        key = str(event.key)
        if key in moves and lives:
            self._choose(lives[max(0, min(last, moves[key]))])
        elif key in ("ArrowUp", "ArrowDown") and lives:
            chosen = lives[place] if place >= 0 else None
            self._choose(self._beside(chosen, 1 if key == "ArrowDown" else -1) if chosen else lives[last])
        elif key == "Enter" and place >= 0:
            life = lives[place]
            self.timeline.show(life.at, life.at + life.duration(self.timeline.now), margin=0.5)
            self._show_follow()
        elif key == "Escape" and self.timeline.chosen:
            self._choose(None)
        elif key in ("+", "="):
            self._zoom(1 / ZOOM)
        elif key in ("-", "_"):
            self._zoom(ZOOM)
        elif key in ("f", "F"):
            self._set_follow(not self.timeline.follows)
        else:
            return
        event.preventDefault()

    def _beside(self, life: Life, step: int) -> Life:
        """The request in the next lane that has one about that time; the same one at the last lane."""
        flow = self._selection.flow
        lane = flow.lane_of[life.number] + step
        while 0 <= lane < len(flow.lanes):
            near = flow.lanes[lane].nearest(life.at)
            if near is not None:
                return near
            lane += step
        return life

    def _choose(self, life: Life | None) -> None:
        if life is None:
            had_focus = self._details.has_focus
            self.timeline.chosen = 0
            self.timeline.invalidate()
            if had_focus:
                self._stage.focus()
        else:
            self.timeline.reveal(life)
        self._show_follow()
        self._show_chosen()

    def _show_chosen(self) -> None:
        lives = self._selection.lives
        place = next((place for place, life in enumerate(lives) if life.number == self.timeline.chosen), None)
        life = self._trace.life(self.timeline.chosen)
        self._details.show(life, self.timeline.now, self._trace.first or 0.0)
        if place is None:
            self._options.replaceChildren()
            self._stage.removeAttribute("aria-activedescendant")
            return
        options = []
        for here in range(max(0, place - 1), min(len(lives), place + 2)):
            option = element(
                "div",
                sentence(lives[here], self.timeline.now, self._words),
                role="option",
                id=f"request-{lives[here].number}",
                aria_posinset=here + 1,
                aria_setsize=len(lives),
                aria_selected="true" if here == place else "false",
            )
            options.append(option)
        self._options.replaceChildren(*options)
        self._stage.setAttribute("aria-activedescendant", f"request-{self.timeline.chosen}")

    # The words around the picture

    def _drawn(self) -> None:
        """The picture is new: so may be what the tooltip is about."""
        self._tooltip.follow()

    def _tell_proxy(self) -> Any:
        if not hasattr(self, "_telling"):
            self._telling = self._scope.proxy(self._tell_all)
        return self._telling

    def _tell_all(self) -> None:
        self._timer = None
        self._words_at = time.perf_counter() + SETTLED
        matching = self._trace.count if self._selection.filter.takes_all else len(self._selection.lives)
        self._totals.textContent = totals(self._trace, matching, self._words)
        self._show_empty(matching)
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

    def _show_empty(self, matching: int) -> None:
        emptiness = (self._trace.count > 0, self._trace.count if not matching else -1)
        if emptiness == self._emptiness:
            return
        self._emptiness = emptiness
        words = self._words
        self._empty.hidden = matching > 0
        self._empty.style.top = f"{HEIGHT}px"
        if matching:
            self._empty.replaceChildren()
        elif self._trace.count:
            hidden = words["requests.none_match.hint"].format(count=f"{self._trace.count:,}")
            button = element("button", words["requests.show_all"], type="button")
            self._empty.replaceChildren(
                element("strong", words["requests.none_match"]), element("span", hidden), button
            )
        else:
            self._empty.replaceChildren(
                element("strong", words["requests.empty"]), element("span", words["requests.empty.hint"])
            )

    def _forget_timer(self) -> None:
        if self._timer is not None:
            js.clearTimeout(self._timer)
            self._timer = None
