"""One page with its interceptor: what it does, what it saw, and what must hold of that.

The invariants are checked as things happen, from these sources alone: the events that the interceptor tells,
what passes over the wire and between pages, and what callers get. Nothing private is looked at.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tests.reissue.virtual_time import PAGE
from tests.simulation.model import ACCESS_LIFE, API, AUTH, DEADLINE, OTHER_API, Browser, Family
from tests.simulation.origin import PATIENCE as TURN_PATIENCE
from tests.simulation.origin import Drawer, Issue, Origin, Shelf, peers_of
from tests.simulation.proofs import LACKS_NONCE, PageProofs, Proof

if TYPE_CHECKING:
    from tests.simulation.run import Run

PATIENCE = 5.0  # seconds, after which admission parks what waits for its head
MARK_LIFE = 86_400.0  # seconds for which a sign-out that was not told is remembered
LOOKS = 6.0  # seconds in which a page that has the turn sees what others hold, and gets it
NOT_YET = (408, 421, 425, 429)
SLOWEST_PROOF = 3.0  # seconds
TIMEOUT = 200.0  # seconds; of every request that has no shorter one
LIFE_OF_A_REQUEST = re.compile(
    "started( waiting){0,3}( sent( refused( waiting){0,2}( replayed( refused( waiting){0,2}( replayed)?)?)?)?)?"
    " (done|failed|cancelled)"
)
LIFE_WITH_NONCES = re.compile(
    r"started( waiting)*"
    r"( sent(( waiting)* sent)?( refused( waiting)*( replayed(( waiting)* replayed)?)?){0,2}( waiting)*)?"
    r" (done|failed|cancelled)"
)
LIFE_WITH_NONCES_AND_A_STEP_UP = re.compile("started( waiting| sent| refused| replayed)* (done|failed|cancelled)")
LIFE_WITH_A_STEP_UP = re.compile(
    "started( waiting){0,3}( sent( refused( waiting){0,3} replayed){0,4}( refused( waiting){0,3})?)?"
    " (done|failed|cancelled)"
)


class Violation(AssertionError):
    """An invariant that did not hold."""


class Signal:
    """An AbortSignal."""

    def __init__(self) -> None:
        self.aborted = False
        self._callbacks: list[Callable[[], None]] = []

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def abort(self) -> None:
        self.aborted = True
        for callback in tuple(self._callbacks):
            callback()


@dataclass
class Token:
    """An access token, as it came to this page."""

    access_token: str
    by: str  # login, refresh, adopt, step-up, exchange, or handed by another page
    user: str
    received: float  # awake; what the client's clock said then is another matter
    clock: float
    refresh_token: str | None
    sign_outs: int  # that had been asked for when this token was
    life: float = ACCESS_LIFE
    session: int | None = None
    refused: bool = False
    overtaken: bool = False  # by a sign-out in this page
    early: bool = False  # asked for before the one that it replaced was refused


@dataclass(eq=False)
class Attempt:
    """A request on the wire."""

    token: Token | None
    at: float
    outcome: Any = None
    other: bool = False
    nonce: str | None = None  # in its proof
    given: str | None = None  # by its answer
    seems_to_lack_nonce: bool = False  # by what the page may read of its answer
    repeats: bool = False  # it is there for the sake of the nonce that the one before has brought

    @property
    def lacks_nonce(self) -> bool:
        return getattr(self.outcome, "status", None) == 401 and self.outcome.body == LACKS_NONCE

    @property
    def wants_step_up(self) -> bool:
        """Is the token good, and not enough?"""
        challenge = getattr(self.outcome, "headers", {}).get("WWW-Authenticate", "")
        return "insufficient_user_authentication" in challenge


@dataclass(eq=False)
class Call:
    """A request as its caller made it."""

    kind: str
    session: int | None
    due: float | None = None  # when it must settle, if not at its timeout
    attempts: list[Attempt] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    settled: bool = False

    @property
    def other(self) -> bool:
        """Does it go to the other API?"""
        return "other" in self.kind

    @property
    def most(self) -> int:
        """How often it may be sent, repeats for a nonce left out: once more after a replay with an early token."""
        counted = [attempt for attempt in self.attempts if not attempt.repeats]
        early = any(attempt.token.early for attempt in counted[1:] if attempt.token is not None)
        return (4 if "strong" in self.kind else 2) + early


@dataclass
class Session:
    """What the events told of a session."""

    number: int
    token: Token
    by: str
    user: str
    refresh_token: str | None
    refreshing: bool = False
    early: bool = False  # has its refresh asked before the token was refused?
    overtaken: bool = False  # another page's refresh was faster than one that is still on the way here
    wait_until: float = 0.0  # a Retry-After, on the client's clock
    waits_since: float = 0.0
    busy_until: float = 0.0  # the same, said to the other API's client
    refused: bool = False
    exchange_refused: bool = False  # perhaps: nobody tells, if its caller is gone
    may_be_anothers: bool = False  # a token for the other API was another user's, or might be
    asks_whose: bool = False  # the same, or it named the user by another word
    doubtful: bool = False  # a sign-in was lost since: if the next token is another user's, nobody can tell
    ended: str = ""


class Tab:
    """A page. `run` gives the time and keeps the violations. It shares its session over an `origin`, or with nobody."""

    def __init__(
        self,
        run: "Run",
        reissue: ModuleType,
        browser: Browser,
        *,
        in_flight: int,
        judge: str,
        origin: Origin | None = None,
        courtesy: ModuleType | None = None,
        stored: bool = False,
    ) -> None:
        self.run, self.reissue, self.browser, self.in_flight, self.judge = run, reissue, browser, in_flight, judge
        self.tokens: dict[str, Token] = {}
        self.sessions: dict[int, Session] = {}
        self.session: Session | None = None
        self.received: Token | None = None  # the last one
        self.calls: dict[str, Call] = {}
        self.given_up: set[str] = set()  # by their callers, or answered
        self.untold: set[str] = set()
        self.on_wire: set[Attempt] = set()
        self.auth_calls = 0
        self.signing_in = False  # a sign-in was sent, and nobody was told of what came
        self.answer: tuple[str, bool] = ("", False)  # the last one, and whether the server has refused by it
        self.asked: list[Attempt] = []  # what was sent for one call to the endpoint
        self.asking: tuple[float, str | None] = (0.0, None)  # when that began, and the newest refresh token then
        self.asking_for: Session | None = None  # the session that was on when that began
        self.nonces: dict[str, str] = {}  # that each server gave last
        self.sign_outs = self.signed_out = self.renewals = 0
        self.sign_out_known = 0  # the last of all tabs' that this page knows of
        self.sign_out_shown = False  # another page has answered so, by courtesy, since this one last asked
        self.usable = False  # is the last answer a token that a page can send?
        self.told: int | None = None  # the status of the last answer to a sign-out
        self.signing_out = 0  # calls that are under way
        self.welcomes: list[str] = []  # who signs in here as soon as somebody has signed out
        self.drawer = Drawer(self)
        self.closing = False
        self.tasks: list[asyncio.Task[Any]] = []
        self.cancelled: dict[asyncio.Task[Any], float] = {}
        self.signals: dict[str, Signal] = {}
        self.reactions: list[tuple[int, Callable[[], None]]] = []
        self.heard = self.streamed = 0
        self.context = copy_context()
        self.context.run(PAGE.set, self)
        self.gone = False
        self.frozen_at: float | None = None
        self.thawed_at = 0.0
        self.slept = 0.0
        self.origin, self.courtesy = origin, courtesy is not None
        self.answers: dict[str, Token] = {}
        self.told_of: set[str | None] = set()  # refresh tokens that it has asked the endpoint to end
        self.offered: Issue | None = None  # what another page gave last
        self.held: Issue | None = None  # what this page goes on with
        self.stepping: set[int] = set()  # sessions whose user is asked for a stronger sign-in
        self.heard_others: Callable[[str], None] | None = None
        self.hearing: dict[str, Any] | None = None  # the message that is being heard
        self.ends_heard = 0  # of sessions that somebody signed out, each once
        self.replaced: set[str] = set()  # sessions in whose place it has taken over a later one
        self.refused: dict[str, int] = {}  # session → the issue that this page has seen refused
        self.over: set[str] = set()  # sessions of which this page has heard that somebody signed out
        self.followed: set[str] = set()  # sessions that another has followed in this page
        self.taken_over_from: tuple[float, str | None] | None = None  # when, and what it had presented until then
        self.has_turn, self.waited, self.calls_in_turn = False, 0.0, 0
        self.peers = peers_of(self, origin, courtesy) if origin else None
        self.api = reissue.Interceptor(
            self.transport,
            audience=API,
            endpoint=reissue.Endpoint(AUTH),
            clock=run.client_time,
            in_flight=in_flight,
            should_renew={"": None, "plain": self.plain_judge, "async": self.async_judge}[judge],
            peers=self.peers,
            store=(Shelf(self, origin) if stored else None) if origin else self.drawer,
            pending_sign_out=run.untold,
            step_up=self.step_up if run.program.handler else None,
            proofs=PageProofs(self) if run.program.bound else None,
        )
        self.api.on(self.hear)
        self.other: Any = None
        self.exchanged: Token | None = None  # the other API's that is in use
        self.exchanging: Token | None = None  # the last that came for it
        if run.program.other_api:
            self.other = self.api.for_resource(OTHER_API, resource=OTHER_API)
            self.other.on(self.hear_other)
        self.events = self.api.events()
        self.stream = asyncio.create_task(self.follow(), context=self.context.copy())

    @property
    def awake(self) -> float:
        """Seconds that have passed while the page was not frozen: what its timers count."""
        return self.run.loop.time() - self.slept

    @property
    def frozen(self) -> bool:
        return self.frozen_at is not None

    @property
    def let_go(self) -> bool:
        """Is it closed, and nothing of it under way? Its last call to the endpoint may outlive whoever closed it."""
        return self.closing and self.auth_calls == 0 and all(task.done() for task in self.tasks)

    # What it does

    def freeze(self) -> None:
        self.frozen_at = self.run.loop.time()
        self.run.loop.freeze(self)

    def thaw(self) -> None:
        if self.frozen_at is not None:
            self.thawed_at = self.run.loop.time()
            self.slept += self.thawed_at - self.frozen_at
            self.frozen_at = None
            self.run.loop.thaw(self)

    def leave(self) -> None:
        """The page is left, or crashes: from here on nothing of it runs."""
        self.gone = True
        self.run.loop.freeze(self)
        self.browser.leave(self)
        if self.signing_in:
            self.browser.doubt()
        if self.session is not None:
            self.run.lose_copy(self.session.refresh_token)
        self.run.lose_owner()
        if self.peers is not None and not self.courtesy:
            self.peers.leave()

    def start(self, coroutine: Any, name: str = "") -> None:
        context = copy_context()
        context.run(PAGE.set, self)
        task = asyncio.create_task(coroutine, name=name, context=context)
        self.tasks.append(task)
        task.add_done_callback(self.settled)

    def settled(self, task: "asyncio.Task[Any]") -> None:
        began = self.cancelled.get(task)
        if began is not None:
            self.run.expect(self.awake == began, "a call that was cancelled goes on")

    def cancel(self, number: int) -> None:
        if not self.tasks:
            return
        task = self.tasks[number % len(self.tasks)]
        if not task.done() and task is not asyncio.current_task():
            self.cancelled[task] = self.awake
            self.given_up.add(task.get_name())
            task.cancel()

    def abort(self) -> None:
        task = asyncio.current_task()
        for name, signal in self.signals.items():
            if task is None or task.get_name() != name:
                self.given_up.add(name)
            signal.abort()
        self.signals.clear()

    async def fetch(self, name: str, kind: str = "plain") -> Any:
        if self.other is None:
            kind = kind.replace("strong other", "strong").replace("other", "plain")
        self.calls[name] = Call(kind, self.session.number if self.session else None)
        options: dict[str, Any] = {}
        timeout = 0.5 if kind == "timeout" else TIMEOUT
        if kind in ("post", "one_shot"):
            options = {"method": "POST", "body": once() if kind == "one_shot" else b"whole"}
        if kind == "signal":
            options["signal"] = self.signals[name] = Signal()
        if kind == "public":
            options["auth"] = False
        began = self.awake
        client, url = (self.other, OTHER_API) if "other" in kind else (self.api, API)
        try:
            response = await client.fetch(f"{url}{name}?page=2", timeout=timeout, **options)
            self.check_lost_for_nonce(self.calls[name])
            return response
        finally:
            self.run.expect(self.awake <= began + timeout + 1e-6, "a timeout was passed over")
            signal = self.signals.pop(name, None)
            self.given_up.add(name)
            self.calls[name].settled = True
            due = self.calls[name].due
            self.run.expect(
                due is None or abs(due - self.awake) < 1e-6, "a request waits on, though its session is over"
            )
            self.run.expect(signal is None or not signal._callbacks, "a signal is still listened to")

    async def sign_in(self, user: str) -> None:
        sign_outs, ends_heard = self.sign_outs, self.ends_heard
        try:
            await self.api.sign_in(username=user, after=self.sign_out_known)
        except (OSError, self.reissue.MalformedToken, asyncio.CancelledError):
            self.run.crossed = self.run.crossed or not self.browser.server.in_body
            if self.session is not None and self.browser.server.vague and not self.browser.server.in_body:
                self.session.doubtful = True
            self.browser.doubt()
            raise
        except self.reissue.SessionEnded:
            self.browser.doubt()
            overtaken = self.closing or (sign_outs, ends_heard) != (self.sign_outs, self.ends_heard)
            self.run.expect(overtaken, "a sign-in was overtaken by no sign-out")
            raise
        finally:
            self.signing_in = False
        # With peers the turn ends a little after the sign-in has taken effect.
        overtaken = sign_outs != self.sign_outs and self.origin is None
        self.run.expect(not overtaken, "a sign-in that a sign-out had overtaken took effect")

    async def adopt(self, user: str) -> None:
        """The app signs in by its own means: with a call of its own, whose cookie is there as well."""
        await self.api.adopt(**self.signed_in("adopt", user))

    def signed_in(self, by: str, user: str, *, strong: bool = False) -> dict[str, Any]:
        """What the app's own call brings."""
        server = self.browser.server
        family, answer = server.sign_in(user, strong=strong)
        if not server.in_body:
            self.browser.cookie = family.current
            self.run.crossed = self.run.crossed or bool(self.browser.on_wire)
            # What is on the wire may bring an earlier user's cookie in place of this one.
            self.browser.late += [server.family_of(exchange.held) for exchange in self.browser.on_wire]
        self.receive(by, answer, self.sign_outs)
        return answer

    def family_of(self, token: Token) -> Family:
        return self.browser.server.access[token.access_token].family

    async def step_up(self, wanted: Any) -> Any:
        """What the app does when the API wants a stronger sign-in."""
        session, server, does = self.session, self.browser.server, self.run.program.handler
        self.run.expect(wanted.acr_values == ("strong",), "another sign-in is asked for than the API wants")
        self.run.expect(session is not None and not session.ended, "a step-up for a session that is over")
        if session is None:
            return None
        self.run.expect(session.number not in self.stepping, "two step-ups at once")
        strong = self.family_of(session.token).strong
        others = self.run.signed_in_elsewhere or self.run.crossed
        weak = others and self.exchanged is not None and not self.family_of(self.exchanged).strong
        self.run.expect(not strong or weak, "the user is asked for what has been done")
        self.stepping.add(session.number)
        try:
            await asyncio.sleep(0.2)
        finally:
            self.stepping.discard(session.number)
        session.doubtful = session.doubtful or (server.vague and not server.in_body)
        if server.opaque and not server.in_body:  # whose cookie is left, if it does not come to it, nobody can tell
            self.browser.doubt()
            does = does.replace("credential", "fields")
        if server.opaque:
            does = does.replace("another user", "fields")
        match does:
            case "fields":
                return {"username": session.user, "step_up": True, "strong": True}
            case "not enough":
                return {"username": session.user, "step_up": True}
            case "another user":
                return {"username": "grace" if session.user == "ada" else "ada", "step_up": True, "strong": True}
            case "credential":
                return self.reissue.Credential(**self.signed_in("step-up", session.user, strong=True))
            case "fails":
                raise OSError("the window was closed")
        return None

    async def sign_out(self) -> None:
        self.sign_outs += 1
        if not self.closing:
            self.run.over, self.run.over_since = list(self.browser.server.families), self.run.client_time()
            if self.dates_sign_out_too_early():
                self.run.over = []
            self.run.sign_outs += 1
            self.run.untold_of = self.sign_out_known = self.run.sign_outs
        self.signing_out += 1
        try:
            await self.api.sign_out()
        finally:
            # The server is told all the same if it is cancelled: then it stays under way.
            self.signing_out -= not asyncio.current_task().cancelling()  # type: ignore[union-attr]

    def dates_sign_out_too_early(self) -> bool:
        """Has another page a session that it takes for later than a sign-out here, since the clock was put back?

        This page has not heard of that session, so it does not date its sign-out after it.
        """
        now, issues = self.run.client_time(), self.origin.issues if self.origin is not None else {}

        def latest(tokens: Iterable[str]) -> float:
            return max((issues[token].dated(now).age[0] for token in tokens if token in issues), default=0)

        others = [tab.session.token.access_token for tab in self.run.open_tabs if tab.session is not None]
        return latest(others) > max(now * 1000, latest(self.tokens))

    async def renew(self) -> None:
        self.renewals += 1
        try:
            await self.api.renew()
        finally:
            # The refresh that it started may outlive it, if it is cancelled: then it stays "asked for".
            self.renewals -= not asyncio.current_task().cancelling()  # type: ignore[union-attr]

    async def close(self) -> None:
        self.closing = True
        try:
            await self.api.close()
        finally:  # listeners hear nothing after this
            self.untold |= {name for name, call in self.calls.items() if not call.settled}

    async def follow(self) -> None:
        """Watches the events, and calls the client from there."""
        async for event in self.events:
            self.streamed += 1
            if event.phase is self.reissue.SessionPhase.ENDED and event.reason == "refused":
                with suppress(self.reissue.ReissueError, OSError):
                    await self.api.resume()

    def plain_judge(self, outcome: Any) -> bool:
        return not isinstance(outcome, OSError) and (outcome.status == 401 or outcome.body == b"expired")

    async def async_judge(self, outcome: Any) -> bool:
        await asyncio.sleep(0)
        return isinstance(outcome, OSError) or self.plain_judge(outcome)

    def is_refusal(self, outcome: Any) -> bool:
        if isinstance(outcome, OSError):
            return self.judge == "async"
        if isinstance(outcome, BaseException) or outcome is None:
            return False
        return outcome.status == 401 or (bool(self.judge) and outcome.body == b"expired")

    # What passes over its wire

    async def transport(self, request: Any) -> Any:
        if request.url.startswith(AUTH):
            return await self.ask(request.url.removeprefix(AUTH), json.loads(request.body), self.shown(request, None))
        name = self.name_in(request.url)
        call, audience = self.calls[name], OTHER_API if request.url.startswith(OTHER_API) else API
        attempt = Attempt(self.token_of(request), self.run.loop.time(), other=call.other)
        token = attempt.token.access_token if attempt.token else None
        proof = self.shown(request, token)
        attempt.nonce = proof.nonce if proof else None
        self.check_send(name, attempt)
        call.attempts.append(attempt)
        self.on_wire.add(attempt)
        try:
            strong = "strong" in call.kind
            attempt.outcome = await self.browser.call_api(token, audience, strong=strong, proof=proof)
            self.learn(audience, attempt, hidden=self.run.program.bound == "hidden")
            return attempt.outcome
        except BaseException as error:
            attempt.outcome = error
            raise
        finally:
            self.on_wire.discard(attempt)

    def shown(self, request: Any, token: str | None) -> Proof | None:
        """The proof that a request shows. It is of that request and that token, and nobody has seen it yet (X3)."""
        name, url = request.headers.get("DPoP"), request.url.partition("?")[0]
        if not self.run.program.bound or (token is None and url.removeprefix(AUTH) not in ("login", "refresh")):
            self.run.expect(name is None, "a proof where nobody wants one")
            return None
        proof = self.browser.proofs.pop(name, None)
        self.run.expect(proof is not None, "no proof, or one that was shown before (X3)")
        if proof is None:
            return Proof(request.method, url, token, None)
        asked = Proof(request.method, url, token, proof.nonce)
        self.run.expect(proof == asked, f"a proof for something else: {proof}, not {asked}")
        return proof

    def learn(self, server: str, attempt: Attempt, *, hidden: bool) -> None:
        """An answer is here."""
        if attempt.nonce is None and attempt.token is None:
            return  # no proof, and nobody looks for a nonce
        attempt.given = attempt.outcome.headers.get("DPoP-Nonce")
        if attempt.given is not None:
            self.nonces[server] = attempt.given
        bare = hidden and attempt.outcome.status == 401 and attempt.given not in (None, attempt.nonce)
        attempt.seems_to_lack_nonce = bare if hidden else attempt.lacks_nonce

    def check_nonce(self, url: str, nonce: str | None) -> None:
        """A proof is about to be made: with the nonce that its server gave last, or gave for this very request."""
        server = next(server for server in (AUTH, OTHER_API, API) if url.startswith(server))
        call = self.calls.get(self.name_in(url))
        asked = self.asked if server == AUTH else call.attempts if call is not None else []
        own = [attempt.given for attempt in asked[-1:] if attempt.given is not None]
        self.run.expect(nonce in (self.nonces.get(server), *own), "not the nonce that the server gave last")

    def waited_for_proof(self, url: str) -> None:
        call = self.calls.get(self.name_in(url))
        if call is not None and call.due is not None:
            call.due = self.awake  # it had to wait for the browser

    def check_lost_for_nonce(self, call: Call) -> None:
        """A caller gets a 401 for want of a nonce only if that which was asked for was good no more (RFC 9449)."""
        if not call.attempts or not call.attempts[-1].lacks_nonce or call.kind == "one_shot":
            return
        before = call.attempts[-2] if call.attempts[-1].repeats else None
        good = self.browser.server.nonces[OTHER_API if call.other else API].good
        self.run.expect(before is not None and before.given not in good, "a request was lost for a nonce")

    async def ask(self, call: str, fields: dict[str, Any], proof: Proof | None) -> Any:
        again = not self.asked or (len(self.asked) == 1 and self.asked[0].seems_to_lack_nonce)
        self.run.expect(again or self.closing, "one call to the endpoint was sent twice")
        sent = Attempt(None, self.run.loop.time(), nonce=proof.nonce if proof else None)
        self.asked.append(sent)
        self.auth_calls += 1
        self.calls_in_turn += 1
        self.signing_in = call == "login"
        self.run.expect(self.auth_calls == 1, "two calls to the endpoint at once")
        if self.origin is not None and not self.courtesy:
            insists = call != "refresh" and self.waited >= TURN_PATIENCE - 1e-6
            self.run.expect(self.has_turn or insists, "a call to the endpoint out of turn")
            if call == "refresh" and self.session is not None:
                proving = self.run.loop.time() - self.asking[0] if self.run.program.bound else 0.0
                newer = self.origin.known_for(LOOKS + proving, self.issue_of(self.session.token), self)
                self.run.expect(not newer, "a refresh that another page had made")
        if call == "refresh" and self.session is not None:
            # None: a resume that was overtaken by an adopted session in the step before it was sent.
            presented = fields.get("refresh_token")
            newest = presented in (None, self.session.refresh_token)
            # While its proof was made, somebody signed in: what it brings is dropped.
            late = presented == self.asking[1]
            # Another page's app adopted a session, which takes no turn, in the step before this was sent.
            crossed = (self.run.loop.time(), presented) == self.taken_over_from
            self.run.expect(newest or late or crossed or self.courtesy, "not the newest refresh token")
        began, sign_outs, untold_of = self.awake, self.sign_outs, self.run.untold_of
        if call == "logout":
            self.told = None
            self.told_of.add(fields.get("refresh_token"))
        of = self.asking_for if "resource" in fields else None
        if call == "refresh" and self.session is not None:
            busy_until = max(self.session.busy_until, self.session.wait_until if of is not None else 0.0)
            self.run.expect(self.run.client_time() >= busy_until, "asked again before Retry-After had passed (F2)")
        try:
            in_turn = self.has_turn or self.origin is None
            response, exchange = await self.browser.call_auth(call, fields, proof, in_turn=in_turn)
            sent.outcome = response
        finally:
            self.auth_calls -= 1
            self.run.expect(self.awake <= began + DEADLINE + 1e-6, "a call to the endpoint has no deadline")
            if "step_up" in fields:
                self.signing_in = False
        if proof is not None:
            sent.given = response.headers.get("DPoP-Nonce")
            if sent.given is not None:
                self.nonces[AUTH] = sent.given
            if response.body == LACKS_NONCE:
                sent.seems_to_lack_nonce = True
                self.answer = "a nonce is wanted", False
                return response
        self.answer = call, exchange.refuses
        if call == "logout":
            self.told = response.status
        if call == "logout" and 400 <= response.status < 500 and response.status not in NOT_YET:
            self.run.over = []  # it was refused for good: whoever signed out has been told
        if call == "logout" and response.status < 300 and exchange.refuses:
            self.run.over = []  # it was refused by a 2xx, which confirms it
        if exchange.settles and self.run.untold_of == untold_of:  # not one that somebody has asked for since
            self.run.untold_of = 0
        if of is not None and exchange.refuses:
            of.exchange_refused = True
        if of is not None and "Retry-After" in response.headers:
            of.busy_until = self.run.client_time() + 3
        self.usable = False
        with suppress(ValueError):  # cut short
            answer = json.loads(response.body)
            self.usable = "access_token" in answer and not exchange.spoiled
            if exchange.spoiled:
                pass  # no token in it is any that a page could send
            elif of is not None and "access_token" in answer:
                self.receive_other(answer, of)
            elif of is None:
                self.receive(call, answer, sign_outs)
        return response

    def receive_other(self, answer: dict[str, Any], of: Session) -> None:
        token, user = answer["access_token"], self.browser.server.access[answer["access_token"]].family.user
        server = self.browser.server
        of.may_be_anothers = of.may_be_anothers or server.opaque or user != of.user
        of.asks_whose = of.asks_whose or of.may_be_anothers or "pairwise" in server.subject or server.vague
        self.exchanging = self.tokens[token] = Token(
            token, "exchange", user, self.awake, self.run.client_time(), None, self.sign_outs, session=of.number,
            early=True,  # perhaps: nobody tells when the client of the other API has asked
        )  # fmt: skip

    def name_in(self, url: str) -> str:
        return str(url.removeprefix(API).removeprefix(OTHER_API).partition("?")[0])

    def receive(self, by: str, answer: dict[str, Any], sign_outs: int) -> None:
        if "access_token" not in answer:
            return
        token = answer["access_token"]
        user = self.browser.server.access[token].family.user
        self.received = self.answers[token] = Token(
            token,
            by,
            user,
            self.awake,
            self.run.client_time(),
            answer.get("refresh_token"),
            sign_outs,
            overtaken=by == "login" and sign_outs != self.sign_outs and not self.closing,
        )

    # What passes between pages

    @property
    def knows_better(self) -> bool:
        """Has it a session that did not begin in what its clock calls the future?

        Others may take up one of a future day: a clock that was wrong may have been put right since.
        """
        return self.session is not None and self.run.jumped >= max(self.run.jumps)

    def seems_ahead(self, text: str) -> bool:
        """Does a message tell of a future day? The clock may have been set since it was written."""
        issue = Issue.of(json.loads(text)["edition"])
        return self.knows_better and issue is not None and issue != issue.dated(self.run.client_time())

    def hear_hostile(self, form: str, text: str) -> None:
        """A message arrives that no page has sent. It ends nothing and begins nothing."""
        if self.heard_others is None or (form == "in two days" and not self.seems_ahead(text)):
            return
        self.hearing = {}
        try:
            self.heard_others(text)
        finally:
            self.hearing = None

    def hear_of_others(self, text: str, sign_out: int, signed_out: int) -> None:
        """A message arrives, from a page that knew of the sign-outs up to that one.

        As it was sent, this page had heard the end of so many sessions that somebody signed out.
        """
        if self.heard_others is None:
            return
        fields = json.loads(text)
        if fields.get("courtesy") == "sign":
            self.sign_out_shown = self.sign_out_shown or fields["of"].startswith("signed-out")
        if fields.get("reason") == "signed_out":
            self.sign_out_known = max(self.sign_out_known, sign_out)
        issue = Issue.of(fields.get("edition"))
        if fields.get("reason") == "signed_out":
            self.ends_heard += issue is None or issue.session not in self.over
        before = self.received
        self.is_offered(text)
        self.hearing = fields
        try:
            self.heard_others(text)
        finally:
            self.hearing = None
        if self.received is not None and self.received.session is None:
            self.received = before  # old news
        if self.origin is not None and self.session is None and self.signed_out > signed_out:
            self.origin.unheard |= self.origin.tells_of_beginning(fields)  # here it is taken for what was signed out
        if fields.get("reason") == "signed_out" and issue is not None:
            self.over.add(issue.session)

    def is_offered(self, text: str | None) -> None:
        """A credential comes from another page, or an earlier one; the core may take it now."""
        if self.origin is not None and text in self.origin.hostile:
            return
        fields = json.loads(text) if text else {}
        if fields.get("type") != "granted":
            return
        token, self.offered = fields["access_token"], Issue.of(fields["edition"])
        self.run.expect(token in self.browser.server.access, "a page hands over a token that no server has given")
        if token not in self.browser.server.access:
            return
        if self.session is not None and token == self.session.token.access_token:
            if self.held and self.offered and self.offered > self.held:
                self.keep(self.session, fields["refresh_token"], self.offered)
            return
        self.received = Token(
            token,
            "handed",
            self.browser.server.access[token].family.user,
            self.awake,
            fields["received_at"],
            fields["refresh_token"],
            self.sign_outs,
            fields["expires_in"] or ACCESS_LIFE,
        )

    def keep(self, session: Session, refresh_token: str | None, issue: Issue | None) -> None:
        """A refresh token was rotated for the other API's token, here or in another page."""
        before, session.refresh_token, self.held = session.refresh_token, refresh_token, issue
        session.refused = False  # it was the one before
        self.run.lose_copy(before)

    def hands_over(self, text: str) -> None:
        """It tells what it goes on with, before it tells that it does: of two answers, which."""
        fields = json.loads(text)
        if fields.get("courtesy") == "who":
            self.sign_out_shown = False
        if fields.get("type") == "granted":
            issue = Issue.of(fields["edition"])
            if self.session is not None and fields["access_token"] == self.session.token.access_token:
                if self.held is not None and issue is not None and issue > self.held:
                    self.keep(self.session, fields["refresh_token"], issue)
                return
            self.held = issue
        self.signing_in = False
        self.received = self.answers.get(json.loads(text).get("access_token", ""), self.received)
        if self.received is not None and self.received.session is None:
            self.received.received = self.awake  # one that was adopted has waited for its turn
            if self.received.by != "adopt":  # its life began then, all the same
                self.received.clock = self.run.client_time()  # the clock may have been set as the answer came

    def issue_of(self, token: Token) -> Issue | None:
        return self.origin.issues.get(token.access_token) if self.origin else None

    def token_of(self, request: Any) -> Token | None:
        header = request.headers.get("Authorization")
        scheme = "DPoP " if self.run.program.bound else "Bearer "
        self.run.expect(
            header is None or header.startswith(scheme), "a token was sent in another way than it was given"
        )
        token = self.tokens.get(header.partition(" ")[2]) if header else None
        self.run.expect(header is None or token is not None, "a token was sent that no server has given")
        return token

    def check_send(self, name: str, attempt: Attempt) -> None:
        expect, call, token = self.run.expect, self.calls[name], attempt.token
        expect(call.other == (token is not None and token.by == "exchange"), "a token was sent to another API")
        expect(name not in self.given_up, "a request was sent after its caller had gone")
        if call.kind == "public":
            expect(token is None and not call.attempts, "a request with auth=False got a token, or was sent twice")
            return
        if token is None:
            expect(False, "a request was sent without a token")
            return
        for earlier in call.attempts:
            expect(self.is_refusal(earlier.outcome), f"sent again after {earlier.outcome!r}")
            expect(call.kind != "one_shot", "a body that can be read once was sent twice")
            # One that a step-up has just brought may go out before that is over, and once more after it.
            good = earlier.wants_step_up or (earlier.seems_to_lack_nonce and not earlier.repeats)
            expect(earlier.token is not token or good, "replayed with the token that was refused")
        if call.attempts and call.attempts[-1].seems_to_lack_nonce:
            attempt.repeats = not call.attempts[-1].repeats
            hidden = self.run.program.bound == "hidden"
            expect(attempt.repeats or hidden, "repeated for a nonce without end")
        counted = [earlier for earlier in call.attempts if not earlier.repeats]
        expect(attempt.repeats or len(counted) < call.most, "a request was sent too often")
        if call.session is None:
            call.session = token.session  # it waited for a resume
            by = self.sessions[token.session or 1].by
            expect(by in ("refresh", "handed"), "a request was sent as who signed in after it")
        expect(token.session is not None, "a token of no session was sent")
        issue = self.issue_of(token)
        expect(issue is None or issue.session not in self.over, "a token was sent after its session was signed out")
        expect(self.session is not None and self.session.number == token.session, "a token outlived its session")
        expect(token.session == call.session, "a request was sent in a session that is not its own")
        session = self.sessions.get(token.session or 0)
        untold = call.other and self.browser.mixed
        expect(session is None or token.user == session.user or untold, "a user's request was sent as another")
        expect(not token.refused, "a token that had been refused was sent again")
        if not call.attempts:
            new = token.by != "handed" and abs(token.received - self.awake) < 1e-6
            proving = SLOWEST_PROOF if self.run.program.bound else 0.0
            was_frozen = self.run.loop.time() - self.thawed_at < 1.0 + proving  # as it was about to be sent
            # A new token is sent once (T12), also if the clock was set while its page waited for its turn to end.
            clock_set = self.run.loop.time() - self.run.jumped_at < LOOKS
            expect(new or was_frozen or clock_set or not self.is_expired(token), "a token that is dead was sent")
        since = self.run.loop.time() - PATIENCE
        waiting = [o for o in self.on_wire if o.token and o.other == call.other and o.at > since]
        expect(len(waiting) < self.in_flight, "more requests on the wire than admission allows")

    def is_expired(self, token: Token) -> bool:
        return self.run.client_time() >= token.clock + token.life

    # What it hears

    def hear(self, event: Any) -> None:
        self.heard += 1
        self.run.heard.append(event)
        if isinstance(event, self.reissue.SessionEvent):
            (self.session_began if event.phase.value == "started" else self.session_ended)(event)
        elif isinstance(event, self.reissue.RefreshEvent):
            self.refresh_went(event)
        elif isinstance(event, self.reissue.RequestEvent):
            self.request_went(event)
        elif isinstance(event, self.reissue.EndpointEvent):
            self.call_went(event)
        elif isinstance(event, self.reissue.SignOutEvent):
            self.sign_out_was_told(event)
        if getattr(event, "reason", "") == "signed_out":
            for user in self.welcomes:
                self.start(self.sign_in(user))
            self.welcomes.clear()
        for reaction in [r for r in self.reactions if PHASES[r[0]] == (type(event).__name__, event.phase.value)]:
            self.reactions.remove(reaction)
            reaction[1]()

    def hear_other(self, event: Any) -> None:
        """What the client of the other API tells."""
        self.run.heard.append(event)
        if isinstance(event, self.reissue.RequestEvent):
            self.request_went(event)
        elif self.exchanging is not None and (
            (isinstance(event, self.reissue.SessionEvent) and event.phase.value == "started")
            or (isinstance(event, self.reissue.RefreshEvent) and event.phase.value == "succeeded")
        ):
            self.exchanged = self.exchanging
            self.exchanged.received, self.exchanged.clock = self.awake, self.run.client_time()

    def session_began(self, event: Any) -> None:
        token = self.received
        self.run.expect(self.session is None, "two sessions at once")
        self.run.expect(event.session not in self.sessions, "the beginning of a session was told twice")
        self.run.expect(token is not None and token.session is None, "a session began without a new token")
        if token is not None:
            token.session = event.session
            self.tokens[token.access_token] = token
            self.run.expect(token.sign_outs == self.sign_outs, "a late answer signed in again")
            self.session = Session(event.session, token, token.by, token.user, token.refresh_token)
            if token.by in ("login", "adopt", "step-up"):
                self.run.signs_in(self.family_of(token), self)
            if token.by == "refresh":
                over, late = (
                    any(self.family_of(token) is family for family in families)
                    for families in (self.run.over, self.browser.late)
                )
                lost = late or self.run.sign_out_aged or self.run.mark_spoiled
                self.run.expect(not over or lost, "somebody who had signed out was signed in by a cookie")
            self.sessions[event.session] = self.session
            issue = self.issue_of(token)
            self.held = self.offered if token.by == "handed" else self.held
            if self.origin is not None and issue is not None and token.by == "handed":
                self.origin.unheard |= any(age > issue.age for age in self.origin.signed_out)

    def session_ended(self, event: Any) -> None:
        expect, session = self.run.expect, self.sessions[event.session]
        expect(not session.ended, "the end of a session was told twice")
        expect(session is self.session, "a session ended that was not on")
        session.ended, self.session = event.reason, None
        issue = self.issue_of(session.token)
        if event.reason == "replaced" and issue is not None:
            self.followed.add(issue.session)
        self.run.lose_copy(session.refresh_token)
        for name, call in self.calls.items():
            on_wire = call.attempts and call.attempts[-1] in self.on_wire
            if call.session == session.number and name not in self.given_up and not on_wire and call.kind != "public":
                call.due = self.awake
        match event.reason:
            case "signed_out" | "refused" if self.hearing is not None:
                expect(self.hearing.get("type") == "ended", "signed out by a message that says nothing of it")
                mine, theirs = self.issue_of(session.token), Issue.of(self.hearing.get("edition"))
                if mine is not None and theirs is not None:
                    now = self.run.client_time()
                    mine, theirs = mine.dated(now), theirs.dated(now)
                    newer = mine.began_after(theirs)
                    if event.reason == "refused":
                        newer = mine > theirs
                    expect(not newer, f"what is newer was ended by: {event.reason}")
            case "signed_out":
                self.signed_out += 1
                expect(self.signed_out <= self.sign_outs, "signed out, and nobody asked for it")
            case "closed":
                expect(self.closing, "closed, and nobody asked for it")
            case "refused":
                expect(session.refused or session.exchange_refused, "signed out without a refusal")
                if issue := self.issue_of(session.token):
                    self.refused[issue.session] = issue.number
                useless = session.token.refused or self.had_left(session.token) <= 0
                expect(useless, "signed out while the token still worked (F9)")
            case "replaced":
                new = self.received
                expect(new is not None and new is not session.token, "a session was replaced by none")
                if new is not None and new.by == "handed":
                    expect(
                        self.browser.server.vague or new.user != session.user,
                        "a session was replaced by its own user's",
                    )
                if new is not None and new.by == "refresh":
                    anybodys = self.origin is not None or self.run.signed_in_elsewhere
                    doubtful = session.doubtful or (anybodys and self.browser.server.vague)
                    expect(doubtful or new.user != session.user, "a session was replaced by its own user's refresh")

    def refresh_went(self, event: Any) -> None:
        expect, session = self.run.expect, self.sessions[event.session]
        if event.phase.value == "started":
            expect(session is self.session, "a refresh for a session that is over")
            expect(not any(s.refreshing for s in self.sessions.values() if not s.ended), "two refreshes at once")
            expect(not session.refused, "asked again after a refusal (F7)")
            expect(self.run.client_time() >= session.wait_until, "asked again before Retry-After had passed (F2)")
            self.check_need(session)
            session.refreshing = True
            return
        if event.phase.value == "taken_over":
            token = self.received
            expect(session is self.session, "a session that is over goes on")
            expect(token is not None and token.by == "handed" and token.session is None, "taken over from nobody")
            if token is not None:
                token.early = not session.token.refused
            self.taken_over_from = self.run.loop.time(), session.refresh_token
            self.go_on(session, token)
            if self.held is not None and self.offered is not None and self.held.session != self.offered.session:
                self.replaced.add(self.held.session)
            self.held = self.offered
            session.overtaken, session.refreshing = session.overtaken or session.refreshing, False
            session.refused = False
            issue = self.issue_of(token) if token is not None else None
            if issue is not None and issue.told_at >= session.waits_since:
                session.wait_until = session.busy_until = 0.0  # the server has answered another page since
            return
        if event.phase.value == "stepped_up":
            token = self.received
            expect(session is self.session, "a session that is over takes a step")
            by = token.by if token is not None and token.session is None else "nobody"
            expect(by in ("login", "step-up"), f"stepped up by {by}")
            self.go_on(session, token)
            session.overtaken, session.refreshing = session.overtaken or session.refreshing, False
            session.refused, session.wait_until, session.busy_until = False, 0.0, 0.0
            return
        expect(session.refreshing or session.overtaken, "a refresh ended that had not begun")
        session.overtaken = session.overtaken and session.refreshing
        session.refreshing = False
        match event.phase.value:
            case "succeeded":
                token = self.received
                expect(not session.ended, "a refresh succeeded after the end")
                expect(
                    token is not None and token.by == "refresh" and token.session is None, "a success out of nowhere"
                )
                if token is not None:
                    token.early = session.early
                self.go_on(session, token)
            case "unavailable":
                self.run.expect(
                    event.error != "MalformedToken" or not self.usable, "a good token was thrown away (F19)"
                )
                session.wait_until = self.run.client_time() + (event.retry_after or 0.0)
                session.waits_since = self.run.loop.time()
            case "refused":
                session.refused = True
                refused = self.answer == ("refresh", True)
                expect(refused or self.met_who_signed_out(session), "refused by nobody")

    def met_who_signed_out(self, session: Session) -> bool:
        """Has the refresh brought a token of somebody else, while the server may not know of a sign-out?

        Or a token that may be: whose the cookie is, the page can't tell then. By courtesy another page may have told
        the server since it answered that it was about to.
        """
        token, server = self.received, self.browser.server
        doubtful = server.vague and not server.in_body
        other = token is not None and token.by == "refresh" and (token.user != session.user or doubtful)
        return other and (self.run.untold.read() is not None or self.sign_out_shown)

    def go_on(self, session: Session, token: Token | None) -> None:
        if token is not None:
            token.session, session.token = session.number, token
            if token.by in ("login", "step-up"):
                self.run.signs_in(self.family_of(token), self)
            self.tokens[token.access_token] = token
            before, session.refresh_token = session.refresh_token, token.refresh_token or session.refresh_token
            self.run.lose_copy(before)
            mixed = (self.origin is not None or self.run.signed_in_elsewhere) and self.browser.mixed
            self.run.expect(token.user == session.user or mixed, "a session goes on with another user's token")
            session.user = token.user

    def check_need(self, session: Session) -> None:
        """A refresh is for a token that was refused or nears its end, or because somebody asked for it."""
        token = session.token
        stale = self.had_left(token) <= token.life / 4
        wanted = self.renewals > 0 or session.asks_whose or session.doubtful
        self.run.expect(stale or token.refused or wanted, "a refresh that nobody needed")

    def had_left(self, token: Token) -> float:
        """The fewest seconds of life that the client's clock can have left it: it may have been set since it looked."""
        now = self.run.client_time() - self.run.jumped
        return token.clock + token.life - now - max(self.run.jumps)

    def sign_out_was_told(self, event: Any) -> None:
        """Confirmed by the endpoint, or refused by it for good, or neither as yet (F15)."""
        status = self.told if self.told is not None else 503
        final = 400 <= status < 500 and status not in NOT_YET
        became = "confirmed" if status < 300 else "refused" if final else "unavailable"
        expect = self.run.expect
        expect(event.phase.value in (became, "overtaken"), f"a sign-out is told as {event.phase.value}, not {became}")

    def request_went(self, event: Any) -> None:
        call = self.calls[self.name_in(event.url)]
        call.phases.append(event.phase.value)
        if event.phase.value == "refused":
            attempt, token = call.attempts[-1], call.attempts[-1].token
            self.run.expect(token is not None, "a request without a token was refused")
            undecidable = self.run.program.bound == "hidden" and (attempt.repeats or call.kind == "one_shot")
            self.run.expect(not attempt.lacks_nonce or undecidable, "a token was taken for refused for want of a nonce")
            if token is not None and not attempt.wants_step_up:  # else it is good, and not enough
                token.refused = True

    def call_went(self, event: Any) -> None:
        """A call to the endpoint fails for want of a nonce only if that which was asked for was good no more."""
        if event.phase.value == "asked":
            self.asked = []
            self.asking_for = self.session
            if self.session is not None and self.session.refreshing:
                self.session.early = not self.session.token.refused
            self.asking = self.run.loop.time(), self.session.refresh_token if self.session is not None else None
        if event.phase.value == "failed" and self.asked and self.asked[-1].seems_to_lack_nonce:
            changed = len(self.asked) == 2 and self.asked[0].given not in self.browser.server.nonces[AUTH].good
            given_up = event.error in ("TimeoutError", "CancelledError")
            self.run.expect(changed or given_up, "a call to the endpoint was lost for a nonce")

    # What must hold when all is over

    def check_calls(self) -> None:
        expect = self.run.expect
        if self.gone:
            return
        for name, call in self.calls.items():
            if call.kind == "public" or not call.phases:
                continue
            life = " ".join(call.phases) + " cancelled" * (name in self.untold)
            usual = LIFE_WITH_A_STEP_UP if "strong" in call.kind else LIFE_OF_A_REQUEST
            if self.run.program.bound:
                usual = LIFE_WITH_NONCES_AND_A_STEP_UP if "strong" in call.kind else LIFE_WITH_NONCES
            expect(bool(usual.fullmatch(life)), f"a request with this life: {life}")
            sends = call.phases.count("sent") + call.phases.count("replayed")
            expect(sends == len(call.attempts), "a request was sent more often than told")
        for token in self.answers.values():
            left = token.overtaken and token.session is None and token.refresh_token is not None
            expect(
                not left or token.refresh_token in self.told_of, "nobody holds the tokens of a sign-in, and they live"
            )
        for task in self.tasks:
            self.check_outcome(task)
        expect(self.stream.done() and self.streamed == self.heard, "a stream of events did not end, or lost some")

    def check_outcome(self, task: "asyncio.Task[Any]") -> None:
        expect = self.run.expect
        if task.cancelled():
            expect(task in self.cancelled, "a call was cancelled that nobody cancelled")
            return
        error: Any = task.exception()
        if error is None:
            return
        expect(isinstance(error, self.reissue.ReissueError | OSError), f"an undocumented error: {error!r}")
        expect("eyJ" not in str(error) and "opaque-" not in str(error), "a token stands in an error")
        if isinstance(error, self.reissue.RefreshUnavailable):
            evidence = (error.__cause__, error.retry_after, error.status)
            others = self.origin is not None and "another tab" in str(error)
            expect(others or evidence != (None, None, None), f"an outage without a cause: {error}")


def once() -> Iterator[bytes]:
    """A body that can be read once."""
    yield b"once"


PHASES = [
    *(("RequestEvent", phase) for phase in ("started", "sent", "refused", "replayed", "done", "failed", "cancelled")),
    *(("RefreshEvent", phase) for phase in ("started", "succeeded", "refused", "unavailable", "dropped")),
    *(("SessionEvent", phase) for phase in ("started", "ended")),
    ("EndpointEvent", "asked"),
]
