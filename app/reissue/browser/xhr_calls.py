"""Python's part of a request by XMLHttpRequest, which xhr_call.js sends.

Theory of operation:

1. A request is driven by its `Attempts`, as all are. An asynchronous one by a task that starts within `send()`: with a
   fresh token it is sent before `send()` returns. A synchronous one step by step within `send()`; what would have to
   wait raises WouldBlock.
2. JavaScript tells of each attempt's head, by one call. The task goes on within that call (`prompt_futures`), so the
   page sees the browser's own events if nothing has to be waited for.
3. The request is JavaScript's object `call`. It knows its body, and ignores what comes too late.
"""

import asyncio
import json
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ..errors import NetworkError, ReissueError
from ..http.messages import Headers, Request
from ..sending.attempts import Attempts
from .eager_tasks import eager_task
from .js_errors import js_error
from .jspi import wait_for
from .no_answer import no_answer
from .promises import enter, turns_of_the_page
from .xhr_fields import response_fields

if TYPE_CHECKING:
    from .page import PageInterceptor

_running: "dict[int, _Waiting | _Blocking]" = {}


def begin(client: "PageInterceptor", call: Any, number: int, url: str, method: str, fields: str, waits: bool) -> bool:
    """Begin a request of this client's; False if it must be sent unchanged. The parameters are those of `ask`."""
    lines = fields.split("\n") if fields else []
    request = Request(url, method, Headers(zip(lines[::2], lines[1::2], strict=True)))
    if client._sender.rules.fields.are_in(request):
        return False
    if waits:
        running = _Waiting(client, call, request)
        _running[number] = running
        running.task = eager_task(running.drive())
        running.task.add_done_callback(lambda _: _running.pop(number, None))
        if running.left:
            running.task.cancel()
        return True
    blocking = _Blocking(client, call, request)
    _running[number] = blocking
    try:
        return blocking.begin()
    finally:
        if blocking.over:
            del _running[number]


def told(number: int, outcome: str, status: int, fields: str, url: str) -> None:
    """JavaScript tells what came of an attempt."""
    running = _running.get(number)
    if running is None:
        return
    running.told(outcome, status, fields, url)
    if isinstance(running, _Blocking) and running.over:
        del _running[number]


class _Call:
    """A request in JavaScript, and the client that takes it."""

    def __init__(self, client: "PageInterceptor", call: Any, request: Request) -> None:
        self._sender = client._sender
        self._js = call
        self._request = request

    def attempt(self, attempt: Request) -> None:
        """Let JavaScript send this. Raises ReissueError if the token could be carried on to another origin."""
        rules, asked = self._sender.rules, self._request
        added = {name: value for name, value in attempt.headers.items() if asked.headers.get(name) != value}
        if rules.fields.redirect is not None and rules.fields.name in added:
            raise ReissueError(
                f"by XMLHttpRequest a request can't carry a token in {rules.fields.name}: a browser takes that field "
                "along to wherever a redirect leads, and an XMLHttpRequest can't refuse one. Use fetch"
            )
        lines = "\n".join(text for field in added.items() for text in field)
        judges = rules.should_renew is not None
        include = rules.defaults.get("credentials") == "include"
        self._js.attempt(lines, judges or rules.fields.prover is not None, judges, include)

    def outcome(self, outcome: str, status: int, fields: str, url: str) -> "_Head | NetworkError":
        """What came of an attempt, as `Attempts` wants it."""
        if outcome == "head":
            return _Head(self._js, status, fields, url, self._request.url)
        return no_answer(self._request)

    def raises(self, outcome: "_Head | NetworkError") -> bool:
        """Is it a failure that the app's own test doesn't judge?"""
        return isinstance(outcome, NetworkError) and self._sender.rules.should_renew is None

    def begun(self, *, at_once: bool) -> Coroutine[Any, Any, Attempts | None]:
        """The attempts; None if the request must be sent unchanged."""
        return self._sender.attempts_or_none(self._request, start_eagerly=eager_task if at_once else None)


class _Waiting(_Call):
    """An asynchronous request."""

    task: "asyncio.Task[None] | None" = None  # until it has waited for the first time

    def __init__(self, client: "PageInterceptor", call: Any, request: Request) -> None:
        super().__init__(client, call, request)
        self._outcome: asyncio.Future[_Head | NetworkError] | None = None
        self._timed_out = False
        self.left = False
        """Has the page aborted it, or given it up? A listener of `loadstart` may do so within `attempt`."""

    async def drive(self) -> None:
        """Send attempts until an outcome, or an error, is the page's."""
        try:
            attempts = await self.begun(at_once=False)
            if attempts is None:
                self._js.sendUnchanged()
                return
            with attempts:
                try:
                    await self._drive(attempts)
                except asyncio.CancelledError:
                    if self._timed_out:
                        raise TimeoutError from None
                    raise
        except BaseException as error:  # of any kind: a page that gets no event would wait for ever
            self._js.fail(js_error(error))  # nothing, if JavaScript has told the page already

    async def _drive(self, attempts: Attempts) -> None:
        attempt: Request | None = await attempts.first()
        outcome: Any = None
        while attempt is not None:
            self._outcome = turns_of_the_page.future()
            self.attempt(attempt)
            outcome = await self._outcome
            if self.raises(outcome):
                raise outcome
            attempt = await attempts.after(outcome)
        self._js.deliver()
        if isinstance(outcome, NetworkError):
            raise outcome

    def told(self, outcome: str, status: int, fields: str, url: str) -> None:
        """The page aborts or gives up the request; or an attempt has ended."""
        if outcome in ("abort", "timeout"):
            self._timed_out, self.left = outcome == "timeout", True
            if self.task is not None:
                self.task.cancel()
            return
        future = self._outcome
        if future is None or future.done():
            return
        if asyncio.current_task() is not None:  # told by a caller in Python: no task can go on within it
            future.set_result(self.outcome(outcome, status, fields, url))
            return
        enter(future.get_loop())
        with turns_of_the_page.turn():
            future.set_result(self.outcome(outcome, status, fields, url))


class _Blocking(_Call):
    """A synchronous request."""

    def __init__(self, client: "PageInterceptor", call: Any, request: Request) -> None:
        super().__init__(client, call, request)
        self._attempts: Attempts | None = None
        self.over = False
        """Has the page got its outcome?"""

    def begin(self) -> bool:
        """Let the first attempt be sent; False if the request must be sent unchanged."""
        try:
            self._attempts = wait_for(self.begun(at_once=True))
            if self._attempts is None:
                self.over = True
                return False
            self._go_on(wait_for(self._attempts.first()))
        except BaseException as error:
            self._failed(error)
        return True

    def told(self, outcome: str, status: int, fields: str, url: str) -> None:
        """An attempt has ended."""
        assert self._attempts is not None
        found = self.outcome(outcome, status, fields, url)
        try:
            if self.raises(found) or outcome == "timeout":
                raise TimeoutError if outcome == "timeout" else found  # type: ignore[misc]
            self._go_on(wait_for(self._attempts.after(found)), found)
        except BaseException as error:
            self._failed(error)

    def _go_on(self, attempt: Request | None, outcome: "_Head | NetworkError | None" = None) -> None:
        if attempt is not None:
            self.attempt(attempt)
            return
        self.over = True
        assert self._attempts is not None
        self._attempts.close(outcome if isinstance(outcome, NetworkError) else None)
        self._js.deliver()

    def _failed(self, error: BaseException) -> None:
        self.over = True
        if self._attempts is not None:
            self._attempts.close(error)
        self._js.fail(js_error(error))


class _Head:
    """A response whose head is here, as `Attempts` and `should_renew` see it."""

    def __init__(self, call: Any, status: int, fields: str, url: str, asked: str) -> None:
        self.status = status
        self.headers = response_fields(fields)
        self.url = url
        self.redirected = bool(url) and url != asked.partition("#")[0]
        self._js = call

    async def text(self) -> str:
        """The body as text."""
        return str(await self._js.text())

    async def bytes(self) -> "bytes":
        """The body as UTF-8."""
        return (await self.text()).encode()

    async def json(self) -> Any:
        """The body read as JSON. Raises ValueError if it is no JSON."""
        return json.loads(await self.text())
