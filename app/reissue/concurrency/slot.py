"""One request's slot on the wire."""

from .admission import Admission


class Slot:
    """A slot of an `admission` for the attempts of one request. Without an admission, `enter` never waits."""

    __slots__ = ("_admission", "_number")

    def __init__(self, admission: Admission | None) -> None:
        self._admission = admission
        self._number: int | None = None

    def must_wait(self, *, ahead: bool) -> bool:
        """Would `enter(ahead=ahead)` wait?"""
        return self._admission is not None and self._admission.full(ahead=ahead)

    async def enter(self, *, ahead: bool) -> None:
        """Wait to be admitted. `ahead` goes before all in line that are not `ahead` themselves."""
        if self._admission is not None:
            self._number = await self._admission.enter(ahead=ahead)

    def sent(self) -> None:
        """The request is on the wire now."""
        if self._admission is not None and self._number is not None:
            self._admission.sent(self._number)

    def leave(self) -> None:
        """Give the slot back, once: the head is here, or the request failed."""
        if self._admission is not None and self._number is not None:
            self._admission.leave(self._number)
            self._number = None

    def call_next(self) -> None:
        """Give slots to as many requests in line as may go."""
        if self._admission is not None:
            self._admission.call_next()

    def token_accepted(self) -> None:
        """There is a sign that the token is accepted. Calls no request in line: `call_next` does."""
        if self._admission is not None:
            self._admission.token_accepted()

    def token_rejected(self) -> None:
        """There is a sign that the token is rejected."""
        if self._admission is not None:
            self._admission.token_rejected()
