"""The panel: its place in the page, its tabs and its language."""

import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import js
from pyodide.ffi import to_js

from ..errors import ReissueError
from ..events import Event, RequestEvent
from ..interceptor import Interceptor
from .dom import Scope, element
from .requests.trace import Trace
from .requests.view import RequestsView
from .strings import LANGUAGES, language_of

STYLES = ("panel.css", "token/token.css")


class Inspector:
    """The inspector of one client. It records events until `close()`, even while the panel is out of sight."""

    def __init__(self, api: Interceptor, target: Any, *, language: str | None = None) -> None:
        if not hasattr(js, "document"):
            raise ReissueError("inspect() needs a page: a worker has none")
        place = js.document.querySelector(target) if isinstance(target, str) else target
        if not hasattr(place, "nodeType"):  # null, which is None up to Pyodide 0.27
            raise ValueError(f"there is no {target!r} in this page")
        self._language = _chosen(language)
        self._api = api
        self._trace = Trace()
        self._scope = Scope()
        self._tabs: _Tabs | None = None
        self._host = element("div", class_="reissue-inspector")
        self._shadow = self._host.attachShadow(mode="open")
        self._shadow.adoptedStyleSheets = to_js([_sheet()])
        place.append(self._host)
        self._scope.at_end(self._host.remove)
        if api.expires_in is not None or api.claims:
            self._trace.found_token(time.perf_counter(), api.expires_in)
        self._scope.at_end(api.on(self._heard))
        self._show()

    @property
    def trace(self) -> Trace:
        """The record of the client's events."""
        return self._trace

    @property
    def tabs(self) -> "_Tabs | None":
        """The tabs of the panel; None after `close()`."""
        return self._tabs

    def close(self) -> None:
        """Remove the panel and all that belongs to it. Measures that were written for the profiler stay."""
        self._hide()
        self._scope.close()

    def _show(self, tab: str = "requests") -> None:
        self._hide()
        self._tabs = _Tabs(self._shadow, self._api, self._trace, self._language, switch=self._switch, first=tab)

    def _hide(self) -> None:
        if self._tabs is not None:
            self._tabs.close()
            self._tabs = None

    def _switch(self, language: str, tab: str) -> None:
        self._language = language
        self._show(tab)
        self._shadow.querySelector(".language").focus()

    def _heard(self, event: Event) -> None:
        # Requests don't change the token, and there are many of them.
        remaining = None if isinstance(event, RequestEvent) else self._api.expires_in
        self._trace.hear(event, time.perf_counter(), remaining=remaining)
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
        names = ("requests", "token")
        self._roots = {
            name: element("div", role="tabpanel", id=f"panel-{name}", aria_labelledby=f"tab-{name}") for name in names
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
            for name in names
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
        if "token" in self._roots:
            token_view = import_module(f"{__package__}.token.view")
            self._scope.at_end(token_view.TokenView(self._roots["token"], api, words).close)
        for name, button in self._buttons.items():
            self._scope.listen(button, "click", partial(self._pressed, name))
        self._scope.listen(tabs, "keydown", self._key)
        self._scope.listen(chosen, "change", lambda _: switch(str(chosen.value), self._shown))
        self._open(first)

    def close(self) -> None:
        """Remove the tabs."""
        self._scope.close()

    def _open(self, name: str) -> None:
        self._shown = name
        for other, button in self._buttons.items():
            button.setAttribute("aria-selected", "true" if other == name else "false")
            button.tabIndex = 0 if other == name else -1
            self._roots[other].hidden = other != name

    def _pressed(self, name: str, _: Any) -> None:
        self._open(name)

    def _key(self, event: Any) -> None:
        names = list(self._buttons)
        place = names.index(self._shown)
        places = {"ArrowRight": place + 1, "ArrowLeft": place - 1, "Home": 0, "End": -1}
        if event.key in places:
            event.preventDefault()
            name = names[places[event.key] % len(names)]
            self._open(name)
            self._buttons[name].focus()


def _sheet() -> Any:
    """The style, as a constructed sheet: a policy without 'unsafe-inline' lets it pass (CSSOM, section 6.1)."""
    files = [Path(__file__).parent / name for name in STYLES]
    sheet = js.CSSStyleSheet.new()
    sheet.replaceSync("\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file()))
    return sheet


def _chosen(language: str | None) -> str:
    if language is None:
        return language_of(str(js.navigator.language or "")) or "en"
    chosen = language_of(language) if isinstance(language, str) else None
    if chosen is None:
        raise ValueError(f"language is {' or '.join(map(repr, LANGUAGES))}, not {language!r}")
    return chosen
