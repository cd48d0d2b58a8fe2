"""The refresh that early_refresh.js has sent before Python was up: Python takes its lock over, and its answer."""

from typing import Any

import js

from ..endpoint import Endpoint
from ..http.messages import Request
from ..oauth2.early_refresh import EarlyAnswer, EarlyAnswers, fixed_refresh
from ..tabs.noted_session import NotedSession
from .interop import script
from .no_answer import no_answer
from .responses import PlainResponse
from .storage import PageStore
from .transport import send
from .urls import parse_page_url


def early_refresh(
    name: str, endpoint: object, *, tabs: bool, store: str, dpop: bool, deadline: float
) -> "EarlyRefresh":
    """For a client with these settings of `connect`. Raises TypeError or ValueError if it can have no early refresh."""
    if not isinstance(endpoint, Endpoint):
        raise TypeError("resume_early=True needs an Endpoint: no function of the app is called before Python runs")
    if not tabs:
        raise ValueError("resume_early=True needs tabs=True: the refresh is sent under the lock that all tabs share")
    if store != "memory":
        raise ValueError(f"resume_early=True resumes the session of the browser's cookie: leave out store={store!r}")
    if dpop:
        raise ValueError("resume_early=True can't have dpop=True: no proof is signed before Python runs")
    return EarlyRefresh(name, fixed_refresh(endpoint._requests, parse_page_url), deadline=deadline)


class EarlyRefresh:
    """The early refresh of the session of this name: `request`, as `fixed_refresh` writes it, bounded by `deadline`
    (seconds).

    `transport` is for the endpoint's requests, and `store` leaves the note for the next page.
    """

    def __init__(self, name: str, request: str, *, deadline: float) -> None:
        notes = PageStore("localStorage", f"{name} early")
        self.transport = EarlyAnswers(send)
        self.store = NotedSession(notes, request, within=deadline, path=lambda: str(js.location.pathname))
        self._lock = f"reissue:{name}"
        self._script = script("early_refresh")

    async def take_over(self) -> "EarlyTurn | None":
        """Take over the lock that the script holds, once the answer is here; None if it holds none.

        The answer's cookie has landed by then: it replaces none that a later call brings.
        """
        answered = self._script and self._script.answeredUnder(self._lock)
        answer = await answered if answered else None
        if answer is None:
            return None
        if not answer.take():  # its time was over just now, or another client of this page has it
            await answer.settled
            return None
        return EarlyTurn(answer, self.transport)


class EarlyTurn:
    """The lock, held since before Python ran; and until `end` the answer that came with it."""

    def __init__(self, answer: Any, transport: EarlyAnswers) -> None:
        self._answer = answer
        self._transport = transport
        transport.answer = EarlyAnswer(answer.request, self._result)

    async def granted(self) -> None:
        """The lock is held already."""

    async def settled(self) -> None:
        """Wait, after `end`, until the browser has released the lock."""
        await self._answer.settled

    def end(self) -> None:
        """Release the lock, and drop the answer if no call has taken it."""
        self._transport.answer = None
        self._answer.giveBack()

    def _result(self, request: Request) -> "_EarlyResponse":
        if self._answer.response is None:
            raise no_answer(request, self._answer.problem)
        return _EarlyResponse(request, self._answer)


class _EarlyResponse(PlainResponse):
    def __init__(self, request: Request, answer: Any) -> None:
        controller = answer.controller
        super().__init__(js.Request.new(request.url), answer.response, controller, controller.signal)
        self.age = float(answer.age())
