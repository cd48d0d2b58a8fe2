"""Runs a program in virtual time. The same program gives the same run, to the last callback.

What is not held against the core where several tabs share a session, since no page could know better:

1. A refresh token is presented again after its successor was lost on the wire; came to a page that was gone by then
   (with a cookie: that lands more than about a second after the page has gone); or was held last by a page that is
   gone, or has let go of it, before any other page or the store had it (`lose_copy`, refresh tokens in the page only;
   a store that was ever full or forbidden does not count).
2. With opaque tokens and a cookie, the cookie became another user's by a sign-in that was lost, was left in the middle
   or before anybody was told of it (`lose_owner`), or was overtaken by an answer to a page without a turn; by courtesy,
   at any time (`Browser.doubt`).
3. The tabs don't agree on whether anybody is signed in, after a message that told of a session's beginning or its end
   was lost or late (a page that opens meanwhile never hears of it; one that signs out meanwhile takes it for old), or
   one that told of an earlier session has come after the sign-out of a later one; or a sign-out could not be written to
   the store, where a page finds it later.
4. A page asks its user for a step-up that another has brought, if its own token for the other API is older than that;
   or that it has seen itself, if the same user signed in elsewhere since, without it, or if the cookie of an answer
   that was on its way has landed over that of the app's own sign-in.
5. Somebody who has signed out is signed in by a cookie of an earlier session that landed after the deadline of the call
   that brought it: nobody waits for it any more, and the server was told of the later session. Or after a sign-out
   that seems earlier than a session of which its page had not heard, since the clock was put back.
6. Turns by courtesy overlap, and a refresh token is presented twice for it: `channel_lock` says that it is
   no guarantee.
"""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.reissue.virtual_time import VirtualTimeLoop
from tests.simulation.model import (
    API_FAULTS,
    AUTH_FAULTS,
    STRANGE_FAULTS,
    USERS,
    Browser,
    Exchange,
    Family,
    Fault,
    Server,
)
from tests.simulation.origin import CHANNEL_FAULTS, STORE_FAULTS, Origin, Stranger
from tests.simulation.program import JUMPS, Program, Step
from tests.simulation.strangers import MARKS, message
from tests.simulation.tab import MARK_LIFE, TIMEOUT, Tab, Violation

A_LONG_TIME = 1e7  # seconds after which no sign-out is of anybody's interest
LONGEST = 2 * TIMEOUT  # seconds of virtual time in which every call has settled
MOST_TABS = 4


class Run:
    """One server, one browser, and its tabs. One that shares nothing is the newest, and looked at."""

    def __init__(self, reissue: ModuleType, program: Program, loop: VirtualTimeLoop, chance: random.Random) -> None:
        self.reissue, self.program = reissue, program
        self.loop, self.chance = loop, chance
        self.jumped = 0.0
        self.jumps = [0.0]
        self.server = Server(
            self.loop.time,
            opaque=program.opaque,
            in_body=program.in_body,
            bound=program.bound,
            dialect=program.dialect,
            deaf=program.deaf,
            names=program.names,
            subject=program.subject,
        )
        self.browser = Browser(self.server, reissue.Response)
        self.browser.sends_sign_out = self.send_sign_out
        self.browser.hears_sign_out = self.hear_sign_out
        self.browser.hears_sign_in = self.hear_sign_in
        self.sent_sign_out = 0  # the last that somebody has tried to tell the server of, or that is of no interest now
        self.mark_spoiled = False  # by a stranger
        self.sign_outs = 0  # that anybody has asked for, in whichever tab
        self.signed_in_elsewhere = False  # somebody has, at some time: where tokens name nobody, none could know
        # The cookie may be of another sign-in than the tokens: one was lost, or an answer was on its way when the app's
        # own call brought a cookie, and either may land last.
        self.crossed = False
        self.untold_of = 0  # the last of those that the server may not have heard of, and has not refused for good
        self.jumped_at = -1e9
        self.heard: list[Any] = []  # every event of every tab
        self.trace: tuple[Any, ...] = ()  # those until the end
        self.violations: list[str] = []
        self.over: list[Family] = []  # that somebody signed out, and nobody in since
        self.over_since = 0.0  # by the pages' clock
        self.untold = import_module("reissue.storage").Memory()
        self.unhandled: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.unhandled.append(context))
        self.tabs: list[Tab] = []  # all that there ever were
        self.origin = Origin(self) if program.tabs else None
        if program.courtesy:
            self.browser.doubt()
        self.open_tabs: list[Tab] = self.origin.tabs if self.origin else []
        for _ in range(max(1, program.tabs)):
            self.open()

    @property
    def tab(self) -> Tab:
        return self.tabs[-1]

    def open(self) -> Tab:
        tab = Tab(
            self,
            self.reissue,
            self.browser,
            in_flight=self.program.in_flight,
            judge=self.program.judge,
            origin=self.origin,
            courtesy=import_module("reissue.tabs.channel_lock") if self.program.courtesy else None,
            stored=self.program.stored,
        )
        self.tabs.append(tab)
        if self.origin is not None:
            self.open_tabs.append(tab)
        return tab

    def signs_in(self, family: Family, page: Tab) -> None:
        """A page has begun this by a sign-in of its own."""
        family.page = page
        self.over = [other for other in self.over if other is not family]
        family.after = family.asked_after
        self.sent_sign_out = self.sign_outs
        self.untold_of = 0

    def lag(self) -> float:
        """Seconds that something takes within the browser."""
        return self.chance.uniform(0, self.program.lag) if self.program.lag else 0.0

    def later(self, delay: float, what: Callable[[], object], *, context: Context) -> None:
        if delay:
            self.loop.call_later(delay, what, context=context)
        else:
            self.loop.call_soon(what, context=context)

    def lose_copy(self, refresh_token: str | None) -> None:
        """A page lets go of its copy. If that was the last, no page can know that the one before it is spent."""
        family = self.server.family_of(refresh_token)
        if self.origin is None or not self.server.in_body or family is None:
            return
        copies = [tab.session.refresh_token for tab in self.open_tabs if tab.session is not None]
        if not self.origin.store_failed:
            copies.append(self.origin.kept.get("refresh_token"))
        if family.current not in copies:
            self.browser.lost |= family.spent

    def lose_owner(self) -> None:
        """A page is gone. If no other was told whose the cookie is now, and another user's session is left, none knows.

        It may be left in a store as well, of which nobody could take it away.
        """
        if self.origin is None:
            return
        users = {tab.session.user for tab in self.open_tabs if tab.session is not None and not tab.gone}
        stored = self.origin.kept.get("access_token")
        left = users | ({self.server.access[stored].family.user} if stored else set())
        family = self.server.family_of(self.browser.cookie)
        known = users if self.origin.store_failed else left
        if family is not None and family.user not in known and left - {family.user}:
            self.browser.doubt()

    def send_sign_out(self) -> None:
        self.sent_sign_out = self.sign_outs

    def hear_sign_in(self, exchange: Exchange) -> None:
        """The server has heard of every sign-out that the page knew of as it asked, if it could be told (S5)."""
        known = exchange.fields.get("after", -1)
        apart = self.program.courtesy or self.server.in_body or self.mark_spoiled  # each tells of its own
        first = known <= self.sent_sign_out or not exchange.in_turn or apart or self.sign_out_aged
        self.expect(first, "a sign-in has come before the sign-out that it follows (S5)")

    def hear_sign_out(self, exchange: Exchange) -> None:
        """The server is told of a sign-out. Nobody's who had heard of all sign-outs when they signed in (S5).

        By courtesy, or of two pages that waited too long for their turns, either may come first; and of two pages if
        the clock was set by more than a day in between, since no page takes the mark for one then.
        """
        family = self.server.family_of(exchange.held)
        if family is not None and exchange.in_turn and not self.program.courtesy:
            unmarked = self.sign_out_aged and family.page not in (None, exchange.page)
            self.expect(
                unmarked or family.after < self.sign_outs, "a sign-out has ended a session that began after it (S5)"
            )

    @property
    def sign_out_aged(self) -> bool:
        """Is the last sign-out more than a day away by the pages' clock, before or after?"""
        return self.sign_outs > 0 and abs(self.client_time() - self.over_since) > MARK_LIFE

    def client_time(self) -> float:
        return 1_700_000_000.0 + self.loop.time() + self.jumped

    def expect(self, holds: bool, otherwise: str) -> None:
        """Kept until the end: what is raised within the core is the core's to deal with."""
        if not holds:
            self.violations.append(f"{otherwise}, at {self.loop.time():g} s")

    async def execute(self) -> None:
        await self.tabs[0].sign_in(USERS[0])
        for index, step in enumerate(self.program.steps):
            await asyncio.sleep(step.after)
            self.perform(step, str(index))
        # The faults are over: everything settles, and whoever is signed in can work.
        for tab in self.tabs:
            tab.reactions.clear()
            tab.welcomes.clear()
        self.browser.api_faults.clear()
        self.browser.auth_faults.clear()
        self.browser.slow_proofs.clear()
        for nonces in self.server.nonces.values():
            nonces.once = False
        if self.origin is not None:
            self.origin.faults.clear()
            self.origin.store_fault = ""
            for tab in self.open_tabs:
                tab.thaw()
        await asyncio.sleep(1)  # who is leaving, leaves
        await self.settle()
        await asyncio.sleep(LONGEST)  # what was on the wire has landed, and every Retry-After has passed
        await (self.check_the_end() if self.origin is None else self.check_that_all_agree())
        if self.program.strangers:
            await self.check_that_who_signed_in_is_resumed()
            await self.check_that_nobody_is_locked_out()
            await self.check_that_no_sign_out_lives_on()
        for tab in self.tabs:
            if not tab.gone:
                await tab.close()
        await self.settle()
        await asyncio.sleep(1)
        self.check()

    async def settle(self) -> None:
        here = [tab for tab in self.tabs if not tab.gone]
        tasks = [task for tab in here for task in (*tab.tasks, *([tab.stream] if tab.closing else []))]
        waiting = (await asyncio.wait(tasks, timeout=LONGEST))[1] if tasks else set()
        self.expect(not waiting, f"{len(waiting)} calls never settled")

    def perform(self, step: Step, name: str) -> None:
        if self.origin is None:
            if self.tab.let_go:
                self.open()
                self.tab.start(self.tab.api.resume())
            self.perform_in(self.tab, step, name)
            return
        tab = self.open_tabs[step.tab % len(self.open_tabs)] if self.open_tabs else self.open()
        if tab.frozen and step.does not in ("crash", "thaw"):
            return  # nobody looks at it
        self.perform_in(tab, step, name)

    def leave(self, tab: Tab) -> None:
        """The page is gone, by the user's will or not."""
        if not tab.gone:
            tab.leave()
            if tab in self.open_tabs:
                self.open_tabs.remove(tab)

    def reload(self, tab: Tab) -> None:
        if tab.gone:
            return
        self.leave(tab)
        new = self.open()
        new.start(new.api.resume())

    async def connect_again(self, tab: Tab) -> None:
        """What an app does that has a client and wants another: two at once would be two pages without peers.

        If it is cancelled in between, it has none. It connects with its next step for which the old one has let go.
        """
        if tab.closing:
            return
        await tab.close()
        await self.open().api.resume()

    def perform_in(self, tab: Tab, step: Step, name: str) -> None:
        match step.does:
            case "fetch":
                for n in range(step.number):
                    tab.start(tab.fetch(f"{name}.{n}", step.kind or "plain"), f"{name}.{n}")
            case "sign_in":
                tab.start(tab.sign_in(USERS[step.number % 2]))
            case "adopt" if self.program.opaque and not self.program.in_body:
                # The app's own sign-in may meet a refresh on the way: whose cookie is left, only `sub` can tell.
                tab.start(tab.sign_in(USERS[step.number % 2]))
            case "adopt":
                tab.start(tab.adopt(USERS[step.number % 2]))
            case "sign_out":
                tab.start(tab.sign_out())
            case "renew":
                tab.start(tab.renew())
            case "resume":
                tab.start(tab.api.resume())
            case "open":
                if len(self.open_tabs) < MOST_TABS:
                    new = self.open()
                    new.start(new.api.resume())
            case "crash":
                self.later(0, lambda: self.leave(tab), context=self.browser.context)
            case "reload" if self.origin is not None:
                self.later(0, lambda: self.reload(tab), context=self.browser.context)
            case "close":
                if tab in self.open_tabs:
                    self.open_tabs.remove(tab)
                if tab.session is not None:
                    self.lose_copy(tab.session.refresh_token)
                self.lose_owner()
                tab.start(tab.close())
            case "switch":
                tab.start(tab.sign_out())
                tab.start(tab.sign_in(USERS[step.number % 2]))
            case "welcome":
                tab.welcomes.append(USERS[step.number % 2])
            case "elsewhere":
                self.sign_in_elsewhere(USERS[step.number % 2])
            case "hostile" if self.origin is not None and step.kind == "sign":
                says = self.message("sign", step.number)
                self.origin.stranger = Stranger(json.loads(says)["of"], says)
            case "hostile" if self.origin is not None:
                self.origin.post_hostile(step.kind, self.message(step.kind, step.number), self.open_tabs)
            case "hostile_store" if self.origin is None:
                tab.drawer.text = self.message(step.kind, step.number)
            case "hostile_store":
                self.spoil_store(self.message(step.kind, step.number))
            case "hostile_mark":
                self.mark_spoiled = True
                self.untold.write(MARKS[step.number % len(MARKS)])
            case "freeze":
                tab.freeze()
            case "thaw":
                tab.thaw()
            case "message_fault" if self.origin is not None:
                assert step.kind in CHANNEL_FAULTS
                self.origin.faults += [step.kind] * step.number
            case "store_fault" if self.origin is not None:
                assert step.kind in STORE_FAULTS
                self.origin.store_fault = step.kind
                self.origin.store_failed = True  # some page may do without it from now on
            case "reload":
                tab.start(self.connect_again(tab))
            case "cancel":
                tab.cancel(step.number)
            case "abort":
                tab.abort()
            case "jump":
                self.jumped += JUMPS[step.number % len(JUMPS)]
                self.jumped_at = self.loop.time()
                self.jumps.append(self.jumped)
                for session in [session for tab in self.tabs for session in tab.sessions.values()]:
                    session.wait_until = session.busy_until = 0.0  # who can tell now
            case "wake":
                tab.context.run(tab.api._lifecycle.wake)
            case "revoke":
                self.server.revoke()
            case "nonce":
                self.server.change_nonces(step.kind, step.number)
            case "slow_proofs":
                self.browser.slow_proofs += [step.delay] * step.number
            case "kill":
                self.server.families[-1].alive = False
            case "react":
                reaction = Step(step.kind, number=step.number, tab=step.tab)
                tab.reactions.append((step.number, lambda: self.perform(reaction, f"{name}r")))
            case "api_fault":
                assert step.kind in API_FAULTS
                self.browser.api_faults += [Fault(step.delay, step.kind)] * step.number
            case "auth_fault":
                assert step.kind in (*AUTH_FAULTS, *STRANGE_FAULTS)
                self.browser.auth_faults += [Fault(step.delay, step.kind)] * step.number
            case _:
                raise ValueError(f"no such step: {step.does}")

    def message(self, form: str, number: int) -> str:
        return message(form, number, now=self.client_time(), bound=bool(self.program.bound))

    def spoil_store(self, text: str) -> None:
        assert self.origin is not None
        before = self.server.family_of(self.origin.kept.get("refresh_token"))
        self.origin.store_hostile(text)
        self.lose_copy(before.current if before is not None else None)
        self.lose_owner()

    def sign_in_elsewhere(self, user: str) -> Family | None:
        """A user signs in at the server, by no client of ours: all that comes of it is a cookie."""
        if self.server.in_body:
            return None
        # A tab that is frozen may be about to tell the server of a sign-out that another has told it of since.
        at_rest = not self.untold_of and not any(tab.signing_out or tab.frozen for tab in self.tabs)
        family, _ = self.server.sign_in(user)
        family.after = self.sign_outs if at_rest else -1
        self.browser.cookie = family.current
        self.signed_in_elsewhere = True
        self.browser.doubt()
        return family

    async def check_the_end(self) -> None:
        """With the network back, a session that the server knows works, and whoever signs in can work."""
        if self.tab.closing:
            self.expect(self.tab.let_go, "closed, and not let go")
            await self.open().api.resume()
        tab, session = self.tab, self.tab.session
        if session is not None:
            held = session.refresh_token if self.server.in_body else self.browser.cookie
            family = self.server.family_of(held)
            known = family is not None and family.alive and held == family.current and family.user == session.user
            try:
                status = (await tab.fetch("end")).status
                self.expect(status == 200, f"the session is on, and a request gets {status}")
                status = (await self.fetch_other(tab)).status
                self.expect(status == 200, f"the session is on, and a request to the other API gets {status}")
            except (self.reissue.SessionEnded, self.reissue.SessionChanged) as error:
                surprising = known and not session.refused and not session.exchange_refused and not session.doubtful
                self.expect(not surprising, f"the server knows the session, and a request gets {error!r}")
        if tab.session is None:
            await tab.sign_in(USERS[1])
            self.expect((await tab.fetch("end2")).status == 200, "signed in anew, and nothing works")
        began = self.loop.time()
        await asyncio.gather(*(tab.fetch(f"end.{n}") for n in range(4)))
        self.expect(self.loop.time() - began < 1, "requests still wait, though nothing is on the wire")

    async def check_that_all_agree(self) -> None:
        """With all faults over, every tab works or is signed out, and all agree on who is signed in."""
        for _ in range(2):  # who missed a message hears of it at its next refresh
            for tab in self.open_tabs:
                with suppress(self.reissue.ReissueError):
                    await self.let(tab, tab.fetch(f"end{self.loop.time()}"))
                await asyncio.sleep(1)
            await asyncio.sleep(LONGEST)
        stays_out = self.who_stays_out()
        users = {
            tab.session.user if tab.session is not None else None for tab in self.open_tabs if tab not in stays_out
        }
        if self.origin is not None and self.origin.unheard:
            users.discard(None)  # if the server did not hear of it either, the others go on
        self.expect(len(users) <= 1, f"the tabs don't agree on who is signed in: {users}")
        if not self.open_tabs:
            self.open()
        tab = self.open_tabs[-1]
        if tab.session is None:
            await self.let(tab, tab.sign_in(USERS[1]))
            await asyncio.sleep(1)
        for tab in self.open_tabs:
            try:
                status = (await self.let(tab, tab.fetch("end"))).status
                self.expect(status == 200, f"the session is on, and a request gets {status}")
                status = (await self.let(tab, self.fetch_other(tab))).status
                self.expect(status == 200, f"the session is on, and a request to the other API gets {status}")
            except self.reissue.ReissueError as error:
                unheard = self.origin is not None and self.origin.unheard
                excused = tab.session is None and (unheard or tab in stays_out)
                self.expect(excused, f"all are signed in, and a request gets {error!r}")

    def who_stays_out(self) -> list[Tab]:
        """A page does not go back to a session that it has replaced, though the later one was refused since."""
        on = {tab.held.session for tab in self.open_tabs if tab.session is not None and tab.held is not None}
        return [tab for tab in self.open_tabs if tab.session is None and on & tab.replaced]

    async def check_that_who_signed_in_is_resumed(self) -> None:
        """A page that opens later finds whoever has signed in, if nobody has signed out since (S5, F17)."""
        family = self.server.family_of(self.browser.cookie)
        if family is None or not family.alive or self.browser.cookie != family.current or self.server.in_body:
            return
        if family.after == self.sign_outs:
            if self.origin is None:
                await self.tab.close()
            tab = self.open()
            self.expect(await self.let(tab, tab.api.resume()), "who has signed in is not resumed")

    async def check_that_nobody_is_locked_out(self) -> None:
        """The server ends every session: each page hears that it has ended, and who signs in again can work (F13)."""
        await asyncio.sleep(1)  # every page has the newest token: one that comes between two attempts takes a replay
        for family in self.server.families:
            family.alive = False
        tabs = self.open_tabs if self.origin is not None else [self.tab]
        for tab in tabs:
            with suppress(self.reissue.SessionEnded):
                status = (await self.let(tab, tab.fetch(f"locked{self.loop.time()}"))).status
                if status == 401 and self.origin is not None and self.origin.store_failed:
                    # Another page has found there what is over, and its token took the replay.
                    status = (await self.let(tab, tab.fetch(f"locked{self.loop.time()}"))).status
                self.expect(False, f"no session is left, and a request gets {status}")
        await asyncio.sleep(1)  # what an app has resumed meanwhile, from a store that failed once, is refused
        for tab in tabs:
            self.expect(not await self.let(tab, tab.api.resume()), "no session is left, and one is resumed")
        await self.let(tabs[-1], tabs[-1].sign_in(USERS[1]))
        await asyncio.sleep(1)
        for tab in tabs:
            status = (await self.let(tab, tab.fetch("unlocked"))).status
            self.expect(status == 200, f"signed in again, and a request gets {status}")

    async def check_that_no_sign_out_lives_on(self) -> None:
        """Somebody signs out, whatever the server makes of that. Whoever signs in elsewhere later stays so (F17)."""
        if self.server.in_body:
            return
        tabs = list(self.open_tabs) if self.origin is not None else [self.tab]
        with suppress(self.reissue.ReissueError, OSError):
            await self.let(tabs[-1], tabs[-1].sign_out())
        await asyncio.sleep(1)
        for tab in tabs:
            await tab.close()
            if tab in self.open_tabs:
                self.open_tabs.remove(tab)
        self.jumped = max(self.jumps) + A_LONG_TIME  # also for a sign-out that fails for ever
        self.jumps.append(self.jumped)
        family = self.sign_in_elsewhere(USERS[0])
        tab = self.open()
        self.expect(await self.let(tab, tab.api.resume()), "who has signed in elsewhere is not resumed")
        self.expect(family is not None and family.alive, "an earlier sign-out has ended who signed in elsewhere")

    async def fetch_other(self, tab: Tab) -> Any:
        """A request to the other API. Where nobody can tell whose the cookie is, its first token may be refused."""
        session = tab.session
        try:
            return await tab.fetch("end.other", "other")
        except self.reissue.SessionChanged:
            anothers = session is not None and session.may_be_anothers
            self.expect(anothers, "the session was not another's")
            await asyncio.sleep(1)
            return await tab.fetch("end.other again", "other")

    async def let(self, tab: Tab, coroutine: Any) -> Any:
        tab.start(coroutine)
        return await tab.tasks[-1]

    def check(self) -> None:
        for tab in self.tabs:
            tab.check_calls()
        if self.program.courtesy:
            self.server.reused.clear()  # turns by courtesy are no guarantee, and say so
        for token in self.server.reused:  # what was lost, nobody but the server knows
            self.expect(token in self.browser.lost, "a refresh token was presented twice")
        self.expect(not self.unhandled, f"the console is not clean: {self.unhandled[:1]}")
        left = {task for task in asyncio.all_tasks() if not getattr(self.loop.pages[task], "gone", False)}
        left.discard(asyncio.current_task())
        self.expect(not left, f"{len(left)} tasks are left behind")
        if self.violations:
            raise Violation(self.violations[0])


def run(reissue: ModuleType, program: Program) -> Run:
    """Run a program to its end. Raises Violation, which says how to run it again."""
    loop = VirtualTimeLoop(program.seed)
    chance = random.Random(program.seed)
    # The jitter of pauses and the names of sessions come from the system; here they come from the program, too.
    system = SimpleNamespace(urandom=chance.randbytes)
    import_module("reissue.tabs.channel_lock")
    with (
        patch.object(reissue.session.backoff, "os", system),
        patch.object(reissue.tabs.known_versions, "os", system),
        patch.object(reissue.tabs.sign_out_marks, "os", system),
        patch.object(reissue.tabs.channel_lock, "os", system),
    ):
        try:
            return loop.run_until_complete(_run(reissue, program, loop, chance))
        except (Exception, asyncio.CancelledError) as error:
            what = error if isinstance(error, Violation) else f"{type(error).__name__}: {error}"
            raise Violation(f'{what}\n    make simulate PROGRAM="{program}"') from error
        finally:
            _abandon(loop)


async def _run(reissue: ModuleType, program: Program, loop: VirtualTimeLoop, chance: random.Random) -> Run:
    this = Run(reissue, program, loop, chance)
    await this.execute()
    this.trace = tuple(this.heard)
    return this


def _abandon(loop: VirtualTimeLoop) -> None:
    """Close the loop, and let what pages that are gone, or a violation, have left behind go without a word."""
    loop.set_exception_handler(lambda *_: None)
    loop.thaw_all()
    for _ in range(10):  # what ends may start another
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=1))
    loop.close()
