"""An interceptor in a page or a worker: the core, connected to the browser."""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

import js

from ..endpoint import AnyEndpoint, Endpoint
from ..errors import ReissueError
from ..http.abort_signal import aborted_by
from ..http.messages import Request
from ..interceptor import Inherited, Interceptor
from ..oauth2.custom_source import CustomEndpoint
from ..oauth2.redirects import Page
from ..sending.sender import Sender
from ..session.derived import Resource
from ..session.settings import checked_seconds
from ..storage import Memory, Store
from ..tabs.key_bound import KeyBoundPeers, KeyBoundStore
from ..tabs.peers import NoPeers
from ..tokens.dpop import SignedProofs
from . import gate
from .bodies import captured
from .interop import listen, script
from .page_key import PageKey
from .page_requests import can_carry_a_token, with_settings_of_its_own
from .peers import page_peers
from .signals import PageSignal
from .storage import DatabaseStore, PageStore
from .transport import make_future, send
from .urls import IN_WORKER, parse_page_url

if TYPE_CHECKING:
    from .downloads import ObjectUrl

if not IN_WORKER and not hasattr(js, "document"):
    raise ReissueError("connect() needs a browser's page or worker: there is neither here (Node?)")


class PageSender(Sender):
    """Reports a response's head before Python's event loop goes on."""

    async def _send(self, attempt: Request, on_head: Callable[[int], object]) -> Any:
        return await send(attempt, on_head=on_head)


class PageInterceptor(Interceptor):
    """An interceptor over the browser: it accepts an AbortSignal, and notices when the network is back or, on the main
    thread, when the tab is visible again.
    """

    _sender_kind = PageSender

    def __init__(
        self,
        audience: str | Iterable[str],
        *,
        endpoint: AnyEndpoint | Resource,
        tabs: bool = True,
        store: str = "memory",
        name: str = "default",
        dpop: bool = False,
        resume_early: bool = False,
        **options: Any,
    ) -> None:
        shared_name = _shared_name(name, audience, endpoint)
        # Tabs with dpop=True and tabs without it can't use each other's tokens, so they share no session.
        names = [shared_name, f"{shared_name} dpop"]
        mine, other = reversed(names) if dpop else names
        kept, early = _store(store, mine, other), None
        if resume_early:
            from .early_refresh import early_refresh  # here, since most pages have none

            seconds = options.get("deadline", 15)
            early = early_refresh(shared_name, endpoint, tabs=tabs, store=store, dpop=dpop, deadline=seconds)
            kept = early.store
        else:
            with suppress(OSError):  # an earlier version of the app may have left the note
                PageStore("localStorage", f"{shared_name} early").write(None)
            if not IN_WORKER and (asking := script("early_refresh")) is not None:
                asking.decline(f"reissue:{shared_name}")  # or this client would wait for its lock
        peers = page_peers(mine, early) if tabs else None
        if dpop:
            if not isinstance(endpoint, Endpoint | CustomEndpoint):
                raise TypeError(
                    "dpop=True needs an Endpoint: a function can't request tokens that are bound to the key"
                )
            key = PageKey(mine)
            options["proofs"] = SignedProofs(key)
            if peers is not None or kept is not None:
                kept = KeyBoundStore(kept or Memory(), lambda: key.known_to_be_kept)
                # Even without peers: `advertised` waits until it is known whether the key is stored.
                peers = KeyBoundPeers(peers or NoPeers(), key.kept)
        super().__init__(
            send if early is None else early.transport,
            audience=audience,
            endpoint=endpoint,
            parse_url=parse_page_url,
            peers=peers,
            store=kept,
            pending_sign_out=_mark(shared_name),
            page=_page(endpoint, mine),
            make_future=make_future,
            **options,
        )
        self._listeners.write_warning = js.console.warn
        self._shares_session = tabs  # and other tabs' requests may be sent in it
        self._worker: ModuleType | None = None  # service_worker.py, once it is imported
        self._stop_listening = [listen(js.globalThis, "online", lambda _: self._wake())]
        if not IN_WORKER:
            self._stop_listening.append(listen(js.document, "visibilitychange", lambda _: self._looked_at()))

    def fetch(self, url: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        """As `Interceptor.fetch`; `signal` is an AbortSignal, and the rest is what `pyodide.http.pyfetch` takes.

        `on_progress` is called with a `Progress` as the body is sent, and as the response is read. With a body it is
        sent by XMLHttpRequest, which alone tells how much has been sent, and the response is here as a whole.
        """
        return super().fetch(url, **options)

    def _request(self, url: Any, options: dict[str, Any]) -> Request:
        if "signal" in options:
            options["signal"] = PageSignal(options["signal"])
        if "body" in options:
            options["body"] = captured(options["body"])
        if not callable(options.get("on_progress", callable)):
            raise TypeError(f"on_progress is a function of a Progress, not {type(options['on_progress']).__name__}")
        request = super()._request(url, options)
        if "files" not in options:
            return request
        from .form_data import with_form_data  # here, since most pages send no files

        return with_form_data(request)

    async def download(self, url: Any, filename: str | None = None, **options: Any) -> str | None:
        """Save what this URL gives as a file. Returns the name that was suggested, or None if the user declined.

        Where the browser can (Chromium, within seconds after a click) the user is asked where, and the file goes
        straight to the disk; elsewhere it is gathered in memory, and saved as the browser saves downloads. `filename`
        is by default the one in Content-Disposition (RFC 6266), or else the last part of the URL.

        `url`, `options` (`on_progress`, …) and errors are those of `request`. An answer of 400 to 599 raises
        HttpStatusError, and nothing is saved. Raises ReissueError in a worker.
        """
        from .downloads import download

        return await download(self, url, filename, options)

    async def object_url(self, url: Any, **options: Any) -> "ObjectUrl":
        """What this URL gives, as a `blob:` URL for an element: `image.src = (await api.object_url("photo")).url`.

        It is revoked by its `close()`, at the end of a `with` block, and when the session ends. Options and errors are
        those of `download`; it works in workers, too.
        """
        from .downloads import object_url

        return await object_url(self, url, options)

    def install(self) -> None:
        """Send every request of this page, or this worker, to the audience through this client.

        `js.fetch`, `pyodide.http.pyfetch`, `pyscript.fetch`, JavaScript's own `fetch(…)` and XMLHttpRequest go through
        this client from now on, and the code that calls them stays the same. Requests to other URLs, requests that have
        an Authorization header of their own, and all requests while no user is signed in are sent unchanged. May be
        called again, by this client or another: each call is undone by one `uninstall()`. If the audiences of several
        clients cover a URL, the last one installed takes the request.

        JavaScript gets fetch's own errors: a TypeError if no answer came, and the signal's reason if the request was
        aborted. Other errors are an `Error` whose `name` is SessionEnded, SessionChanged, RefreshUnavailable and so on.
        An XMLHttpRequest has an `error` event then, and that `Error` as `reissueError`; a synchronous one raises a
        DOMException by that name, and by the name WouldBlock if it would have to wait.
        """
        self._lifecycle.check_usable()
        gate.install(self)

    def uninstall(self) -> None:
        """Undo one `install()`, if there is one. After the last one, `fetch` and XMLHttpRequest are as before."""
        gate.uninstall(self)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """`with api.installed():` is `install()`, and `uninstall()` at the end of the block."""
        self.install()
        try:
            yield
        finally:
            self.uninstall()

    async def install_worker(
        self,
        url: str = "/reissue-worker.js",
        *,
        scope: str | None = None,
        navigations: bool = False,
        patience: float = 10,
    ) -> None:
        """Sign in what carries no header: `<img>`, `<video>`, CSS, fonts, `<a download>`, `EventSource`, form posts, ….

        The service worker at `url` asks this page for the header fields of each such request to the audience. Call this
        after `resume()` or `sign_in()`, each time that the page is loaded: it returns once the worker has control of
        the page. `scope` is as in `navigator.serviceWorker.register`. With `navigations=True` links and frames that
        lead into the audience are signed in as well. `patience` (seconds) is how long a request waits for a page whose
        Python is not up. If no header is to be had, a request goes out as it was. docs/elements.md has all rules.

        Raises ReissueError if there are no service workers here, if the browser does not take this one, or if the
        audience covers the page itself.
        """
        from . import service_worker  # here, since most pages have none

        self._lifecycle.check_usable()
        checked_seconds("patience", patience, least=0)
        await service_worker.install(self, url, scope=scope, navigations=navigations, patience=patience)
        self._worker = service_worker

    async def uninstall_worker(self) -> None:
        """Undo `install_worker()`. With this page's last client, the worker is unregistered, for every page."""
        if self._worker is not None:
            await self._worker.uninstall(self)

    def for_resource(self, audience: str | Iterable[str], **settings: Any) -> "PageInterceptor":
        """As `Interceptor.for_resource`."""
        child = super().for_resource(audience, **settings)
        assert isinstance(child, PageInterceptor)
        return child

    def _made_for(self, audience: str | Iterable[str], resource: Resource, inherited: Inherited) -> "PageInterceptor":
        # It shares nothing with other tabs: each tab requests its own tokens for the resource.
        child = PageInterceptor(audience, endpoint=resource, tabs=False, name="for a resource", **inherited)
        child._shares_session = self._shares_session
        return child

    async def answer(self, request: Request) -> Any:
        """The response to a request that came through the gate."""
        if self._sender.rules.defaults:
            request = with_settings_of_its_own(request)
        auth = can_carry_a_token(request, self._sender.rules.fields.name)
        with aborted_by(request.options.get("signal")):
            return await self._sender.send_or_pass(request, auth=auth)

    async def close(self) -> None:
        """As `Interceptor.close`. It also stops listening to the page's events, and leaves no proxy behind."""
        while gate.uninstall(self):
            pass
        if self._worker is not None:
            self._worker.leave(self)
        for stop in self._stop_listening:
            stop()
        self._stop_listening.clear()
        await super().close()

    def _looked_at(self) -> None:
        if js.document.visibilityState == "visible":
            self._wake()


def connect_page(audience: str | Iterable[str], *, endpoint: AnyEndpoint, **options: Any) -> PageInterceptor:
    """What `reissue.connect` returns in a page."""
    return PageInterceptor(audience, endpoint=endpoint, **options)


def _shared_name(name: str, audience: str | Iterable[str], endpoint: AnyEndpoint | Resource) -> str:
    """What tabs must have in common to share a session: the client's name, and its endpoint or audience."""
    if not isinstance(name, str) or not name:
        raise ValueError("name is text, and not empty")
    if isinstance(endpoint, Endpoint | CustomEndpoint):
        return f"{name} {parse_page_url(endpoint.refresh_url).href}"
    urls = [audience] if isinstance(audience, str) else sorted(audience)
    return " ".join([name, *(parse_page_url(url).href for url in urls)])


def _page(endpoint: AnyEndpoint | Resource, name: str) -> Page | None:
    """This page, if users sign in at another address; else None. A worker only counts if a popup may do that for it."""
    if not isinstance(endpoint, Endpoint) or not endpoint.redirects or (IN_WORKER and not endpoint.popup):
        return None
    from .navigation import LeftPage, WorkerPage  # here, since most pages are not left

    return WorkerPage(name) if IN_WORKER else LeftPage(name)


def _mark(name: str) -> Store:
    """Where it is noted that a user has signed out, and if the endpoint knows: for all pages, or for all workers."""
    name = f"{name} untold"  # as earlier builds named it
    return DatabaseStore(name) if IN_WORKER else PageStore("localStorage", name)


def _store(kind: str, name: str, other: str) -> Store | None:
    """The store of this kind and `name`. Other stores are emptied, also by the name `other`: an earlier version of the
    app may have used them, and nothing else would ever remove what it stored there.
    """
    areas = {"local": "localStorage", "session": "sessionStorage"}
    if kind not in ("memory", "indexeddb", *areas):
        raise ValueError(f"store is 'memory', 'session', 'local' or 'indexeddb', not {kind!r}")
    unused = [(area, name) for area in areas.keys() - {kind}] + [(area, other) for area in areas]
    for area, by_name in unused:
        with suppress(OSError):
            PageStore(areas[area], by_name).write(None)
    DatabaseStore(other).remove()
    if kind == "indexeddb":
        return DatabaseStore(name)
    DatabaseStore(name).remove()
    return PageStore(areas[kind], name) if kind in areas else None
