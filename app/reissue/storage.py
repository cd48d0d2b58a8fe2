"""A place for one text that may outlive the page: what keeps a session for the next one."""

from typing import Protocol


class Store(Protocol):
    """A place for one text. Both raise OSError if it is full or forbidden.

    `own` tells whether it is this page's alone; otherwise others read and write it too.
    """

    own: bool

    def read(self) -> str | None:
        """What was written last, perhaps by another page."""
        ...

    def write(self, text: str | None) -> None:
        """Keep this in place of what was there; None forgets."""
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
        """Keep this."""
        self._text = text
