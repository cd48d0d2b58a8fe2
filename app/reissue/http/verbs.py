"""`get`, `post` and the like: `fetch` with a method, and with paths relative to the audience."""

from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any

from .urls import Audience


class Verbs(ABC):
    """A client's requests by their method, named as in httpx.

    A URL that is no whole URL is read relative to the client's audience: with the audience `https://api.example/v1/`,
    `api.get("notes")` asks for `https://api.example/v1/notes`. Like `fetch`, these methods give the transport's own
    response, copy the body at the call, and raise their errors at the `await`.
    """

    _audience: Audience

    @abstractmethod
    def fetch(self, url: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        """Send a request."""

    def request(self, method: str, url: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        """`fetch(url, method=method, …)` with a path relative to the audience.

        `options` are those of `fetch`. Raises the errors of `fetch`, and ValueError for a path that leads out of the
        audience (`"/notes"`, `"../notes"`), or if the audience is several URLs: give a whole URL then, or use `fetch`,
        which reads a path relative to the page.
        """
        try:
            url = self._audience.resolve(url)
        except ValueError as error:
            return raising(error)
        return self.fetch(url, method=method, **options)

    def get(self, url: Any = "", **options: Any) -> Coroutine[Any, Any, Any]:
        """`request("GET", url, …)`. Without a URL it asks for the audience itself."""
        return self.request("GET", url, **options)

    def post(self, url: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        """`request("POST", url, …)`."""
        return self.request("POST", url, **options)

    def put(self, url: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        """`request("PUT", url, …)`."""
        return self.request("PUT", url, **options)

    def patch(self, url: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        """`request("PATCH", url, …)`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        """`request("DELETE", url, …)`."""
        return self.request("DELETE", url, **options)


async def raising(error: Exception) -> Any:
    """Raises at the `await`, as a coroutine function does."""
    raise error
