"""The gate: it replaces the page's fetch while a client is installed, for `js.fetch`, `pyfetch` and JavaScript alike.
`xhr_gate` does the same for XMLHttpRequest.

Theory of operation:

1. A page has one gate, however many clients are installed (`installed`).
2. The gate is a JavaScript `Proxy` around the native fetch: `typeof fetch`, `fetch.name` and `fetch.length` stay the
   same.
3. A request that no client covers is passed to the native fetch within the call, and the caller gets the native
   promise. Where the page has gate.js, that script does so without entering Python. Without it the Proxy's trap `apply`
   is a function of Python: then no script has to be served, but a page whose Python has crashed has no fetch.
   gate.js also sends requests that are covered, by a lane: see `fast_lane`.
4. A request that a client covers is answered by a task that starts within the call (`eager_start`): with a fresh token
   the request is sent before `fetch` returns. A page that is being left (`pagehide`, `keepalive`) has no later turn.
5. The clients' own requests use the native fetch, and so do their endpoints' calls. A request that an endpoint makes by
   `fetch` uses it, too: otherwise it would wait for itself (Q3).
6. Once its trap is removed the Proxy *is* the native fetch, for any script that has kept a reference to it.
"""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import js
import pyodide_js
from js import Array, Object, Promise, Proxy, Reflect
from js import TypeError as JsTypeError
from pyodide.ffi import JsException, create_proxy, to_js

from ..errors import NetworkError, RequestAborted
from ..http.messages import Request
from . import xhr_gate
from .eager_tasks import eager_task
from .fast_lane import FastLane, lane_for
from .installed import InstalledClients
from .interop import js_object, script
from .js_errors import js_error
from .page_requests import core_request
from .pyodide_http import FETCH_OF_PYFETCH, PYFETCH
from .urls import js_url

if TYPE_CHECKING:
    from .page import PageInterceptor


class Gate:
    """The page's fetch, from the first `enter` to the last `leave`."""

    def __init__(self, clients: InstalledClients) -> None:
        self.native = js.fetch
        self.clients = clients
        self._call_native = Reflect.apply.bind(None, self.native, None)
        self._is_own = Object.hasOwn(js.globalThis, "fetch")  # in a worker it lies on the prototype
        self._pyfetch_native = getattr(PYFETCH, FETCH_OF_PYFETCH, None)
        self._answers: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly
        self._trap = create_proxy(self._called_by_javascript)
        self._handler = _handler(self._trap)
        self._has_lanes = hasattr(self._handler, "openLane")
        self._lane: FastLane | None = None
        self._fetch = js.globalThis.fetch = Proxy.new(self.native, self._handler)
        if PYFETCH is not None:
            setattr(PYFETCH, FETCH_OF_PYFETCH, self._called_by_pyfetch)

    def cover(self, roots: Any) -> None:
        """Ask the installed clients about URLs that begin with one of these, which are text in JavaScript's Array."""
        if self._lane is not None:
            self._lane.close()
        self._handler.roots = roots

    def remove(self) -> None:
        """Give the page its own fetch back. If a script has wrapped the gate meanwhile, its wrapper stays."""
        Reflect.deleteProperty(self._handler, "apply")
        self._trap.destroy()
        if PYFETCH is not None and getattr(PYFETCH, FETCH_OF_PYFETCH) == self._called_by_pyfetch:
            setattr(PYFETCH, FETCH_OF_PYFETCH, self._pyfetch_native)
        if js.fetch != self._fetch:
            return
        if self._is_own:
            js.globalThis.fetch = self.native
        else:
            Reflect.deleteProperty(js.globalThis, "fetch")

    def _called_by_javascript(self, native: Any, this: Any, arguments: Any) -> Any:
        """`fetch(…)`, called by JavaScript or as `js.fetch`. Returns a Promise of a Response."""
        # One by one: `*arguments` would also take the proxies of a caller in Python, which crashes Pyodide.
        entry = self._entry(*[arguments[place] for place in range(arguments.length)])
        if entry is None:
            # If Python called the native fetch directly, it would get a Python future in place of the promise.
            return Array.of(arguments).map(self._call_native)[0]
        promise = Promise.withResolvers()
        self._answer(promise, self._response(*entry), entry[1])
        return promise.promise

    def _answer(self, promise: Any, coroutine: Coroutine[Any, Any, Any], request: Request) -> None:
        """Settle a promise with the response of this coroutine, which starts at once."""
        task = eager_task(_settle(promise, coroutine, request))
        if not task.done():
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _response(self, client: "PageInterceptor", request: Request) -> Any:
        response = await client.answer(request)
        if self._has_lanes and (self._lane is None or not self._lane.open) and self.clients.only is client:
            self._open_lane(client, request)
        return response

    def _open_lane(self, client: "PageInterceptor", request: Request) -> None:
        if self._lane is not None:
            self._lane.close()  # its time is over
        lane = lane_for(client, request, self._answer)
        self._lane = lane if lane is not None and lane.begin(self._handler) else None

    def _called_by_pyfetch(self, *arguments: Any) -> Any:
        """pyfetch calls this as its fetcher, and awaits what it returns for a Response."""
        entry = self._entry(*arguments)
        return self.native(*arguments) if entry is None else _answer_pyfetch(*entry)

    def _entry(self, resource: Any = None, init: Any = None, *_: Any) -> "tuple[PageInterceptor, Request] | None":
        """The client that takes this request, and the request; None if the native fetch takes it."""
        try:
            # fetch converts anything that is no Request to text.
            text = resource if isinstance(resource, str) else getattr(resource, "url", None) or str(resource)
            client = self.clients.client_for(js_url(text))
            if client is not None:
                return client, core_request(resource, init)
        except (ValueError, JsException):
            pass  # the native fetch rejects it with its own error
        return None


def _handler(trap: Any) -> Any:
    """The handler of the Proxy: gate.js with Python behind it, or Python alone."""
    gate = script("gate")
    if gate is not None:
        return gate.handler(trap, pyodide_js)
    return js_object({"apply": trap})


async def _settle(promise: Any, coroutine: Coroutine[Any, Any, Any], request: Request) -> None:
    try:
        response = await coroutine
    except BaseException as error:  # of any kind: a promise that is never settled would hang its caller
        promise.reject(_as_javascript(error, request))
    else:
        promise.resolve(response.js_response)


async def _answer_pyfetch(client: "PageInterceptor", request: Request) -> Any:
    try:
        return (await client.answer(request)).js_response
    except (NetworkError, RequestAborted) as error:
        raise JsException(type(error).__name__, str(error.__cause__ or error)) from error  # pyfetch's own: AbortError


def _as_javascript(error: BaseException, request: Request) -> Any:
    """The error that fetch would reject with; for an error of this library's own, an Error with its name."""
    if isinstance(error, RequestAborted):
        return request.options["source"].signal.reason
    if isinstance(error, NetworkError):
        return JsTypeError.new(str(error.__cause__))  # the browser's own words
    return js_error(error)


_gate: Gate | None = None


def install(client: "PageInterceptor") -> None:
    """Let `client` take the requests of the page that its audience covers."""
    global _gate
    if _gate is None:
        _gate = Gate(InstalledClients())
    _gate.clients.enter(client)
    _cover(_gate)


def uninstall(client: "PageInterceptor") -> bool:
    """Undo the latest `install` of this client; False if there is none."""
    global _gate
    if _gate is None or not _gate.clients.leave(client):
        return False
    _cover(_gate)
    if _gate.clients.empty:
        _gate.remove()
        _gate = None
    return True


def _cover(gate: Gate) -> None:
    roots = to_js(gate.clients.roots)
    gate.cover(roots)
    xhr_gate.cover(roots, gate.clients)


def native_fetch() -> Any:
    """The page's own fetch, without the gate."""
    return js.fetch if _gate is None else _gate.native
