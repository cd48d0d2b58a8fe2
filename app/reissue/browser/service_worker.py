"""The page's end of reissue-worker.js: it answers what the worker asks.

Theory of operation:

1. The worker asks about one request, over a MessageChannel of its own. The page answers with header fields for that one
   request, and is told the response's status and header fields. `Attempts` decides, as for every other client: so
   refreshes, events and DPoP are the same.
2. The page trusts nothing that it is told: it parses the URL anew and compares it with the audience. It hears a service
   worker of this origin only; frames and other origins can't send messages to `navigator.serviceWorker`.
3. A page whose session is its own (`tabs=False`) answers for nothing that another page has made. Any page says no to
   a link that looks like a download and is not its own: without `navigations=True` no link is signed in.
4. While the page has to say something, it says every three seconds that it is still at it. A page that is frozen says
   nothing, and then the worker asks the next one.
"""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import js

from ..errors import NetworkError, ReissueError
from ..http.messages import Request
from ..http.urls import Url
from ..session.lifecycle import State
from .eager_tasks import eager_task
from .interop import listen
from .urls import IN_WORKER, js_url, parse_page_url
from .worker_registration import WorkerSettings, register, tell, without_query
from .worker_talk import PROTOCOL, Talk, has_failed, is_mine, may_be_anyones

if TYPE_CHECKING:
    from ..sending.attempts import Attempts
    from .page import PageInterceptor

_DOWNLOAD = "#reissue-download="
_FRAME = "reissue-download"
_LATE = 1_000  # ms between a question and its arrival: the worker may have given the page up
_NO_SERVICE_WORKERS = (
    "this browser has no service workers here: they need HTTPS or localhost, and some browsers have none in a private "
    "window. Requests by api.fetch() and install() are signed in all the same"
)


class _Page:
    """This page, from its first `install_worker` on."""

    def __init__(self) -> None:
        self._container = js.navigator.serviceWorker
        self._clients: list[PageInterceptor] = []
        self._address = ""  # of the worker's script, without its settings
        self.scope = ""  # of the worker: it is given no navigation beyond that
        self._answers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._lives: dict[str, str] = {}  # by the worker's script: which of its lives asked last
        self._downloads: dict[str, str] = {}  # names of files, by the number in the link's URL
        self._stops: list[Callable[[], None]] = []
        self._hidden: Any = None  # the frame that downloads are followed in

    # Which clients take part

    @property
    def empty(self) -> bool:
        """Does no client take part?"""
        return not self._clients

    def enter(self, client: "PageInterceptor", address: str) -> None:
        """Answer for this client; of several that cover a URL, the last one takes it."""
        self.forget(client)
        self._clients.append(client)
        self._address = address
        if not self._stops:
            self._stops = [
                listen(self._container, "message", self._asked),
                listen(js.document, "click", self._clicked),
            ]
            self._container.startMessages()

    def forget(self, client: "PageInterceptor") -> None:
        """Stop answering for this client."""
        if client in self._clients:
            self._clients.remove(client)

    def leave(self) -> None:
        """Answer nothing any more, and say so to the worker."""
        for stop in self._stops:
            stop()
        for task in tuple(self._answers.values()):
            task.cancel()
        self._stops.clear()
        if self._hidden is not None:
            self._hidden.remove()
            self._hidden = None
        tell(self._container.controller, leaves=True)

    # What the worker asks

    def _asked(self, event: Any) -> None:
        if has_failed():
            return
        question, worker = event.data, event.source
        if getattr(question, "reissue", None) != PROTOCOL or not self._is_a_worker_of_ours(worker):
            return
        self._take(question, worker, Talk(event.ports[0]))
        if js.Date.now() - getattr(question, "at", math.inf) > _LATE:
            tell(worker, ready=True)  # it was frozen, say: the worker asks no page that was silent

    def _take(self, question: Any, worker: Any, talk: Talk) -> None:
        """Answer a question, or begin to."""
        url = str(question.url)
        number = self._number(worker.scriptURL, str(question.life), str(question.number))
        client, name = self._client_for(url), self._download(url)
        mine = name is not None or is_mine(question)
        if client is None or not (
            mine or (_DOWNLOAD not in url and may_be_anyones(question, shared=client._shares_session))
        ):
            talk.end("no")
            return
        if (earlier := self._answers.get(number)) is not None:
            earlier.cancel()  # the worker has asked again, since it heard nothing
        destination = str(question.destination) if name is None else "download"
        request = Request(url.partition("#")[0], str(question.method), options={"destination": destination})
        settings: dict[str, Any] = dict(client._sender.rules.defaults)
        if client._sender.rules.should_renew is not None:
            settings["judges"] = True
        if name is not None:
            settings["download"] = name
        task = eager_task(_answer(client, request, talk, settings, mine=mine))
        if not task.done():
            talk.begin(task)
            self._answers[number] = task
            task.add_done_callback(lambda done: self._answered(number, done))

    def _number(self, script: str, life: str, number: str) -> tuple[str, str]:
        """The question's own. If the worker was ended and has started again, its earlier questions are void."""
        ended = self._lives.get(script)
        self._lives[script] = life
        if ended is not None and ended != life:
            for (asked_in, _), task in tuple(self._answers.items()):
                if asked_in == ended:
                    task.cancel()
        return life, number

    def _answered(self, number: tuple[str, str], task: "asyncio.Task[None]") -> None:
        if self._answers.get(number) is task:
            del self._answers[number]

    def _is_a_worker_of_ours(self, source: Any) -> bool:
        address = getattr(source, "scriptURL", None)
        return isinstance(address, str) and without_query(address) == self._address

    def _client_for(self, text: str) -> "PageInterceptor | None":
        try:
            url: Url = parse_page_url(text)
        except ValueError:
            return None
        return next((client for client in reversed(self._clients) if client._sender.covers(url)), None)

    # Links with `download`, which Chromium sends past every worker

    def _clicked(self, event: Any) -> None:
        """Follow the link as a navigation of a frame, which the worker makes a download.

        A navigation of the page itself would end the requests that it has on the wire: Firefox aborts them (measured).
        """
        has_key = event.ctrlKey or event.metaKey or event.shiftKey or event.altKey
        if has_failed() or event.defaultPrevented or event.button or has_key:
            return
        target = event.composedPath()[0]
        link = target.closest("a[download][href]") if hasattr(target, "closest") else None
        if not link or not link.href.startswith(self.scope):
            return
        client = self._client_for(link.href)
        if client is None or client.state is State.SIGNED_OUT:
            return
        if not self._is_a_worker_of_ours(self._container.controller):
            return
        event.preventDefault()
        number = str(js.crypto.randomUUID())
        self._downloads[number] = link.download
        way = js.document.createElement("a")
        way.href = f"{link.href.partition('#')[0]}{_DOWNLOAD}{number}"
        way.target = self._frame()
        way.click()

    def _frame(self) -> str:
        """The name of the frame that downloads are followed in."""
        if self._hidden is None:
            frame = self._hidden = js.document.createElement("iframe")
            frame.name, frame.hidden = _FRAME, True
            js.document.body.append(frame)
        return _FRAME

    def _download(self, url: str) -> str | None:
        """The name of the file, if this page made the request into a download."""
        return self._downloads.get(url.partition(_DOWNLOAD)[2])


async def _answer(
    client: "PageInterceptor", request: Request, talk: Talk, settings: dict[str, Any], *, mine: bool
) -> None:
    """Answer one question. Whatever goes wrong, the request goes out as it was; with a 401, the caller gets that."""
    words = ["no", "last"] if mine else ["no"]
    try:
        with suppress(ReissueError, OSError):  # events have told the app; TimeoutError: the worker is gone
            attempts = client._sender.attempts(request) if await client._sender.has_session() else None
            if attempts is not None:
                words = ["no", "last"]  # the user of another page did not make this request (S3)
                await _drive(attempts, talk, settings)
                words = ["done"]
    finally:
        talk.end(*words)


async def _drive(attempts: "Attempts", talk: Talk, settings: dict[str, Any]) -> None:
    with attempts:
        attempt: Request | None = await attempts.first()
        outcome: Any = None
        while attempt is not None:
            outcome = await talk.sent(attempt, settings)
            if isinstance(outcome, NetworkError) and "judges" not in settings:
                raise outcome
            attempt = await attempts.after(outcome)


_page: _Page | None = None


async def install(
    client: "PageInterceptor", url: str, *, scope: str | None, navigations: bool, patience: float
) -> None:
    """Let the worker sign in what `client` covers. Resolves when it has control of this page."""
    global _page
    container = None if IN_WORKER else getattr(js.navigator, "serviceWorker", None)
    if not container:
        raise ReissueError(
            "a worker has no images: call install_worker() in the page" if IN_WORKER else _NO_SERVICE_WORKERS
        )
    if client._sender.covers(parse_page_url(js.location.href)):
        raise ReissueError(
            "the audience covers the page itself, so the page's own files would wait for the Python that they start: "
            "give connect() an audience that is below it, such as /api/"
        )
    asked = js_url(url)
    if _page is None:
        _page = _Page()
    page = _page
    page.enter(client, f"{asked.origin}{asked.pathname}")
    try:
        roots = {root for each in page._clients for root in each._sender.roots}
        settings = WorkerSettings(page._address, roots, navigations=navigations, patience=patience)
        page.scope = await register(page._container, asked.href, scope, settings)
    except BaseException:
        leave(client)
        raise
    tell(page._container.controller, ready=True)


def leave(client: "PageInterceptor") -> None:
    """Stop answering for this client."""
    global _page
    if _page is None:
        return
    _page.forget(client)
    if _page.empty:
        _page.leave()
        _page = None


async def uninstall(client: "PageInterceptor") -> None:
    """Stop answering for this client; after the last one, unregister the worker."""
    page = _page
    leave(client)
    if page is None or not page.empty:
        return
    controller = page._container.controller
    if page._is_a_worker_of_ours(controller):
        registration = await page._container.getRegistration()
        if registration:
            await registration.unregister()
