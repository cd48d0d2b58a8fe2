"""What a shared session asks of the client that holds it, and reports to it."""

from typing import Protocol

from ..errors import EndReason
from ..events import StorePhase
from ..tokens.credentials import Credential


class SharingClient(Protocol):
    """The client in this tab. None of its methods waits."""

    def accepts(self, credential: Credential) -> bool:
        """Can this client send this credential? A credential that it can't send is ignored, wherever it comes from."""
        ...

    def on_granted(self, credential: Credential, same_session: bool) -> None:
        """Another tab was granted this credential, in the session that this tab holds or in a new one."""
        ...

    def on_late_grant(self, credential: Credential) -> None:
        """Another tab was granted this credential before it heard of the sign-out in this tab: sign it out as well."""
        ...

    def on_ended(self, reason: EndReason) -> None:
        """Another tab has ended the session."""
        ...

    def on_store_failure(self, phase: StorePhase) -> None:
        """The store is unavailable, or what it held was unusable and has been removed."""
        ...
