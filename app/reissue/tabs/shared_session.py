"""Many tabs, one session: which tab refreshes, which adopt the new credential, and when the session ends in all tabs.

Tabs, windows and workers of one origin share a session if their clients have the same endpoint and the same name, and
so do two clients in one tab. They share one refresh token, and a server that rotates it mistakes two refreshes at once
for theft.

Theory of operation:

1. One tab at a time calls the endpoint. See `endpoint_lock`.
2. A tab that gets the lock first checks whether another tab was granted a newer version, and adopts it. Messages may
   lag behind the lock, so every tab *advertises* the version that it holds to the tab with the lock. If another tab
   advertises a newer version, its message is on the way: this tab asks for it, and waits for a bounded time.
3. A tab that is granted a credential advertises, stores and sends it before it releases the lock. A tab that opens
   later asks for it.
4. A version that is not newer than the one a tab holds is ignored. See `known_versions`.
5. A tab whose refresh is refused checks for a newer version again before it ends the session (T3), and its message ends
   no newer version.
6. A sign-out is sent to the tabs at once, without the lock. Every tab whose session it ends passes it on, to tabs
   that have opened meanwhile and to those that missed the first message. It may have heard of it long after, so what is
   passed on stops no sign-in in a tab without a session. The endpoint may be told later, or never: a mark stays until
   it has been. See `sign_out_marks`.
7. The refresh token that a tab has when it signs out may have been spent by another tab. What that tab was granted for
   it begins nothing any more: the tab that signed out presents it to the endpoint in place of its own.
8. A tab that holds nothing advertises the session that it has held last. The cookie may still be that session's, and
   a tab with an earlier one, which has missed every message, must not go on by it (S3).
"""

from collections.abc import Callable
from dataclasses import replace

from ..errors import EndReason
from ..storage import Store
from ..tokens.credentials import Credential
from .endpoint_lock import EndpointLock
from .known_versions import KnownVersions
from .news import News
from .peers import NoPeers, Peers
from .pending_sign_out import PendingSignOut
from .protocol import Asked, Ended, Granted, Late, Left, Version, over_sign, read, written
from .session_store import SessionStore
from .sharing_client import SharingClient
from .sign_out_marks import SignOutMarks

ANSWER_WITHIN = 2.0
"""Seconds that a tab waits for another to hand over what it advertises. A tab that is awake does so in milliseconds."""


class SharedSession:
    """One tab's part in the shared session.

    `client` is that of this tab. `patience` (seconds) bounds the wait for the lock. `clock` is in wall-clock seconds.
    """

    def __init__(
        self,
        peers: Peers,
        store: Store,
        pending_sign_out: PendingSignOut,
        client: SharingClient,
        *,
        clock: Callable[[], float],
        patience: float,
    ) -> None:
        self._peers = peers
        self._store = SessionStore(store, client, clock=clock)
        self.stored = self._store.stored  # waits until a later page finds what this tab holds
        self._client = client
        self._clock = clock
        self._signed_out: Version | None = None  # the newest known version of the session that was signed out last
        self._sign_outs = SignOutMarks(pending_sign_out, clock=clock)
        self.versions = KnownVersions(self._sign_outs, clock=clock)
        self.news = News(peers, self.versions)
        self.lock = EndpointLock(peers, self.versions, self.news, stored=self.stored, patience=patience)
        peers.listen(self._on_message)

    @property
    def store_area(self) -> str:
        """The name of the browser's storage that holds the session; "memory" for any other store."""
        return self._store.area

    @property
    def with_others(self) -> bool:
        """May another tab hold this session?"""
        return not isinstance(self._peers, NoPeers)

    async def load(self) -> None:
        """Find out what is stored, if that takes time."""
        await self._store.load()
        await self._sign_outs.load()

    async def adopt_newer(self) -> bool:
        """Adopt what another tab was granted meanwhile. False if a newer version is advertised but not handed over."""
        if self.with_others:  # else nobody else writes, and a refresh that can't await may call this
            await self._store.load()
        if stored := self._store.read():
            self._adopt(stored)
        await self.news.read_versions()
        newest = self.versions.newest
        if newest is not None:
            self._peers.post(written(Asked()))
        while newest is not None and not self.versions.is_old(newest):
            self.news.forget()
            if not await self.news.wait(ANSWER_WITHIN):
                return False  # that tab is frozen, most likely
        return True

    def hand_over(self, credential: Credential, *, begins: bool, by_sign_in: bool = False) -> None:
        """Advertise, store and send a credential that this tab was granted.

        `begins`: it is the first of a new session. `by_sign_in`: a sign-in at the endpoint began that session, while
        this tab held the lock.
        """
        granted = Granted(self.versions.next(begins=begins, by_sign_in=by_sign_in), credential)
        version = self.versions.hold(granted)
        if self._is_private:
            self._peers.advertise(None)
            self._store.keep(None)
            return
        self._peers.advertise(str(version))
        self._store.keep(granted)
        self._peers.post(written(granted))

    def pass_on(self, late: Credential) -> None:
        """Send what this tab was granted for a session that is signed out by now to the tab that signed out."""
        if (version := self._signed_out) is not None:
            self._peers.post(written(Late(Granted(replace(version, number=version.number + 1), late))))

    def holds(self, credential: Credential) -> bool:
        """Is this still the credential that this tab holds?"""
        return self.versions.mine is not None and self.versions.mine.credential is credential

    def end(self, reason: EndReason) -> None:
        """The session is over in this tab: tell the other tabs, unless it was this tab's own matter."""
        private = self._is_private
        version = self._release(reason)
        if reason == "signed_out" or not private:
            self._peers.post(written(Ended(version, reason)))

    def sign_out(self, *, in_body: bool) -> int:
        """The user signs out in this tab: leave the mark, and tell the other tabs. Returns the time (ms) of the mark.

        `in_body`: the endpoint knows the session by its refresh token, not by a cookie.
        """
        mark = self.versions.mark_sign_out(in_body=in_body)
        self.end("signed_out")
        self._peers.advertise(self._sign_outs.sign_of(mark))
        return mark.until

    async def forget_what_is_over(self) -> None:
        """Remove a stored session that a sign-out has ended: not every store could be read when it did."""
        await self.load()
        stored = self._store.read()
        if stored is not None and self.versions.is_old(stored.version) and self.versions.mine is None:
            self._adopt(stored)
            self._store.keep(None)

    def tried_to_tell(self) -> None:
        """This tab has told the endpoint of a sign-out, or failed to: stop advertising it."""
        if self.versions.mine is None:
            self._peers.advertise(over_sign(self.versions.last))

    def begin_anew(self) -> None:
        """The client now runs in another event loop (see `loop_watch`)."""
        self.lock.begin_anew()
        self.news.begin_anew()

    def close(self) -> None:
        """Leave the shared session. The other tabs go on."""
        self.versions.mine = self.versions.last = None  # a sign-out on the wire may advertise once more
        self._peers.close()

    @property
    def _is_private(self) -> bool:
        """Does this tab hold what no other tab has heard of? The app may adopt a token that the client can't share."""
        mine = self.versions.mine
        return mine is not None and not self._client.accepts(mine.credential)

    # What other tabs do

    def _on_message(self, text: str) -> None:
        match read(text, now=self._clock()):
            case Granted() as granted if self._client.accepts(granted.credential):
                self._adopt(granted)
            case Late(granted) if self._client.accepts(granted.credential):
                self._adopt(granted, late=True)
            case Asked() if (mine := self.versions.mine) is not None and not self._is_private:
                self._peers.post(written(mine))
            case Ended() as ended:
                self._on_end_message(ended)
                self.news.note_message()
            case Left():
                self.news.note_message()

    def _adopt(self, granted: Granted, *, late: bool = False) -> None:
        if late or self.versions.is_old(granted.version):
            signed_out = self._signed_out
            if (
                signed_out
                and granted.version.session == signed_out.session
                and granted.version.is_newer_than(signed_out)
            ):
                self._signed_out = granted.version
                self._client.on_late_grant(granted.credential)
            return
        mine = self.versions.mine
        same = mine is not None and mine.version.session == granted.version.session
        self._peers.advertise(str(self.versions.hold(granted)))
        # The tab that was granted it wrote a shared store itself, and a sign-out may have cleared that store since.
        if self._store.own:
            self._store.keep(granted)
        self._client.on_granted(granted.credential, same)
        self.news.note_message()

    def _on_end_message(self, ended: Ended) -> None:
        if ended.reason == "signed_out":
            self.versions.note_sign_out_elsewhere()
        over = self.versions.ends_mine(ended)
        if over:
            version = self._release(ended.reason)
            if ended.reason == "signed_out" and version is not None:
                # A tab that opened since may have the session from this tab, or the sender did not know its version.
                self._peers.post(written(Ended(version, ended.reason, passed_on=True)))
        self.versions.close_off(ended.version, ended.reason, held=False)
        if over:
            self._client.on_ended(ended.reason)

    def _release(self, reason: EndReason) -> Version | None:
        version = self.versions.let_go(reason, private=self._is_private)
        if reason == "signed_out" and version is not None:
            self._signed_out = version
        self._peers.advertise(over_sign(self.versions.last))
        self._store.forget_unread()
        stored = self._store.read()
        if stored is not None and (version is None or self.versions.is_old(stored.version)):
            self._store.keep(None)
        return version
