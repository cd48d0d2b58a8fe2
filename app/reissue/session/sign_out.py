"""Tells the endpoint of sign-outs, and has it end what no session will use.

Theory of operation:

1. The endpoint is told of a sign-out whether or not its caller still waits. Until it knows, its cookie signs nobody in:
   a resume tells it instead, and finds no session; to another user's refresh that meets it, it is a refusal. The next
   sign-in ends that, and tells the endpoint first.
2. A sign-out takes its place in line before any listener hears of it, so that a sign-in that begins at its event comes
   after it (S5). It ends the session that it was made for: after a later sign-in the cookie is that session's.
3. Told is what the endpoint confirms. A final 4xx ends the trying, and is told to the app; any other failure leaves the
   mark.
4. Tokens that a sign-in brings, and that begin no session, are known to no tab, so no later sign-out could name them.
   They are revoked once, and a failure of that is told to the app. A cookie stays for the sign-out that comes next.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from ..concurrency.line import Place
from ..errors import RefreshUnavailable, ReissueError, SignOutRefused
from ..events import SignOutEvent, SignOutPhase
from ..tabs.shared_session import SharedSession
from ..tokens.credentials import Credential
from .endpoint_calls import EndpointCalls
from .session import Session
from .settings import SessionSettings


class SignOuts:
    """The sign-outs of one client."""

    def __init__(self, calls: EndpointCalls, shared: SharedSession, settings: SessionSettings) -> None:
        self._calls = calls
        self._shared = shared
        self._settings = settings
        self._telling: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly
        self._unconfirmed: Session | None = None  # the last that was signed out here, until the endpoint knows

    def start(self, session: Session | None) -> "asyncio.Task[None]":
        """Sign this session out in every tab, and begin to tell the endpoint. The task raises what that raises."""
        place = self._shared.lock.place()  # before any listener hears of it: who signs in then comes after it (S5)
        signed_out = self._unconfirmed = session or self._unconfirmed
        until = self._shared.sign_out(in_body=_in_body(signed_out))
        return self._start_telling(place, self._tell_in_turn(place, signed_out, until))

    def superseded(self) -> None:
        """A user has signed in: the cookie of the user who signed out before is replaced."""
        self._unconfirmed = None
        self._shared.versions.sign_out_confirmed()

    def revoke(self, came: Credential | BaseException) -> None:
        """Have the endpoint end what a sign-in has brought, once, in the next turn: no session begins with it."""
        if isinstance(came, Credential) and came.refresh_token is not None:
            place = self._shared.lock.place()
            self._start_telling(place, self._revoke_in_turn(place, came))

    async def tell_again(self) -> None:
        """Tell the endpoint of a sign-out that it may not know of, if there is one, and something to tell it by.

        If that fails, the next resume will.
        """
        mark = self._shared.versions.pending_sign_out
        if mark is not None and (not mark.in_body or _in_body(self._unconfirmed)):
            with suppress(OSError, ReissueError):
                await self._tell(self._unconfirmed, mark.until)

    async def wait(self) -> None:
        """Wait until the endpoint has been told of all, or can't be."""
        if self._telling:
            await asyncio.wait(self._telling)

    def begin_anew(self) -> None:
        """The next event loop runs this client (see `loop_watch`)."""
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

    async def _tell_in_turn(self, place: Place, signed_out: Session | None, until: int) -> None:
        async with self._shared.lock.hold(place):  # what a refresh on its way has brought is the server's to end
            try:
                if self._shared.versions.cookie_is_of_a_later_sign_in(until) and not _in_body(signed_out):
                    self._emit(SignOutPhase.OVERTAKEN)
                else:
                    await self._tell(signed_out, until)
            finally:
                self._shared.tried_to_tell()

    async def _revoke_in_turn(self, place: Place, credential: Credential) -> None:
        async with self._shared.lock.hold(place):
            await self._notify_endpoint(credential)

    async def _tell(self, signed_out: Session | None, until: int) -> None:
        """Tell the endpoint of a sign-out, and of those before it: up to this time (ms). In this tab's turn."""
        presented = signed_out.holding.with_latest_refresh_token if signed_out is not None else None
        try:
            await self._notify_endpoint(presented)
        except SignOutRefused:  # it would meet the next user's cookie with every `resume()`
            self._told(signed_out, until)
            raise
        self._told(signed_out, until)

    async def _notify_endpoint(self, presented: Credential | None) -> None:
        """Ask the endpoint to end the session of these tokens, or of the cookie, and emit what it says."""
        try:
            confirmed = await self._calls.sign_out(presented)
        except SignOutRefused as refused:
            self._emit(SignOutPhase.REFUSED, refused.status)
            raise
        except Exception as failure:
            status = failure.status if isinstance(failure, RefreshUnavailable) else None
            self._emit(SignOutPhase.UNAVAILABLE, status)
            raise
        if confirmed:
            self._emit(SignOutPhase.CONFIRMED)
        elif presented is not None:
            self._emit(SignOutPhase.NOT_TOLD)

    def _told(self, signed_out: Session | None, until: int) -> None:
        """The endpoint need not be told of this sign-out any more. There may have been another since."""
        if self._unconfirmed is signed_out:
            self._unconfirmed = None
        self._shared.versions.sign_out_confirmed(until)

    def _emit(self, phase: SignOutPhase, status: int | None = None) -> None:
        self._settings.listeners.emit(SignOutEvent(at=self._settings.clock(), phase=phase, status=status))


def _in_body(session: Session | None) -> bool:
    """Does the endpoint know this session by a refresh token that the page holds?"""
    return session is not None and session.holding.with_latest_refresh_token.refresh_token is not None
