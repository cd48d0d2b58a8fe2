"""The fast lane: requests of the page's own JavaScript that gate.js sends without waking Python.

Theory of operation:

1. While all that Python would do is to attach the token, gate.js has a *lane*: the field's value, the roots of one
   origin, and how long that holds. What gate.js is not sure of goes to Python as before.
2. A lane belongs to one credential of one session. It is opened once Python has answered a request of the page, and
   closed in the step in which that credential must not be sent any more (`Holding.on_change`), or another client is
   installed. It is never mended: another one is opened after the next request that Python answers.
3. Its requests hold slots that `Admission` has lent, so it is open only while a sign counts that the token is accepted.
   They are given back as soon as Python needs them; those in use, as their requests are answered. Its answers are such
   a sign as well, once it is closed.
4. A lane's request that is answered by 401 is one that was sent with the lane's credential, whatever has become of the
   lane meanwhile: `Attempts` goes on from there, with the session that it was sent in.
5. Python hears of the requests afterwards. If anyone listens, gate.js tells their steps in the page's next turn, or
   Python takes them before it emits anything newer; otherwise gate.js keeps the last few, for `Sender.recent`.
"""

import time
from collections.abc import Callable
from functools import cache, partial
from itertools import count
from typing import TYPE_CHECKING, Any

from js import AbortController, Promise
from pyodide.ffi import create_proxy, to_js

from ..events import RequestPhase
from ..http.abort_signal import aborted_by
from ..http.messages import Request
from ..oauth2.token_source import HttpTokenSource
from ..session.lifecycle import SessionLifecycle
from ..session.session import Session
from .interop import js_object
from .page_requests import core_request
from .responses import PlainResponse

if TYPE_CHECKING:
    from ..concurrency.admission import Admission
    from .page import PageInterceptor

Answer = Callable[[Any, Any, Request], None]
"""Settles a promise, by its resolvers, with the response of a coroutine to this request."""

_numbers = count()
_lanes: dict[int, "FastLane"] = {}  # that are open, or whose requests are on the wire


class FastLane:
    """The lane of one client, while its session has the credential that it has now."""

    def __init__(
        self, client: "PageInterceptor", session: Session, admission: "Admission", *, origin: str, answer: Answer
    ) -> None:
        self.client = client
        self.sent_in = session, session.credential
        self.answer = answer
        self._admission = admission
        self._slots: list[int] = []
        self._number = next(_numbers)
        self._events: dict[int, int] = {}  # the number of a request in its events, by its number in the lane
        self._js: Any = None
        self._handler: Any = None
        self._until = 0.0
        self._origin = origin
        self._taking = False

    @property
    def open(self) -> bool:
        """May gate.js send requests by it now?"""
        return self._handler is not None and time.time() < self._until

    def begin(self, handler: Any) -> bool:
        """Open it in this handler of gate.js, if slots can be lent."""
        session, credential = self.sent_in
        sender = self.client._sender
        slots, seconds = self._admission.lend(self.close)
        if not slots:
            return False
        now = time.time()
        self._slots, self._handler = slots, handler
        self._until = now + min(seconds, session.holding.fresh_for)
        roots = [root for root in sender.roots if root.startswith(f"{self._origin}/")]
        value = sender.rules.fields.value_for(credential)
        self._js = handler.openLane(_calls(), self._number, to_js(roots), value, self._until * 1000, len(slots))
        _lanes[self._number] = self
        session.holding.on_change = self.close
        self.client._listeners.catch_up = partial(_catch_up, self.client)
        self.client._listeners.catch_up()
        return True

    def close(self) -> None:
        """Send no request by it any more."""
        if self._handler is None:
            return
        self._handler.closeLane()
        self._handler = None
        self._admission.end_loan()
        session, credential = self.sent_in
        if session.alive and session.credential is credential and not session.holding.current.retired:
            self._admission.token_accepted(ago=self._js.quietFor())
        for _ in range(self._js.close()):
            self._admission.leave(self._slots.pop())
        for slot in self._slots:
            self._admission.sent(slot)

    def left(self) -> None:
        """One of the slots that were in use when it was closed is free."""
        self._admission.leave(self._slots.pop())
        self.take_steps()

    def take_steps(self) -> None:
        """Emit the events of what has become of its requests."""
        if self._taking:
            return
        self._taking = True
        sender = self.client._sender
        try:
            self._js.listened = bool(self.client._listeners)
            for number, at, phase, method, url, status, error in self._js.takeSteps().to_py():
                emit = partial(sender.emit, request=Request(url, method), at=at)
                if phase == "sent":
                    self._events[number] = next(sender.numbers)
                    emit(self._events[number], phase=RequestPhase.STARTED)
                    emit(self._events[number], phase=RequestPhase.SENT)
                else:
                    ended = self._events.pop(number, None)
                    failed = error if phase == "failed" else None
                    emit(ended, phase=RequestPhase(phase), status=status or None, error=failed)
        finally:
            self._taking = False
        if self._handler is None and not self._slots:
            _lanes.pop(self._number, None)

    def refused(self, number: int, source: Any, response: Any) -> Any:
        """The promise of the response to a request that was answered by 401. `source` is it without the token."""
        was_closed = self._handler is None  # now, as gate.js sees it: a listener may close it
        self.take_steps()
        request = core_request(source)
        outcome = PlainResponse(source, response, AbortController.new(), source.signal)
        promise = Promise.withResolvers()
        self.answer(promise, self._go_on(request, outcome, self._events.pop(number, None)), request)
        self.close()
        if was_closed:
            self.left()
        return promise.promise

    async def _go_on(self, request: Request, outcome: Any, number: int | None) -> Any:
        with aborted_by(request.options["signal"]):
            return await self.client._sender.go_on(request, outcome, sent_in=self.sent_in, number=number)


def lane_for(client: "PageInterceptor", request: Request, answer: Answer) -> FastLane | None:
    """The lane for such requests, not open yet; None while Python does more for them than to attach the token."""
    sender, lifecycle = client._sender, client._lifecycle
    rules, session = sender.rules, lifecycle.alive
    if (
        session is None
        or not rules.fields.only_the_token
        or rules.should_renew is not None
        or rules.defaults
        or client._clock is not time.time
        or not isinstance(lifecycle, SessionLifecycle)
        # The app's own code may call `js.fetch`, and would wait for itself (Q3): only Python knows who calls.
        or not isinstance(lifecycle.calls.tokens, HttpTokenSource)
        or session.step_ups is not None
    ):
        return None
    credential, holding = session.credential, session.holding
    if (
        credential.token_type != "Bearer"
        or holding.current.retired
        or holding.is_unproven(credential)
        or holding.fresh_for <= 0
    ):
        return None
    url = sender.audience_url(request)
    if url is None:
        return None
    return FastLane(client, session, sender.admission_to(url.origin), origin=url.origin, answer=answer)


def _catch_up(client: "PageInterceptor") -> None:
    for lane in [lane for lane in _lanes.values() if lane.client is client]:
        lane.take_steps()


@cache
def _calls() -> Any:
    """What gate.js calls, with a lane's number: a few proxies that live as long as the page."""

    def refused(lane: int, number: int, source: Any, response: Any) -> Any:
        return _lanes[lane].refused(number, source, response)

    def left(lane: int) -> None:
        _lanes[lane].left()

    def told(lane: int) -> None:
        if lane in _lanes:
            _lanes[lane].take_steps()

    return js_object({call.__name__: create_proxy(call) for call in (refused, left, told)})
