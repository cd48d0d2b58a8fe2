"""What the sessions of one client have in common."""

from collections.abc import Callable
from dataclasses import dataclass

from ..events import Listeners
from ..tokens.users import Users


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """The settings of `Interceptor` that concern its sessions, checked.

    `clock` gives wall-clock seconds. `leeway` is how many seconds before its end a token is renewed in the background.
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
