"""How a client shows itself: in a traceback, and as the value of a notebook's cell."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..session.lifecycle import State

if TYPE_CHECKING:
    from ..interceptor import Inherited
    from ..sending.sender import Sender


class Displayed:
    """A part of `Interceptor`: its `repr`, and what a notebook shows of it."""

    _clock: Callable[[], float]
    _inherited: "Inherited"
    _sender: "Sender"

    @property
    @abstractmethod
    def state(self) -> State:
        """As `Interceptor.state`."""

    @property
    @abstractmethod
    def claims(self) -> Mapping[str, Any]:
        """As `Interceptor.claims`."""

    @property
    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """As `Interceptor.identity`."""

    @property
    @abstractmethod
    def expires_in(self) -> float | None:
        """As `Interceptor.expires_in`."""

    def __repr__(self) -> str:
        left = self.expires_in
        life = "" if left is None else f", access token valid for {left:.0f} s" if left else ", access token expired"
        return f"<reissue client of {self._sender.rules.audience}: {self.state.value.replace('_', ' ')}{life}>"

    @property
    def _user(self) -> str:
        """What to call the user; empty if nothing says so."""
        from .summary import name_of

        return name_of(self.identity, self.claims, claim=self._inherited["user_claim"])

    def _repr_html_(self) -> str:
        """What a notebook shows: state, user, time left and the last requests, at this moment, without any secret."""
        from .summary import Summary  # here, since most pages are no notebooks

        return Summary(
            audience=str(self._sender.rules.audience),
            state=self.state,
            user=self._user,
            expires_in=self.expires_in,
            recent=tuple(self._sender.recent),
            now=self._clock(),
        ).html()
