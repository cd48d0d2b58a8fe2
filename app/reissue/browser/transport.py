"""One request over the browser's fetch.

Pyodide calls every failure of fetch `AbortError`, a refused connection too: here they get their own names again.
"""

from typing import Any

from pyodide.ffi import JsException, JsProxy
from pyodide.http import AbortError, FetchResponse, pyfetch

from ..blocking import must_block_within
from ..errors import NetworkError, RequestAborted
from ..messages import Request, Response
from .gate import native_fetch
from .xhr import send_at_once


async def send(request: Request) -> FetchResponse | Response:
    """Send a request, and give the response once its head is here.

    Cancelling the task aborts the request on the wire (pyfetch does). Raises NetworkError if no answer came,
    RequestAborted if the caller's signal fired, ValueError if the browser won't send such a request, TypeError for a
    body that is a Python object: fetch would send its `str()`.
    """
    if (deadline := must_block_within()) is not None:
        return send_at_once(request, deadline=deadline)
    options: dict[str, Any] = dict(request.options)
    source, signal = options.pop("source", None), options.pop("signal", None)
    if signal is not None:
        options["signal"] = signal.js_signal
    if source is None:
        asked: Any = request.url
        options |= {"method": request.method, "headers": dict(request.headers)}
        if request.body is not None:
            if not isinstance(request.body, (str, bytes, JsProxy)):
                kind = type(request.body).__name__
                raise TypeError(f"in a page a body is text, bytes or a JavaScript object (FormData, Blob), not {kind}")
            options["body"] = request.body
    else:
        asked = source.clone() if request.replayable else source  # sending uses the body up
        for name, value in request.headers.items():
            asked.headers.set(name, value)
    try:
        return await pyfetch(asked, fetcher=native_fetch(), **options)
    except AbortError as error:
        if signal is not None and signal.aborted:
            raise RequestAborted from None
        raise NetworkError(f"no answer to {request.method} {request.shown_url}: {error}") from error
    except JsException as error:
        # From `new Request(…)`: nothing was sent. Its text may quote the URL with its secrets.
        raise ValueError(f"the browser refuses to send {request.method} {request.shown_url}: {error.name}") from None
