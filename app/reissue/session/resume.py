"""Finds the current session when a page opens: another tab's, a stored one, or the one of the browser's cookie.

Theory of operation:

1. Until it is known whether a user is signed in, requests wait (Q18). If a resume failed, the next request repeats it:
   it is still unknown whether the user must sign in.
2. Where users sign in at another address, a sign-in leaves the page. The resume in the page that they come back to
   completes the sign-in, under the lock, before it looks for any other session.
3. A sign-out overtakes a resume (S1).
"""

from contextlib import suppress
from typing import Any

from ..concurrency.singleflight import FlightCancelled, SingleFlight
from ..errors import GrantRefused, MalformedToken, SessionChanged, SessionEnded
from ..events import CookieEvent, CookiePhase
from ..tabs.pending_sign_out import Mark
from ..tokens.credentials import Credential
from .backoff import Backoff, unavailable
from .session import Session
from .sign_in import SignIns
from .sign_out import SignOuts
from .succession import Succession


class Resume:
    """Looks for a session, once for all callers that wait."""

    def __init__(self, sessions: Succession, sign_ins: SignIns, sign_outs: SignOuts) -> None:
        self.refusal: GrantRefused | MalformedToken | None = None  # why a sign-in that left the page failed
        self.from_another_tab: Session | None = None  # the last session that another tab has begun
        self.backoff = Backoff(clock=sessions.settings.clock)
        self._sessions = sessions
        self._sign_ins = sign_ins
        self._sign_outs = sign_outs
        self._redirects = sessions.calls.tokens.redirects
        self._flight: SingleFlight[Session | None] = SingleFlight()
        self._undecided = False  # a resume failed: it is unknown whether a user is signed in
        self._warned = False  # that the endpoint gets no cookie

    @property
    def running(self) -> bool:
        """Is a resume on its way?"""
        return self._flight.running

    @property
    def needed(self) -> bool:
        """Is it still unknown whether a user is signed in?"""
        return self._sessions.alive is None and (self._flight.running or self._undecided)

    @property
    def answer(self) -> Any | None:
        """What the authorization server sent the user back with; None if nothing."""
        return self._redirects and self._redirects.answer()

    async def join(self) -> Session | None:
        """The session that the resume on its way, or a new resume, finds; None if it finds none."""
        try:
            return await self._flight.join(self._run)
        except FlightCancelled:
            return None

    def known(self) -> None:
        """It is known now whether a user is signed in."""
        self._undecided = False

    def cancel(self) -> None:
        """Cancel the resume on its way, and forget an answer of the authorization server: no session may begin."""
        self._flight.cancel()
        self._undecided = False
        if self._redirects is not None:
            self._redirects.forget()

    def begin_anew(self) -> None:
        """The client now runs in another event loop (see `loop_watch`)."""
        self._flight = SingleFlight()
        self.backoff.begin_anew()

    async def _run(self) -> Session | None:
        self.backoff.check()
        await self.backoff.wait()
        try:
            session = await self._find()
        except Exception as cause:
            error = unavailable(cause)
            self.backoff.failed(error.retry_after)
            self._undecided = True
            if error is cause:
                raise
            raise error from cause
        self.backoff.succeeded()
        self._undecided = False
        return session

    async def _find(self) -> Session | None:
        """The session by an answer of the authorization server, or of another tab, the store or the browser's cookie.

        None if there is none. The session may have ended by now.
        """
        await self._sessions.shared.forget_what_is_over()
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
                    return await self._resume_by_cookie(seen, before)
        session = sessions.alive
        if session is None or session is not self.from_another_tab:
            return None
        with suppress(SessionEnded, SessionChanged):
            await session.obtain()  # the stored session may have expired, or been ended by the server, long ago
        return session

    async def _resume_by_cookie(self, seen: int, before: Mark | None) -> Session | None:
        """The session of the browser's cookie; None if there is none, or after a sign-out. Called under the lock.

        `before` is the sign-out that was pending before the lock was held. Another tab may have told the endpoint of it
        meanwhile: then the cookie belongs to no session.
        """
        sessions, versions = self._sessions, self._sessions.shared.versions
        pending = versions.pending_sign_out or before
        if pending is not None and not versions.signed_in_since(pending.until):
            await self._sign_outs.tell_again()
            return None
        sessions.shared.lock.check_held()
        credential = await self._refresh_by_cookie()
        overtaken = seen != sessions.interruptions or sessions.alive or versions.pending_sign_out
        return None if credential is None or overtaken else sessions.begin(credential)

    async def _refresh_by_cookie(self) -> Credential | None:
        """The credential that the endpoint grants for the browser's cookie; None if it refuses."""
        # If a tab was reloaded in the middle of a refresh, the cookie may still change: try twice (T7).
        attempts = 2 if self._sessions.shared.lock.previous_holder_vanished else 1
        credential: Credential | None = None
        while credential is None and attempts:
            attempts -= 1
            try:
                credential = await self._sessions.calls.refresh(None)
            except GrantRefused as refusal:
                self._warn_without_cookie(refusal)
        return credential

    def _warn_without_cookie(self, refusal: GrantRefused) -> None:
        """Tell once that the endpoint knows of no session since the browser sent it no cookie.

        The endpoint's answer is that to a first visitor, so the app can't see it: `resume()` returns False.
        """
        sessions = self._sessions
        if self._warned or refusal.status is None or sessions.calls.tokens.gets_cookies:
            return
        self._warned = True
        sessions.settings.listeners.warn(
            CookieEvent(
                at=sessions.settings.clock(),
                phase=CookiePhase.NOT_SENT,
                url=refusal.url or "the endpoint",
                status=refusal.status,
            )
        )
