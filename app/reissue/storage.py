"""A place for one text that may outlive the page: it keeps a session for a later page."""

from typing import Protocol


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
