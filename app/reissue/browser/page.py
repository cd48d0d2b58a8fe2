"""An interceptor in a page: the core, wired to the browser."""

from collections.abc import Callable, Iterable
from typing import Any

from pyodide.ffi import create_proxy

from ..endpoints import Endpoint, Refresh
from ..errors import ReissueError
from ..interceptor import Interceptor
from .signals import PageSignal
from .transport import send
from .urls import parse_page_url

try:
    from js import document, window
except ImportError:
    raise ReissueError("connect() needs a page's main thread: there is no document here (a worker, or Node)") from None


class PageInterceptor(Interceptor):
    """Takes what a page has (AbortSignal), and hears what the page hears (network back, tab looked at)."""

    def __init__(self, audience: str | Iterable[str], *, endpoint: Endpoint | Refresh, **options: Any) -> None:
        super().__init__(send, audience=audience, endpoint=endpoint, parse_url=parse_page_url, **options)
        self._stop_listening = [
            _listen(window, "online", self.wake),
            _listen(document, "visibilitychange", self._looked_at),
        ]

    async def fetch(self, url: Any, *, signal: Any = None, **options: Any) -> Any:
        """As `Interceptor.fetch`; `signal` is an AbortSignal, and the rest is what `pyodide.http.pyfetch` takes."""
        if signal is not None:
            options["signal"] = PageSignal(signal)
        return await super().fetch(url, **options)

    async def close(self) -> None:
        """As `Interceptor.close`; the page's events are not listened to any more, and no proxy is left behind."""
        for stop in self._stop_listening:
            stop()
        self._stop_listening.clear()
        await super().close()

    def _looked_at(self) -> None:
        if document.visibilityState == "visible":
            self.wake()


def connect_page(audience: str | Iterable[str], *, endpoint: Endpoint | Refresh, **options: Any) -> PageInterceptor:
    """What `reissue.connect` returns in a page."""
    return PageInterceptor(audience, endpoint=endpoint, **options)


def _listen(target: Any, event: str, callback: Callable[[], None]) -> Callable[[], None]:
    proxy = create_proxy(lambda _: callback())
    target.addEventListener(event, proxy)

    def stop() -> None:
        target.removeEventListener(event, proxy)
        proxy.destroy()

    return stop
