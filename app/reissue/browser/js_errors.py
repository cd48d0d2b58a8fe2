"""This library's errors, as JavaScript gets them."""

import asyncio
from typing import Any

from js import DOMException, Error
from pyodide.ffi import to_js

from ..errors import RefreshUnavailable, SessionEnded, StepUpRequired


def js_error(error: BaseException) -> Any:
    """An `Error` with the name of this one, and with what a script may want to know of it."""
    if isinstance(error, asyncio.CancelledError):
        return DOMException.new("The request was cancelled.", "AbortError")
    found = Error.new(str(error))
    found.name = type(error).__name__
    if isinstance(error, SessionEnded):
        found.reason = error.reason
    if isinstance(error, RefreshUnavailable):
        found.retryAfter = error.retry_after  # s
    if isinstance(error, StepUpRequired):
        found.acrValues = to_js(error.acr_values)
        found.maxAge = error.max_age  # s
    return found
