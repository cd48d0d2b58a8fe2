"""The card 'Try it': what its experiments share. Those below each heading are in a `lab_` module of their own.

The server counts for each session by itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from js import document
from reissue import SessionEnded

from demo.client import FAILURES, api, ask, in_words
from demo.page import busy, show, tell
from demo.words import many, say

MANY, FEW = 20, 5  # requests

ending = False  # does an experiment end the session on purpose? Then the focus stays with it


def open_lab(is_open: bool) -> None:
    """Enable the experiments: they need a session."""
    show("lab-closed", not is_open)
    show("lab-about", is_open)
    for control in document.querySelectorAll("#lab button"):
        if is_open:
            control.removeAttribute("aria-disabled")
        else:
            control.setAttribute("aria-disabled", "true")


def clear_messages() -> None:
    for message in document.querySelectorAll("#lab .message"):
        tell(message.id, "")


@dataclass
class Tally:
    """The outcome of some requests sent at once."""

    count: int
    answered: int
    failures: list[Exception]

    @property
    def ended(self) -> int:
        return sum(isinstance(failure, SessionEnded) for failure in self.failures)

    @property
    def retry_after(self) -> float:
        """Seconds until it makes sense to try again."""
        return max((getattr(failure, "retry_after", None) or 0 for failure in self.failures), default=0)


async def send_at_once(count: int) -> Tally:
    """Send so many requests; each answer must belong to its own request."""
    answers = await asyncio.gather(*(ask(f"api/echo?n={n}") for n in range(count)), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, FAILURES):
            raise answer
    answered = sum(isinstance(answer, dict) and answer["n"] == str(n) for n, answer in enumerate(answers))
    return Tally(count, answered, [answer for answer in answers if isinstance(answer, Exception)])


class Counted:
    """What the server counts from now on for the current session."""

    def __init__(self) -> None:
        self.sid = api.claims.get("sid", "")
        self._before: dict[str, int] | None = None

    async def begin(self) -> "Counted":
        self._before = await self._ask()
        return self

    async def figures(self) -> dict[str, int] | None:
        """By the names of the server's counters; None if the server can't be asked."""
        after = await self._ask()
        if self._before is None or after is None:
            return None
        return {name: after[name] - self._before[name] for name in after}

    async def in_words(self) -> str:
        figures = await self.figures()
        if figures is None:
            return ""
        requests, refreshes = figures["api_requests"], figures["refreshes_asked"]
        return say("counted", requests=many("requests", requests), refreshes=many("refreshes", refreshes))

    async def _ask(self) -> dict[str, int] | None:
        try:
            counters: dict[str, int] = await ask(f"dev/counters?sid={self.sid}")
        except FAILURES:
            return None
        return counters


@asynccontextmanager
async def experiment(name: str, *, running: str = "", ends: bool = False) -> AsyncIterator[Counted | None]:
    """Disable the button `name`, say what is `running`, show what fails, and count. None if it is disabled already."""
    global ending
    with busy(name) as free:
        if not free:
            yield None
            return
        if running:
            tell(f"{name}-message", say(f"{running}.running"))
        ending = ends
        try:
            yield await Counted().begin()
        except FAILURES as error:
            tell(f"{name}-message", in_words(error), "bad")
        finally:
            ending = False


async def revoke_token(sid: str) -> None:
    await ask("dev/revoke", method="POST", json={"sid": sid})


async def plan_fault(sid: str, **fault: Any) -> None:
    """Order a fault of the server, for this session only."""
    await ask("dev/faults", method="POST", json={"path": "/auth/refresh", "sid": sid, **fault})


def tell_what_failed(name: str, tally: Tally) -> None:
    reason = in_words(tally.failures[0])
    tell(f"{name}-message", say("answers.some", answered=tally.answered, count=MANY, reason=reason), "bad")
