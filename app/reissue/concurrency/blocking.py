"""What a synchronous caller may do where Python can't be suspended: nothing that waits.

There, neither an answer on its way nor another page's lock can arrive before the caller returns. A token that lives is
sent; one that doesn't is renewed by a call that blocks, if nobody else can be presenting the refresh token meanwhile.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

StartEagerly = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]
"""Makes a task that has run up to where it first waits, when it is given back."""

_deadline: ContextVar[float | None] = ContextVar("reissue_blocking_deadline", default=None)


def obstacle(*, refreshing: bool, calling: bool, shared: bool, over_transport: bool, in_body: bool) -> str | None:
    """Why a refresh can't be made within a call; None if it can.

    `refreshing`: one is on its way. `calling`: another call to the endpoint is. `shared`: other pages may refresh.
    `over_transport`: the endpoint is called over this client's transport, not by a coroutine function of the app's.
    `in_body`: the page holds the refresh token, and would send it in a body.
    """
    if refreshing:
        return "a refresh is on its way, and can't arrive while this call blocks: await api.renew() first"
    if calling:
        return "a call to the endpoint is on its way, and can't end while this call blocks: await it first"
    if not over_transport:
        return "the endpoint is a coroutine function, and can't run while this call blocks: await api.renew() first"
    if shared:
        return (
            "other tabs share this session, and a tab's turn to refresh can't be waited for while this call blocks: "
            "await api.renew() first, or connect(…, tabs=False)"
        )
    if in_body:
        return (
            "the refresh token would follow a redirect, which a call that blocks can't forbid: await api.renew() first"
        )
    return None


@contextmanager
def at_once(deadline: float) -> Iterator[None]:
    """Let the transport block, rather than wait, in this block and in tasks that are started in it.

    `deadline` (seconds) is for one call.
    """
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def must_block_within() -> float | None:
    """The seconds in which the transport must have its answer before it returns; None if it may wait for it."""
    return _deadline.get()
