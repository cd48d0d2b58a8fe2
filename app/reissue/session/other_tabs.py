"""What other tabs do to this tab's session: they begin it, renew it and end it."""

from ..errors import EndReason
from ..events import StoreEvent, StorePhase
from ..oauth2.token_source import TokenSource
from ..tokens.credentials import Credential
from ..tokens.users import UserMatch
from .popup_sign_in import PopupSignIns
from .resume import Resume
from .settings import SessionSettings
from .sign_out import SignOuts
from .succession import Succession


class OtherTabs:
    """This client as the holder of a shared session (see `SharingClient`): its session follows those of other tabs."""

    def __init__(self, tokens: TokenSource, settings: SessionSettings) -> None:
        self._tokens = tokens
        self._settings = settings
        self._sessions: Succession | None = None
        self._resume: Resume | None = None
        self._sign_outs: SignOuts | None = None
        self._popups: PopupSignIns | None = None

    def attach(self, sessions: Succession, resume: Resume, sign_outs: SignOuts, popups: PopupSignIns | None) -> None:
        """Set the client's sessions, before any message of another tab can arrive."""
        self._sessions, self._resume, self._sign_outs, self._popups = sessions, resume, sign_outs, popups

    def accepts(self, credential: Credential) -> bool:
        """Can this client send this credential?"""
        return self._tokens.accepts(credential)

    def on_granted(self, credential: Credential, same_session: bool) -> None:
        """Another tab was granted this credential, for the session that this tab holds or for a new one."""
        assert self._sessions is not None and self._resume is not None, "attached"  # noqa: PT018
        if self._sessions.closed:
            return
        session, users = self._sessions.alive, self._settings.users
        if session and (same_session or users.compare(credential, session.credential) is UserMatch.SAME):
            session.take_over(credential)
        else:
            self._resume.from_another_tab = self._sessions.begin(credential, by_another_tab=True)

    def on_late_grant(self, credential: Credential) -> None:
        """Another tab was granted this credential before it heard of the sign-out in this tab."""
        assert self._sign_outs is not None, "attached"
        self._sign_outs.present(credential)

    def on_ended(self, reason: EndReason) -> None:
        """Another tab has ended the session."""
        assert self._sessions is not None and self._resume is not None, "attached"  # noqa: PT018
        if reason == "signed_out":
            self._resume.cancel()
            self._sessions.interrupt(reason)
            if self._popups is not None:
                self._popups.close()
        elif self._sessions.latest is not None:
            self._sessions.latest.end(reason)

    def on_store_failure(self, phase: StorePhase) -> None:
        """The store is unavailable or was corrupted: emit a StoreEvent."""
        self._settings.listeners.emit(StoreEvent(at=self._settings.clock(), phase=phase))
