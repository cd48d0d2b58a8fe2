"""Why there is no request to see: none was made, or the filter matches none."""

from collections.abc import Callable, Mapping

from ..dom import Scope, element
from .axis import HEIGHT


class EmptyNotice:
    """A notice in place of the requests. `show_all` is called by its button."""

    def __init__(self, words: Mapping[str, str], *, show_all: Callable[[], object]) -> None:
        self._words = words
        self._shown: int | None = None  # how many requests there are of which none matches; -1: some do
        self._scope = Scope()
        self._button = self._scope.button(words["requests.show_all"], show_all)
        self.root = element("div", class_="empty")
        self.root.style.top = f"{HEIGHT}px"

    def show(self, *, matching: int, count: int) -> None:
        """Show the notice if none of `count` requests matches the filter."""
        state = -1 if matching else count
        if state == self._shown:
            return
        self._shown = state
        self.root.hidden = matching > 0
        words = self._words
        if matching:
            self.root.replaceChildren()
        elif count:
            hidden = words["requests.none_match.hint"].format(count=f"{count:,}")
            self.root.replaceChildren(
                element("strong", words["requests.none_match"]), element("span", hidden), self._button
            )
        else:
            self.root.replaceChildren(
                element("strong", words["requests.empty"]), element("span", words["requests.empty.hint"])
            )

    def close(self) -> None:
        """Stop listening."""
        self._scope.close()
