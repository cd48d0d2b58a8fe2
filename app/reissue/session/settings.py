"""What the sessions of one client have in common."""

from collections.abc import Callable
from dataclasses import dataclass

from ..events import Listeners
from ..tokens.users import Users


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """The settings of `Interceptor` that concern its sessions, checked.

    `clock` gives wall-clock seconds. `leeway` is how many seconds before its end a token is renewed behind the
    requests' backs. `deadline` (seconds) bounds one call to the endpoint. `grace` is for how many seconds after its
    sending a refresh whose answer was lost may be sent again (F6); 0 for never. `users` compares whose tokens are
    whose. `listeners` get the events.
    """

    clock: Callable[[], float]
    leeway: float
    deadline: float
    grace: float
    users: Users
    listeners: Listeners
