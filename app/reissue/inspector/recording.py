"""A record of a client's requests that a notebook shows as a picture: for a kernel or a worker, which has no page."""

import time
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from ..events import Event, RequestEvent
from .requests import axis
from .requests.flow import STACK
from .requests.lanes import View, choose
from .requests.scene import Scene
from .requests.svg import svg
from .requests.trace import Trace
from .requests.viewport import FULL_SPAN
from .requests.window import SHORTEST, Window
from .requests.wording import news, totals
from .strings import LANGUAGES

if TYPE_CHECKING:
    from ..interceptor import Interceptor

WIDTH = 880
_ROOM = 630  # pixels for the lanes at most
_DENSITY = 200  # pixels of height, where there are too many

_STYLE = """
.reissue-recording { color-scheme: inherit; text-align: start; font: 13px/1.6 system-ui, sans-serif }
.reissue-recording > svg { max-width: 100%; height: auto; border-radius: 8px }
.reissue-recording p, .reissue-recording ul { margin: 0; padding: 0 }
.reissue-recording li { display: inline-block; margin-inline-end: 1.4em; list-style: none }
"""


class Recording:
    """The record of one client's events, from now until `close()`. As the value of a cell it is a picture."""

    def __init__(
        self, api: "Interceptor", *, language: str = "en", changed: Callable[[], object] = lambda: None
    ) -> None:
        self.trace = Trace()
        self._words = LANGUAGES[language]
        self._language = language
        self._api = api
        self._changed = changed
        if api.expires_in is not None or api.claims:
            self.trace.found_token(time.perf_counter(), api.expires_in)
        self._stop_listening = api.on(self._hear)

    def close(self) -> None:
        """Record nothing any more. What was recorded can still be shown."""
        self._stop_listening()

    def clear(self) -> None:
        """Forget what has ended."""
        self.trace.clear()

    def svg(self, *, seconds: float = FULL_SPAN) -> str:
        """The last so many seconds, at most, of what was recorded, as an SVG."""
        trace, flow = self.trace, self.trace.requests.flow
        now = time.perf_counter() if trace.busy else trace.last
        first = now if trace.first is None else max(trace.first, now - seconds)
        span = max(SHORTEST, now - first)
        window = Window(first - 0.02 * span, now + 0.1 * span, WIDTH)  # the last request's words need some room
        layout, lanes = choose(View.AUTO, flow, window, _ROOM, scrolls=False)
        scene = Scene(trace, flow, window, now, layout)
        height = axis.HEIGHT + (layout.height(lanes) + 6 if layout.lane else _DENSITY)
        layers = ((scene.below(height), height), (scene.axis(self._words), axis.HEIGHT))
        return svg(layers, WIDTH, height, label=self._said())

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        words = self._words
        names = [(stage.value, f"requests.stage.{stage.value}") for stage in reversed(STACK)]
        names += [("failed", "requests.outcome.failed"), ("cancelled", "requests.outcome.cancelled")]
        names += [("call", "requests.legend.band"), ("mark", "requests.legend.mark")]
        picture = self.svg()
        used = [(name, words[key]) for name, key in names if f'<path class="{name}"' in picture]
        items = "".join(f"<li>{_swatch(name)} {escape(text)}</li>" for name, text in used)
        return (
            f'<div class="reissue-recording" lang="{self._language}"><style>{_STYLE}</style>{picture}'
            f"<p>{escape(self._said())}</p><ul>{items}</ul></div>"
        )

    def _said(self) -> str:
        """What the picture shows, in words."""
        trace, words = self.trace, self._words
        if not trace.requests.count:
            return f"{words['requests.empty']} {words['requests.empty.hint']}"
        return " · ".join(filter(None, (totals(trace, trace.requests.count, words), news(trace, words))))

    def _hear(self, event: Event) -> None:
        # Requests don't change the token, and there are many of them.
        remaining = None if isinstance(event, RequestEvent) else self._api.expires_in
        self.trace.hear(event, time.perf_counter(), remaining=remaining)
        self._changed()


def _swatch(name: str) -> str:
    box = f'<path class="{name}" d="M0 0h18v9h-18z"/>'
    return f'<svg class="reissue-picture" width="18" height="9" aria-hidden="true">{box}</svg>'
