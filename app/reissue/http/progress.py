"""How much of a body has been sent, or has arrived."""

from typing import Literal

from .values import Value


class Progress(Value):
    """What `on_progress` is called with. `loaded` and `total` are in bytes.

    `total` is None if it is not known: the server has sent no Content-Length, or the body is compressed. After a 401
    the body is sent again, and `loaded` begins again at 0.
    """

    direction: Literal["upload", "download"]
    loaded: int
    total: int | None = None

    @property
    def fraction(self) -> float | None:
        """From 0 to 1; None if the total is not known."""
        if self.total is None:
            return None
        return self.loaded / self.total if self.total else 1.0
