"""The controls of the timeline: the filters, the kind of picture, and the buttons that zoom and follow."""

from collections.abc import Callable, Mapping
from typing import Any

from ..dom import Scope, element
from .lanes import View
from .life import Kind
from .selection import Filter, Selection
from .tally import Tally
from .timeline import Timeline

ZOOM = 1.6


class Toolbar:
    """Controls of a timeline and of what is selected for it. `filtered` is called after the filter has changed."""

    def __init__(
        self, timeline: Timeline, selection: Selection, words: Mapping[str, str], *, filtered: Callable[[], object]
    ) -> None:
        self._timeline, self._selection, self._words, self._filtered = timeline, selection, words, filtered
        self._scope = Scope()
        self._search = element(
            "input", type="search", placeholder=words["requests.filter.hint"], aria_label=words["requests.filter"]
        )
        self.tally = Tally(words, chosen=self._filter)
        self._scope.at_end(self.tally.close)
        self._view = self._choice("view", View)
        self._follow = self._scope.button(words["requests.follow"], self.toggle_follow, aria_pressed="true")
        self.root = element(
            "div",
            element("span", self._search, class_="group grows"),
            element(
                "span",
                self._view,
                self._sign("requests.zoom_out", "−", self.zoom_out),
                self._sign("requests.zoom_in", "+", self.zoom_in),
                self._scope.button(words["requests.fit"], self._fit),
                self._follow,
                class_="group",
            ),
            class_="controls",
        )
        self._scope.listen(self._search, "input", lambda _: self._filter())
        self._scope.listen(self._view, "change", lambda _: self._set_view())

    def zoom_in(self) -> None:
        """Show less time."""
        self._timeline.viewport.zoom(1 / ZOOM)

    def zoom_out(self) -> None:
        """Show more time."""
        self._timeline.viewport.zoom(ZOOM)

    def toggle_follow(self) -> None:
        """Follow what happens, or stop following it."""
        self._timeline.viewport.follow(not self._timeline.viewport.follows)
        self.show_follow()

    def show_follow(self) -> None:
        """Show whether the timeline follows what happens."""
        self._follow.setAttribute("aria-pressed", "true" if self._timeline.viewport.follows else "false")

    def clear_filter(self) -> None:
        """Select all requests."""
        self._search.value = ""
        self.tally.choose(Kind.ALL)
        self._filter()

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()

    def _sign(self, name: str, sign: str, pressed: Callable[[], object]) -> Any:
        """A button with a sign in place of its name."""
        text = self._words[name]
        return self._scope.button(sign, pressed, aria_label=text, title=text, class_="sign")

    def _choice(self, name: str, kinds: Any) -> Any:
        options = [element("option", self._words[f"requests.{name}.{each.value}"], value=each.value) for each in kinds]
        return element("select", *options, aria_label=self._words[f"requests.{name}"])

    def _fit(self) -> None:
        self._timeline.fit()
        self.show_follow()

    def _set_view(self) -> None:
        self._timeline.view = View(self._view.value)
        self._timeline.invalidate()

    def _filter(self) -> None:
        self._selection.filter = Filter(str(self._search.value), self.tally.kind)
        self._filtered()
