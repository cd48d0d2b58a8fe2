"""Random programs, run in virtual time, and what must hold of every one of them.

The invariants are checked from the trace of events and the server's log alone.
"""

import asyncio
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from hypothesis import strategies as st

from tests.reissue.virtual_time import VirtualTimeLoop
from tests.simulation.model import API, AUTH, Browser, Fault, Server

USERS = ("ada", "grace")
LONGEST = 400.0  # seconds of virtual time in which every call has settled


@dataclass(frozen=True)
class Step:
    """One thing that happens, `after` so many seconds."""

    after: float
    does: str
    number: int = 1
    kind: str = "none"
    delay: float = 0.01


_DELAYS = st.sampled_from([0.0, 0.0, 0.01, 0.01, 0.5, 3.0, 100.0])
STEPS = st.builds(
    Step,
    after=st.sampled_from([0.0, 0.0, 0.005, 0.01, 0.5, 5.0, 16.0, 25.0]),
    does=st.sampled_from(
        ["fetch"] * 6
        + ["sign_in", "sign_out", "resume", "renew", "cancel", "jump", "wake", "revoke", "kill", "api_fault"]
        + ["auth_fault"] * 3
    ),
    number=st.integers(1, 6),
    kind=st.sampled_from(["none", "unreachable", "lost", "503", "429", "html"]),
    delay=_DELAYS,
)
PROGRAMS = st.lists(STEPS, min_size=1, max_size=25)


class Violation(AssertionError):
    """An invariant that did not hold."""


class Run:
    def __init__(self, reissue: ModuleType, program: list[Step]) -> None:
        self.reissue, self.program = reissue, program
        self.loop = asyncio.get_running_loop()
        self.jumped = 0.0
        self.jumps = [0.0]
        self.server = Server(self.server_time)
        self.browser = Browser(self.server, reissue.Response)
        self.api = reissue.Interceptor(
            self.browser,
            audience=API,
            endpoint=reissue.Endpoint(AUTH),
            clock=self.client_time,
            in_flight=1 + len(program) % 3,
        )
        self.events: list[Any] = []
        self.api.on(self.hear)
        self.server.signed_in = lambda: self.user
        self.tasks: list[asyncio.Task[Any]] = []
        self.entered_as: dict[str, str | None] = {}
        self.user: str | None = None
        self.sign_outs = self.renewing = 0
        self.refresh_began = 0.0
        self.ended: list[tuple[str, int]] = []  # reason, refusals by then
        self.unhandled: list[Any] = []
        self.violations: list[str] = []
        self.cancelled: set[asyncio.Task[Any]] = set()
        self.loop.set_exception_handler(lambda _, context: self.unhandled.append(context))

    def server_time(self) -> float:
        return self.loop.time()

    def client_time(self) -> float:
        return 1_700_000_000.0 + self.loop.time() + self.jumped

    def hear(self, event: Any) -> None:
        self.events.append(event)
        session, refresh = self.reissue.SessionPhase, self.reissue.RefreshPhase
        match event.phase:
            case session.STARTED:
                self.user = self.api._session.credential.access_token.rpartition("-")[2]
            case session.ENDED:
                self.ended.append((event.reason, self.server.refusals))
                if event.reason != "replaced":
                    self.user = None
                elif self.task_name() != "sign_in":
                    self.violations.append("a session was replaced, and not by a sign-in")
            case refresh.STARTED:
                self.refresh_began = self.loop.time()
                self.check_need()
            case refresh():
                if self.loop.time() - self.refresh_began > 46:  # its own 15 s, after two calls that were before it
                    self.violations.append("a refresh took longer than its deadline")

    def check_need(self) -> None:
        """A refresh is for a token that was refused or nears its end, or because somebody asked for it."""
        credential = self.api._session.credential
        # Decided a moment ago: perhaps before the clock was set.
        moments = [self.client_time() - self.jumped + jumped for jumped in self.jumps]
        fresh = all(credential.freshness(moment, leeway=30).name == "FRESH" for moment in moments)
        if fresh and credential.access_token not in self.server.refused_tokens and not self.renewing:
            self.violations.append("a refresh that nobody needed")

    @staticmethod
    def task_name() -> str:
        task = asyncio.current_task()
        return task.get_name() if task else ""

    def start(self, coroutine: Any, name: str = "") -> None:
        self.tasks.append(asyncio.create_task(coroutine, name=name))

    async def fetch(self, name: str) -> Any:
        self.entered_as[name] = self.user
        return await self.api.fetch(API + name, timeout=LONGEST / 2)

    async def sign_in(self, user: str) -> None:
        sign_outs = self.sign_outs
        await self.api.sign_in(username=user)
        if sign_outs != self.sign_outs:
            self.violations.append("a sign-in that a sign-out had overtaken took effect")

    async def sign_out(self) -> None:
        self.sign_outs += 1
        await self.api.sign_out()

    async def renew(self) -> None:
        self.renewing += 1
        try:
            await self.api.renew()
        finally:
            # The refresh that it started may outlive it, if it is cancelled: then it stays "asked for".
            self.renewing -= not asyncio.current_task().cancelling()  # type: ignore[union-attr]

    async def execute(self) -> None:
        await self.api.sign_in(username=USERS[0])
        for index, step in enumerate(self.program):
            await asyncio.sleep(step.after)
            self.perform(step, index)
        # The faults are over: everything settles, and whoever is signed in can work.
        self.browser.api_faults.clear()
        self.browser.auth_faults.clear()
        if self.tasks:
            _, waiting = await asyncio.wait(self.tasks, timeout=LONGEST)
            if waiting:
                raise Violation(f"{len(waiting)} calls never settled")
        await self.check_the_end()
        await self.api.close()
        await asyncio.sleep(1)
        self.check()

    def perform(self, step: Step, index: int) -> None:
        match step.does:
            case "fetch":
                for n in range(step.number):
                    self.start(self.fetch(f"{index}.{n}"))
            case "sign_in":
                self.start(self.sign_in(USERS[step.number % 2]), "sign_in")
            case "sign_out":
                self.start(self.sign_out())
            case "renew":
                self.start(self.renew())
            case "resume":
                self.start(self.api.resume())
            case "cancel" if self.tasks:
                task = self.tasks[step.number % len(self.tasks)]
                self.cancelled.add(task)
                task.cancel()
            case "jump":
                self.jumped += (-40.0, 40.0)[step.number % 2]
                self.jumps.append(self.jumped)
            case "wake":
                self.api.wake()
            case "revoke":
                self.server.access.clear()
            case "kill" if self.server.families:
                self.server.families[-1].alive = False
            case "api_fault":
                self.browser.api_faults += [Fault(step.delay, step.kind)] * step.number
            case "auth_fault":
                self.browser.auth_faults += [Fault(step.delay, step.kind)] * (step.number % 3 + 1)

    async def check_the_end(self) -> None:
        """With the network back, a session that the server knows works, and goes on working."""
        if not self.user:
            return
        try:
            response = await self.fetch("end")
        except self.reissue.RefreshUnavailable:
            await asyncio.sleep(10)  # a Retry-After that is still to pass
            try:
                response = await self.fetch("end2")
            except self.reissue.SessionEnded:
                return
        except self.reissue.SessionEnded:
            return  # judged by `check`: only after a refusal
        if response.status == 401:  # the server revoked the new token, too, before it was used
            response = await self.fetch("end3")
        if response.status != 200:
            raise Violation("the session is on, and the API refuses its renewed token")
        began = self.loop.time()
        await asyncio.gather(*(self.fetch(f"end.{n}") for n in range(4)))
        if self.loop.time() - began > 1:
            raise Violation("requests still wait, though nothing is on the wire")

    def check(self) -> None:
        if self.violations:
            raise Violation(self.violations[0])
        if self.unhandled:
            raise Violation(f"the console is not clean: {self.unhandled[0]}")
        if self.browser.most_auth_calls > 1:
            raise Violation("two calls to the endpoint at once")
        seen: dict[str, list[int]] = {}
        for arrival in self.server.arrivals:
            statuses = seen.setdefault(arrival.request, [])
            if statuses and statuses != [401]:
                raise Violation(f"sent again after {statuses}")
            statuses.append(arrival.status)
            entered = self.entered_as[arrival.request]
            if arrival.user is not None and entered is not None and arrival.user != entered:
                raise Violation(f"{entered}'s request was sent as {arrival.user}")
            if arrival.user is not None and arrival.user != arrival.signed_in:
                raise Violation(f"{arrival.user}'s token was sent after the session's end")
        for token in self.server.reused:
            if token not in self.browser.lost:  # what was lost, nobody but the server knows
                raise Violation("a refresh token was presented twice")
        for reason, refusals in self.ended:
            if reason == "refused" and not refusals:
                raise Violation("signed out without a refusal")
        ends = [e.session for e in self.events if e.phase is self.reissue.SessionPhase.ENDED]
        if len(ends) != len(set(ends)):
            raise Violation("the end of a session was told twice")
        for task in self.tasks:
            if task.cancelled() and task not in self.cancelled:
                raise Violation("a call was cancelled that nobody cancelled")
            error: Any = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, self.reissue.ReissueError | OSError):
                raise Violation(f"an undocumented error: {error!r}")
            if isinstance(error, self.reissue.RefreshUnavailable) and (
                (error.__cause__, error.retry_after, error.status) == (None, None, None)
            ):
                raise Violation(f"an outage without a cause: {error}")


def run(reissue: ModuleType, program: list[Step]) -> Run:
    """Run a program to its end. Raises Violation."""
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(_run(reissue, program))
    except RuntimeError as error:  # nothing left that could bring what is waited for
        raise Violation(f"a call hangs: {error}") from error
    finally:
        loop.close()


async def _run(reissue: ModuleType, program: list[Step]) -> Run:
    this = Run(reissue, program)
    await this.execute()
    return this
