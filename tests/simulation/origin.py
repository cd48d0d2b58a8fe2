"""What the pages of one origin share: the browser's keeper of locks, a channel that can't be relied on, and a store.

Modelled on what browser/peers.py makes of Web Locks and a BroadcastChannel:

1. The keeper lives in another process. What a page tells it arrives late, and so does the answer, but in order: each
   page has one pipe there and one back (Chromium's LockManager). Between two pages there is no order.
2. A lock is granted in order of asking. A page that is gone gives back what it has; one that is frozen keeps it, and
   may be granted one that it has asked for.
3. A message goes to every other page on its own: it may be late, come twice or never, and overtake another.
4. A page that is gone runs no more, without a word: no block of its own ends. What it has told or sent is on its way.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.simulation.model import DEADLINE

if TYPE_CHECKING:
    from tests.simulation.run import Run
    from tests.simulation.tab import Tab

PATIENCE = DEADLINE + 5.0  # seconds that a page waits for its turn
TURN = 7.0  # seconds that a turn may last beyond the calls in it: two looks and a landing

CHANNEL_FAULTS = ("lost", "doubled", "late", "very late")
LATE = {"late": 0.3, "very late": 30.0}  # seconds
STORE_FAULTS = ("", "full", "forbidden")

FAR = 10**40  # ms: further than any page says that a session began

Age = tuple[int, str]


@dataclass(frozen=True)
class Issue:
    """What a message between pages says of an access token: which one of which session, and when it was first told.

    A session goes by its name: one that seems to have begun in the future is dated anew.
    """

    age: Age
    number: int
    told_at: float = field(default=0.0, compare=False)

    @property
    def session(self) -> str:
        return self.age[1]

    def dated(self, now: float) -> "Issue":
        """The same; as one before all others, if it began more than a day after now (seconds), in order among these."""
        began = self.age[0]
        return self if began <= now * 1000 + 86_400_000 else replace(self, age=(began - FAR, self.session))

    def began_after(self, other: "Issue") -> bool:
        """Is it of another session, a later one?"""
        return self.session != other.session and self.age > other.age

    def __lt__(self, other: "Issue") -> bool:
        return self.number < other.number if self.session == other.session else self.age < other.age

    @classmethod
    def of(cls, text: str | None) -> "Issue | None":
        if not text:
            return None
        began, session, number = text.split(".")
        return cls((int(began), session), int(number))


def settle(future: "asyncio.Future[Any]", result: Any) -> None:
    if not future.done():  # nobody waits for it any more
        future.set_result(result)


class Pipe:
    """From a page to the browser or back: in order, and each thing takes up to `lag` seconds."""

    def __init__(self, run: "Run", context: Context) -> None:
        self.run = run
        self.context = context
        self.line: deque[Callable[[], object]] = deque()

    def send(self, what: Callable[[], object]) -> None:
        self.line.append(what)
        self.run.later(self.run.lag(), self._arrive, context=self.context)

    def _arrive(self) -> None:
        self.line.popleft()()


@dataclass(eq=False)
class Hold:
    """A lock that is asked for, then held; a shared one shows a sign."""

    page: "LockedPage"
    granted: "asyncio.Future[None]"
    sign: str | None = None

    def ask(self) -> None:
        self.page.to_keeper.send(partial(self.page.origin.ask, self))

    def end(self) -> None:
        if not self.granted.done():
            self.granted.set_result(None)
        self.page.to_keeper.send(partial(self.page.origin.give_back, self))


@dataclass(frozen=True)
class Stranger:
    """A hostile script that shows something where pages show what they hold."""

    shows: str
    says: str  # the same in a message, where there are no locks


class Origin:
    """The keeper of locks, the channel and the store."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.context = Context()  # the browser's own: it belongs to no page
        self.line: list[Hold] = []  # the first has the lock
        self.signs: list[Hold] = []
        self.tabs: list[Tab] = []
        self.faults: list[str] = []  # of the next messages
        self.issues: dict[str, Issue] = {}  # access token → what was told of it
        self.fault_at = -1e9  # when a message was last lost, late or doubled
        self.unheard = False  # somebody has not heard of the beginning or the end of a session, and never will
        self.signed_out: set[Age] = set()
        self.marked = False  # who has the turn is in it, or was left in it
        self.stored: str | None = None
        self.store_fault = ""
        self.store_failed = False
        self.hostile: set[str] = set()  # what a stranger has written
        self.stranger: Stranger | None = None

    # Locks

    def ask(self, hold: Hold) -> None:
        if hold.sign is not None:
            self.signs.append(hold)
            self.grant(hold)
            return
        self.line.append(hold)
        if len(self.line) == 1:
            self.grant(hold)

    def give_back(self, hold: Hold) -> None:
        if hold in self.signs:
            self.signs.remove(hold)
        if hold in self.line:
            had_it = self.line[0] is hold
            self.line.remove(hold)
            if had_it and self.line:
                self.grant(self.line[0])

    def grant(self, hold: Hold) -> None:
        hold.page.from_keeper.send(partial(settle, hold.granted, None))

    def held(self) -> list[str]:
        """The names of all locks that are held: "" is the turn's."""
        shown = [self.stranger.shows] if self.stranger is not None else []
        return [*[""] * bool(self.line), *(hold.sign or "" for hold in self.signs), *shown]

    def leave(self, page: "LockedPage") -> None:
        for hold in [hold for hold in (*self.line, *self.signs) if hold.page is page]:
            self.give_back(hold)

    # The channel

    def post(self, sender: "Tab", text: str) -> None:
        self.note(text, sender)
        for tab in self.tabs:
            if tab is not sender and not tab.gone:
                fault = self.faults.pop(0) if self.faults else ""
                if fault:
                    self.fault_at = self.run.loop.time()
                self.unheard |= fault not in ("", "doubled") and self.is_vital(text, tab)
                for _ in range({"lost": 0, "doubled": 2}.get(fault, 1)):
                    delay = LATE.get(fault, 0.0) + self.run.lag()
                    heard = partial(tab.hear_of_others, text, sender.sign_out_known, tab.signed_out)
                    self.run.later(delay, heard, context=tab.context.copy())
        if self.stranger is not None and json.loads(text).get("courtesy") == "who":
            self.post_hostile("sign", self.stranger.says, [sender])

    def post_hostile(self, form: str, text: str, to: Iterable["Tab"]) -> None:
        """A stranger writes to the channel."""
        for tab in to:
            if not tab.gone:
                self.run.later(self.run.lag(), partial(tab.hear_hostile, form, text), context=tab.context.copy())

    def store_hostile(self, text: str) -> None:
        """A stranger writes to the store: what was kept there is lost."""
        self.hostile.add(text)
        self.stored, self.store_failed = text, True

    @property
    def kept(self) -> dict[str, Any]:
        """What is in the store, if a page has written it."""
        fields: dict[str, Any] = json.loads(self.stored) if self.stored and self.stored not in self.hostile else {}
        return fields

    @staticmethod
    def is_vital(text: str, tab: "Tab") -> bool:
        """Does it tell this page of a session's beginning, or of an end that it has not heard of?"""
        fields = json.loads(text)
        issue = Issue.of(fields.get("edition"))
        if issue is not None and issue.session in tab.over:
            return False
        return fields.get("reason") == "signed_out" or (issue is not None and issue.number == 1)

    @staticmethod
    def tells_of_beginning(fields: dict[str, Any]) -> bool:
        issue = Issue.of(fields.get("edition"))
        return fields.get("type") == "granted" and issue is not None and issue.number == 1

    def note(self, text: str | None, sender: "Tab") -> None:
        fields = json.loads(text) if text else {}
        issue = Issue.of(fields.get("edition"))
        if fields.get("reason") == "signed_out" and issue:
            self.signed_out.add(issue.age)
            sender.over.add(issue.session)
        if fields.get("type") == "granted" and issue:
            self.issues.setdefault(fields["access_token"], replace(issue, told_at=self.run.loop.time()))

    def known_for(self, seconds: float, mine: Issue | None, asker: "Tab") -> bool:
        """Has another page had a newer one for so long, and could it have been heard? Not what is over there."""
        before = self.run.loop.time() - seconds
        if mine is None or self.fault_at > before or asker.thawed_at > before:
            return False
        awake = [tab for tab in self.tabs if tab is not asker and not tab.frozen and tab.thawed_at < before]
        tokens = [tab.session.token for tab in awake if tab.session and tab.session.token.received + tab.slept < before]
        issues = [self.issues.get(token.access_token) for token in tokens]
        mine = mine.dated(self.run.client_time())
        dated = [issue.dated(self.run.client_time()) for issue in issues if issue is not None]
        newer = [issue for issue in dated if issue > mine and issue.session not in asker.over | asker.followed]
        return any(i.told_at < before and i.number > asker.refused.get(i.session, 0) for i in newer)


class Channel:
    """A page's end of the channel."""

    def __init__(self, tab: "Tab", origin: Origin) -> None:
        self.tab = tab
        self.origin = origin

    def listen(self, on_message: Callable[[str], None]) -> None:
        self.tab.heard_others = on_message

    def post(self, message: str) -> None:
        self.tab.hands_over(message)
        if self.tab.heard_others is not None and not self.tab.gone:
            self.origin.post(self.tab, message)

    def close(self) -> None:
        self.tab.heard_others = None


class LockedPage(Channel):
    """`Peers` by locks and a channel."""

    def __init__(self, tab: "Tab", origin: Origin) -> None:
        super().__init__(tab, origin)
        self.to_keeper = Pipe(origin.run, origin.context)
        self.from_keeper = Pipe(origin.run, origin.context)
        self.sign: Hold | None = None
        self.previous_holder_vanished = False

    def lock(self) -> AbstractAsyncContextManager[bool]:
        return self._lock()

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[bool]:
        tab, loop = self.tab, self.origin.run.loop
        asked_at, awake_at = loop.time(), tab.awake
        turn: Hold | None = None
        try:
            try:
                taken = "" in await self._held()
                turn = self._hold()
                await asyncio.wait((turn.granted,))
            finally:
                tab.waited = loop.time() - asked_at
                tab.run.expect(tab.awake <= awake_at + PATIENCE + 1e-6, "the wait for a turn has no bound")
            self.previous_holder_vanished, self.origin.marked = self.origin.marked, True
            tab.has_turn, began, tab.calls_in_turn = True, tab.awake, 0
            try:
                yield taken
            finally:
                tab.has_turn = False
                bound = TURN + DEADLINE * max(1, tab.calls_in_turn)
                tab.run.expect(tab.awake <= began + bound + 1e-6, "a turn has no bound")
            if self.sign is not None:
                await asyncio.wait((self.sign.granted,))  # whoever comes next must see it
        finally:
            if turn is not None and turn.granted.done() and not self.tab.gone:
                self.origin.marked = self.previous_holder_vanished = False
            if turn is not None:
                turn.end()

    def advertise(self, sign: str | None) -> None:
        before, self.sign = self.sign, None if sign is None else self._hold(sign)
        if before is not None:
            before.end()

    async def advertised(self) -> list[str]:
        return [name for name in await self._held() if name]

    def close(self) -> None:
        self.advertise(None)
        super().close()

    def leave(self) -> None:
        """The page is gone."""
        self.to_keeper.send(partial(self.origin.leave, self))

    def _hold(self, sign: str | None = None) -> Hold:
        hold = Hold(self, asyncio.get_running_loop().create_future(), sign)
        if not self.tab.gone:
            hold.ask()
        return hold

    async def _held(self) -> list[str]:
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

        def ask() -> None:
            self.from_keeper.send(partial(settle, answer, self.origin.held()))

        self.to_keeper.send(ask)
        return await answer


class Shelf:
    """A page's view of the origin's store."""

    own = False

    def __init__(self, tab: "Tab", origin: Origin) -> None:
        self.tab = tab
        self.origin = origin

    def read(self) -> str | None:
        if self.origin.store_fault == "forbidden":
            raise PermissionError("forbidden")
        if self.tab.hearing is None:
            self.tab.is_offered(self.origin.stored)
        return self.origin.stored

    def write(self, text: str | None) -> None:
        if self.origin.store_fault == "forbidden" or (self.origin.store_fault == "full" and text is not None):
            if text is None and self.origin.stored:
                self.origin.unheard = True  # it stays, and a page that opens later does not know that it is over
            raise OSError(self.origin.store_fault)
        if not self.tab.gone:
            self.origin.note(text, self.tab)
            self.origin.stored = text


class Drawer:
    """The store of a page that shares nothing: what it keeps tells what it goes on with."""

    own = True

    def __init__(self, tab: "Tab") -> None:
        self.tab = tab
        self.text: str | None = None

    def read(self) -> str | None:
        return self.text

    def write(self, text: str | None) -> None:
        self.text = text
        if text is not None:
            self.tab.hands_over(text)


def peers_of(tab: "Tab", origin: Origin, courtesy: Any) -> Any:
    """The page's peers: by locks, or by `courtesy` over nothing but the channel."""
    if courtesy is None:
        return LockedPage(tab, origin)
    return courtesy.ChannelLockPeers(Channel(tab, origin), clock=tab.run.client_time)
