"""The attempts of one request: the first, and at most one replay for each reason.

A rejected token is one reason, and its replay's 401 is the caller's (Q4). The one exception is a replay whose token was
requested before the rejection, by a refresh that had begun already: no refresh has answered the rejection then, and the
server may have revoked that token together with the first. Such a request is replayed once more.

The one place that knows how a request, a session and the answers go together. `Sender` drives it over the client's
transport, an adapter over another HTTP client. docs/how-it-works.md follows one request through the files.

    with attempts:
        attempt = await attempts.first()
        while attempt is not None:
            outcome = …                             # send `attempt`: a response, or an OSError in its place
            attempt = await attempts.after(outcome)

`decisions` decides what an outcome says about the token, and what follows; this module does it. The body of a response
that the caller will not get is discarded at once: unread, it would hold the connection that the refresh or the replay
needs (Q23).
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from ..concurrency.admission import Slot
from ..concurrency.blocking import StartEagerly
from ..concurrency.singleflight import FlightCancelled
from ..errors import RequestAborted, StepUpRequired, WouldBlock
from ..events import RequestPhase, WaitsFor
from ..http.challenges import StepUp, read_challenges
from ..http.messages import Request
from ..http.outcomes import Judgement, discard_body, field_of
from ..session.session import Session
from ..tokens.credentials import Credential
from ..tokens.header_fields import HeaderFields
from .decisions import Answer, Decision, Done, Judge, Renew, RepeatWithNonce, decide


class Sessions(Protocol):
    """Where a request's session comes from: a `SessionLifecycle`, or a derived one."""

    @property
    def must_resume(self) -> bool:
        """Would `current()` wait?"""
        ...

    async def current(self) -> Session:
        """The session that a request belongs to."""
        ...

    def refresh_at_once(self, start_eagerly: StartEagerly, session: Session) -> None:
        """Refresh within this call, which can't await. Raises WouldBlock if that is impossible."""
        ...


class Caller(NamedTuple):
    """The code that drives the attempts.

    `reads_401`: it handles a 401 itself. If the app has no handler for step-ups, it gets a 401 that asks for one as a
    response, and StepUpRequired is not raised. `start_eagerly` is for a caller that can't await (see `blocking`): it
    makes a task and runs it up to its first wait. `sent_in`: it has sent the request already, in this
    session without step-ups and with this credential, and begins with `after`.
    """

    reads_401: bool
    start_eagerly: StartEagerly | None = None
    sent_in: tuple[Session, Credential] | None = None


class _History:
    """What has happened to the request so far."""

    replays: int = 0  # after rejections of the token
    with_early_token: bool = False  # when the request was last sent: see `Current.requested_early`
    nonce: str | None = None  # in the last proof sent
    asked_for_nonce: bool = False  # by an answer to this credential
    steps: int = 0  # the session's step-ups, when the request was last sent
    stepped_up: bool = False
    caught_up: bool = False  # replayed, without a step-up, with a newer credential than the one that was not enough
    over: bool = False


class Attempts:
    """Says what to send next, until there is an outcome for the caller. Emits an event for every step.

    `slot` is the request's slot on the wire. `judgement` decides which outcomes reject a token. `fields` says how the
    request carries its token.
    """

    def __init__(
        self,
        request: Request,
        sessions: Sessions,
        *,
        slot: Slot,
        judgement: Judgement,
        fields: HeaderFields,
        caller: Caller,
        emit: Callable[..., None],
    ) -> None:
        self._request = request
        self._sessions = sessions
        self._slot = slot
        self._admission = slot.admission
        self._judgement = judgement
        self._fields = fields
        self._caller = caller
        self._emit = emit
        self._sent_in = caller.sent_in
        self._history = _History()
        self._status: int | None = None  # of the response that the caller gets
        self._unread: Any = None  # the last outcome, until it is known whether the caller gets it

    def __enter__(self) -> "Attempts":
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close(error)

    async def first(self) -> Request:
        """The request with a token to send now. Raises SessionEnded, SessionChanged or RefreshUnavailable."""
        self._emit(RequestPhase.STARTED)
        if self._sessions.must_resume:
            self._emit(RequestPhase.WAITING, waits_for=WaitsFor.RESUME)
        session = await self._sessions.current()
        failures = session.holding.failures
        await self._admitted(session, ahead=False)
        before = session.credential
        credential = await self._obtain(session, renewed=self._renewed_at_once(session), failures=failures)
        if credential is before:
            return await self._sent(session, credential, RequestPhase.SENT)
        self._admission.token_accepted()  # it is another one than before the wait, so it was granted just now
        self._admission.call_next()
        return await self._sent(session, credential, RequestPhase.SENT, renewed=credential)

    async def after(self, outcome: Any) -> Request | None:
        """What to send after this outcome, a response or an OSError; None if the caller gets the outcome.

        A second 401 is a response like any other, and so is the first if the body can't be sent twice; then the token
        is renewed all the same, for the requests that follow. Raises the errors of `first`, and StepUpRequired.
        """
        assert self._sent_in is not None, "after first()"
        if self._history.over:
            return None
        self._unread = outcome
        try:
            return await self._after(outcome, *self._sent_in)
        except BaseException:
            self._discard()  # the caller gets the error
            raise

    async def _after(self, outcome: Any, session: Session, credential: Credential) -> Request | None:
        answer = self._read(outcome, credential)
        decision = self._decide(answer, credential)
        self._note_acceptance(decision)  # before the slot goes to a request that would send this token
        self._slot.leave()
        if isinstance(decision, Judge):
            answer = answer._replace(looks_rejected=await self._judgement.rejects(outcome))
            decision = self._decide(answer, credential)
            self._note_acceptance(decision)
        match decision:
            case RepeatWithNonce(nonce):
                self._discard()
                self._history.asked_for_nonce = True
                phase = RequestPhase.REPLAYED if self._history.replays else RequestPhase.SENT
                return await self._again(session, phase, nonce=nonce)
            case StepUp() as wanted:
                return await self._after_step_up(wanted, answer.status, session, credential)
            case Renew(replays):
                return await self._after_rejection(answer.status, session, credential, replays=replays)
        assert isinstance(decision, Done)
        self._status = answer.status
        if decision.accepted:
            session.holding.accepted(credential)
        elif decision.accepted is False:
            session.replay_rejected(credential)
        return None

    def _read(self, outcome: Any, credential: Credential) -> Answer:
        status: int | None = getattr(outcome, "status", None)
        challenged, bound = status == 401, credential.bound
        by_apps_test = self._judgement.should_renew is not None
        if (challenged or bound) and self._judgement.came_from_elsewhere(outcome):
            return Answer(status, elsewhere=True, by_apps_test=by_apps_test)
        return Answer(
            status,
            challenges=read_challenges(field_of(outcome, "WWW-Authenticate")) if challenged else (),
            nonce=self._learned_nonce(outcome) if bound else None,
            looks_rejected=None if by_apps_test else challenged,
        )

    def _decide(self, answer: Answer, credential: Credential) -> Decision:
        replayed = self._history.replays >= (2 if self._history.with_early_token else 1)
        return decide(answer, bound=credential.bound, replayed=replayed, replayable=self._request.replayable)

    async def _after_rejection(
        self, status: int | None, session: Session, credential: Credential, *, replays: bool
    ) -> Request | None:
        """Wait until the session has another token. Returns the replay, if there is one."""
        if replays:
            self._discard()
        else:  # no replay will show whether the next token is rejected, too
            session.rejected_without_replay(credential)
        self._emit(RequestPhase.REFUSED, status=status)
        renewed = self._renewed_at_once(session, replaces=credential) or await session.renew(replaces=credential)
        if not replays:
            self._status = status
            return None
        self._admission.token_accepted()  # the next token was granted just now
        await self._admitted(session, ahead=True)
        self._admission.call_next()
        fresh = await self._obtain(session, renewed=renewed)  # once more: it may have ended while this waited in line
        self._history.replays += 1
        self._history.asked_for_nonce = False
        return await self._sent(session, fresh, RequestPhase.REPLAYED, renewed=fresh)

    async def _after_step_up(
        self, wanted: StepUp, status: int | None, session: Session, credential: Credential
    ) -> Request | None:
        """Wait until the session has stepped up. Returns the replay, if the body can be sent twice."""
        history, step_ups, replayable = self._history, session.step_ups, self._request.replayable
        if step_ups is None and self._caller.reads_401:
            self._status = status
            return None
        self._emit(RequestPhase.REFUSED, status=status)
        if step_ups is None or history.stepped_up or self._caller.start_eagerly is not None:
            raise StepUpRequired(wanted.acr_values, wanted.max_age)
        session.check_alive()  # the user is not asked to sign in for a session that is over
        if replayable:
            self._discard()  # before the user is asked: the sign-in needs the connection
        caught_up = session.credential is not credential and replayable and not history.caught_up
        if not caught_up:
            self._emit(RequestPhase.WAITING, waits_for=WaitsFor.STEP_UP)
            try:
                caught_up = not await step_ups.pass_(wanted, since=history.steps)
            except FlightCancelled:
                session.check_alive()  # raises: the session has ended
        if caught_up:
            history.caught_up = True  # another tab may have stepped up: its credential is tried first
        else:
            history.stepped_up = True
        history.asked_for_nonce = False
        if replayable:
            return await self._again(session, RequestPhase.REPLAYED)
        self._status = status
        return None

    def on_head(self, status: int) -> None:
        """The head of the response is here: if its status shows that the token is accepted, give the slot back.

        For a transport that knows the status before its caller does; otherwise `after` does this.
        """
        if status != 401 and self._judgement.should_renew is None:
            self._admission.token_accepted()
            self._slot.leave()

    def close(self, error: BaseException | None = None) -> None:
        """No more attempts: the caller gets the outcome, or `error` in its place. The slot is given back."""
        if self._history.over:
            return
        self._history.over = True
        self._slot.leave()
        if error is None and self._status is not None:
            self._emit(RequestPhase.DONE, status=self._status)
        elif error is None or isinstance(error, (asyncio.CancelledError, RequestAborted)):
            self._emit(RequestPhase.CANCELLED)
        else:
            self._emit(RequestPhase.FAILED, error=type(error).__name__)

    def _discard(self) -> None:
        """The caller will not get the last outcome: discard its body, once."""
        unread, self._unread = self._unread, None
        discard_body(unread)

    def _note_acceptance(self, decision: Decision) -> None:
        """Tell the slot whether the token was accepted, if that is known now. The rejection of a token that was renewed
        since is ignored.
        """
        assert self._sent_in is not None
        session, credential = self._sent_in
        match decision:
            case Done(accepted=True):
                self._admission.token_accepted()
            case Renew() | Done(accepted=False) if credential is session.credential:
                self._admission.token_rejected()

    def _learned_nonce(self, outcome: Any) -> str | None:
        """The nonce in the outcome, if it is new and the request can be sent once more with it.

        If the server exposes no WWW-Authenticate across origins, a new nonce is the only sign that it wants one.
        """
        assert self._fields.prover is not None, "without a key, a session holds no bound credential"
        nonce, history = self._fields.prover.learn(self._request, outcome), self._history
        again = nonce != history.nonce and not history.asked_for_nonce and self._request.replayable
        return nonce if again else None

    async def _again(self, session: Session, phase: RequestPhase, *, nonce: str | None = None) -> Request:
        """The request with the session's present credential."""
        await self._admitted(session, ahead=True)
        return await self._sent(session, await self._obtain(session), phase, nonce=nonce)

    async def _sent(
        self,
        session: Session,
        credential: Credential,
        phase: RequestPhase,
        *,
        renewed: Credential | None = None,
        nonce: str | None = None,
    ) -> Request:
        """The request with this credential. If it is bound to a key, a proof is made first, and then the credential may
        have been renewed: the request gets the new one. `renewed` is as for `Session.usable`; `nonce` must stand in the
        proof.
        """
        proof: str | None = None
        while credential.bound:
            assert self._fields.prover is not None, "without a key, a session holds no bound credential"
            proof, self._history.nonce = await self._fields.prover.proof(self._request, credential, nonce=nonce)
            current = await self._obtain(session, renewed=renewed)
            if current is credential:
                break
            credential, renewed, proof = current, current, None
        self._sent_in = session, credential
        self._history.with_early_token = session.holding.current.requested_early
        self._history.steps = session.step_ups.count if session.step_ups is not None else 0
        self._emit(phase)
        self._slot.sent()
        return self._fields.attach(self._request, credential, proof)

    async def _obtain(
        self, session: Session, *, renewed: Credential | None = None, failures: int | None = None
    ) -> Credential:
        """The credential to send, at once or after a refresh. `failures` is as for `Session.check_failures`."""
        credential = session.usable(renewed=renewed)
        if credential is not None:
            return credential
        if failures is not None:
            session.check_failures(failures)
        if session.must_wait():
            self._emit(RequestPhase.WAITING, waits_for=WaitsFor.REFRESH)
        return await session.renew(replaces=session.credential)

    def _renewed_at_once(self, session: Session, *, replaces: Credential | None = None) -> Credential | None:
        """The credential of a refresh within this call, if one is needed and the caller can't await; else None.

        So it is None for every caller but a synchronous one (see `blocking`).
        """
        if self._caller.start_eagerly is None:
            return None
        if session.credential.bound:
            raise WouldBlock(
                "with DPoP, the browser must sign a proof for each request, which is impossible in a synchronous call: "
                "use api.fetch()"
            )
        if not session.must_wait(replaces=replaces):
            return None
        before = session.credential
        self._sessions.refresh_at_once(self._caller.start_eagerly, session)
        return None if session.credential is before else session.credential

    async def _admitted(self, session: Session, *, ahead: bool) -> None:
        if self._admission.full(ahead=ahead):
            session.check_alive()  # if the session has ended, its requests in line were dismissed: don't join them
            self._emit(RequestPhase.WAITING, waits_for=WaitsFor.ADMISSION)
        await self._slot.enter(ahead=ahead)
