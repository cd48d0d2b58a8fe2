"""reissue keeps Python in the browser signed in.

It wraps `fetch` in an interceptor: every request to your API carries the access token. When the token has expired or
was rejected, exactly one refresh runs, the other requests wait for it, and each rejected request is replayed with the
new token.

    import reissue

    api = reissue.connect("/api/", endpoint=reissue.Endpoint("/auth"))
    await api.sign_in(username="ada", password=secret)
    response = await api.fetch("/api/notes", method="POST", json={"text": "hi"})

docs/how-it-works.md follows one request through the files. A code in a comment, such as (Q23), is a line of
docs/contract.md, which names the test that holds it.
"""

import sys

if sys.implementation.name == "micropython":  # it would fail at the first import that it lacks, and say that only
    raise ImportError('reissue needs Pyodide, and this is MicroPython: say type="py" in place of type="mpy"')

from .endpoint import Endpoint
from .entry import connect, cookie, inspect, sign_in_widget
from .errors import (
    EventStreamError,
    GrantRefused,
    HttpStatusError,
    MalformedToken,
    NetworkError,
    PopupBlocked,
    RefreshUnavailable,
    ReissueError,
    RequestAborted,
    SessionChanged,
    SessionEnded,
    SignOutRefused,
    StepUpRequired,
    WouldBlock,
)
from .events import (
    AudienceEvent,
    AudiencePhase,
    CookieEvent,
    CookiePhase,
    EndpointEvent,
    EndpointPhase,
    Event,
    MissedEvents,
    RefreshEvent,
    RefreshPhase,
    RequestEvent,
    RequestPhase,
    SessionEvent,
    SessionPhase,
    SignOutEvent,
    SignOutPhase,
    StoreEvent,
    StorePhase,
    WaitsFor,
)
from .http.challenges import StepUp
from .http.messages import Headers, Request, Response
from .http.progress import Progress
from .interceptor import Interceptor
from .oauth2.custom_source import CustomEndpoint
from .oauth2.routes import Route
from .session.lifecycle import State
from .streams.event import ServerSentEvent
from .tokens.claims import unverified_claims
from .tokens.credentials import Credential

__all__ = [
    "AudienceEvent",
    "AudiencePhase",
    "CookieEvent",
    "CookiePhase",
    "Credential",
    "CustomEndpoint",
    "Endpoint",
    "EndpointEvent",
    "EndpointPhase",
    "Event",
    "EventStreamError",
    "GrantRefused",
    "Headers",
    "HttpStatusError",
    "Interceptor",
    "MalformedToken",
    "MissedEvents",
    "NetworkError",
    "PopupBlocked",
    "Progress",
    "RefreshEvent",
    "RefreshPhase",
    "RefreshUnavailable",
    "ReissueError",
    "Request",
    "RequestAborted",
    "RequestEvent",
    "RequestPhase",
    "Response",
    "Route",
    "ServerSentEvent",
    "SessionChanged",
    "SessionEnded",
    "SessionEvent",
    "SessionPhase",
    "SignOutEvent",
    "SignOutPhase",
    "SignOutRefused",
    "State",
    "StepUp",
    "StepUpRequired",
    "StoreEvent",
    "StorePhase",
    "WaitsFor",
    "WouldBlock",
    "connect",
    "cookie",
    "inspect",
    "sign_in_widget",
    "unverified_claims",
]
