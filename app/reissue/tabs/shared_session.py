"""Many pages, one session: who refreshes, who takes over, and when to give up.

Every page of an origin (tab, window, worker) that goes by the same name is signed in together, and so are two clients
in one page: they share one refresh token, and a server that rotates it takes two refreshes at once for a theft.

Theory of operation:

1. The endpoint is called in turn. A turn is a lock over all pages, held for one call and never stolen; the wait for it
   is bounded (T1, T4, T5). It lasts until the call has ended, also if nobody waits for the answer any more (S2).
2. Whoever has the turn looks first whether another page was granted something newer, and takes that over. Messages may
   lag behind the lock, so every page *shows* the edition it holds where the lock's keeper sees it: a newer one means
   that a message is on its way. It is asked for, and waited for, a bounded time.
3. A page may be left in the middle of its turn, by a reload or a crash. Its request is sent so that the browser sees it
   through (`keepalive`), so the next in line gives the new cookie a moment to land (T7).
4. What a page is granted it shows, keeps and hands to all before its turn ends. A page that opens later asks for it.
5. Editions are ordered. Messages may come late, twice, out of order or never: what is not newer is ignored.
6. Whoever is refused looks again before it declares the end (T3), and its word ends no newer edition.
7. A sign-out is told at once, without a turn. It ends every edition of its session (T8), one on its way included.
   Every page that it ends passes it on: to one that has opened meanwhile, or that the first word did not reach.
8. Until the endpoint knows of a sign-out, a mark tells all pages, later ones too: who holds no session takes none that
   began before it. See `pending_sign_out`. While a page is about to tell the endpoint, it shows that to the lock's
   keeper, too: whoever signs in meanwhile in another page tells the endpoint first (S5). So no page need
   wait for another's place.
9. A sign-out ends no session that a sign-in began after it. Whoever is about to tell the endpoint looks for such first.
   Whose the cookie is beside one that began otherwise (adopted, or by the cookie itself, while a call that brings
   another was on its way), nobody knows: there it is told, so that nobody who signed out is signed in again.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from ..concurrency.line import Line, Place
from ..concurrency.timers import time_limit
from ..errors import EndReason, RefreshUnavailable
from ..events import StorePhase
from ..storage import Memory, Store
from ..tokens.credentials import Credential
from .peers import Alone, Neighbours
from .pending_sign_out import Mark, Untold
from .protocol import AHEAD, ALL, BY_SIGN_IN, Asked, Edition, Ended, Granted, Left, Over, read, written

ANSWER_WITHIN = 2.0
"""Seconds that a page waits for another to hand over what it shows. One that is awake answers in milliseconds."""

LANDING = 3.0
"""Seconds for the answer to a page that is gone to land in the browser. Passes only after a turn that was cut off."""

ABOUT_TO_TELL = 60.0
"""Seconds for which a page is believed that is about to tell of a sign-out. One that shows it for longer is frozen."""

T = TypeVar("T")

_SIGNED_OUT = "signed-out"


class Sharing:
    """One page's part in the session.

    `patience` (seconds) bounds the wait for a turn. `accepts` says whether this client can send a credential that
    others have: one that it can't is none. `taken` is called with the credential that another page was
    granted, and whether it is the same session's; `ended` when another page ended the session; `warn` once, if the
    store does not keep things.
    """

    def __init__(
        self,
        neighbours: Neighbours,
        store: Store,
        untold: Untold,
        *,
        clock: Callable[[], float],
        patience: float,
        accepts: Callable[[Credential], bool],
        taken: Callable[[Credential, bool], None],
        ended: Callable[[EndReason], None],
        warn: Callable[[StorePhase], None],
    ) -> None:
        self._neighbours = neighbours
        self._store = store
        self._untold = untold
        self._clock = clock
        self._patience = patience
        self._accepts = accepts
        self._taken = taken
        self._ended = ended
        self._warn = warn
        self._mine: Granted | None = None  # what this page holds
        self._newest: Edition | None = None  # that another page was seen to hold
        self._known_until = 0  # the endpoint knows of every sign-out up to then (ms)
        self._latest = 0  # time (ms) at which a session is known to have begun
        self._signed_in = 0  # the same, of those that a sign-in has begun in its page's turn
        self._over = Over()
        self._line = Line()  # of the calls in this page
        self._name = os.urandom(8).hex()  # tells its own sign from those of others
        self._elsewhere: Mark | None = None  # the latest that another page was seen to be about to tell
        self._came: bool  # did this turn come in time?
        self._unheeded: asyncio.Task[Any] | None = None  # the call of this turn, if its caller is gone
        self._lasting: asyncio.Task[None] | None = None  # a loop holds its tasks weakly
        self._news = asyncio.Event()
        neighbours.listen(self._heard)

    @property
    def store_area(self) -> str:
        """The name of the browser's storage that holds the session; "memory" for any other store."""
        area: str = getattr(self._store, "area", "memory")
        return area

    @property
    def _now(self) -> int:
        """The time (ms)."""
        return int(self._clock() * 1000)

    @property
    def _began(self) -> int:
        """The latest time (ms) at which a session is known to have begun: 0 if this clock has been put back since."""
        return self._latest if self._latest <= self._now + AHEAD else 0

    @property
    def _edition(self) -> Edition | None:
        """What this page holds."""
        return self._mine.edition.dated(self._clock()) if self._mine else None

    @property
    def with_others(self) -> bool:
        """May another page hold this session?"""
        return not isinstance(self._neighbours, Alone)

    @property
    def in_turn(self) -> bool:
        """Has this page the turn, or asked for it?"""
        return bool(self._line)

    def place(self) -> Place:
        """A place in this page's line, taken at once: for `turn`."""
        return self._line.join()

    @asynccontextmanager
    async def turn(self, place: Place | None = None) -> AsyncIterator[None]:
        """This page's turn to call the endpoint, in the order of asking, or in that of the `place` taken before.

        It may not come in time: its holder is frozen, or many wait for a slow endpoint. Who is to present a refresh
        token says so by `check_turn`; other calls do without.
        """
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(place or self._line.join())
            before = self._mine
            try:
                await self._await_turn(turn)
                yield
            finally:
                call, self._unheeded = self._unheeded, None
                if call is None:
                    self._leave(before)
                else:
                    self._lasting = asyncio.create_task(self._last(call, before, turn.pop_all()))

    async def _await_turn(self, turn: AsyncExitStack) -> None:
        before = self._mine
        self._news.clear()
        self._came = True
        try:
            async with time_limit(self._patience):
                waited = await turn.enter_async_context(self._neighbours.lock())
        except TimeoutError:
            self._came = False
            await self.look_around()
            return
        if self._neighbours.cut_off:
            self._news.clear()  # what was heard is of an earlier turn
        await self.look_around()
        left_in_a_hurry = self._neighbours.cut_off or (waited and not self._news.is_set())
        if left_in_a_hurry and self._newest is None and self._mine is before:
            await self._hear(LANDING)

    def check_turn(self) -> None:
        """Raises RefreshUnavailable if this turn did not come in time."""
        if not self._came:
            raise RefreshUnavailable("another page has the turn to refresh, and does not end it")

    async def see_through(
        self, call: Callable[[], Coroutine[Any, Any, T]], late: Callable[[T | BaseException], None] | None
    ) -> T:
        """The result of a call in this turn. If its caller is cancelled it goes on, and so does the turn.

        The browser stores the cookie that an answer brings, whoever waits for it: the next call must not come before
        (S2). `late` gets the result, or the error, that nobody waits for any more.
        """
        caller = asyncio.current_task()
        assert caller is not None, "a coroutine runs in a task"
        requests, begun = caller.cancelling(), False

        async def begin() -> T:
            nonlocal begun
            if caller.cancelling() > requests:  # in the step before: nothing has been sent, and nothing will be
                raise asyncio.CancelledError
            begun = True
            return await call()

        task = asyncio.create_task(begin())
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            if begun:
                self._unheeded = task
                if late is not None:
                    task.add_done_callback(partial(_give, late))
            else:
                task.cancel()
            raise
        return task.result()

    async def _last(self, call: asyncio.Task[Any], before: Granted | None, turn: AsyncExitStack) -> None:
        """The rest of a turn whose caller is gone."""
        async with turn:
            await asyncio.wait((call,))
            if not call.cancelled():
                call.exception()  # consumed: nobody waits for it
            self._leave(before)

    def _leave(self, before: Granted | None) -> None:
        if self._mine is before:
            self._neighbours.post(written(Left()))

    async def look(self) -> bool:
        """Take over what another page was granted meanwhile. False if there is something newer that can't be had."""
        self._look_into_store()
        await self.look_around()
        newest = self._newest
        if newest is not None:
            self._neighbours.post(written(Asked()))
        while newest is not None and not self._knows(newest):
            self._news.clear()
            if not await self._hear(ANSWER_WITHIN):
                return False  # it shows what it does not give: frozen, most likely
        return True

    async def look_around(self) -> None:
        """See what the others show, so that what begins here is later than that, whatever the clock says."""
        self._notice(await self._neighbours.seen())

    async def _hear(self, within: float) -> bool:
        """Wait for the next message that changes something; False if none comes in so many seconds."""
        try:
            async with asyncio.timeout(within):
                return await self._news.wait()
        except TimeoutError:
            return False

    def hand_over(self, credential: Credential, *, begins: bool, by_sign_in: bool = False) -> None:
        """Show, keep and tell what this page was granted: a session's first credential, or the next of its own.

        `by_sign_in`: the session has begun by a sign-in at the endpoint, in this turn.
        """
        mine = self._edition
        newest = max((edition.dated(self._clock()) for edition in (mine, self._newest) if edition), default=None)
        if mine and newest and newest.session == mine.session and newest.number + 1 < ALL and not begins:
            edition = Edition(mine.began, mine.session, newest.number + 1)
        else:
            # Later than every session known, whatever the clock says.
            began = max(self._now, self._began + 1, newest.began + 1 if newest else 0)
            edition = Edition(began, BY_SIGN_IN * by_sign_in + os.urandom(8).hex(), 1)
        self._hold(Granted(edition, credential))
        if not self._accepts(credential):  # what the app adopts is its own business, and stays in its page
            self._keep(None)
            return
        message = written(Granted(edition, credential))
        self._keep(message)
        self._neighbours.post(message)

    def holds(self, credential: Credential) -> bool:
        """Is this what this page was granted last, and has no other page told of another since?"""
        return self._mine is not None and self._mine.credential is credential

    def end(self, reason: EndReason) -> None:
        """The session is over in this page: tell the others."""
        edition = self._let_go(reason)
        self._neighbours.post(written(Ended(edition, reason)))

    def sign_out(self, *, in_body: bool) -> int:
        """Somebody signs out in this page: leave the mark, and tell the others. Gives the time (ms) that it names.

        `in_body` tells that the endpoint knows the session by its refresh token, and by no cookie.
        """
        mark = Mark(max(self._now, self._began), in_body)
        self._signed_in = min(self._signed_in, mark.until)
        self._untold.leave(mark)
        self.end("signed_out")
        self._neighbours.show(f"{_SIGNED_OUT}.{self._name}.{mark}")
        return mark.until

    def tried_to_tell(self) -> None:
        """This page is not about to tell the endpoint of a sign-out any more."""
        if self._mine is None:
            self._neighbours.show(None)

    @property
    def untold(self) -> Mark | None:
        """The latest sign-out that the endpoint may not know of, here or in another page, if nobody signed in since."""
        marks = [mark for mark in (self._untold.mark, self._elsewhere) if mark and not self.signed_in_since(mark.until)]
        return max(marks, key=lambda mark: mark.until, default=None)

    def signed_in_since(self, until: int) -> bool:
        """Has a session begun later than that (ms), by whatever means?"""
        newest = self._newest.began if self._newest else 0
        return max(self._began, newest) > until

    def cookie_is_of_a_later_sign_in(self, until: int) -> bool:
        """Has somebody signed in later than that (ms), after which no earlier session's cookie can have come?"""
        return self._signed_in > until

    def told(self, until: int | None = None) -> None:
        """The endpoint need not be told any more of any sign-out, or of those up to this time (ms).

        What begins from now on is later than these. Whoever has signed out since is still to be told of.
        """
        elsewhere = self._elsewhere.until if self._elsewhere else 0
        known = max(self._untold.until, elsewhere) if until is None else until
        self._known_until = max(self._known_until, known)
        self._latest = max(self._began, self._known_until)
        self._elsewhere = None  # the next turn looks again
        if self._untold.until <= self._known_until:
            self._untold.remove()

    @property
    def cut_off(self) -> bool:
        """In a turn: was a page left in the middle of the turn before?"""
        return self._neighbours.cut_off

    @property
    def overtaken(self) -> bool:
        """Is a later session than this page's known: over by now, or seen at the last look and not to be had?"""
        newest, mine = self._newest, self._edition
        assert mine is not None, "asked by a session that is on"
        return mine.began < self._began or (newest is not None and newest.session != mine.session)

    def begin_anew(self) -> None:
        """The next event loop runs this page (see `loop_watch`): no turn of the last one is on any more."""
        self._line, self._news = Line(), asyncio.Event()
        self._unheeded = self._lasting = None

    async def settle(self) -> None:
        """Wait until no call of this page is on its way. Each is bounded."""
        async with self._line.join():
            pass

    def close(self) -> None:
        """This page takes no part any more. The others go on."""
        self._mine = None
        self._neighbours.close()

    # What others do

    def _heard(self, text: str) -> None:
        match read(text, now=self._clock()):
            case Granted() as granted if self._accepts(granted.credential):
                self._take(granted)
            case Asked() if self._mine is not None and self._accepts(self._mine.credential):
                self._neighbours.post(written(self._mine))
            case Ended() as ended:
                self._heard_end(ended)
                self._news.set()
            case Left():
                self._news.set()

    def _take(self, granted: Granted) -> None:
        if self._knows(granted.edition):
            return
        same = self._mine is not None and self._mine.edition.session == granted.edition.session
        self._hold(granted)
        if self._store.own:  # into a shared one whoever was granted it has written, and a sign-out may have come since
            self._keep(written(granted))
        self._taken(granted.credential, same)
        self._news.set()

    def _heard_end(self, ended: Ended) -> None:
        mine = self._edition
        if ended.reason == "refused":
            over = mine is not None and ended.edition is not None and not mine.is_newer_than(ended.edition)
        elif mine is None and ended.edition is not None and self._over.up_to(ended.edition.session) == ALL:
            over = False  # it is told again, and somebody may be signing in here by now
        else:
            # Whoever holds an earlier session has missed a message: the browser has one cookie, and it is spent.
            over = mine is None or ended.edition is None or not mine.began_after(ended.edition)
        if over:
            edition = self._let_go(ended.reason)
            if ended.reason == "signed_out" and edition is not None:
                # A page that has opened since may have it from this one. Or whoever signed out could not name it.
                self._neighbours.post(written(Ended(edition, ended.reason)))
        self._close_off(ended.edition, ended.reason, held=False)
        if over:
            self._ended(ended.reason)

    # What this page holds

    def _hold(self, granted: Granted) -> None:
        edition = granted.edition
        if self._mine is not None and self._mine.edition.session != edition.session:
            self._close_off(self._mine.edition, "replaced")
        elif self._mine is not None:  # another page may have dated it anew
            edition = replace(edition, began=max(self._mine.edition.began, edition.began))
        self._mine = Granted(edition, granted.credential)
        self._latest = max(self._began, edition.began)
        self._note_sign_in(edition)
        if 0 < self._untold.until < self._began:  # somebody has signed in since; where the mark is shared it is gone
            self._untold.remove()
        self._neighbours.show(str(edition) if self._accepts(granted.credential) else None)

    def _let_go(self, reason: EndReason) -> Edition | None:
        edition = self._edition
        self._mine = None
        self._neighbours.show(None)
        self._close_off(edition, reason)
        stored = self._stored()
        if stored is not None and (edition is None or self._knows(stored.edition)):
            self._keep(None)
        return edition

    def _close_off(self, edition: Edition | None, reason: EndReason, *, held: bool = True) -> None:
        """From now on these editions are old news, even if they were on their way."""
        if edition is not None:
            self._over.note(edition, altogether=reason != "refused", held=held)

    def _knows(self, edition: Edition) -> bool:
        """Is it old news: over, or not newer than what this page holds?"""
        if edition.number <= self._over.up_to(edition.session):
            return True
        if (mine := self._edition) is not None:
            return not edition.is_newer_than(mine)
        return edition.began <= self._untold.until

    def _notice(self, shown: list[str]) -> None:
        marks = [mark for mark in map(self._sign_out_shown, shown) if mark]
        self._elsewhere = max(marks, key=lambda mark: mark.until, default=None)
        editions = (Edition.parse(text, now=self._clock()) for text in shown)
        news = [edition for edition in editions if edition and not self._knows(edition)]
        self._newest = max(news, default=None)
        for edition in news:
            self._note_sign_in(edition)
        if self._newest is not None and 0 < self._untold.until < self._newest.began:
            self._untold.remove()  # somebody has signed in since

    def _note_sign_in(self, edition: Edition) -> None:
        if edition.by_sign_in:
            self._signed_in = max(self._signed_in, edition.began)

    def _sign_out_shown(self, sign: str) -> Mark | None:
        """The sign-out that another page says by this sign that it is about to tell of."""
        kind, _, rest = sign.partition(".")
        name, _, text = rest.partition(".")
        mark = Mark.parse(text) if kind == _SIGNED_OUT and name != self._name else None
        if mark is None or mark.until <= self._known_until or not mark.stands(self._clock(), within=ABOUT_TO_TELL):
            return None
        return mark

    # The store

    def _look_into_store(self) -> None:
        if stored := self._stored():
            self._take(stored)

    def _stored(self) -> Granted | None:
        try:
            text = self._store.read()
        except OSError:
            self._do_without_store()
            return None
        message = read(text, now=self._clock())
        if isinstance(message, Granted) and self._accepts(message.credential):
            return message
        if text:  # it is of no use, and would lie there at every load
            self._warn(StorePhase.CORRUPTED)
            self._keep(None)
        return None

    def _keep(self, text: str | None) -> None:
        try:
            self._store.write(text)
        except OSError:
            self._do_without_store()

    def _do_without_store(self) -> None:
        """Nothing is lost: this page goes on from memory, and the others hear of it (T6)."""
        with suppress(OSError):  # a full store still has the last credential, spent by now, and would keep it for good
            self._store.write(None)
        self._store = Memory()
        self._warn(StorePhase.UNAVAILABLE)


def _give(late: Callable[[T | BaseException], None], call: "asyncio.Task[T]") -> None:
    if not call.cancelled():
        late(call.exception() or call.result())
