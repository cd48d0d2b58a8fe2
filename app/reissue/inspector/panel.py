"""The panel: its place in the page, its tabs and its language."""

from collections.abc import Callable, Mapping
from functools import partial
from pkgutil import get_data
from typing import Any

import js
from pyodide.ffi import to_js

from ..browser.urls import IN_WORKER
from ..errors import ReissueError
from ..interceptor import Interceptor
from .dom import Scope, element
from .recording import Recording
from .requests.trace import Trace
from .requests.view import RequestsView
from .strings import LANGUAGES

TABS = ("requests", "token")
STYLES = ("panel.css", "token/token.css")


class Inspector:
    """The inspector of one client. It records events until `close()`, even while the panel is out of sight."""

    def __init__(self, api: Interceptor, target: Any, *, language: str) -> None:
        if IN_WORKER or not hasattr(js, "document"):  # PyScript lends its workers the page's document
            raise ReissueError("a worker has no page for a panel: inspect(api), without a target, returns a picture")
        place = js.document.querySelector(target) if isinstance(target, str) else target
        if not hasattr(place, "nodeType"):  # null, which is None up to Pyodide 0.27
            raise ValueError(f"there is no {target!r} in this page")
        self._language = language
        self._api = api
        self._scope = Scope()
        self._tabs: _Tabs | None = None
        self._host = element("div", class_="reissue-inspector")
        self._shadow = self._host.attachShadow(mode="open")
        self._shadow.adoptedStyleSheets = to_js([_sheet()])
        place.append(self._host)
        self._scope.at_end(self._host.remove)
        self._recording = Recording(api, changed=self._changed)
        self._scope.at_end(self._recording.close)
        self._show()

    @property
    def trace(self) -> Trace:
        """The record of the client's events."""
        return self._recording.trace

    @property
    def tabs(self) -> "_Tabs | None":
        """The tabs of the panel; None after `close()`."""
        return self._tabs

    def open(self, tab: str) -> None:
        """Show this tab: `requests` or `token`. Raises ValueError for any other; does nothing after `close()`."""
        if tab not in TABS:
            raise ValueError(f"tab is {' or '.join(map(repr, TABS))}, not {tab!r}")
        if self._tabs is not None:
            self._tabs.open(tab)

    def close(self) -> None:
        """Remove the panel and all that belongs to it. Measures that were written for the profiler stay."""
        self._hide()
        self._scope.close()

    def _show(self, tab: str = "requests") -> None:
        self._hide()
        self._tabs = _Tabs(self._shadow, self._api, self.trace, self._language, switch=self._switch, first=tab)

    def _hide(self) -> None:
        if self._tabs is not None:
            self._tabs.close()
            self._tabs = None

    def _switch(self, language: str, tab: str) -> None:
        self._language = language
        self._show(tab)
        self._shadow.querySelector(".language").focus()

    def _changed(self) -> None:
        if self._tabs is not None:
            self._tabs.requests.changed()


class _Tabs:
    """The panel in one language (WAI-ARIA, pattern 'tabs', with automatic activation)."""

    def __init__(
        self,
        shadow: Any,
        api: Interceptor,
        trace: Trace,
        language: str,
        *,
        switch: Callable[[str, str], None],
        first: str,
    ) -> None:
        words = LANGUAGES[language]
        self._scope = Scope()
        self._roots = {
            name: element("div", role="tabpanel", id=f"panel-{name}", aria_labelledby=f"tab-{name}") for name in TABS
        }
        self._buttons = {
            name: element(
                "button",
                words[f"panel.tab.{name}"],
                type="button",
                role="tab",
                id=f"tab-{name}",
                aria_controls=f"panel-{name}",
            )
            for name in TABS
        }
        choices = [
            element(
                "option", other["panel.language.name"], value=tag, lang=tag, selected="" if tag == language else None
            )
            for tag, other in LANGUAGES.items()
        ]
        chosen = element("select", *choices, class_="language", aria_label=words["panel.language"])
        tabs = element("div", *self._buttons.values(), role="tablist", aria_label=words["panel.tabs"])
        self._root = element(
            "section",
            element("header", tabs, chosen, class_="top"),
            *self._roots.values(),
            class_="panel",
            lang=language,
            aria_label=words["panel.title"],
        )
        shadow.append(self._root)
        self._scope.at_end(self._root.remove)
        self.requests = RequestsView(self._roots["requests"], trace, words)
        self._scope.at_end(self.requests.close)
        self._show_token: Callable[[], object] | None = partial(self._begin_token, api, words)
        for name, button in self._buttons.items():
            self._scope.listen(button, "click", partial(self._pressed, name))
        self._scope.listen(tabs, "keydown", self._key)
        self._scope.listen(chosen, "change", lambda _: switch(str(chosen.value), self._shown))
        self.open(first)

    def close(self) -> None:
        """Remove the tabs."""
        self._scope.close()

    def open(self, name: str) -> None:
        """Show this tab."""
        if name == "token" and self._show_token:
            self._show_token()
        self._shown = name
        for other, button in self._buttons.items():
            button.setAttribute("aria-selected", "true" if other == name else "false")
            button.tabIndex = 0 if other == name else -1
            self._roots[other].hidden = other != name

    def _begin_token(self, api: Interceptor, words: Mapping[str, str]) -> None:
        """Called once, when the tab is opened: until then it costs no imports."""
        from .token.view import TokenView

        self._show_token = None
        self._scope.at_end(TokenView(self._roots["token"], api, words).close)

    def _pressed(self, name: str, _: Any) -> None:
        self.open(name)

    def _key(self, event: Any) -> None:
        names = list(self._buttons)
        place = names.index(self._shown)
        places = {"ArrowRight": place + 1, "ArrowLeft": place - 1, "Home": 0, "End": -1}
        if event.key in places:
            event.preventDefault()
            name = names[places[event.key] % len(names)]
            self.open(name)
            self._buttons[name].focus()


def _sheet() -> Any:
    """The style, as a constructed sheet: a policy without 'unsafe-inline' lets it pass (CSSOM, section 6.1).

    It is read by way of the package, which may lie in a wheel that is not unpacked.
    """
    sheet = js.CSSStyleSheet.new()
    sheet.replaceSync(b"\n".join(get_data("reissue.inspector", name) or b"" for name in STYLES).decode())
    return sheet
