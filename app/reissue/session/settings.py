"""What the sessions of one client have in common."""

from collections.abc import Callable
from typing import NamedTuple

from ..http.json_text import is_number
from ..tokens.users import Users
from .listeners import Listeners


class SessionSettings(NamedTuple):
    """The settings of `Interceptor` that concern its sessions, checked.

    `clock` is in wall-clock seconds. `leeway` is how many seconds before its end a token is renewed in the background.
    `deadline` (seconds) bounds one call to the endpoint. `grace` is how many seconds after a refresh was sent it may be
    sent again if its answer was lost (F6); 0 for never. `users` compares the users of two tokens. `listeners` get the
    events.
    """

    clock: Callable[[], float]
    leeway: float
    deadline: float
    grace: float
    users: Users
    listeners: Listeners


def checked_seconds(name: str, value: float, *, least: float | None = None) -> float:
    """`value`, if it is a finite number of seconds above 0, or at least `least`. Raises TypeError or ValueError."""
    if not is_number(value):
        raise TypeError(f"{name} is a number of seconds, not {type(value).__name__}")
    if not (value >= least if least is not None else value > 0) or value == float("inf"):
        limit = "at least 0" if least == 0 else "above 0"
        raise ValueError(f"{name} is a finite number of seconds, {limit}, not {value}")
    return value
