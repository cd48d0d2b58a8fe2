"""What is said about all requests: how many there are, a notice where none is to be seen, and the latest news."""

from collections.abc import Callable, Mapping

from ..dom import element
from .empty_notice import EmptyNotice
from .selection import Selection
from .trace import Trace
from .wording import news, totals, warning


class Summary:
    """The words around the picture: `totals`, `warning`, `status` (for a screen reader, too) and `notice` over it.

    `show_all` is called when the user asks for the requests that the filter hides.
    """

    def __init__(
        self, trace: Trace, selection: Selection, words: Mapping[str, str], *, show_all: Callable[[], object]
    ) -> None:
        self._trace, self._selection, self._words = trace, selection, words
        self._news = news(trace, words)
        self.status = element("p", class_="aside", role="status")
        self.totals = element("p", class_="totals")
        self.warning = element("p", class_="warning", hidden="")
        self.notice = EmptyNotice(words, show_all=show_all)

    def update(self) -> None:
        """Bring the words up to date."""
        count = self._trace.requests.count
        matching = count if self._selection.filter.takes_all else len(self._selection.lives)
        self.totals.textContent = totals(self._trace, matching, self._words)
        self.notice.show(matching=matching, count=count)
        self.warning.textContent = warned = warning(self._trace, self._words)
        self.warning.hidden = not warned
        latest = news(self._trace, self._words)
        if latest != self._news:
            self._news = latest
            self.tell(latest)

    def tell(self, text: str) -> None:
        """Say this, until there are news."""
        self.status.textContent = text

    def close(self) -> None:
        """Stop listening."""
        self.notice.close()
