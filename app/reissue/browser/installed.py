"""The clients that are installed in this page, and the gates that ask them: fetch's, and XMLHttpRequest's.

If several clients cover a URL, the last one installed takes the request.
"""

from typing import TYPE_CHECKING, Any

from .urls import checked

if TYPE_CHECKING:
    from .page import PageInterceptor


class InstalledClients:
    """The installed clients, in order; a client may be there more than once."""

    def __init__(self) -> None:
        self._clients: list[PageInterceptor] = []
        self.roots: tuple[str, ...] = ()
        """Prefixes, each an origin and a path: every URL that a client covers begins with one of them."""

    @property
    def empty(self) -> bool:
        """Is no client installed?"""
        return not self._clients

    @property
    def only(self) -> "PageInterceptor | None":
        """The one client that is installed; None if there are several."""
        clients = set(self._clients)
        return clients.pop() if len(clients) == 1 else None

    def enter(self, client: "PageInterceptor") -> None:
        """Let this client take the requests that its audience covers."""
        self._clients.append(client)
        self._note_roots()

    def leave(self, client: "PageInterceptor") -> bool:
        """Undo this client's latest `enter`; False if there is none."""
        for index in reversed(range(len(self._clients))):
            if self._clients[index] is client:
                del self._clients[index]
                self._note_roots()
                return True
        return False

    def client_for(self, parsed: Any) -> "PageInterceptor | None":
        """The client that takes a request to this JavaScript `URL`. Raises ValueError if no request can go there."""
        if not f"{parsed.origin}{parsed.pathname}".startswith(self.roots):  # a cheap test for most other URLs
            return None
        url = checked(parsed)
        for client in reversed(self._clients):
            if client._sender.covers(url):
                return client
        return None

    def _note_roots(self) -> None:
        self.roots = tuple({root for client in self._clients for root in client._sender.roots})
