"""What a sending brought, and how a caller's own test (`should_renew`) looks at it.

Knows nothing of tokens. Of a transport's response it asks for `status` and `headers`; these it uses where they exist:

- `discard_body()`: the response's body will not be read. A plain function that returns at once. Until a body is read or
  discarded it holds its connection, of which a browser has six for each origin over HTTP/1.1.
- `clone()`: the response with a body of its own. `copy_for_judging()` goes before it: such a copy can be discarded, or
  its reading cancelled, without harm to the response.
- `redirected` and `url`: whether the response came from another URL than the one asked for, and from which.
"""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from .urls import Audience, ParseUrl

ShouldRenew = Callable[[Any], "bool | Awaitable[bool]"]
"""A caller's own test of a response, or of the OSError that came instead: was the token refused?"""

_HEAD: Final = frozenset({"status", "status_text", "ok", "headers", "url", "redirected", "type"})


def discard_body(outcome: Any) -> None:
    """Let go of a body that will not be read. Never raises, and does nothing where nothing can be discarded."""
    discard = getattr(outcome, "discard_body", None)
    if discard is not None:
        with suppress(Exception):  # the request goes on without this response
            discard()


@dataclass(frozen=True, slots=True)
class Judgement:
    """How the outcomes of one request are judged.

    `should_renew` is the app's own test, if it has one. `origin` is that of the request, `audience` is where the token
    may be sent, and `parse` reads the URLs of responses.
    """

    should_renew: ShouldRenew | None
    origin: str
    audience: Audience
    parse: ParseUrl

    @property
    def is_the_apps_own(self) -> bool:
        """Does the app's own test judge, which may differ from what the status says, and read bodies?"""
        return self.should_renew is not None

    async def rejects(self, outcome: Any) -> bool:
        """Does the app's own test say of this outcome, a response or an OSError, that the token was rejected?"""
        assert self.should_renew is not None, "without a test, a 401 says so"
        return await judge(self.should_renew, outcome)

    def came_from_elsewhere(self, outcome: Any) -> bool:
        """Did a redirect lead out of the audience, or to another origin, for which a browser takes the token off?"""
        if not getattr(outcome, "redirected", False):
            return False
        try:
            url = self.parse(outcome.url)
        except ValueError:
            return True
        return url.origin != self.origin or not self.audience.covers(url)


async def judge(should_renew: ShouldRenew, outcome: Any) -> bool:
    """The verdict of a caller's own test: was the token refused?

    The test gets the response itself, unless that can be cloned: then it gets a `JudgedResponse`.
    """
    judged = JudgedResponse(outcome) if hasattr(outcome, "clone") else outcome
    try:
        verdict = should_renew(judged)
        return bool(await verdict if inspect.isawaitable(verdict) else verdict)
    finally:
        if judged is not outcome:
            judged._end()


class JudgedResponse:
    """A response as `should_renew` sees it: with the head as it is, and with a copy of the body.

    The copy is made when something other than the head is first asked for, so that a test that looks at the head alone
    costs nothing and waits for nothing. It is discarded once the verdict is there.
    """

    __slots__ = ("_copy", "_ended", "_response")

    def __init__(self, response: Any) -> None:
        self._response = response
        self._copy: Any = None
        self._ended = False

    @property  # type: ignore[misc]  # so that isinstance() knows the transport's own class
    def __class__(self) -> Any:
        return self._response.__class__

    def __getattr__(self, name: str) -> Any:
        if name in _HEAD:
            return getattr(self._response, name)
        if self._copy is None:
            if self._ended:
                raise RuntimeError("should_renew has answered: read the body of the response that the caller got")
            copied = getattr(self._response, "copy_for_judging", None) or self._response.clone
            self._copy = copied()
        return getattr(self._copy, name)

    def __repr__(self) -> str:
        return repr(self._response)

    def _end(self) -> None:
        """The verdict is there: what was not read of the copy is let go."""
        self._ended = True
        discard_body(self._copy)
