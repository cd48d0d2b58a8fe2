"""Tells the endpoint of sign-outs, and revokes tokens that no session will use.

Theory of operation:

1. The endpoint is told of a sign-out even if the caller of `sign_out()` is cancelled. Until it knows, its cookie signs
   nobody in: a resume tells the endpoint and finds no session, and a refresh that this cookie answers counts as
   refused. The next sign-in tells the endpoint first, and ends this state; so does the network's return.
2. A sign-out takes its place in line before any listener hears of it, so that a sign-in that a listener starts comes
   after it (S5). It ends the session that it was made for: after a later sign-in, the cookie belongs to that session.
3. The endpoint knows of a sign-out once it confirms that, or a call for another one that was sent later with the same
   cookie. After a final 4xx no further attempt is made, and the app gets an error; after any other failure the mark
   stays.
4. Tokens of a sign-in that a sign-out has overtaken are known to no tab, so no later sign-out could name them. They are
   revoked once, before the lock is given back: a later sign-in comes after that (S5). A failure is emitted as an event.
   A cookie stays until the next sign-out. Tokens whose ID token is not valid are revoked in the same way, and so are
   those that are kept until their ID token can be validated. Tokens that were given up otherwise, by a cancelled caller
   or by `close()`, are not revoked: a server may end more by it than they stand for.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final

from ..concurrency.ordered_lock import Place
from ..errors import RefreshUnavailable, SignOutRefused
from ..events import SignOutEvent, SignOutPhase
from ..tabs.shared_session import SharedSession
from ..tokens.credentials import Credential
from .endpoint_calls import EndpointCalls
from .session import Session
from .settings import SessionSettings

REVOKE_WITHIN: Final = 5.0
"""Seconds for a revocation that no caller asked for: other tabs wait for the lock meanwhile."""


class SignOuts:
    """The sign-outs of one client."""

    def __init__(self, calls: EndpointCalls, shared: SharedSession, settings: SessionSettings) -> None:
        self._calls = calls
        self._shared = shared
        self._settings = settings
        self._telling: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly
        self._unconfirmed: Session | None = None  # signed out last in this tab; None once the endpoint knows

    def start(self, session: Session | None) -> "asyncio.Task[None]":
        """Sign this session out in every tab, and start a task that tells the endpoint. The task raises its errors."""
        place = self._shared.lock.place()  # before any listener hears of it: a sign-in that it starts comes after (S5)
        signed_out = self._unconfirmed = session or self._unconfirmed
        until = self._shared.sign_out(in_body=_in_body(signed_out))
        return self._start_telling(place, self._tell_under_lock(place, signed_out, until))

    def present(self, credential: Credential) -> None:
        """Another tab was granted this credential in place of the one that a sign-out is to present, which is spent."""
        if self._unconfirmed is not None:
            self._unconfirmed.holding.with_latest_refresh_token = credential

    def superseded(self) -> None:
        """A user has signed in: the cookie of the user who signed out before is replaced."""
        self._unconfirmed = None
        self._shared.versions.sign_out_confirmed()

    async def revoke(self, result: Credential | BaseException | None) -> None:
        """Revoke the tokens that came of a sign-in which begins no session. Called under the lock; raises nothing.

        They are revoked even if the caller is cancelled meanwhile: nobody else knows them.
        `result` is what the sign-in gave or raised; None if it had ended before. Tokens that a session holds are not
        revoked: a server may have granted the same ones again.
        """
        if not isinstance(result, Credential) and (redirects := self._calls.tokens.redirects) is not None:
            result = redirects.unused()
        if isinstance(result, Credential) and result.refresh_token is not None:
            await self._shared.lock.see_through(partial(self._revoke, result), must_begin=True)

    async def _revoke(self, credential: Credential) -> None:
        with suppress(Exception):  # emitted
            await self._shared.adopt_newer()
            mine = self._shared.versions.mine
            if mine is None or mine.credential.refresh_token != credential.refresh_token:
                await self._notify_endpoint(credential, lambda: None, within=REVOKE_WITHIN)

    async def tell_again(self) -> None:
        """Tell the endpoint of a sign-out that it may not know of, if this tab has the token or cookie for it.

        If that fails, it is tried again when the network is back, and by the next resume. Called under the lock.
        """
        await self._shared.load()
        mark = self._shared.versions.pending_sign_out
        if mark is not None and (not mark.in_body or _in_body(self._unconfirmed)):
            with suppress(Exception):  # emitted; an error in the app's own function must not prevent sign-ins for a day
                await self._tell(self._unconfirmed, mark.until)

    def wake(self) -> None:
        """The network is back, and no user is signed in here: tell the endpoint, unless that is on its way already."""
        if not self._telling and self._shared.versions.pending_sign_out is not None:
            place = self._shared.lock.place()
            self._start_telling(place, self._tell_again_under_lock(place))

    async def wait(self) -> None:
        """Wait until the endpoint has been told of every sign-out, or could not be."""
        if self._telling:
            await asyncio.wait(self._telling)

    def begin_anew(self) -> None:
        """The client now runs in another event loop (see `loop_watch`)."""
        self._telling = set()

    def _start_telling(self, place: Place, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        telling = asyncio.create_task(coroutine)
        self._telling.add(telling)
        telling.add_done_callback(partial(self._consume, place))
        return telling

    def _consume(self, place: Place, telling: "asyncio.Task[None]") -> None:
        place.give_up()  # the task may have been cancelled before it began
        self._telling.discard(telling)
        if not telling.cancelled():
            telling.exception()  # its caller may be gone

    async def _tell_under_lock(self, place: Place, signed_out: Session | None, until: int) -> None:
        async with self._shared.lock.hold(place):  # after the refresh on its way: its tokens have to be ended, too
            try:
                await self._shared.forget_what_is_over()
                await self.revoke(None)
                if self._shared.versions.cookie_is_of_a_later_sign_in(until) and not _in_body(signed_out):
                    self._emit(SignOutPhase.OVERTAKEN)
                else:
                    await self._tell(signed_out, until)
            finally:
                self._shared.tried_to_tell()

    async def _tell_again_under_lock(self, place: Place) -> None:
        async with self._shared.lock.hold(place):
            await self.tell_again()

    def _made_until(self, signed_out: Session | None) -> int:
        """Time (ms) of the latest sign-out by cookie in any tab; 0 if this session is known by its refresh token.

        A call that is sent now ends the session of the cookie for that sign-out as well, and its own call may fail.
        """
        mark = self._shared.versions.pending_sign_out
        return 0 if mark is None or mark.in_body or _in_body(signed_out) else mark.until

    async def _tell(self, signed_out: Session | None, until: int) -> None:
        """Tell the endpoint of every sign-out up to this time (ms), and until it is sent. Called under the lock."""
        covered = until

        def at_send() -> None:
            nonlocal covered
            covered = max(until, self._made_until(signed_out))

        presented = signed_out.holding.with_latest_refresh_token if signed_out is not None else None
        await self._notify_endpoint(presented, lambda: self._forget(signed_out, covered), at_send=at_send)

    async def _notify_endpoint(
        self,
        presented: Credential | None,
        settled: Callable[[], None],
        *,
        at_send: Callable[[], None] = lambda: None,
        within: float | None = None,
    ) -> None:
        """Ask the endpoint to end the session of these tokens, or of the cookie, and emit the result.

        `settled` is called before that is emitted, unless the endpoint has to be told again.
        """
        try:
            confirmed = await self._calls.sign_out(presented, at_send=at_send, within=within)
        except SignOutRefused as refused:  # told again by every `resume()`, it would end a later user's session
            settled()
            self._emit(SignOutPhase.REFUSED, refused.status)
            raise
        except Exception as failure:
            status = failure.status if isinstance(failure, RefreshUnavailable) else None
            self._emit(SignOutPhase.UNAVAILABLE, status)
            raise
        settled()
        if confirmed:
            self._emit(SignOutPhase.CONFIRMED)
        elif presented is not None:
            self._emit(SignOutPhase.NOT_TOLD)

    def _forget(self, signed_out: Session | None, until: int) -> None:
        """The endpoint need not be told of this sign-out any more. A later one still has to be told."""
        if self._unconfirmed is signed_out:
            self._unconfirmed = None
        self._shared.versions.sign_out_confirmed(until)

    def _emit(self, phase: SignOutPhase, status: int | None = None) -> None:
        self._settings.listeners.emit(SignOutEvent(at=self._settings.clock(), phase=phase, status=status))


def _in_body(session: Session | None) -> bool:
    """Does this session have a refresh token of its own, and no cookie?"""
    return session is not None and session.holding.with_latest_refresh_token.refresh_token is not None
