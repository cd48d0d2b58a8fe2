"""Finds the session that is on when a page opens: another tab's, a kept one, or the one that the cookie stands for.

Theory of operation:

1. Until it is known whether a user is signed in, requests wait (Q18). If it could not be asked, they ask again: nobody
   knows yet that the user must sign in.
2. Where users sign in at another address, a sign-in leaves the page, and the resume of the page that they come back to
   begins the session: before it looks for any other, and in a turn.
3. A sign-out overtakes a resume (S1).
"""

from contextlib import suppress
from typing import Any

from ..concurrency.singleflight import FlightCancelled, SingleFlight
from ..errors import GrantRefused, MalformedToken, SessionChanged, SessionEnded
from ..tabs.pending_sign_out import Mark
from ..tokens.credentials import Credential
from .backoff import Backoff, unavailable
from .session import Session
from .sign_in import SignIns
from .sign_out import SignOuts
from .succession import Succession


class Resume:
    """Asks once for all who wait, whether there is a session."""

    def __init__(self, sessions: Succession, sign_ins: SignIns, sign_outs: SignOuts) -> None:
        self.refusal: GrantRefused | MalformedToken | None = None  # what came of an answer, for the caller who asks
        self.from_another_tab: Session | None = None  # the last session that another tab has begun
        self.backoff = Backoff(clock=sessions.settings.clock)
        self._sessions = sessions
        self._sign_ins = sign_ins
        self._sign_outs = sign_outs
        self._redirects = sessions.calls.tokens.redirects
        self._flight: SingleFlight[Session | None] = SingleFlight()
        self._unasked = False  # a resume failed, so nobody knows whether a user is signed in

    @property
    def running(self) -> bool:
        """Is it being asked whether a user is signed in?"""
        return self._flight.running

    @property
    def needed(self) -> bool:
        """Is it not known yet whether a user is signed in?"""
        return self._sessions.alive is None and (self._flight.running or self._unasked)

    @property
    def answer(self) -> Any | None:
        """What the user was sent back with."""
        return self._redirects and self._redirects.answer()

    async def join(self) -> Session | None:
        """The session that the resume on its way, or a new one, begins; None if it begins none."""
        try:
            return await self._flight.join(self._run)
        except FlightCancelled:
            return None

    def known(self) -> None:
        """It is known now whether a user is signed in."""
        self._unasked = False

    def cancel(self) -> None:
        """Begin no session any more, by whatever is on its way."""
        self._flight.cancel()
        self._unasked = False
        if self._redirects is not None:
            self._redirects.forget()

    def begin_anew(self) -> None:
        """The next event loop runs this client (see `loop_watch`)."""
        self._flight = SingleFlight()
        self.backoff.begin_anew()

    async def _run(self) -> Session | None:
        self.backoff.check()
        await self.backoff.wait()
        try:
            session = await self._found()
        except Exception as cause:
            error = unavailable(cause)
            self.backoff.failed(error.retry_after)
            self._unasked = True
            if error is cause:
                raise
            raise error from cause
        self.backoff.succeeded()
        self._unasked = False
        return session

    async def _found(self) -> Session | None:
        """The session that another tab has, or the store, or that the browser's cookie stands for; None if none.

        It may have ended by now. Before all of them comes the answer that the user was sent back with.
        """
        if (answer := self.answer) is not None:
            try:
                return await self._sign_ins.by(answer)
            except (GrantRefused, MalformedToken) as refusal:
                self.refusal = refusal
        sessions, shared, seen = self._sessions, self._sessions.shared, self._sessions.interruptions
        await shared.adopt_newer()
        if sessions.alive is None:
            before = shared.versions.pending_sign_out
            async with shared.lock.hold():
                await shared.adopt_newer()  # the tab that held the lock before us may have resumed the session
                if sessions.alive is None:
                    return await self._by_the_cookie(seen, before)
        session = sessions.alive
        if session is None or session is not self.from_another_tab:
            return None
        with suppress(SessionEnded, SessionChanged):
            await session.obtain()  # what was kept may have expired, or been ended, long ago
        return session

    async def _by_the_cookie(self, seen: int, before: Mark | None) -> Session | None:
        """The session that the browser's cookie stands for; None if for none, or after a sign-out. Under the lock.

        `before` is the sign-out that was pending before the lock was held: if another tab has told the endpoint of it
        meanwhile, the cookie stands for nobody.
        """
        sessions, versions = self._sessions, self._sessions.shared.versions
        pending = versions.pending_sign_out or before
        if pending is not None and not versions.signed_in_since(pending.until):
            await self._sign_outs.tell_again()
            return None
        sessions.shared.lock.check_held()
        credential = await self._asked_for_the_cookies()
        overtaken = seen != sessions.interruptions or sessions.alive or versions.pending_sign_out
        return None if credential is None or overtaken else sessions.begin(credential)

    async def _asked_for_the_cookies(self) -> Credential | None:
        """What the browser's cookie stands for; None if for nothing."""
        # After a reload in mid-refresh the cookie may still change (T7).
        attempts = 2 if self._sessions.shared.lock.previous_holder_vanished else 1
        credential: Credential | None = None
        while credential is None and attempts:
            attempts -= 1
            with suppress(GrantRefused):
                credential = await self._sessions.calls.refresh(None)
        return credential
