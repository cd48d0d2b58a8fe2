"""One request of the app's endpoint by synchronous XMLHttpRequest: the call returns with the answer.

The page is frozen meanwhile. Only for callers that can't await: see `blocking`.
"""

from pyodide.ffi import JsException, to_js

from ..errors import NetworkError
from ..http.messages import Request, Response
from .no_answer import no_answer
from .urls import IN_WORKER
from .xhr_fields import response_fields
from .xhr_gate import ungated


def send_at_once(request: Request, *, deadline: float) -> Response:
    """Send a request, and give its whole response. `deadline` (seconds) counts in workers only: pages can't set one.

    Raises NetworkError if no answer came, or if it came by a redirect, which XMLHttpRequest can't prevent.
    """
    call = ungated()
    call.open(request.method, request.url, False)
    call.withCredentials = request.options.get("credentials") == "include"
    if IN_WORKER:
        call.timeout = int(deadline * 1000)
    for name, value in request.headers.items():
        call.setRequestHeader(name, value)
    try:
        call.send(to_js(request.body))
    except JsException as error:
        raise no_answer(request, error.name) from error
    if call.responseURL != request.url:
        raise NetworkError(f"{request.method} {request.shown_url} was redirected: give the endpoint's final URL")
    return Response(call.status, response_fields(call.getAllResponseHeaders()), str(call.responseText).encode())
