"""A place for one text that may outlive the page: it keeps a session for a later page."""

from typing import Protocol, runtime_checkable


class Store(Protocol):
    """A place for one text. `read` and `write` raise OSError if it is full or forbidden.

    `own` is True if only this tab reads and writes it.
    """

    own: bool

    def read(self) -> str | None:
        """What was written last, perhaps by another tab."""
        ...

    def write(self, text: str | None) -> None:
        """Store this in place of the last text; None removes it."""
        ...


@runtime_checkable
class LoadedStore(Store, Protocol):
    """A store that takes time to answer: `read` gives what the last `load` has found, or `write` has stored since."""

    async def load(self) -> None:
        """Find what was written last, perhaps by another tab. Raises OSError if that is forbidden or fails."""
        ...

    async def stored(self) -> None:
        """Wait until later pages find what was written last, or until that has failed."""
        ...


class Memory:
    """A store that ends with the page."""

    own = True

    def __init__(self) -> None:
        self._text: str | None = None

    def read(self) -> str | None:
        """What was written last."""
        return self._text

    def write(self, text: str | None) -> None:
        """Store this; None removes it."""
        self._text = text
