"""The outcome of an attempt, a response or an OSError, and how the app's own test (`should_renew`) judges it.

A transport's response must have `status` and `headers`; these are used if they exist:

- `discard_body()`: the response's body will not be read. A plain function that returns at once. Until a body is read or
  discarded it holds its connection, of which a browser has six for each origin over HTTP/1.1.
- `clone()`: a copy of the response, with a body of its own. `copy_for_judging()` is preferred: its copy can be
  discarded, or its reading cancelled, without harm to the response.
- `redirected` and `url`: whether the response came from another URL than the requested one, and from which.
"""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from .urls import Audience, ParseUrl

ShouldRenew = Callable[[Any], "bool | Awaitable[bool]"]
"""The app's own test of a response, or of the OSError in its place: was the token rejected?"""

_HEAD: Final = frozenset({"status", "status_text", "ok", "headers", "url", "redirected", "type"})


def field_of(response: Any, name: str) -> str | None:
    """A header field of a transport's response, by its name in any case; None without it, and for an OSError."""
    headers: Any = getattr(response, "headers", None)
    items = headers.items() if hasattr(headers, "items") else ()
    values = [value for key, value in items if key.lower() == name.lower()]
    return ", ".join(values) if values else None


def discard_body(outcome: Any) -> None:
    """Discard a body that will not be read. Never raises, and does nothing if the outcome can't discard it."""
    discard = getattr(outcome, "discard_body", None)
    if discard is not None:
        with suppress(Exception):  # the request goes on without this response
            discard()


class Judgement(NamedTuple):
    """How the outcomes of one request are judged.

    `should_renew` is the app's own test, if it has one: it may disagree with the status, and read bodies. `origin` is
    that of the request, `audience` is where the token may be sent, and `parse` reads the URLs of responses.
    """

    should_renew: ShouldRenew | None
    origin: str
    audience: Audience
    parse: ParseUrl

    async def rejects(self, outcome: Any) -> bool:
        """Does the app's own test say of this outcome, a response or an OSError, that the token was rejected?"""
        assert self.should_renew is not None, "only asked if the app has a test"
        return await judge(self.should_renew, outcome)

    def came_from_elsewhere(self, outcome: Any) -> bool:
        """Did a redirect lead out of the audience, or to another origin, to which a browser sends no token?"""
        if not getattr(outcome, "redirected", False):
            return False
        try:
            url = self.parse(outcome.url)
        except ValueError:
            return True
        return url.origin != self.origin or not self.audience.covers(url)


async def judge(should_renew: ShouldRenew, outcome: Any) -> bool:
    """The verdict of the app's own test: was the token rejected?

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
    """A response as `should_renew` sees it: with the response's own head, and with a copy of the body.

    The copy is made when something other than the head is first used, so that a test that reads the head alone costs
    nothing and waits for nothing. The copy is discarded once the verdict is there.
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
                raise RuntimeError(
                    "should_renew has answered, and its copy of the response is gone: read the response of fetch()"
                )
            copied = getattr(self._response, "copy_for_judging", None) or self._response.clone
            self._copy = copied()
        return getattr(self._copy, name)

    def __repr__(self) -> str:
        return repr(self._response)

    def _end(self) -> None:
        """The verdict is there: discard what was not read of the copy."""
        self._ended = True
        discard_body(self._copy)
