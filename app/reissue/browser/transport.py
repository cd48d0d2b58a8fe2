"""One request over the browser's fetch.

Pyodide calls every failure of fetch `AbortError`, a refused connection too: here they get their own names again.
"""

from typing import Any

from pyodide.ffi import JsException
from pyodide.http import AbortError, FetchResponse, pyfetch

from ..errors import NetworkError, RequestAborted
from ..messages import Request


async def send(request: Request) -> FetchResponse:
    """Send a request, and give the response once its head is here.

    Cancelling the task aborts the request on the wire (pyfetch does). Raises NetworkError if no answer came,
    RequestAborted if the caller's signal fired, ValueError if the browser won't send such a request.
    """
    options: dict[str, Any] = dict(request.options)
    signal = options.pop("signal", None)
    if request.body is not None:
        options["body"] = request.body
    try:
        return await pyfetch(
            request.url,
            method=request.method,
            headers=dict(request.headers),
            signal=signal.js_signal if signal is not None else None,
            **options,
        )
    except AbortError as error:
        if signal is not None and signal.aborted:
            raise RequestAborted from None
        raise NetworkError(f"no answer to {request.method} {request.shown_url}: {error}") from error
    except (
        JsException
    ) as error:  # from `new Request(…)`: nothing was sent. Its text may quote the URL with its secrets.
        raise ValueError(f"the browser refuses to send {request.method} {request.shown_url}: {error.name}") from None
