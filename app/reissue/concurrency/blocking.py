"""What a synchronous caller may do where Python can't be suspended: nothing that waits.

There, neither an answer on its way nor a lock that another tab releases can arrive before the caller returns. A token
that has not expired is sent. An expired one is refreshed by a blocking call, if no other call or tab can be presenting
the refresh token meanwhile.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

StartEagerly = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]
"""Makes a task, and runs it up to its first wait before it returns the task."""

_deadline: ContextVar[float | None] = ContextVar("reissue_blocking_deadline", default=None)


def obstacle(*, refreshing: bool, calling: bool, shared: bool, over_transport: bool, sends_a_token: bool) -> str | None:
    """Why a refresh is impossible within a synchronous call; None if it is possible.

    `refreshing`: a refresh is on its way. `calling`: another call to the endpoint is. `shared`: other tabs may refresh.
    `over_transport`: the endpoint is called over this client's transport, not by a coroutine function of the app's.
    `sends_a_token`: the refresh would carry a token that the page holds, in its body or in a header field.
    """
    if refreshing:
        return "a refresh is on its way, and can't end while this call blocks: await api.renew() first"
    if calling:
        return "a call to the endpoint is on its way, and can't end while this call blocks: await it first"
    if not over_transport:
        return "the endpoint is a coroutine function, and can't run while this call blocks: await api.renew() first"
    if shared:
        return (
            "other tabs share this session, and the lock for refreshes can't be waited for while this call blocks: "
            "await api.renew() first, or connect(…, tabs=False)"
        )
    if sends_a_token:
        return "the token would follow a redirect, which a blocking call can't prevent: await api.renew() first"
    return None


@contextmanager
def at_once(deadline: float) -> Iterator[None]:
    """Make the transport block, rather than await, in this `with` block and in tasks that are started in it.

    `deadline` (seconds) bounds one call.
    """
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def must_block_within() -> float | None:
    """The seconds within which the transport must return with the answer, blocking; None if it may await."""
    return _deadline.get()
