"""Many tabs, one session: who refreshes, who adopts what another was granted, and when the session ends for all.

Every tab of an origin (window or worker, too) that goes by the same name is signed in together, and so are two clients
in one tab: they share one refresh token, and a server that rotates it takes two refreshes at once for a theft.

Theory of operation:

1. The endpoint is called by one tab at a time. See `endpoint_lock`.
2. A tab that holds the lock looks first whether another was granted a newer version, and adopts it. Messages may lag
   behind the lock, so every tab *advertises* the version that it holds to the keeper of the lock. If another advertises
   a newer one, a message is on its way: the tab asks for it, and waits for a bounded time.
3. A tab that is granted a credential advertises, stores and sends it before it gives the lock back. A tab that opens
   later asks for it.
4. What is not newer than what a tab holds is ignored. See `known_versions`.
5. A tab whose refresh is refused looks again before it declares the end (T3), and its message ends no newer version.
6. A sign-out is sent to the tabs at once, without the lock. Every tab that it ends passes it on: to tabs that have
   opened meanwhile, and to those that the first message did not reach. The endpoint may hear of it later, or never: a
   mark stays until it does. See `sign_out_marks`.
"""

from collections.abc import Callable

from ..errors import EndReason
from ..storage import Store
from ..tokens.credentials import Credential
from .endpoint_lock import EndpointLock
from .known_versions import KnownVersions
from .news import News
from .peers import NoPeers, Peers
from .pending_sign_out import PendingSignOut
from .protocol import Asked, Ended, Granted, Left, Version, read, written
from .session_holder import SessionHolder
from .session_store import SessionStore
from .sign_out_marks import SignOutMarks

ANSWER_WITHIN = 2.0
"""Seconds that a tab waits for another to hand over what it advertises. One that is awake answers in milliseconds."""


class SharedSession:
    """One tab's part in the session.

    `holder` is this tab's client. `patience` (seconds) bounds the wait for the lock. `clock` gives wall-clock seconds.
    """

    def __init__(
        self,
        peers: Peers,
        store: Store,
        pending_sign_out: PendingSignOut,
        holder: SessionHolder,
        *,
        clock: Callable[[], float],
        patience: float,
    ) -> None:
        self._peers = peers
        self._store = SessionStore(store, holder, clock=clock)
        self._holder = holder
        self._clock = clock
        self._sign_outs = SignOutMarks(pending_sign_out, clock=clock)
        self.versions = KnownVersions(self._sign_outs, clock=clock)
        self._news = News(peers, self.versions)
        self.lock = EndpointLock(peers, self.versions, self._news, patience=patience)
        peers.listen(self._heard)

    @property
    def store_area(self) -> str:
        """The name of the browser's storage that holds the session; "memory" for any other store."""
        return self._store.area

    @property
    def with_others(self) -> bool:
        """May another tab hold this session?"""
        return not isinstance(self._peers, NoPeers)

    async def adopt_newer(self) -> bool:
        """Adopt what another tab was granted meanwhile. False if a newer version is advertised and not handed over."""
        if stored := self._store.read():
            self._take(stored)
        await self.read_versions()
        newest = self.versions.newest
        if newest is not None:
            self._peers.post(written(Asked()))
        while newest is not None and not self.versions.is_old(newest):
            self._news.forget()
            if not await self._news.wait(ANSWER_WITHIN):
                return False  # that tab is frozen, most likely
        return True

    async def read_versions(self) -> None:
        """Note what the others advertise, so that a session that begins here is later, whatever the clock says."""
        await self._news.read_versions()

    def hand_over(self, credential: Credential, *, begins: bool, by_sign_in: bool = False) -> None:
        """Advertise, store and send what this tab was granted: a session's first credential, or the next of its own.

        `by_sign_in`: a sign-in at the endpoint has begun the session, while this tab held the lock.
        """
        granted = Granted(self.versions.next(begins=begins, by_sign_in=by_sign_in), credential)
        self._hold(granted)
        if not self._holder.accepts(credential):  # what the app adopts is its own business, and stays in its tab
            self._store.keep(None)
            return
        self._store.keep(granted)
        self._peers.post(written(granted))

    def holds(self, credential: Credential) -> bool:
        """Is this what this tab was granted last, and has no other tab sent another since?"""
        return self.versions.mine is not None and self.versions.mine.credential is credential

    def end(self, reason: EndReason) -> None:
        """The session is over in this tab: tell the others."""
        version = self._let_go(reason)
        self._peers.post(written(Ended(version, reason)))

    def sign_out(self, *, in_body: bool) -> int:
        """The user signs out in this tab: leave the mark, and tell the others. Returns the time (ms) of the mark.

        `in_body`: the endpoint knows the session by its refresh token, and by no cookie.
        """
        mark = self.versions.mark_sign_out(in_body=in_body)
        self.end("signed_out")
        self._peers.advertise(self._sign_outs.sign_of(mark))
        return mark.until

    def tried_to_tell(self) -> None:
        """This tab is not about to tell the endpoint of a sign-out any more."""
        if self.versions.mine is None:
            self._peers.advertise(None)

    def begin_anew(self) -> None:
        """The next event loop runs this tab (see `loop_watch`)."""
        self.lock.begin_anew()
        self._news.begin_anew()

    def close(self) -> None:
        """This tab takes no part any more. The others go on."""
        self.versions.mine = None
        self._peers.close()

    # What other tabs do

    def _heard(self, text: str) -> None:
        match read(text, now=self._clock()):
            case Granted() as granted if self._holder.accepts(granted.credential):
                self._take(granted)
            case Asked() if (mine := self.versions.mine) is not None and self._holder.accepts(mine.credential):
                self._peers.post(written(mine))
            case Ended() as ended:
                self._heard_end(ended)
                self._news.come()
            case Left():
                self._news.come()

    def _take(self, granted: Granted) -> None:
        if self.versions.is_old(granted.version):
            return
        mine = self.versions.mine
        same = mine is not None and mine.version.session == granted.version.session
        self._hold(granted)
        if (
            self._store.own
        ):  # a shared one was written by the tab that was granted it, and a sign-out may have come since
            self._store.keep(granted)
        self._holder.on_granted(granted.credential, same)
        self._news.come()

    def _heard_end(self, ended: Ended) -> None:
        over = self.versions.ends_mine(ended)
        if over:
            version = self._let_go(ended.reason)
            if ended.reason == "signed_out" and version is not None:
                # A tab that has opened since may have it from this one. Or the tab that signed out could not name it.
                self._peers.post(written(Ended(version, ended.reason)))
        self.versions.close_off(ended.version, ended.reason, held=False)
        if over:
            self._holder.on_ended(ended.reason)

    # What this tab holds

    def _hold(self, granted: Granted) -> None:
        version = self.versions.hold(granted)
        self._peers.advertise(str(version) if self._holder.accepts(granted.credential) else None)

    def _let_go(self, reason: EndReason) -> Version | None:
        version = self.versions.let_go(reason)
        self._peers.advertise(None)
        stored = self._store.read()
        if stored is not None and (version is None or self.versions.is_old(stored.version)):
            self._store.keep(None)
        return version
