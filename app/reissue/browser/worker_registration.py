"""How a page gets reissue-worker.js: its registration, and the settings in its script's URL.

The audience is part of that URL, since a worker has to know at once whether a request is its business. Whatever is
registered already, for another client or by another page, stays in it.
"""

import asyncio
from contextlib import suppress
from typing import Any

import js
from pyodide.ffi import JsException

from ..concurrency.timers import time_limit
from ..errors import ReissueError
from .interop import js_object, listen
from .urls import js_url
from .worker_talk import PROTOCOL

_TAKE_CONTROL = 15  # seconds for a new worker to start and to take control of the page


class WorkerSettings:
    """What the worker has to know, as the query of its script's URL. `address` is that URL without it."""

    def __init__(self, address: str, roots: "set[str]", *, navigations: bool, patience: float) -> None:
        self.address = address
        self.roots = roots
        self.navigations = navigations
        self.patience = patience

    def add_roots_of(self, script: str) -> None:
        """Those of the script that is registered already, if it is the same."""
        if without_query(script) == self.address:
            self.roots |= set(js.URL.new(script).searchParams.getAll("audience"))

    def are_in(self, script: str) -> bool:
        """Does a worker with this script know all of this?"""
        known = js.URL.new(script).searchParams
        return (
            without_query(script) == self.address
            and self.roots <= set(known.getAll("audience"))
            and known.has("navigations") == self.navigations
        )

    def in_url(self, asked: str) -> str:
        """The script's URL with all of this. The same settings give the same URL, and no new version of the worker."""
        url = js.URL.new(asked)
        for root in sorted(self.roots):
            url.searchParams.append("audience", root)
        if self.navigations:
            url.searchParams.set("navigations", "")
        url.searchParams.set("patience", f"{self.patience:g}")
        return str(url.href)


async def register(container: Any, asked: str, scope: str | None, settings: WorkerSettings) -> str:
    """Register the worker, and wait until it has control of this page. Returns its scope, a URL."""
    options = {"updateViaCache": "none"} | ({"scope": scope} if scope is not None else {})
    place = js_url(scope if scope is not None else js.URL.new(".", asked).href).href
    if not js.location.href.startswith(place):
        raise ReissueError(f"the worker's scope {place} does not cover this page: give scope=, or another url=")
    try:
        registered = await container.getRegistration(place)
        if registered and registered.scope == place and registered.active:
            settings.add_roots_of(registered.active.scriptURL)
        registration = await container.register(_trusted(settings.in_url(asked)), js_object(options))
    except JsException as error:
        raise ReissueError(
            f"the browser did not take the service worker {asked}: {error.name}: {error.message}. It must be a "
            "script of this origin (worker-src 'self' in a Content-Security-Policy; with require-trusted-types-for "
            "also trusted-types reissue), its scope can't be wider than its folder, and the site must be "
            "allowed to store data here"
        ) from error
    await _controlled(container, registration, settings)
    return str(registration.scope)


async def _controlled(container: Any, registration: Any, settings: WorkerSettings) -> None:
    changed = asyncio.Event()
    stop = listen(container, "controllerchange", lambda _: changed.set())
    try:
        async with time_limit(_TAKE_CONTROL):
            await container.ready
            while not (container.controller and settings.are_in(container.controller.scriptURL)):
                if not container.controller:  # a message to a worker that is to go keeps it in Chromium
                    tell(registration.active, claim=True)
                await changed.wait()
                changed.clear()
    except TimeoutError:
        # An earlier version goes on until it has no request left (Service Workers, 'Try Activate').
        if not (container.controller and without_query(container.controller.scriptURL) == settings.address):
            raise ReissueError("the service worker has not taken control of this page: load it again") from None
    finally:
        stop()


def tell(worker: Any, **said: bool) -> None:
    """Say something to a worker, if it is there."""
    if worker:
        worker.postMessage(js_object({"reissue": PROTOCOL, **said}))


def without_query(address: str) -> str:
    """The URL of a script without its settings."""
    return address.partition("?")[0]


_policy: Any = None


def _trusted(address: str) -> Any:
    """The address as Trusted Types want it, if the page's policy asks for them and lets `reissue` make them."""
    global _policy
    types = getattr(js, "trustedTypes", None)
    if not types:
        return address
    if _policy is None:
        with suppress(JsException):
            _policy = types.createPolicy("reissue", js_object({"createScriptURL": js.String}))
    return address if _policy is None else _policy.createScriptURL(address)
