"""One question of reissue-worker.js, and the talk that follows: over a port that this talk alone uses.

The page says `wait`, `fields`, `read`, and at the end `done` or `no`; with `no` and `last`, no other page may be asked.
The worker says what came of the request that it sent, and gives the response's body if it was asked to.
"""

import asyncio
import json
from typing import Any

import js
import pyodide_js
from pyodide.ffi import JsException, create_proxy

from ..concurrency.timers import time_limit
from ..errors import NetworkError
from ..http.messages import Headers, Request
from .interop import js_object
from .no_answer import no_answer

PROTOCOL = 1
_STILL_AT_IT = 3.0  # seconds between two words of a page that has to say something
_LOST = 300.0  # seconds after which a request that was sent is given up: no browser lets a worker go on for longer


def has_failed() -> bool:
    """Has Pyodide failed for good? What Python would decide then, nobody knows: the page says nothing."""
    try:
        _ = pyodide_js.globals  # throws then
    except JsException:
        return True
    return False


def is_mine(question: Any) -> bool:
    """Has this page made the request? Of a navigation Chromium tells no more than the referrer."""
    is_mine = getattr(question, "isMine", None)
    if is_mine is not None:
        return bool(is_mine)
    return str(getattr(question, "referrer", "")) == str(js.location.href).partition("#")[0]


def may_be_anyones(question: Any, *, shared: bool) -> bool:
    """May a client answer for another page? `shared`: other tabs have its session, too."""
    asks_anyone = getattr(question, "anyone", None)  # an earlier version of the worker does not say
    return asks_anyone is None or (asks_anyone and shared)


class Talk:
    """The page's end of one talk."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._heard: asyncio.Future[Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._proxy = create_proxy(self._hear)
        port.onmessage = self._proxy

    def begin(self, task: "asyncio.Task[None]") -> None:
        """This task answers; it has not done so at once."""
        self._task = task
        if self._heard is None:
            self._wait()

    async def sent(self, attempt: Request, settings: dict[str, Any]) -> "WorkerResponse | NetworkError":
        """What comes of an attempt that the worker sends."""
        fields = [[name, value] for name, value in attempt.headers.items()]
        told = await self._ask({"fields": fields, **settings})
        if hasattr(told, "error"):
            return no_answer(attempt, str(told.error))
        return WorkerResponse(told, self)

    async def body(self) -> bytes:
        """The body of the response that came last."""
        told = await self._ask({"read": True})
        return bytes(told.body.to_bytes())

    def end(self, *words: str) -> None:
        """The last words."""
        self._stop_waiting()
        self._port.onmessage = None
        self._port.postMessage(js_object(dict.fromkeys(words, True)))
        self._proxy.destroy()

    async def _ask(self, word: dict[str, Any]) -> Any:
        self._stop_waiting()
        self._heard = self._loop.create_future()
        self._port.postMessage(js_object(word))
        async with time_limit(_LOST):
            told = await self._heard
        self._wait()
        return told

    def _hear(self, event: Any) -> None:
        if hasattr(event.data, "drop"):  # the worker asks another page
            if self._task is not None:
                self._task.cancel()
        elif self._heard is not None and not self._heard.done():
            self._heard.set_result(event.data)

    def _wait(self) -> None:
        self._port.postMessage(js_object({"wait": True}))
        self._beat = self._loop.call_later(_STILL_AT_IT, self._wait)

    def _stop_waiting(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None


class WorkerResponse:
    """A response that the worker has, as `Attempts` and `should_renew` see it."""

    def __init__(self, told: Any, talk: Talk) -> None:
        self.status: int = told.status
        self.headers = Headers([(name, value) for name, value in told.headers])
        self.url: str = told.url
        self.redirected: bool = told.redirected
        self._talk = talk

    async def bytes(self) -> "bytes":
        """The body."""
        return await self._talk.body()

    async def text(self) -> str:
        """The body as UTF-8 text; invalid bytes are replaced, as in a browser."""
        return (await self._talk.body()).decode("utf-8", "replace")

    async def json(self) -> Any:
        """The body read as JSON. Raises ValueError if it is no JSON."""
        return json.loads(await self._talk.body())
