"""The browser's AbortSignal, for the core."""

from collections.abc import Callable
from typing import Any

from .interop import listen


class PageSignal:
    """An AbortSignal. The proxy of the callback lives while it is subscribed."""

    def __init__(self, js_signal: Any) -> None:
        if not hasattr(js_signal, "addEventListener") or not hasattr(js_signal, "aborted"):
            raise TypeError(f"signal is an AbortSignal, not {type(js_signal).__name__}")
        self.js_signal = js_signal

    @property
    def aborted(self) -> bool:
        """Has it fired?"""
        return bool(self.js_signal.aborted)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when it fires. Returns the function that unsubscribes."""
        return listen(self.js_signal, "abort", lambda _: callback())
