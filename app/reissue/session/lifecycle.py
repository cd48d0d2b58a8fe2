"""A user's way through a client: signs in, resumes, signs out.

Theory of operation:

1. Calls to the endpoint (sign-in, refresh, sign-out) are made one at a time, over all tabs that share the session: they
   share the browser's cookies, and a refresh that lands after another user's sign-in would mix two users. See
   `shared_session`.
2. `sign_in` and `resume` begin a session, `session` renews it, and `sign_out` ends it at the server. This module has
   what the app and its requests call.
"""

import asyncio
from collections.abc import Mapping
from enum import Enum
from functools import partial
from typing import Any

from ..concurrency.blocking import StartEagerly, obstacle
from ..concurrency.loop_watch import LoopWatch
from ..concurrency.timers import time_limit
from ..errors import ReissueError, SessionChanged, SessionEnded, WouldBlock
from ..oauth2.custom_source import CustomTokenSource
from ..oauth2.redirects import Popup
from ..oauth2.token_source import HttpTokenSource, TokenSource
from ..storage import Memory, Store
from ..tabs.peers import NoPeers, Peers
from ..tabs.pending_sign_out import PendingSignOut
from ..tabs.shared_session import SharedSession
from ..tokens.credentials import Credential
from .endpoint_calls import EndpointCalls
from .other_tabs import OtherTabs
from .popup_sign_in import PopupSignIns
from .resume import Resume
from .session import Session
from .settings import SessionSettings
from .sign_in import SignIns
from .sign_out import SignOuts
from .step_up import StepUpHandler, StepUps
from .succession import Succession, WaitingRequests


class State(Enum):
    """Whether requests can be sent."""

    SIGNED_OUT = "signed_out"  # no session: requests raise SessionEnded
    RESUMING = "resuming"  # asking whether a user is still signed in: requests wait
    SIGNED_IN = "signed_in"
    REFRESHING = "refreshing"  # signed in, and a refresh is on the way


_MARGIN = 5.0  # seconds that the lock may be held beyond the one call under it, for messages and a busy browser


class SessionLifecycle:
    """This client's session, and the ones before and after it.

    `tokens` is the endpoint, and `waiting` the requests that wait to be sent. `peers`, `store`, `pending_sign_out` and
    `step_up` are the settings of `Interceptor`.
    """

    def __init__(
        self,
        tokens: TokenSource,
        settings: SessionSettings,
        *,
        waiting: WaitingRequests,
        peers: Peers | None = None,
        store: Store | None = None,
        pending_sign_out: Store | None = None,
        step_up: StepUpHandler | None = None,
    ) -> None:
        self._tokens = tokens
        self._settings = settings
        self.listeners = settings.listeners
        self._handler = step_up
        self._loops = LoopWatch()
        tabs = OtherTabs(tokens, settings)
        self._shared = shared_session(tabs, settings, peers=peers, store=store, pending_sign_out=pending_sign_out)
        self.calls = EndpointCalls(tokens, self._shared, settings)
        self.sessions = Succession(settings, self.calls, self._shared, waiting=waiting, prepare=self._prepare)
        self._sign_outs = SignOuts(self.calls, self._shared, settings)
        self._sign_ins = SignIns(self.sessions, self._sign_outs)
        self._resume = Resume(self.sessions, self._sign_ins, self._sign_outs)
        redirects = tokens.redirects
        self._popups = None if redirects is None else PopupSignIns(self.sessions, self._sign_ins, redirects)
        tabs.attach(self.sessions, self._resume, self._sign_outs, self._popups)

    # What the client knows

    @property
    def state(self) -> State:
        """Whether requests can be sent now."""
        if self.alive is not None:
            return State.REFRESHING if self.alive.refresh.running else State.SIGNED_IN
        return State.RESUMING if self._resume.running else State.SIGNED_OUT

    @property
    def alive(self) -> Session | None:
        """The current session; None without one."""
        return self.sessions.alive

    @property
    def longest_exchange(self) -> float:
        """Seconds that a token for another resource may take: three calls, and waits for the lock. See `exchange`."""
        return 4 * self._settings.deadline + 3 * _MARGIN

    @property
    def called_by_endpoint(self) -> bool:
        """Does this code run within a call to the endpoint that this client waits for?"""
        return self.calls.running_here

    def check_usable(self) -> None:
        """Raises SessionEnded after `close()`; ReissueError in a second event loop, or within a call to the endpoint,
        since the caller would wait for itself (Q3).
        """
        self.sessions.check_open()
        self.follow_loop()
        if self.calls.running_here:
            raise self.calls.would_wait_for_itself()

    def follow_loop(self) -> None:
        """Replace what belonged to the last event loop if this is another. Raises ReissueError if the last is open."""
        if self._loops.has_changed():
            self._resume.begin_anew()
            self._sign_outs.begin_anew()
            self.sessions.begin_anew()

    # What the app does

    async def sign_in(self, fields: Mapping[str, Any], *, popup: Popup | None = None) -> None:
        """Ask the endpoint for tokens, and begin a session with them, which replaces the current one.

        Where users sign in at another address, that is shown in `popup`, or in a window as the endpoint's settings say.
        """
        self.check_usable()
        if self._popups is None or self._tokens.redirects is None:
            await self._sign_ins.by(fields)
            return
        if (popup := popup or self._tokens.redirects.open_popup()) is not None:
            await self._popups.by(popup, fields)
            return
        check_overtaken = partial(self.sessions.check_overtaken, self.sessions.interruptions)
        await self._sign_outs.wait()  # a sign-out that is not sent before the page is left is never sent
        async with time_limit(self._settings.deadline):  # without the lock, which would go down with the page
            await self._tokens.redirects.leave_to_sign_in(fields, check_overtaken)

    async def adopt(self, credential: Credential) -> None:
        """Begin a session with tokens that the app got by its own means."""
        self.check_usable()
        await self._sign_ins.adopt(credential)

    async def resume(self) -> bool:
        """Resume the session of an earlier page or of another tab, or complete a sign-in that left the page.

        True if there is a session. Raises GrantRefused or MalformedToken if that sign-in failed.
        """
        self.check_usable()
        if self.alive is None or self._resume.answer is not None:
            await self._resume.join()
        refusal, self._resume.refusal = self._resume.refusal, None
        if refusal is not None:
            raise refusal
        return self.alive is not None

    async def renew(self) -> None:
        """Refresh now."""
        self.check_usable()
        await (await self.current()).renew()

    async def sign_out(self) -> None:
        """End the session in every tab that shares it, then tell the endpoint, even if the caller is cancelled."""
        self.check_usable()
        session = self.sessions.latest
        telling = self._sign_outs.start(session)
        self._resume.cancel()
        self.sessions.interrupt("signed_out")
        self._close_popups()
        failure: OSError | ReissueError | None = None
        try:
            await asyncio.wait((telling,))  # does not cancel the task if the caller is cancelled
            telling.result()
        except (OSError, ReissueError) as error:
            failure = error
        if self._tokens.redirects is not None:
            presented = session.holding.with_latest_refresh_token if session is not None else None
            async with time_limit(self._settings.deadline):
                await self._tokens.redirects.leave_to_sign_out(presented)
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """End the session in this tab only. Waits for a refresh on the wire, whose tokens go to the other tabs."""
        self.follow_loop()
        self._resume.cancel()
        self._close_popups()
        await self.sessions.close(first=None if self.calls.running_here else self._sign_outs.wait)

    def wake(self) -> None:
        """The network is back or the page is visible again: the next refresh need not pause, and the endpoint hears of
        a sign-out that it may not know of.
        """
        self._resume.backoff.wake()
        self.sessions.wake()
        if self.alive is None and not self.sessions.closed:
            self._sign_outs.wake()

    # What requests call

    @property
    def must_resume(self) -> bool:
        """Would `current()` wait for a resume?"""
        return self._resume.needed

    async def current(self) -> Session:
        """The session that a request belongs to. Waits for a resume on its way, and repeats one that failed.

        Raises SessionEnded, SessionChanged or RefreshUnavailable.
        """
        if self._resume.needed:
            session = await self._resume.join()
            if session is not None:
                return session
            if self.alive is not None:
                raise SessionChanged  # a user signed in after this request was made
        self.sessions.check_open()
        if self.sessions.latest is None:
            raise SessionEnded("signed_out")
        return self.sessions.latest

    def refresh_at_once(self, start_eagerly: StartEagerly, session: Session) -> None:
        """Refresh within this call, which can't await (see `blocking`). Raises WouldBlock if that is impossible."""
        tokens = self._tokens
        sends_a_token = session.holding.with_latest_refresh_token.refresh_token is not None or (
            isinstance(tokens, HttpTokenSource) and tokens.refresh_names_a_token
        )
        reason = obstacle(
            refreshing=session.refresh.running,
            calling=self._shared.lock.in_use,
            shared=self._shared.with_others,
            over_transport=not isinstance(tokens, CustomTokenSource),
            sends_a_token=sends_a_token,
        )
        if reason is not None:
            raise WouldBlock(reason)
        session.refresh_at_once(start_eagerly)

    # Inside

    def _close_popups(self) -> None:
        if self._popups is not None:
            self._popups.close()

    def _prepare(self, session: Session) -> None:
        self._resume.known()
        if self._handler is not None:
            session.step_ups = StepUps(self._handler, session, partial(self._sign_ins.step_up, session))


def shared_session(
    tabs: OtherTabs,
    settings: SessionSettings,
    *,
    peers: Peers | None = None,
    store: Store | None = None,
    pending_sign_out: Store | None = None,
) -> SharedSession:
    """This tab's part in the session that it shares with `peers`; without `peers`, it shares it with no tab."""
    store = Memory() if store is None else store
    return SharedSession(
        NoPeers() if peers is None else peers,
        store,
        PendingSignOut(
            Memory() if pending_sign_out is None else pending_sign_out,
            clock=settings.clock,
            keeps_told=store.own and not isinstance(store, Memory),
        ),
        tabs,
        clock=settings.clock,
        patience=settings.deadline + _MARGIN,
    )
