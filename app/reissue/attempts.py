"""The attempts of one request: the first, and at most one replay.

The one place that knows how a request, a session and the answers go together. Whoever sends drives it: the interceptor
over its own transport, an adapter over another client.

    with attempts:
        attempt = await attempts.first()
        while attempt is not None:
            outcome = …                             # send `attempt`: a response, or an OSError in its place
            attempt = await attempts.after(outcome)
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from .admission import Admission
from .credentials import Credential
from .errors import RequestAborted
from .events import RequestPhase, WaitsFor
from .messages import Request
from .session import Session


class Attempts:
    """Gives what to send next, until the last outcome is the caller's. Tells every step.

    `enter` gives the session that the request belongs to, and calls its argument before it waits. `admission` bounds
    how many are on the wire; None for no bound. `is_refused` judges an outcome. `refresh_at_once` is for a caller that
    can't wait: it renews a session's credential within the call, or raises WouldBlock.
    """

    def __init__(
        self,
        request: Request,
        *,
        enter: Callable[[Callable[[], None]], Awaitable[Session]],
        admission: Admission | None,
        is_refused: Callable[[Any], Awaitable[bool]],
        tell: Callable[..., None],
        refresh_at_once: Callable[[Session], None] | None = None,
    ) -> None:
        self._request = request
        self._enter = enter
        self._admission = admission
        self._is_refused = is_refused
        self._tell = tell
        self._refresh_at_once = refresh_at_once
        self._session: Session | None = None
        self._credential: Credential | None = None
        self._slot: int | None = None
        self._replayed = False
        self._status: int | None = None  # of the response that is the caller's
        self._over = False

    def __enter__(self) -> "Attempts":
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close(error)

    async def first(self) -> Request:
        """The request with a token to send now. Raises SessionEnded, SessionChanged or RefreshUnavailable."""
        self._tell(RequestPhase.STARTED)
        self._session = await self._enter(self._waits_for_resume)
        failures = self._session.failures
        await self._admitted(first=False)
        self._credential = await self._session.obtain(
            renewed=self._renewed_at_once(), failures=failures, waits=self._waits_for_refresh
        )
        return self._sent(RequestPhase.SENT)

    async def after(self, outcome: Any) -> Request | None:
        """What to send after this outcome, a response or an OSError; None if the outcome is the caller's.

        A second 401 is a response like any other, and so is the first if the body can't be sent twice; then the token
        is renewed all the same. Raises as `first`.
        """
        assert self._session is not None and self._credential is not None, "after first()"  # noqa: PT018
        self._leave()
        if self._over:
            return None
        status = getattr(outcome, "status", None)
        if self._replayed and status == 401:
            self._session.replay_refused(self._credential)
        if self._replayed or not await self._is_refused(outcome):
            self._status = status
            return None
        self._tell(RequestPhase.REFUSED, status=status)
        renewed = self._renewed_at_once(rejected=self._credential)
        renewed = renewed or await self._session.renew(rejected=self._credential)
        if not self._request.replayable:
            self._status = status
            return None
        await self._admitted(first=True)
        self._credential = await self._session.obtain(renewed=renewed, waits=self._waits_for_refresh)
        self._replayed = True
        return self._sent(RequestPhase.REPLAYED)

    def close(self, error: BaseException | None = None) -> None:
        """No more attempts: the outcome is the caller's, or `error` came in its place. A slot is given back."""
        if self._over:
            return
        self._over = True
        self._leave()
        if error is None and self._status is not None:
            self._tell(RequestPhase.DONE, status=self._status)
        elif error is None or isinstance(error, (asyncio.CancelledError, RequestAborted)):
            self._tell(RequestPhase.CANCELLED)
        else:
            self._tell(RequestPhase.FAILED, error=type(error).__name__)

    def _sent(self, phase: RequestPhase) -> Request:
        assert self._credential is not None
        self._tell(phase)
        if self._admission is not None and self._slot is not None:
            self._admission.sent(self._slot)
        return _attach(self._request, self._credential)

    def _renewed_at_once(self, *, rejected: Credential | None = None) -> Credential | None:
        """What a refresh within this call has given, if the caller can't wait and one is needed."""
        assert self._session is not None
        if self._refresh_at_once is None or not self._session.must_wait(rejected=rejected):
            return None
        before = self._session.credential
        self._refresh_at_once(self._session)
        return None if self._session.credential is before else self._session.credential

    def _waits_for_resume(self) -> None:
        self._tell(RequestPhase.WAITING, waits_for=WaitsFor.RESUME)

    def _waits_for_refresh(self) -> None:
        self._tell(RequestPhase.WAITING, waits_for=WaitsFor.REFRESH)

    async def _admitted(self, *, first: bool) -> None:
        if self._admission is not None:
            if self._admission.full:
                self._tell(RequestPhase.WAITING, waits_for=WaitsFor.ADMISSION)
            self._slot = await self._admission.enter(first=first)

    def _leave(self) -> None:
        if self._admission is not None and self._slot is not None:
            self._admission.leave(self._slot)
            self._slot = None


def _attach(request: Request, credential: Credential) -> Request:
    """The request with the credential as its bearer (RFC 6750 section 2.1). Built anew for each attempt (Q7)."""
    return request.with_field("Authorization", f"Bearer {credential.access_token}")
