"""The attempts of one request: the first, and at most one replay for each reason.

The one place that knows how a request, a session and the answers go together. Whoever sends drives it: the interceptor
over its own transport, an adapter over another client.

    with attempts:
        attempt = await attempts.first()
        while attempt is not None:
            outcome = …                             # send `attempt`: a response, or an OSError in its place
            attempt = await attempts.after(outcome)

A 401 may say three things. By default the token is refused: it is renewed. A proof may want a nonce: then the token is
as good as before, and nothing is renewed (X3). Or the API wants another sign-in: see `step_up`. A 401 from where no
token was sent says none of them, and is the caller's (Q27).

The body of a response that the caller will not get is discarded at once: unread, it would hold the connection that the
refresh or the replay needs (Q23).
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from .concurrency.admission import Admission
from .concurrency.singleflight import FlightCancelled
from .errors import RequestAborted, StepUpRequired, WouldBlock
from .events import RequestPhase, WaitsFor
from .http.challenges import StepUp, asks_for_nonce, read_challenges, step_up_in
from .http.messages import Request, field_of
from .http.outcomes import discard_body
from .session.session import Session
from .tokens.credentials import Credential
from .tokens.dpop import Prover


class Attempts:
    """Gives what to send next, until the last outcome is the caller's. Tells every step.

    `enter` gives the session that the request belongs to, and calls its argument before it waits. `admission` bounds
    how many are on the wire; None for no bound. `is_refused` judges an outcome; `judged` says that it may differ from
    what the status says. `is_elsewhere` says whether a redirect led to where the token was not sent. `prover` makes the
    proofs for tokens that are bound to a key. `knows_step_up` is for a caller who reads a 401 himself: without a
    handler of the app's he gets it as it is, and StepUpRequired is not raised. `refresh_at_once` is for a caller that
    can't wait: it renews a session's credential within the call, or raises WouldBlock.
    """

    def __init__(
        self,
        request: Request,
        *,
        enter: Callable[[Callable[[], None]], Awaitable[Session]],
        admission: Admission | None,
        is_refused: Callable[[Any], Awaitable[bool]],
        judged: bool,
        is_elsewhere: Callable[[Any], bool],
        tell: Callable[..., None],
        prover: Prover | None,
        knows_step_up: bool,
        refresh_at_once: Callable[[Session], None] | None,
    ) -> None:
        self._request = request
        self._enter = enter
        self._admission = admission
        self._is_refused = is_refused
        self._judged = judged
        self._is_elsewhere = is_elsewhere
        self._tell = tell
        self._prover = prover
        self._knows_step_up = knows_step_up
        self._refresh_at_once = refresh_at_once
        self._session: Session | None = None
        self._credential: Credential | None = None
        self._slot: int | None = None
        self._replayed = False
        self._nonce: str | None = None  # in the proof that was sent last
        self._asked_for_nonce = False  # since the credential was sent first
        self._steps = 0  # the session's, when it was sent last
        self._stepped_up = False
        self._caught_up = False  # replayed with a credential that is newer than one that was not enough
        self._status: int | None = None  # of the response that is the caller's
        self._unread: Any = None  # the last outcome, until it is known what becomes of its body
        self._over = False

    def __enter__(self) -> "Attempts":
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close(error)

    async def first(self) -> Request:
        """The request with a token to send now. Raises SessionEnded, SessionChanged or RefreshUnavailable."""
        self._tell(RequestPhase.STARTED)
        self._session = await self._enter(self._waits_for_resume)
        failures = self._session.holding.failures
        await self._admitted(first=False)
        before = self._session.credential
        credential = await self._obtain(renewed=self._renewed_at_once(), failures=failures)
        if credential is not before and self._admission is not None:
            self._signs(good=True)  # it was granted just now
            self._admission.call()
        renewed = None if credential is before else credential
        return await self._sent(credential, RequestPhase.SENT, renewed=renewed)

    async def after(self, outcome: Any) -> Request | None:
        """What to send after this outcome, a response or an OSError; None if the outcome is the caller's.

        A second 401 is a response like any other, and so is the first if the body can't be sent twice; then the token
        is renewed all the same. Raises as `first`, and StepUpRequired.
        """
        assert self._session is not None and self._credential is not None, "after first()"  # noqa: PT018
        if self._over:
            return None
        self._unread = outcome
        try:
            return await self._after(outcome, getattr(outcome, "status", None))
        except BaseException:
            self._discard()  # the caller gets the error
            raise

    async def _after(self, outcome: Any, status: int | None) -> Request | None:
        assert self._session is not None and self._credential is not None  # noqa: PT018
        elsewhere = (status == 401 or self._credential.bound) and self._is_elsewhere(outcome)
        if status is not None and not self._judged and not elsewhere:
            self._signs(good=status != 401)  # before the slot goes to one who would send with it
        self._leave()
        if elsewhere and not self._judged:
            self._status = status
            return None
        challenges = read_challenges(field_of(outcome, "WWW-Authenticate")) if status == 401 and not elsewhere else []
        lacks_nonce = self._credential.bound and asks_for_nonce(challenges)
        nonce = None if elsewhere else self._learned_nonce(outcome)
        if lacks_nonce or (nonce and status == 401 and not challenges):
            if nonce:
                self._discard()
                self._asked_for_nonce = True
                return await self._again(RequestPhase.REPLAYED if self._replayed else RequestPhase.SENT, nonce=nonce)
            self._status = status
            return None
        if wanted := step_up_in(challenges):
            return await self._after_step_up(wanted, status)
        refused = await self._is_refused(outcome)
        if status is not None and self._judged:
            self._signs(good=not refused)
        if not refused and status is not None:
            self._session.holding.accepted(self._credential)
        if refused and self._replayed:
            self._session.replay_rejected(self._credential)
        if not refused or self._replayed:
            self._status = status
            return None
        return await self._after_refusal(status)

    async def _after_refusal(self, status: int | None) -> Request | None:
        """What to send once the session has another token."""
        assert self._session is not None and self._credential is not None  # noqa: PT018
        if self._request.replayable:
            self._discard()
        else:
            self._session.rejected_without_replay(
                self._credential
            )  # no replay will tell whether the next one is refused, too
        self._tell(RequestPhase.REFUSED, status=status)
        renewed = self._renewed_at_once(rejected=self._credential)
        renewed = renewed or await self._session.renew(rejected=self._credential)
        if not self._request.replayable:
            self._status = status
            return None
        self._signs(good=True)  # the next was just granted
        await self._admitted(first=True)
        if self._admission is not None:
            self._admission.call()
        credential = await self._obtain(renewed=renewed)
        self._replayed, self._asked_for_nonce = True, False
        return await self._sent(credential, RequestPhase.REPLAYED, renewed=credential)

    def heard(self, status: int) -> None:
        """The head of the answer is here, with this status: the slot goes to the next in line, if there's no doubt.

        For a transport that knows it before its caller goes on; `after` does the same.
        """
        if status != 401 and not self._judged:
            self._signs(good=True)
            self._leave()

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

    def _discard(self) -> None:
        """The caller will not get the last outcome: let go of its body, once."""
        unread, self._unread = self._unread, None
        discard_body(unread)

    def _learned_nonce(self, outcome: Any) -> str | None:
        """The nonce that the outcome has brought, if the request can be sent once more with it.

        Where the server exposes no WWW-Authenticate across origins, a new nonce is all that can be seen.
        """
        assert self._credential is not None
        if self._prover is None or not self._credential.bound:
            return None
        nonce = self._prover.learn(self._request, outcome)
        again = nonce != self._nonce and not self._asked_for_nonce and self._request.replayable
        return nonce if again else None

    async def _after_step_up(self, wanted: StepUp, status: int | None) -> Request | None:
        """What to send once the session has taken the step that is wanted."""
        assert self._session is not None
        step_ups = self._session.step_ups
        if step_ups is None and self._knows_step_up:
            self._status = status
            return None
        self._tell(RequestPhase.REFUSED, status=status)
        if step_ups is None or self._stepped_up or self._refresh_at_once is not None:
            raise StepUpRequired(wanted.acr_values, wanted.max_age)
        self._session.check_alive()  # nobody is asked to sign in for a session that is over
        if self._session.credential is not self._credential and self._request.replayable and not self._caught_up:
            self._discard()
            self._caught_up = True  # another page's step-up may have brought the newer one
            self._asked_for_nonce = False
            return await self._again(RequestPhase.REPLAYED)
        if self._request.replayable:
            self._discard()  # before the user is asked: the sign-in needs a connection, too
        self._tell(RequestPhase.WAITING, waits_for=WaitsFor.STEP_UP)
        try:
            await step_ups.pass_(wanted, since=self._steps)
        except FlightCancelled:
            self._session.check_alive()  # it has ended
        self._stepped_up, self._asked_for_nonce = True, False
        if self._request.replayable:
            return await self._again(RequestPhase.REPLAYED)
        self._status = status
        return None

    async def _again(self, phase: RequestPhase, *, nonce: str | None = None) -> Request:
        """The request with the session's credential, whatever it is by now."""
        assert self._session is not None
        await self._admitted(first=True)
        return await self._sent(await self._obtain(), phase, nonce=nonce)

    async def _sent(
        self,
        credential: Credential,
        phase: RequestPhase,
        *,
        renewed: Credential | None = None,
        nonce: str | None = None,
    ) -> Request:
        """The request with this credential; with one that is bound to a key, after the wait for a proof, if it is
        still the one to send. `renewed` is as for `Session.obtain`; `nonce` is what the proof has to have.
        """
        assert self._session is not None
        proof: str | None = None
        while credential.bound:
            assert self._prover is not None, "without a key, a session takes no such credential"
            proof, self._nonce = await self._prover.proof(self._request, credential, nonce=nonce)
            current = await self._obtain(renewed=renewed)
            if current is credential:
                break
            credential, renewed, proof = current, current, None
        self._credential = credential
        self._steps = self._session.step_ups.count if self._session.step_ups is not None else 0
        self._tell(phase)
        if self._admission is not None and self._slot is not None:
            self._admission.sent(self._slot)
        return _attach(self._request, credential, proof)

    def _renewed_at_once(self, *, rejected: Credential | None = None) -> Credential | None:
        """What a refresh within this call has given, if the caller can't wait and one is needed."""
        assert self._session is not None
        if self._refresh_at_once is None:
            return None
        if self._session.credential.bound:
            raise WouldBlock("the browser signs a proof for each request (DPoP), which can't be while this call blocks")
        if not self._session.must_wait(rejected=rejected):
            return None
        before = self._session.credential
        self._refresh_at_once(self._session)
        return None if self._session.credential is before else self._session.credential

    def _waits_for_resume(self) -> None:
        self._tell(RequestPhase.WAITING, waits_for=WaitsFor.RESUME)

    async def _obtain(self, *, renewed: Credential | None = None, failures: int | None = None) -> Credential:
        """The credential to send, at once or after a refresh. `failures` is as for `Session.check_failures`."""
        session = self._session
        assert session is not None
        credential = session.usable(renewed=renewed)
        if credential is not None:
            return credential
        if failures is not None:
            session.check_failures(failures)
        if session.must_wait():
            self._tell(RequestPhase.WAITING, waits_for=WaitsFor.REFRESH)
        return await session.renew(rejected=session.credential)

    async def _admitted(self, *, first: bool) -> None:
        if self._admission is not None:
            if self._admission.full(first=first):
                assert self._session is not None
                self._session.check_alive()  # those in line were dismissed when it ended; who joins now would not be
                self._tell(RequestPhase.WAITING, waits_for=WaitsFor.ADMISSION)
            self._slot = await self._admission.enter(first=first)

    def _leave(self) -> None:
        if self._admission is not None and self._slot is not None:
            self._admission.leave(self._slot)
            self._slot = None

    def _signs(self, *, good: bool) -> None:
        """Is the token taken? A refusal of one that is not the current one any more says nothing."""
        assert self._session is not None
        if self._admission is None:
            return
        if good:
            self._admission.trust()
        elif self._credential is self._session.credential:
            self._admission.distrust()


def _attach(request: Request, credential: Credential, proof: str | None) -> Request:
    """The request with the credential (RFC 6750 section 2.1, RFC 9449 section 7.1). Built anew each time (Q7)."""
    request = request.with_field("Authorization", f"{credential.token_type} {credential.access_token}")
    return request if proof is None else request.with_field("DPoP", proof)


def attached(attempt: Request) -> dict[str, str]:
    """The header fields of an attempt that say in whose name it is: what another client has to send with its own."""
    return {name: attempt.headers[name] for name in ("Authorization", "DPoP") if name in attempt.headers}
