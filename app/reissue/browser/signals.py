"""The browser's AbortSignal, for the core."""

from collections.abc import Callable
from typing import Any

from pyodide.ffi import create_proxy


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
        """Call `callback` when it fires; gives the function that unsubscribes."""
        proxy = create_proxy(lambda event: callback())
        self.js_signal.addEventListener("abort", proxy)

        def unsubscribe() -> None:
            self.js_signal.removeEventListener("abort", proxy)
            proxy.destroy()

        return unsubscribe
